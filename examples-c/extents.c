/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * extents: what is this file made of, and what of it is shared? With --with: are these two files
 * shared? A thin command over reflink_extents() and reflink_shared(). */

#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64 /* large files, on 32-bit systems too */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h> /* getopt_long: not in POSIX, but in every C library of a Unix */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libreflink.h>

#include "names.h"
#include "sizes.h"

/* With --with, of several answers the highest is the exit status. */
enum { ALL = 0, NOT_ALL = 1, UNKNOWN = 2, FAILED = 3 };

struct command {
    bool list;
    bool numbers;
    const char *other;
    uint64_t at, other_at; /* where the compared ranges begin */
};

static void complain(const char *name, const char *why)
{
    fputs("extents: ", stderr);
    put_name(name, stderr);
    fprintf(stderr, ": %s\n", why);
}

/* ---- One extent ---- */

static const char *kind_in_words(uint32_t kind)
{
    switch (kind) {
    case REFLINK_EXTENT_DATA:
        return "data";
    case REFLINK_EXTENT_HOLE:
        return "hole";
    case REFLINK_EXTENT_PREALLOCATED:
        return "preallocated";
    case REFLINK_EXTENT_INLINE:
        return "inline";
    case REFLINK_EXTENT_PENDING:
        return "pending";
    default: /* of a newer library */
        return "of a kind unknown to this program";
    }
}

static int print_extents(void *user, const struct reflink_extent *extents, size_t count)
{
    (void)user;
    for (size_t at = 0; at < count; at++) {
        const struct reflink_extent *extent = &extents[at];
        char place[24] = "-";

        if (extent->flags & REFLINK_EXTENT_PLACE)
            snprintf(place, sizeof(place), "%" PRIu64, extent->place);
        printf("  %16" PRIu64 " %16" PRIu64 " %20s  %s%s%s%s\n", extent->offset, extent->length,
               place, kind_in_words(extent->kind),
               extent->flags & REFLINK_EXTENT_SHARED ? ", shared" : "",
               extent->flags & REFLINK_EXTENT_ENCODED ? ", encoded" : "",
               extent->flags & REFLINK_EXTENT_BEYOND_EOF ? ", beyond the end" : "");
    }
    return ferror(stdout); /* nobody reads on */
}

/* ---- One file ---- */

static void print_part(uint64_t bytes, const char *what)
{
    char text[HUMAN_SIZE];

    if (bytes > 0)
        printf(", %s %s", human(bytes, text), what);
}

static void print_sums(const char *name, const struct reflink_extents_result *sums)
{
    char text[HUMAN_SIZE];

    put_name(name, stdout);
    if (sums->reported == REFLINK_SHARING_UNKNOWN) {
        printf(": unknown, because %s\n", sums->reason == REFLINK_REASON_PERMISSION
                                              ? "it is forbidden to ask"
                                              : "the file system gives out no map");
        return;
    }
    printf(": %s", human(sums->length, text));
    if (sums->reported == REFLINK_SHARING_KNOWN) {
        print_part(sums->bytes_shared, "shared");
        print_part(sums->bytes_unshared, "not shared");
        print_part(sums->bytes_encoded_shared, "compressed and shared");
        print_part(sums->bytes_encoded - sums->bytes_encoded_shared, "compressed and not shared");
    } else {
        print_part(sums->bytes_unshared + sums->bytes_encoded,
                   "of data (the file system does not say what is shared)");
    }
    print_part(sums->bytes_preallocated, "preallocated");
    print_part(sums->bytes_hole, "in holes");
    print_part(sums->bytes_inline, "inline");
    print_part(sums->bytes_pending, "without a known place");
    print_part(sums->bytes_beyond_eof, "beyond the end");
    if (sums->reported == REFLINK_SHARING_KNOWN || sums->flags & REFLINK_EXACT)
        printf("; exclusive: %s %s", sums->flags & REFLINK_EXACT ? "exactly" : "at least",
               human(sums->bytes_exclusive, text));
    printf("%s\n", sums->flags & REFLINK_MAP_CHANGED ? " (it changed meanwhile)" : "");
}

static bool look(const char *name, int fd, const struct command *command)
{
    struct reflink_extents_result sums = REFLINK_EXTENTS_RESULT_INIT;
    int code = reflink_extents(fd, 0, REFLINK_TO_EOF, 0, &sums,
                               command->list ? print_extents : NULL, NULL);

    if (code < 0) {
        if (!ferror(stdout)) /* else print_extents() ended it, and main() says why */
            complain(name, reflink_strerror(code));
        return false;
    }
    if (command->numbers)
        printf("%" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
               sums.reported, sums.bytes_shared, sums.bytes_unshared, sums.bytes_hole,
               sums.bytes_preallocated, sums.extents);
    else
        print_sums(name, &sums);
    return true;
}

/* ---- Two files ---- */

static void print_verdict(const char *name, const char *other,
                          const struct reflink_shared_result *found)
{
    static const char *const words[] = {"unknown", "nothing is shared at these offsets",
                                        "a part is shared", "everything is shared"};
    char text[HUMAN_SIZE];

    put_name(name, stdout);
    fputs(" and ", stdout);
    put_name(other, stdout);
    printf(": %s", found->verdict <= REFLINK_SHARED_ALL ? words[found->verdict] : words[0]);
    print_part(found->bytes_same, "at one place");
    print_part(found->bytes_apart, "apart");
    print_part(found->bytes_hole, "in holes of both");
    print_part(found->bytes_unknown, "unknown");
    if (found->bytes_apart > 0)
        printf("; the first that is apart: at %s", human(found->first_apart, text));
    if (found->reason == REFLINK_REASON_CROSS_DEVICE)
        printf(" (two volumes)");
    printf("%s\n", found->flags & REFLINK_MAP_CHANGED ? " (a file changed meanwhile)" : "");
}

static int compare(const char *name, int fd, const struct command *command)
{
    struct reflink_shared_result found = REFLINK_SHARED_RESULT_INIT;
    int other = open(command->other, O_RDONLY | O_NONBLOCK);
    int code;

    if (other < 0) {
        complain(command->other, strerror(errno));
        return FAILED;
    }
    code = reflink_shared(fd, command->at, other, command->other_at, REFLINK_TO_EOF, 0, &found);
    close(other);
    if (code < 0) {
        complain(found.flags & REFLINK_AT_DESTINATION ? command->other : name,
                 reflink_strerror(code));
        return FAILED;
    }
    if (command->numbers)
        printf(" %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64, found.verdict, found.bytes_same,
               found.bytes_apart, found.bytes_unknown);
    else
        print_verdict(name, command->other, &found);
    switch (found.verdict) {
    case REFLINK_SHARED_ALL:
        return ALL;
    case REFLINK_SHARED_UNKNOWN:
        return UNKNOWN;
    default:
        return NOT_ALL;
    }
}

static int show(const char *name, const struct command *command)
{
    int fd = open(name, O_RDONLY | O_NONBLOCK); /* no waiting at a FIFO */
    int answer;

    if (fd < 0) {
        complain(name, strerror(errno));
        return FAILED;
    }
    answer = look(name, fd, command) ? ALL : FAILED;
    if (answer == ALL && command->other != NULL)
        answer = compare(name, fd, command);
    if (command->numbers)
        putchar('\n');
    close(fd);
    return answer;
}

/* ---- The command ---- */

static const char help[] =
    "usage: extents [OPTION]... FILE...\n"
    "Prints what each FILE is made of, and how much of it is shared, as far as its file system "
    "says.\n"
    "\n"
    "  -l, --list          list the extents too: offset, length, place, kind\n"
    "  -w, --with OTHER    say whether FILE and OTHER share their blocks\n"
    "  -a, --at AT:OTHERS  with -w: compare from byte AT of FILE and OTHERS of OTHER on (0:0)\n"
    "  -n, --numbers       numbers only: whether the file system says what is shared (0 no map,\n"
    "                      1 no, 2 yes), bytes shared, not shared, in holes, preallocated, and\n"
    "                      extents; with -w also the verdict (0 unknown, 1 nothing, 2 a part,\n"
    "                      3 everything), and bytes at one place, apart, unknown\n"
    "  -h, --help          print this\n"
    "\n"
    "exit status: 0 done (with -w: everything is shared), 1 with -w: not everything,\n"
    "2 with -w: unknown, 3 failed or wrong usage; of several answers the highest.\n";

static void usage(const char *why)
{
    if (why != NULL)
        fprintf(stderr, "extents: %s\n", why);
    fputs("Try 'extents --help'.\n", stderr);
    exit(FAILED);
}

static void read_offsets(const char *text, struct command *command)
{
    char end;

    if (*text == '-' ||
        sscanf(text, "%" SCNu64 ":%" SCNu64 "%c", &command->at, &command->other_at, &end) != 2)
        usage("--at needs two offsets, as 0:4096");
}

static void read_options(int argc, char **argv, struct command *command)
{
    static const struct option long_options[] = {
        {"list", no_argument, NULL, 'l'},     {"with", required_argument, NULL, 'w'},
        {"at", required_argument, NULL, 'a'}, {"numbers", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},     {NULL, 0, NULL, 0},
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "lw:a:nh", long_options, NULL)) != -1) {
        switch (letter) {
        case 'l':
            command->list = true;
            break;
        case 'w':
            command->other = optarg;
            break;
        case 'a':
            read_offsets(optarg, command);
            break;
        case 'n':
            command->numbers = true;
            break;
        case 'h':
            fputs(help, stdout);
            exit(all_printed("extents") ? ALL : FAILED);
        default:
            usage(NULL); /* getopt has said what is wrong */
        }
    }
    if (optind == argc)
        usage("a FILE is needed");
}

int main(int argc, char **argv)
{
    struct command command = {false, false, NULL, 0, 0};
    int worst = ALL;

    read_options(argc, argv, &command);
    for (int at = optind; at < argc; at++) {
        int answer = show(argv[at], &command);
        if (answer > worst)
            worst = answer;
    }
    return all_printed("extents") ? worst : FAILED;
}
