/* Copies from name to name: complete or not there at all, by every mode, over old files and beside
 * them, with holes, cancelled, refused. Every check leaves the directory with exactly the names
 * that belong there. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "contract.h"

enum { MIB = 1 << 20, ODD = MIB + 12345, LONG = 20 * MIB, OLD = 70001 };

static char src[PATH_ROOM], dst[PATH_ROOM], behind[PATH_ROOM];
static const char *const only_src[] = {"src", NULL}, *const both[] = {"src", "dst", NULL};

static uint32_t new_file(const struct place *place)
{
    return place->publishes ? REFLINK_ATOMIC : REFLINK_DIRECT;
}

static bool clones(const struct place *place)
{
    return place->capability.clone == 1;
}

static void check_names(const struct place *place, const char *const *names, const char *what)
{
    char why[128] = "", name[96];
    snprintf(name, sizeof name, "%s: nothing else in the directory", what);
    check(holds_names(place->dir, names, why), name, "%s", why);
}

/* A copy that must succeed, by the method that the probe promised. */
static void good_copy(const struct place *place, struct copy *copy, const char *what)
{
    run_copy(copy, src, dst);
    const char *wrong = flaw(copy, src, dst);
    bool cloned = copy->result.method == REFLINK_METHOD_CLONE;
    bool expected = clones(place) && copy->mode != REFLINK_NEVER;
    if (check(!wrong, what, "%s", wrong ? wrong : "") && stat_of(src).st_size > 0)
        check(cloned == expected, "the method the probe promised", "%s: method %u, reason %u, %s",
              what, copy->result.method, copy->result.reason,
              reflink_err_name(copy->result.clone_error));
    check_names(place, both, what);
}

/* A copy that must fail and change nothing. */
static void refused_copy(const struct place *place, struct copy *copy, int code, uint32_t step,
                         const char *what)
{
    const char *const *names = exists(dst) ? both : only_src;
    run_copy(copy, src, dst);
    check(copy->code == code && copy->result.step == step, what, "%s at step %u, not %s at step %u",
          reflink_err_name(copy->code), copy->result.step, reflink_err_name(code), step);
    check_names(place, names, what);
}

static void begin(const struct place *place, const char *name)
{
    section(name);
    fresh_directory(place->dir);
    join(src, place->dir, "src");
    join(dst, place->dir, "dst");
    if (place->backing)
        join(behind, place->backing, "dst");
}

/* What FIEMAP says of the copy, here and behind. */
static void tell_sharing(const struct place *place, const char *here_key, const char *behind_key)
{
    uint64_t size = (uint64_t)stat_of(dst).st_size;
    fact(here_key, sharing_name(sharing(dst, 0, size)));
    if (place->backing)
        fact(behind_key, sharing_name(sharing(behind, 0, size)));
}

static void check_alone(const struct place *place, const char *what)
{
    enum sharing here = sharing(dst, 0, UINT64_MAX >> 1), there = SHARED_UNKNOWN;
    if (place->backing)
        there = sharing(behind, 0, UINT64_MAX >> 1);
    bool alone = (here == SHARED_NONE || here == SHARED_UNKNOWN) &&
                 (there == SHARED_NONE || there == SHARED_UNKNOWN);
    check(alone, what, "here %s, behind %s", sharing_name(here), sharing_name(there));
}

static void sizes(const struct place *place)
{
    static const size_t lengths[] = {0, 1, 511, 4096, 4097, 65537, ODD};
    static const struct {
        uint32_t mode;
        const char *name;
    } modes[] = {{REFLINK_AUTO, "auto"}, {REFLINK_NEVER, "never"}, {REFLINK_ALWAYS, "always"}};
    begin(place, "new");
    for (size_t m = 0; m < 3; m++) {
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            if (modes[m].mode == REFLINK_ALWAYS && !clones(place))
                continue;
            char name[64];
            snprintf(name, sizeof name, "%s, %zu bytes", modes[m].name, lengths[i]);
            make_file(src, lengths[i], 100 + i);
            struct copy copy = {.mode = modes[m].mode, .durability = new_file(place)};
            good_copy(place, &copy, name);
            if (modes[m].mode == REFLINK_NEVER)
                check_alone(place, "never shares nothing");
            if (modes[m].mode == REFLINK_AUTO && lengths[i] == ODD)
                tell_sharing(place, "shared", "shared_behind");
            unlink(dst);
        }
    }
}

static void durabilities(const struct place *place)
{
    static const struct {
        uint32_t value;
        const char *name;
    } all[] = {
        {REFLINK_ATOMIC, "atomic"}, {REFLINK_DURABLE, "durable"}, {REFLINK_DIRECT, "direct"}};
    begin(place, "durability");
    make_file(src, ODD, 5);
    for (size_t i = 0; i < 3; i++) {
        for (uint32_t mode = REFLINK_AUTO; mode <= REFLINK_NEVER; mode += REFLINK_NEVER) {
            if (!place->publishes && all[i].value != REFLINK_DIRECT)
                continue;
            struct watch watch = {.place = place,
                                  .dst = dst,
                                  .allowed = 0777,
                                  .direct = all[i].value == REFLINK_DIRECT};
            struct copy copy = {.mode = mode, .durability = all[i].value, .watch = &watch};
            good_copy(place, &copy, all[i].name);
            copy.watch = NULL;
            refused_copy(place, &copy, -EEXIST,
                         all[i].value == REFLINK_DIRECT ? REFLINK_STEP_CREATE
                                                        : REFLINK_STEP_PUBLISH,
                         "a second time");
            unlink(dst);
        }
    }
}

/* Replacing keeps a complete file under the name all the while, and is a new file. */
static void replaces(const struct place *place, uint32_t mode, uint32_t durability,
                     const char *name)
{
    char old_link[PATH_ROOM], why[128] = "";
    uint8_t *old = malloc(OLD);
    if (!old)
        die("malloc", name);
    fill_bytes(old, OLD, 8);
    make_file(dst, OLD, 8);
    bool linked = place->hard_links && link(dst, join(old_link, place->dir, "old")) == 0;
    struct watch watch = {
        .place = place, .dst = dst, .allowed = 0777, .replaces = true, .old = stat_of(dst)};
    struct copy copy = {
        .mode = mode, .if_exists = REFLINK_REPLACE, .durability = durability, .watch = &watch};
    run_copy(&copy, src, dst);
    const char *wrong = flaw(&copy, src, dst);
    check(!wrong, name, "%s", wrong ? wrong : "");
    if (linked) {
        check(holds_bytes(old_link, old, OLD, why),
              "the old file's other name keeps the old content", "%s", why);
        unlink(old_link);
    }
    check_names(place, both, name);
    free(old);
    unlink(dst);
}

static void replacing(const struct place *place)
{
    begin(place, "replace");
    make_file(src, ODD, 6);
    replaces(place, REFLINK_AUTO, REFLINK_ATOMIC, "auto, atomic");
    replaces(place, REFLINK_AUTO, REFLINK_DURABLE, "auto, durable");
    replaces(place, REFLINK_NEVER, REFLINK_ATOMIC, "never, atomic");
    replaces(place, REFLINK_NEVER, REFLINK_DIRECT, "never, direct");
    struct copy copy = {.if_exists = REFLINK_REPLACE, .durability = new_file(place)};
    good_copy(place, &copy, "nothing to replace");
    strcpy(dst, src);
    copy = (struct copy){.if_exists = REFLINK_REPLACE};
    run_copy(&copy, src, dst);
    check(copy.code == REFLINK_ERR_SAME_FILE, "by itself", "%s", reflink_err_name(copy.code));
    join(dst, place->dir, "dst");
}

static void always_or_nothing(const struct place *place)
{
    begin(place, "always");
    if (clones(place))
        return;
    make_file(src, ODD, 7);
    int code = place->capability.error;
    struct copy copy = {.mode = REFLINK_ALWAYS};
    refused_copy(place, &copy, code, REFLINK_STEP_CLONE, "refused");
    copy.durability = REFLINK_DIRECT;
    refused_copy(place, &copy, code, REFLINK_STEP_CLONE, "refused, direct");
    uint8_t *old = malloc(OLD);
    char why[128] = "";
    if (!old)
        die("malloc", dst);
    fill_bytes(old, OLD, 8);
    make_file(dst, OLD, 8);
    copy = (struct copy){.mode = REFLINK_ALWAYS, .if_exists = REFLINK_REPLACE};
    refused_copy(place, &copy, code, REFLINK_STEP_CLONE, "refused, replace");
    check(holds_bytes(dst, old, OLD, why), "the old file is as it was", "%s", why);
    free(old);
}

static void write_at(const char *path, off_t at)
{
    FILE *file = fopen(path, "r+b");
    if (!file || fseeko(file, at, SEEK_SET) || fputs("changed", file) < 0 || fflush(file) ||
        fsync(fileno(file)))
        die("write", path);
    fclose(file);
}

/* A copy is a file of its own, whatever it shares. */
static void independence(const struct place *place)
{
    char why[128] = "";
    uint8_t *bytes = malloc(ODD);
    if (!bytes)
        die("malloc", place->dir);
    fill_bytes(bytes, ODD, 9);
    begin(place, "independent");
    make_file(src, ODD, 9);
    struct copy copy = {.durability = new_file(place)};
    good_copy(place, &copy, "copied");
    write_at(src, 500000);
    check(holds_bytes(dst, bytes, ODD, why), "of writes to the source", "%s", why);
    make_file(src, ODD, 9);
    unlink(dst);
    good_copy(place, &copy, "copied again");
    write_at(dst, 500000);
    check(holds_bytes(src, bytes, ODD, why), "the source of writes to it", "%s", why);
    free(bytes);
}

/* On a network the server knows: clients guess the blocks of a file that they have just extended.
 */
static uint64_t really_allocated(const struct place *place, const char *name)
{
    char path[PATH_ROOM];
    allocated(join(path, place->dir, name)); /* has the client write it out */
    return allocated(join(path, place->backing ? place->backing : place->dir, name));
}

/* What of a sparse file's holes is still there. Room for metadata blocks and for what a file system
 * allocates ahead. */
static void check_holes(const struct place *place, uint32_t mode, const char *name, bool *kept)
{
    enum { SLACK = MIB };
    struct copy copy = {.mode = mode, .durability = new_file(place)};
    uint64_t seen = allocated(src); /* what a client calls allocated cannot be known as a hole */
    run_copy(&copy, src, dst);
    const char *wrong = flaw(&copy, src, dst);
    check(!wrong, name, "%s", wrong ? wrong : "");
    uint64_t size = (uint64_t)stat_of(src).st_size, had = really_allocated(place, "src");
    uint64_t has = copy.code ? 0 : really_allocated(place, "dst");
    bool sparse = had + SLACK < size && seen + SLACK < size;
    if (sparse)
        *kept = check(has <= had + SLACK, "its holes are kept",
                      "%s: %" PRIu64 " KiB of the source's %" PRIu64, name, has >> 10, had >> 10) &&
                *kept;
    check_names(place, both, name);
    unlink(dst);
}

static void holes(const struct place *place)
{
    static const uint64_t middle[] = {MIB, 5 * MIB}, front[] = {0};
    static const struct {
        const char *name;
        const uint64_t *at;
        size_t stretches;
    } shapes[] = {{"holes before, between and after", middle, 2},
                  {"a trailing hole", front, 1},
                  {"nothing but a hole", front, 0}};
    bool kept = true, sparse = false;
    begin(place, "holes");
    for (size_t i = 0; i < 3; i++) {
        unlink(src);
        make_sparse(src, 8 * MIB + 77, shapes[i].at, shapes[i].stretches, 100000);
        sparse = sparse || really_allocated(place, "src") < 4 * MIB;
        check_holes(place, REFLINK_AUTO, shapes[i].name, &kept);
        check_holes(place, REFLINK_NEVER, shapes[i].name, &kept);
        if (clones(place))
            check_holes(place, REFLINK_ALWAYS, shapes[i].name, &kept);
    }
    fact("holes", !sparse ? "none" : kept ? "kept" : "filled");
}

/* The source lost its data a moment ago: what the device still holds of it must not come back. It
 * was read and copied before, so that ZFS has its blocks at hand. */
static void truncated(const struct place *place)
{
    static const uint64_t front[] = {0};
    begin(place, "truncated");
    for (uint32_t mode = REFLINK_AUTO; mode <= REFLINK_NEVER; mode += REFLINK_NEVER) {
        make_sparse(src, 8 * MIB + 77, front, 1, 100000);
        struct copy copy = {.mode = mode, .durability = new_file(place)};
        for (int i = 0; i < 2; i++) {
            run_copy(&copy, src, dst);
            const char *wrong = flaw(&copy, src, dst);
            check(!wrong, "before", "%s", wrong ? wrong : "");
            unlink(dst);
        }
        make_sparse(src, 8 * MIB + 77, NULL, 0, 0);
        run_copy(&copy, src, dst);
        const char *wrong = flaw(&copy, src, dst);
        check(!wrong, mode ? "a moment ago, never" : "a moment ago, auto", "%s",
              wrong ? wrong : "");
        unlink(dst);
    }
}

/* From and to another mount: nothing can be shared, everything must come over, holes too. */
static void other_mount(const struct place *place)
{
    static const uint64_t at[] = {3 * MIB};
    begin(place, "other mount");
    join(src, place->other, "src");
    make_sparse(src, 8 * MIB, at, 1, 100000);
    struct copy copy = {.mode = REFLINK_ALWAYS};
    run_copy(&copy, src, dst);
    check(copy.code == -EXDEV || copy.code == -EOPNOTSUPP || copy.code == -EINVAL,
          "always is refused", "%s", reflink_err_name(copy.code));
    static const char *const nothing[] = {NULL};
    check_names(place, nothing, "always is refused");
    copy = (struct copy){.durability = new_file(place), .flags = REFLINK_BEST_EFFORT_METADATA};
    run_copy(&copy, src, dst);
    const char *wrong = flaw(&copy, src, dst);
    check(!wrong && copy.result.bytes_cloned == 0, "into here", "%s",
          wrong ? wrong : "it says cloned");
    if (!wrong)
        check(copy.result.bytes_hole >= 4 * MIB, "holes are seen", "%" PRIu64 " bytes",
              copy.result.bytes_hole);
    unlink(src);
    join(src, place->dir, "src");
    make_file(src, ODD, 12);
    join(dst, place->other, "dst");
    copy = (struct copy){.flags = 0};
    run_copy(&copy, src, dst);
    wrong = flaw(&copy, src, dst);
    check(!wrong, "from here", "%s", wrong ? wrong : "");
    unlink(dst);
}

static void cancelled(const struct place *place)
{
    uint8_t *old = malloc(OLD);
    char why[128] = "";
    if (!old)
        die("malloc", place->dir);
    fill_bytes(old, OLD, 8);
    begin(place, "cancelled");
    make_file(src, LONG, 10);
    for (int call = 1; call <= 2; call++) {
        for (uint32_t durability = REFLINK_ATOMIC; durability <= REFLINK_DIRECT;
             durability += REFLINK_DIRECT) {
            struct watch watch = {.place = place,
                                  .dst = dst,
                                  .allowed = 0777,
                                  .cancel_at = call,
                                  .direct = durability == REFLINK_DIRECT};
            struct copy copy = {.mode = REFLINK_NEVER, .durability = durability, .watch = &watch};
            refused_copy(place, &copy, -ECANCELED, REFLINK_STEP_PROGRESS,
                         call == 1 ? "at once" : "in the middle");
            check(!watch.problem[0], "as seen meanwhile", "%s", watch.problem);
        }
    }
    make_file(dst, OLD, 8);
    struct watch watch = {.place = place,
                          .dst = dst,
                          .allowed = 0777,
                          .cancel_at = 2,
                          .replaces = true,
                          .old = stat_of(dst)};
    struct copy copy = {.mode = REFLINK_NEVER, .if_exists = REFLINK_REPLACE, .watch = &watch};
    refused_copy(place, &copy, -ECANCELED, REFLINK_STEP_PROGRESS, "while replacing");
    check(holds_bytes(dst, old, OLD, why) && !watch.problem[0], "the old file is as it was", "%s%s",
          why, watch.problem);
    free(old);
}

/* A long copy to the end, watched: the kernel's copy call may be short, and every step adds up. */
static void watched(const struct place *place)
{
    begin(place, "watched");
    make_file(src, LONG, 13);
    for (uint32_t mode = REFLINK_AUTO; mode <= REFLINK_NEVER; mode += REFLINK_NEVER) {
        struct watch watch = {
            .place = place, .dst = dst, .allowed = 0777, .direct = !place->publishes};
        struct copy copy = {.mode = mode, .durability = new_file(place), .watch = &watch};
        good_copy(place, &copy, mode == REFLINK_AUTO ? "auto" : "never");
        check(watch.calls >= 2, "told at the beginning and at the end", "%d calls", watch.calls);
        if (mode == REFLINK_AUTO && !clones(place))
            fact("fallback", copy.result.method == REFLINK_METHOD_KERNEL_COPY ? "copy_file_range"
                                                                              : "read,write");
        unlink(dst);
    }
}

/* The source was written a moment ago, and nothing of it is on the device yet. */
static void unsynced(const struct place *place)
{
    begin(place, "unsynced");
    static uint8_t bytes[300001];
    char why[128] = "";
    fill_bytes(bytes, sizeof bytes, 14);
    FILE *file = fopen(src, "wb");
    if (!file || fwrite(bytes, 1, sizeof bytes, file) != sizeof bytes || fflush(file))
        die("write", src);
    struct copy copy = {.durability = new_file(place)};
    run_copy(&copy, src, dst);
    check(copy.code == 0 && holds_bytes(dst, bytes, sizeof bytes, why), "the writer has it open",
          "%s %s", reflink_err_name(copy.code), why);
    check(copy.times_moved || !(copy.result.flags & REFLINK_SOURCE_CHANGED), "it did not change",
          "it is said to have changed");
    check_names(place, both, "the writer has it open");
    fclose(file);
}

static void errors(const struct place *place)
{
    begin(place, "error");
    make_file(src, 1000, 15);
    char name[PATH_ROOM];
    struct copy copy = {.mode = REFLINK_AUTO};
    run_copy(&copy, place->dir, dst);
    check(copy.code == -EISDIR, "the source is a directory", "%s", reflink_err_name(copy.code));
    if (mkfifo(join(name, place->other, "fifo"), 0600))
        die("mkfifo", name);
    run_copy(&copy, name, dst);
    check(copy.code == REFLINK_ERR_NOT_REGULAR, "the source is a FIFO", "%s",
          reflink_err_name(copy.code));
    unlink(name);
    run_copy(&copy, join(name, place->dir, "absent"), dst);
    check(copy.code == -ENOENT, "no source", "%s", reflink_err_name(copy.code));
    run_copy(&copy, src, join(name, place->dir, "absent/dst"));
    check(copy.code == -ENOENT, "no directory for it", "%s", reflink_err_name(copy.code));
    check_names(place, only_src, "errors");
    if (mkdir(dst, 0755))
        die("mkdir", dst);
    copy.if_exists = REFLINK_REPLACE;
    run_copy(&copy, src, dst);
    check(copy.code == -EISDIR, "a directory is not replaced", "%s", reflink_err_name(copy.code));
    check_names(place, both, "a directory is not replaced");
    rmdir(dst);
}

/* A symbolic link at the destination is never followed. */
static void links(const struct place *place)
{
    char target[PATH_ROOM], why[128] = "";
    static const char *const three[] = {"src", "dst", "target", NULL};
    uint8_t old[1000];
    if (!place->symlinks)
        return;
    begin(place, "symbolic link");
    make_file(src, 5000, 16);
    if (symlink("target", dst))
        die("symlink", dst);
    struct copy copy = {.mode = REFLINK_AUTO};
    refused_copy(place, &copy, -EEXIST, REFLINK_STEP_PUBLISH, "dangling");
    fill_bytes(old, sizeof old, 17);
    make_file(join(target, place->dir, "target"), sizeof old, 17);
    copy.if_exists = REFLINK_REPLACE;
    run_copy(&copy, src, dst);
    const char *wrong = flaw(&copy, src, dst);
    check(!wrong && S_ISREG(stat_of(dst).st_mode), "the link itself is replaced", "%s",
          wrong ? wrong : "still a link");
    check(holds_bytes(target, old, sizeof old, why), "its target is as it was", "%s", why);
    check(holds_names(place->dir, three, why), "nothing else in the directory", "%s", why);
}

void check_files(struct place *place)
{
    sizes(place);
    durabilities(place);
    replacing(place);
    always_or_nothing(place);
    independence(place);
    holes(place);
    truncated(place);
    other_mount(place);
    cancelled(place);
    watched(place);
    unsynced(place);
    errors(place);
    links(place);
}
