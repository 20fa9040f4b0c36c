/*
 * bare_tree SOURCE COPY: the calls alone that a copy of a tree cannot do without, in one thread:
 * what no program can be faster than. It clones each file (else has the kernel copy it) and keeps
 * modes and times; no checks, no hard links, nothing removed after a failure.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void copy_directory(int from, const char *from_name, int to, const char *to_name)
{
    struct stat stat;
    const int source = openat(from, from_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(source >= 0 && fstat(source, &stat) == 0, from_name);
    check(mkdirat(to, to_name, 0700) == 0, to_name);
    const int copy = openat(to, to_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fdopendir(source);
    check(copy >= 0 && entries != NULL, to_name);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        const char *name = entry->d_name;
        if (entry->d_type == DT_REG)
            copy_file(source, copy, name);
        else if (entry->d_type == DT_LNK)
            copy_link(source, copy, name);
        else if (name[0] != '.' || (name[1] != '\0' && (name[1] != '.' || name[2] != '\0')))
            copy_directory(source, name, copy, name);
    }
    check(fchmod(copy, stat.st_mode & 07777) == 0, to_name);
    set_times(copy, &stat);
    closedir(entries);
    close(copy);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bare_tree SOURCE COPY\n");
        return 2;
    }
    copy_directory(AT_FDCWD, argv[1], AT_FDCWD, argv[2]);
    return 0;
}
