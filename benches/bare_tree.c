/*
 * bare_tree THREADS SOURCE COPY: the calls alone that a copy of a tree cannot do without: what no
 * program can be faster than. It clones each file (else has the kernel copy it) and keeps modes and
 * times; no checks, no hard links, nothing removed after a failure. More threads copy the files of
 * whole directories, so that a directory may get its times before its last file.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_THREADS 64

/* The files of a directory, open on both sides: their names, one after another. */
struct files {
    int from, to;
    char *names;
    size_t length;
};

/* What waits for a thread. */
static struct files waiting[MOST_THREADS];
static int threads = 1, count;
static bool complete;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;

static int clones = 1;

static void check(int ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static void set_times(int copy, const struct stat *like)
{
    const struct timespec times[2] = {like->st_atim, like->st_mtim};
    check(futimens(copy, times) == 0, "futimens");
}

static void copy_data(int source, int copy, off_t size)
{
    if (clones && ioctl(copy, FICLONE, source) == 0)
        return;
    clones = 0; /* every file is on the same volume */
    while (size > 0) {
        const ssize_t copied = copy_file_range(source, NULL, copy, NULL, (size_t)size, 0);
        check(copied > 0, "copy_file_range");
        size -= copied;
    }
}

static void copy_file(int from, int to, const char *name)
{
    struct stat stat;
    const int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    check(source >= 0 && fstat(source, &stat) == 0, name);
    const int copy =
        openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, stat.st_mode & 0777);
    check(copy >= 0, name);
    if (stat.st_size > 0)
        copy_data(source, copy, stat.st_size);
    set_times(copy, &stat);
    close(source);
    close(copy);
}

static void copy_link(int from, int to, const char *name)
{
    char text[PATH_MAX];
    const ssize_t length = readlinkat(from, name, text, sizeof text - 1);
    check(length >= 0, name);
    text[length] = '\0';
    check(symlinkat(text, to, name) == 0, name);
}

static void add_name(struct files *files, const char *name)
{
    const size_t size = strlen(name) + 1;
    files->names = realloc(files->names, files->length + size);
    check(files->names != NULL, "realloc");
    memcpy(files->names + files->length, name, size);
    files->length += size;
}

static void copy_files(const struct files *files)
{
    for (size_t at = 0; at < files->length; at += strlen(files->names + at) + 1)
        copy_file(files->from, files->to, files->names + at);
    free(files->names);
}

/* Leaves files to another thread, unless two directories for each one wait already. */
static bool hand_over(struct files files)
{
    pthread_mutex_lock(&lock);
    const bool taken = threads > 1 && files.length > 0 && count < 2 * (threads - 1);
    if (taken) {
        files.from = dup(files.from);
        files.to = dup(files.to);
        check(files.from >= 0 && files.to >= 0, "dup");
        waiting[count++] = files;
        pthread_cond_signal(&more);
    }
    pthread_mutex_unlock(&lock);
    return taken;
}

/* Takes what waits longest. False: nothing more will come. */
static bool take(struct files *files)
{
    pthread_mutex_lock(&lock);
    while (count == 0 && !complete)
        pthread_cond_wait(&more, &lock);
    const bool taken = count > 0;
    if (taken) {
        *files = waiting[0];
        memmove(waiting, waiting + 1, (size_t)--count * sizeof *waiting);
    }
    pthread_mutex_unlock(&lock);
    return taken;
}

static void *work(void *unused)
{
    for (struct files files; take(&files);) {
        copy_files(&files);
        close(files.from);
        close(files.to);
    }
    return unused;
}

static void copy_directory(int from, const char *from_name, int to, const char *to_name)
{
    struct stat stat;
    const int source = openat(from, from_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(source >= 0 && fstat(source, &stat) == 0, from_name);
    check(mkdirat(to, to_name, 0700) == 0, to_name);
    const int copy = openat(to, to_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fdopendir(source);
    check(copy >= 0 && entries != NULL, to_name);
    struct files files = {source, copy, NULL, 0};
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        const char *name = entry->d_name;
        if (entry->d_type == DT_REG)
            add_name(&files, name);
        else if (entry->d_type == DT_LNK)
            copy_link(source, copy, name);
    }
    if (!hand_over(files))
        copy_files(&files);
    rewinddir(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        const char *name = entry->d_name;
        if (entry->d_type == DT_DIR && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            copy_directory(source, name, copy, name);
    }
    check(fchmod(copy, stat.st_mode & 07777) == 0, to_name);
    set_times(copy, &stat);
    closedir(entries);
    close(copy);
}

int main(int argc, char **argv)
{
    pthread_t helpers[MOST_THREADS];
    threads = argc == 4 ? atoi(argv[1]) : 0;
    if (threads < 1 || threads > MOST_THREADS / 2) {
        fprintf(stderr, "usage: bare_tree THREADS SOURCE COPY\n");
        return 2;
    }
    for (int at = 1; at < threads; at++)
        check(pthread_create(&helpers[at], NULL, work, NULL) == 0, "pthread_create");
    copy_directory(AT_FDCWD, argv[2], AT_FDCWD, argv[3]);
    pthread_mutex_lock(&lock);
    complete = true;
    pthread_cond_broadcast(&more);
    pthread_mutex_unlock(&lock);
    work(NULL);
    for (int at = 1; at < threads; at++)
        pthread_join(helpers[at], NULL);
    return 0;
}
