/* preserve_times SOURCE COPY: copies with the times preserved. A program with a wide enough
 * time_t checks them afterwards. */
#include "libreflink.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    int code;
    if (argc != 3)
        return 2;
    options.preserve = REFLINK_PRESERVE_TIMES;
    code = reflink_copy_file(argv[1], argv[2], &options, NULL);
    if (code < 0)
        fprintf(stderr, "%s: %s\n", argv[1], reflink_strerror(code));
    return code < 0;
}
