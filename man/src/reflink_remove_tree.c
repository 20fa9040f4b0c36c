/* Removes the directory argv[1] with all that is in it. */
#include <inttypes.h>
#include <libreflink.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct reflink_tree_result result = REFLINK_TREE_RESULT_INIT;
    int code;

    if (argc != 2)
        return 2;
    code = reflink_remove_tree(argv[1], NULL, &result);
    if (code < 0) {
        fprintf(stderr, "%s: %s\n", argv[1], reflink_strerror(code));
        return 1;
    }
    printf("%" PRIu64 " files removed\n", result.files);
    return 0;
}
