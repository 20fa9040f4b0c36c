/* Says what went wrong, and at which step. */
#include <libreflink.h>
#include <stdio.h>

int main(void)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    int code =
        reflink_copy_file("/nonexistent", "/tmp/copy", NULL, &result);

    if (code < 0)
        printf("step %u: %s\n", (unsigned)result.step,
               reflink_strerror(code));
    return 0;
}
