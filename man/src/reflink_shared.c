/* Says whether the files argv[1] and argv[2] share all their data. */
#include <fcntl.h>
#include <libreflink.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static const char *const words[] = {"unknown", "nothing", "a part",
                                        "everything"};
    struct reflink_shared_result result = REFLINK_SHARED_RESULT_INIT;
    int a, b, code;

    if (argc != 3)
        return 2;
    a = open(argv[1], O_RDONLY);
    b = open(argv[2], O_RDONLY);
    if (a < 0 || b < 0) {
        perror(a < 0 ? argv[1] : argv[2]);
        return 2;
    }
    code = reflink_shared(a, 0, b, 0, REFLINK_TO_EOF, 0, &result);
    close(a);
    close(b);
    if (code < 0) {
        fprintf(stderr, "%s\n", reflink_strerror(code));
        return 2;
    }
    printf("shared: %s\n",
           result.verdict < 4 ? words[result.verdict] : "unknown");
    return result.verdict == REFLINK_SHARED_ALL ? 0 : 1;
}
