/* REFLINK_OVERWRITE: into the file that is there, which stays the same file; never through a link
 * unless that is asked, and never into the source itself. */
#include "contract.h"

enum { OLD = 70001 };

static struct copy overwriting(uint32_t mode)
{
    return copy_like(mode, REFLINK_OVERWRITE, REFLINK_ATOMIC);
}

/* A clone into a file that is there is not possible where clones are new files. */
static bool clones_in_place(void)
{
    return clones() && place.capability.clone_range == 1;
}

/* Waits until a name shows this size: FUSE keeps what it knows of each name for a second, whatever
 * is done by another name of the same file. */
static void wait_for_size(const char *name, uint64_t size)
{
    int tries;
    for (tries = 0; tries < 30 && size_of(name) != size; tries++)
        wait_milliseconds(100);
}

static void stays_the_same_file(uint32_t mode, size_t old_size, const char *what)
{
    struct copy copy = overwriting(mode);
    struct seen before, now;
    bool linked;
    make_file("dst", old_size, 8);
    linked = place.hard_links && make_hard_link("dst", "other");
    before = seen("dst");
    copy_file(&copy, "src", "dst");
    check_copied(&copy, "src", "dst", what);
    now = seen("dst");
    CHECK(same_file(&now, &before) && now.mode == before.mode);
    if (linked) {
        wait_for_size("other", ODD);
        CHECK(holds("other", ODD, 6));
        remove_name("other");
    }
    only("src dst");
    remove_name("dst");
}

static void every_way(void)
{
    static const size_t old_sizes[] = {0, OLD, ODD, LARGE};
    size_t m, s;
    make_file("src", ODD, 6);
    for (m = 0; m < EACH; m++)
        for (s = 0; s < COUNT(old_sizes); s++)
            if (modes[m] != REFLINK_ALWAYS || clones_in_place())
                stays_the_same_file(modes[m], old_sizes[s], mode_names[m]);
    CHECK(holds("src", ODD, 6));
}

static void nothing_is_there(void)
{
    struct copy copy = overwriting(REFLINK_AUTO);
    make_file("src", ODD, 6);
    if (!place.publishes)
        skip("a new name cannot be given safely here");
    else
        good_copy(&copy, "no old file");
}

static void what_is_no_file(void)
{
    struct copy copy = overwriting(REFLINK_AUTO);
    make_text("src", "text");
    CHECK(make_directory("dst"));
    refused_copy(&copy, -EISDIR, REFLINK_STEP_CHECK, "a directory is not overwritten");
}

static void refused(const char *src, const char *dst, uint64_t flags, int code, const char *what)
{
    struct copy copy = overwriting(REFLINK_AUTO);
    copy.options.flags = flags;
    copy_file(&copy, src, dst);
    check(copy.code == code && copy.result.step == REFLINK_STEP_CHECK, what, "%s onto %s: %s", src,
          dst, reflink_err_name(copy.code));
    CHECK(total(&copy) == 0 && !(copy.result.flags & REFLINK_DESTINATION_CHANGED));
}

static void links(void)
{
    const uint64_t follow = REFLINK_FOLLOW_DESTINATION;
    struct copy copy = overwriting(REFLINK_AUTO);
    make_file("src", ODD, 6);
    make_file("dst", OLD, 8);
    if (!make_symlink("dst", "link") || !make_symlink("nowhere", "dangling") ||
        !make_symlink("src", "own")) {
        skip("no symbolic links here");
        return;
    }
    refused("src", "link", 0, -ELOOP, "a link");
    refused("src", "dangling", 0, -ELOOP, "a link");
    refused("src", "dangling", follow, -ENOENT, "a link that leads nowhere");
    refused("src", "own", follow, REFLINK_ERR_SAME_FILE, "a link to the source");
    CHECK(holds("dst", OLD, 8) && !exists("nowhere"));
    copy.options.flags = follow;
    copy_file(&copy, "src", "link");
    check_copied(&copy, "src", "dst", "through a link");
    EQUAL(seen("link").kind, KIND_LINK);
}

/* Whether two names show that they are one file. Under FUSE, for a second after a change by one of
 * them, they do not. */
static bool shown_as_one(const char *a, const char *b)
{
    struct seen one = seen(a), other = seen(b);
    return same_file(&one, &other) && one.changed == other.changed && one.size == other.size;
}

/* Nothing is lost, even where nothing tells that the source is overwritten. */
static void unknowingly(const char *src, const char *hard)
{
    struct copy copy = overwriting(REFLINK_AUTO);
    copy_file(&copy, src, hard);
    CHECK(copy.code == 0 || copy.code == REFLINK_ERR_SAME_FILE);
    CHECK(holds(src, 5000, 8) && holds(hard, 5000, 8));
}

/* The client of SMB opens no second name of a file that is open. */
static bool refused_by_smb(const char *src, const char *hard)
{
    struct copy copy = overwriting(REFLINK_AUTO);
    if (!on_smb())
        return false;
    copy_file(&copy, src, hard);
    if (copy.code == -EINVAL)
        accepted("the SMB client opens no second name of an open file: EINVAL");
    settle();
    return copy.code == -EINVAL && !(copy.result.flags & REFLINK_DESTINATION_CHANGED);
}

static void the_source_by_another_name(void)
{
    int tries;
    if (refused_by_smb("src", "hard"))
        return;
    if (!shown_as_one("src", "hard"))
        unknowingly("src", "hard");
    for (tries = 0; tries < 30 && !shown_as_one("src", "hard"); tries++)
        wait_milliseconds(100);
    if (shown_as_one("src", "hard"))
        refused("src", "hard", 0, REFLINK_ERR_SAME_FILE, "the source itself");
    else
        skip("nothing shows here that two names are one file");
}

static void the_source_itself(void)
{
    make_file("src", 5000, 8);
    refused("src", "src", 0, REFLINK_ERR_SAME_FILE, "the source itself");
    if (place.hard_links && make_hard_link("src", "hard"))
        the_source_by_another_name();
    CHECK(holds("src", 5000, 8));
}

/* What ALWAYS refuses leaves every byte as it was. */
static void always_changes_nothing_when_refused(void)
{
    static const size_t old_sizes[] = {0, 100, OLD, LARGE};
    struct copy copy = overwriting(REFLINK_ALWAYS);
    size_t s;
    if (clones_in_place()) {
        skip("clones are possible here");
        return;
    }
    make_file("src", ODD, 6);
    for (s = 0; s < COUNT(old_sizes); s++) {
        make_file("dst", old_sizes[s], 8);
        copy_file(&copy, "src", "dst");
        CHECK(copy.code < 0 && !(copy.result.flags & REFLINK_DESTINATION_CHANGED));
        EQUAL(copy.result.step, REFLINK_STEP_CLONE);
        CHECK(holds("dst", old_sizes[s], 8));
    }
}

/* The times are the source's, also where the system sets them when the file is closed. */
static void times_are_kept(void)
{
    struct copy copy = overwriting(REFLINK_AUTO);
    const int64_t then = INT64_C(1000000000) * SECOND;
    struct seen now;
    make_file("src", ODD, 6);
    make_file("dst", OLD, 8);
    set_times("src", then, then);
    copy.options.preserve = REFLINK_PRESERVE_TIMES;
    copy_file(&copy, "src", "dst");
    check_copied(&copy, "src", "dst", "with its times");
    now = seen("dst");
    EQUAL(now.written, then);
}

const struct test overwrite_tests[] = {
    {"overwrite_every_way", every_way},
    {"overwrite_nothing", nothing_is_there},
    {"overwrite_what_is_no_file", what_is_no_file},
    {"overwrite_links", links},
    {"overwrite_the_source_itself", the_source_itself},
    {"overwrite_always", always_changes_nothing_when_refused},
    {"overwrite_times", times_are_kept},
    {NULL, NULL},
};
