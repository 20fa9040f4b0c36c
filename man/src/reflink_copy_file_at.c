/* Clones or copies argv[2] of directory argv[1] into directory argv[3],
 * and has it on the device before it says so. */
#include <fcntl.h>
#include <libreflink.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    int from, to, code;

    if (argc != 4)
        return 2;
    from = open(argv[1], O_RDONLY);
    to = open(argv[3], O_RDONLY);
    options.durability = REFLINK_DURABLE;
    options.preserve = REFLINK_PRESERVE_TIMES;
    code = reflink_copy_file_at(from, argv[2], to, argv[2], &options,
                                NULL);
    if (code < 0)
        fprintf(stderr, "%s: %s\n", argv[2], reflink_strerror(code));
    close(from);
    close(to);
    return code < 0;
}
