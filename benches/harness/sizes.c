/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Cost against size, and clone against copy: the library's AUTO and NEVER on dense and on sparse
 * files; once more with the write-out of what was made; and once from a source just written. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

static const struct peer *const BOTH[] = {&OURS_DEFAULT, &OURS_NEVER};

static uint64_t copy(const struct peer *peer, const char *dst)
{
    uint64_t start = now();
    int failed = peer->copy("source", dst);
    uint64_t took = now() - start;
    if (failed) {
        fprintf(stderr, "harness: %s: error %d\n", peer->name, failed);
        exit(1);
    }
    return took;
}

/* The source as a program leaves it that has just written it: dirty in the page cache. */
static void write_source(uint64_t size)
{
    make_file("source", size, size, size);
}

static void turns(const struct lab *lab, const char *variant, uint64_t size, unsigned rounds,
                  bool written)
{
    struct samples samples[COUNT(BOTH)] = {{0}};
    for (unsigned round = 0; round < rounds; round++) {
        unsigned order[COUNT(BOTH)];
        shuffle(order, COUNT(BOTH));
        for (unsigned turn = 0; turn < COUNT(BOTH); turn++) {
            unsigned k = order[turn];
            samples[k].peer = BOTH[k]->name;
            if (written)
                write_source(size);
            add_sample(&samples[k], (double)copy(BOTH[k], "copy"));
            unlink("copy");
        }
        if (size >= 64 * MIB || round % 100 == 99)
            settle();
    }
    put_samples(lab, "sizes", variant, size, samples, COUNT(BOTH));
    settle();
}

/* Copies and one syncfs, per copy: the time includes what reaches the device in the end. */
static void with_write_out(const struct lab *lab, uint64_t size, unsigned rounds)
{
    enum { TOGETHER = 50 };
    struct samples samples[COUNT(BOTH)] = {{0}};
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_dir("w");
    for (unsigned round = 0; round < rounds; round++) {
        unsigned order[COUNT(BOTH)];
        shuffle(order, COUNT(BOTH));
        for (unsigned turn = 0; turn < COUNT(BOTH); turn++) {
            unsigned k = order[turn];
            char dst[64];
            samples[k].peer = BOTH[k]->name;
            settle();
            uint64_t start = now();
            for (unsigned i = 0; i < TOGETHER; i++) {
                file_name(dst, "w", i);
                copy(BOTH[k], dst);
            }
            syncfs(here);
            add_sample(&samples[k], (double)(now() - start) / TOGETHER);
            remove_files("w", 0, TOGETHER);
        }
    }
    close(here);
    put_samples(lab, "sizes", "written out", size, samples, COUNT(BOTH));
}

static unsigned rounds_for(const struct lab *lab, uint64_t size)
{
    unsigned rounds = size <= MIB ? 1000 : size <= 16 * MIB ? 100 : 15;
    return lab->quick ? rounds / 10 + 2 : rounds;
}

static void dense(const struct lab *lab, uint64_t size)
{
    make_file("source", size, size, size);
    settle();
    turns(lab, "dense", size, rounds_for(lab, size), false);
    if (lab->clones && size <= 4 * MIB) {
        with_write_out(lab, size, lab->quick ? 5 : 15);
        turns(lab, "just written", size, rounds_for(lab, size) / 4 + 2, true);
    }
    unlink("source");
}

/* At most 64 blocks of data, evenly spread: what is measured is the file's length. */
static void sparse(const struct lab *lab, uint64_t size)
{
    uint64_t every = size / 64 < 4 * KIB ? 4 * KIB : size / 64;
    make_file("source", size, every == 4 * KIB ? 4 * KIB - 1 : 4 * KIB, every);
    settle();
    turns(lab, "sparse", size, rounds_for(lab, size < MIB ? size : 16 * MIB), false);
    unlink("source");
}

void run_sizes(const struct lab *lab)
{
    static const uint64_t DENSE[] = {4,   8,    16,   32,    64,    128,   256,
                                     512, 1024, 4096, 16384, 65536, 262144};
    for (unsigned i = 0; i < COUNT(DENSE); i++)
        if (!lab->quick || DENSE[i] <= 16384)
            dense(lab, DENSE[i] * KIB);
    for (uint64_t size = 4 * KIB; size <= 64 * GIB; size *= lab->quick ? 16 : 4)
        sparse(lab, size);
}
