/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * harness FS DIR OTHER|- full|quick OUT CASE...: runs cases in DIR, which is on the file system
 * called FS, and appends the raw samples to OUT. run.sh says in which order. */

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libreflink.h>
#include <uv.h>

#include "bench.h"

static void run_case(const struct lab *lab, const char *name)
{
    unsigned many = lab->quick ? 500 : 10000, large = lab->quick ? 250 : 1000;
    if (strcmp(name, "small") == 0) {
        run_small(lab, 4 * KIB, many, many);
        run_small(lab, 64 * KIB, many, lab->quick ? 250 : 2500);
        run_small(lab, MIB, lab->clones ? many : large, lab->quick ? 250 : 500);
    } else if (strcmp(name, "tiny") == 0) {
        run_tiny(lab);
    } else if (strcmp(name, "start") == 0) {
        run_start(lab);
    } else if (strcmp(name, "ranges") == 0) {
        run_ranges(lab);
    } else if (strcmp(name, "maps") == 0) {
        run_maps(lab);
    } else if (strcmp(name, "dedupe") == 0) {
        run_dedupe(lab);
    } else if (strcmp(name, "sizes") == 0) {
        run_sizes(lab);
    } else if (strcmp(name, "steps") == 0) {
        run_steps(lab);
    } else if (strcmp(name, "count") == 0) {
        run_count(lab);
    } else if (strcmp(name, "python") == 0) {
        run_python(lab);
    } else {
        run_big(lab, name);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "versions") == 0) {
        printf("libreflink %s\nlibuv %s\n", reflink_version_string(), uv_version_string());
        return 0;
    }
    if (argc == 5 && strcmp(argv[1], "one") == 0)
        return run_one(argv[2], argv[3], argv[4]);
    if (argc < 7) {
        fprintf(stderr, "usage: harness FS DIR OTHER|- full|quick OUT CASE...\n");
        return 2;
    }
    struct lab lab = {argv[1], strcmp(argv[3], "-") == 0 ? NULL : argv[3], false,
                      strcmp(argv[4], "quick") == 0, fopen(argv[5], "ae")};
    if (!lab.out || chdir(argv[2]) != 0)
        die(argv[2]);
    lab.clones = can_clone();
    for (int i = 6; i < argc; i++) {
        uint64_t start = now();
        run_case(&lab, argv[i]);
        fprintf(stderr, "  %s, %s: %.1f s\n", lab.fs, argv[i], (double)(now() - start) / 1e9);
    }
    outside_stop();
    return 0;
}
