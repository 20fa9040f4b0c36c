/* Says which library is loaded. */
#include <reflink.h>
#include <stdio.h>

int main(void)
{
    printf("libreflink %s\n", reflink_version_string());
    return 0;
}
