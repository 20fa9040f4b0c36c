/* A thread that is cancelled while it copies: cancelled DIR. The cancellation is pending before the
 * first call, and each call reaches cancellation points of its own (open, pread, close): one that
 * let it through would end the process (glibc) or the thread in the middle (musl). */

#ifndef _GNU_SOURCE /* g++ has it */
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libreflink.h"

#define SIZE  (300 * 1024)
#define CALLS 13

static int codes[CALLS], asked, left_on = -1, descriptors[2];

static int watch(void *user, const struct reflink_progress *progress)
{
    (void)progress;
    asked++;
    pthread_testcancel(); /* in the callback nothing strikes either */
    return *(int *)user;
}

static int look(void *user, const struct reflink_tree_entry *entry)
{
    (void)user;
    (void)entry;
    pthread_testcancel();
    return REFLINK_TAKE;
}

static void *work(void *unused)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    struct reflink_capability capability = REFLINK_CAPABILITY_INIT;
    struct reflink_tree_options trees = REFLINK_TREE_OPTIONS_INIT;
    static const char *const names[] = {"atomic", "durable", "unstaged"};
    static const uint32_t durabilities[] = {REFLINK_ATOMIC, REFLINK_DURABLE, REFLINK_UNSTAGED};
    int call = 0, go_on = 0;

    pthread_cancel(pthread_self());
    for (; call < 3; call++) {
        options.mode = REFLINK_NEVER;
        options.durability = durabilities[call];
        codes[call] = reflink_copy_file("src", names[call], &options, &result);
    }
    options.durability = REFLINK_UNSTAGED;
    options.mode = REFLINK_AUTO;
    options.progress = watch;
    options.user = &go_on;
    codes[call++] = reflink_copy_file("src", "watched", &options, NULL);
    codes[call++] = reflink_copy_file("missing", "none", NULL, NULL) == -2 ? 0 : 1;
    codes[call++] = reflink_copy_fd(descriptors[0], descriptors[1], NULL, NULL);
    codes[call++] = reflink_copy_range(descriptors[0], 1, descriptors[1], 1, 5000, NULL, NULL);
    codes[call++] = reflink_probe("src", ".", &capability);
    codes[call++] = reflink_probe_fd(descriptors[0], -1, &capability) < 0 ? 0 : 1;
    trees.threads = 2;
    trees.filter = look;
    codes[call++] = reflink_copy_tree("tree", "whole", &trees, NULL);
    trees.if_exists = REFLINK_REPLACE;
    codes[call++] = reflink_copy_tree("tree", "whole", &trees, NULL);
    trees.if_exists = REFLINK_MERGE;
    codes[call++] = reflink_copy_tree("tree", "whole", &trees, NULL);
    codes[call++] = reflink_copy_tree("tree", "removed", NULL, NULL) ||
                    reflink_remove_tree("removed", NULL, NULL);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &left_on);
    pthread_testcancel();
    return unused;
}

static int whole(const char *name)
{
    struct stat found;

    return stat(name, &found) == 0 && found.st_size == SIZE;
}

int main(int count, char **arguments)
{
    static const char *const made[] = {"atomic",  "durable", "unstaged",
                                       "watched", "target",  "whole/file"};
    static char content[SIZE];
    pthread_t thread;
    void *ended = NULL;
    int call, bad = 0;

    if (count < 2 || chdir(arguments[1]) != 0)
        return 2;
    memset(content, 'x', sizeof content);
    descriptors[0] = open("src", O_RDWR | O_CREAT, 0600);
    descriptors[1] = open("target", O_RDWR | O_CREAT, 0600);
    if (write(descriptors[0], content, sizeof content) != (ssize_t)sizeof content)
        return 2;
    if (mkdir("tree", 0700) != 0 || reflink_copy_file("src", "tree/file", NULL, NULL) != 0)
        return 2;
    if (pthread_create(&thread, NULL, work, NULL) != 0 || pthread_join(thread, &ended) != 0)
        return 2;
    for (call = 0; call < CALLS; call++) {
        if (codes[call] != 0)
            fprintf(stderr, "call %d: %d\n", call, codes[call]);
        bad += codes[call] != 0;
    }
    for (call = 0; call < 6; call++) {
        if (!whole(made[call]))
            fprintf(stderr, "%s is not whole\n", made[call]);
        bad += !whole(made[call]);
    }
    if (ended != PTHREAD_CANCELED || left_on != PTHREAD_CANCEL_ENABLE || asked == 0) {
        fprintf(stderr, "not cancelled afterwards: state %d, asked %d times\n", left_on, asked);
        bad++;
    }
    return bad != 0;
}
