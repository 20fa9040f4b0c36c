/* Says which library is loaded. */
#include <libreflink.h>
#include <stdio.h>

int main(void)
{
    printf("libreflink %s\n", reflink_version_string());
    return 0;
}
