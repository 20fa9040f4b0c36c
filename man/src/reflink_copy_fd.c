/* Makes argv[2], which must exist, equal to argv[1], and gives up
 * rather than copy. */
#include <fcntl.h>
#include <libreflink.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    char line[1024];
    int from, to, code;

    if (argc != 3)
        return 2;
    from = open(argv[1], O_RDONLY);
    to = open(argv[2], O_WRONLY);
    options.mode = REFLINK_ALWAYS;
    code = reflink_copy_fd(from, to, &options, &result);
    if (code < 0) {
        reflink_describe(code, result.step, result.flags, argv[1],
                         argv[2], line, sizeof line);
        fprintf(stderr, "%s\n", line);
    }
    close(from);
    close(to);
    return code < 0;
}
