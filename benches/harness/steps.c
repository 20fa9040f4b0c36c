/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What single system calls cost: the bare loop with one of them added or exchanged at a time.
 * These are the calls by which the library's copy differs, or might. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "bench.h"

enum step {
    NOTHING,
    NONBLOCK,
    GETRLIMIT,
    PRLIMIT,
    CLOSE_RANGE,
    UNAME,
    DUP_CLOSE,
    STAT_NAME,
    STAT_SOURCE,
    ASK_ACL,
    CLEAR
};

static const char *const NAMES[] = {
    [NOTHING] = "bare direct",
    [NONBLOCK] = "O_NONBLOCK, O_NOCTTY, O_NOFOLLOW",
    [GETRLIMIT] = "getrlimit",
    [PRLIMIT] = "prlimit64, as glibc's getrlimit does",
    [CLOSE_RANGE] = "close_range instead of two closes",
    [UNAME] = "uname",
    [DUP_CLOSE] = "dup and close",
    [STAT_NAME] = "fstatat of a name that is not there",
    [STAT_SOURCE] = "fstatat of the source before it is opened",
    [ASK_ACL] = "fgetxattr for an ACL that is not there",
    [CLEAR] = "4 KiB cleared and moved",
};

static void extra(enum step step, int src, int dst)
{
    struct rlimit limit;
    struct utsname name;
    struct stat st;
    volatile char here[4096], there[4096];
    switch (step) {
    case GETRLIMIT:
#ifdef SYS_getrlimit
        syscall(SYS_getrlimit, RLIMIT_FSIZE, &limit);
#endif
        break;
    case PRLIMIT:
        getrlimit(RLIMIT_FSIZE, &limit);
        break;
    case UNAME:
        uname(&name);
        break;
    case DUP_CLOSE:
        close(fcntl(dst, F_DUPFD_CLOEXEC, 3));
        break;
    case STAT_NAME:
        fstatat(AT_FDCWD, "s/nothing", &st, AT_SYMLINK_NOFOLLOW);
        break;
    case ASK_ACL:
        fgetxattr(src, "system.posix_acl_access", NULL, 0);
        break;
    case CLEAR:
        memset((void *)here, 0, sizeof here);
        memcpy((void *)there, (void *)here, sizeof there);
        break;
    default:
        break;
    }
}

static void close_both(enum step step, int src, int dst)
{
#ifdef SYS_close_range
    if (step == CLOSE_RANGE && syscall(SYS_close_range, src, dst, 0) == 0)
        return;
#endif
    close(src);
    close(dst);
}

static bool copy(enum step step, const char *from, const char *to)
{
    struct stat before, after;
    int flags = step == NONBLOCK ? O_NOCTTY : 0;
    if (step == STAT_SOURCE)
        fstatat(AT_FDCWD, from, &before, 0);
    int src = open(from, O_RDONLY | O_CLOEXEC | flags | (flags ? O_NONBLOCK : 0));
    if (src < 0 || fstat(src, &before) != 0)
        return false;
    int dst = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | flags | (flags ? O_NOFOLLOW : 0),
                   before.st_mode & 0777);
    if (dst < 0)
        return false;
    extra(step, src, dst);
    bool done = ioctl(dst, FICLONE, src) == 0 ||
                copy_file_range(src, NULL, dst, NULL, (size_t)before.st_size, 0) == before.st_size;
    done = done && fstat(dst, &after) == 0 && after.st_size == before.st_size;
    close_both(step, src, dst);
    return done;
}

static void slice(unsigned files, struct samples *samples)
{
    for (unsigned i = 0; i < files; i++) {
        unsigned order[COUNT(NAMES)];
        shuffle(order, COUNT(NAMES));
        for (unsigned turn = 0; turn < COUNT(NAMES); turn++) {
            char src[64], dir[32], dst[64];
            file_name(src, "s", i);
            sprintf(dir, "d%u", turn);
            file_name(dst, dir, i);
            uint64_t start = now();
            bool done = copy((enum step)order[turn], src, dst);
            add_sample(&samples[order[turn]], (double)(now() - start));
            if (!done)
                die("a step");
        }
    }
}

void run_steps(const struct lab *lab)
{
    enum { FILES = 200 };
    struct samples samples[COUNT(NAMES)] = {{0}};
    char dir[32];
    make_files("s", FILES, 4 * KIB);
    for (unsigned k = 0; k < COUNT(NAMES); k++) {
        samples[k].peer = NAMES[k];
        sprintf(dir, "d%u", k);
        make_dir(dir);
    }
    settle();
    for (unsigned round = 0; round < (lab->quick ? 5 : 50); round++) {
        slice(FILES, samples);
        for (unsigned k = 0; k < COUNT(NAMES); k++) {
            sprintf(dir, "d%u", k);
            remove_files(dir, 0, FILES);
        }
        settle();
    }
    put_samples(lab, "steps", "call", 4 * KIB, samples, COUNT(NAMES));
    remove_files("s", 0, FILES);
}
