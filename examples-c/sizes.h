/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Sizes as people read them. Shared by the examples. */

#ifndef SIZES_H
#define SIZES_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

/* "300.0 MiB". The text is put into `text` and returned. */
#define HUMAN_SIZE 32
static inline const char *human(uint64_t bytes, char text[HUMAN_SIZE])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double amount = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024) {
        snprintf(text, HUMAN_SIZE, "%" PRIu64 " %s", bytes, bytes == 1 ? "byte" : "bytes");
        return text;
    }
    while (amount >= 1023.95 && unit < sizeof(units) / sizeof(units[0]) - 1) {
        amount /= 1024;
        unit++;
    }
    snprintf(text, HUMAN_SIZE, "%.1f %s", amount, units[unit]);
    return text;
}

#endif
