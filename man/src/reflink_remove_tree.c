/* Removes the directory argv[1] with all that is in it. */
#include <inttypes.h>
#include <libreflink.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct reflink_tree_options options = REFLINK_TREE_OPTIONS_INIT;
    struct reflink_tree_result result = REFLINK_TREE_RESULT_INIT;
    char failed[256] = "";
    int code;

    if (argc != 2)
        return 2;
    options.failed_path = failed;
    options.failed_path_size = sizeof(failed);
    code = reflink_remove_tree(argv[1], &options, &result);
    if (code < 0) {
        fprintf(stderr, "%s: %s (entry: \"%s\")\n", argv[1],
                reflink_strerror(code), failed);
        return 1;
    }
    printf("%" PRIu64 " files removed\n", result.files);
    return 0;
}
