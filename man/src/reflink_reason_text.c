/* Says whether files can be cloned into argv[1], and why not. */
#include <libreflink.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct reflink_capability capability = REFLINK_CAPABILITY_INIT;

    if (argc != 2)
        return 2;
    if (reflink_probe(NULL, argv[1], &capability) < 0)
        return 1;
    if (capability.clone == 1)
        puts("yes");
    else
        printf("%s: %s\n", capability.clone == 0 ? "no" : "unknown",
               reflink_reason_text(capability.reason));
    return 0;
}
