/* Tests and checks: see check.h.
 * Flushed line by line, so that a killed run shows how far it got. */
#include "check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LINES = 20 };

static const char *current = "";
static const char *skipped_because;
static int failed_checks;
static int passed, failed, skipped;

bool check(bool good, const char *name, const char *reason, ...)
{
    if (!good && ++failed_checks <= MOST_LINES) {
        va_list arguments;
        va_start(arguments, reason);
        printf("not ok %s: %s: ", current, name);
        vprintf(reason, arguments);
        printf("\n");
        va_end(arguments);
        fflush(stdout);
    }
    return good;
}

bool check_equal(int64_t found, int64_t wanted, const char *what, int line, const char *file)
{
    return check(found == wanted, what, "%" PRId64 ", not %" PRId64 " (line %d of %s)", found,
                 wanted, line, file);
}

void skip(const char *why)
{
    skipped_because = why;
}

void accepted(const char *why)
{
    printf("accepted %s: %s\n", current, why);
    fflush(stdout);
}

void fact(const char *key, const char *value)
{
    printf("fact %s %s\n", key, value);
    fflush(stdout);
}

void fact_number(const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    fact(key, text);
}

void begin_test(const char *name)
{
    current = name;
    failed_checks = 0;
    skipped_because = NULL;
}

void end_test(void)
{
    if (failed_checks > 0) {
        failed++;
        printf("FAILED: %s (%d checks)\n", current, failed_checks);
    } else if (skipped_because) {
        skipped++;
        printf("SKIPPED: %s: %s\n", current, skipped_because);
    } else {
        passed++;
        printf("ok %s\n", current);
    }
    fflush(stdout);
}

void die(const char *what, const char *name)
{
    printf("not ok %s: the test itself: %s %s: %s\n", current, what, name, strerror(errno));
    fflush(stdout);
    exit(101);
}

int conclude(void)
{
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed > 0;
}
