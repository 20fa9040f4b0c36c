/* What the library answers in C is what the header calls it: a system call is made to fail in a
 * child (seccomp), and the copy must name the reason, or the step. Linux; valid C99 and C++11. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "libreflink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A system call (with this second argument, if that is not 0) fails so. */
struct injected {
    uint32_t call;
    uint32_t second;
    int error;
    uint32_t reason; /* expected */
    uint32_t step;   /* expected, of a copy that fails */
};

static const struct injected cases[] = {
    {SYS_ioctl, FICLONE, EOPNOTSUPP, REFLINK_REASON_UNSUPPORTED, REFLINK_STEP_NONE},
    {SYS_ioctl, FICLONE, EXDEV, REFLINK_REASON_CROSS_DEVICE, REFLINK_STEP_NONE},
    {SYS_ioctl, FICLONE, EINVAL, REFLINK_REASON_FILE, REFLINK_STEP_NONE},
    {SYS_ioctl, FICLONE, EPERM, REFLINK_REASON_PERMISSION, REFLINK_STEP_NONE},
    {SYS_ioctl, FICLONE, EAGAIN, REFLINK_REASON_TRANSIENT, REFLINK_STEP_NONE},
    {SYS_ioctl, FICLONE, EIO, REFLINK_REASON_FAILURE, REFLINK_STEP_CLONE},
    {SYS_utimensat, 0, EIO, REFLINK_REASON_NONE, REFLINK_STEP_METADATA},
    {SYS_fsync, 0, EIO, REFLINK_REASON_NONE, REFLINK_STEP_SYNC},
    {SYS_linkat, 0, EIO, REFLINK_REASON_NONE, REFLINK_STEP_PUBLISH},
};

/* From here on the call fails in this process. */
static int inject(const struct injected *with)
{
    const uint32_t second = offsetof(struct seccomp_data, args) + sizeof(uint64_t) +
                            (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, with->call, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, second),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, with->second, 0, (uint8_t)(with->second != 0)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)with->error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

static int answers(const struct injected *with)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    int code;

    options.durability = REFLINK_DURABLE;
    options.preserve = REFLINK_PRESERVE_TIMES;
    if (!inject(with)) {
        perror("seccomp");
        return 2;
    }
    code = reflink_copy_file("source", "copy", &options, &result);
    if ((code < 0) == (with->step != REFLINK_STEP_NONE) && result.step == with->step &&
        (with->call != SYS_ioctl || result.reason == with->reason))
        return 0;
    fprintf(stderr, "call %u, %s: code %d, reason %u, step %u\n", (unsigned)with->call,
            strerror(with->error), code, (unsigned)result.reason, (unsigned)result.step);
    return 1;
}

int main(int argc, char **argv)
{
    size_t i;
    int failures = 0, file;

    if (argc != 2 || chdir(argv[1]) != 0)
        return 2;
    file = open("source", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0 || write(file, "content", 7) != 7 || close(file) != 0)
        return 2;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = 0;
        pid_t child = fork();

        if (child == 0)
            _exit(answers(&cases[i]));
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            failures++;
        (void)unlink("copy");
    }
    return failures == 0 ? 0 : 1;
}
