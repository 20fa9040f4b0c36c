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
    int a = open(argc > 2 ? argv[1] : "a", O_RDONLY);
    int b = open(argc > 2 ? argv[2] : "b", O_RDONLY);
    int code = reflink_shared(a, 0, b, 0, REFLINK_TO_EOF, 0, &result);

    if (a >= 0)
        close(a);
    if (b >= 0)
        close(b);
    if (code < 0) {
        fprintf(stderr, "%s\n", reflink_strerror(code));
        return 2;
    }
    printf("shared: %s\n",
           result.verdict < 4 ? words[result.verdict] : "unknown");
    return result.verdict == REFLINK_SHARED_ALL ? 0 : 1;
}
