/* Asks whether the file argv[1] can be cloned into the directory
 * argv[2]. */
#include <fcntl.h>
#include <libreflink.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct reflink_capability capability = REFLINK_CAPABILITY_INIT;
    int file, directory, code;

    if (argc != 3)
        return 2;
    file = open(argv[1], O_RDONLY);
    directory = open(argv[2], O_RDONLY);
    code = reflink_probe_fd(file, directory, &capability);
    if (code < 0)
        fprintf(stderr, "%s\n", reflink_strerror(code));
    else
        puts(capability.clone == 1   ? "yes"
             : capability.clone == 0 ? "no"
                                     : "unknown");
    close(file);
    close(directory);
    return code < 0;
}
