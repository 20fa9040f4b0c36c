/* Checks and facts, printed as they come: see check.h.
 * Unbuffered, so that a killed run still shows how far it got. */
#include "check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const char *current = "";
static int failed;

void section(const char *name)
{
    current = name;
}

bool check(bool good, const char *name, const char *reason, ...)
{
    printf("%s %s: %s", good ? "ok" : "not ok", current, name);
    if (!good) {
        va_list arguments;
        va_start(arguments, reason);
        printf(": ");
        vprintf(reason, arguments);
        va_end(arguments);
        failed++;
    }
    printf("\n");
    fflush(stdout);
    return good;
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

int failures(void)
{
    return failed;
}
