/* Names: wrong ones, unusual ones, and names relative to open directories. */
#include "contract.h"

/* Calls test(copy) for every mode, durability and if_exists. */
static void all_ways(void (*test)(struct copy *copy))
{
    static const uint32_t if_exists[] = {REFLINK_FAIL, REFLINK_REPLACE};
    size_t m, d, e;
    for (m = 0; m < EACH; m++)
        for (d = 0; d < EACH; d++)
            for (e = 0; e < COUNT(if_exists); e++) {
                struct copy copy = copy_like(modes[m], if_exists[e], durabilities[d]);
                test(&copy);
            }
}

/* The line for people begins with the name of the file that could not be used. */
static void names_the_right_one(const struct copy *copy, const char *src, const char *dst)
{
    const char *name = copy->result.step == REFLINK_STEP_OPEN_SOURCE ? src : dst;
    size_t length = strlen(name);
    char line[256];

    reflink_describe(copy->code, copy->result.step, copy->result.flags, src, dst, line,
                     sizeof line);
    check(length == 0 || (strncmp(line, name, length) == 0 && strncmp(line + length, ": ", 2) == 0),
          "the name in the line", "%s", line);
}

static void refuse_wrong_names(struct copy *copy)
{
    static const struct {
        const char *src, *dst;
        int code;
        uint32_t step;
    } all[] = {{"", "dst", -ENOENT, REFLINK_STEP_OPEN_SOURCE},
               {"src", "", -ENOENT, REFLINK_STEP_ARGUMENTS},
               {"missing", "dst", -ENOENT, REFLINK_STEP_OPEN_SOURCE},
               {"missing/file", "dst", -ENOENT, REFLINK_STEP_OPEN_SOURCE},
               {"src", "missing/dst", -ENOENT, REFLINK_STEP_CREATE},
               {"dir", "dst", -EISDIR, REFLINK_STEP_OPEN_SOURCE},
               {".", "dst", -EISDIR, REFLINK_STEP_OPEN_SOURCE},
               {"dir/", "dst", -EISDIR, REFLINK_STEP_OPEN_SOURCE},
               {"src", "dst/", -EISDIR, REFLINK_STEP_ARGUMENTS},
               {"src", "dir/", -EISDIR, REFLINK_STEP_ARGUMENTS},
               {"src", "dir/.", -EISDIR, REFLINK_STEP_ARGUMENTS},
               {"src", "dir/..", -EISDIR, REFLINK_STEP_ARGUMENTS},
               {"src", "..", -EISDIR, REFLINK_STEP_ARGUMENTS}};
    size_t i;
    for (i = 0; i < COUNT(all); i++) {
        copy_file(copy, all[i].src, all[i].dst);
        /* A volume that cannot clone may say so before the name is looked at. */
        if (copy->options.mode == REFLINK_ALWAYS && !clones() &&
            copy->code == place.capability.clone_error)
            continue;
        check(copy->code == all[i].code && copy->result.step == all[i].step, "a wrong name",
              "\"%s\" to \"%s\": %s at step %u", all[i].src, all[i].dst,
              reflink_err_name(copy->code), copy->result.step);
        names_the_right_one(copy, all[i].src, all[i].dst);
    }
    /* Through a file: systems differ in what they say of it. */
    CHECK(copy_file(copy, "src/", "dst") < 0);
    CHECK(copy_file(copy, "src/x", "dst") < 0);
    CHECK(copy_file(copy, "src", "src/dst") < 0);
    only("src dir");
}

static void wrong_names(void)
{
    make_text("src", "text");
    CHECK(make_directory("dir"));
    all_ways(refuse_wrong_names);
    CHECK(holds_text("src", "text"));
}

static void unusual_names(void)
{
    static const char *const names[] = {"\xc3\xa4.bin",             /* a with diaeresis */
                                        "a\xcc\x88.bin",            /* the same, decomposed */
                                        "\xe6\xbc\xa2\xe5\xad\x97", /* two Chinese characters */
                                        "\xf0\x9f\x90\xa6 bird",    /* beyond 16 bits */
                                        "with space",
                                        "'quoted'",
                                        "-dash",
                                        ".hidden",
                                        "semi;colon,&%$#@!"};
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, new_file());
    size_t i;
    make_file("src", 5000, 30);
    for (i = 0; i < COUNT(names); i++) {
        if (!make_directory(names[i]) || !remove_name(names[i])) {
            skip("this file system does not take all of the names");
            continue;
        }
        EQUAL(copy_file(&copy, "src", names[i]), 0);
        CHECK(holds(names[i], 5000, 30));
        EQUAL(copy_file(&copy, names[i], "back"), 0);
        CHECK(holds("back", 5000, 30));
        remove_name(names[i]);
        remove_name("back");
    }
    only("src");
}

/* Behind a server a name is tried for longer copies only. */
static bool tries_names(void)
{
    return !place.backing && strcmp(place.capability.fs_name, "fuse") != 0;
}

/* What no file can be called is said before the data is copied. */
static void names_that_cannot_be(void)
{
    static const char *const odd[] = {"a?b", "a:b", "a|b", "a\001b", "space "};
    char lengthy[1024];
    const char *name;
    size_t i;
    make_file("src", 4 * MIB, 30);
    memset(lengthy, 'x', 256);
    lengthy[256] = 0;
    for (i = 0; i <= COUNT(odd); i++) {
        struct copy copy = copy_like(REFLINK_NEVER, REFLINK_FAIL, new_file());
        name = i < COUNT(odd) ? odd[i] : lengthy;
        if (!is_one_name(name))
            continue;
        if (make_directory(name)) {
            remove_name(name);
            continue;
        }
        copy_file(&copy, "src", name);
        check(copy.code == -EINVAL || copy.code == -ENAMETOOLONG, "a name that cannot be", "%s: %s",
              name, reflink_err_name(copy.code));
        check(total(&copy) == 0 || !tries_names(), "told before the data", "%s: %" PRIu64, name,
              total(&copy));
        only("src");
    }
}

static void copy_below(handle from, handle to, const char *src, const char *dst, const char *result)
{
    size_t m, d;
    for (m = 0; m < EACH; m++)
        for (d = 0; d < EACH; d++) {
            struct copy copy = copy_like(modes[m], REFLINK_FAIL, durabilities[d]);
            if (!possible(modes[m], durabilities[d]))
                continue;
            EQUAL(copy_at(&copy, from, src, to, dst), 0);
            CHECK(holds(result, 70001, 31));
            remove_name(result);
        }
}

static void names_below_directories(void)
{
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, new_file());
    handle from, to, file;
    char full[PATH_ROOM], *here = absolute(".");
    size_t i;
    CHECK(make_directory("from") && make_directory("to") && make_directory("to/sub"));
    make_file("from/src", 70001, 31);
    from = open_directory("from");
    to = open_directory("to");
    copy_below(from, to, "src", "dst", "to/dst");
    copy_below(from, to, "./src", "sub/dst", "to/sub/dst");
    copy_below(from, to, "../to/../from/src", "sub/../dst", "to/dst");
    copy_below(to, from, "../from/src", "../to/out", "to/out");
    copy_below(current_directory, to, "from/src", "dst", "to/dst");
    copy_below(from, current_directory, "src", "dst", "dst");
    /* A name that says where it is needs no directory. */
    copy_below(to, from, join(full, here, "from/src"), "dst", "from/dst");
    file = open_file("from/src", USE_READ);
    CHECK(copy_at(&copy, file, "src", to, "no") < 0);
    CHECK(place.modes == MODES_NONE || copy.code == -ENOTDIR); /* Windows: no such file */
    CHECK(copy_at(&copy, from, "src", file, "no") < 0);
    CHECK(place.modes == MODES_NONE || copy.code == -ENOTDIR);
    close_handle(file);
    close_handle(to);
    EQUAL(copy_at(&copy, to, "src", from, "no"), -EBADF);
    EQUAL(copy.result.step, REFLINK_STEP_OPEN_SOURCE);
    for (i = 0; i < never_open_count; i++) {
        if (never_open[i] == current_directory)
            continue;
        EQUAL(copy_at(&copy, never_open[i], "src", from, "no"), -EBADF);
        EQUAL(copy_at(&copy, from, "src", never_open[i], "no"), -EBADF);
    }
    close_handle(from);
    only("from to");
}

/* A directory that is renamed while it is open takes names below it along. */
static void a_directory_that_moves(void)
{
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, new_file());
    handle directory;
    if (!open_directories_move()) {
        skip("this system loses sight of a directory that is renamed while it is open");
        return;
    }
    make_file("src", 70001, 32);
    CHECK(make_directory("before"));
    directory = open_directory("before");
    if (rename("before", "after") != 0) {
        close_handle(directory);
        skip("an open directory cannot be renamed here");
        return;
    }
    CHECK(make_directory("before"));
    EQUAL(copy_at(&copy, current_directory, "src", directory, "dst"), 0);
    CHECK(holds("after/dst", 70001, 32));
    copy.options.if_exists = REFLINK_REPLACE;
    EQUAL(copy_at(&copy, current_directory, "src", directory, "dst"), 0);
    CHECK(!exists("before/dst"));
    close_handle(directory);
    only("src before after");
}

const struct test name_tests[] = {
    {"wrong_names", wrong_names},
    {"unusual_names", unusual_names},
    {"names_that_cannot_be", names_that_cannot_be},
    {"names_below_directories", names_below_directories},
    {"a_directory_that_moves", a_directory_that_moves},
    {NULL, NULL},
};
