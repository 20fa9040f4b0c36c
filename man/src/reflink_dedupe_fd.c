/* Makes argv[2] share the blocks of argv[1] where both hold the same
 * bytes. */
#include <fcntl.h>
#include <inttypes.h>
#include <libreflink.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct reflink_dedupe_result result = REFLINK_DEDUPE_RESULT_INIT;
    int from, to, code;

    if (argc != 3)
        return 2;
    from = open(argv[1], O_RDONLY);
    to = open(argv[2], O_RDONLY);
    if (from < 0 || to < 0) {
        perror(from < 0 ? argv[1] : argv[2]);
        return 1;
    }
    code = reflink_dedupe_fd(from, to, NULL, &result);
    if (code < 0)
        fprintf(stderr, "%s: %s\n", argv[2], reflink_strerror(code));
    else if (result.first_difference < result.length)
        printf("they differ at byte %" PRIu64 "\n",
               result.first_difference);
    else
        printf("%" PRIu64 " bytes shared now\n", result.bytes_deduped);
    close(from);
    close(to);
    return code < 0;
}
