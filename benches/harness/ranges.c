/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Ranges between open files: reflink_copy_range against a loop of copy_file_range, with offsets
 * that are aligned, congruent (at the same place within a block), and neither. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

struct kind {
    const char *name;
    uint64_t from, to;
};

static const struct kind KINDS[] = {
    {"aligned", 64 * 1024, 128 * 1024},
    {"congruent", 100, 8292},
    {"not congruent", 100, 200},
};

typedef int copy_range(const struct range *range);
static copy_range *const COPIES[] = {bare_range, reflink_range};
static const char *const NAMES[] = {"copy_file_range", "libreflink"};

/* Into a file that is new each time: a range over blocks that are shared already is another case.
 */
static uint64_t one(copy_range *copy, const struct kind *kind, uint64_t length, int src)
{
    int dst = open("range", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (dst < 0)
        die("range");
    struct range range = {src, dst, kind->from, kind->to, length};
    uint64_t start = now();
    int failed = copy(&range);
    uint64_t took = now() - start;
    if (failed) {
        fprintf(stderr, "harness: range, %s: error %d\n", kind->name, failed);
        exit(1);
    }
    close(dst);
    unlink("range");
    return took;
}

static void run(const struct lab *lab, const struct kind *kind, uint64_t length, unsigned rounds,
                int src)
{
    struct samples samples[COUNT(COPIES)] = {{0}};
    for (unsigned round = 0; round < rounds; round++) {
        unsigned order[COUNT(COPIES)];
        shuffle(order, COUNT(COPIES));
        for (unsigned turn = 0; turn < COUNT(COPIES); turn++) {
            unsigned k = order[turn];
            samples[k].peer = NAMES[k];
            add_sample(&samples[k], (double)one(COPIES[k], kind, length, src));
        }
        if (round % 64 == 63)
            settle();
    }
    put_note(lab, "range", kind->name, length, "libreflink", "shared",
             (double)reflink_range_shared());
    put_samples(lab, "range", kind->name, length, samples, COUNT(COPIES));
    settle();
}

void run_ranges(const struct lab *lab)
{
    make_file("ranges", 32 * MIB, MIB, MIB);
    settle();
    int src = open("ranges", O_RDONLY | O_CLOEXEC);
    if (src < 0)
        die("ranges");
    for (unsigned k = 0; k < COUNT(KINDS); k++) {
        run(lab, &KINDS[k], 64 * KIB, lab->quick ? 200 : 2000, src);
        run(lab, &KINDS[k], 16 * MIB, lab->quick ? 20 : 200, src);
    }
    close(src);
    unlink("ranges");
}
