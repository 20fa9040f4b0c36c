/* The thin layer: what the tests ask of the system, and not of the library. posix.c and windows.c
 * have the functions. Names are UTF-8, with slashes. What cannot be done ends the program, unless
 * the function returns whether it could. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <libreflink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATH_ROOM = 4096, SECOND = 1000000000 };

/* ---- Open files ---- */

typedef reflink_handle handle;

enum use { USE_READ, USE_WRITE, USE_READ_WRITE, USE_APPEND, USE_NEITHER };

/* What stands for the current directory, and for "no source" in a probe. */
extern const handle current_directory, no_handle;
/* Handles that cannot be open; how many. */
extern const handle never_open[];
extern const size_t never_open_count;

handle open_file(const char *name, enum use use);
handle create_file(const char *name); /* new or emptied, for reading and writing */
handle open_directory(const char *name);
void close_handle(handle file);
void open_pipe(handle *reader, handle *writer);
size_t read_at(handle file, void *bytes, size_t length, uint64_t at);
void write_at(handle file, const void *bytes, size_t length, uint64_t at);
void set_size(handle file, uint64_t size);
void mark_sparse(handle file); /* for systems where a file must be told */
void flush(handle file);
void forget_cached(handle file); /* so that reads come from the file system; a hint */
int64_t position_of(handle file);
void set_position(handle file, int64_t position);

/* The number of the last of some new handles, and by how much numbers differ: what stays open is
 * seen. (One alone would be low in any case: it takes the place of one that a call had open for a
 * while.) */
enum { HANDLES = 16 };
uint64_t next_handle(void);
extern const uint64_t handle_step;

/* ---- Names ---- */

enum kind { KIND_FILE, KIND_DIRECTORY, KIND_LINK, KIND_OTHER };

struct seen {
    enum kind kind;
    uint64_t size, volume, number;      /* volume and number: which file it is */
    int64_t accessed, written, changed; /* nanoseconds since 1970 */
    unsigned mode;                      /* permission bits; 0 on Windows */
};

bool look_at(const char *name, struct seen *found); /* follows no link */
uint64_t allocated(const char *name);               /* bytes on the device, all written out */
bool remove_name(const char *name);                 /* a file or an empty directory */
bool make_directory(const char *name);
bool make_hard_link(const char *old, const char *name);
bool make_symlink(const char *target, const char *name);
void set_times(const char *name, int64_t accessed, int64_t written);
bool sets_times_of_links(const char *link); /* whether that can be done; it does it */
void each_name(const char *directory, void (*each)(const char *name, void *user), void *user);
void enter(const char *directory); /* makes it the current one */
char *absolute(const char *name);  /* allocated, and not given back */

/* What the file system says of a range: all of its data shares its blocks, none does, some does, or
 * it cannot be asked. */
enum sharing { SHARED_ALL, SHARED_NONE, SHARED_SOME, SHARED_UNKNOWN };
enum sharing sharing(const char *name, uint64_t offset, uint64_t length);

/* ---- What the system can do here ---- */

bool unnamed_files_work(void);
bool holes_are_found(handle file); /* of a file that begins with a hole */
bool renames_without_replacing(const char *old, const char *name);
bool replaces_open_files(void);
bool open_directories_move(void);
bool access_times_stay(void);       /* when a name is looked at */
bool is_one_name(const char *name); /* taken for one, and refused as one where it cannot be */
/* Permission bits of files without a name that this process has open, all together. */
unsigned unnamed_modes(void);
/* Whether `os_error` is what this system says for the library's `code`. */
bool is_os_error(int32_t os_error, int code);

/* ---- Processes and threads ---- */

/* Sets errno (and on Windows the last error) to a mark; whether it is still there. */
void mark_errors(void);
bool errors_are_marked(void);

/* The exit status of a process that does body(words), or KILLED. */
enum { KILLED = 137 };
int in_child(char **words, int (*body)(char **words));
void kill_self(void);

/* Runs body(number) in `count` threads, from 0 on, and waits for them. */
void in_threads(unsigned count, void (*body)(unsigned number));

void limit_time(unsigned seconds); /* a hang becomes a failure */
void wait_milliseconds(unsigned time);
void system_name(char *text, size_t room);

#endif
