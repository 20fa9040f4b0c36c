/* Compares the header that was compiled in with the library that is
 * loaded. */
#include <libreflink.h>
#include <stdio.h>

int main(void)
{
    if (reflink_version_number() < REFLINK_VERSION_NUMBER)
        printf("made with the header of %d.%d.%d, running with %s\n",
               REFLINK_VERSION_MAJOR, REFLINK_VERSION_MINOR,
               REFLINK_VERSION_PATCH, reflink_version_string());
    return 0;
}
