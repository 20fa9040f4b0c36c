/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The files that are copied: how they are made, checked after a copy and taken away. None of it is
 * inside a measured stretch. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

void die(const char *what)
{
    fprintf(stderr, "harness: %s: %s\n", what, strerror(errno));
    exit(1);
}

void file_name(char *out, const char *dir, unsigned number)
{
    sprintf(out, "%s/%06u", dir, number);
}

void make_dir(const char *dir)
{
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        die(dir);
}

/* Bytes that neither compress nor repeat. */
static const unsigned char *noise(size_t size)
{
    static unsigned char *bytes;
    static size_t have;
    if (have < size) {
        bytes = realloc(bytes, size);
        if (!bytes)
            die("memory");
        uint64_t state = 0x9e3779b97f4a7c15u;
        for (size_t i = 0; i < size; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            bytes[i] = (unsigned char)(state >> 56);
        }
        have = size;
    }
    return bytes;
}

/* `stretch` bytes of data at each multiple of `every`, holes between; dense where they are equal.
 */
void make_file(const char *path, uint64_t size, uint64_t stretch, uint64_t every)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
        die(path);
    if (stretch == every)
        stretch = every = MIB;
    const unsigned char *data = noise(stretch);
    for (uint64_t at = 0; at < size; at += every) {
        size_t want = stretch < size - at ? stretch : size - at;
        if (pwrite(fd, data, want, (off_t)at) != (ssize_t)want)
            die(path);
    }
    if (close(fd) != 0)
        die(path);
}

void make_files(const char *dir, unsigned count, uint64_t size)
{
    char path[64];
    make_dir(dir);
    for (unsigned i = 0; i < count; i++) {
        file_name(path, dir, i);
        make_file(path, size, size, size);
    }
}

void remove_files(const char *dir, unsigned first, unsigned last)
{
    char path[64];
    for (unsigned i = first; i < last; i++) {
        file_name(path, dir, i);
        if (unlink(path) != 0)
            die(path);
    }
}

/* What was written goes to the device, and what was removed is really freed: XFS frees inodes in
 * the background. */
void settle(void)
{
    int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) != 0)
        die("syncfs");
    close(fd);
    usleep(20000);
}

/* Compares the copy with its source, so that a wrong copy cannot win. */
void check_copy(const char *src, const char *dst, const char *peer)
{
    struct stat a, b;
    if (stat(src, &a) != 0 || stat(dst, &b) != 0)
        die(peer);
    int one = open(src, O_RDONLY | O_CLOEXEC), two = open(dst, O_RDONLY | O_CLOEXEC);
    if (one < 0 || two < 0)
        die(peer);
    char left[4096], right[4096];
    bool same = a.st_size == b.st_size;
    for (off_t at = 0; same && at < a.st_size; at += a.st_size / 97 + 1) {
        ssize_t got = pread(one, left, sizeof left, at);
        same = got > 0 && pread(two, right, sizeof right, at) == got &&
               memcmp(left, right, (size_t)got) == 0;
    }
    close(one);
    close(two);
    if (!same) {
        fprintf(stderr, "harness: %s: %s is not a copy of %s\n", peer, dst, src);
        exit(1);
    }
}

uint64_t allocated(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        die(path);
    return (uint64_t)st.st_blocks * 512;
}

bool can_clone(void)
{
    make_file("try", 4 * KIB, KIB, KIB);
    int src = open("try", O_RDONLY | O_CLOEXEC), dst = open("try2", O_WRONLY | O_CREAT, 0600);
    if (src < 0 || dst < 0)
        die("try");
    bool can = ioctl(dst, FICLONE, src) == 0;
    close(src);
    close(dst);
    unlink("try");
    unlink("try2");
    return can;
}
