/* Holes stay holes, and read as zeros; and what must still be there after a remount. */
#include "contract.h"

enum { SLACK = MIB }; /* for metadata blocks, and for what a file system allocates ahead */

struct shape {
    const char *name;
    uint64_t size, at[4];
    size_t stretches, length;
};

static const struct shape shapes[] = {
    {"holes before, between and after", 8 * MIB + 77, {MIB, 5 * MIB}, 2, 100000},
    {"a leading hole", 8 * MIB, {8 * MIB - 65536}, 1, 65536},
    {"a trailing hole", 8 * MIB + 77, {0}, 1, 100000},
    {"one byte", 8 * MIB, {4 * MIB}, 1, 1},
    {"nothing but a hole", 8 * MIB + 17, {0}, 0, 0},
    {"many", 32 * MIB, {0, MIB, 9 * MIB + 5, 20 * MIB}, 4, 65537},
};

/* On a network the server knows: clients guess the blocks of a file that they have just extended.
 */
static uint64_t really_allocated(const char *name)
{
    char path[PATH_ROOM];
    uint64_t here = allocated(name); /* has the client write it out */
    return place.backing ? allocated(join(path, place.backing, name)) : here;
}

/* Whether the source has holes that are seen, and by `kept` whether they are still there. */
static bool keeps_holes(const struct shape *shape, size_t m, bool *kept)
{
    struct copy copy = copy_like(modes[m], REFLINK_FAIL, new_file());
    uint64_t seen_here, had, has;
    char what[64];
    bool sparse;
    make_sparse("src", shape->size, shape->at, shape->stretches, shape->length);
    seen_here = allocated("src"); /* what a client calls allocated cannot be known as a hole */
    had = really_allocated("src");
    snprintf(what, sizeof what, "%s, %s", shape->name, mode_names[m]);
    copy_file(&copy, "src", "dst");
    if (!check_copied(&copy, "src", "dst", what))
        return false;
    has = really_allocated("dst");
    sparse = had + SLACK < shape->size && seen_here + SLACK < shape->size;
    if (sparse &&
        !check(has <= had + SLACK, "its holes are kept",
               "%s: %" PRIu64 " KiB of the source's %" PRIu64, what, has >> 10, had >> 10))
        *kept = false;
    if (sparse && place.capability.sparse)
        check(copy.result.bytes_cloned > 0 || copy.result.bytes_hole > shape->size / 2,
              "its holes are told", "%s: %" PRIu64 " bytes", what, copy.result.bytes_hole);
    only("src dst");
    remove_name("dst");
    remove_name("src");
    return sparse;
}

static void holes(void)
{
    bool kept = true, sparse = false;
    size_t i, m;
    for (i = 0; i < COUNT(shapes); i++)
        for (m = 0; m < EACH; m++)
            if (possible(modes[m], new_file()))
                sparse = keeps_holes(&shapes[i], m, &kept) || sparse;
    fact("holes", !sparse ? "none" : kept ? "kept" : "filled");
    if (!sparse)
        skip("no sparse files here: the bytes were compared, the holes not seen");
}

/* The source lost its data a moment ago: what the device still holds of it must not come back. It
 * was read and copied before, so that ZFS has its blocks at hand. */
static void truncated(void)
{
    static const uint64_t front[] = {0};
    char what[64];
    size_t m, i;
    for (m = 0; m < EACH; m++) {
        struct copy copy = copy_like(modes[m], REFLINK_FAIL, new_file());
        if (!possible(modes[m], new_file()))
            continue;
        make_sparse("src", 8 * MIB + 77, front, 1, 100000);
        for (i = 0; i < 3; i++) {
            if (i == 2)
                make_sparse("src", 8 * MIB + 77, NULL, 0, 0);
            snprintf(what, sizeof what, "%s, %s", i == 2 ? "a moment ago" : "before",
                     mode_names[m]);
            copy_file(&copy, "src", "dst");
            check_copied(&copy, "src", "dst", what);
            remove_name("dst");
        }
    }
}

/* Beyond what 32 bits count, at 2 and at 4 GiB. */
static void five_gigabytes(void)
{
    static const uint64_t at[] = {0, (UINT64_C(2) << 30) - 1000, (UINT64_C(4) << 30) + 5};
    const uint64_t size = UINT64_C(5) << 30;
    uint8_t one[4096], other[4096];
    size_t m, i;
    handle src, dst;
    make_text("src", "");
    if (!place.capability.sparse) {
        skip("no sparse files here");
        return;
    }
    make_sparse("src", size, at, COUNT(at), sizeof one);
    if (allocated("src") > 64 * MIB) {
        skip("the hole takes space here");
        return;
    }
    for (m = 0; m < EACH; m++) {
        struct copy copy = copy_like(modes[m], REFLINK_FAIL, new_file());
        if (!possible(modes[m], new_file()))
            continue;
        EQUAL(copy_file(&copy, "src", "dst"), 0);
        EQUAL(total(&copy), size);
        EQUAL(size_of("dst"), size);
        CHECK(allocated("dst") < 64 * MIB);
        src = open_file("src", USE_READ);
        dst = open_file("dst", USE_READ);
        for (i = 0; i < COUNT(at); i++) {
            EQUAL(read_at(src, one, sizeof one, at[i]), sizeof one);
            EQUAL(read_at(dst, other, sizeof other, at[i]), sizeof other);
            CHECK(memcmp(one, other, sizeof one) == 0);
        }
        close_handle(src);
        close_handle(dst);
        remove_name("dst");
    }
}

const struct test hole_tests[] = {
    {"holes", holes},
    {"truncated", truncated},
    {"five_gigabytes", five_gigabytes},
    {NULL, NULL},
};

static const char *const kept_names[][2] = {
    {"auto.src", "auto"}, {"never.src", "never"}, {"sparse.src", "sparse"}};

static void kept(void)
{
    static const uint64_t at[] = {MIB, 5 * MIB};
    const uint32_t durability = place.publishes ? REFLINK_DURABLE : REFLINK_UNSTAGED;
    size_t i;
    for (i = 0; i < COUNT(kept_names); i++) {
        struct copy copy =
            copy_like(i == 0 ? REFLINK_AUTO : REFLINK_NEVER, REFLINK_FAIL, durability);
        if (i == 2)
            make_sparse(kept_names[i][0], 8 * MIB, at, 2, 100000);
        else
            make_file(kept_names[i][0], 3000000 + i, 70 + i);
        copy_file(&copy, kept_names[i][0], kept_names[i][1]);
        check_copied(&copy, kept_names[i][0], kept_names[i][1], kept_names[i][1]);
    }
}

void verify_kept(void)
{
    char why[WHY] = "";
    size_t i;
    for (i = 0; i < COUNT(kept_names); i++)
        check(same_bytes(kept_names[i][0], kept_names[i][1], why), kept_names[i][1], "%s", why);
}

/* The last test: what it makes stays until verify_kept(). */
const struct test kept_tests[] = {{"kept", kept}, {NULL, NULL}};
