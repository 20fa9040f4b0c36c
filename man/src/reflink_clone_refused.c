/* Clones argv[1] to argv[2]. 3: no clone is possible, but a copy may
 * be; 1: it failed. */
#include <libreflink.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    int code;

    if (argc != 3)
        return 2;
    options.mode = REFLINK_ALWAYS;
    code = reflink_copy_file(argv[1], argv[2], &options, &result);
    if (reflink_clone_refused(code, result.step, result.reason)) {
        printf("not cloned: %s\n", reflink_reason_text(result.reason));
        return 3;
    }
    return code < 0 ? 1 : 0;
}
