/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * dedupe: makes equal files share the blocks of the first of them, and prints what was gained.
 * Nothing that a file shows changes: it may be stopped at any time, and needs no signal handler. */

#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64 /* large files, on 32-bit systems too */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h> /* getopt_long: not in POSIX, but in every C library of a Unix */
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <libreflink.h>

#include "names.h"
#include "sizes.h"

/* From best to worst. Of several copies the worst is the exit status. */
enum { SHARED = 0, NOT_ALL = 1, FAILED = 2 };

static const char help[] =
    "usage: dedupe [OPTION]... FILE COPY...\n"
    "       dedupe [OPTION]... -\n"
    "Makes each COPY share the blocks of FILE where both hold the same bytes. The system compares\n"
    "them. It needs no right to write, for the owner of COPY.\n"
    "\n"
    "With -, reads groups of equal files from standard input: one name on a line, and an empty\n"
    "line between two groups, as fdupes and jdupes print them. In each group the first is FILE.\n"
    "\n"
    "  -0, --null      names on standard input end with a NUL (jdupes -0)\n"
    "  -c, --continue  go on behind a difference\n"
    "  -q, --quiet     print errors only\n"
    "  -h, --help      print this\n"
    "\n"
    "exit status: 0 all is shared, 1 something differs or cannot be shared, 2 a failure.\n";

/* What the copies had for themselves before, and have no more. */
struct gain {
    uint64_t bytes;
    uint64_t encoded; /* compressed or encrypted: how much that is on the disk, nobody says */
    bool partly;      /* a copy is not shared as a whole, and so parts of extents may be left */
    bool unknown;     /* a file system does not say what is shared */
};

/* The file whose blocks stay, and what is done with its copies. */
struct group {
    const char *name; /* NULL: there is none yet */
    int fd;
    bool quiet;
    struct reflink_dedupe_options options;
    struct gain gain;
};

static void complain(const char *name, const char *why)
{
    fputs("dedupe: ", stderr);
    put_name(name, stderr);
    fprintf(stderr, ": %s\n", why);
}

/* O_NONBLOCK: opening a FIFO must not wait for its other end. */
static int open_file(const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        complain(name, strerror(errno));
    return fd;
}

static bool same_file(int one, int other)
{
    struct stat first, second;

    return fstat(one, &first) == 0 && fstat(other, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* What this file alone has; false where the file system does not say. */
static bool look(int fd, struct gain *own)
{
    struct reflink_extents_result sums = REFLINK_EXTENTS_RESULT_INIT;

    if (reflink_extents(fd, 0, REFLINK_TO_EOF, 0, &sums, NULL, NULL) < 0 ||
        sums.reported != REFLINK_SHARING_KNOWN)
        return false;
    own->bytes = sums.bytes_exclusive;
    own->encoded = sums.bytes_encoded - sums.bytes_encoded_shared;
    return true;
}

static uint64_t less(uint64_t before, uint64_t after)
{
    return before > after ? before - after : 0;
}

static void print_result(const char *name, const struct reflink_dedupe_result *result)
{
    char text[HUMAN_SIZE];

    put_name(name, stdout);
    printf(": %s shared now", human(result->bytes_deduped, text));
    if (result->bytes_already > 0)
        printf(", %s before", human(result->bytes_already, text));
    if (result->bytes_skipped > 0)
        printf(", %s not possible: %s", human(result->bytes_skipped, text),
               reflink_reason_text(result->reason));
    if (result->first_difference < result->length)
        printf(", differs at byte %" PRIu64, result->first_difference);
    putchar('\n');
}

static int dedupe(struct group *group, const char *copy, int to)
{
    struct reflink_dedupe_result result = REFLINK_DEDUPE_RESULT_INIT;
    struct gain before = {0, 0, false, false}, after = before;
    bool known = look(to, &before), all;
    int code = reflink_dedupe_fd(group->fd, to, &group->options, &result);

    /* Also after a failure: what was shared before stays shared. */
    if (known && look(to, &after)) {
        group->gain.bytes += less(before.bytes, after.bytes);
        group->gain.encoded += less(before.encoded, after.encoded);
    } else if (result.bytes_deduped > 0) {
        group->gain.unknown = true;
    }
    all = code == 0 && result.bytes_deduped + result.bytes_already == result.length;
    if (!all && result.bytes_deduped > 0)
        group->gain.partly = true;
    if (code < 0) {
        put_failure("dedupe", code, result.step, result.flags, group->name, copy);
        fputc('\n', stderr);
        return FAILED;
    }
    if (!group->quiet)
        print_result(copy, &result);
    return all ? SHARED : NOT_ALL;
}

/* A name of a group: the first that can be opened is the file whose blocks stay. */
static int add(struct group *group, const char *name)
{
    int fd = open_file(name), answer = SHARED;

    if (fd < 0)
        return FAILED;
    if (group->name == NULL) {
        group->name = strdup(name);
        group->fd = fd;
        if (group->name != NULL)
            return SHARED;
        complain(name, strerror(errno));
        close(fd);
        return FAILED;
    }
    if (!same_file(group->fd, fd)) {
        answer = dedupe(group, name, fd);
    } else if (!group->quiet) {
        put_name(name, stdout);
        fputs(": another name of ", stdout);
        put_name(group->name, stdout);
        putchar('\n');
    }
    close(fd);
    return answer;
}

static void end(struct group *group)
{
    if (group->name == NULL)
        return;
    close(group->fd);
    free((char *)group->name);
    group->name = NULL;
}

/* An empty name ends a group. */
static int read_groups(struct group *group, int separator)
{
    char *name = NULL;
    size_t room = 0;
    ssize_t length;
    int worst = SHARED;

    while ((length = getdelim(&name, &room, separator, stdin)) != -1) {
        int answer = SHARED;

        if (name[length - 1] == separator)
            name[length - 1] = '\0';
        if (name[0] == '\0')
            end(group);
        else
            answer = add(group, name);
        if (answer > worst)
            worst = answer;
    }
    if (ferror(stdin)) {
        complain("standard input", strerror(errno));
        worst = FAILED;
    }
    free(name);
    return worst;
}

/* What "df" will show, once it is written out. A file that is open or in a snapshot made meanwhile
 * keeps its old blocks. On Btrfs, so does an extent that is still used in part. */
static void print_gain(const struct gain *gain)
{
    char text[HUMAN_SIZE];

    printf("gained: %s%s", gain->partly ? "at most " : "", human(gain->bytes, text));
    if (gain->encoded > 0)
        printf(", and what %s of compressed data took", human(gain->encoded, text));
    if (gain->unknown)
        printf(", and what is not known: a file system does not say what is shared");
    putchar('\n');
}

static void usage(const char *why)
{
    if (why != NULL)
        fprintf(stderr, "dedupe: %s\n", why);
    fputs("Try 'dedupe --help'.\n", stderr);
    exit(FAILED);
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"null", no_argument, NULL, '0'},
        {"continue", no_argument, NULL, 'c'},
        {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct group group = {NULL, -1, false, REFLINK_DEDUPE_OPTIONS_INIT, {0, 0, false, false}};
    int letter, separator = '\n', worst = SHARED;

    while ((letter = getopt_long(argc, argv, "0cqh", long_options, NULL)) != -1) {
        switch (letter) {
        case '0':
            separator = '\0';
            break;
        case 'c':
            group.options.flags = REFLINK_DEDUPE_CONTINUE;
            break;
        case 'q':
            group.quiet = true;
            break;
        case 'h':
            fputs(help, stdout);
            return all_printed("dedupe") ? SHARED : FAILED;
        default:
            usage(NULL); /* getopt has said what is wrong */
        }
    }
    if (argc - optind == 1 && strcmp(argv[optind], "-") == 0) {
        worst = read_groups(&group, separator);
    } else if (argc - optind < 2) {
        usage("FILE and a COPY are needed, or -");
    } else {
        worst = add(&group, argv[optind]);
        /* Without FILE its copies mean nothing: the next one would be taken for it. */
        for (int at = optind + 1; at < argc && group.name != NULL; at++) {
            int answer = add(&group, argv[at]);
            if (answer > worst)
                worst = answer;
        }
    }
    end(&group);
    if (!group.quiet)
        print_gain(&group.gain);
    return all_printed("dedupe") ? worst : FAILED;
}
