/* REFLINK_REPLACE: the old file or the complete new one, a new file, and never the source itself.
 */
#include "contract.h"

enum { OLD = 70001 };

static void replaces(uint32_t mode, uint32_t durability, const char *what)
{
    struct copy copy = copy_like(mode, REFLINK_REPLACE, durability);
    struct watch watch = {0};
    struct seen now;
    bool linked;
    make_file("dst", OLD, 8);
    linked = place.hard_links && make_hard_link("dst", "other");
    watch.dst = "dst";
    watch.allowed = 0777;
    watch.replaces = true;
    watch.old = seen("dst");
    watch_copy(&copy, &watch);
    copy_file(&copy, "src", "dst");
    check_copied(&copy, "src", "dst", what);
    now = seen("dst");
    CHECK(!linked || !same_file(&now, &watch.old));
    if (linked) {
        CHECK(holds("other", OLD, 8));
        remove_name("other");
    }
    only("src dst");
    remove_name("dst");
}

static void every_way(void)
{
    char what[32];
    size_t m, d;
    make_file("src", ODD, 6);
    for (m = 0; m < EACH; m++) {
        for (d = 0; d < EACH; d++) {
            if (modes[m] == REFLINK_ALWAYS && !clones())
                continue;
            snprintf(what, sizeof what, "%s, %s", mode_names[m], durability_names[d]);
            replaces(modes[m], durabilities[d], what);
        }
    }
    CHECK(holds("src", ODD, 6));
}

static void nothing_to_replace(void)
{
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_REPLACE, new_file());
    make_file("src", ODD, 6);
    good_copy(&copy, "no old file");
}

/* The client of SMB renames nothing onto a file that is open: it tries to remove that file instead,
 * and says ENOENT. Then its name may be gone, a second after the close; nothing else may. */
static void refused_by_smb(const struct copy *copy)
{
    accepted("the SMB client replaces no file that is open: rename(2) itself is ENOENT");
    EQUAL(copy->result.step, REFLINK_STEP_PUBLISH);
    settle();
    CHECK(holds("src", 300001, 7) && holds_text("other", "other"));
    if (exists("dst"))
        CHECK(holds_text("dst", "old"));
    only(exists("dst") ? "src other dst" : "src other");
}

/* The old file stays under the descriptor, the name is the new one's. */
static void a_file_that_is_open(void)
{
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_REPLACE, REFLINK_ATOMIC);
    bool can = replaces_open_files(), refused;
    char text[4] = "";
    handle open;
    make_file("src", 300001, 7);
    make_text("other", "other");
    make_text("dst", "old");
    open = open_file("dst", USE_READ);
    copy_file(&copy, "src", "dst");
    refused = on_smb() && copy.code == -ENOENT;
    if (can && !refused) {
        check_copied(&copy, "src", "dst", "open");
    } else if (!refused) {
        EQUAL(copy.code, -EACCES);
        EQUAL(copy.result.step, REFLINK_STEP_PUBLISH);
        CHECK(copy.result.os_error != 0);
        CHECK(holds_text("dst", "old"));
        skip("the system replaces no file that is open: the refusal was seen, the replacing not");
    }
    CHECK(read_at(open, text, 3, 0) == 3 && strcmp(text, "old") == 0);
    close_handle(open);
    if (refused)
        refused_by_smb(&copy);
    else
        only("src dst other");
}

static void a_directory(void)
{
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_REPLACE, REFLINK_ATOMIC);
    size_t d;
    make_text("src", "text");
    CHECK(make_directory("dst"));
    for (d = 0; d < EACH; d++) {
        copy.options.durability = durabilities[d];
        refused_copy(&copy, -EISDIR, REFLINK_STEP_CHECK, "a directory is not replaced");
    }
}

/* The client of SMB opens one name of a file only, until it has closed that: the second is EINVAL.
 */
static bool opens_no_second_name(const struct copy *copy, const char *const route[2])
{
    bool refused = on_smb() && copy->code == -EINVAL &&
                   (strcmp(route[0], "hard") == 0 || strcmp(route[1], "hard") == 0);
    if (refused)
        accepted("the SMB client opens no second name of an open file: EINVAL");
    return refused;
}

static void the_source_itself(void)
{
    static const char *const routes[][2] = {{"src", "src"},          {"dir/../src", "src"},
                                            {"src", "./dir/../src"}, {"src", "hard"},
                                            {"hard", "src"},         {"soft", "src"}};
    size_t r, d;
    make_file("src", 5000, 8);
    CHECK(make_directory("dir"));
    if (place.hard_links)
        CHECK(make_hard_link("src", "hard"));
    if (place.symlinks)
        CHECK(make_symlink("src", "soft"));
    for (r = 0; r < COUNT(routes); r++) {
        if (!exists(routes[r][0]) || !exists(routes[r][1]))
            continue;
        for (d = 0; d < EACH; d++) {
            struct copy copy = copy_like(REFLINK_AUTO, REFLINK_REPLACE, durabilities[d]);
            copy_file(&copy, routes[r][0], routes[r][1]);
            check(
                opens_no_second_name(&copy, routes[r]) ||
                    (copy.code == REFLINK_ERR_SAME_FILE && copy.result.step == REFLINK_STEP_CHECK),
                "the source itself", "%s onto %s: %s", routes[r][0], routes[r][1],
                reflink_err_name(copy.code));
        }
        settle();
    }
    CHECK(holds("src", 5000, 8));
}

const struct test replace_tests[] = {
    {"replace_every_way", every_way},
    {"replace_nothing", nothing_to_replace},
    {"replace_a_file_that_is_open", a_file_that_is_open},
    {"replace_a_directory", a_directory},
    {"replace_the_source_itself", the_source_itself},
    {NULL, NULL},
};
