/* Tests the library from C in the given directory: every function once, the memory it needs, and
 * its answers to bad calls. Valid C99 and C++11. tests/contract has the long list of cases; this
 * program shows that C gets the same. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "libreflink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);              \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

#ifdef COUNT_ALLOCATIONS
/* The library calls this program's malloc, which counts. */
#ifdef __cplusplus
extern "C" {
#endif
void *__libc_malloc(size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_calloc(size_t count, size_t size);
static volatile unsigned long allocations;

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *realloc(void *block, size_t size)
{
    allocations++;
    return __libc_realloc(block, size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}
#ifdef __cplusplus
}
#endif
#endif

static unsigned char content[300001];

static void make(const char *name, size_t size)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    CHECK(fd >= 0 && write(fd, content, size) == (ssize_t)size);
    CHECK(fsync(fd) == 0 && close(fd) == 0);
}

static int holds(const char *name, const unsigned char *wanted, size_t size)
{
    unsigned char *found = (unsigned char *)malloc(size + 1);
    int fd = open(name, O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, found, size + 1);
    int same = got == (ssize_t)size && memcmp(found, wanted, size) == 0;
    if (fd >= 0)
        close(fd);
    free(found);
    return same;
}

static void check_files(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    struct stat stat_of_copy;
    make("source", sizeof content);
    errno = 4242;
    CHECK(reflink_copy_file("source", "copy", NULL, &result) == 0);
    CHECK(errno == 4242);
    CHECK(result.bytes_cloned + result.bytes_copied + result.bytes_hole == sizeof content);
    CHECK(holds("copy", content, sizeof content));
    CHECK(stat("copy", &stat_of_copy) == 0 && (stat_of_copy.st_mode & 07777) == 0640);
    CHECK(reflink_copy_file("source", "copy", NULL, NULL) == -EEXIST);
    options.if_exists = REFLINK_REPLACE;
    options.durability = REFLINK_DURABLE;
    options.mode = REFLINK_NEVER;
    CHECK(reflink_copy_file_at(AT_FDCWD, "source", AT_FDCWD, "copy", &options, &result) == 0);
    CHECK(result.method == REFLINK_METHOD_COPY && result.reason == REFLINK_REASON_NOT_ASKED);
    CHECK(reflink_copy_file("copy", "copy", &options, &result) == REFLINK_ERR_SAME_FILE);
    CHECK(reflink_copy_file(".", "other", &options, &result) == -EISDIR);
    CHECK(result.step == REFLINK_STEP_OPEN_SOURCE && result.os_error == 0);
    CHECK(reflink_copy_file(NULL, "other", &options, &result) == -EINVAL);
    CHECK(result.step == REFLINK_STEP_ARGUMENTS);
    CHECK(access("other", F_OK) != 0);
}

static int cancel(void *user, const struct reflink_progress *progress)
{
    unsigned *calls = (unsigned *)user;
    CHECK(progress->bytes_done <= progress->bytes_total);
    return ++*calls == 2;
}

static void check_cancel(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    unsigned calls = 0;
    options.progress = cancel;
    options.user = &calls;
    CHECK(reflink_copy_file("source", "cancelled", &options, NULL) == -ECANCELED);
    CHECK(calls == 2 && access("cancelled", F_OK) != 0);
}

static void check_descriptors(void)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    unsigned char wanted[5000];
    int source = open("source", O_RDONLY), target = open("target", O_RDWR | O_CREAT, 0600);
    CHECK(reflink_copy_range(source, 1000, target, 7, 4000, NULL, &result) == 0);
    CHECK(result.bytes_cloned + result.bytes_copied + result.bytes_hole == 4000);
    memset(wanted, 0, sizeof wanted);
    memcpy(wanted + 7, content + 1000, 4000);
    CHECK(holds("target", wanted, 4007));
    CHECK(reflink_copy_range(target, 0, target, 1, 4000, NULL, NULL) == REFLINK_ERR_OVERLAP);
    CHECK(reflink_copy_range(source, 0, target, 0, 0, NULL, &result) == 0);
    CHECK(result.method == REFLINK_METHOD_NONE);
    CHECK(reflink_copy_range(source, 0, target, 0, REFLINK_TO_EOF, NULL, NULL) == 0);
    CHECK(holds("target", content, sizeof content));
    CHECK(ftruncate(target, 1000000) == 0);
    CHECK(reflink_copy_fd(source, target, NULL, &result) == 0);
    CHECK(holds("target", content, sizeof content));
    CHECK(reflink_copy_fd(target, source, NULL, NULL) == -EBADF);
    CHECK(reflink_copy_fd(source, -1, NULL, &result) == -EBADF &&
          result.step == REFLINK_STEP_CHECK);
    CHECK(lseek(source, 0, SEEK_CUR) == 0 && lseek(target, 0, SEEK_CUR) == 0);
    close(source);
    close(target);
}

static int check_probe(void)
{
    struct reflink_capability one = REFLINK_CAPABILITY_INIT, other = REFLINK_CAPABILITY_INIT;
    int directory = open(".", O_RDONLY | O_DIRECTORY);
    CHECK(reflink_probe(NULL, ".", &one) == 0);
    CHECK(reflink_probe_fd(-1, directory, &other) == 0);
    CHECK(memcmp(&one, &other, sizeof one) == 0);
    CHECK(one.clone == 1 || one.clone == 0 || (one.clone == -1 && one.clone_error < 0));
    CHECK(strlen(one.fs_name) > 0 && strlen(one.fs_name) < sizeof one.fs_name);
    CHECK(reflink_probe("source", ".", NULL) == -EINVAL);
    close(directory);
    return one.clone;
}

static void check_texts(void)
{
    CHECK(strcmp(reflink_err_name(-EXDEV), "EXDEV") == 0);
    CHECK(strcmp(reflink_err_name(REFLINK_ERR_APPEND), "REFLINK_ERR_APPEND") == 0);
    CHECK(strcmp(reflink_err_name(-4095), "UNKNOWN") == 0);
    CHECK(strlen(reflink_strerror(-ENOSPC)) > 0 && strlen(reflink_strerror(123456)) > 0);
}

/* A small clone allocates nothing. */
static void check_allocations(void)
{
#ifdef COUNT_ALLOCATIONS
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    unsigned long before;
    options.mode = REFLINK_ALWAYS;
    before = allocations;
    CHECK(reflink_copy_file("source", "unallocated", &options, &result) == 0);
    CHECK(allocations == before);
    options.durability = REFLINK_UNSTAGED;
    CHECK(reflink_copy_file("source", "unallocated-too", &options, &result) == 0);
    CHECK(allocations == before);
    /* Proves that the counter works: reading and writing allocates one buffer. */
    options.mode = REFLINK_NEVER;
    CHECK(reflink_copy_file("source", "allocated", &options, &result) == 0);
    CHECK(allocations == before + 1);
#endif
}

int main(int argc, char **argv)
{
    size_t at;
    if (argc != 2 || chdir(argv[1]) != 0)
        return fprintf(stderr, "usage: %s EMPTY_DIRECTORY\n", argv[0]), 2;
    for (at = 0; at < sizeof content; at++)
        content[at] = (unsigned char)((at * 2654435761u) >> 13);
    umask(022);
    check_files();
    check_cancel();
    check_descriptors();
    check_texts();
    if (check_probe() == 1)
        check_allocations();
    return failures != 0;
}
