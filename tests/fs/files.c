/* Files for the checks: see files.h.
 * Reads come from the file system itself where it lets its cache be dropped: a copy that is right
 * in memory only is not. */
#define _GNU_SOURCE
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1 << 16, EXTENTS = 256, WHY = 128 };

void die(const char *what, const char *path)
{
    printf("not ok the test itself: %s %s: %s\n", what, path, strerror(errno));
    fflush(stdout);
    exit(101);
}

char *join(char *path, const char *dir, const char *name)
{
    if (snprintf(path, PATH_ROOM, "%s/%s", dir, name) >= PATH_ROOM) {
        errno = ENAMETOOLONG;
        die("join", name);
    }
    return path;
}

void fill_bytes(uint8_t *bytes, size_t length, uint64_t seed)
{
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (size_t i = 0; i < length; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes[i] = (uint8_t)(state >> 32);
    }
}

static void write_all(int fd, const uint8_t *bytes, size_t length, uint64_t at, const char *path)
{
    while (length > 0) {
        ssize_t written = pwrite(fd, bytes, length, (off_t)at);
        if (written <= 0)
            die("write", path);
        bytes += written;
        length -= (size_t)written;
        at += (uint64_t)written;
    }
}

void make_sparse(const char *path, uint64_t size, const uint64_t *at, size_t stretches,
                 size_t length)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    uint8_t *bytes = malloc(length + 1);
    if (fd < 0 || !bytes)
        die("create", path);
    /* The size first: that is how a file becomes sparse on a server that must be told (SMB). */
    if (ftruncate(fd, (off_t)size))
        die("size", path);
    for (size_t i = 0; i < stretches; i++) {
        fill_bytes(bytes, length, size + at[i]);
        write_all(fd, bytes, length, at[i], path);
    }
    free(bytes);
    if (fsync(fd) || close(fd))
        die("sync", path);
}

void make_file(const char *path, size_t length, uint64_t seed)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    uint8_t *bytes = malloc(length + 1);
    if (fd < 0 || !bytes)
        die("create", path);
    fill_bytes(bytes, length, seed);
    write_all(fd, bytes, length, 0, path);
    free(bytes);
    if (fsync(fd) || close(fd))
        die("sync", path);
}

struct stat stat_of(const char *path)
{
    struct stat found;
    if (lstat(path, &found))
        die("lstat", path);
    return found;
}

bool exists(const char *path)
{
    struct stat found;
    return lstat(path, &found) == 0;
}

/* Opens for reading, after the pages in memory were written out and given up. */
static int open_cold(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die("open", path);
    fsync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return fd;
}

/* Reads until the buffer is full or the file ends. */
static size_t read_full(int fd, uint8_t *bytes, size_t length, const char *path)
{
    size_t got = 0;
    while (got < length) {
        ssize_t more = read(fd, bytes + got, length - got);
        if (more < 0)
            die("read", path);
        if (more == 0)
            break;
        got += (size_t)more;
    }
    return got;
}

static bool equal(const uint8_t *one, size_t one_length, const uint8_t *other, size_t other_length,
                  uint64_t at, char *why)
{
    size_t common = one_length < other_length ? one_length : other_length;
    for (size_t i = 0; i < common; i++) {
        if (one[i] != other[i]) {
            snprintf(why, WHY, "byte %" PRIu64 " is %02x, not %02x", at + i, other[i], one[i]);
            return false;
        }
    }
    if (one_length != other_length) {
        snprintf(why, WHY, "it ends at %" PRIu64 ", not at %" PRIu64, at + other_length,
                 at + one_length);
        return false;
    }
    return true;
}

bool same_bytes(const char *one, const char *other, char *why)
{
    static uint8_t left[CHUNK], right[CHUNK];
    int one_fd = open_cold(one), other_fd = open_cold(other);
    uint64_t at = 0;
    size_t got;
    bool same = true;
    do {
        got = read_full(one_fd, left, CHUNK, one);
        same = equal(left, got, right, read_full(other_fd, right, CHUNK, other), at, why);
        at += got;
    } while (same && got == CHUNK);
    close(one_fd);
    close(other_fd);
    return same;
}

bool holds_bytes(const char *path, const uint8_t *bytes, size_t length, char *why)
{
    int fd = open_cold(path);
    uint8_t *found = malloc(length + 1);
    if (!found)
        die("malloc", path);
    size_t got = read_full(fd, found, length + 1, path);
    bool same = equal(bytes, length, found, got, 0, why);
    free(found);
    close(fd);
    return same;
}

uint64_t allocated(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die("open", path);
    fsync(fd);
    struct stat found;
    if (fstat(fd, &found))
        die("fstat", path);
    close(fd);
    return (uint64_t)found.st_blocks * 512;
}

static struct fiemap *map_of(const char *path, uint64_t offset, uint64_t length)
{
    size_t room = sizeof(struct fiemap) + EXTENTS * sizeof(struct fiemap_extent);
    struct fiemap *map = calloc(1, room);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (!map || fd < 0)
        die("open", path);
    map->fm_start = offset;
    map->fm_length = length;
    map->fm_flags = FIEMAP_FLAG_SYNC;
    map->fm_extent_count = EXTENTS;
    int answer = ioctl(fd, FS_IOC_FIEMAP, map);
    close(fd);
    if (answer) {
        free(map);
        return NULL;
    }
    return map;
}

enum sharing sharing(const char *path, uint64_t offset, uint64_t length)
{
    struct fiemap *map = map_of(path, offset, length);
    if (!map)
        return SHARED_UNKNOWN;
    unsigned shared = 0, alone = 0;
    for (unsigned i = 0; i < map->fm_mapped_extents; i++) {
        uint32_t flags = map->fm_extents[i].fe_flags;
        if (flags & (FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_UNWRITTEN))
            continue; /* in the inode, or no data: nothing to share */
        if (flags & FIEMAP_EXTENT_SHARED)
            shared++;
        else
            alone++;
    }
    free(map);
    if (shared + alone == 0)
        return SHARED_UNKNOWN;
    return alone == 0 ? SHARED_ALL : shared == 0 ? SHARED_NONE : SHARED_SOME;
}

const char *sharing_name(enum sharing value)
{
    static const char *const names[] = {"all", "none", "some", "unknown"};
    return names[value];
}

void fresh_directory(const char *path)
{
    DIR *dir = opendir(path);
    char name[PATH_ROOM];
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlink(join(name, path, entry->d_name)) && rmdir(name))
            die("remove", name);
    }
    if (dir)
        closedir(dir);
    else if (mkdir(path, 0755))
        die("mkdir", path);
}

static bool listed(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static bool no_surplus(const char *path, const char *const *names, char *why)
{
    DIR *dir = opendir(path);
    if (!dir)
        die("opendir", path);
    bool good = true;
    for (struct dirent *entry; (entry = readdir(dir));) {
        bool self = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!self && !listed(names, entry->d_name)) {
            snprintf(why, WHY, "%.100s is left", entry->d_name);
            good = false;
        }
    }
    closedir(dir);
    return good;
}

bool holds_names(const char *path, const char *const *names, char *why)
{
    char name[PATH_ROOM];
    for (const char *const *wanted = names; *wanted; wanted++) {
        if (!exists(join(name, path, *wanted))) {
            snprintf(why, WHY, "%.100s is missing", *wanted);
            return false;
        }
    }
    /* An open file that is unlinked becomes ".nfs..." on NFS, which its client removes a moment
     * after the last close. */
    for (int tries = 0; tries < 20 && count_names(path, ".nfs", NULL) > 0; tries++)
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    return no_surplus(path, names, why);
}

int count_names(const char *path, const char *prefix, char *found)
{
    DIR *dir = opendir(path);
    if (!dir)
        die("opendir", path);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
            count++;
            if (found)
                snprintf(found, 256, "%s", entry->d_name);
        }
    }
    closedir(dir);
    return count;
}
