/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * extents: how much of this file is shared? The file system's own account of it, by FIEMAP (Linux).
 * It asks the kernel alone and does not use libreflink: an independent witness of what that did. */

#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64 /* large files, on 32-bit systems too */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h> /* getopt_long: not in POSIX, but in every C library of a Unix */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fiemap.h>
#include <linux/fs.h>

enum { DONE = 0, FAILED = 1, USAGE = 2 };

/* Extents asked for by one call. */
enum { BATCH = 256 };

/* A file's extents, in the order of their offsets, cut off at the file's end. */
struct map {
    dev_t device;
    uint64_t size;
    struct fiemap_extent *extents;
    size_t count;
};

/* Bytes of a file, by what they are on the disk. */
struct account {
    uint64_t shared;
    uint64_t unshared;
    uint64_t preallocated; /* has blocks, but no data: reads as zeros */
    uint64_t hole;
    uint64_t common; /* shared, and at the same place on the disk as in the other file */
};

struct command {
    bool list;
    bool numbers;
    const char *other;
};

/* ---- Asking the kernel ---- */

static bool append(struct map *map, const struct fiemap_extent *extents, uint32_t count)
{
    struct fiemap_extent *grown;

    grown = realloc(map->extents, (map->count + count) * sizeof(*grown));
    if (grown == NULL)
        return false;
    map->extents = grown;
    for (uint32_t at = 0; at < count; at++) {
        struct fiemap_extent extent = extents[at];
        /* Blocks beyond the end are not of the file's content, nor is the rest of its last one. */
        if (extent.fe_logical >= map->size)
            break;
        if (extent.fe_length > map->size - extent.fe_logical)
            extent.fe_length = map->size - extent.fe_logical;
        map->extents[map->count++] = extent;
    }
    return true;
}

/* Reads the map, batch by batch, until the extent that is marked as the last one. */
static bool read_extents(int fd, struct map *map)
{
    size_t room = sizeof(struct fiemap) + BATCH * sizeof(struct fiemap_extent);
    struct fiemap *request = malloc(room);
    uint64_t start = 0;
    bool more = map->size > 0, good = request != NULL;

    while (good && more) {
        const struct fiemap_extent *last;

        memset(request, 0, room);
        request->fm_start = start;
        request->fm_length = FIEMAP_MAX_OFFSET - start;
        /* Data that is only in memory has no place on the disk yet: have the kernel write it out
         * first. */
        request->fm_flags = FIEMAP_FLAG_SYNC;
        request->fm_extent_count = BATCH;
        if (ioctl(fd, FS_IOC_FIEMAP, request) != 0) {
            good = false;
            break;
        }
        if (request->fm_mapped_extents == 0)
            break;
        good = append(map, request->fm_extents, request->fm_mapped_extents);
        last = &request->fm_extents[request->fm_mapped_extents - 1];
        more = !(last->fe_flags & FIEMAP_EXTENT_LAST) && last->fe_logical + last->fe_length > start;
        start = last->fe_logical + last->fe_length;
        more = more && start < map->size;
    }
    free(request);
    return good;
}

static bool read_map(const char *name, struct map *map)
{
    struct stat there;
    /* O_NONBLOCK: opening a FIFO must not wait for its other end. */
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    const char *why = NULL;

    memset(map, 0, sizeof(*map));
    if (fd < 0 || fstat(fd, &there) != 0) {
        why = strerror(errno);
    } else if (!S_ISREG(there.st_mode)) {
        why = "not a regular file";
    } else {
        map->device = there.st_dev;
        map->size = (uint64_t)there.st_size;
        if (!read_extents(fd, map))
            why = errno == EOPNOTSUPP || errno == ENOTTY
                      ? "this file system does not tell where a file lies (no FIEMAP)"
                      : strerror(errno);
    }
    if (fd >= 0)
        close(fd);
    if (why != NULL)
        fprintf(stderr, "extents: %s: %s\n", name, why);
    return why == NULL;
}

/* ---- Counting ---- */

/* Extents whose address does not identify their data: not allocated yet, or packed with other
 * data. */
#define NO_PLACE                                                                                   \
    (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_UNWRITTEN |                    \
     FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_DATA_TAIL)

/* Whether the bytes from `offset` on lie at the same place in both extents. A compressed extent
 * (ENCODED) has an address only for its beginning; its bytes are counted from there. */
static bool same_place(const struct fiemap_extent *one, const struct fiemap_extent *other,
                       uint64_t offset)
{
    uint32_t both = one->fe_flags & other->fe_flags, either = one->fe_flags | other->fe_flags;

    if (!(both & FIEMAP_EXTENT_SHARED) || (either & NO_PLACE))
        return false;
    if (either & FIEMAP_EXTENT_ENCODED)
        return (both & FIEMAP_EXTENT_ENCODED) && one->fe_physical == other->fe_physical;
    return one->fe_physical + (offset - one->fe_logical) ==
           other->fe_physical + (offset - other->fe_logical);
}

/* Walks along both maps, and counts what is in both files at the same offset and the same place. */
static uint64_t count_common(const struct map *one, const struct map *other)
{
    uint64_t common = 0;
    size_t i = 0, j = 0;

    while (i < one->count && j < other->count) {
        const struct fiemap_extent *a = &one->extents[i], *b = &other->extents[j];
        uint64_t a_end = a->fe_logical + a->fe_length, b_end = b->fe_logical + b->fe_length;
        uint64_t from = a->fe_logical > b->fe_logical ? a->fe_logical : b->fe_logical;
        uint64_t to = a_end < b_end ? a_end : b_end;

        if (from < to && same_place(a, b, from))
            common += to - from;
        if (a_end <= b_end)
            i++;
        else
            j++;
    }
    return common;
}

static const char *kind(const struct fiemap_extent *extent)
{
    if (extent->fe_flags & FIEMAP_EXTENT_UNWRITTEN)
        return "preallocated";
    return extent->fe_flags & FIEMAP_EXTENT_SHARED ? "shared" : "not shared";
}

static struct account count(const struct map *map)
{
    struct account account = {0, 0, 0, map->size, 0};

    for (size_t at = 0; at < map->count; at++) {
        const struct fiemap_extent *extent = &map->extents[at];
        if (extent->fe_flags & FIEMAP_EXTENT_UNWRITTEN)
            account.preallocated += extent->fe_length;
        else if (extent->fe_flags & FIEMAP_EXTENT_SHARED)
            account.shared += extent->fe_length;
        else
            account.unshared += extent->fe_length;
        account.hole -= extent->fe_length;
    }
    return account;
}

/* ---- Printing ---- */

static void print_list(const struct map *map)
{
    printf("  %20s %20s %20s\n", "offset", "bytes", "place on the disk");
    for (size_t at = 0; at < map->count; at++) {
        const struct fiemap_extent *extent = &map->extents[at];
        printf("  %20" PRIu64 " %20" PRIu64 " %20" PRIu64 "  %s%s\n", (uint64_t)extent->fe_logical,
               (uint64_t)extent->fe_length, (uint64_t)extent->fe_physical, kind(extent),
               extent->fe_flags & FIEMAP_EXTENT_ENCODED ? ", compressed or encrypted" : "");
    }
}

static void print_line(const char *name, const struct map *map, const struct account *account,
                       const char *other)
{
    printf("%s: %" PRIu64 " bytes: %" PRIu64 " shared, %" PRIu64 " not shared", name, map->size,
           account->shared, account->unshared);
    if (account->hole > 0)
        printf(", %" PRIu64 " in holes", account->hole);
    if (account->preallocated > 0)
        printf(", %" PRIu64 " preallocated", account->preallocated);
    printf("; %zu extent%s", map->count, map->count == 1 ? "" : "s");
    if (other != NULL)
        printf("; %" PRIu64 " are those of %s", account->common, other);
    putchar('\n');
}

static void print_numbers(const struct account *account, size_t extents, bool common)
{
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %zu", account->shared,
           account->unshared, account->hole, account->preallocated, extents);
    if (common)
        printf(" %" PRIu64, account->common);
    putchar('\n');
}

static bool show(const char *name, const struct command *command, const struct map *other)
{
    struct map map;
    struct account account;
    bool good = read_map(name, &map);

    if (good && other != NULL && other->device != map.device) {
        /* Equal addresses on two volumes mean nothing. (This also separates Btrfs subvolumes.) */
        fprintf(stderr, "extents: %s and %s are not on the same volume\n", name, command->other);
        good = false;
    }
    if (good) {
        account = count(&map);
        if (other != NULL)
            account.common = count_common(&map, other);
        if (command->numbers)
            print_numbers(&account, map.count, other != NULL);
        else
            print_line(name, &map, &account, command->other);
        if (command->list)
            print_list(&map);
    }
    free(map.extents);
    return good;
}

static const char help[] =
    "usage: extents [OPTION]... FILE...\n"
    "Prints how many bytes of each FILE are shared with other files, as the file system says\n"
    "(Linux, FIEMAP: Btrfs, XFS, bcachefs, OCFS2; others share nothing, or do not say).\n"
    "\n"
    "  -l, --list          list the extents too\n"
    "  -w, --with OTHER    count the bytes that lie at the same place on the disk as in OTHER\n"
    "  -n, --numbers       numbers only: shared, not shared, holes, preallocated, extents,\n"
    "                      and, with -w, bytes shared with OTHER\n"
    "  -h, --help          print this\n"
    "\n"
    "exit status: 0 done, 1 failed, 2 usage.\n";

static void usage(const char *why)
{
    if (why != NULL)
        fprintf(stderr, "extents: %s\n", why);
    fputs("Try 'extents --help'.\n", stderr);
    exit(USAGE);
}

static void read_options(int argc, char **argv, struct command *command)
{
    static const struct option long_options[] = {
        {"list", no_argument, NULL, 'l'},
        {"with", required_argument, NULL, 'w'},
        {"numbers", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "lw:nh", long_options, NULL)) != -1) {
        switch (letter) {
        case 'l':
            command->list = true;
            break;
        case 'w':
            command->other = optarg;
            break;
        case 'n':
            command->numbers = true;
            break;
        case 'h':
            fputs(help, stdout);
            exit(fflush(stdout) == 0 ? DONE : FAILED);
        default:
            usage(NULL); /* getopt has said what is wrong */
        }
    }
    if (optind == argc)
        usage("a FILE is needed");
}

int main(int argc, char **argv)
{
    struct command command = {false, false, NULL};
    struct map other = {0, 0, NULL, 0};
    bool ready, good;

    read_options(argc, argv, &command);
    ready = command.other == NULL || read_map(command.other, &other);
    good = ready;
    for (int at = optind; ready && at < argc; at++)
        good = show(argv[at], &command, command.other ? &other : NULL) && good;
    free(other.extents);
    if (fflush(stdout) != 0) {
        perror("extents: cannot print");
        return FAILED;
    }
    return good ? DONE : FAILED;
}
