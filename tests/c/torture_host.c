/* Makes one copy and prints in one line how it went, for the fault injection of tests/torture.
 * torture_host file|fd|range SRC DST MODE DURABILITY IF_EXISTS PRESERVE [named]; with "named",
 * O_TMPFILE is refused. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libreflink.h"

#define HIGHEST 64

/* Refuses O_TMPFILE with EOPNOTSUPP, like a file system without unnamed files. */
static int refuse_unnamed(void)
{
    const unsigned bit = O_TMPFILE & ~O_DIRECTORY;
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bit, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog whole = {sizeof program / sizeof program[0], program};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole);
}

/* Uses one system call, so that strace stops once. */
static int open_descriptors(void)
{
    struct pollfd all[HIGHEST];
    int fd, count = 0;

    for (fd = 0; fd < HIGHEST; fd++) {
        all[fd].fd = fd;
        all[fd].events = 0;
    }
    if (poll(all, HIGHEST, 0) < 0)
        return -1;
    for (fd = 0; fd < HIGHEST; fd++)
        count += (all[fd].revents & POLLNVAL) == 0;
    return count;
}

/* Writes a mark into the trace that no other call makes. */
static void mark(const char *name)
{
    if (access(name, F_OK) == 0)
        abort();
}

static int copy(char **arguments, const struct reflink_options *options,
                struct reflink_result *result)
{
    const char *src = arguments[2], *dst = arguments[3];
    int code, from, to;

    if (strcmp(arguments[1], "file") == 0) {
        mark("/reflink-torture-begin");
        code = reflink_copy_file(src, dst, options, result);
        mark("/reflink-torture-end");
        return code;
    }
    from = open(src, O_RDONLY);
    to = open(dst, O_WRONLY);
    if (from < 0 || to < 0) {
        perror("open");
        exit(3);
    }
    mark("/reflink-torture-begin");
    /* The same distance off a block boundary on both sides: edge, middle, edge. */
    code = strcmp(arguments[1], "fd") == 0
               ? reflink_copy_fd(from, to, options, result)
               : reflink_copy_range(from, 100, to, 100, REFLINK_TO_EOF, options, result);
    mark("/reflink-torture-end");
    (void)close(from);
    (void)close(to);
    return code;
}

int main(int count, char **arguments)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    int code, before;

    if (count < 8)
        return 2;
    options.mode = (uint32_t)atoi(arguments[4]);
    options.durability = (uint32_t)atoi(arguments[5]);
    options.if_exists = (uint32_t)atoi(arguments[6]);
    options.preserve = (uint32_t)atoi(arguments[7]);
    if (count > 8 && refuse_unnamed() != 0) {
        perror("seccomp");
        return 3;
    }
    before = open_descriptors();
    code = copy(arguments, &options, &result);
    printf("%d %u %u %d %u %llu %llu %llu %d\n", code, result.method, result.step, result.os_error,
           result.flags, (unsigned long long)result.bytes_cloned,
           (unsigned long long)result.bytes_copied, (unsigned long long)result.bytes_hole,
           open_descriptors() - before);
    return 0;
}
