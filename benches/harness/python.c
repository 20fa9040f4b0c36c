/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the Python package adds to a call: its functions in a worker, against loops of the C calls
 * that they make. CPU time, in slices that follow each other, so that load changes little. */

#define _GNU_SOURCE
#include <stdlib.h>

#include <libreflink.h>

#include "bench.h"

/* The options of Python's copy2. */
static int as_copy2(const char *from, const char *to)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    options.if_exists = REFLINK_REPLACE;
    options.preserve = REFLINK_PRESERVE_TIMES | REFLINK_PRESERVE_XATTRS | REFLINK_PRESERVE_ACL;
    options.flags = REFLINK_BEST_EFFORT_METADATA;
    return -reflink_copy_file(from, to, &options, &result);
}

static const char *const NAMES[] = {"C copyfile", "libreflink.copyfile", "C copy2",
                                    "libreflink.copy2"};
enum { C_COPYFILE, COPYFILE, C_COPY2, COPY2 };

static uint64_t loop(int (*copy)(const char *, const char *), const char *dir, unsigned files)
{
    char src[64], dst[64];
    uint64_t used = 0;
    for (unsigned i = 0; i < files; i++) {
        file_name(src, "s", i);
        file_name(dst, dir, i);
        uint64_t start = cpu_now();
        if (copy(src, dst) != 0)
            die(dst);
        used += cpu_now() - start;
    }
    return used;
}

static uint64_t one_slice(unsigned which, const char *dir, unsigned files)
{
    switch (which) {
    case C_COPYFILE:
        return loop(OURS_DEFAULT.copy, dir, files);
    case C_COPY2:
        return loop(as_copy2, dir, files);
    default:
        python_files(NAMES[which], "s", dir, 0, files);
        return outside_cpu();
    }
}

void run_python(const struct lab *lab)
{
    enum { FILES = 200 };
    struct samples cpu[COUNT(NAMES)] = {{0}};
    if (!getenv("BENCH_PYTHON_PACKAGE"))
        return; /* run.sh says why */
    make_files("s", FILES, 4 * KIB);
    make_dir("d");
    settle();
    for (unsigned round = 0; round < (lab->quick ? 20 : 100); round++) {
        unsigned order[COUNT(NAMES)];
        shuffle(order, COUNT(NAMES));
        for (unsigned turn = 0; turn < COUNT(NAMES); turn++) {
            unsigned k = order[turn];
            cpu[k].peer = NAMES[k];
            add_sample(&cpu[k], (double)one_slice(k, "d", FILES) / FILES);
            check_copy("s/000000", "d/000000", NAMES[k]);
            remove_files("d", 0, FILES);
        }
        settle();
    }
    put_samples(lab, "python", "cpu", 4 * KIB, cpu, COUNT(NAMES));
    remove_files("s", 0, FILES);
}
