/* Copies argv[1] to argv[2], and says how. */
#include <libreflink.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct reflink_result result = REFLINK_RESULT_INIT;

    if (argc != 3)
        return 2;
    if (reflink_copy_file(argv[1], argv[2], NULL, &result) < 0)
        return 1;
    printf("%s: %s\n", argv[2], reflink_method_text(result.method));
    return 0;
}
