/* reflink_copy_range and reflink_copy_fd: every byte of the destination compared with a model in
 * memory, offsets untouched. What is cloned follows from the granularity that the probe found. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "contract.h"

enum { BLOCKS = 8, ODD = 123, PLACE = 77 };

/* Two open files, and what each must hold. */
struct pair {
    const struct place *place;
    char src_path[PATH_ROOM], dst_path[PATH_ROOM];
    int src, dst;
    uint8_t *src_bytes, *dst_bytes;
    size_t src_size, dst_size;
};

/* At least a page: what is smaller is written out together with its neighbours, and not shared any
 * more. */
static size_t unit_of(const struct place *place)
{
    return place->capability.granularity > 4096 ? (size_t)place->capability.granularity : 4096;
}

static int open_at(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0 || lseek(fd, PLACE, SEEK_SET) != PLACE)
        die("open", path);
    return fd;
}

static struct pair open_pair(const struct place *place, size_t src_size, size_t dst_size)
{
    struct pair pair = {.place = place, .src_size = src_size, .dst_size = dst_size};
    size_t room = (src_size > dst_size ? src_size : dst_size) * 3 + 1;
    fresh_directory(place->dir);
    make_file(join(pair.src_path, place->dir, "src"), src_size, 31);
    make_file(join(pair.dst_path, place->dir, "dst"), dst_size, 32);
    pair.src_bytes = calloc(1, room);
    pair.dst_bytes = calloc(1, room);
    if (!pair.src_bytes || !pair.dst_bytes)
        die("malloc", pair.src_path);
    fill_bytes(pair.src_bytes, src_size, 31);
    fill_bytes(pair.dst_bytes, dst_size, 32);
    pair.src = open_at(pair.src_path, O_RDONLY);
    pair.dst = open_at(pair.dst_path, O_RDWR);
    return pair;
}

/* Closes both, and compares them with the model. */
static void close_pair(struct pair *pair, const char *what)
{
    static const char *const both[] = {"src", "dst", NULL};
    char why[128] = "", name[96];
    snprintf(name, sizeof name, "%s: offsets", what);
    check(lseek(pair->src, 0, SEEK_CUR) == PLACE && lseek(pair->dst, 0, SEEK_CUR) == PLACE, name,
          "moved");
    if (close(pair->src) || close(pair->dst))
        die("close", pair->dst_path);
    snprintf(name, sizeof name, "%s: every byte", what);
    check(holds_bytes(pair->dst_path, pair->dst_bytes, pair->dst_size, why) &&
              holds_bytes(pair->src_path, pair->src_bytes, pair->src_size, why) &&
              holds_names(pair->place->dir, both, why),
          name, "%s", why);
    free(pair->src_bytes);
    free(pair->dst_bytes);
}

static struct reflink_options mode_only(uint32_t mode)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    options.mode = mode;
    return options;
}

static uint64_t total(const struct reflink_result *result)
{
    return result->bytes_cloned + result->bytes_copied + result->bytes_hole;
}

/* One range between two files: the model gets it too. `cloned` is the least that must be cloned
 * where ranges can be. */
static void range(const struct place *place, const char *what, uint32_t mode, size_t from,
                  size_t to, size_t length, size_t cloned)
{
    size_t unit = unit_of(place), size = BLOCKS * unit + ODD;
    struct pair pair = open_pair(place, size, size);
    struct reflink_options options = mode_only(mode);
    struct reflink_result result = REFLINK_RESULT_INIT;
    size_t there = from < size ? size - from : 0;
    size_t moved = length < there ? length : there;
    int code = reflink_copy_range(pair.src, from, pair.dst, to, length, &options, &result);
    memcpy(pair.dst_bytes + to, pair.src_bytes + from, moved);
    if (moved && to + moved > pair.dst_size)
        pair.dst_size = to + moved;
    check(code == 0 && total(&result) == moved, what, "%s at step %u, %" PRIu64 " of %zu bytes",
          reflink_err_name(code), result.step, total(&result), moved);
    if (!place->capability.range || mode == REFLINK_NEVER)
        cloned = 0;
    check(cloned ? result.bytes_cloned >= cloned : result.bytes_cloned == 0,
          "what can be cloned is", "%s: %" PRIu64 " bytes, not %zu; reason %u, %s", what,
          result.bytes_cloned, cloned, result.reason, reflink_err_name(result.clone_error));
    if (cloned && cloned < moved)
        fact("middle_shared",
             sharing_name(sharing(pair.dst_path, to + (unit - to % unit) % unit, cloned)));
    if (!cloned && mode == REFLINK_AUTO && moved > unit)
        fact("fallback",
             result.method == REFLINK_METHOD_KERNEL_COPY ? "copy_file_range" : "read,write");
    close_pair(&pair, what);
}

static void ranges(const struct place *place)
{
    size_t u = unit_of(place), size = BLOCKS * u + ODD;
    section("range");
    range(place, "aligned", REFLINK_AUTO, u, 2 * u, 4 * u, 4 * u);
    range(place, "unaligned at the same place in a block", REFLINK_AUTO, u + 100, 3 * u + 100,
          4 * u, 3 * u);
    range(place, "unaligned at different places", REFLINK_AUTO, u + 1, 2 * u + 7, 4 * u, 0);
    range(place, "to the end, beyond the destination's", REFLINK_AUTO, 2 * u, 4 * u, size,
          size - 2 * u);
    range(place, "far beyond the destination's end", REFLINK_AUTO, 0, 2 * size / u * u, 2 * u,
          2 * u);
    range(place, "beyond the source's end", REFLINK_AUTO, size + 5, 0, 100, 0);
    range(place, "never, aligned", REFLINK_NEVER, u, 2 * u, 4 * u, 0);
    range(place, "a few bytes", REFLINK_AUTO, 3, 5, 9, 0);
    if (place->capability.range)
        range(place, "always, aligned", REFLINK_ALWAYS, u, 2 * u, 4 * u, 4 * u);
}

/* What ALWAYS refuses leaves every byte as it was. */
static void refused_ranges(const struct place *place)
{
    size_t u = unit_of(place), size = BLOCKS * u + ODD;
    struct reflink_options options = mode_only(REFLINK_ALWAYS);
    struct reflink_result result = REFLINK_RESULT_INIT;
    struct pair pair = open_pair(place, size, size);
    section("range");
    int code = reflink_copy_range(pair.src, 1, pair.dst, 0, u, &options, &result);
    check(code == -EINVAL && result.reason == REFLINK_REASON_FILE && total(&result) == 0,
          "always, unaligned", "%s, reason %u", reflink_err_name(code), result.reason);
    if (!place->capability.range) {
        code = reflink_copy_range(pair.src, 0, pair.dst, 0, u, &options, &result);
        check(code < 0 && total(&result) == 0, "always, where it cannot be", "%s",
              reflink_err_name(code));
    }
    close_pair(&pair, "refused");
}

/* One file on both sides. */
static void within_a_file(const struct place *place)
{
    size_t u = unit_of(place), size = BLOCKS * u + ODD;
    struct reflink_result result = REFLINK_RESULT_INIT;
    struct pair pair = open_pair(place, size, size);
    section("one file");
    int code = reflink_copy_range(pair.dst, 0, pair.dst, 5 * u, 2 * u, NULL, &result);
    memcpy(pair.dst_bytes + 5 * u, pair.dst_bytes, 2 * u);
    check(code == 0 && total(&result) == 2 * u, "apart", "%s", reflink_err_name(code));
    code = reflink_copy_range(pair.dst, 10, pair.dst, 3 * u + 1, u, NULL, &result);
    memcpy(pair.dst_bytes + 3 * u + 1, pair.dst_bytes + 10, u);
    check(code == 0 && total(&result) == u, "apart, unaligned", "%s", reflink_err_name(code));
    code = reflink_copy_range(pair.dst, 0, pair.dst, u, 2 * u, NULL, &result);
    check(code == REFLINK_ERR_OVERLAP, "overlapping", "%s", reflink_err_name(code));
    close_pair(&pair, "one file");
}

/* The destination becomes equal to the source, whatever size it had. */
static void whole(const struct place *place, const char *what, uint32_t mode, size_t src_size,
                  size_t dst_size)
{
    struct pair pair = open_pair(place, src_size, dst_size);
    struct reflink_options options = mode_only(mode);
    struct reflink_result result = REFLINK_RESULT_INIT;
    int code = reflink_copy_fd(pair.src, pair.dst, &options, &result);
    memcpy(pair.dst_bytes, pair.src_bytes, src_size);
    pair.dst_size = src_size;
    check(code == 0 && total(&result) == src_size, what, "%s at step %u, %" PRIu64 " of %zu bytes",
          reflink_err_name(code), result.step, total(&result), src_size);
    check(!(result.flags & REFLINK_SOURCE_CHANGED), "the source did not change",
          "it is said to have changed");
    if (place->capability.clone == 1 && mode != REFLINK_NEVER && src_size > 0)
        check(result.method == REFLINK_METHOD_CLONE, "cloned", "%s: method %u, reason %u, %s", what,
              result.method, result.reason, reflink_err_name(result.clone_error));
    close_pair(&pair, what);
}

static void wholes(const struct place *place)
{
    size_t u = unit_of(place), size = 3 * u + ODD;
    section("descriptors");
    for (uint32_t mode = REFLINK_AUTO; mode <= REFLINK_NEVER; mode += REFLINK_NEVER) {
        whole(place, mode ? "never, onto a longer one" : "onto a longer one", mode, size, 3 * size);
        whole(place, mode ? "never, onto a shorter one" : "onto a shorter one", mode, size, u / 2);
        whole(place, mode ? "never, onto an empty one" : "onto an empty one", mode, size, 0);
        whole(place, mode ? "never, an empty one" : "an empty one", mode, 0, size);
    }
    if (place->capability.clone == 1) {
        whole(place, "always, onto a longer one", REFLINK_ALWAYS, size, 3 * size);
        whole(place, "always, onto a shorter one", REFLINK_ALWAYS, size, u / 2);
        return;
    }
    struct pair pair = open_pair(place, size, 2 * size);
    struct reflink_options options = mode_only(REFLINK_ALWAYS);
    int code = reflink_copy_fd(pair.src, pair.dst, &options, NULL);
    check(code == place->capability.error, "always, where it cannot be", "%s",
          reflink_err_name(code));
    close_pair(&pair, "always, where it cannot be");
}

void check_descriptors(struct place *place)
{
    ranges(place);
    refused_ranges(place);
    within_a_file(place);
    wholes(place);
}
