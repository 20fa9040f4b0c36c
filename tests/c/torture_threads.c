/* Many threads call the C interface at once, on shared and on own files, under the thread
 * checkers. torture_threads DIR [race]. The library has no state of its own that two calls could
 * share. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libreflink.h"

#define THREADS 6
#define ROUNDS  12

static const uint32_t modes[] = {REFLINK_AUTO, REFLINK_ALWAYS, REFLINK_NEVER};
static const uint32_t durabilities[] = {REFLINK_ATOMIC, REFLINK_DURABLE, REFLINK_UNSTAGED};

static int source;

/* With "race", a caller's mistake that the checker must find: all threads pass the same result. */
static struct reflink_result everybodys = REFLINK_RESULT_INIT;
static int race;

static int fine(int code)
{
    return code == 0 || code == -EEXIST || code == -EOPNOTSUPP;
}

static void *work(void *number)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result own_result = REFLINK_RESULT_INIT;
    struct reflink_result *result = race ? &everybodys : &own_result;
    struct reflink_capability capability = REFLINK_CAPABILITY_INIT;
    char own[32];
    int round, to, bad = 0;

    (void)snprintf(own, sizeof own, "own-%d", *(int *)number);
    for (round = 0; round < ROUNDS; round++) {
        options.mode = modes[round % 3];
        options.if_exists = REFLINK_REPLACE;
        options.durability = durabilities[round / 3 % 3];
        bad += !fine(reflink_copy_file("src", "shared", &options, result));
        bad += !fine(reflink_copy_file("src", own, &options, result));
        options.if_exists = options.durability = 0;
        to = open(own, O_RDWR | O_CREAT, 0600);
        /* All threads use one descriptor as source: the library must not use its offset. */
        bad += !fine(reflink_copy_fd(source, to, &options, result));
        options.mode = REFLINK_AUTO;
        bad += reflink_copy_range(source, 100, to, 4196, 50000, &options, result) != 0;
        close(to);
        bad += reflink_probe("src", ".", &capability) != 0;
        bad += strlen(reflink_strerror(-round)) == 0;
    }
    unlink(own);
    return bad ? number : NULL;
}

int main(int count, char **arguments)
{
    static char content[200000];
    pthread_t threads[THREADS];
    int numbers[THREADS], i, failed = 0;

    if (count < 2 || chdir(arguments[1]) != 0) {
        fprintf(stderr, "usage: torture_threads DIR [race]\n");
        return 2;
    }
    race = count > 2;
    memset(content, 'x', sizeof content);
    source = open("src", O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (source < 0 || write(source, content, sizeof content) != (ssize_t)sizeof content)
        return 2;
    for (i = 0; i < THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, work, &numbers[i]) != 0)
            return 2;
    }
    for (i = 0; i < THREADS; i++) {
        void *bad;

        (void)pthread_join(threads[i], &bad);
        failed += bad != NULL;
    }
    if (lseek(source, 0, SEEK_CUR) != (off_t)sizeof content) {
        fprintf(stderr, "the source's offset moved\n");
        failed++;
    }
    close(source);
    unlink("src");
    unlink("shared");
    if (failed == 0)
        puts("torture_threads: fine");
    return failed != 0;
}
