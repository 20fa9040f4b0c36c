/* A copy under a new name: complete or not there at all, by every mode and durability, and a file
 * of its own afterwards. */
#include "contract.h"

static void sizes(void)
{
    static const size_t lengths[] = {0,      1,      511,    512,    1023,    1024,
                                     4095,   4096,   4097,   65535,  65536,   65537,
                                     262143, 262144, 262145, 524288, 1048577, ODD};
    char what[64];
    size_t i, m, d;
    for (i = 0; i < COUNT(lengths); i++) {
        make_file("src", lengths[i], 100 + i);
        for (m = 0; m < EACH; m++) {
            for (d = 0; d < EACH; d++) {
                struct copy copy = copy_like(modes[m], REFLINK_FAIL, durabilities[d]);
                if (!possible(modes[m], durabilities[d]))
                    continue;
                snprintf(what, sizeof what, "%s, %s, %lu bytes", mode_names[m], durability_names[d],
                         (unsigned long)lengths[i]);
                good_copy(&copy, what);
                if (modes[m] == REFLINK_AUTO && lengths[i] == ODD) {
                    fact("shared", sharing_name(sharing_here(0, ODD)));
                    if (place.backing)
                        fact("shared_behind", sharing_name(sharing_behind(0, ODD)));
                }
                copy.options.if_exists = REFLINK_REPLACE;
                good_copy(&copy, what);
                remove_name("dst");
            }
        }
        CHECK(holds("src", lengths[i], 100 + i));
    }
}

static void never_shares(void)
{
    struct copy copy = copy_like(REFLINK_NEVER, REFLINK_FAIL, new_file());
    make_file("src", 700001, 5);
    good_copy(&copy, "never");
    EQUAL(copy.result.method, REFLINK_METHOD_COPY);
    EQUAL(copy.result.reason, REFLINK_REASON_NOT_ASKED);
    EQUAL(copy.result.clone_error, 0);
    EQUAL(copy.result.bytes_copied, 700001);
    check_alone("src");
    check_alone("dst");
}

static void auto_says_why_it_copies(void)
{
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, new_file());
    make_file("src", 3000001, 6);
    good_copy(&copy, "auto");
    EQUAL(copy.result.flags & REFLINK_METADATA_INCOMPLETE, 0);
    if (clones()) {
        EQUAL(copy.result.bytes_cloned, 3000001);
        EQUAL(copy.result.clone_error, 0);
        return;
    }
    CHECK(copy.result.method == REFLINK_METHOD_KERNEL_COPY ||
          copy.result.method == REFLINK_METHOD_COPY);
    EQUAL(copy.result.reason, place.capability.reason);
    EQUAL(copy.result.clone_error, place.capability.clone_error);
    EQUAL(copy.result.bytes_copied, 3000001);
}

static void always_or_nothing(void)
{
    static const uint32_t if_exists[] = {REFLINK_FAIL, REFLINK_REPLACE};
    size_t d, e;
    if (clones()) {
        skip("files can be cloned here: see the tests of each mode");
        return;
    }
    make_file("src", ODD, 7);
    for (e = 0; e < COUNT(if_exists); e++) {
        if (if_exists[e] == REFLINK_REPLACE)
            make_text("dst", "old");
        for (d = 0; d < EACH; d++) {
            struct copy copy = copy_like(REFLINK_ALWAYS, if_exists[e], durabilities[d]);
            refused_copy(&copy, place.capability.clone_error, REFLINK_STEP_CLONE, "refused");
            EQUAL(copy.result.reason, place.capability.reason);
            EQUAL(copy.result.clone_error, place.capability.clone_error);
            EQUAL(copy.result.method, REFLINK_METHOD_NONE);
            EQUAL(total(&copy), 0);
        }
    }
    CHECK(holds_text("dst", "old"));
}

static void a_name_that_exists(void)
{
    static const char *const names[] = {"dst", "dir", "src"};
    size_t m, d, n;
    make_file("src", ODD, 8);
    make_text("dst", "old");
    CHECK(make_directory("dir"));
    for (m = 0; m < EACH; m++) {
        for (d = 0; d < EACH; d++) {
            if (!possible(modes[m], durabilities[d]))
                continue;
            for (n = 0; n < COUNT(names); n++) {
                struct copy copy = copy_like(modes[m], REFLINK_FAIL, durabilities[d]);
                struct seen before = seen(names[n]), after;
                EQUAL(copy_file(&copy, "src", names[n]), -EEXIST);
                CHECK(copy.result.step == REFLINK_STEP_CREATE ||
                      copy.result.step == REFLINK_STEP_PUBLISH);
                after = seen(names[n]);
                CHECK(same_file(&before, &after));
            }
            only("src dst dir");
        }
    }
    CHECK(holds_text("dst", "old"));
    CHECK(holds("src", ODD, 8));
}

/* The name is given at the end, and nobody could read more before. */
static void seen_meanwhile(void)
{
    size_t m, d;
    make_file("src", ODD, 9);
    for (m = 0; m < EACH; m++) {
        for (d = 0; d < EACH; d++) {
            struct copy copy = copy_like(modes[m], REFLINK_FAIL, durabilities[d]);
            struct watch watch = {0};
            if (!possible(modes[m], durabilities[d]))
                continue;
            watch.dst = "dst";
            watch.allowed = 0777;
            watch.unstaged = durabilities[d] == REFLINK_UNSTAGED;
            watch_copy(&copy, &watch);
            good_copy(&copy, durability_names[d]);
            copy.options.progress = NULL;
            refused_copy(&copy, -EEXIST,
                         watch.unstaged ? REFLINK_STEP_CREATE : REFLINK_STEP_PUBLISH,
                         "a second time");
            remove_name("dst");
        }
    }
}

static void write_into(const char *name)
{
    handle file = open_file(name, USE_READ_WRITE);
    write_at(file, "changed", 7, 500000);
    flush(file);
    close_handle(file);
}

static void independence(void)
{
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, new_file());
    make_file("src", ODD, 10);
    good_copy(&copy, "copied");
    write_into("src");
    CHECK(holds("dst", ODD, 10));
    make_file("src", ODD, 10);
    remove_name("dst");
    good_copy(&copy, "copied again");
    write_into("dst");
    CHECK(holds("src", ODD, 10));
    CHECK(!holds_bytes("dst", (const uint8_t *)"", 0, (char[WHY]){0}));
}

/* The source was written a moment ago, and nothing of it is on the device yet. */
static void an_unsynced_source(void)
{
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, new_file());
    handle writer = create_file("src");
    uint8_t *bytes = allocate(300001);
    fill_bytes(bytes, 300001, 14);
    write_at(writer, bytes, 300001, 0);
    free(bytes);
    copy_file(&copy, "src", "dst");
    EQUAL(copy.code, 0);
    CHECK(!(copy.result.flags & REFLINK_SOURCE_CHANGED) || may_seem_changed(&copy));
    CHECK(holds("dst", 300001, 14));
    close_handle(writer);
    only("src dst");
}

/* From and to another volume: nothing can be shared, everything must come over, holes too. */
static void another_volume(void)
{
    static const uint64_t at[] = {3 * MIB};
    struct copy copy = copy_like(REFLINK_ALWAYS, REFLINK_FAIL, REFLINK_ATOMIC);
    const char *there = elsewhere("src");
    if (!there)
        return;
    make_sparse(there, 8 * MIB, at, 1, 100000);
    copy_file(&copy, there, "dst");
    CHECK(copy.code == -EXDEV || copy.code == -EOPNOTSUPP || copy.code == -EINVAL);
    only("");
    copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, new_file());
    copy.options.flags = REFLINK_BEST_EFFORT_METADATA;
    copy_file(&copy, there, "dst");
    if (check_copied(&copy, there, "dst", "into here")) {
        EQUAL(copy.result.bytes_cloned, 0);
        CHECK(copy.result.bytes_hole >= 4 * MIB || place.modes == MODES_NONE);
    }
    remove_name(there);
    make_file("src", ODD, 12);
    copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, REFLINK_ATOMIC);
    there = elsewhere("dst");
    copy_file(&copy, "src", there);
    check_copied(&copy, "src", there, "from here");
}

static void a_directory_below(void)
{
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_REPLACE, REFLINK_DURABLE);
    int i;
    make_file("src", 300001, 15);
    CHECK(make_directory("dir"));
    for (i = 0; i < 2; i++) {
        if (!place.publishes && i == 0)
            make_text("dir/dst", "old");
        EQUAL(copy_file(&copy, "src", "dir/dst"), 0);
        CHECK(holds("dir/dst", 300001, 15));
    }
    only("src dir");
}

/* Times to the file system's own precision, which the source on the same file system has too. SMB
 * clients show the time of the last close for a second or two, and then the time that was set. */
static void times_are_kept_when_asked(void)
{
    const int64_t accessed = INT64_C(1000000000123456700), written = INT64_C(1100000000987654300);
    size_t m;
    int tries;
    make_file("src", 5000, 22);
    for (m = 0; m < EACH; m++) {
        struct copy copy = copy_like(modes[m], REFLINK_FAIL, new_file());
        struct seen src, dst;
        if (!possible(modes[m], new_file()))
            continue;
        set_times("src", accessed, written);
        src = seen("src");
        EQUAL(copy_file(&copy, "src", "plain"), 0);
        CHECK(seen("plain").written > src.written);
        set_times("src", accessed, written);
        copy.options.preserve = REFLINK_PRESERVE_TIMES;
        EQUAL(copy_file(&copy, "src", "dst"), 0);
        dst = seen("dst");
        for (tries = 0; dst.written != src.written && tries < 5; tries++) {
            wait_milliseconds(1000);
            dst = seen("dst");
        }
        EQUAL(dst.written, src.written);
        if (!place.backing && access_times_stay()) /* servers may keep their own time of access */
            EQUAL(dst.accessed, src.accessed);
        CHECK(holds("dst", 5000, 22));
        remove_name("plain");
        remove_name("dst");
    }
}

const struct test new_file_tests[] = {
    {"sizes", sizes},
    {"never_shares", never_shares},
    {"auto_says_why_it_copies", auto_says_why_it_copies},
    {"always_or_nothing", always_or_nothing},
    {"a_name_that_exists", a_name_that_exists},
    {"seen_meanwhile", seen_meanwhile},
    {"independence", independence},
    {"an_unsynced_source", an_unsynced_source},
    {"another_volume", another_volume},
    {"a_directory_below", a_directory_below},
    {"times_are_kept_when_asked", times_are_kept_when_asked},
    {NULL, NULL},
};
