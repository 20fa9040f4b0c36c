/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * One large file after the other: dense, sparse, in 100,000 extents. Each copy is removed at once,
 * before its dirty pages are written back: what is timed is the copy, not the device. Each is made
 * by a process of its own, as cp is: where malloc puts a buffer depends on what came before. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static const struct peer *const EVERYONE[] = {
    &BARE_DIRECT, &OURS_UNSTAGED, &OURS_DEFAULT, &LIBUV, &RUST_CRATE, &CP, &SHUTIL,
};
static const struct peer *const HOLE_KEEPERS[] = {&OURS_UNSTAGED, &OURS_DEFAULT, &CP};
static const struct peer *const NEVERS[] = {&OURS_NEVER, &CP_NEVER, &SHUTIL};

/* The number of extents as FIEMAP counts them; 0 where it is not known (tmpfs). */
static unsigned extents(const char *path)
{
    struct fiemap map;
    memset(&map, 0, sizeof map);
    map.fm_length = FIEMAP_MAX_OFFSET;
    map.fm_flags = FIEMAP_FLAG_SYNC;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die(path);
    int failed = ioctl(fd, FS_IOC_FIEMAP, &map);
    close(fd);
    return failed ? 0 : map.fm_mapped_extents;
}

static const struct peer *const IN_PROCESS[] = {
    &BARE_DIRECT, &OURS_UNSTAGED, &OURS_DEFAULT, &OURS_NEVER, &LIBUV, &RUST_CRATE,
};

static const struct peer *in_process(const char *name)
{
    for (unsigned k = 0; k < COUNT(IN_PROCESS); k++)
        if (strcmp(IN_PROCESS[k]->name, name) == 0)
            return IN_PROCESS[k];
    return NULL;
}

/* What `harness one PEER SRC DST` does: the whole life of a process that makes one copy. */
int run_one(const char *name, const char *src, const char *dst)
{
    const struct peer *peer = in_process(name);
    return !peer || peer->copy(src, dst) != 0;
}

/* Starts that process, and says what CPU time it took. */
static int copy_freshly(const struct peer *peer, const char *src, uint64_t *cpu)
{
    struct rusage used;
    int status;
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "harness", "one", peer->name, src, "copy", (char *)NULL);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &used) != child)
        die("a process");
    *cpu = (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000u +
           (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000u;
    return status;
}

static void one_copy(const struct lab *lab, const char *what, uint64_t size, const char *src,
                     const struct peer *peer, struct samples *samples, struct samples *cpu)
{
    uint64_t start = now(), used = 0;
    bool fresh = in_process(peer->name) != NULL;
    int failed = fresh ? copy_freshly(peer, src, &used) : peer->copy(src, "copy");
    uint64_t took = now() - start;
    if (failed) {
        fprintf(stderr, "harness: %s: %s: error %d\n", peer->name, src, failed);
        exit(1);
    }
    if (!fresh)
        used = outside_cpu();
    if (peer == &SHUTIL)
        took = shutil_time();
    if (samples->used == 0) {
        check_copy(src, "copy", peer->name);
        put_note(lab, what, "call", size, peer->name, "allocated", (double)allocated("copy"));
    }
    add_sample(samples, (double)took);
    add_sample(cpu, (double)used);
    if (unlink("copy") != 0)
        die("copy");
    settle();
}

/* A first round that does not count warms the source and the allocator. */
static void rounds(const struct lab *lab, const char *what, uint64_t size, const char *src,
                   const struct peer *const *peers, unsigned count, unsigned times)
{
    struct samples samples[MAX_PEERS] = {{0}}, cpu[MAX_PEERS] = {{0}};
    for (unsigned k = 0; k < count; k++)
        samples[k].peer = cpu[k].peer = peers[k]->name;
    if (peers[0]->copy(src, "copy") != 0 || unlink("copy") != 0)
        die("the first round");
    settle();
    for (unsigned round = 0; round < times; round++) {
        unsigned order[MAX_PEERS];
        shuffle(order, count);
        for (unsigned turn = 0; turn < count; turn++)
            one_copy(lab, what, size, src, peers[order[turn]], &samples[order[turn]],
                     &cpu[order[turn]]);
    }
    put_samples(lab, what, "call", size, samples, count);
    put_samples(lab, what, "cpu", size, cpu, count);
}

static void make_source(const char *path, uint64_t size, uint64_t stretch, uint64_t every)
{
    make_file(path, size, stretch, every);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        die(path);
    close(fd);
    settle();
}

static void fragmented(const struct lab *lab, unsigned times)
{
    /* Every other block: neighbours in the file are not neighbours on the device. */
    unsigned wanted = lab->quick ? 10000 : 100000;
    uint64_t size = wanted * 8 * KIB;
    make_source("source", size, 4 * KIB, 8 * KIB);
    put_note(lab, "fragmented", "call", size, "source", "extents", extents("source"));
    rounds(lab, "fragmented", size, "source", EVERYONE, COUNT(EVERYONE), times);
    unlink("source");
}

static void dense(const struct lab *lab, const char *src, unsigned times)
{
    uint64_t size = lab->quick ? 128 * MIB : GIB;
    make_source(src, size, size, size);
    rounds(lab, "dense", size, src, EVERYONE, COUNT(EVERYONE), times);
    unlink(src);
    if (!lab->clones)
        return;
    make_source("source", size, size, size);
    rounds(lab, "never", size, "source", NEVERS, COUNT(NEVERS), times);
    unlink("source");
}

/* 1 % of data, in pieces of 64 KiB. Peers that fill holes would write 10 GiB of zeros, so they
 * run on 1 GiB only. */
static void sparse(const struct lab *lab, const char *src, unsigned times)
{
    uint64_t size = lab->quick ? 128 * MIB : GIB;
    make_source(src, size, 64 * KIB, 6400 * KIB);
    rounds(lab, "sparse", size, src, EVERYONE, COUNT(EVERYONE), times);
    unlink(src);
    make_source(src, 10 * GIB, 64 * KIB, 6400 * KIB);
    rounds(lab, "sparse", 10 * GIB, src, HOLE_KEEPERS, COUNT(HOLE_KEEPERS), times * 2);
    unlink(src);
}

/* Where the file system clones, a fallback needs a source on another volume. */
void run_big(const struct lab *lab, const char *which)
{
    unsigned times = lab->quick ? 3 : 9;
    char src[4096] = "source";
    if (lab->other)
        snprintf(src, sizeof src, "%s/source", lab->other);
    if (strcmp(which, "dense") == 0)
        dense(lab, src, times);
    else if (strcmp(which, "sparse") == 0)
        sparse(lab, src, times);
    else
        fragmented(lab, 3); /* a clone and its removal take seconds each */
    settle();
}
