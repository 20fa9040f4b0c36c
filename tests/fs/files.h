/* Files for the checks: made with content that never repeats, compared byte by byte, asked for
 * shared extents. Every function that cannot do its own part (not the library's) ends the program:
 * a check must not pass by accident. */
#ifndef FILES_H
#define FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum { PATH_ROOM = 4096 };

/* Ends the program with a message and the errno. */
void die(const char *what, const char *path);

/* Writes "DIR/NAME" into `path`, which has PATH_ROOM bytes, and returns it. */
char *join(char *path, const char *dir, const char *name);

/* Bytes that depend on `seed` and on their place, no two blocks alike. */
void fill_bytes(uint8_t *bytes, size_t length, uint64_t seed);

/* Makes (or empties) a file, writes `length` bytes of fill_bytes, syncs and closes it. */
void make_file(const char *path, size_t length, uint64_t seed);

/* Makes a file of `size` bytes with `length` bytes of data at each of `at`; the rest is never
 * written. */
void make_sparse(const char *path, uint64_t size, const uint64_t *at, size_t stretches,
                 size_t length);

struct stat stat_of(const char *path);
bool exists(const char *path);

/* Whether both hold the same bytes, read anew from the file system where the cache can be dropped.
 * `why` (128 bytes) says what differs. */
bool same_bytes(const char *one, const char *other, char *why);

/* Whether the file holds exactly these bytes. */
bool holds_bytes(const char *path, const uint8_t *bytes, size_t length, char *why);

/* Allocated bytes, once everything is written out. */
uint64_t allocated(const char *path);

/* What FIEMAP says of a range: all of its data shares its blocks, none does, some does, or it
 * cannot be asked (or there is no data in blocks). */
enum sharing { SHARED_ALL, SHARED_NONE, SHARED_SOME, SHARED_UNKNOWN };
enum sharing sharing(const char *path, uint64_t offset, uint64_t length);
const char *sharing_name(enum sharing value);

/* Makes an empty directory, removing what was there. */
void fresh_directory(const char *path);

/* Whether the directory holds exactly the names given (NULL at the end). `why` (128 bytes) names a
 * surplus or missing one. */
bool holds_names(const char *dir, const char *const *names, char *why);

/* Counts the names that begin with `prefix`; the last one found goes into `found` (256 bytes)
 * unless that is NULL. */
int count_names(const char *dir, const char *prefix, char *found);

#endif
