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
    code = reflink_copy_tree_at(AT_FDCWD, argv[3], dir, argv[2],
                                &options, &result);
    close(dir);
    if (code < 0)
        fprintf(stderr, "%s: %s\n", argv[2], reflink_strerror(code));
    if (result.flags & REFLINK_LITTER)
        printf("the old one is %s/%s\n", argv[1], result.litter);
    return code < 0;
}
