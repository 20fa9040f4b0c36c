/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The peers that are programs: cp, one process for many files; those that deduplicate; and Python's
 * functions, in one worker that stays and times itself, so that its start is not measured. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

extern char **environ;

static uint64_t last_cpu;

uint64_t outside_cpu(void)
{
    return last_cpu;
}

static uint64_t ns(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

/* Runs a program to its end, and says how long it took, its start included. */
static uint64_t run(char **arguments)
{
    pid_t child;
    int status;
    struct rusage used;
    uint64_t start = now();
    errno = posix_spawnp(&child, arguments[0], NULL, NULL, arguments, environ);
    if (errno != 0)
        die(arguments[0]);
    while (wait4(child, &status, 0, &used) < 0)
        if (errno != EINTR)
            die("wait4");
    uint64_t took = now() - start;
    last_cpu = ns(used.ru_utime) + ns(used.ru_stime);
    if (status != 0)
        die(arguments[0]);
    return took;
}

uint64_t cp_files(const char *from, const char *to, unsigned first, unsigned last)
{
    unsigned count = last - first;
    char **arguments = calloc(count + 5, sizeof *arguments);
    char *names = malloc((size_t)count * 64);
    if (!arguments || !names)
        die("memory");
    unsigned used = 0;
    arguments[used++] = "cp";
    arguments[used++] = "--reflink=auto";
    arguments[used++] = "-t";
    arguments[used++] = (char *)to;
    for (unsigned i = 0; i < count; i++) {
        file_name(names + (size_t)i * 64, from, first + i);
        arguments[used++] = names + (size_t)i * 64;
    }
    uint64_t took = run(arguments);
    free(names);
    free(arguments);
    return took;
}

bool on_path(const char *program)
{
    char path[4096];
    const char *at = getenv("PATH");
    for (size_t length; at && *at; at += length + (at[length] == ':')) {
        length = strcspn(at, ":");
        snprintf(path, sizeof path, "%.*s/%s", (int)length, at, program);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

/* What it prints is kept for whoever wants to know why it failed. */
void run_program(char **arguments)
{
    int kept[2] = {dup(1), dup(2)};
    int log = open("program.log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        die("program.log");
    run(arguments);
    for (int i = 0; i < 2; i++) {
        dup2(kept[i], i + 1);
        close(kept[i]);
    }
    close(log);
    unlink("program.log");
}

static int cp(const char *from, const char *to)
{
    char *arguments[] = {"cp", "--reflink=auto", (char *)from, (char *)to, NULL};
    run(arguments);
    return 0;
}

static int cp_never(const char *from, const char *to)
{
    char *arguments[] = {"cp", "--reflink=never", (char *)from, (char *)to, NULL};
    run(arguments);
    return 0;
}

/* ── Python ── */

static FILE *to_worker, *from_worker;
static pid_t worker;
static uint64_t last_time;

static void start_worker(void)
{
    const char *script = getenv("BENCH_PYTHON");
    int down[2], up[2];
    if (!script || pipe(down) != 0 || pipe(up) != 0)
        die("the Python worker");
    worker = fork();
    if (worker < 0)
        die("fork");
    if (worker == 0) {
        dup2(down[0], 0);
        dup2(up[1], 1);
        close(down[1]);
        close(up[0]);
        execlp("python3", "python3", script, (char *)NULL);
        _exit(127);
    }
    close(down[0]);
    close(up[1]);
    to_worker = fdopen(down[1], "w");
    from_worker = fdopen(up[0], "r");
}

static uint64_t ask(const char *line)
{
    unsigned long long took, cpu;
    if (!worker)
        start_worker();
    fputs(line, to_worker);
    fflush(to_worker);
    if (fscanf(from_worker, "%llu %llu", &took, &cpu) != 2)
        die("the Python worker");
    last_cpu = cpu;
    return took;
}

uint64_t python_files(const char *function, const char *from, const char *to, unsigned first,
                      unsigned last)
{
    char line[256];
    snprintf(line, sizeof line, "%s %s %s %u %u\n", function, from, to, first, last);
    return ask(line);
}

static int shutil(const char *from, const char *to)
{
    char line[1024];
    snprintf(line, sizeof line, "shutil.copyfile %s %s\n", from, to);
    last_time = ask(line);
    return 0;
}

uint64_t shutil_time(void)
{
    return last_time;
}

void outside_stop(void)
{
    if (!worker)
        return;
    fclose(to_worker);
    fclose(from_worker);
    waitpid(worker, NULL, 0);
    worker = 0;
}

const struct peer CP = {"cp", cp, true};
const struct peer CP_NEVER = {"cp --reflink=never", cp_never, true};
const struct peer SHUTIL = {"shutil.copyfile", shutil, false};
