/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * copy_tree: copies a directory with all that is in it, sharing the blocks of its files where the
 * file system can. The copy appears under its name when it is complete. Shows how to follow a long
 * call, to stop it from a signal handler, to leave entries out and to go on after failures. */

#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libreflink.h>

#include "sizes.h"

enum { DONE = 0, FAILED = 1, USAGE = 2, NOT_CLONEABLE = 3, INCOMPLETE = 4, CANCELLED = 130 };

#define BAR_AFTER 0.5 /* seconds: a shorter copy shows no progress */
#define BAR_EVERY 0.1

/* What the functions below are told to do. */
struct command {
    const char *source;
    const char *dest;
    const char **excluded; /* patterns */
    size_t exclusions;
    bool quiet;
    bool verbose;
    bool drawn;
    double next;
    struct reflink_tree_options options;
};

/* Set by the signal handler, read by the library between its steps. */
static volatile int interrupted;

static void on_interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

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

    if (time < command->next)
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

/* A pattern with a slash is one of paths, another one of names. */
static int on_filter(void *user, const struct reflink_tree_entry *entry)
{
    const struct command *command = user;

    for (size_t i = 0; i < command->exclusions; i++) {
        const char *pattern = command->excluded[i];
        const char *text = strchr(pattern, '/') ? entry->path : entry->name;

        if (fnmatch(pattern, text, FNM_PERIOD) == 0)
            return REFLINK_LEAVE_OUT;
    }
    return REFLINK_TAKE;
}

static int on_error(void *user, const struct reflink_tree_entry *entry)
{
    struct command *command = user;
    char line[1024];

    erase(command);
    reflink_describe(entry->code, entry->step, entry->flags, entry->path, entry->path, line,
                     sizeof(line));
    fprintf(stderr, "copy_tree: left out: %s\n", line);
    return REFLINK_SKIP;
}

static int on_done(void *user, const struct reflink_tree_entry *entry)
{
    struct command *command = user;

    erase(command);
    if (entry->kind == REFLINK_ENTRY_FILE)
        printf("%s: %s\n", entry->path, reflink_method_text(entry->method));
    else
        puts(entry->path);
    return 0;
}

/* ---- What happened ---- */

static void print_count(uint64_t count, const char *what)
{
    if (count > 0)
        printf("; %" PRIu64 " %s", count, what);
}

static void print_bytes(uint64_t bytes, const char *what)
{
    char text[HUMAN_SIZE];

    if (bytes > 0)
        printf("; %s %s", human(bytes, text), what);
}

static void print_result(const struct command *command, const struct reflink_tree_result *result)
{
    printf("%s: %" PRIu64 " files", command->dest, result->files);
    print_count(result->directories, "directories");
    print_count(result->hard_links, "hard links");
    print_count(result->symlinks, "symbolic links");
    print_count(result->specials, "special files");
    print_count(result->files_cloned, "files cloned");
    print_count(result->files_mixed, "cloned in part");
    print_count(result->files_kernel_copied, "copied by the kernel, which may have shared blocks");
    print_count(result->files_copied, "copied");
    print_bytes(result->bytes_cloned, "shared");
    print_bytes(result->bytes_copied, "copied");
    print_bytes(result->bytes_hole, "left as holes");
    if (result->reason != REFLINK_REASON_NONE)
        printf("; not all cloned because %s", reflink_reason_text(result->reason));
    print_count(result->entries_left_out, "entries left out");
    print_count(result->mounts_left_empty, "mount points left empty");
    print_count(result->entries_kept, "entries kept");
    print_count(result->entries_failed, "entries failed");
    print_count(result->entries_vanished, "entries gone meanwhile");
    print_count(result->files_changed, "files changed while they were copied");
    if (result->flags & REFLINK_METADATA_INCOMPLETE)
        printf("; not all of the metadata could be set");
    putchar('\n');
}

static void print_failure(const struct command *command, int code,
                          const struct reflink_tree_result *result, const char *failed_path)
{
    char line[1024];

    reflink_describe(code, result->step, result->flags, command->source, command->dest, line,
                     sizeof(line));
    fprintf(stderr, "copy_tree: %s (%s)", line, reflink_err_name(code));
    if (failed_path[0] != '\0')
        fprintf(stderr, ", at %s", failed_path);
    if (result->flags & REFLINK_PUBLISHED)
        fprintf(stderr, "; %s is the new tree", command->dest);
    fputc('\n', stderr);
}

static int exit_code(int code, const struct reflink_tree_result *result)
{
    if (code == 0)
        return result->entries_failed > 0 ? INCOMPLETE : DONE;
    if (code == -ECANCELED && interrupted)
        return CANCELLED;
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
    "  -e, --exclude PATTERN  leave out names (or, with a slash, paths) that match; may be "
    "repeated\n"
    "  -k, --keep-going       leave out entries that fail, and say so\n"
    "  -t, --threads N        work with at most N threads\n"
    "  -v, --verbose          print each entry\n"
    "  -q, --quiet            print errors only\n"
    "  -h, --help             print this\n"
    "\n"
    "exit status: 0 done, 1 failed, 2 usage, 3 not cloneable (with --always), 4 entries are\n"
    "missing (with --keep-going), 130 cancelled.\n";

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
        command->excluded[command->exclusions++] = optarg;
        options->filter = on_filter;
        break;
    case 'k':
        options->on_error = on_error;
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
        exit(fflush(stdout) == 0 ? DONE : FAILED);
    default:
        usage(NULL); /* getopt has said what is wrong */
    }
}

/* Notes SIGINT and SIGTERM instead of dying of them, so that nothing stays behind. */
static void catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM};
    struct sigaction action, before;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_interrupt;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        /* One that was ignored before (nohup, a shell's "&") stays so. */
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
}

int main(int argc, char **argv)
{
    static char failed_path[4096];
    struct command command = {
        NULL, NULL, NULL, 0, false, false, false, 0, REFLINK_TREE_OPTIONS_INIT};
    struct reflink_tree_result result = REFLINK_TREE_RESULT_INIT;
    int letter, code;

    command.excluded = calloc((size_t)argc, sizeof(*command.excluded));
    if (command.excluded == NULL) {
        perror("copy_tree");
        return FAILED;
    }
    while ((letter = getopt_long(argc, argv, "anfmdpxe:kt:vqh", long_options, NULL)) != -1)
        read_option(&command, letter);
    if (argc - optind != 2)
        usage(argc - optind < 2 ? "SOURCE and DEST are needed" : "too many names");
    command.source = argv[optind];
    command.dest = argv[optind + 1];

    catch_signals();
    command.next = now() + BAR_AFTER;
    if (!command.quiet && isatty(STDERR_FILENO))
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
        fprintf(stderr, "copy_tree: %s is left beside %s\n", result.litter, command.dest);
    free(command.excluded);
    if (fflush(stdout) != 0) {
        perror("copy_tree: the copy is done, but this could not be printed");
        return FAILED;
    }
    return exit_code(code, &result);
}
