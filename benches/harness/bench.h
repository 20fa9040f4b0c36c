/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the parts of the benchmark's harness share. One process drives every peer, so that they meet
 * the same caches and the same noise; the order is drawn anew for each file. */

#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define KIB       ((uint64_t)1 << 10)
#define MIB       ((uint64_t)1 << 20)
#define GIB       ((uint64_t)1 << 30)
#define MAX_PEERS 16
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

/* Where a run works, and how much of it. The current directory is the file system under test. */
struct lab {
    const char *fs;    /* its name, for the table */
    const char *other; /* a directory of another volume of the same kind, or NULL */
    bool clones;       /* it can clone within itself */
    bool quick;
    FILE *out;
};

/* A way to copy one file to a name that does not exist yet: 0, or an errno. */
struct peer {
    const char *name;
    int (*copy)(const char *src, const char *dst);
    bool keeps_holes;
};

/* peers.c */
extern const struct peer BARE_DIRECT, BARE_DIRECT_AGAIN, BARE_ATOMIC, BARE_LEAST, OURS_UNSTAGED,
    OURS_DEFAULT, OURS_NEVER, OURS_RUST, LIBUV, RUST_CRATE;
struct range {
    int src, dst;
    uint64_t from, to, length;
};
int bare_range(const struct range *range);
int reflink_range(const struct range *range);
uint64_t reflink_range_shared(void); /* bytes that the last reflink_range cloned */

/* outside.c: peers that are programs. Files are named FIRST..LAST-1 as file_name() does. */
uint64_t cp_files(const char *from, const char *to, unsigned first, unsigned last);
uint64_t python_files(const char *function, const char *from, const char *to, unsigned first,
                      unsigned last);
extern const struct peer CP, CP_NEVER, SHUTIL; /* one file for each call */
uint64_t outside_cpu(void);                    /* CPU time of the last of them, in ns */
uint64_t shutil_time(void);                    /* of its last copy, by its own clock */
void outside_stop(void);
bool on_path(const char *program);
void run_program(char **arguments); /* in silence; outside_cpu() says what it took */

/* files.c */
void die(const char *what);
void file_name(char *out, const char *dir, unsigned number);
void make_dir(const char *dir);
void make_file(const char *path, uint64_t size, uint64_t stretch, uint64_t every);
void make_files(const char *dir, unsigned count, uint64_t size);
void remove_files(const char *dir, unsigned first, unsigned last);
void settle(void);
void check_copy(const char *src, const char *dst, const char *peer);
uint64_t allocated(const char *path);
bool can_clone(void);

/* samples.c */
struct samples {
    const char *peer;
    double *ns;
    size_t used, room;
};
uint64_t now(void);
uint64_t cpu_now(void); /* of this thread */
void shuffle(unsigned *order, unsigned count);
void add_sample(struct samples *samples, double ns);
void put_samples(const struct lab *lab, const char *what, const char *variant, uint64_t size,
                 struct samples *samples, unsigned count);
void put_note(const struct lab *lab, const char *what, const char *variant, uint64_t size,
              const char *peer, const char *key, double value);

/* The cases, each in a file of its own. */
void run_small(const struct lab *lab, uint64_t size, unsigned files, unsigned sources);
void run_tiny(const struct lab *lab);
void run_start(const struct lab *lab);
void run_big(const struct lab *lab, const char *which);
int run_one(const char *name, const char *src, const char *dst);
void run_ranges(const struct lab *lab);
void run_maps(const struct lab *lab);
void run_dedupe(const struct lab *lab);
void run_sizes(const struct lab *lab);
void run_steps(const struct lab *lab);
void run_count(const struct lab *lab);
void run_python(const struct lab *lab);

#endif
