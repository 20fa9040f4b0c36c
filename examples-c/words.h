/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The library's numbers in words: methods, reasons, steps, and sizes as people read them.
 * Shared by the examples; each name ends in a sentence of theirs. */

#ifndef WORDS_H
#define WORDS_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include <libreflink.h>

/* How the data was copied (result.method). */
static inline const char *method_in_words(uint32_t method)
{
    switch (method) {
    /* make header: c-cases REFLINK_METHOD_* */
    case REFLINK_METHOD_NONE:
        return "nothing to do";
    case REFLINK_METHOD_CLONE:
        return "cloned";
    case REFLINK_METHOD_MIXED:
        return "cloned in part";
    case REFLINK_METHOD_KERNEL_COPY:
        return "copied by the kernel, which may have shared blocks";
    case REFLINK_METHOD_COPY:
        return "copied";
    /* make header: end */
    default: /* of a newer library */
        return "done by a method unknown to this program";
    }
}

/* Why not everything was cloned (result.reason, capability.reason): "because ...". */
static inline const char *reason_in_words(uint32_t reason)
{
    switch (reason) {
    /* make header: c-cases REFLINK_REASON_* */
    case REFLINK_REASON_NONE:
        return "of nothing";
    case REFLINK_REASON_UNSUPPORTED:
        return "this volume cannot clone";
    case REFLINK_REASON_CROSS_DEVICE:
        return "these are two file systems";
    case REFLINK_REASON_FILE:
        return "this file, or this range of it, cannot be cloned";
    case REFLINK_REASON_PERMISSION:
        return "it is forbidden";
    case REFLINK_REASON_TRANSIENT:
        return "it is not possible at the moment";
    case REFLINK_REASON_NOT_ASKED:
        return "a true copy was asked for";
    case REFLINK_REASON_FAILURE:
        return "it went wrong";
    /* make header: end */
    default:
        return "of something unknown to this program";
    }
}

/* What failed (result.step): "cannot ...". */
static inline const char *step_in_words(uint32_t step)
{
    switch (step) {
    /* make header: c-cases REFLINK_STEP_* */
    case REFLINK_STEP_NONE:
        return "do it";
    case REFLINK_STEP_ARGUMENTS:
        return "use these arguments";
    case REFLINK_STEP_OPEN_SOURCE:
        return "open the source";
    case REFLINK_STEP_CHECK:
        return "start";
    case REFLINK_STEP_CREATE:
        return "create the new file";
    case REFLINK_STEP_CLONE:
        return "clone";
    case REFLINK_STEP_COPY:
        return "copy the data";
    case REFLINK_STEP_METADATA:
        return "set the metadata";
    case REFLINK_STEP_SYNC:
        return "sync to the device";
    case REFLINK_STEP_PUBLISH:
        return "give the new file its name";
    case REFLINK_STEP_CLOSE:
        return "close the new file";
    case REFLINK_STEP_PROGRESS:
        return "go on";
    case REFLINK_STEP_WALK:
        return "read a directory";
    case REFLINK_STEP_FILTER:
        return "go on after the filter";
    case REFLINK_STEP_CLEANUP:
        return "remove what is no longer needed";
    case REFLINK_STEP_MAP:
        return "look where the bytes lie";
    case REFLINK_STEP_DEDUPE:
        return "compare and share the ranges";
    /* make header: end */
    default:
        return "do it";
    }
}

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
