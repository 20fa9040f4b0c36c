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
    int dir, code;

    if (argc != 3)
        return 2;
    dir = open(argv[1], O_RDONLY | O_DIRECTORY);
    options.on_error = stays;
    code = reflink_remove_tree_at(dir, argv[2], &options, NULL);
    close(dir);
    return code < 0;
}
