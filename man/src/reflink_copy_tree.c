/* Clones or copies the directory argv[1] to argv[2], with two threads
 * and without what is called "build", and says what it shares. */
#include <inttypes.h>
#include <libreflink.h>
#include <stdio.h>
#include <string.h>

static int without_build(void *user,
                         const struct reflink_tree_entry *entry)
{
    (void)user;
    return strcmp(entry->name, "build") == 0 ? REFLINK_LEAVE_OUT
                                             : REFLINK_TAKE;
}

int main(int argc, char **argv)
{
    struct reflink_tree_options options = REFLINK_TREE_OPTIONS_INIT;
    struct reflink_tree_result result = REFLINK_TREE_RESULT_INIT;
    char failed[256] = "", line[1024];
    int code;

    if (argc != 3)
        return 2;
    options.preserve = REFLINK_PRESERVE_TIMES;
    options.filter = without_build;
    options.threads = 2;
    options.failed_path = failed;
    options.failed_path_size = sizeof(failed);
    code = reflink_copy_tree(argv[1], argv[2], &options, &result);
    if (code < 0) {
        reflink_describe(code, result.step, result.flags, argv[1],
                         argv[2], line, sizeof(line));
        fprintf(stderr, "%s (entry: \"%s\")\n", line, failed);
        return 1;
    }
    printf("%" PRIu64 " files, %" PRIu64 " of them cloned, %" PRIu64
           " bytes shared\n",
           result.files, result.files_cloned, result.bytes_cloned);
    return 0;
}
