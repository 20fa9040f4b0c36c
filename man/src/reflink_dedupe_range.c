/* Shares what is equal in the second MiB of two files, also between
 * blocks that differ. */
#include <fcntl.h>
#include <inttypes.h>
#include <libreflink.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct reflink_dedupe_options options = REFLINK_DEDUPE_OPTIONS_INIT;
    struct reflink_dedupe_result result = REFLINK_DEDUPE_RESULT_INIT;
    const uint64_t mebibyte = 1 << 20;
    int from, to, code;

    if (argc != 3)
        return 2;
    from = open(argv[1], O_RDONLY);
    to = open(argv[2], O_RDONLY);
    if (from < 0 || to < 0) {
        perror(from < 0 ? argv[1] : argv[2]);
        return 1;
    }
    options.flags = REFLINK_DEDUPE_CONTINUE;
    code = reflink_dedupe_range(from, mebibyte, to, mebibyte, mebibyte,
                                &options, &result);
    if (code < 0)
        fprintf(stderr, "%s: %s\n", argv[2], reflink_strerror(code));
    else
        printf("%" PRIu64 " bytes shared, %" PRIu64 " differ\n",
               result.bytes_deduped, result.bytes_different);
    close(from);
    close(to);
    return code < 0;
}
