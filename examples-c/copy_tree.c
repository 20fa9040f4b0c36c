/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * copy_tree: copies a directory with all that is in it, sharing the blocks of its files where the
 * file system can. The copy appears under its name when it is complete. Shows how to follow a long
 * call, to stop it from a signal handler, to leave entries out and to go on after failures. */

#define _POSIX_C_SOURCE   200809L
#define _DARWIN_C_SOURCE  1 /* O_NOFOLLOW, on macOS */
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libreflink.h>

#include "names.h"
#include "signals.h"
#include "sizes.h"

enum { DONE = 0, FAILED = 1, USAGE = 2, NOT_CLONEABLE = 3, INCOMPLETE = 4, UNPROVEN = 5 };

#define BAR_AFTER 0.5 /* seconds: a shorter copy shows no progress */
#define BAR_EVERY 0.1

/* What is left out, as in a .gitignore: "build/" is a directory, "/build" and "docs/build" are
 * paths from the root on, "build" is a name anywhere. Two asterisks and a slash in front: a path
 * from any directory on. */
struct pattern {
    const char *text; /* without the slashes at both ends, and those asterisks */
    bool of_paths;
    bool at_any_depth;
    bool of_directories;
};

/* Paths of the files that were cloned, for --prove. */
struct list {
    char **paths;
    size_t count;
    size_t room;
};

/* What the functions below are told to do. */
struct command {
    const char *source;
    const char *dest;
    struct pattern *excluded;
    size_t exclusions;
    bool quiet;
    bool verbose;
    bool proves;
    bool shows_progress;
    bool drawn;
    struct list cloned;
    double next;
    struct reflink_tree_options options;
};

static double now(void)
{
    struct timespec time = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- What the library calls ---- */

static int on_progress(void *user, const struct reflink_tree_progress *progress)
{
    struct command *command = user;
    const char *doing = progress->phase == REFLINK_PHASE_SYNC      ? "syncing"
                        : progress->phase == REFLINK_PHASE_CLEANUP ? "removing what is left"
                                                                   : "copying";
    char bytes[HUMAN_SIZE];
    double time = now();

    if (progress->phase == REFLINK_PHASE_CLEANUP && again)
        return 1; /* what is left has a name of its own, which the result tells */
    if (!command->shows_progress || time < command->next)
        return 0;
    command->next = time + BAR_EVERY;
    command->drawn = true;
    /* ESC [ K: to the end of the line, where the last text may have been longer. */
    fprintf(stderr, "\r%s: %" PRIu64 " of %" PRIu64 " entries seen so far, %s\033[K", doing,
            progress->entries_done, progress->entries_seen, human(progress->bytes_done, bytes));
    return 0;
}

static void erase(struct command *command)
{
    if (command->drawn)
        fputs("\r\033[K", stderr);
    command->drawn = false;
}

static bool matches(const struct pattern *pattern, const struct reflink_tree_entry *entry)
{
    const char *text = pattern->of_paths ? entry->path : entry->name;

    if (pattern->of_directories && entry->kind != REFLINK_ENTRY_DIRECTORY)
        return false;
    while (fnmatch(pattern->text, text, FNM_PATHNAME) != 0) {
        text = pattern->at_any_depth ? strchr(text, '/') : NULL;
        if (text == NULL)
            return false;
        text++;
    }
    return true;
}

static int on_filter(void *user, const struct reflink_tree_entry *entry)
{
    const struct command *command = user;

    for (size_t i = 0; i < command->exclusions; i++)
        if (matches(&command->excluded[i], entry))
            return REFLINK_LEAVE_OUT;
    return REFLINK_TAKE;
}

/* Where an entry is: ROOT/PATH, or ROOT where the path is empty. NULL if there is no memory. */
static char *below(const char *root, const char *path)
{
    size_t size = strlen(root) + 1 + strlen(path) + 1;
    char *name = malloc(size);

    if (name != NULL)
        snprintf(name, size, "%s%s%s", root, path[0] != '\0' ? "/" : "", path);
    return name;
}

/* The entry's names in both trees, and what went wrong. */
static void put_failed_entry(const struct command *command, const char *path, int code,
                             uint32_t step, uint32_t flags)
{
    char *source = below(command->source, path);
    char *dest = below(command->dest, path);

    put_failure("copy_tree", code, step, flags, source, dest);
    free(source);
    free(dest);
}

static int on_error(void *user, const struct reflink_tree_entry *entry)
{
    struct command *command = user;

    erase(command);
    put_failed_entry(command, entry->path, entry->code, entry->step, entry->flags);
    fputs(" (left out)\n", stderr);
    return REFLINK_SKIP;
}

static const char *method_in_words(const struct reflink_tree_entry *entry)
{
    if (entry->method == REFLINK_METHOD_NONE)
        return entry->bytes == 0 ? "empty" : "a further name of a file";
    return reflink_method_text(entry->method);
}

static bool append(struct list *list, const char *path)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 1024 : 2 * list->room;
        char **paths = realloc(list->paths, room * sizeof(*paths));

        if (paths == NULL)
            return false;
        list->paths = paths;
        list->room = room;
    }
    list->paths[list->count] = strdup(path);
    if (list->paths[list->count] == NULL)
        return false;
    list->count++;
    return true;
}

static int on_done(void *user, const struct reflink_tree_entry *entry)
{
    struct command *command = user;

    if (command->proves && entry->method == REFLINK_METHOD_CLONE && entry->bytes > 0 &&
        !append(&command->cloned, entry->path))
        return 1; /* no memory */
    if (!command->verbose)
        return 0;
    erase(command);
    put_name(entry->path, stdout);
    if (entry->kind == REFLINK_ENTRY_FILE)
        printf(": %s", method_in_words(entry));
    putchar('\n');
    return 0;
}

/* ---- What happened ---- */

static void print_count(uint64_t count, const char *one, const char *many)
{
    if (count > 0)
        printf("; %" PRIu64 " %s", count, count == 1 ? one : many);
}

static void print_bytes(uint64_t bytes, const char *what)
{
    char text[HUMAN_SIZE];

    if (bytes > 0)
        printf("; %s %s", human(bytes, text), what);
}

static void print_result(const struct command *command, const struct reflink_tree_result *result)
{
    put_name(command->dest, stdout);
    printf(": %" PRIu64 " %s", result->files, result->files == 1 ? "file" : "files");
    print_count(result->directories, "directory", "directories");
    print_count(result->hard_links, "hard link", "hard links");
    print_count(result->symlinks, "symbolic link", "symbolic links");
    print_count(result->specials, "special file", "special files");
    print_count(result->files_cloned, "file cloned", "files cloned");
    print_count(result->files_mixed, "cloned in part", "cloned in part");
    print_count(result->files_kernel_copied, "copied by the kernel, which may have shared blocks",
                "copied by the kernel, which may have shared blocks");
    print_count(result->files_copied, "copied", "copied");
    print_count(result->files_empty, "empty", "empty");
    print_bytes(result->bytes_cloned, "shared");
    print_bytes(result->bytes_copied, "copied");
    print_bytes(result->bytes_hole, "left as holes");
    if (result->reason != REFLINK_REASON_NONE)
        printf("; not all cloned because %s", reflink_reason_text(result->reason));
    print_count(result->entries_left_out, "entry excluded", "entries excluded");
    print_count(result->mounts_left_empty, "mount point left empty", "mount points left empty");
    print_count(result->entries_kept, "entry kept", "entries kept");
    print_count(result->entries_failed, "entry failed", "entries failed");
    print_count(result->entries_vanished, "removed meanwhile by others",
                "removed meanwhile by others");
    print_count(result->files_changed, "file changed while it was copied",
                "files changed while they were copied");
    if (result->flags & REFLINK_METADATA_INCOMPLETE)
        printf("; not all of the metadata could be set");
    putchar('\n');
}

/* ---- The proof ---- */

static int open_below(const char *root, const char *path)
{
    char *name = below(root, path);
    int fd = name != NULL ? open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;

    free(name);
    return fd;
}

/* Whether the file system says of the copy that all of it lies where the source lies. */
static bool proven(const struct command *command, const char *path)
{
    struct reflink_shared_result found = REFLINK_SHARED_RESULT_INIT;
    int source = open_below(command->source, path), dest = open_below(command->dest, path);
    int code = reflink_shared(source, 0, dest, 0, REFLINK_TO_EOF, 0, &found);

    if (source >= 0)
        close(source);
    if (dest >= 0)
        close(dest);
    return code == 0 && found.verdict == REFLINK_SHARED_ALL;
}

/* Of all files with data. One that was written to since, is compressed or lies on overlayfs cannot
 * be proven to share, nor one that Btrfs keeps in its metadata. */
static bool prove(const struct command *command, const struct reflink_tree_result *result)
{
    const struct list *cloned = &command->cloned;
    uint64_t with_data = result->files - result->files_empty, good = 0;

    for (size_t i = 0; i < cloned->count && !interrupted; i++) {
        if (proven(command, cloned->paths[i])) {
            good++;
        } else if (command->verbose) {
            put_name(cloned->paths[i], stdout);
            puts(": not proven");
        }
    }
    if (!command->quiet)
        printf("%" PRIu64 " of %" PRIu64
               " files with data are proven to share all of their blocks\n",
               good, with_data);
    return good == with_data;
}

/* ---- After a failure ---- */

/* What is under the name now, after a failure or a signal. */
static const char *state(const struct reflink_tree_result *result)
{
    if (result->flags & REFLINK_PUBLISHED)
        return "; the name has the new tree";
    if (result->flags & REFLINK_DESTINATION_CHANGED)
        return "; a part of the copy is there";
    return interrupted ? "; nothing has changed under that name" : "";
}

static void print_failure(const struct command *command, int code,
                          const struct reflink_tree_result *result, const char *failed_path)
{
    if (code == -ECANCELED && interrupted) {
        fputs("copy_tree: ", stderr);
        put_name(command->dest, stderr);
        fputs(": stopped by a signal", stderr);
    } else {
        put_failed_entry(command, failed_path, code, result->step, result->flags);
        fprintf(stderr, " (%s)", reflink_err_name(code));
        if (code == -EEXIST && command->options.if_exists == REFLINK_FAIL)
            fputs("; -f replaces it, -m merges", stderr);
    }
    fprintf(stderr, "%s\n", state(result));
}

static int exit_code(int code, const struct reflink_tree_result *result)
{
    if (code == 0)
        return result->entries_failed > 0 ? INCOMPLETE : DONE;
    return reflink_clone_refused(code, result->step, result->reason) ? NOT_CLONEABLE : FAILED;
}

/* ---- The command line ---- */

static const char help[] =
    "usage: copy_tree [OPTION]... SOURCE DEST\n"
    "Copies the directory SOURCE to the new name DEST, sharing blocks where it can.\n"
    "\n"
    "  -a, --always           clone every file, or fail and leave nothing\n"
    "  -n, --never            copy every byte, share nothing\n"
    "  -f, --replace          replace DEST, in one step, if it exists\n"
    "  -m, --merge            copy into DEST, if it exists, each entry in one step\n"
    "  -d, --durable          return when the copy will survive a power loss\n"
    "  -p, --preserve         keep times, owner, extended attributes and ACL as far as possible\n"
    "  -x, --one-file-system  leave mount points empty\n"
    "  -e, --exclude PATTERN  leave out what matches; may be repeated. *, ? and [...]\n"
    "                         match within a name. \"*.o\" is a name anywhere; \"/a\",\n"
    "                         \"./a\" and \"a/b\" are paths from SOURCE on, \"**/a/b\" is\n"
    "                         one from any directory on; \"a/\" is only a directory,\n"
    "                         \"a/**\" what is in it\n"
    "  -k, --keep-going       leave out entries that fail, and say so\n"
    "  -s, --prove            ask the file system whether every file shares its blocks\n"
    "  -t, --threads N        work with at most N threads\n"
    "  -v, --verbose          print each entry\n"
    "  -q, --quiet            print errors only\n"
    "  -h, --help             print this\n"
    "\n"
    "exit status: 0 done, 1 failed, 2 usage, 3 not cloneable (with --always), 4 entries are\n"
    "missing (with --keep-going), 5 not proven (with --prove). SIGHUP, SIGINT, SIGPIPE and\n"
    "SIGTERM end it when what was made is removed. A second Ctrl-C ends it at once, and it says\n"
    "what is left.\n";

static const struct option long_options[] = {
    {"always", no_argument, NULL, 'a'},
    {"never", no_argument, NULL, 'n'},
    {"replace", no_argument, NULL, 'f'},
    {"merge", no_argument, NULL, 'm'},
    {"durable", no_argument, NULL, 'd'},
    {"preserve", no_argument, NULL, 'p'},
    {"one-file-system", no_argument, NULL, 'x'},
    {"exclude", required_argument, NULL, 'e'},
    {"keep-going", no_argument, NULL, 'k'},
    {"prove", no_argument, NULL, 's'},
    {"threads", required_argument, NULL, 't'},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void usage(const char *why)
{
    if (why != NULL)
        fprintf(stderr, "copy_tree: %s\n", why);
    fputs("Try 'copy_tree --help'.\n", stderr);
    exit(USAGE);
}

static void choose(uint32_t *member, uint32_t value, const char *conflict)
{
    if (*member != 0 && *member != value)
        usage(conflict);
    *member = value;
}

static uint32_t number_of_threads(const char *text)
{
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number > UINT32_MAX)
        usage("--threads takes a number");
    return (uint32_t)number;
}

static struct pattern read_pattern(char *text)
{
    struct pattern pattern = {NULL, false, false, false};
    size_t length;

    if (strncmp(text, "./", 2) == 0)
        text++;
    length = strlen(text);
    while (length > 1 && text[length - 1] == '/') {
        text[--length] = '\0';
        pattern.of_directories = true;
    }
    pattern.of_paths = strchr(text, '/') != NULL;
    text += strspn(text, "/");
    while (strncmp(text, "**/", 3) == 0) {
        text += 3;
        pattern.at_any_depth = true;
    }
    if (text[0] == '\0')
        usage("--exclude takes a pattern");
    if (strstr(text, "**/") != NULL) /* fnmatch(3) would take it for one directory */
        usage("--exclude: \"**/\" can only begin a pattern");
    pattern.text = text;
    return pattern;
}

static void read_option(struct command *command, int letter)
{
    struct reflink_tree_options *options = &command->options;

    switch (letter) {
    case 'a':
        choose(&options->mode, REFLINK_ALWAYS, "--always and --never exclude each other");
        break;
    case 'n':
        choose(&options->mode, REFLINK_NEVER, "--always and --never exclude each other");
        break;
    case 'f':
        choose(&options->if_exists, REFLINK_REPLACE, "--replace and --merge exclude each other");
        break;
    case 'm':
        choose(&options->if_exists, REFLINK_MERGE, "--replace and --merge exclude each other");
        break;
    case 'd':
        options->durability = REFLINK_DURABLE;
        break;
    case 'p':
        /* Only root can give files away, and not every file system holds everything. */
        options->preserve = REFLINK_PRESERVE_TIMES | REFLINK_PRESERVE_OWNER |
                            REFLINK_PRESERVE_XATTRS | REFLINK_PRESERVE_ACL;
        options->flags |= REFLINK_BEST_EFFORT_METADATA;
        break;
    case 'x':
        options->flags |= REFLINK_TREE_ONE_MOUNT;
        break;
    case 'e':
        command->excluded[command->exclusions++] = read_pattern(optarg);
        options->filter = on_filter;
        break;
    case 'k':
        options->on_error = on_error;
        break;
    case 's':
        command->proves = true;
        options->on_done = on_done;
        break;
    case 't':
        options->threads = number_of_threads(optarg);
        break;
    case 'v':
        command->verbose = true;
        options->on_done = on_done;
        break;
    case 'q':
        command->quiet = true;
        break;
    case 'h':
        fputs(help, stdout);
        exit(all_printed("copy_tree") ? DONE : FAILED);
    default:
        usage(NULL); /* getopt has said what is wrong */
    }
}

int main(int argc, char **argv)
{
    static char failed_path[1 << 16]; /* a longer one is cut */
    struct command command = {.options = REFLINK_TREE_OPTIONS_INIT};
    struct reflink_tree_result result = REFLINK_TREE_RESULT_INIT;
    int letter, code, status;

    command.excluded = calloc((size_t)argc, sizeof(*command.excluded));
    if (command.excluded == NULL) {
        perror("copy_tree");
        return FAILED;
    }
    while ((letter = getopt_long(argc, argv, "anfmdpxe:kst:vqh", long_options, NULL)) != -1)
        read_option(&command, letter);
    if (argc - optind != 2)
        usage(argc - optind < 2 ? "SOURCE and DEST are needed" : "too many names");
    command.source = argv[optind];
    command.dest = argv[optind + 1];

    catch_signals();
    command.next = now() + BAR_AFTER;
    command.shows_progress = !command.quiet && isatty(STDERR_FILENO);
    command.options.progress = on_progress;
    command.options.user = &command;
    command.options.cancel = &interrupted;
    command.options.failed_path = failed_path;
    command.options.failed_path_size = sizeof(failed_path);

    code = reflink_copy_tree(command.source, command.dest, &command.options, &result);
    erase(&command);
    if (code < 0)
        print_failure(&command, code, &result, failed_path);
    else if (!command.quiet)
        print_result(&command, &result);
    if (result.flags & REFLINK_LITTER)
        fprintf(stderr, "copy_tree: %s is left beside it\n", result.litter);
    status = exit_code(code, &result);
    if (command.proves && code == 0 && !prove(&command, &result) && status == DONE)
        status = UNPROVEN;
    for (size_t i = 0; i < command.cloned.count; i++)
        free(command.cloned.paths[i]);
    free(command.cloned.paths);
    free(command.excluded);
    /* Who reads no more knows that it is not told all. */
    if (interrupted != SIGPIPE && !all_printed("copy_tree"))
        status = FAILED;
    if (interrupted)
        die_of(interrupted);
    return status;
}
