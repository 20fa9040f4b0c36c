/* Says how many bytes of the file argv[1] are shared. */
#include <fcntl.h>
#include <inttypes.h>
#include <libreflink.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct reflink_extents_result result = REFLINK_EXTENTS_RESULT_INIT;
    int fd = open(argc > 1 ? argv[1] : "file", O_RDONLY);
    int code = fd < 0 ? -1
                      : reflink_extents(fd, 0, REFLINK_TO_EOF, 0,
                                        &result, NULL, NULL);

    if (fd >= 0)
        close(fd);
    if (code < 0) {
        fprintf(stderr, "cannot look at the file\n");
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
