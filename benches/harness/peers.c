/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The peers that are called in this process: bare loops of system calls, the library itself, libuv
 * and the Rust crates reflink-copy and libreflink-fs (ours). Each makes one new file. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <libreflink.h>

#include "bench.h"

/* ── Bare loops ── */

/* read and write, for two volumes: the size of the buffer is coreutils'. */
static int pump(int src, int dst)
{
    static char buffer[256 * 1024];
    ssize_t got;
    while ((got = read(src, buffer, sizeof buffer)) > 0)
        if (write(dst, buffer, (size_t)got) != got)
            return EIO;
    return got < 0 ? errno : 0;
}

/* What a hand-written program does: the clone, else the kernel's copy call. It handles no
 * signal, no short count and no odd file system. */
static int fill(int src, int dst, uint64_t size)
{
    if (ioctl(dst, FICLONE, src) == 0)
        return 0;
    while (size > 0) {
        ssize_t moved = copy_file_range(src, NULL, dst, NULL, size, 0);
        if (moved < 0 && errno == EXDEV)
            return pump(src, dst);
        if (moved <= 0)
            return moved < 0 ? errno : EIO;
        size -= (uint64_t)moved;
    }
    return 0;
}

/* open, fstat, open, ioctl, fstat, close, close: the file grows under its own name. */
static int bare_direct(const char *from, const char *to)
{
    struct stat before, after;
    int src = open(from, O_RDONLY | O_CLOEXEC);
    if (src < 0 || fstat(src, &before) != 0)
        return errno;
    int dst = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, before.st_mode & 0777);
    if (dst < 0)
        return errno;
    int failed = fill(src, dst, (uint64_t)before.st_size);
    if (!failed && (fstat(dst, &after) != 0 || after.st_size != before.st_size))
        failed = EIO;
    close(src);
    close(dst);
    return failed;
}

/* The same with O_TMPFILE, and linkat at the end. */
static int bare_atomic(const char *from, const char *to)
{
    struct stat before, after;
    int src = open(from, O_RDONLY | O_CLOEXEC);
    if (src < 0 || fstat(src, &before) != 0)
        return errno;
    char dir[4096];
    size_t cut = 0;
    for (size_t i = 0; to[i]; i++) {
        dir[i] = to[i];
        if (to[i] == '/')
            cut = i + 1;
    }
    dir[cut] = '\0';
    int dst = open(dir, O_WRONLY | O_TMPFILE | O_CLOEXEC, before.st_mode & 0777);
    if (dst < 0)
        return errno;
    int failed = fill(src, dst, (uint64_t)before.st_size);
    if (!failed && (fstat(dst, &after) != 0 || after.st_size != before.st_size))
        failed = EIO;
    if (!failed && linkat(dst, "", AT_FDCWD, to, AT_EMPTY_PATH) != 0)
        failed = errno;
    close(src);
    close(dst);
    return failed;
}

/* The fewest calls that make a copy, without checks: it loses the mode, and does not notice a
 * short copy. */
static int bare_least(const char *from, const char *to)
{
    int src = open(from, O_RDONLY | O_CLOEXEC);
    int dst = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (src < 0 || dst < 0)
        return errno;
    int failed = 0;
    if (ioctl(dst, FICLONE, src) != 0) {
        ssize_t moved;
        while ((moved = copy_file_range(src, NULL, dst, NULL, GIB, 0)) > 0)
            ;
        failed = moved < 0 ? errno : 0;
    }
    close(src);
    close(dst);
    return failed;
}

/* Ranges: the kernel's copy call until it is done. */
int bare_range(const struct range *range)
{
    off64_t from = (off64_t)range->from, to = (off64_t)range->to;
    for (uint64_t left = range->length; left > 0;) {
        ssize_t moved = copy_file_range(range->src, &from, range->dst, &to, left, 0);
        if (moved <= 0)
            return moved < 0 ? errno : EIO;
        left -= (uint64_t)moved;
    }
    return 0;
}

/* ── The library ── */

static int reflink_with(const char *from, const char *to, uint32_t mode, uint32_t durability)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    options.mode = mode;
    options.durability = durability;
    return -reflink_copy_file(from, to, &options, &result);
}

static int reflink_default(const char *from, const char *to)
{
    return reflink_with(from, to, REFLINK_AUTO, REFLINK_ATOMIC);
}

static int reflink_unstaged(const char *from, const char *to)
{
    return reflink_with(from, to, REFLINK_AUTO, REFLINK_UNSTAGED);
}

static int reflink_never(const char *from, const char *to)
{
    return reflink_with(from, to, REFLINK_NEVER, REFLINK_ATOMIC);
}

static uint64_t range_shared;

int reflink_range(const struct range *range)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    int code = reflink_copy_range(range->src, range->from, range->dst, range->to, range->length,
                                  NULL, &result);
    range_shared = result.bytes_cloned;
    return -code;
}

uint64_t reflink_range_shared(void)
{
    return range_shared;
}

/* ── Others ── */

static int libuv(const char *from, const char *to)
{
    uv_fs_t request;
    int code = uv_fs_copyfile(uv_default_loop(), &request, from, to,
                              UV_FS_COPYFILE_EXCL | UV_FS_COPYFILE_FICLONE, NULL);
    uv_fs_req_cleanup(&request);
    return -code;
}

extern int peer_reflink_or_copy(const char *src, const char *dst);
extern int peer_libreflink_fs(const char *src, const char *dst);

const struct peer BARE_DIRECT = {"bare direct", bare_direct, false};
const struct peer BARE_DIRECT_AGAIN = {"bare direct, again", bare_direct, false};
const struct peer BARE_ATOMIC = {"bare atomic", bare_atomic, false};
const struct peer BARE_LEAST = {"bare, unchecked", bare_least, false};
const struct peer OURS_UNSTAGED = {"libreflink UNSTAGED", reflink_unstaged, true};
const struct peer OURS_DEFAULT = {"libreflink", reflink_default, true};
const struct peer OURS_NEVER = {"libreflink NEVER", reflink_never, true};
const struct peer OURS_RUST = {"libreflink-fs", peer_libreflink_fs, true};
const struct peer LIBUV = {"libuv", libuv, false};
const struct peer RUST_CRATE = {"reflink-copy", peer_reflink_or_copy, false};
