/* Trees copied by several threads at once, each of which has the library make more, under the
 * thread checkers. torture_trees DIR [race|alone]. Counts are compared: they must be the same each
 * time. With "alone" the library makes no threads: helgrind and drd see no locks but pthread's. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libreflink.h"

#define CALLERS     2
#define DIRECTORIES 8
#define FILES       70 /* more than one batch */

static const uint32_t numbers_of_threads[] = {1, 2, 4, 64};

/* With "race", a caller's mistake that the checker must find: both pass the same result. */
static struct reflink_tree_result everybodys = REFLINK_TREE_RESULT_INIT;
static int race, alone;

struct caller {
    pthread_t thread;
    int number, bad;
    char name[20];
    /* What the caller's functions see: they are called by the thread that called the library. */
    unsigned long filtered, done, told;
    volatile int cancel;
    unsigned long cancel_after;
};

static int filter(void *user, const struct reflink_tree_entry *entry)
{
    struct caller *caller = user;

    caller->filtered++;
    return strcmp(entry->name, "left-out") == 0 ? REFLINK_LEAVE_OUT : REFLINK_TAKE;
}

static int on_done(void *user, const struct reflink_tree_entry *entry)
{
    struct caller *caller = user;

    (void)entry;
    if (++caller->done == caller->cancel_after)
        caller->cancel = 1;
    return 0;
}

static int on_error(void *user, const struct reflink_tree_entry *entry)
{
    (void)user;
    (void)entry;
    return REFLINK_STOP;
}

static int progress(void *user, const struct reflink_tree_progress *progress)
{
    struct caller *caller = user;

    caller->told += progress->entries_done > 0;
    return 0;
}

static uint64_t all(const struct reflink_tree_result *result)
{
    return result->files + result->hard_links + result->directories + result->symlinks;
}

/* What is in the tree, and not left out: a file and its further names, the link, the directories.
 */
#define WANTED (DIRECTORIES * (FILES + 1) + (DIRECTORIES - 1) + 1)

static int copy(struct caller *caller, const struct reflink_tree_options *options,
                struct reflink_tree_result *result)
{
    caller->filtered = caller->done = caller->told = 0;
    caller->cancel = 0;
    return reflink_copy_tree("tree", caller->name, options, result);
}

static void *work(void *argument)
{
    struct caller *caller = argument;
    struct reflink_tree_options options = REFLINK_TREE_OPTIONS_INIT;
    struct reflink_tree_result own_result = REFLINK_TREE_RESULT_INIT;
    struct reflink_tree_result *result = race ? &everybodys : &own_result;
    unsigned i;
    int code;

    options.user = caller;
    options.filter = filter;
    options.on_done = on_done;
    options.on_error = on_error;
    options.progress = progress;
    options.cancel = &caller->cancel;
    for (i = 0; i < (alone ? 1 : sizeof numbers_of_threads / sizeof *numbers_of_threads); i++) {
        options.threads = numbers_of_threads[i];
        options.preserve = i % 2 ? REFLINK_PRESERVE_TIMES : 0;
        options.if_exists = REFLINK_REPLACE;
        caller->cancel_after = 0;
        code = copy(caller, &options, result);
        if (!race &&
            (code != 0 || all(result) != WANTED || caller->done != WANTED || caller->told == 0)) {
            fprintf(stderr, "threads %u: %d at %u, %lu of %d, done %lu\n", options.threads, code,
                    result->step, (unsigned long)all(result), WANTED, caller->done);
            caller->bad++;
        }
        options.if_exists = REFLINK_MERGE;
        caller->bad += !race && (copy(caller, &options, result) != 0 || all(result) != WANTED);
        options.if_exists = REFLINK_REPLACE;
        caller->cancel_after = 100;
        caller->bad +=
            !race && (copy(caller, &options, result) != -ECANCELED || result->litter[0] != 0);
        caller->bad += reflink_remove_tree(caller->name, NULL, NULL) != 0;
    }
    return NULL;
}

static int make_file(const char *name, size_t size)
{
    static char content[20000];
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    int fine = fd >= 0 && write(fd, content, size) == (ssize_t)size;

    if (fd >= 0)
        close(fd);
    return fine;
}

static int make_tree(void)
{
    char name[64];
    int d, f;

    if (mkdir("tree", 0755) != 0 || symlink("nowhere", "tree/link") != 0 ||
        !make_file("tree/left-out", 1))
        return 0;
    for (d = 0; d < DIRECTORIES; d++) {
        snprintf(name, sizeof name, "tree/%d", d);
        if (mkdir(name, 0755) != 0)
            return 0;
        for (f = 0; f < FILES; f++) {
            snprintf(name, sizeof name, "tree/%d/%d", d, f);
            if (!make_file(name, (size_t)(f * 97 % 5 * 4000)))
                return 0;
        }
        snprintf(name, sizeof name, "tree/%d/again", d);
        if (d > 0 && link("tree/0/1", name) != 0)
            return 0;
    }
    return 1;
}

int main(int count, char **arguments)
{
    static struct caller callers[CALLERS];
    int i, failed = 0;

    if (count < 2 || chdir(arguments[1]) != 0) {
        fprintf(stderr, "usage: torture_trees DIR [race|alone]\n");
        return 2;
    }
    race = count > 2 && strcmp(arguments[2], "race") == 0;
    alone = count > 2 && strcmp(arguments[2], "alone") == 0;
    if (!make_tree()) {
        perror("tree");
        return 2;
    }
    for (i = 0; i < CALLERS; i++) {
        callers[i].number = i;
        snprintf(callers[i].name, sizeof callers[i].name, "copy-%d", i);
        if (pthread_create(&callers[i].thread, NULL, work, &callers[i]) != 0)
            return 2;
    }
    for (i = 0; i < CALLERS; i++) {
        (void)pthread_join(callers[i].thread, NULL);
        failed += callers[i].bad != 0;
    }
    failed += reflink_remove_tree("tree", NULL, NULL) != 0;
    if (failed == 0)
        puts("torture_trees: fine");
    return failed != 0;
}
