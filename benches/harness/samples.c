/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The clock, the order in which peers take their turns, and the raw samples as they are written
 * out: one line for each peer, nothing is averaged here. */

#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>

#include "bench.h"

uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* CPU time: other jobs on the machine do not lengthen it. */
uint64_t cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* xorshift64 with a fixed seed: the same orders in each run. */
static uint64_t draw(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Drawn, not rotated: else each peer would always follow the same one and inherit its caches. */
void shuffle(unsigned *order, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned j = (unsigned)(draw() % (i + 1));
        order[i] = order[j];
        order[j] = i;
    }
}

void add_sample(struct samples *samples, double ns)
{
    if (samples->used == samples->room) {
        samples->room = samples->room ? samples->room * 2 : 64;
        samples->ns = realloc(samples->ns, samples->room * sizeof *samples->ns);
        if (!samples->ns)
            die("memory");
    }
    samples->ns[samples->used++] = ns;
}

void put_samples(const struct lab *lab, const char *what, const char *variant, uint64_t size,
                 struct samples *samples, unsigned count)
{
    for (unsigned k = 0; k < count; k++) {
        if (samples[k].used > 0) {
            fprintf(lab->out, "ns\t%s\t%s\t%s\t%llu\t%s\t", what, variant, lab->fs,
                    (unsigned long long)size, samples[k].peer);
            for (size_t i = 0; i < samples[k].used; i++)
                fprintf(lab->out, "%s%.0f", i ? " " : "", samples[k].ns[i]);
            fputc('\n', lab->out);
        }
        free(samples[k].ns);
        samples[k].ns = NULL;
        samples[k].used = samples[k].room = 0;
    }
    fflush(lab->out);
}

void put_note(const struct lab *lab, const char *what, const char *variant, uint64_t size,
              const char *peer, const char *key, double value)
{
    fprintf(lab->out, "note\t%s\t%s\t%s\t%llu\t%s\t%s\t%.0f\n", what, variant, lab->fs,
            (unsigned long long)size, peer, key, value);
}
