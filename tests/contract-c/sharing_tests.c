/* Sharing: what the library says of files agrees with how they were made, and equal files come to
 * share where the probe says that they can. What the file system does not say is never guessed. */
#include "contract.h"

static struct reflink_extents_result sums_of(const char *name, uint64_t flags)
{
    struct reflink_extents_result sums = REFLINK_EXTENTS_RESULT_INIT;
    handle file = open_file(name, USE_READ);
    EQUAL(reflink_extents(file, 0, REFLINK_TO_EOF, flags, &sums, NULL, NULL), 0);
    close_handle(file);
    EQUAL(sums.bytes_shared + sums.bytes_unshared + sums.bytes_encoded + sums.bytes_preallocated +
              sums.bytes_hole + sums.bytes_inline + sums.bytes_pending,
          sums.length);
    EQUAL(sums.length, sums.reported == REFLINK_SHARING_UNKNOWN ? 0 : size_of(name));
    CHECK(sums.reported == REFLINK_SHARING_KNOWN || sums.bytes_exclusive == 0);
    CHECK((sums.reported == REFLINK_SHARING_UNKNOWN) == (sums.reason != REFLINK_REASON_NONE));
    return sums;
}

static struct reflink_shared_result compare(const char *one, const char *other)
{
    struct reflink_shared_result found = REFLINK_SHARED_RESULT_INIT;
    handle a = open_file(one, USE_READ), b = open_file(other, USE_READ);
    EQUAL(reflink_shared(a, 0, b, 0, REFLINK_TO_EOF, 0, &found), 0);
    close_handle(a);
    close_handle(b);
    EQUAL(found.bytes_same + found.bytes_apart + found.bytes_hole + found.bytes_unknown,
          found.length);
    CHECK((found.verdict == REFLINK_SHARED_ALL) == (found.bytes_apart + found.bytes_unknown == 0));
    return found;
}

/* Bytes of a file that has no hole. */
static void check_dense(const struct reflink_extents_result *sums)
{
    EQUAL(sums->bytes_hole, 0);
    EQUAL(sums->bytes_preallocated, 0);
}

static void extents(void)
{
    static const char *const words[] = {"unknown", "unreported", "known"};
    struct reflink_extents_result sums;
    uint8_t bytes[50000];
    handle file;
    make_file("plain", ODD, 1);
    sums = sums_of("plain", 0);
    fact("map", words[sums.reported % 3]);
    EQUAL(sums.bytes_shared, 0);
    check_dense(&sums);
    /* Not written out: bytes that are only in memory are no hole. */
    fill_bytes(bytes, sizeof bytes, 2);
    file = create_file("fresh");
    write_at(file, bytes, sizeof bytes, 0);
    sums = sums_of("fresh", REFLINK_MAP_NO_FLUSH);
    check_dense(&sums);
    sums = sums_of("fresh", 0);
    check_dense(&sums);
    close_handle(file);
    if (sums.reported == REFLINK_SHARING_UNKNOWN)
        skip("no maps here");
}

/* A file is shared with itself; by two handles that is known where its number tells it from others:
 * not behind a server. */
static void one_file(const char *name)
{
    static const char *const local[] = {"xfs", "btrfs", "ext4", "tmpfs", "ocfs2", "overlay"};
    struct reflink_shared_result found = compare(name, name);
    handle file = open_file(name, USE_READ);
    size_t i;
    CHECK(found.bytes_apart == 0);
    for (i = 0; i < COUNT(local); i++)
        CHECK(strcmp(place.capability.fs_name, local[i]) != 0 ||
              found.verdict == REFLINK_SHARED_ALL);
    EQUAL(reflink_shared(file, 0, file, 0, REFLINK_TO_EOF, 0, &found), 0);
    EQUAL(found.verdict, REFLINK_SHARED_ALL);
    close_handle(file);
}

/* A proof where the blocks are shared, at least no denial; and none where they are not. */
static void shared(void)
{
    static const char *const words[] = {"unknown", "none", "part", "all"};
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, new_file());
    struct reflink_shared_result found;
    handle file;
    make_file("src", ODD, 3);
    one_file("src");
    good_copy(&copy, "a copy");
    found = compare("src", "dst");
    fact("proof", words[found.verdict % 4]);
    CHECK(copy.result.bytes_cloned < ODD || found.bytes_apart == 0);
    file = open_file("dst", USE_WRITE);
    write_at(file, "another", 7, ODD / 2);
    close_handle(file);
    found = compare("src", "dst");
    CHECK(found.verdict != REFLINK_SHARED_ALL);
    CHECK(found.first_apart <= ODD / 2 || found.first_unknown <= ODD / 2);
    make_file("other", ODD, 3);
    found = compare("src", "other");
    EQUAL(found.bytes_same, 0);
}

static int dedupe(const char *one, const char *other, uint64_t flags,
                  struct reflink_dedupe_result *result)
{
    struct reflink_dedupe_options options = REFLINK_DEDUPE_OPTIONS_INIT;
    struct reflink_dedupe_result empty = REFLINK_DEDUPE_RESULT_INIT;
    struct seen before[2] = {seen(one), seen(other)}, after[2];
    handle src = open_file(one, USE_READ), dst = open_file(other, USE_READ);
    int code, i;
    *result = empty;
    options.flags = flags;
    code = reflink_dedupe_fd(src, dst, &options, result);
    close_handle(src);
    close_handle(dst);
    after[0] = seen(one);
    after[1] = seen(other);
    for (i = 0; i < 2; i++) {
        EQUAL(after[i].size, before[i].size);
        EQUAL(after[i].written, before[i].written);
        EQUAL(after[i].mode, before[i].mode);
    }
    EQUAL(result->bytes_deduped + result->bytes_already + result->bytes_different +
              result->bytes_skipped + result->bytes_not_reached,
          result->length);
    return code;
}

static void equal_files(void)
{
    struct reflink_dedupe_result result;
    struct reflink_shared_result found;
    int code;
    make_file("src", ODD, 5);
    make_file("dst", ODD, 5);
    code = dedupe("src", "dst", 0, &result);
    fact("dedupe_code", code ? reflink_err_name(code) : "-");
    fact_number("deduped", (int64_t)result.bytes_deduped);
    CHECK(holds("src", ODD, 5) && holds("dst", ODD, 5));
    if (place.capability.dedupe != 1) {
        EQUAL(result.bytes_deduped, 0);
        skip("nothing can be deduplicated here");
        return;
    }
    EQUAL(code, 0);
    CHECK(result.bytes_deduped > 0);
    EQUAL(result.bytes_deduped + result.bytes_skipped, ODD);
    found = compare("src", "dst");
    CHECK(found.bytes_apart <= result.bytes_skipped);
    code = dedupe("src", "dst", REFLINK_DEDUPE_VERIFY, &result);
    EQUAL(code, 0);
    EQUAL(result.bytes_deduped + result.bytes_already + result.bytes_skipped, ODD);
    CHECK(result.bytes_verified <= result.bytes_deduped + result.bytes_already);
    CHECK(holds("src", ODD, 5) && holds("dst", ODD, 5));
}

static void different_files(void)
{
    struct reflink_dedupe_result result;
    uint8_t *bytes = allocate(ODD);
    char why[WHY];
    handle file;
    int code;
    make_file("src", ODD, 6);
    fill_bytes(bytes, ODD, 6);
    memcpy(bytes + MIB / 2, "another", 7);
    file = create_file("dst");
    write_at(file, bytes, ODD, 0);
    flush(file);
    close_handle(file);
    code = dedupe("src", "dst", REFLINK_DEDUPE_CONTINUE, &result);
    CHECK(holds("src", ODD, 6));
    check(holds_bytes("dst", bytes, ODD, why), "dst", "%s", why);
    free(bytes);
    if (place.capability.dedupe != 1) {
        EQUAL(result.bytes_deduped, 0);
        skip("nothing can be deduplicated here");
        return;
    }
    EQUAL(code, 0);
    EQUAL(result.first_difference, MIB / 2);
    CHECK(result.bytes_different > 0 && result.bytes_deduped > 0);
    EQUAL(result.bytes_not_reached, 0);
}

const struct test sharing_tests[] = {{"extents", extents},
                                     {"shared", shared},
                                     {"dedupe: equal files", equal_files},
                                     {"dedupe: different files", different_files},
                                     {NULL, NULL}};
