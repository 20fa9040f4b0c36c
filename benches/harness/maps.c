/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Maps: reflink_extents against the bare loop of FIEMAP, on a file of one extent and on one of
 * many, before and after it was cloned; and reflink_shared against both files' bare loops. In CPU
 * time. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fiemap.h>
#include <linux/fs.h>

#include <libreflink.h>

#include "bench.h"

enum { BATCH = 1024 };

/* What a program writes that has read the manual: one buffer, until the last record. */
static uint64_t bare_map(int fd)
{
    static union {
        struct fiemap map;
        char room[sizeof(struct fiemap) + BATCH * sizeof(struct fiemap_extent)];
    } buffer;
    struct fiemap *map = &buffer.map;
    uint64_t shared = 0, at = 0;
    struct stat there;

    if (fstat(fd, &there) != 0)
        die("fstat");
    for (;;) {
        memset(map, 0, sizeof *map);
        map->fm_start = at;
        map->fm_length = FIEMAP_MAX_OFFSET - at;
        map->fm_flags = at == 0 ? FIEMAP_FLAG_SYNC : 0;
        map->fm_extent_count = BATCH;
        if (ioctl(fd, FS_IOC_FIEMAP, map) != 0)
            die("FIEMAP");
        if (map->fm_mapped_extents == 0)
            return shared;
        for (uint32_t i = 0; i < map->fm_mapped_extents; i++)
            if (map->fm_extents[i].fe_flags & FIEMAP_EXTENT_SHARED)
                shared += map->fm_extents[i].fe_length;
        const struct fiemap_extent *last = &map->fm_extents[map->fm_mapped_extents - 1];
        if (last->fe_flags & FIEMAP_EXTENT_LAST)
            return shared;
        at = last->fe_logical + last->fe_length;
    }
}

static uint64_t our_map(int fd)
{
    struct reflink_extents_result sums = REFLINK_EXTENTS_RESULT_INIT;

    if (reflink_extents(fd, 0, REFLINK_TO_EOF, 0, &sums, NULL, NULL) != 0)
        die("reflink_extents");
    return sums.bytes_shared;
}

static uint64_t bare_pair(int a, int b)
{
    return bare_map(a) + bare_map(b);
}

static uint64_t our_pair(int a, int b)
{
    struct reflink_shared_result found = REFLINK_SHARED_RESULT_INIT;

    if (reflink_shared(a, 0, b, 0, REFLINK_TO_EOF, 0, &found) != 0)
        die("reflink_shared");
    return found.bytes_same;
}

static uint64_t bare_one(int a, int b)
{
    (void)b;
    return bare_map(a);
}

static uint64_t our_one(int a, int b)
{
    (void)b;
    return our_map(a);
}

typedef uint64_t look(int a, int b);
static const char *const NAMES[] = {"bare FIEMAP", "libreflink"};

static void run(const struct lab *lab, const char *variant, uint64_t extents, look *const looks[2],
                const int fds[2], unsigned rounds, unsigned calls)
{
    struct samples samples[COUNT(NAMES)] = {{0}};
    for (unsigned round = 0; round < rounds; round++) {
        unsigned order[COUNT(NAMES)];
        shuffle(order, COUNT(NAMES));
        for (unsigned turn = 0; turn < COUNT(NAMES); turn++) {
            unsigned k = order[turn];
            uint64_t start = cpu_now();
            for (unsigned call = 0; call < calls; call++)
                looks[k](fds[0], fds[1]);
            samples[k].peer = NAMES[k];
            add_sample(&samples[k], (double)(cpu_now() - start) / calls);
        }
    }
    put_samples(lab, "maps", variant, extents, samples, COUNT(NAMES));
}

/* A file of so many extents, then its clone. It ends with data, as most files do: for a hole at the
 * end the library asks fstat once more, whether the file grew. */
static void run_file(const struct lab *lab, uint64_t extents, unsigned rounds, unsigned calls)
{
    static look *const one[] = {bare_one, our_one}, *const both[] = {bare_pair, our_pair};
    make_file("maps", (extents * 8 - 4) * KIB, 4 * KIB, 8 * KIB);
    settle();
    int fds[2] = {open("maps", O_RDONLY | O_CLOEXEC), -1};
    if (fds[0] < 0)
        die("maps");
    run(lab, "map", extents, one, fds, rounds, calls);
    if (lab->clones) {
        if (reflink_copy_file("maps", "maps clone", NULL, NULL) != 0)
            die("maps clone");
        fds[1] = open("maps clone", O_RDONLY | O_CLOEXEC);
        if (fds[1] < 0)
            die("maps clone");
        run(lab, "map, cloned", extents, one, fds, rounds, calls);
        run(lab, "compare", extents, both, fds, rounds, calls);
        close(fds[1]);
        unlink("maps clone");
    }
    close(fds[0]);
    unlink("maps");
    settle();
}

void run_maps(const struct lab *lab)
{
    run_file(lab, 1, lab->quick ? 50 : 500, 100);
    run_file(lab, lab->quick ? 20000 : 200000, lab->quick ? 10 : 40, 1);
}
