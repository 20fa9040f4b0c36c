/* The thin layer for Linux, macOS, FreeBSD and other Unixes: see system.h. */
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#define _FILE_OFFSET_BITS 64
#include "system.h"

#ifndef _WIN32
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#endif

#include "check.h"

#ifdef __APPLE__
#define ACCESSED st_atimespec
#define WRITTEN  st_mtimespec
#define CHANGED  st_ctimespec
#else
#define ACCESSED st_atim
#define WRITTEN  st_mtim
#define CHANGED  st_ctim
#endif

const handle current_directory = AT_FDCWD, no_handle = -1;
const handle never_open[] = {-1, -100, 1000000, INT_MAX, INT_MIN};
const size_t never_open_count = sizeof never_open / sizeof *never_open;
const uint64_t handle_step = 1;

static int open_or_die(const char *name, int flags)
{
    int file = open(name, flags | O_CLOEXEC, 0644);
    if (file < 0)
        die("open", name);
    return file;
}

handle open_file(const char *name, enum use use)
{
#ifdef O_PATH
    static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, O_PATH};
#else
    static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, -1};
#endif
    /* Without O_PATH a descriptor that can neither read nor write is one that is not there. */
    return flags[use] < 0 ? -1 : open_or_die(name, flags[use]);
}

handle create_file(const char *name)
{
    return open_or_die(name, O_RDWR | O_CREAT | O_TRUNC);
}

handle open_directory(const char *name)
{
    return open_or_die(name, O_RDONLY | O_DIRECTORY);
}

void close_handle(handle file)
{
    if (file >= 0 && close(file))
        die("close", "a file");
}

void open_pipe(handle *reader, handle *writer)
{
    int ends[2];
    if (pipe(ends))
        die("pipe", "");
    *reader = ends[0];
    *writer = ends[1];
}

size_t read_at(handle file, void *bytes, size_t length, uint64_t at)
{
    size_t got = 0;
    while (got < length) {
        ssize_t more = pread(file, (char *)bytes + got, length - got, (off_t)(at + got));
        if (more < 0)
            die("read", "a file");
        if (more == 0)
            break;
        got += (size_t)more;
    }
    return got;
}

void write_at(handle file, const void *bytes, size_t length, uint64_t at)
{
    size_t done = 0;
    while (done < length) {
        ssize_t more = pwrite(file, (const char *)bytes + done, length - done, (off_t)(at + done));
        if (more <= 0)
            die("write", "a file");
        done += (size_t)more;
    }
}

void set_size(handle file, uint64_t size)
{
    if (ftruncate(file, (off_t)size))
        die("size", "a file");
}

void mark_sparse(handle file)
{
    (void)file;
}

void flush(handle file)
{
    if (fsync(file))
        die("sync", "a file");
}

void forget_cached(handle file)
{
    fsync(file);
#ifdef POSIX_FADV_DONTNEED
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
#endif
}

int64_t position_of(handle file)
{
    return lseek(file, 0, SEEK_CUR);
}

void set_position(handle file, int64_t position)
{
    if (lseek(file, (off_t)position, SEEK_SET) != (off_t)position)
        die("seek", "a file");
}

uint64_t next_handle(void)
{
    int files[HANDLES], i;
    for (i = 0; i < HANDLES; i++)
        files[i] = open_or_die("/dev/null", O_RDONLY);
    for (i = 0; i < HANDLES; i++)
        close(files[i]);
    return (uint64_t)files[HANDLES - 1];
}

static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

bool look_at(const char *name, struct seen *found)
{
    struct stat raw;
    if (lstat(name, &raw))
        return false;
    found->kind = S_ISREG(raw.st_mode)   ? KIND_FILE
                  : S_ISDIR(raw.st_mode) ? KIND_DIRECTORY
                  : S_ISLNK(raw.st_mode) ? KIND_LINK
                                         : KIND_OTHER;
    found->size = (uint64_t)raw.st_size;
    found->volume = (uint64_t)raw.st_dev;
    found->number = (uint64_t)raw.st_ino;
    found->accessed = nanoseconds(raw.ACCESSED);
    found->written = nanoseconds(raw.WRITTEN);
    found->changed = nanoseconds(raw.CHANGED);
    found->mode = raw.st_mode & 07777;
    return true;
}

uint64_t allocated(const char *name)
{
    struct stat raw;
    int file = open_or_die(name, O_RDONLY);
    fsync(file);
    if (fstat(file, &raw))
        die("fstat", name);
    close(file);
    return (uint64_t)raw.st_blocks * 512;
}

bool remove_name(const char *name)
{
    return unlink(name) == 0 || rmdir(name) == 0;
}

bool make_directory(const char *name)
{
    return mkdir(name, 0755) == 0;
}

bool make_hard_link(const char *old, const char *name)
{
    return link(old, name) == 0;
}

bool make_symlink(const char *target, const char *name)
{
    return symlink(target, name) == 0;
}

void set_times(const char *name, int64_t accessed, int64_t written)
{
    struct timespec times[2];
    times[0].tv_sec = (time_t)(accessed / SECOND);
    times[0].tv_nsec = (long)(accessed % SECOND);
    times[1].tv_sec = (time_t)(written / SECOND);
    times[1].tv_nsec = (long)(written % SECOND);
    if (utimensat(AT_FDCWD, name, times, 0))
        die("utimensat", name);
}

/* SMB (Linux 6.12) does not. Whole seconds, which 9p keeps. */
bool sets_times_of_links(const char *link)
{
    const struct timespec times[2] = {{1500000000, 0}, {1400000000, 0}};
    struct seen now;
    return utimensat(AT_FDCWD, link, times, AT_SYMLINK_NOFOLLOW) == 0 && look_at(link, &now) &&
           now.written == nanoseconds(times[1]);
}

void each_name(const char *directory, void (*each)(const char *name, void *user), void *user)
{
    DIR *open = opendir(directory);
    struct dirent *entry;
    if (!open)
        die("opendir", directory);
    while ((entry = readdir(open)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            each(entry->d_name, user);
    closedir(open);
}

void enter(const char *directory)
{
    if (chdir(directory))
        die("chdir", directory);
}

char *absolute(const char *name)
{
    char *path = realpath(name, NULL);
    if (!path)
        die("realpath", name);
    return path;
}

#ifdef __linux__
enum { EXTENTS = 256 };

static struct fiemap *map_of(const char *name, uint64_t offset, uint64_t length)
{
    struct fiemap *map = calloc(1, sizeof *map + EXTENTS * sizeof(struct fiemap_extent));
    int file = open_or_die(name, O_RDONLY), answer;
    if (!map)
        die("no memory for", name);
    map->fm_start = offset;
    map->fm_length = length;
    map->fm_flags = FIEMAP_FLAG_SYNC;
    map->fm_extent_count = EXTENTS;
    answer = ioctl(file, FS_IOC_FIEMAP, map);
    close(file);
    if (answer == 0)
        return map;
    free(map);
    return NULL;
}

enum sharing sharing(const char *name, uint64_t offset, uint64_t length)
{
    struct fiemap *map = map_of(name, offset, length);
    unsigned shared = 0, alone = 0, i;
    if (!map)
        return SHARED_UNKNOWN;
    for (i = 0; i < map->fm_mapped_extents; i++) {
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
#else
enum sharing sharing(const char *name, uint64_t offset, uint64_t length)
{
    (void)name;
    (void)offset;
    (void)length;
    return SHARED_UNKNOWN;
}
#endif

bool unnamed_files_work(void)
{
#ifdef O_TMPFILE
    int file = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0)
        close(file);
    return file >= 0;
#else
    return false;
#endif
}

bool holes_are_found(handle file)
{
#ifdef SEEK_DATA
    off_t before = lseek(file, 0, SEEK_CUR);
    bool found = lseek(file, 0, SEEK_DATA) > 0;
    lseek(file, before, SEEK_SET);
    return found;
#else
    (void)file;
    return false;
#endif
}

bool renames_without_replacing(const char *old, const char *name)
{
#ifdef SYS_renameat2
    return syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, name, 1 /* RENAME_NOREPLACE */) == 0;
#elif defined(__APPLE__)
    return renamex_np(old, name, RENAME_EXCL) == 0;
#else
    (void)old;
    (void)name;
    return false;
#endif
}

bool replaces_open_files(void)
{
    return true;
}

bool open_directories_move(void)
{
    return true;
}

bool access_times_stay(void)
{
    return true;
}

bool is_one_name(const char *name)
{
    return name[strcspn(name, "/")] == '\0';
}

unsigned unnamed_modes(void)
{
    enum { MOST = 64 };
    struct stat here, found;
    unsigned modes = 0;
    int file;
    if (stat(".", &here))
        die("stat", ".");
    for (file = 3; file < MOST; file++)
        if (fstat(file, &found) == 0 && S_ISREG(found.st_mode) && found.st_nlink == 0 &&
            found.st_dev == here.st_dev)
            modes |= found.st_mode & 0777;
    return modes;
}

bool is_os_error(int32_t os_error, int code)
{
    return os_error == -code || (os_error == ENOTSUP && code == -EOPNOTSUPP);
}

void mark_errors(void)
{
    errno = 4242;
}

bool errors_are_marked(void)
{
    return errno == 4242;
}

int in_child(char **words, int (*body)(char **words))
{
    int status = 0;
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child < 0)
        die("fork", "");
    if (child == 0)
        _exit(body(words));
    if (waitpid(child, &status, 0) != child)
        die("waitpid", "");
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void kill_self(void)
{
    kill(getpid(), SIGKILL);
}

struct started {
    pthread_t thread;
    void (*body)(unsigned number);
    unsigned number;
};

static void *run_thread(void *user)
{
    struct started *started = user;
    started->body(started->number);
    return NULL;
}

void in_threads(unsigned count, void (*body)(unsigned number))
{
    struct started *all = calloc(count, sizeof *all);
    unsigned i;
    for (i = 0; all && i < count; i++) {
        all[i].body = body;
        all[i].number = i;
        if (pthread_create(&all[i].thread, NULL, run_thread, &all[i]))
            die("pthread_create", "");
    }
    for (i = 0; all && i < count; i++)
        pthread_join(all[i].thread, NULL);
    free(all);
}

void limit_time(unsigned seconds)
{
    alarm(seconds);
}

void wait_milliseconds(unsigned time)
{
    struct timespec rest;
    rest.tv_sec = time / 1000;
    rest.tv_nsec = (long)(time % 1000) * 1000000;
    nanosleep(&rest, NULL);
}

void system_name(char *text, size_t room)
{
    struct utsname name;
    if (uname(&name) < 0)
        die("uname", "");
    snprintf(text, room, "%s %s %s", name.sysname, name.release, name.machine);
}
#endif
