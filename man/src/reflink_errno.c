/* A function in the manners of POSIX: -1, and errno says why. */
#include <errno.h>
#include <libreflink.h>
#include <stdio.h>

static int clone_file(const char *src, const char *dst)
{
    int code = reflink_copy_file(src, dst, NULL, NULL);

    if (code < 0) {
        errno = reflink_errno(code);
        return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    if (clone_file(argv[1], argv[2]) < 0) {
        perror(argv[0]);
        return 1;
    }
    return 0;
}
