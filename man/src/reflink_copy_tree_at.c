/* Replaces the directory argv[2] of directory argv[1] by a copy of the
 * directory argv[3], in one step, and keeps the old one. */
#include <fcntl.h>
#include <libreflink.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct reflink_tree_options options = REFLINK_TREE_OPTIONS_INIT;
    struct reflink_tree_result result = REFLINK_TREE_RESULT_INIT;
    char failed[256] = "";
    int dir, code;

    if (argc != 4)
        return 2;
    dir = open(argv[1], O_RDONLY | O_DIRECTORY);
    if (dir < 0) {
        perror(argv[1]);
        return 1;
    }
    options.if_exists = REFLINK_REPLACE;
    options.flags = REFLINK_TREE_KEEP_REPLACED;
    options.failed_path = failed;
    options.failed_path_size = sizeof(failed);
    code = reflink_copy_tree_at(AT_FDCWD, argv[3], dir, argv[2],
                                &options, &result);
    close(dir);
    if (code < 0)
        fprintf(stderr, "%s: %s (entry: \"%s\")\n", argv[2],
                reflink_strerror(code), failed);
    if (result.flags & REFLINK_LITTER)
        printf("the %s one is %s/%s\n",
               result.flags & REFLINK_PUBLISHED ? "old" : "unfinished",
               argv[1], result.litter);
    return code < 0;
}
