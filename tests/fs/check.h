/* Checks and facts: one line of output for each, and the count of failures that becomes the exit
 * status. "ok NAME", "not ok NAME: why", "fact KEY VALUE": the runner reads these lines. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdint.h>

/* Prefixes the names of the checks that follow. */
void section(const char *name);

/* Reports one check; the reason is printed when it failed. Returns `good`. */
bool check(bool good, const char *name, const char *reason, ...)
    __attribute__((format(printf, 3, 4)));

/* Says something about this file system that the table in the documentation shows. The last one for
 * a key counts. */
void fact(const char *key, const char *value);
void fact_number(const char *key, int64_t value);

int failures(void);

#endif
