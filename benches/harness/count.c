/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The second witness, which no noise can touch: a child copies one small file step by step under
 * ptrace, and its instructions outside the kernel and its system calls are counted. */

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#if defined(__x86_64__)

static const struct peer *const PEERS[] = {
    &BARE_DIRECT, &BARE_ATOMIC, &BARE_LEAST, &OURS_UNSTAGED, &OURS_DEFAULT,
    &OURS_NEVER,  &OURS_RUST,   &LIBUV,      &RUST_CRATE,
};

static int nothing(const char *src, const char *dst)
{
    (void)src;
    (void)dst;
    return 0;
}

/* Copies three times, so that everything is resolved and loaded before the counted copy. */
static void child(int (*copy)(const char *, const char *))
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        copy("./counted", "./copy");
        unlink("copy");
    }
    raise(SIGSTOP);
    copy("./counted", "./copy");
    raise(SIGSTOP);
    _exit(0);
}

struct counts {
    long instructions, calls;
};

static struct counts count(int (*copy)(const char *, const char *))
{
    struct counts counts = {0, 0};
    int status;
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0)
        child(copy);
    if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
        die("ptrace");
    while (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 && waitpid(pid, &status, 0) == pid &&
           WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP) {
        struct user_regs_struct registers;
        counts.instructions++;
        if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0)
            break;
        errno = 0;
        long code = ptrace(PTRACE_PEEKTEXT, pid, (void *)registers.rip, NULL);
        if (errno == 0 && (code & 0xffff) == 0x050f) /* syscall */
            counts.calls++;
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    unlink("copy");
    return counts;
}

void run_count(const struct lab *lab)
{
    make_file("counted", 4 * KIB, KIB, KIB);
    settle();
    struct counts empty = count(nothing);
    for (unsigned k = 0; k < COUNT(PEERS); k++) {
        struct counts counts = count(PEERS[k]->copy);
        put_note(lab, "count", "call", 4 * KIB, PEERS[k]->name, "instructions",
                 (double)(counts.instructions - empty.instructions));
        put_note(lab, "count", "call", 4 * KIB, PEERS[k]->name, "calls",
                 (double)(counts.calls - empty.calls));
    }
    unlink("counted");
}

#else

void run_count(const struct lab *lab)
{
    (void)lab;
    fprintf(stderr, "harness: instructions are counted on x86-64 only\n");
}

#endif
