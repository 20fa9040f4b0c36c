/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Names and failures as people read them, and whether all was printed. Shared by the examples. */

#ifndef NAMES_H
#define NAMES_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libreflink.h>

/* Writes a name with its control characters as "\ooo": none moves the cursor or begins a line. */
static inline void put_name(const char *name, FILE *to)
{
    for (; *name != '\0'; name++) {
        unsigned char byte = (unsigned char)*name;

        if (byte < 0x20 || byte == 0x7f)
            fprintf(to, "\\%03o", byte);
        else
            putc(byte, to);
    }
}

/* "program: dst: making the file: No space left on device", without a newline. Measured first: a
 * name may be longer than any fixed buffer, and the reason stands behind it. */
static inline void put_failure(const char *program, int code, uint32_t step, uint32_t flags,
                               const char *src, const char *dst)
{
    size_t size = (size_t)reflink_describe(code, step, flags, src, dst, NULL, 0) + 1;
    char *line = malloc(size);

    if (line != NULL)
        reflink_describe(code, step, flags, src, dst, line, size);
    fprintf(stderr, "%s: %s", program, line != NULL ? line : reflink_strerror(code));
    free(line);
}

/* Whether standard output took everything, or else says why not. To be asked at the end: a full
 * device is noticed when the buffer is written, which may have been long before. */
static inline bool all_printed(const char *program)
{
    bool flushed = fflush(stdout) == 0;

    if (flushed && !ferror(stdout))
        return true;
    fprintf(stderr, "%s: cannot print: %s\n", program,
            flushed ? "an earlier write failed" : strerror(errno));
    return false;
}

#endif
