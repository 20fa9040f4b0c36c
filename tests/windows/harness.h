/* What the tests of the Windows contract share: checks, files by their names in UTF-8, and the list
 * of tests. */
#ifndef HARNESS_H
#define HARNESS_H

#include "reflink.h"

#include <windows.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Says where and what, and goes on: the test has failed. */
#define CHECK(condition) check((condition) != 0, __FILE__, __LINE__, #condition)
/* The same of two numbers, which are shown. */
#define EQUAL(found, wanted) check_equal((found), (wanted), __FILE__, __LINE__, #found)

int check(int holds, const char *file, int line, const char *what);
int check_equal(long long found, long long wanted, const char *file, int line, const char *what);
/* What cannot be seen here: the test counts as skipped, unless it has failed. */
void skip(const char *why);

struct test {
    const char *name;
    void (*run)(void);
};

/* Each ends in an entry without a name. */
extern const struct test copies_tests[], names_tests[], handles_tests[], arguments_tests[];

/* A name in UTF-16; good for the next sixteen calls. Long ones get their prefix. */
const wchar_t *wide(const char *name);

/* Bytes that no two stretches of a file share. */
unsigned char byte_at(unsigned long long offset);

/* Makes a file of `size` such bytes. */
void make(const char *name, unsigned long long size);
/* Makes a file of one line of text. */
void make_text(const char *name, const char *text);
/* Whether a file is what make() made of that size; what make_text() made. */
int holds(const char *name, unsigned long long size);
int holds_text(const char *name, const char *text);
int exists(const char *name);
unsigned long long size_of(const char *name);
/* How many entries the current directory has. */
int entries(void);
/* How many entries below `directory` have a private name. */
int private_names(const char *directory);
DWORD attributes_of(const char *name);
void set_read_only(const char *name, int on);
/* The file's number in its volume: another one after it was replaced. */
unsigned long long number_of(const char *name);

/* Opens for the rights given, sharing everything. */
HANDLE open_for(const char *name, DWORD access);
HANDLE open_with(const char *name, DWORD access, DWORD share, DWORD disposition, DWORD flags);
HANDLE open_directory(const char *name);
long long position_of(HANDLE file);
void set_position(HANDLE file, long long position);

/* Whether files can be cloned in the current directory: then a refusal cannot be seen. */
int clones_here(void);

/* Whether this is Wine, where what it does not do itself cannot be asked of the library. */
int on_wine(void);

/* A child process that copies `source` to `target` and is killed at the `call`th call of its
 * progress function. */
int killed_copy(const char *source, const char *target, unsigned call, uint32_t if_exists);

#endif
