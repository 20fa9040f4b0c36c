/* Copies between open files, whole and in ranges: every byte of the destination compared with a
 * model in memory, positions untouched. What is cloned follows from the granularity that the probe
 * found. */
#include "contract.h"

enum { BLOCKS = 8, TAIL = 123, PLACE = 77, ROUNDS = 60 };

/* Two open files, and what each must hold. */
struct pair {
    handle src, dst;
    uint8_t *src_bytes, *dst_bytes;
    size_t src_size, dst_size;
};

/* At least a page: what is smaller is written out together with its neighbours, and not shared any
 * more. */
static size_t unit_of_clones(void)
{
    return place.capability.granularity > 4096 ? (size_t)place.capability.granularity : 4096;
}

static struct pair open_pair(size_t src_size, size_t dst_size)
{
    size_t room = (src_size > dst_size ? src_size : dst_size) * 3 + 65536;
    struct pair pair;
    fresh_directory(".");
    make_file("src", src_size, 31);
    make_file("dst", dst_size, 32);
    pair.src_size = src_size;
    pair.dst_size = dst_size;
    pair.src_bytes = allocate(room);
    pair.dst_bytes = allocate(room);
    fill_bytes(pair.src_bytes, src_size, 31);
    fill_bytes(pair.dst_bytes, dst_size, 32);
    pair.src = open_file("src", USE_READ);
    pair.dst = open_file("dst", USE_READ_WRITE);
    set_position(pair.src, PLACE);
    set_position(pair.dst, PLACE);
    return pair;
}

/* Closes both, and compares them with the model. */
static void close_pair(struct pair *pair, const char *what)
{
    char why[WHY] = "";
    check(position_of(pair->src) == PLACE && position_of(pair->dst) == PLACE, "positions stay",
          "%s: moved", what);
    close_handle(pair->src);
    close_handle(pair->dst);
    check(holds_bytes("dst", pair->dst_bytes, pair->dst_size, why) &&
              holds_bytes("src", pair->src_bytes, pair->src_size, why),
          "every byte", "%s: %s", what, why);
    only("src dst");
    free(pair->src_bytes);
    free(pair->dst_bytes);
}

/* What a range copy does, on the model; returns how many bytes that is. */
static size_t copy_model(struct pair *pair, size_t from, size_t to, uint64_t length)
{
    size_t there = from < pair->src_size ? pair->src_size - from : 0;
    size_t moved = length < there ? (size_t)length : there;
    memcpy(pair->dst_bytes + to, pair->src_bytes + from, moved);
    if (moved && to + moved > pair->dst_size)
        pair->dst_size = to + moved;
    return moved;
}

static void refused_for_the_file(struct pair *pair, const struct copy *copy, const char *what)
{
    EQUAL(copy->result.reason, REFLINK_REASON_FILE);
    EQUAL(total(copy), 0);
    close_pair(pair, what);
}

/* ---- Ranges ---- */

/* `cloned` is the least that must be cloned where ranges can be. */
static void range(const char *what, uint32_t mode, size_t from, size_t to, uint64_t length,
                  size_t cloned)
{
    size_t unit = unit_of_clones(), size = BLOCKS * unit + TAIL, moved;
    struct pair pair = open_pair(size, size);
    struct copy copy = copy_like(mode, REFLINK_FAIL, REFLINK_ATOMIC);
    copy_range(&copy, pair.src, from, pair.dst, to, length);
    if (mode == REFLINK_ALWAYS && copy.code == -EINVAL && to > size &&
        strcmp(place.capability.fs_name, "zfs") == 0) {
        accepted("ZFS clones no last bytes of a file to behind another's end: EINVAL");
        refused_for_the_file(&pair, &copy, what);
        return;
    }
    moved = copy_model(&pair, from, to, length);
    check(copy.code == 0 && total(&copy) == moved, what, "%s at step %u, %" PRIu64 " of %lu bytes",
          reflink_err_name(copy.code), copy.result.step, total(&copy), (unsigned long)moved);
    CHECK(moved > 0 || copy.result.method == REFLINK_METHOD_NONE);
    if (!place.capability.clone_range || mode == REFLINK_NEVER)
        cloned = 0;
    check(cloned ? copy.result.bytes_cloned >= cloned : copy.result.bytes_cloned == 0,
          "what can be cloned is", "%s: %" PRIu64 " bytes, not %lu; reason %u, %s", what,
          copy.result.bytes_cloned, (unsigned long)cloned, copy.result.reason,
          reflink_err_name(copy.result.clone_error));
    if (cloned && cloned < moved)
        fact("middle_shared", sharing_name(sharing("dst", to + (unit - to % unit) % unit, cloned)));
    if (!cloned && mode == REFLINK_AUTO && moved > unit)
        fact("fallback",
             copy.result.method == REFLINK_METHOD_KERNEL_COPY ? "copy_file_range" : "read,write");
    close_pair(&pair, what);
}

static void ranges(void)
{
    size_t u = unit_of_clones(), size = BLOCKS * u + TAIL;
    range("aligned", REFLINK_AUTO, u, 2 * u, 4 * u, 4 * u);
    range("unaligned at the same place in a block", REFLINK_AUTO, u + 100, 3 * u + 100, 4 * u,
          3 * u);
    range("unaligned at different places", REFLINK_AUTO, u + 1, 2 * u + 7, 4 * u, 0);
    range("to the end, beyond the destination's", REFLINK_AUTO, 2 * u, 4 * u, size, size - 2 * u);
    range("all of it", REFLINK_AUTO, 0, 0, REFLINK_TO_EOF, size - TAIL);
    range("far beyond the destination's end", REFLINK_AUTO, 0, 2 * size / u * u, 2 * u, 2 * u);
    range("the last byte", REFLINK_AUTO, size - 1, size - 1, 5000, 0);
    range("at the source's end", REFLINK_AUTO, size, 0, 10, 0);
    range("beyond the source's end", REFLINK_AUTO, size + 5, 0, REFLINK_TO_EOF, 0);
    range("nothing", REFLINK_AUTO, 0, 0, 0, 0);
    range("never, aligned", REFLINK_NEVER, u, 2 * u, 4 * u, 0);
    range("a few bytes", REFLINK_AUTO, 3, 5, 9, 0);
    if (place.capability.clone_range) {
        range("always, aligned", REFLINK_ALWAYS, u, 2 * u, 4 * u, 4 * u);
        range("always, to both ends", REFLINK_ALWAYS, u, 9 * u, REFLINK_TO_EOF, size - u);
        range("always, nothing", REFLINK_ALWAYS, 3 * u, 0, 0, 0);
    }
}

/* Around block boundaries, one after the other into one file. */
static void any_offsets_and_lengths(void)
{
    const size_t u = unit_of_clones(), offsets[] = {0, 1, u - 1, u, u + 1, 3 * u, 3 * u + 100};
    const uint64_t lengths[] = {0, 1, 100, u - 1, u, u + 1, 5 * u, 5 * u + 3, REFLINK_TO_EOF};
    size_t m, f, t, l;
    for (m = 0; m < EACH; m++) {
        struct copy copy = copy_like(modes[m], REFLINK_FAIL, REFLINK_ATOMIC);
        struct pair pair;
        if (modes[m] == REFLINK_ALWAYS)
            continue;
        pair = open_pair(9 * u + 777, 7 * u);
        for (f = 0; f < COUNT(offsets); f++)
            for (t = 0; t < COUNT(offsets); t++) {
                char why[WHY] = "";
                for (l = 0; l < COUNT(lengths); l++) {
                    size_t moved = copy_model(&pair, offsets[f], offsets[t], lengths[l]);
                    copy_range(&copy, pair.src, offsets[f], pair.dst, offsets[t], lengths[l]);
                    check(copy.code == 0 && total(&copy) == moved, mode_names[m],
                          "%s, %" PRIu64 " from %lu to %lu", reflink_err_name(copy.code),
                          lengths[l], (unsigned long)offsets[f], (unsigned long)offsets[t]);
                }
                check(holds_bytes("dst", pair.dst_bytes, pair.dst_size, why), mode_names[m],
                      "from %lu to %lu: %s", (unsigned long)offsets[f], (unsigned long)offsets[t],
                      why);
            }
        close_pair(&pair, mode_names[m]);
    }
}

/* What ALWAYS refuses leaves every byte as it was. */
static void refused_ranges(void)
{
    const size_t u = unit_of_clones(), size = BLOCKS * u + TAIL;
    const struct {
        uint64_t from, to, length;
    } unaligned[] = {{1, 0, u},
                     {0, 1, u},
                     {0, 0, u + 1},
                     {1, 1, u},
                     {u, u, 1},
                     /* the source's last block would land inside the destination */
                     {0, 0, REFLINK_TO_EOF}};
    struct pair pair = open_pair(size, 3 * size);
    struct copy copy = copy_like(REFLINK_ALWAYS, REFLINK_FAIL, REFLINK_ATOMIC);
    size_t i;
    for (i = 0; i < COUNT(unaligned); i++) {
        copy_range(&copy, pair.src, unaligned[i].from, pair.dst, unaligned[i].to,
                   unaligned[i].length);
        if (place.capability.clone_range) {
            EQUAL(copy.code, -EINVAL);
            EQUAL(copy.result.reason, REFLINK_REASON_FILE);
        }
        CHECK(copy.code < 0 && total(&copy) == 0);
        EQUAL(copy.result.method, REFLINK_METHOD_NONE);
    }
    if (!place.capability.clone_range) {
        copy_range(&copy, pair.src, 0, pair.dst, 0, u);
        CHECK(copy.code < 0 && total(&copy) == 0);
    }
    close_pair(&pair, "refused");
}

/* SHARE_ONLY: what the result calls shared holds the source's bytes, and every other byte is what
 * it was. */
static void sharing_only(void)
{
    const size_t u = unit_of_clones(), size = BLOCKS * u + TAIL;
    const struct {
        const char *what;
        size_t from, to;
        uint64_t length;
        size_t offset, shared; /* the least, where ranges can be cloned */
    } all[] = {
        {"aligned", u, 2 * u, 4 * u, 0, 4 * u},
        {"unaligned at the same place in a block", u + 100, 3 * u + 100, 4 * u, u - 100, 3 * u},
        {"unaligned at different places", u + 1, 2 * u + 7, 4 * u, 0, 0},
        {"less than a block", 3, 3, 9, 0, 0},
        {"to both ends", u, u, REFLINK_TO_EOF, 0, size - u},
        {"nothing", 0, 0, 0, 0, 0}};
    size_t m, i;
    for (m = 0; m < 2; m++) { /* AUTO and ALWAYS */
        for (i = 0; i < COUNT(all); i++) {
            struct copy copy = copy_like(modes[m], REFLINK_FAIL, REFLINK_ATOMIC);
            struct pair pair = open_pair(size, size);
            bool refused;
            copy.options.flags = REFLINK_SHARE_ONLY;
            copy_range(&copy, pair.src, all[i].from, pair.dst, all[i].to, all[i].length);
            refused = modes[m] == REFLINK_ALWAYS && copy.result.bytes_cloned == 0 && all[i].length;
            check((copy.code < 0) == refused, all[i].what, "%s", reflink_err_name(copy.code));
            EQUAL(total(&copy), copy.result.bytes_cloned);
            if (place.capability.clone_range == 1)
                CHECK(copy.result.bytes_cloned >= all[i].shared);
            else
                EQUAL(copy.result.bytes_cloned, 0);
            if (copy.result.bytes_cloned) {
                size_t skipped = (size_t)copy.result.clone_offset;
                CHECK(skipped <= all[i].offset); /* a unit may be less than is told */
                copy_model(&pair, all[i].from + skipped, all[i].to + skipped,
                           copy.result.bytes_cloned);
            } else {
                EQUAL(copy.result.clone_offset, 0);
                CHECK(!all[i].length || copy.result.reason != REFLINK_REASON_NONE);
            }
            CHECK(!(copy.result.flags & REFLINK_DESTINATION_CHANGED));
            close_pair(&pair, all[i].what);
        }
    }
}

static void impossible_ranges(void)
{
    const uint64_t most = INT64_MAX, beyond = most + 1;
    const struct {
        uint64_t from, to, length;
        int code;
    } all[] = {{beyond, 0, 1, -EINVAL},
               {UINT64_MAX, 0, 1, -EINVAL},
               {0, beyond, 1, -EINVAL},
               {0, UINT64_MAX, REFLINK_TO_EOF, -EINVAL},
               {0, 0, beyond, -EINVAL},
               {0, 0, UINT64_MAX - 1, -EINVAL},
               {0, most, 4096, -EFBIG},
               {0, most - 4095, 8192, -EFBIG},
               {0, beyond - 5, 10, -EFBIG},
               {most, 0, 4096, 0},
               {10000, 0, REFLINK_TO_EOF, 0},
               {10000, most, most, 0},
               {0, most, 0, 0}};
    struct pair pair = open_pair(10000, 5000);
    size_t m, i;
    for (m = 0; m < EACH; m++) {
        struct copy copy = copy_like(modes[m], REFLINK_FAIL, REFLINK_ATOMIC);
        for (i = 0; i < COUNT(all); i++) {
            EQUAL(copy_range(&copy, pair.src, all[i].from, pair.dst, all[i].to, all[i].length),
                  all[i].code);
            EQUAL(total(&copy), 0);
        }
        copy.options.preserve = REFLINK_PRESERVE_TIMES;
        EQUAL(copy_range(&copy, pair.src, 0, pair.dst, 0, 10), -EINVAL);
    }
    close_pair(&pair, "impossible");
}

/* One file on both sides. */
static void within_a_file(void)
{
    const size_t u = unit_of_clones(), size = 16 * u;
    const struct {
        size_t from, to, length;
    } apart[] = {{0, 8 * u, 4 * u},       {100, 9 * u + 100, 4 * u}, {9 * u, 3, 5 * u}, {0, u, u},
                 {2 * u, 2 * u - 10, 10}, {10, 3 * u + 1, u},        {0, size, 4 * u}};
    const struct {
        size_t from, to;
        uint64_t length;
    } overlapping[] = {{0, 0, 1}, {0, 1, 2}, {u, 0, 2 * u}, {0, u, 2 * u}, {5, 0, REFLINK_TO_EOF}};
    size_t m, i;
    for (m = 0; m < EACH; m++) {
        struct copy copy = copy_like(modes[m], REFLINK_FAIL, REFLINK_ATOMIC);
        struct pair pair;
        if (modes[m] == REFLINK_ALWAYS)
            continue;
        pair = open_pair(size, size);
        for (i = 0; i < COUNT(apart); i++) {
            EQUAL(
                copy_range(&copy, pair.dst, apart[i].from, pair.dst, apart[i].to, apart[i].length),
                0);
            EQUAL(total(&copy), apart[i].length);
            memmove(pair.dst_bytes + apart[i].to, pair.dst_bytes + apart[i].from, apart[i].length);
        }
        pair.dst_size = size + 4 * u;
        for (i = 0; i < COUNT(overlapping); i++) {
            EQUAL(copy_range(&copy, pair.dst, overlapping[i].from, pair.dst, overlapping[i].to,
                             overlapping[i].length),
                  REFLINK_ERR_OVERLAP);
            EQUAL(total(&copy), 0);
        }
        close_pair(&pair, mode_names[m]);
    }
}

/* Where blocks are known to be taken away again: POSIX has no call for it, and servers need not. */
static bool is_known_to_punch(void)
{
    static const char *const names[] = {"xfs", "btrfs", "ext4", "tmpfs"};
    size_t i;
    for (i = 0; i < COUNT(names); i++)
        if (!place.stand_in && strcmp(place.capability.fs_name, names[i]) == 0)
            return true;
    return false;
}

/* Holes of the source take the place of what was there, and its blocks go. */
static void replace_by_holes(uint32_t mode, size_t shift, bool as_a_whole)
{
    static const uint64_t at[] = {MIB};
    const size_t size = 4 * MIB, old = as_a_whole ? 5 * MIB : 3 * MIB, length = 65536;
    struct copy copy = copy_like(mode, REFLINK_FAIL, REFLINK_ATOMIC);
    uint8_t *bytes = allocate(size + shift);
    char why[WHY] = "";
    handle src, dst;
    make_sparse("src", size, at, 1, length);
    make_file("dst", old, 62);
    src = open_file("src", USE_READ);
    dst = open_file("dst", USE_WRITE);
    if (as_a_whole)
        EQUAL(copy_whole(&copy, src, dst), 0);
    else
        EQUAL(copy_range(&copy, src, 0, dst, shift, REFLINK_TO_EOF), 0);
    EQUAL(total(&copy), size);
    close_handle(src);
    close_handle(dst);
    fill_bytes(bytes, shift, 62);
    fill_bytes(bytes + MIB + shift, length, size + MIB);
    check(holds_bytes("dst", bytes, size + shift, why), "zeros", "mode %u, shifted by %lu: %s",
          (unsigned)mode, (unsigned long)shift, why);
    if (is_known_to_punch())
        check(allocated("dst") <= MIB, "the old blocks are gone",
              "mode %u, shifted by %lu: %" PRIu64 " bytes", (unsigned)mode, (unsigned long)shift,
              allocated("dst"));
    free(bytes);
}

static void a_hole_replaces_what_was_there(void)
{
    static const size_t shifts[] = {0, 4096, 100};
    size_t m, s;
    for (m = 0; m < EACH; m++) {
        if (modes[m] == REFLINK_ALWAYS)
            continue;
        for (s = 0; s < COUNT(shifts); s++)
            replace_by_holes(modes[m], shifts[s], false);
        replace_by_holes(modes[m], 0, true);
    }
}

/* ---- Whole files ---- */

/* What a clone of a file that is shorter than a block onto a longer one may be refused with. OCFS2
 * keeps the short file in its inode; ZFS gives it a block of its own size, and clones only between
 * files with blocks of one size. */
static int refusal_of_short_files(size_t src_size, size_t dst_size)
{
    if (src_size == 0 || src_size >= dst_size || src_size >= unit_of_clones())
        return 0;
    if (strcmp(place.capability.fs_name, "ocfs2") == 0)
        return -ERANGE;
    return strcmp(place.capability.fs_name, "zfs") == 0 ? -EINVAL : 0;
}

/* The destination becomes equal to the source, whatever size it had. */
static void whole(uint32_t mode, size_t src_size, size_t dst_size)
{
    struct pair pair = open_pair(src_size, dst_size);
    struct copy copy = copy_like(mode, REFLINK_FAIL, REFLINK_ATOMIC);
    const int refusal = refusal_of_short_files(src_size, dst_size);
    char what[64];
    snprintf(what, sizeof what, "mode %u, %lu bytes onto %lu", (unsigned)mode,
             (unsigned long)src_size, (unsigned long)dst_size);
    copy_whole(&copy, pair.src, pair.dst);
    if (refusal && mode == REFLINK_ALWAYS && copy.code == refusal) {
        refused_for_the_file(&pair, &copy, what);
        return;
    }
    memcpy(pair.dst_bytes, pair.src_bytes, src_size);
    pair.dst_size = src_size;
    check(copy.code == 0 && total(&copy) == src_size, what, "%s at step %u, %" PRIu64 " bytes",
          reflink_err_name(copy.code), copy.result.step, total(&copy));
    CHECK(!(copy.result.flags & REFLINK_SOURCE_CHANGED) || may_seem_changed(&copy));
    if (src_size > 0 && refusal == 0)
        check((copy.result.method == REFLINK_METHOD_CLONE) == (clones() && mode != REFLINK_NEVER),
              "the method the probe promised", "%s: method %u, reason %u, %s", what,
              copy.result.method, copy.result.reason, reflink_err_name(copy.result.clone_error));
    if (mode == REFLINK_NEVER && src_size > 0)
        EQUAL(copy.result.reason, REFLINK_REASON_NOT_ASKED);
    close_pair(&pair, what);
}

static void whole_files(void)
{
    const size_t u = unit_of_clones();
    const size_t sources[] = {0, 4, 3 * u, 3 * u + TAIL, 300001};
    const size_t targets[] = {0, 1, u / 2, 3 * u + TAIL, 300000, 300001, 300002, 1000000};
    size_t m, s, t;
    for (m = 0; m < EACH; m++)
        for (s = 0; s < COUNT(sources); s++)
            for (t = 0; t < COUNT(targets); t++)
                if (modes[m] != REFLINK_ALWAYS || clones())
                    whole(modes[m], sources[s], targets[t]);
}

static void always_leaves_the_destination(void)
{
    static const size_t targets[] = {0, 5000, 70001, 200000};
    size_t t;
    if (clones()) {
        skip("files can be cloned here");
        return;
    }
    for (t = 0; t < COUNT(targets); t++) {
        struct pair pair = open_pair(70001, targets[t]);
        struct copy copy = copy_like(REFLINK_ALWAYS, REFLINK_FAIL, REFLINK_ATOMIC);
        EQUAL(copy_whole(&copy, pair.src, pair.dst), place.capability.clone_error);
        EQUAL(copy.result.reason, place.capability.reason);
        EQUAL(copy.result.step, REFLINK_STEP_CLONE);
        EQUAL(copy_range(&copy, pair.src, 0, pair.dst, 0, 65536), place.capability.clone_error);
        close_pair(&pair, "refused");
    }
}

static int stop_at_the_second(void *user, const struct reflink_progress *progress)
{
    (void)progress;
    return ++*(int *)user == 2;
}

static void options_of_handles(void)
{
    const int64_t accessed = INT64_C(1200000000123456700), written = INT64_C(1150000000987654300);
    struct copy copy = copy_like(REFLINK_NEVER, REFLINK_FAIL, REFLINK_DURABLE);
    struct pair pair = open_pair(LARGE, 0);
    struct seen src, dst;
    int calls = 0;
    copy.options.progress = stop_at_the_second;
    copy.options.user = &calls;
    EQUAL(copy_whole(&copy, pair.src, pair.dst), -ECANCELED);
    EQUAL(calls, 2);
    copy.options.progress = NULL;
    copy.options.preserve = REFLINK_PRESERVE_TIMES;
    set_times("src", accessed, written);
    src = seen("src");
    EQUAL(copy_whole(&copy, pair.src, pair.dst), 0);
    dst = seen("dst");
    if (!place.backing) { /* SMB clients show the time of the last close */
        EQUAL(dst.accessed, src.accessed);
        EQUAL(dst.written, src.written);
    }
    memcpy(pair.dst_bytes, pair.src_bytes, LARGE);
    pair.dst_size = LARGE;
    close_pair(&pair, "with options");
}

/* ---- What is refused ---- */

/* Both calls, from one handle to the other. */
static void both_refuse(handle src, handle dst, int whole_code, int range_code, const char *what)
{
    size_t m;
    for (m = 0; m < EACH; m++) {
        struct copy copy = copy_like(modes[m], REFLINK_FAIL, REFLINK_ATOMIC);
        copy_whole(&copy, src, dst);
        check(copy.code == whole_code && copy.result.step == REFLINK_STEP_CHECK, what,
              "%s at step %u", reflink_err_name(copy.code), copy.result.step);
        copy_range(&copy, src, 0, dst, 0, 10);
        check(copy.code == range_code, what, "a range: %s", reflink_err_name(copy.code));
    }
}

static void refuses(const struct pair *pair, const char *name, enum use use, bool as_source,
                    int code, const char *what)
{
    handle other = open_file(name, use);
    both_refuse(as_source ? other : pair->src, as_source ? pair->dst : other, code, code, what);
    if (other != no_handle)
        close_handle(other);
}

static void rights_that_lack(void)
{
    struct pair pair = open_pair(70001, 300);
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, REFLINK_ATOMIC);
    handle writer;
    refuses(&pair, "src", USE_WRITE, true, -EBADF, "a source that cannot be read");
    refuses(&pair, "src", USE_NEITHER, true, -EBADF, "a source without rights");
    refuses(&pair, "dst", USE_READ, false, -EBADF, "a destination that cannot be written");
    refuses(&pair, "dst", USE_NEITHER, false, -EBADF, "a destination without rights");
    refuses(&pair, "dst", USE_APPEND, false, REFLINK_ERR_APPEND, "a destination to append to");
    /* To write, no right to read is needed. */
    writer = open_file("dst", USE_WRITE);
    EQUAL(copy_whole(&copy, pair.src, writer), 0);
    close_handle(writer);
    memcpy(pair.dst_bytes, pair.src_bytes, 70001);
    pair.dst_size = 70001;
    close_pair(&pair, "rights");
}

static void what_is_no_file(void)
{
    struct pair pair = open_pair(70001, 300);
    handle directory = open_directory("."), reader, writer, closed = open_file("src", USE_READ);
    size_t i;
    open_pipe(&reader, &writer);
    both_refuse(directory, pair.dst, -EISDIR, -EISDIR, "from a directory");
    both_refuse(pair.src, directory, -EISDIR, -EISDIR, "to a directory");
    both_refuse(reader, pair.dst, REFLINK_ERR_NOT_REGULAR, REFLINK_ERR_NOT_REGULAR, "from a pipe");
    both_refuse(pair.src, writer, REFLINK_ERR_NOT_REGULAR, REFLINK_ERR_NOT_REGULAR, "to a pipe");
    both_refuse(pair.dst, pair.dst, REFLINK_ERR_SAME_FILE, REFLINK_ERR_OVERLAP, "to itself");
    close_handle(reader);
    close_handle(writer);
    close_handle(directory);
    close_handle(closed);
    both_refuse(closed, pair.dst, -EBADF, -EBADF, "from a closed one");
    both_refuse(pair.src, closed, -EBADF, -EBADF, "to a closed one");
    for (i = 0; i < never_open_count; i++) {
        both_refuse(never_open[i], pair.dst, -EBADF, -EBADF, "from none");
        both_refuse(pair.src, never_open[i], -EBADF, -EBADF, "to none");
    }
    close_pair(&pair, "no file");
}

/* One of everything, good and bad. */
static void make_calls(const struct pair *pair, handle directory, uint32_t durability)
{
    struct reflink_capability here = REFLINK_CAPABILITY_INIT;
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_REPLACE, durability);
    struct copy open = copy_like(REFLINK_NEVER, REFLINK_FAIL, REFLINK_ATOMIC);
    EQUAL(copy_file(&copy, "src", "copy"), 0);
    EQUAL(copy_at(&copy, directory, "src", directory, "copy"), 0);
    copy.options.if_exists = REFLINK_FAIL;
    EQUAL(copy_file(&copy, "src", "copy"), -EEXIST);
    EQUAL(copy_file(&copy, "missing", "copy"), -ENOENT);
    EQUAL(copy_file(&copy, "src", "missing/copy"), -ENOENT);
    copy.options.mode = REFLINK_NEVER;
    copy.options.progress = stop_at_the_second;
    copy.options.user = &(int){0};
    EQUAL(copy_file(&copy, "src", "other"), -ECANCELED);
    EQUAL(copy_whole(&open, pair->src, pair->dst), 0);
    EQUAL(copy_range(&open, pair->src, 1, pair->dst, 2, 3000), 0);
    EQUAL(reflink_probe("src", ".", &here), 0);
    EQUAL(reflink_probe_fd(pair->src, directory, &here), 0);
}

static void no_handle_stays_open(void)
{
    struct pair pair = open_pair(70001, 70001);
    handle directory = open_directory(".");
    uint64_t first = 0;
    int round;
    if (!place.publishes) /* refused at the end, and that is no matter here */
        make_text("copy", "old");
    for (round = 0; round < ROUNDS; round++) {
        if (round == 10)
            first = next_handle();
        make_calls(&pair, directory, durabilities[round % EACH]);
    }
    CHECK(next_handle() < first + (ROUNDS - 10) / 2 * handle_step);
    close_handle(directory);
    remove_name("copy");
    copy_model(&pair, 0, 0, 70001);
    memmove(pair.dst_bytes + 2, pair.src_bytes + 1, 3000);
    close_pair(&pair, "many calls");
}

const struct test handle_tests[] = {
    {"ranges", ranges},
    {"any_offsets_and_lengths", any_offsets_and_lengths},
    {"refused_ranges", refused_ranges},
    {"sharing_only", sharing_only},
    {"impossible_ranges", impossible_ranges},
    {"within_a_file", within_a_file},
    {"a_hole_replaces_what_was_there", a_hole_replaces_what_was_there},
    {"whole_files", whole_files},
    {"always_leaves_the_destination", always_leaves_the_destination},
    {"options_of_handles", options_of_handles},
    {"rights_that_lack", rights_that_lack},
    {"what_is_no_file", what_is_no_file},
    {"no_handle_stays_open", no_handle_stays_open},
    {NULL, NULL},
};
