/* Removes what it can of the directory argv[2] in directory argv[1],
 * and names what stays. */
#include <fcntl.h>
#include <libreflink.h>
#include <stdio.h>
#include <unistd.h>

static int stays(void *user, const struct reflink_tree_entry *entry)
{
    (void)user;
    fprintf(stderr, "%s: %s\n", entry->path,
            reflink_strerror(entry->code));
    return REFLINK_SKIP;
}

int main(int argc, char **argv)
{
    struct reflink_tree_options options = REFLINK_TREE_OPTIONS_INIT;
    struct reflink_tree_result result = REFLINK_TREE_RESULT_INIT;
    int dir, code;

    if (argc != 3)
        return 2;
    dir = open(argv[1], O_RDONLY | O_DIRECTORY);
    if (dir < 0) {
        perror(argv[1]);
        return 1;
    }
    options.on_error = stays;
    code = reflink_remove_tree_at(dir, argv[2], &options, &result);
    close(dir);
    if (code < 0)
        fprintf(stderr, "%s: %s\n", argv[2], reflink_strerror(code));
    return code < 0 || result.entries_failed > 0;
}
