/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Dedupe of two equal files: reflink_dedupe_fd against a loop of FIDEDUPERANGE in the same steps,
 * and against the programs that people use. Cached, read from the device, and shared already. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libreflink.h>

#include "bench.h"

#define STEP (16 * MIB)

static uint64_t size_of(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        die("fstat");
    return (uint64_t)st.st_size;
}

static void bare(int src, int dst)
{
    uint64_t size = size_of(src);
    for (uint64_t at = 0; at < size; at += STEP) {
        struct file_dedupe_range *range =
            calloc(1, sizeof *range + sizeof(struct file_dedupe_range_info));
        if (!range)
            die("memory");
        range->src_offset = at;
        range->src_length = STEP < size - at ? STEP : size - at;
        range->dest_count = 1;
        range->info[0].dest_fd = dst;
        range->info[0].dest_offset = at;
        if (ioctl(src, FIDEDUPERANGE, range) != 0 || range->info[0].status != 0)
            die("FIDEDUPERANGE");
        free(range);
    }
}

static void ours(int src, int dst)
{
    struct reflink_dedupe_result result = REFLINK_DEDUPE_RESULT_INIT;
    int code = reflink_dedupe_fd(src, dst, NULL, &result);
    if (code != 0 || result.bytes_deduped + result.bytes_already != result.length) {
        fprintf(stderr, "harness: dedupe: %s\n", reflink_strerror(code));
        exit(1);
    }
}

#define SRC "pair/one"
#define DST "pair/two"

/* In this process, or by a program that finds out by itself what is equal. */
struct way {
    const char *name;
    void (*dedupe)(int src, int dst);
    const char *arguments[8];
};

static const struct way WAYS[] = {
    {"FIDEDUPERANGE", bare, {NULL}},
    {"libreflink", ours, {NULL}},
    {"duperemove", NULL, {"duperemove", "-d", SRC, DST}},
    {"jdupes", NULL, {"jdupes", "-q", "-B", "pair"}},
    {"rmlint", NULL, {"rmlint", "--dedupe", SRC, DST}},
    {"fclones", NULL, {"sh", "-c", "fclones group pair | fclones dedupe"}},
};

struct kind {
    const char *name;
    uint64_t size;
    unsigned rounds;
    bool cold, shared;
};

static int opened(const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die(name);
    return fd;
}

/* A copy with blocks of its own, unless it is to share them already. */
static int prepare(const struct kind *kind, int src)
{
    make_file(DST, kind->size, MIB, MIB);
    int dst = opened(DST);
    if (fsync(dst) != 0)
        die("fsync");
    if (kind->shared)
        bare(src, dst);
    if (kind->cold) {
        settle();
        posix_fadvise(src, 0, 0, POSIX_FADV_DONTNEED);
        posix_fadvise(dst, 0, 0, POSIX_FADV_DONTNEED);
    } else if (!kind->shared) {
        posix_fadvise(src, 0, 0, POSIX_FADV_WILLNEED);
        char byte[4096];
        for (uint64_t at = 0; at < kind->size; at += sizeof byte)
            if (pread(src, byte, sizeof byte, (off_t)at) < 0)
                die("pread");
    }
    return dst;
}

/* Bytes that both have at one place: whether it was done at all. */
static uint64_t shared(int src)
{
    struct reflink_shared_result found = REFLINK_SHARED_RESULT_INIT;
    int dst = opened(DST); /* fclones puts another file there */
    if (reflink_shared(src, 0, dst, 0, REFLINK_TO_EOF, 0, &found) != 0)
        die("reflink_shared");
    close(dst);
    return found.bytes_same;
}

static void run(const struct lab *lab, const struct kind *kind)
{
    struct samples times[COUNT(WAYS)] = {{0}}, cpu[COUNT(WAYS)] = {{0}};
    make_dir("pair");
    make_file(SRC, kind->size, MIB, MIB);
    int src = opened(SRC);
    if (fsync(src) != 0)
        die("fsync");
    for (unsigned round = 0; round < (lab->quick ? 3 : kind->rounds); round++) {
        unsigned order[COUNT(WAYS)];
        shuffle(order, COUNT(WAYS));
        for (unsigned turn = 0; turn < COUNT(WAYS); turn++) {
            unsigned k = order[turn];
            if (!WAYS[k].dedupe && !on_path(WAYS[k].name))
                continue;
            int dst = prepare(kind, src);
            uint64_t start = now(), start_cpu = cpu_now();
            if (WAYS[k].dedupe)
                WAYS[k].dedupe(src, dst);
            else
                run_program((char **)WAYS[k].arguments);
            uint64_t took = now() - start;
            uint64_t took_cpu = WAYS[k].dedupe ? cpu_now() - start_cpu : outside_cpu();
            close(dst);
            if (round == 0)
                put_note(lab, "dedupe", kind->name, kind->size, WAYS[k].name, "shared",
                         (double)shared(src));
            times[k].peer = cpu[k].peer = WAYS[k].name;
            add_sample(&times[k], (double)took);
            add_sample(&cpu[k], (double)took_cpu);
        }
    }
    put_samples(lab, "dedupe", kind->name, kind->size, times, COUNT(WAYS));
    put_samples(lab, "dedupe cpu", kind->name, kind->size, cpu, COUNT(WAYS));
    close(src);
    unlink(SRC);
    unlink(DST);
    rmdir("pair");
    settle();
}

void run_dedupe(const struct lab *lab)
{
    static const struct kind KINDS[] = {
        {"cached", 128 * MIB, 20, false, false},
        {"cold", 128 * MIB, 10, true, false},
        {"shared", GIB, 5, false, true},
    };
    if (!lab->clones)
        return;
    for (unsigned k = 0; k < COUNT(KINDS); k++)
        run(lab, &KINDS[k]);
}
