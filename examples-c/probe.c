/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * probe: prints what a directory can do, as a small table in words.
 * With SOURCEs it is asked whether they can be cloned into the directory. */

#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64 /* large files, on 32-bit systems too */

#include <string.h>

#include <libreflink.h>

#include "names.h"
#include "sizes.h"

/* From best to worst. Of several answers the worst is the exit status. */
enum { YES = 0, NO = 1, UNKNOWN = 2, FAILED = 3 };

static const char help[] =
    "usage: probe DIR [SOURCE]...\n"
    "Finds out by trying whether files inside DIR can be cloned among themselves, or with SOURCEs\n"
    "(files or directories), whether those can be cloned into DIR. Nothing is left in DIR.\n"
    "\n"
    "exit status: 0 yes, 1 no, 2 unknown, 3 error; of several answers the highest.\n";

/* If the trial failed, 0 means "unknown" too. */
static const char *yes_or_no(const struct reflink_capability *capability, int32_t member)
{
    if (member == 1)
        return "yes";
    return capability->clone < 0 ? "unknown" : "no";
}

/* A file shorter than a block is cloned whole, and says nothing of ranges. */
static const char *range_in_words(const struct reflink_capability *capability)
{
    if (capability->clone > 0 && capability->clone_range == 0)
        return "unknown";
    return yes_or_no(capability, capability->clone_range);
}

/* An empty file can be cloned even where no data can. */
static const char *why_not(const struct reflink_capability *capability)
{
    if (capability->reason == REFLINK_REASON_FILE && capability->clone_error == 0)
        return "an empty file proves nothing";
    return reflink_reason_text(capability->reason);
}

static void print_clone(const struct reflink_capability *capability)
{
    const char *answer = capability->clone > 0 ? "yes" : capability->clone == 0 ? "no" : "unknown";

    printf("  %-16s %s", "clone", answer);
    if (capability->clone != 1)
        printf(", because %s", why_not(capability));
    if (capability->clone != 1 && capability->clone_error != 0)
        printf(" (%s: %s)", reflink_err_name(capability->clone_error),
               reflink_strerror(capability->clone_error));
    putchar('\n');
}

static void print_table(const struct reflink_capability *capability)
{
    char text[HUMAN_SIZE];

    print_clone(capability);
    printf("  %-16s %s\n", "clone a range", range_in_words(capability));
    if (capability->granularity != 0)
        printf("  %-16s %s\n", "granularity", human(capability->granularity, text));
    else
        printf("  %-16s %s\n", "granularity", "unknown");
    printf("  %-16s %s\n", "holes", yes_or_no(capability, capability->sparse));
    printf("  %-16s %s\n", "unnamed files", yes_or_no(capability, capability->unnamed_files));
    printf("  %-16s %s\n", "copy_file_range", yes_or_no(capability, capability->kernel_copy));
    printf("  %-16s %s\n", "dedupe",
           capability->dedupe > 0    ? "yes"
           : capability->dedupe == 0 ? "no"
                                     : "unknown");
    printf("  %-16s %s\n", "exchange names",
           capability->exchange > 0    ? "yes"
           : capability->exchange == 0 ? "no"
                                       : "unknown");
    printf("  %-16s %s\n", "file system", capability->fs_name);
}

static void put_names(const char *source, const char *directory, FILE *to)
{
    if (source != NULL) {
        put_name(source, to);
        fputs(" -> ", to);
    }
    put_name(directory, to);
}

static int probe(const char *source, const char *directory)
{
    struct reflink_capability capability = REFLINK_CAPABILITY_INIT;
    int code = reflink_probe(source, directory, &capability);

    if (code < 0) {
        fflush(stdout);
        fputs("probe: ", stderr);
        put_names(source, directory, stderr);
        fprintf(stderr, ": %s (%s)\n", reflink_strerror(code), reflink_err_name(code));
        return FAILED;
    }
    put_names(source, directory, stdout);
    putchar('\n');
    print_table(&capability);
    return capability.clone > 0 ? YES : capability.clone == 0 ? NO : UNKNOWN;
}

int main(int argc, char **argv)
{
    int first = 1, worst = YES, at;

    if (argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
        fputs(help, stdout);
        return all_printed("probe") ? YES : FAILED;
    }
    if (argc > 1 && strcmp(argv[1], "--") == 0)
        first++;
    else if (argc > 1 && argv[1][0] == '-')
        argc = 0; /* no other option is known */
    if (argc <= first) {
        fputs("usage: probe DIR [SOURCE]...\nTry 'probe --help'.\n", stderr);
        return FAILED;
    }
    if (argc == first + 1)
        worst = probe(NULL, argv[first]);
    for (at = first + 1; at < argc; at++) {
        int answer = probe(argv[at], argv[first]);
        if (answer > worst)
            worst = answer;
    }
    return all_printed("probe") ? worst : FAILED;
}
