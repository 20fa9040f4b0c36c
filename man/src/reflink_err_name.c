/* Names a code for a log. */
#include <libreflink.h>
#include <stdio.h>

int main(void)
{
    int code =
        reflink_copy_file("/nonexistent", "/tmp/copy", NULL, NULL);

    puts(reflink_err_name(code)); /* ENOENT */
    puts(reflink_err_name(
        REFLINK_ERR_OVERLAP)); /* REFLINK_ERR_OVERLAP */
    return 0;
}
