/* Makes argv[2], which must exist, equal to argv[1], and gives up
 * rather than copy. */
#include <fcntl.h>
#include <libreflink.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    int from, to, code;

    if (argc != 3)
        return 2;
    from = open(argv[1], O_RDONLY);
    to = open(argv[2], O_WRONLY);
    options.mode = REFLINK_ALWAYS;
    code = reflink_copy_fd(from, to, &options, NULL);
    if (code < 0)
        fprintf(stderr, "%s: %s\n", argv[2], reflink_strerror(code));
    close(from);
    close(to);
    return code < 0;
}
