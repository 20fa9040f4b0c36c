/* Files for the tests: content that never repeats, compared byte by byte; directories and what is
 * in them. What goes wrong here ends the program: a test must not pass by accident. */
#ifndef FILES_H
#define FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system.h"

enum { WHY = 160 };

void *allocate(size_t size);

/* Bytes that depend on `seed` and on their place, no two blocks alike. */
void fill_bytes(uint8_t *bytes, size_t length, uint64_t seed);

/* A new or emptied file of such bytes, or of a text, written out. */
void make_file(const char *name, size_t length, uint64_t seed);
void make_text(const char *name, const char *text);
/* A file of `size` bytes with `length` bytes of data at each of `at`, and holes elsewhere. */
void make_sparse(const char *name, uint64_t size, const uint64_t *at, size_t stretches,
                 size_t length);

/* Whether the file is what make_file() or make_text() makes. */
bool holds(const char *name, size_t length, uint64_t seed);
bool holds_text(const char *name, const char *text);
/* Whether it holds exactly these bytes. `why` (WHY bytes) says what differs. */
bool holds_bytes(const char *name, const uint8_t *bytes, size_t length, char *why);
bool same_bytes(const char *one, const char *other, char *why);

bool exists(const char *name);
struct seen seen(const char *name); /* must exist */
uint64_t size_of(const char *name);
bool same_file(const struct seen *one, const struct seen *other);

/* How many names in the directory begin with `prefix`; the last one goes into `found` (PATH_ROOM
 * bytes) unless it is NULL. */
int count_names(const char *directory, const char *prefix, char *found);
/* How many private names of the library there are below the directory. */
int private_names(const char *directory);
/* Whether the current directory holds exactly these names, separated by one space. */
bool only(const char *names);

/* Makes a directory, or empties it. */
void fresh_directory(const char *name);

char *join(char *path, const char *directory, const char *name); /* PATH_ROOM bytes */

#endif
