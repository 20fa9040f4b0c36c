/* Tests and checks. A test is a function that checks one promise, in an empty directory that is the
 * current one; each test is one line of output, and so is each check that fails. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdint.h>

struct test {
    const char *name;
    void (*run)(void);
};

#if defined(__MINGW32__)
#define PRINTF_LIKE __attribute__((format(gnu_printf, 3, 4)))
#elif defined(__GNUC__)
#define PRINTF_LIKE __attribute__((format(printf, 3, 4)))
#else
#define PRINTF_LIKE
#endif

/* Checks a condition, or that two numbers are equal; a failed check prints both. */
#define CHECK(condition) check((condition) != 0, #condition, "line %d of %s", __LINE__, __FILE__)
#define EQUAL(found, wanted)                                                                       \
    check_equal((int64_t)(found), (int64_t)(wanted), #found, __LINE__, __FILE__)

/* One check, named; the reason is printed when it fails. Returns `good`. */
bool check(bool good, const char *name, const char *reason, ...) PRINTF_LIKE;
bool check_equal(int64_t found, int64_t wanted, const char *what, int line, const char *file);

/* Says what of the test cannot be seen here: it counts as skipped, unless a check fails. */
void skip(const char *why);

/* Says what this file system, and not the library, does otherwise than the test expects elsewhere.
 */
void accepted(const char *why);

/* Says something about this file system, for the tables in docs/. The last one for a key counts. */
void fact(const char *key, const char *value);
void fact_number(const char *key, int64_t value);

/* Around each test. A test without an end was killed: its name is printed at once. */
void begin_test(const char *name);
void end_test(void);

/* Ends the program: the test itself, not the library, cannot go on. */
void die(const char *what, const char *name);

/* Prints "N passed, N failed, N skipped"; the exit status: 0 or 1. */
int conclude(void);

#endif
