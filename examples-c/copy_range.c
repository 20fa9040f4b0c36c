/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * copy_range: patches a range of one file into another, sharing the blocks that lie whole in it.
 * DEST is created if it is missing, and never truncated. */

#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64 /* large files, on 32-bit systems too */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h> /* getopt_long: not in POSIX, but in every C library of a Unix */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libreflink.h>

#include "names.h"
#include "sizes.h"

enum { DONE = 0, FAILED = 1, USAGE = 2, NOT_CLONEABLE = 3 };

/* The largest offset that a file can have. A length up to here is never REFLINK_TO_EOF by chance.
 */
#define LARGEST ((uint64_t)INT64_MAX)

static const char help[] =
    "usage: copy_range [-a|--always] [-n|--never] SOURCE SRC_OFFSET LENGTH|eof DEST DST_OFFSET\n"
    "Copies LENGTH bytes at SRC_OFFSET of SOURCE to DST_OFFSET of DEST, sharing blocks where it "
    "can.\n"
    "\n"
    "  -a, --always  clone the range, or fail and change nothing\n"
    "  -n, --never   copy every byte, share nothing\n"
    "  -h, --help    print this\n"
    "\n"
    "Numbers are bytes; K, M and G after one stand for 1024, 1024^2 and 1024^3 bytes.\n"
    "\"eof\" is all that SOURCE has. DEST is created if it is missing, and never truncated.\n"
    "\n"
    "exit status: 0 done, 1 failed, 2 usage, 3 not cloneable (with --always).\n"
    "After 1, a part of the range may have been written.\n";

static void usage(const char *why, const char *what)
{
    if (why != NULL)
        fprintf(stderr, "copy_range: %s%s%s\n", why, what ? ": " : "", what ? what : "");
    fputs("Try 'copy_range --help'.\n", stderr);
    exit(USAGE);
}

/* Digits and at most one of K, M and G; nothing else, and nothing that overflows. strtoull would
 * take " -1" for 18446744073709551615. */
static bool parse_size(const char *text, uint64_t *size)
{
    uint64_t value = 0, unit = 1;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (LARGEST - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (at == text)
        return false;
    if (*at == 'K')
        unit = (uint64_t)1 << 10;
    else if (*at == 'M')
        unit = (uint64_t)1 << 20;
    else if (*at == 'G')
        unit = (uint64_t)1 << 30;
    if (unit != 1)
        at++;
    if (*at != '\0' || value > LARGEST / unit)
        return false;
    *size = value * unit;
    return true;
}

static void complain(const char *name, const char *doing)
{
    fputs("copy_range: ", stderr);
    put_name(name, stderr);
    fprintf(stderr, ": %s: %s\n", doing, strerror(errno));
}

static uint64_t size_of(const char *text)
{
    uint64_t size = 0;

    if (!parse_size(text, &size))
        usage("not a number of bytes, or too large", text);
    return size;
}

/* O_NONBLOCK: opening a FIFO must not wait for its other end. (The library then reports that it
 * is no regular file. For regular files the flag has no effect.) */
#define OPEN_FLAGS (O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

static int open_source(const char *name)
{
    int fd = open(name, O_RDONLY | OPEN_FLAGS);

    if (fd < 0)
        complain(name, "opening the source");
    return fd;
}

/* Opens DEST, or creates it with no wider permissions than the source has. */
static int open_dest(const char *name, int source, bool *created)
{
    struct stat from;
    int fd = -1;

    *created = false;
    if (fstat(source, &from) == 0) {
        fd = open(name, O_WRONLY | OPEN_FLAGS);
        if (fd < 0 && errno == ENOENT) {
            /* O_EXCL: this call made the file, so it may be removed after a failure. */
            fd = open(name, O_WRONLY | O_CREAT | O_EXCL | OPEN_FLAGS, from.st_mode & 0777);
            *created = fd >= 0;
        }
    }
    if (fd < 0)
        complain(name, "opening or making the file");
    return fd;
}

/* Removes the file that this program created, if the name still means it. */
static void remove_created(const char *name, int fd)
{
    struct stat mine, there;

    if (fstat(fd, &mine) == 0 && lstat(name, &there) == 0 && mine.st_dev == there.st_dev &&
        mine.st_ino == there.st_ino)
        unlink(name);
}

/* If no clone was refused, the edges were copied: the range holds only a part of their blocks. */
static const char *why_not_all(const struct reflink_result *result)
{
    if (result->reason == REFLINK_REASON_FILE && result->clone_error == 0)
        return "not all of it lies on whole blocks of both files";
    return reflink_reason_text(result->reason);
}

static void print_result(uint64_t asked, const struct reflink_result *result)
{
    char cloned[HUMAN_SIZE], copied[HUMAN_SIZE], holes[HUMAN_SIZE];
    uint64_t done = result->bytes_cloned + result->bytes_copied + result->bytes_hole;

    printf("%" PRIu64 " bytes: %s cloned, %s copied, %s left as holes", done,
           human(result->bytes_cloned, cloned), human(result->bytes_copied, copied),
           human(result->bytes_hole, holes));
    if (result->reason != REFLINK_REASON_NONE)
        printf("; not all was cloned because %s", why_not_all(result));
    if (result->clone_error != 0)
        printf(" (%s)", reflink_err_name(result->clone_error));
    if (asked != REFLINK_TO_EOF && done < asked)
        printf("; the source ended %" PRIu64 " bytes early", asked - done);
    if (result->flags & REFLINK_SOURCE_CHANGED)
        printf("; the source changed meanwhile");
    putchar('\n');
}

/* Returns the exit status. */
static int print_failure(const char *source, const char *dest, int code,
                         const struct reflink_result *result)
{
    bool refused = reflink_clone_refused(code, result->step, result->reason);

    put_failure("copy_range", code, result->step, result->flags, source, dest);
    fprintf(stderr, " (%s)", reflink_err_name(code));
    if (refused)
        fprintf(stderr, ", because %s", reflink_reason_text(result->reason));
    fprintf(stderr, "; %" PRIu64 " bytes were done\n",
            result->bytes_cloned + result->bytes_copied + result->bytes_hole);
    return refused ? NOT_CLONEABLE : FAILED;
}

static int run(char **argument, const struct reflink_options *options)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    const char *name = argument[3];
    uint64_t src_offset = size_of(argument[1]);
    uint64_t length = strcmp(argument[2], "eof") == 0 ? REFLINK_TO_EOF : size_of(argument[2]);
    uint64_t dst_offset = size_of(argument[4]);
    bool created = false;
    int source, dest, status = FAILED, code;

    source = open_source(argument[0]);
    if (source < 0)
        return FAILED;
    dest = open_dest(name, source, &created);
    if (dest >= 0) {
        code = reflink_copy_range(source, src_offset, dest, dst_offset, length, options, &result);
        status = code < 0 ? print_failure(argument[0], name, code, &result) : DONE;
        if (status != DONE && created)
            remove_created(name, dest);
        /* Some file systems (NFS) report a failed write only here. */
        if (close(dest) != 0 && status == DONE) {
            complain(name, "closing the file");
            status = FAILED;
        }
        if (status == DONE)
            print_result(length, &result);
    }
    close(source);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"always", no_argument, NULL, 'a'},
        {"never", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    int letter, status;

    /* "+": options come first, so that "-1" is a wrong number and not a wrong option. */
    while ((letter = getopt_long(argc, argv, "+anh", long_options, NULL)) != -1) {
        uint32_t mode = letter == 'a' ? REFLINK_ALWAYS : REFLINK_NEVER;
        if (letter == 'h') {
            fputs(help, stdout);
            return all_printed("copy_range") ? DONE : FAILED;
        }
        if (letter == '?')
            usage(NULL, NULL); /* getopt has said what is wrong */
        if (options.mode != REFLINK_AUTO && options.mode != mode)
            usage("--always and --never exclude each other", NULL);
        options.mode = mode;
    }
    if (argc - optind != 5)
        usage("five arguments are needed: SOURCE SRC_OFFSET LENGTH|eof DEST DST_OFFSET", NULL);
    status = run(argv + optind, &options);
    return all_printed("copy_range") ? status : FAILED;
}
