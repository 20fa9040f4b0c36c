/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * copy_file: copies a file, sharing its blocks where the file system can.
 * A complete command to start from: options, a progress bar, signals, exit codes, the result in
 * words. */

#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64 /* large files, on 32-bit systems too */

#include <errno.h>
#include <getopt.h> /* getopt_long: not in POSIX, but in every C library of a Unix */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libreflink.h>

#include "names.h"
#include "signals.h"
#include "sizes.h"

enum { DONE = 0, FAILED = 1, USAGE = 2, NOT_CLONEABLE = 3 };

/* The largest step of a clone when somebody watches (see "progress" in libreflink.h). */
#define CLONE_STEP ((off_t)1 << 30)

/* The bar appears when the copy takes longer than this, and is drawn again not sooner than that. */
#define BAR_AFTER 0.5 /* seconds */
#define BAR_EVERY 0.1

struct bar {
    bool wanted;
    bool drawn;
    double started;
    double next;
};

struct command {
    const char *source;
    const char *dest;
    bool quiet;
    struct reflink_options options;
};

static double now(void)
{
    struct timespec time = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- Progress ---- */

static void draw(struct bar *bar, const struct reflink_progress *progress, double time)
{
    enum { WIDTH = 30 };
    char done[HUMAN_SIZE], total[HUMAN_SIZE], rate[HUMAN_SIZE];
    char cells[WIDTH + 1];
    double part = 1;

    if (progress->bytes_total > 0)
        part = (double)progress->bytes_done / (double)progress->bytes_total;
    memset(cells, ' ', WIDTH);
    memset(cells, '#', (size_t)(part * WIDTH));
    cells[WIDTH] = '\0';
    human(progress->bytes_done, done);
    human(progress->bytes_total, total);
    human((uint64_t)((double)progress->bytes_done / (time - bar->started)), rate);
    /* ESC [ K: to the end of the line, where the last text may have been longer. */
    fprintf(stderr, "\r%3d%% [%s] %s of %s, %s/s\033[K", (int)(part * 100), cells, done, total,
            rate);
    bar->drawn = true;
}

static void erase(struct bar *bar)
{
    if (bar->drawn)
        fputs("\r\033[K", stderr);
    bar->drawn = false;
}

/* The library calls this between two steps; anything but 0 would cancel the copy. */
static int on_progress(void *user, const struct reflink_progress *progress)
{
    struct bar *bar = user;
    double time;

    if (bar->wanted && (time = now()) >= bar->next) {
        draw(bar, progress, time);
        bar->next = time + BAR_EVERY;
    }
    return 0;
}

/* ---- The copy ---- */

/* The clone was refused, by this volume or for this file: another method may do. */
static bool refused(int code, const struct reflink_result *result)
{
    return reflink_clone_refused(code, result->step, result->reason);
}

/* When to ask for progress.
 *
 * With a progress function the library works in steps, and a clone in several steps no longer
 * shows one instant of the source: a virtual machine may write to its disk between two of them.
 * A file of one step loses nothing, and neither does a copy, which never shows one instant. So a
 * larger file is first cloned in one call without progress, usually in milliseconds. Only if
 * that is refused is the file copied with progress.
 *
 * During that one call signals keep their default action: they end the process, and the unnamed
 * file disappears with it. (Where the file system has no unnamed files, NFS for one, a
 * ".reflink-" file can stay.) A handler would only make the user wait, since nothing reads the
 * flag it sets. With REFLINK_UNSTAGED a partial file would stay under the final name, so there
 * every copy has a progress function. */
static bool clone_is_one_instant(const struct command *command)
{
    struct stat source;

    return command->options.mode != REFLINK_NEVER &&
           command->options.durability != REFLINK_UNSTAGED && stat(command->source, &source) == 0 &&
           source.st_size > CLONE_STEP;
}

static int copy(const struct command *command, const char *dest, struct reflink_result *result)
{
    struct reflink_options options = command->options;
    struct bar bar = {false, false, 0, 0};
    int code;

    if (clone_is_one_instant(command)) {
        options.mode = REFLINK_ALWAYS;
        code = reflink_copy_file(command->source, dest, &options, result);
        options.mode = command->options.mode;
        if (options.mode == REFLINK_ALWAYS || !refused(code, result))
            return code;
    }
    catch_signals();
    bar.wanted = !command->quiet && isatty(STDERR_FILENO);
    bar.started = now();
    bar.next = bar.started + BAR_AFTER;
    options.progress = on_progress;
    options.user = &bar;
    options.cancel = &interrupted;
    code = reflink_copy_file(command->source, dest, &options, result);
    erase(&bar);
    return code;
}

/* ---- What happened ---- */

static void print_amount(const char *before, uint64_t bytes, const char *what)
{
    char text[HUMAN_SIZE];

    if (bytes > 0)
        printf("%s%s %s", before, human(bytes, text), what);
}

/* One line with everything that the result says. */
static void print_result(const char *dest, const struct reflink_result *result)
{
    uint64_t total = result->bytes_cloned + result->bytes_copied + result->bytes_hole;

    put_name(dest, stdout);
    printf(": %s", reflink_method_text(result->method));
    print_amount("; ", result->bytes_cloned, "shared");
    print_amount("; ", result->bytes_copied, "copied");
    print_amount("; ", result->bytes_hole, "left as holes");
    if (total == 0)
        printf("; the source is empty");
    if (result->reason != REFLINK_REASON_NONE)
        printf("; not cloned because %s", reflink_reason_text(result->reason));
    if (result->clone_error != 0)
        printf(" (%s)", reflink_err_name(result->clone_error));
    if (result->flags & REFLINK_SOURCE_CHANGED)
        printf("; the source changed meanwhile: the copy may mix old and new content");
    if (result->flags & REFLINK_METADATA_INCOMPLETE)
        printf("; not all of the metadata could be set");
    putchar('\n');
}

static void print_failure(const struct command *command, const char *dest, int code,
                          const struct reflink_result *result)
{
    if (code == -ECANCELED && interrupted) {
        fputs("copy_file: ", stderr);
        put_name(dest, stderr);
        fputs(": stopped by a signal; nothing has changed under that name\n", stderr);
        return;
    }
    put_failure("copy_file", code, result->step, result->flags, command->source, dest);
    fprintf(stderr, " (%s)", reflink_err_name(code));
    if (refused(code, result))
        fprintf(stderr, ", because %s", reflink_reason_text(result->reason));
    if (code == -EEXIST)
        fputs("; -f replaces it", stderr);
    fputc('\n', stderr);
}

static int exit_code(int code, const struct reflink_result *result)
{
    if (code == 0)
        return DONE;
    if (refused(code, result))
        return NOT_CLONEABLE;
    return FAILED;
}

/* ---- The command line ---- */

static const char help[] =
    "usage: copy_file [OPTION]... SOURCE DEST\n"
    "Copies SOURCE to DEST (or into it, if it is a directory), sharing blocks where it can.\n"
    "\n"
    "  -a, --always          clone, or fail and change nothing\n"
    "  -n, --never           copy every byte, share nothing\n"
    "  -f, --replace         replace DEST, in one step, if it exists\n"
    "  -d, --durable         return when the copy will survive a power loss\n"
    "  -u, --unstaged        build the copy under its own name; a kill can leave a part\n"
    "  -p, --preserve        keep times, owner, extended attributes and ACL as far as possible\n"
    "  -P, --no-dereference  fail if SOURCE is a symbolic link\n"
    "  -q, --quiet           print errors only\n"
    "  -h, --help            print this\n"
    "\n"
    "exit status: 0 done, 1 failed, 2 usage, 3 not cloneable (with --always). SIGHUP, SIGINT and\n"
    "SIGTERM end it when what was made is removed.\n"
    "After a failure DEST is what it was before; where only the last step failed, to sync the\n"
    "directory or to close, it is the complete copy. Never a part.\n";

static const struct option long_options[] = {
    {"always", no_argument, NULL, 'a'},         {"never", no_argument, NULL, 'n'},
    {"replace", no_argument, NULL, 'f'},        {"durable", no_argument, NULL, 'd'},
    {"unstaged", no_argument, NULL, 'u'},       {"preserve", no_argument, NULL, 'p'},
    {"no-dereference", no_argument, NULL, 'P'}, {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
};

static void usage(const char *why)
{
    if (why != NULL)
        fprintf(stderr, "copy_file: %s\n", why);
    fputs("Try 'copy_file --help'.\n", stderr);
    exit(USAGE);
}

/* Sets one of several values that exclude each other. */
static void choose(uint32_t *member, uint32_t value, const char *conflict)
{
    if (*member != 0 && *member != value)
        usage(conflict);
    *member = value;
}

static void read_option(struct command *command, int letter)
{
    struct reflink_options *options = &command->options;

    switch (letter) {
    case 'a':
        choose(&options->mode, REFLINK_ALWAYS, "--always and --never exclude each other");
        break;
    case 'n':
        choose(&options->mode, REFLINK_NEVER, "--always and --never exclude each other");
        break;
    case 'f':
        options->if_exists = REFLINK_REPLACE;
        break;
    case 'd':
        choose(&options->durability, REFLINK_DURABLE,
               "--durable and --unstaged exclude each other");
        break;
    case 'u':
        choose(&options->durability, REFLINK_UNSTAGED,
               "--durable and --unstaged exclude each other");
        break;
    case 'p':
        /* Only root can give files away, and not every file system holds everything. */
        options->preserve = REFLINK_PRESERVE_TIMES | REFLINK_PRESERVE_OWNER |
                            REFLINK_PRESERVE_XATTRS | REFLINK_PRESERVE_ACL;
        options->flags |= REFLINK_BEST_EFFORT_METADATA;
        break;
    case 'P':
        options->flags |= REFLINK_NOFOLLOW;
        break;
    case 'q':
        command->quiet = true;
        break;
    case 'h':
        fputs(help, stdout);
        exit(all_printed("copy_file") ? DONE : FAILED);
    default:
        usage(NULL); /* getopt has said what is wrong */
    }
}

/* A copy of DEST, or of DEST/NAME if it is a directory. NULL if there is no memory. */
static char *destination(const char *source, const char *dest)
{
    struct stat there;
    size_t end = strlen(source), start;
    char *name;

    if (stat(dest, &there) != 0 || !S_ISDIR(there.st_mode))
        return strdup(dest);
    while (end > 0 && source[end - 1] == '/')
        end--;
    for (start = end; start > 0 && source[start - 1] != '/'; start--)
        ;
    name = malloc(strlen(dest) + 1 + (end - start) + 1);
    if (name != NULL) {
        strcpy(name, dest);
        if (dest[strlen(dest) - 1] != '/')
            strcat(name, "/");
        strncat(name, source + start, end - start);
    }
    return name;
}

int main(int argc, char **argv)
{
    struct command command = {NULL, NULL, false, REFLINK_OPTIONS_INIT};
    struct reflink_result result = REFLINK_RESULT_INIT;
    int letter, code, status;
    char *dest;

    while ((letter = getopt_long(argc, argv, "anfdupPqh", long_options, NULL)) != -1)
        read_option(&command, letter);
    if (argc - optind != 2)
        usage(argc - optind < 2 ? "SOURCE and DEST are needed" : "too many names");
    command.source = argv[optind];
    command.dest = argv[optind + 1];

    dest = destination(command.source, command.dest);
    if (dest == NULL) {
        perror("copy_file");
        return FAILED;
    }
    code = copy(&command, dest, &result);
    if (code < 0)
        print_failure(&command, dest, code, &result);
    else if (!command.quiet)
        print_result(dest, &result);
    free(dest);
    status = exit_code(code, &result);
    if (interrupted != SIGPIPE && !all_printed("copy_file"))
        status = FAILED;
    if (interrupted)
        die_of(interrupted);
    return status;
}
