/* Says how many bytes of the file argv[1] are shared. */
#include <fcntl.h>
#include <inttypes.h>
#include <libreflink.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct reflink_extents_result result = REFLINK_EXTENTS_RESULT_INIT;
    int fd, code;

    if (argc != 2)
        return 2;
    fd = open(argv[1], O_RDONLY);
    if (fd < 0) {
        perror(argv[1]);
        return 1;
    }
    code =
        reflink_extents(fd, 0, REFLINK_TO_EOF, 0, &result, NULL, NULL);
    close(fd);
    if (code < 0) {
        fprintf(stderr, "%s: %s\n", argv[1], reflink_strerror(code));
        return 1;
    }
    if (result.reported == REFLINK_SHARING_KNOWN)
        printf("%" PRIu64 " of %" PRIu64 " bytes are shared\n",
               result.bytes_shared + result.bytes_encoded_shared,
               result.length);
    else
        printf("the file system does not say what is shared\n");
    return 0;
}
