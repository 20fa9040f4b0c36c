/* Asks whether files can be cloned inside the directory argv[1]. */
#include <inttypes.h>
#include <libreflink.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct reflink_capability capability = REFLINK_CAPABILITY_INIT;
    int code =
        reflink_probe(NULL, argc > 1 ? argv[1] : ".", &capability);

    if (code < 0) {
        fprintf(stderr, "%s\n", reflink_strerror(code));
        return 1;
    }
    if (capability.clone == 1)
        printf("%s: clones, in blocks of %" PRIu64 " bytes\n",
               capability.fs_name, capability.granularity);
    else
        printf("%s: %s (%s)\n", capability.fs_name,
               capability.clone == 0 ? "no clones" : "unknown",
               reflink_err_name(capability.clone_error));
    return 0;
}
