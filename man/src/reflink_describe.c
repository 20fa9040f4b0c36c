/* Copies argv[1] to argv[2], and says in one line what failed. */
#include <libreflink.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    char line[1024];
    int code;

    if (argc != 3)
        return 2;
    code = reflink_copy_file(argv[1], argv[2], NULL, &result);
    if (code < 0) {
        reflink_describe(code, result.step, result.flags, argv[1],
                         argv[2], line, sizeof line);
        fprintf(stderr, "%s\n", line);
        return 1;
    }
    return 0;
}
