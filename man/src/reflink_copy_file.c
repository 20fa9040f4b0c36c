/* Copies argv[1] to argv[2], as a clone where that can be, and says
 * which it was. */
#include <inttypes.h>
#include <libreflink.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    char line[1024];
    int code;

    if (argc != 3)
        return 2;
    options.if_exists = REFLINK_REPLACE;
    code = reflink_copy_file(argv[1], argv[2], &options, &result);
    if (code < 0) {
        reflink_describe(code, result.step, result.flags, argv[1],
                         argv[2], line, sizeof line);
        fprintf(stderr, "%s\n", line);
        return 1;
    }
    printf("%" PRIu64 " bytes shared, %" PRIu64 " copied, %" PRIu64
           " left as holes\n",
           result.bytes_cloned, result.bytes_copied, result.bytes_hole);
    return 0;
}
