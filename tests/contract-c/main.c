/* contract [keep|verify|list] [-t TEST] DIR [OTHER [BACKING]]: checks the library's promises on the
 * file system of DIR. Ends in "N passed, N failed, N skipped"; exit status 0, 1 (a promise is
 * broken), 2 (usage), 101 (the tests themselves cannot go on). OTHER is on another volume; BACKING
 * is DIR as the server of a network or FUSE file system sees it. "keep" leaves files behind that
 * "verify" compares again, after a remount. */
#include "contract.h"

enum { SECONDS = 600 };

struct place place;
static char *work; /* the directory that the tests run in */

static const struct test *const lists[] = {
    probe_tests, argument_tests, new_file_tests, replace_tests, overwrite_tests,
    hole_tests,  progress_tests, handle_tests,   sharing_tests, name_tests,
    tree_tests,  system_tests,   kept_tests};

/* The runner knows how slow its machine is. */
static unsigned time_limit(void)
{
    const char *given = getenv("REFLINK_FS_LIMIT");
    long seconds = given ? strtol(given, NULL, 10) : 0;
    return seconds > 0 ? (unsigned)seconds : SECONDS;
}

static bool links_work(bool (*make)(const char *, const char *))
{
    bool works;
    make_text("one", "1");
    works = make("one", "two");
    fresh_directory(".");
    return works;
}

static const char *way_of_publishing(const struct copy *copy, const struct watch *watch)
{
    bool renamed;
    if (copy->code)
        return copy->result.step == REFLINK_STEP_PUBLISH ? "none" : "failed";
    if (!watch->private_name)
        return "unnamed,linked";
    make_text("one", "1");
    renamed = renames_without_replacing("one", "two");
    return renamed ? "renamed" : "linked,unlinked";
}

/* A first copy, watched: does it get a name at all, and by which way? */
static void learn_publishing(void)
{
    struct watch watch = {0};
    struct copy copy = copy_like(REFLINK_AUTO, REFLINK_FAIL, REFLINK_ATOMIC);
    bool designed;
    make_file("src", 5000, 3);
    watch.dst = "dst";
    watch.allowed = 0777;
    watch_copy(&copy, &watch);
    copy_file(&copy, "src", "dst");
    place.publishes = copy.code == 0;
    fact("publish", way_of_publishing(&copy, &watch));
    designed = copy.code == -EPERM || copy.code == -EOPNOTSUPP || copy.code == -EINVAL;
    check(place.publishes || (copy.result.step == REFLINK_STEP_PUBLISH && designed),
          "the first copy", "%s at step %u", reflink_err_name(copy.code), copy.result.step);
    fresh_directory(".");
}

static void learn(void)
{
    static const char *const words[] = {"held", "refused", "ignored", "none"};
    struct reflink_capability unknown = REFLINK_CAPABILITY_INIT;
    int code;
    begin_test("place");
    fresh_directory(work);
    enter(work);
    place.capability = unknown;
    code = reflink_probe(NULL, ".", &place.capability);
    check(code == 0, "the probe answers", "%s", reflink_err_name(code));
    place.modes = learn_modes();
    place.hard_links = links_work(make_hard_link);
    place.symlinks = links_work(make_symlink);
    place.stand_in = getenv("REFLINK_TEST_PORTABLE") != NULL;
    fact("permissions", words[place.modes]);
    fact_number("hard_links", place.hard_links);
    learn_publishing();
    end_test();
}

static void tell_where(void)
{
    char system[128];
    system_name(system, sizeof system);
    fact("system", system);
    fact("library", reflink_version_string());
}

static void run(const struct test *test, const char *root)
{
    begin_test(test->name);
    fresh_directory(work);
    enter(work);
    test->run();
    EQUAL(private_names("."), 0);
    enter(root);
    end_test();
}

static void run_all(const char *only, const char *root)
{
    const struct test *test;
    size_t i;
    for (i = 0; i < COUNT(lists); i++)
        for (test = lists[i]; test->name; test++)
            if (!only || strcmp(only, test->name) == 0)
                run(test, root);
}

static int list(void)
{
    const struct test *test;
    size_t i;
    for (i = 0; i < COUNT(lists); i++)
        for (test = lists[i]; test->name; test++)
            printf("%s\n", test->name);
    return 0;
}

static void clean(const char *directory)
{
    fresh_directory(directory);
    if (!remove_name(directory))
        die("remove", directory);
}

/* DIR/contract, whole: the tests change the current directory. */
static char *below(const char *directory)
{
    char *path = allocate(PATH_ROOM);
    return join(path, absolute(directory), "contract");
}

static int check_place(char **words, int count, const char *verb, const char *only)
{
    char *root = absolute(words[0]);
    work = below(words[0]);
    if (count > 1)
        place.other = below(words[1]);
    if (count > 2)
        place.backing = below(words[2]);
    limit_time(time_limit());
    if (strcmp(verb, "verify") == 0) {
        begin_test("after a remount");
        enter(work);
        verify_kept();
        end_test();
        enter(root);
        return conclude();
    }
    if (place.other)
        fresh_directory(place.other);
    tell_where();
    learn();
    enter(root);
    run_all(only, root);
    if (place.other)
        clean(place.other);
    if (strcmp(verb, "keep") != 0)
        clean(work);
    return conclude();
}

int main(int count, char **words)
{
    const char *verb = "", *only = NULL;
    if (count > 1 && strcmp(words[1], "child") == 0)
        return killed_child(words + 2);
    if (count > 1 && strcmp(words[1], "list") == 0)
        return list();
    words++;
    count--;
    if (count > 0 && (strcmp(words[0], "keep") == 0 || strcmp(words[0], "verify") == 0)) {
        verb = *words++;
        count--;
    }
    if (count > 1 && strcmp(words[0], "-t") == 0) {
        only = words[1];
        words += 2;
        count -= 2;
    }
    if (count < 1 || count > 3) {
        fprintf(stderr, "usage: contract [keep|verify|list] [-t TEST] DIR [OTHER [BACKING]]\n");
        return 2;
    }
    return check_place(words, count, verb, only);
}
