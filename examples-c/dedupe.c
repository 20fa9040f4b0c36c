/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * dedupe: makes copies share the blocks of the first file, where they hold the same bytes, and
 * prints what was gained. Nothing that a file shows changes. */

#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64 /* large files, on 32-bit systems too */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <libreflink.h>

#include "sizes.h"

/* From best to worst. Of several copies the worst is the exit status. */
enum { SHARED = 0, NOT_ALL = 1, FAILED = 2 };

static const char help[] =
    "usage: dedupe [-c] FILE COPY...\n"
    "Makes each COPY share the blocks of FILE where both hold the same bytes.\n"
    "The system compares them. It needs no right to write, for the owner of COPY.\n"
    "  -c  go on behind a difference\n"
    "Exits with 0 if all is shared, 1 if something differs or cannot be shared, 2 after a "
    "failure.\n";

/* O_NONBLOCK: opening a FIFO must not wait for its other end. */
static int open_file(const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        fprintf(stderr, "dedupe: %s: %s\n", name, strerror(errno));
    return fd;
}

/* Bytes that no other file has, at least; false where the file system does not say. */
static bool exclusive(int fd, uint64_t *bytes)
{
    struct reflink_extents_result result = REFLINK_EXTENTS_RESULT_INIT;

    if (reflink_extents(fd, 0, REFLINK_TO_EOF, 0, &result, NULL, NULL) < 0 ||
        result.reported != REFLINK_SHARING_KNOWN)
        return false;
    *bytes = result.bytes_exclusive;
    return true;
}

static void print_result(const char *name, const struct reflink_dedupe_result *result)
{
    char text[HUMAN_SIZE];

    printf("%s: %s shared now", name, human(result->bytes_deduped, text));
    if (result->bytes_already > 0)
        printf(", %s before", human(result->bytes_already, text));
    if (result->bytes_skipped > 0)
        printf(", %s not possible: %s", human(result->bytes_skipped, text),
               reflink_reason_text(result->reason));
    if (result->first_difference < result->length)
        printf(", differs at byte %" PRIu64, result->first_difference);
    putchar('\n');
}

static int dedupe(const char *file, int from, const char *copy,
                  const struct reflink_dedupe_options *options, uint64_t *gained)
{
    struct reflink_dedupe_result result = REFLINK_DEDUPE_RESULT_INIT;
    int to = open_file(copy), code;
    uint64_t before = 0, after = 0;
    bool known;

    if (to < 0)
        return FAILED;
    known = exclusive(to, &before);
    code = reflink_dedupe_fd(from, to, options, &result);
    if (known && exclusive(to, &after) && after < before)
        *gained += before - after;
    close(to);
    if (code < 0) {
        char line[1024];
        reflink_describe(code, result.step, result.flags, file, copy, line, sizeof(line));
        fprintf(stderr, "dedupe: %s\n", line);
        return FAILED;
    }
    print_result(copy, &result);
    return result.bytes_deduped + result.bytes_already == result.length ? SHARED : NOT_ALL;
}

int main(int argc, char **argv)
{
    struct reflink_dedupe_options options = REFLINK_DEDUPE_OPTIONS_INIT;
    char text[HUMAN_SIZE];
    uint64_t gained = 0;
    int option, from, worst = SHARED;

    while ((option = getopt(argc, argv, "ch")) != -1) {
        if (option == 'c') {
            options.flags = REFLINK_DEDUPE_CONTINUE;
        } else {
            fputs(help, option == 'h' ? stdout : stderr);
            return option == 'h' ? SHARED : FAILED;
        }
    }
    if (argc - optind < 2) {
        fputs(help, stderr);
        return FAILED;
    }
    from = open_file(argv[optind]);
    if (from < 0)
        return FAILED;
    for (int at = optind + 1; at < argc; at++) {
        int answer = dedupe(argv[optind], from, argv[at], &options, &gained);
        if (answer > worst)
            worst = answer;
    }
    close(from);
    /* Open descriptors, snapshots and other links can still hold the old blocks. */
    printf("%s that only the copies had are given up\n", human(gained, text));
    if (fflush(stdout) != 0) {
        perror("dedupe: cannot print");
        return FAILED;
    }
    return worst;
}
