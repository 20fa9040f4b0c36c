/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Many small files. Peers in this process take turns file by file, in a drawn order; programs take
 * turns with the library in slices. Where the file system cannot clone, the same is a copy. */

#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

static const struct peer *const INSIDE[] = {
    &BARE_DIRECT,  &BARE_DIRECT_AGAIN, &BARE_ATOMIC, &BARE_LEAST, &OURS_UNSTAGED,
    &OURS_DEFAULT, &OURS_RUST,         &LIBUV,       &RUST_CRATE,
};
enum { BATCH_DIRECT, BATCH_DEFAULT, BATCH_CP, BATCH_SHUTIL, BATCHES };

struct slice {
    unsigned first, last;
};

static void target(char *out, const char *kind, unsigned peer)
{
    sprintf(out, "%s%u", kind, peer);
}

/* One copy, timed. */
static uint64_t time_copy(const struct peer *peer, const char *src, const char *dst)
{
    uint64_t start = now();
    int failed = peer->copy(src, dst);
    uint64_t took = now() - start;
    if (failed) {
        fprintf(stderr, "harness: %s: %s to %s: error %d\n", peer->name, src, dst, failed);
        exit(1);
    }
    return took;
}

static void file_by_file(struct slice slice, struct samples *samples)
{
    for (unsigned i = slice.first; i < slice.last; i++) {
        unsigned order[COUNT(INSIDE)];
        shuffle(order, COUNT(INSIDE));
        for (unsigned turn = 0; turn < COUNT(INSIDE); turn++) {
            unsigned k = order[turn];
            char src[64], dir[32], dst[64];
            file_name(src, "s", i);
            target(dir, "d", turn); /* not k: directories differ in place and size */
            file_name(dst, dir, i);
            add_sample(&samples[k], (double)time_copy(INSIDE[k], src, dst));
            if (i == slice.first)
                check_copy(src, dst, INSIDE[k]->name);
        }
    }
}

/* A loop of calls. The names are made before the clock starts, as for the programs. */
static uint64_t loop(const struct peer *peer, const char *dir, struct slice slice, uint64_t *cpu)
{
    unsigned count = slice.last - slice.first;
    char(*names)[2][64] = malloc(count * sizeof *names);
    if (!names)
        die("memory");
    for (unsigned i = 0; i < count; i++) {
        file_name(names[i][0], "s", slice.first + i);
        file_name(names[i][1], dir, slice.first + i);
    }
    uint64_t start = now(), cpu_start = cpu_now();
    for (unsigned i = 0; i < count; i++)
        if (peer->copy(names[i][0], names[i][1]) != 0)
            die(peer->name);
    *cpu = cpu_now() - cpu_start;
    uint64_t took = now() - start;
    free(names);
    return took;
}

static uint64_t one_batch(unsigned which, const char *dir, struct slice slice, uint64_t *cpu)
{
    uint64_t took;
    switch (which) {
    case BATCH_DIRECT:
        return loop(&OURS_UNSTAGED, dir, slice, cpu);
    case BATCH_DEFAULT:
        return loop(&OURS_DEFAULT, dir, slice, cpu);
    case BATCH_CP:
        took = cp_files("s", dir, slice.first, slice.last);
        break;
    default:
        took = python_files("shutil.copyfile", "s", dir, slice.first, slice.last);
    }
    *cpu = outside_cpu();
    return took;
}

static void in_batches(struct slice slice, struct samples *samples, struct samples *cpu)
{
    unsigned order[BATCHES];
    shuffle(order, BATCHES);
    for (unsigned turn = 0; turn < BATCHES; turn++) {
        unsigned k = order[turn];
        char dir[32], src[64], dst[64];
        target(dir, "b", turn);
        uint64_t used, took = one_batch(k, dir, slice, &used);
        add_sample(&cpu[k], (double)used / (slice.last - slice.first));
        add_sample(&samples[k], (double)took / (slice.last - slice.first));
        file_name(src, "s", slice.first);
        file_name(dst, dir, slice.first);
        check_copy(src, dst, "a batch");
    }
}

static void wipe(struct slice slice)
{
    char dir[32];
    for (unsigned k = 0; k < COUNT(INSIDE); k++) {
        target(dir, "d", k);
        remove_files(dir, slice.first, slice.last);
    }
    for (unsigned k = 0; k < BATCHES; k++) {
        target(dir, "b", k);
        remove_files(dir, slice.first, slice.last);
    }
    settle();
}

/* The first clone of a file also marks it as shared (XFS logs that). This one is not timed, so
 * that no peer pays for it. */
static void share_once(unsigned sources)
{
    char src[64], dst[64];
    make_dir("shared");
    for (unsigned i = 0; i < sources; i++) {
        file_name(src, "s", i);
        file_name(dst, "shared", i);
        if (OURS_UNSTAGED.copy(src, dst) != 0)
            die("sharing");
    }
}

static void prepare(const struct lab *lab, uint64_t size, unsigned sources)
{
    char dir[32];
    make_files("s", sources, size);
    for (unsigned k = 0; k < COUNT(INSIDE); k++) {
        target(dir, "d", k);
        make_dir(dir);
    }
    for (unsigned k = 0; k < BATCHES; k++) {
        target(dir, "b", k);
        make_dir(dir);
    }
    settle();
    if (lab->clones)
        share_once(sources);
    settle();
}

static void name_samples(struct samples *inside, struct samples *batches, struct samples *cpu)
{
    static const char *const NAMES[] = {"libreflink UNSTAGED", "libreflink", "cp",
                                        "shutil.copyfile"};
    for (unsigned k = 0; k < COUNT(INSIDE); k++)
        inside[k].peer = INSIDE[k]->name;
    for (unsigned k = 0; k < BATCHES; k++)
        batches[k].peer = cpu[k].peer = NAMES[k];
}

static void run(const struct lab *lab, const char *what, uint64_t size, unsigned files,
                unsigned sources, unsigned length)
{
    struct samples inside[COUNT(INSIDE)] = {{0}}, batches[BATCHES] = {{0}}, cpu[BATCHES] = {{0}};
    name_samples(inside, batches, cpu);
    prepare(lab, size, sources);
    for (unsigned done = 0; done < files; done += length) {
        struct slice slice = {done % sources, done % sources + length};
        file_by_file(slice, inside);
        in_batches(slice, batches, cpu);
        wipe(slice);
    }
    put_samples(lab, what, "call", size, inside, COUNT(INSIDE));
    put_samples(lab, what, "batch", size, batches, BATCHES);
    put_samples(lab, what, "batch cpu", size, cpu, BATCHES);
    remove_files("s", 0, sources);
    if (lab->clones)
        remove_files("shared", 0, sources);
    settle();
}

/* `files` copies of `sources` files. Slices keep the number of files between two clean-ups
 * small. */
void run_small(const struct lab *lab, uint64_t size, unsigned files, unsigned sources)
{
    unsigned length = !lab->clones && size >= MIB ? 50 : 250;
    run(lab, "small", size, files, sources, length);
}

void run_tiny(const struct lab *lab)
{
    unsigned files = lab->quick ? 5000 : 100000;
    run(lab, "tiny", KIB, files, files, files / 20);
}

/* What the start of a process costs, against a call: one file for each. */
void run_start(const struct lab *lab)
{
    static const struct peer *const BOTH[] = {&OURS_DEFAULT, &CP};
    struct samples samples[COUNT(BOTH)] = {{0}};
    unsigned rounds = lab->quick ? 30 : 200;
    make_file("one", 4 * KIB, KIB, KIB);
    settle();
    for (unsigned i = 0; i < rounds; i++) {
        unsigned order[COUNT(BOTH)];
        shuffle(order, COUNT(BOTH));
        for (unsigned turn = 0; turn < COUNT(BOTH); turn++) {
            unsigned k = order[turn];
            samples[k].peer = BOTH[k]->name;
            add_sample(&samples[k], (double)time_copy(BOTH[k], "one", "two"));
            unlink("two");
        }
    }
    put_samples(lab, "start", "call", 4 * KIB, samples, COUNT(BOTH));
    unlink("one");
}
