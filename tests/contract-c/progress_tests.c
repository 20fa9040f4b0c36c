/* Progress, and copies that end early: cancelled or killed, at each call; and many at once. */
#include "contract.h"

#include <signal.h>

/* A long copy to the end: the kernel's copy call may be short, and every step adds up. */
static void watched(void)
{
    size_t m;
    make_file("src", LARGE, 13);
    for (m = 0; m < EACH; m++) {
        struct copy copy = copy_like(modes[m], REFLINK_FAIL, new_file());
        struct watch watch = {0};
        if (!possible(modes[m], new_file()))
            continue;
        watch.dst = "dst";
        watch.allowed = 0777;
        watch.unstaged = !place.publishes;
        watch_copy(&copy, &watch);
        good_copy(&copy, mode_names[m]);
        EQUAL(watch.first, 0);
        EQUAL(watch.done, LARGE);
        EQUAL(watch.total, LARGE);
        check(watch.calls >= (copy.result.method == REFLINK_METHOD_CLONE ? 2 : 3),
              "a copy has a beginning, a middle and an end", "%d calls", watch.calls);
        if (modes[m] == REFLINK_AUTO && !clones())
            fact("fallback", copy.result.method == REFLINK_METHOD_KERNEL_COPY ? "copy_file_range"
                                                                              : "read,write");
        remove_name("dst");
    }
}

/* Cancelled at the given call. False: there were fewer, and the copy is complete. */
static bool cancelled_at(int call, uint32_t mode, uint32_t if_exists, uint32_t durability)
{
    struct copy copy = copy_like(mode, if_exists, durability);
    struct watch watch = {0};
    const char *dst = if_exists == REFLINK_REPLACE ? "old" : "dst";
    watch.dst = dst;
    watch.allowed = 0777;
    watch.cancel_at = call;
    watch.replaces = if_exists == REFLINK_REPLACE;
    watch.unstaged = durability == REFLINK_UNSTAGED && !watch.replaces;
    watch.old = seen("old");
    watch_copy(&copy, &watch);
    copy_file(&copy, "src", dst);
    if (watch.calls < call)
        return !check_copied(&copy, "src", dst, "fewer calls than that");
    EQUAL(copy.code, -ECANCELED);
    EQUAL(copy.result.step, REFLINK_STEP_PROGRESS);
    EQUAL(copy.result.os_error, 0);
    only("src old");
    CHECK(holds_text("old", "old"));
    return true;
}

static void cancelled(void)
{
    static const uint32_t if_exists[] = {REFLINK_FAIL, REFLINK_REPLACE};
    size_t m, d, e;
    int call;
    make_file("src", LARGE, 10);
    for (m = 0; m < EACH; m++)
        for (d = 0; d < EACH; d++)
            for (e = 0; e < COUNT(if_exists); e++)
                for (call = 1; call <= 3; call++) {
                    if (modes[m] == REFLINK_ALWAYS && !clones())
                        continue;
                    make_text("old", "old");
                    if (!cancelled_at(call, modes[m], if_exists[e], durabilities[d]))
                        call = 3;
                    remove_name("dst");
                    remove_name("old");
                }
}

/* ---- Cancelled by a flag ---- */

static volatile int asked_to_stop;

static void on_signal(int number)
{
    signal(number, on_signal); /* System V takes it away at each signal */
    asked_to_stop = 1;
}

static int raise_once(void *user, const struct reflink_progress *progress)
{
    (void)progress;
    if (++*(int *)user == 1)
        raise(SIGTERM);
    return 0;
}

static void stopped_by_flag(struct copy *copy)
{
    copy_file(copy, "src", "dst");
    EQUAL(copy->code, -ECANCELED);
    EQUAL(copy->result.step, REFLINK_STEP_PROGRESS);
    EQUAL(copy->result.os_error, 0);
    only("src");
}

/* It is set before the call, or by a signal's handler during it. */
static void cancelled_by_flag(void)
{
    void (*before)(int) = signal(SIGTERM, on_signal);
    size_t m, d;
    make_file("src", LARGE, 12);
    for (m = 0; m < EACH; m++)
        for (d = 0; d < EACH; d++) {
            struct copy copy = copy_like(modes[m], REFLINK_FAIL, durabilities[d]);
            int calls = 0;
            if (!possible(modes[m], durabilities[d]))
                continue;
            copy.options.cancel = &asked_to_stop;
            asked_to_stop = -1;
            stopped_by_flag(&copy);
            asked_to_stop = 0;
            copy.options.progress = raise_once;
            copy.options.user = &calls;
            stopped_by_flag(&copy);
            EQUAL(calls, 1);
            asked_to_stop = 0;
            EQUAL(copy_file(&copy, "src", "dst"), 0);
            check_copied(&copy, "src", "dst", "not asked to stop");
            remove_name("dst");
        }
    signal(SIGTERM, before);
}

/* ---- Killed ---- */

static int calls_until_death;

static int die_at(void *user, const struct reflink_progress *progress)
{
    (void)user;
    (void)progress;
    if (--calls_until_death == 0)
        kill_self();
    return 0;
}

/* words: CALL IF_EXISTS SRC DST */
int killed_child(char **words)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    calls_until_death = (int)strtol(words[0], NULL, 10);
    options.mode = REFLINK_NEVER;
    options.if_exists = (uint32_t)strtol(words[1], NULL, 10);
    options.progress = die_at;
    return reflink_copy_file(words[2], words[3], &options, NULL) == 0 ? 0 : 1;
}

static int killed_at(int call, uint32_t if_exists, char *dst)
{
    char number[16], existing[16], src[] = "src", *words[5];
    snprintf(number, sizeof number, "%d", call);
    snprintf(existing, sizeof existing, "%u", (unsigned)if_exists);
    words[0] = number;
    words[1] = existing;
    words[2] = src;
    words[3] = dst;
    words[4] = NULL;
    return in_child(words, killed_child);
}

static void remove_private(void)
{
    char name[PATH_ROOM];
    while (count_names(".", ".reflink-", name) > 0)
        if (!remove_name(name))
            die("remove", name);
}

/* Whatever the moment, the name holds the old state or the new one. What was unfinished may stay
 * behind under its private name, where there are no files without a name. */
static void killed(void)
{
    char dst[] = "dst", old[] = "old";
    int call;
    make_file("src", LARGE, 11);
    make_text("old", "old");
    for (call = 1; call <= 3; call++) {
        EQUAL(killed_at(call, REFLINK_FAIL, dst), KILLED);
        CHECK(!exists("dst"));
        EQUAL(killed_at(call, REFLINK_REPLACE, old), KILLED);
        CHECK(holds_text("old", "old"));
    }
    if (place.publishes) {
        EQUAL(killed_at(100, REFLINK_FAIL, dst), 0);
        CHECK(holds("dst", LARGE, 11));
        remove_name("dst");
    }
    remove_private();
    only("src old");
}

/* ---- Many at once ---- */

enum { THREADS = 100, TURNS = 6 };

static int codes[THREADS][TURNS];
static bool replace_too;

/* The turns: a name of its own, a name that all want, a name that all replace. */
static bool is_own(unsigned turn)
{
    return turn % 3 == 0;
}

static bool is_replaced(unsigned turn)
{
    return turn % 3 == 2 && replace_too;
}

static void copy_many(unsigned thread)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    char name[64];
    unsigned turn;
    options.durability = new_file();
    for (turn = 0; turn < TURNS; turn++) {
        options.mode = turn % 2 ? REFLINK_NEVER : REFLINK_AUTO;
        options.if_exists = is_replaced(turn) ? REFLINK_REPLACE : REFLINK_FAIL;
        if (is_own(turn))
            snprintf(name, sizeof name, "own-%u-%u", thread, turn);
        else
            snprintf(name, sizeof name, "common-%u", turn);
        codes[thread][turn] = reflink_copy_file("src", name, &options, NULL);
    }
}

/* The client of SMB replaces no file that another thread has open, and may remove its name. */
static bool refused_by_smb(unsigned turn, int code)
{
    return on_smb() && is_replaced(turn) && code == -ENOENT;
}

static void check_turn(unsigned turn)
{
    bool one_wins = !is_own(turn) && !is_replaced(turn);
    char name[64];
    int won = 0, refused = 0;
    unsigned thread;
    for (thread = 0; thread < THREADS; thread++) {
        won += codes[thread][turn] == 0;
        refused += refused_by_smb(turn, codes[thread][turn]);
        if (!(one_wins && codes[thread][turn] == -EEXIST) &&
            !refused_by_smb(turn, codes[thread][turn]))
            EQUAL(codes[thread][turn], 0);
        snprintf(name, sizeof name, "own-%u-%u", thread, turn);
        if (is_own(turn))
            CHECK(holds(name, 70001, 12));
    }
    if (refused)
        accepted("the SMB client replaces no file that is open: rename(2) itself is ENOENT");
    EQUAL(won, one_wins ? 1 : THREADS - refused);
    snprintf(name, sizeof name, "common-%u", turn);
    if (!is_own(turn) && (!refused || exists(name)))
        CHECK(holds(name, 70001, 12));
}

static void threads(void)
{
    unsigned turn;
    if (!place.publishes) {
        skip("no new name can be given here without the danger of replacing one");
        return;
    }
    replace_too = replaces_open_files();
    make_file("src", 70001, 12);
    in_threads(THREADS, copy_many);
    for (turn = 0; turn < TURNS; turn++)
        check_turn(turn);
}

const struct test progress_tests[] = {
    {"watched", watched}, {"cancelled", cancelled}, {"cancelled_by_flag", cancelled_by_flag},
    {"killed", killed},   {"threads", threads},     {NULL, NULL},
};
