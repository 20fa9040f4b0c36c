/* Appends the file argv[1] to argv[2]; the whole blocks are shared
 * where both ends fit. */
#include <fcntl.h>
#include <inttypes.h>
#include <libreflink.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    char line[1024];
    int from, to, code;
    off_t end;

    if (argc != 3)
        return 2;
    from = open(argv[1], O_RDONLY);
    to = open(argv[2], O_RDWR | O_CREAT, 0666);
    end = lseek(to, 0, SEEK_END);
    if (end < 0)
        return 1;
    code = reflink_copy_range(from, 0, to, (uint64_t)end,
                              REFLINK_TO_EOF, NULL, &result);
    if (code < 0) {
        reflink_describe(code, result.step, result.flags, argv[1],
                         argv[2], line, sizeof line);
        fprintf(stderr, "%s\n", line);
    } else {
        printf("%" PRIu64 " bytes shared, %" PRIu64 " copied\n",
               result.bytes_cloned, result.bytes_copied);
    }
    close(from);
    close(to);
    return code < 0;
}
