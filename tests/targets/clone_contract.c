/* clone_contract DIR: makes each kind of clone in DIR, which must be able to clone, also at
 * offsets beyond 4 GiB, and checks it with FIEMAP. tests/contract has the long list of cases. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "libreflink.h"

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BLOCK  UINT64_C(65536) /* a multiple of every block size that is mounted */
#define FAR    (UINT64_C(5) << 30)
#define LENGTH (16 * BLOCK)

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);              \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static unsigned char content[LENGTH], found[LENGTH];

static int open_new(const char *name)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    CHECK(fd >= 0);
    return fd;
}

static void put(int fd, uint64_t at)
{
    CHECK(pwrite(fd, content, LENGTH, (off_t)at) == (ssize_t)LENGTH);
    CHECK(fsync(fd) == 0);
}

static int holds(int fd, uint64_t at, uint64_t from, uint64_t length)
{
    return pread(fd, found, length, (off_t)at) == (ssize_t)length &&
           memcmp(found, content + from, length) == 0;
}

/* How many bytes of a range lie in extents that another file has too. */
static uint64_t shared(int fd, uint64_t start, uint64_t length)
{
    enum { EXTENTS = 64 };
    struct fiemap *map = calloc(1, sizeof *map + EXTENTS * sizeof(struct fiemap_extent));
    uint64_t sum = 0;
    unsigned at;
    map->fm_start = start;
    map->fm_length = length;
    map->fm_flags = FIEMAP_FLAG_SYNC;
    map->fm_extent_count = EXTENTS;
    CHECK(ioctl(fd, FS_IOC_FIEMAP, map) == 0);
    for (at = 0; at < map->fm_mapped_extents && at < EXTENTS; at++) {
        const struct fiemap_extent *extent = &map->fm_extents[at];
        uint64_t from = extent->fe_logical > start ? extent->fe_logical : start;
        uint64_t to = extent->fe_logical + extent->fe_length;
        to = to < start + length ? to : start + length;
        if ((extent->fe_flags & FIEMAP_EXTENT_SHARED) && to > from)
            sum += to - from;
    }
    free(map);
    return sum;
}

static void check_file(struct reflink_options options)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    int source = open_new("source"), copy;
    put(source, 0);
    CHECK(shared(source, 0, LENGTH) == 0); /* else what follows proves nothing */
    CHECK(reflink_copy_file("source", "clone", &options, &result) == 0);
    CHECK(result.method == REFLINK_METHOD_CLONE && result.bytes_cloned == LENGTH);
    copy = open("clone", O_RDONLY);
    CHECK(holds(copy, 0, 0, LENGTH) && shared(copy, 0, LENGTH) == LENGTH);
    options.mode = REFLINK_NEVER;
    CHECK(reflink_copy_file("source", "bytes", &options, &result) == 0);
    CHECK(result.method == REFLINK_METHOD_COPY && result.bytes_copied == LENGTH);
    close(copy);
    copy = open("bytes", O_RDONLY);
    CHECK(holds(copy, 0, 0, LENGTH) && shared(copy, 0, LENGTH) == 0);
    close(copy);
    close(source);
}

static void check_range(const struct reflink_options *always)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    int source = open("source", O_RDONLY), target = open_new("target");
    CHECK(reflink_copy_range(source, BLOCK, target, 3 * BLOCK, 4 * BLOCK, always, &result) == 0);
    CHECK(result.method == REFLINK_METHOD_CLONE && result.bytes_cloned == 4 * BLOCK);
    CHECK(holds(target, 3 * BLOCK, BLOCK, 4 * BLOCK));
    CHECK(shared(target, 3 * BLOCK, 4 * BLOCK) == 4 * BLOCK);
    CHECK(reflink_copy_range(source, 100, target, 100, 3 * BLOCK, NULL, &result) == 0);
    CHECK(result.method == REFLINK_METHOD_MIXED);
    CHECK(result.bytes_cloned >= 2 * BLOCK && result.bytes_copied > 0);
    CHECK(result.bytes_cloned + result.bytes_copied == 3 * BLOCK);
    CHECK(holds(target, 100, 100, 3 * BLOCK) && shared(target, BLOCK, 2 * BLOCK) == 2 * BLOCK);
    close(source);
    close(target);
}

/* Offsets that do not fit into 32 bits, of a file that is mostly a hole. */
static void check_far(const struct reflink_options *always)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    struct reflink_options never = REFLINK_OPTIONS_INIT;
    int far = open_new("far"), target = open_new("far-target");
    put(far, FAR);
    CHECK(reflink_copy_range(far, FAR + BLOCK, target, 2 * FAR, 2 * BLOCK, always, &result) == 0);
    CHECK(result.bytes_cloned == 2 * BLOCK &&
          lseek(target, 0, SEEK_END) == (off_t)(2 * FAR + 2 * BLOCK));
    CHECK(holds(target, 2 * FAR, BLOCK, 2 * BLOCK));
    CHECK(shared(target, 2 * FAR, 2 * BLOCK) == 2 * BLOCK);
    CHECK(reflink_copy_file("far", "far-clone", always, &result) == 0);
    CHECK(result.bytes_cloned == FAR + LENGTH);
    never.mode = REFLINK_NEVER;
    CHECK(reflink_copy_file("far", "far-bytes", &never, &result) == 0);
    CHECK(result.bytes_hole == FAR && result.bytes_copied == LENGTH);
    close(target);
    target = open("far-bytes", O_RDONLY);
    CHECK(holds(target, FAR, 0, LENGTH) && shared(target, FAR, LENGTH) == 0);
    close(target);
    close(far);
}

int main(int argc, char **argv)
{
    struct reflink_options always = REFLINK_OPTIONS_INIT;
    size_t at;
    if (argc != 2 || chdir(argv[1]) != 0)
        return fprintf(stderr, "usage: %s EMPTY_DIRECTORY\n", argv[0]), 2;
    for (at = 0; at < LENGTH; at++)
        content[at] = (unsigned char)((at * 2654435761u) >> 13);
    always.mode = REFLINK_ALWAYS;
    check_file(always);
    check_range(&always);
    check_far(&always);
    return failures != 0;
}
