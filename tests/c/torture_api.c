/* Calls the whole C interface, rightly and wrongly, under valgrind and the sanitizers.
 * torture_api DIR [overrun]. Structures lie at the very end of their memory, so that one byte
 * too many is found. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "libreflink.h"

#define LENGTH 300000

static int failures;

static void expect(int true_, const char *what, int code)
{
    if (!true_) {
        fprintf(stderr, "%s: %d (%s)\n", what, code, reflink_err_name(code));
        failures++;
    }
}

/* A structure of exactly `size` bytes: its size, then zeros. */
static void *structure(uint32_t size)
{
    char *memory = calloc(1, size < sizeof size ? sizeof size : size);

    if (memory == NULL)
        abort();
    memcpy(memory, &size, sizeof size);
    return memory;
}

static void write_source(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    char *content = malloc(LENGTH);
    int i;

    if (fd < 0 || content == NULL)
        abort();
    for (i = 0; i < LENGTH; i++)
        content[i] = (char)(i * 7 + i / 251);
    /* Data, a hole, data. */
    if (pwrite(fd, content, 70000, 0) != 70000 || pwrite(fd, content, 100000, 200000) != 100000)
        abort();
    free(content);
    (void)fsetxattr(fd, "user.torture", "value", 5, 0);
    close(fd);
}

static int same(const char *one, const char *other)
{
    static char a[LENGTH + 1], b[LENGTH + 1];
    int first = open(one, O_RDONLY), second = open(other, O_RDONLY);
    ssize_t got = pread(first, a, sizeof a, 0), also = pread(second, b, sizeof b, 0);

    close(first);
    close(second);
    return got >= 0 && got == also && memcmp(a, b, (size_t)got) == 0;
}

struct watch {
    int calls, cancel_at;
};

static int on_progress(void *user, const struct reflink_progress *progress)
{
    struct watch *watch = user;

    expect(progress->size >= sizeof *progress && progress->bytes_done <= progress->bytes_total,
           "progress", 0);
    return ++watch->calls == watch->cancel_at;
}

static void one_file(struct reflink_options how, int calls_until_cancelled)
{
    struct watch watch = {0, calls_until_cancelled};
    struct reflink_options *options = structure(sizeof *options);
    struct reflink_result *result = structure(sizeof *result);
    int code, fine;

    *options = how;
    options->user = &watch;
    if (how.if_exists == REFLINK_FAIL)
        unlink("copy");
    code = reflink_copy_file("src", "copy", options, result);
    fine = code == 0 ? same("src", "copy") && result->step == REFLINK_STEP_NONE
                     : (how.mode == REFLINK_ALWAYS && code == -EOPNOTSUPP) || code == -ECANCELED;
    expect(fine, "copy_file", code);
    free(options);
    free(result);
}

static const uint32_t modes[] = {REFLINK_AUTO, REFLINK_ALWAYS, REFLINK_NEVER};
static const uint32_t durabilities[] = {REFLINK_ATOMIC, REFLINK_DURABLE, REFLINK_UNSTAGED};

static void files(void)
{
    struct reflink_options how = REFLINK_OPTIONS_INIT;
    uint32_t m, d, replace, preserve;

    for (m = 0; m < 3; m++)
        for (d = 0; d < 3; d++)
            for (replace = 0; replace < 2; replace++)
                for (preserve = 0; preserve < 16; preserve++) {
                    how.mode = modes[m];
                    how.durability = durabilities[d];
                    how.if_exists = replace ? REFLINK_REPLACE : REFLINK_FAIL;
                    how.preserve = preserve * REFLINK_PRESERVE_TIMES; /* the lowest of four bits */
                    how.flags = preserve % 2 ? REFLINK_BEST_EFFORT_METADATA : 0;
                    how.progress = preserve > 7 ? on_progress : NULL;
                    one_file(how, preserve == 9 ? 1 : 0);
                }
    unlink("copy");
}

static void descriptors(void)
{
    static const uint64_t offsets[] = {0, 1, 100, 4096, 65536, 69999, 299999, 300000, 400000};
    int from = open("src", O_RDONLY), to = open("fd", O_RDWR | O_CREAT | O_TRUNC, 0600);
    int directory = open(".", O_RDONLY | O_DIRECTORY);
    uint32_t mode;
    size_t i, j;

    for (mode = REFLINK_AUTO; mode <= REFLINK_NEVER; mode++) {
        struct reflink_options options = REFLINK_OPTIONS_INIT;
        struct reflink_result result = REFLINK_RESULT_INIT;
        struct reflink_capability capability = REFLINK_CAPABILITY_INIT;
        int code;

        options.mode = mode;
        code = reflink_copy_fd(from, to, &options, &result);
        expect(code == 0 ? same("src", "fd") : mode == REFLINK_ALWAYS, "copy_fd", code);
        for (i = 0; i < sizeof offsets / sizeof offsets[0]; i++)
            for (j = 0; j < sizeof offsets / sizeof offsets[0]; j++) {
                code = reflink_copy_range(from, offsets[i], to, offsets[j],
                                          j % 2 ? REFLINK_TO_EOF : 50001, &options, &result);
                expect(code == 0 || mode == REFLINK_ALWAYS, "copy_range", code);
                code = reflink_copy_range(to, offsets[i], to, offsets[j], 33333, &options, NULL);
                expect(code == 0 || code == REFLINK_ERR_OVERLAP || mode == REFLINK_ALWAYS,
                       "copy_range in one", code);
            }
        code = reflink_copy_file_at(directory, "src", directory, "at", &options, &result);
        expect(code == 0 || mode == REFLINK_ALWAYS, "copy_file_at", code);
        unlink("at");
        expect(reflink_probe_fd(from, directory, &capability) == 0, "probe_fd", 0);
        expect(reflink_probe_fd(-1, directory, &capability) == 0, "probe_fd", 0);
        expect(memchr(capability.fs_name, 0, sizeof capability.fs_name) != NULL, "fs_name", 0);
        expect(ftruncate(to, 500000) == 0, "ftruncate", 0);
    }
    close(from);
    close(to);
    close(directory);
    unlink("fd");
}

/* Every size that a structure can have, and one beyond the accepted limit; with the last byte
 * zero and not. */
static void sizes(void)
{
    uint32_t size;

    for (size = 0; size < 200; size++) {
        struct reflink_options *options = structure(size);
        struct reflink_result *result = structure(size);
        struct reflink_capability *capability = structure(size);
        int code = reflink_copy_file("src", "copy", options, NULL);

        expect(code == 0 || code == -EINVAL, "a size", code);
        unlink("copy");
        code = reflink_copy_file("src", "copy", NULL, result);
        expect(code == 0 || code == -EINVAL, "a result's size", code);
        unlink("copy");
        code = reflink_probe(NULL, ".", capability);
        expect(code == 0 || code == -EINVAL, "a capability's size", code);
        if (size > sizeof *options) {
            ((char *)options)[size - 1] = 1;
            expect(reflink_copy_file("src", "copy", options, NULL) == -E2BIG, "an unknown member",
                   0);
        }
        free(options);
        free(result);
        free(capability);
    }
}

static void mistakes(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    struct reflink_capability capability = REFLINK_CAPABILITY_INIT;
    char *longest = malloc(5000);
    int code;

    if (longest == NULL)
        abort();
    memset(longest, 'x', 4999);
    longest[4999] = 0;
    expect(reflink_copy_file(NULL, "x", NULL, NULL) == -EINVAL, "NULL", 0);
    expect(reflink_copy_file("src", NULL, NULL, &result) == -EINVAL, "NULL", 0);
    expect(reflink_copy_file("src", longest, NULL, &result) == -ENAMETOOLONG, "a long name", 0);
    expect(reflink_copy_file(longest, "x", NULL, &result) == -ENAMETOOLONG, "a long name", 0);
    expect(reflink_copy_file("missing", "x", NULL, &result) == -ENOENT, "no source", 0);
    expect(reflink_copy_file(".", "x", NULL, &result) == -EISDIR, "a directory", 0);
    expect(reflink_copy_file("src", "missing/x", NULL, &result) == -ENOENT, "no directory", 0);
    expect(mkfifo("fifo", 0600) == 0, "mkfifo", 0);
    expect(reflink_copy_file("fifo", "x", NULL, &result) == REFLINK_ERR_NOT_REGULAR, "a FIFO", 0);
    unlink("fifo");
    expect(reflink_copy_fd(-1, -1, NULL, NULL) == -EBADF, "no descriptors", 0);
    expect(reflink_copy_range(0, UINT64_MAX, 1, UINT64_MAX, UINT64_MAX, NULL, &result) < 0,
           "no offsets", 0);
    options.mode = 99;
    expect(reflink_copy_file("src", "x", &options, &result) == -EINVAL, "no mode", 0);
    expect(reflink_probe(NULL, NULL, &capability) == -EINVAL, "NULL", 0);
    expect(reflink_probe("src", ".", NULL) == -EINVAL, "NULL", 0);
    expect(reflink_probe("src", ".", &capability) == 0, "probe", 0);
    for (code = -5000; code < 300; code++)
        expect(strlen(reflink_strerror(code)) > 0 && strlen(reflink_err_name(code)) > 0, "a text",
               code);
    expect(reflink_version_number() == REFLINK_VERSION_NUMBER, reflink_version_string(), 0);
    free(longest);
}

/* A caller's mistake that the checker must find: a structure that claims to be larger than it
 * is. It proves that the checker works. */
static void overrun(void)
{
    uint32_t size = 200;
    struct reflink_options *options = structure(100);

    memcpy(options, &size, sizeof size);
    (void)!reflink_copy_file("src", "copy", options, NULL);
    if (((volatile char *)options)[100] != 0)
        puts("beyond");
    free(options);
}

int main(int count, char **arguments)
{
    if (count < 2 || chdir(arguments[1]) != 0) {
        fprintf(stderr, "usage: torture_api DIR [overrun]\n");
        return 2;
    }
    write_source("src");
    if (count > 2) {
        overrun();
        return 0;
    }
    files();
    descriptors();
    sizes();
    mistakes();
    unlink("src");
    if (failures == 0)
        puts("torture_api: fine");
    return failures != 0;
}
