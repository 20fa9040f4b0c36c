/* The layouts that compiled programs rely on, as the C compiler sees them; and that the header's
 * version is the library's. src/capi/layout.rs asserts the same numbers for Rust. They never
 * change. */
#include "libreflink.h"

/* Without a C library only the layouts are asserted: for systems of which nothing but the compiler
 * is at hand. */
#if __STDC_HOSTED__
#include <stdio.h>
#include <string.h>
#endif

/* _Static_assert is C11; this works in C99 and C++11. */
#define ASSERT_CONCAT(a, b) a##b
#define ASSERT_NAME(line)   ASSERT_CONCAT(layout_, line)
#define LAYOUT(condition)   typedef char ASSERT_NAME(__LINE__)[(condition) ? 1 : -1]

#if UINTPTR_MAX > 0xffffffffu
/* make header: layout-wide */
LAYOUT(sizeof(struct reflink_options) == 64);
LAYOUT(offsetof(struct reflink_options, size) == 0);
LAYOUT(offsetof(struct reflink_options, mode) == 4);
LAYOUT(offsetof(struct reflink_options, if_exists) == 8);
LAYOUT(offsetof(struct reflink_options, durability) == 12);
LAYOUT(offsetof(struct reflink_options, permissions) == 16);
LAYOUT(offsetof(struct reflink_options, preserve) == 20);
LAYOUT(offsetof(struct reflink_options, flags) == 24);
LAYOUT(offsetof(struct reflink_options, progress) == 32);
LAYOUT(offsetof(struct reflink_options, user) == 40);
LAYOUT(offsetof(struct reflink_options, cancel) == 48);
LAYOUT(offsetof(struct reflink_options, reserved) == 56);
LAYOUT(sizeof(struct reflink_progress) == 24);
LAYOUT(offsetof(struct reflink_progress, size) == 0);
LAYOUT(offsetof(struct reflink_progress, reserved) == 4);
LAYOUT(offsetof(struct reflink_progress, bytes_done) == 8);
LAYOUT(offsetof(struct reflink_progress, bytes_total) == 16);
LAYOUT(sizeof(struct reflink_result) == 96);
LAYOUT(offsetof(struct reflink_result, size) == 0);
LAYOUT(offsetof(struct reflink_result, step) == 4);
LAYOUT(offsetof(struct reflink_result, reason) == 8);
LAYOUT(offsetof(struct reflink_result, flags) == 12);
LAYOUT(offsetof(struct reflink_result, os_error) == 16);
LAYOUT(offsetof(struct reflink_result, clone_error) == 20);
LAYOUT(offsetof(struct reflink_result, method) == 24);
LAYOUT(offsetof(struct reflink_result, reserved) == 28);
LAYOUT(offsetof(struct reflink_result, bytes_cloned) == 32);
LAYOUT(offsetof(struct reflink_result, bytes_copied) == 40);
LAYOUT(offsetof(struct reflink_result, bytes_hole) == 48);
LAYOUT(offsetof(struct reflink_result, clone_offset) == 56);
LAYOUT(offsetof(struct reflink_result, litter) == 64);
LAYOUT(sizeof(struct reflink_dedupe_options) == 48);
LAYOUT(offsetof(struct reflink_dedupe_options, size) == 0);
LAYOUT(offsetof(struct reflink_dedupe_options, durability) == 4);
LAYOUT(offsetof(struct reflink_dedupe_options, flags) == 8);
LAYOUT(offsetof(struct reflink_dedupe_options, progress) == 16);
LAYOUT(offsetof(struct reflink_dedupe_options, user) == 24);
LAYOUT(offsetof(struct reflink_dedupe_options, cancel) == 32);
LAYOUT(offsetof(struct reflink_dedupe_options, reserved) == 40);
LAYOUT(sizeof(struct reflink_dedupe_result) == 88);
LAYOUT(offsetof(struct reflink_dedupe_result, size) == 0);
LAYOUT(offsetof(struct reflink_dedupe_result, step) == 4);
LAYOUT(offsetof(struct reflink_dedupe_result, reason) == 8);
LAYOUT(offsetof(struct reflink_dedupe_result, flags) == 12);
LAYOUT(offsetof(struct reflink_dedupe_result, os_error) == 16);
LAYOUT(offsetof(struct reflink_dedupe_result, dedupe_error) == 20);
LAYOUT(offsetof(struct reflink_dedupe_result, length) == 24);
LAYOUT(offsetof(struct reflink_dedupe_result, bytes_deduped) == 32);
LAYOUT(offsetof(struct reflink_dedupe_result, bytes_already) == 40);
LAYOUT(offsetof(struct reflink_dedupe_result, bytes_different) == 48);
LAYOUT(offsetof(struct reflink_dedupe_result, bytes_skipped) == 56);
LAYOUT(offsetof(struct reflink_dedupe_result, bytes_not_reached) == 64);
LAYOUT(offsetof(struct reflink_dedupe_result, bytes_verified) == 72);
LAYOUT(offsetof(struct reflink_dedupe_result, first_difference) == 80);
LAYOUT(sizeof(struct reflink_capability) == 96);
LAYOUT(offsetof(struct reflink_capability, size) == 0);
LAYOUT(offsetof(struct reflink_capability, reason) == 4);
LAYOUT(offsetof(struct reflink_capability, clone) == 8);
LAYOUT(offsetof(struct reflink_capability, clone_error) == 12);
LAYOUT(offsetof(struct reflink_capability, clone_range) == 16);
LAYOUT(offsetof(struct reflink_capability, kernel_copy) == 20);
LAYOUT(offsetof(struct reflink_capability, dedupe) == 24);
LAYOUT(offsetof(struct reflink_capability, dedupe_error) == 28);
LAYOUT(offsetof(struct reflink_capability, exchange) == 32);
LAYOUT(offsetof(struct reflink_capability, unnamed_files) == 36);
LAYOUT(offsetof(struct reflink_capability, sparse) == 40);
LAYOUT(offsetof(struct reflink_capability, reserved) == 44);
LAYOUT(offsetof(struct reflink_capability, granularity) == 48);
LAYOUT(offsetof(struct reflink_capability, dedupe_granularity) == 56);
LAYOUT(offsetof(struct reflink_capability, fs_name) == 64);
LAYOUT(sizeof(struct reflink_extent) == 40);
LAYOUT(offsetof(struct reflink_extent, offset) == 0);
LAYOUT(offsetof(struct reflink_extent, length) == 8);
LAYOUT(offsetof(struct reflink_extent, place) == 16);
LAYOUT(offsetof(struct reflink_extent, kind) == 24);
LAYOUT(offsetof(struct reflink_extent, flags) == 28);
LAYOUT(offsetof(struct reflink_extent, reserved) == 32);
LAYOUT(sizeof(struct reflink_extents_result) == 128);
LAYOUT(offsetof(struct reflink_extents_result, size) == 0);
LAYOUT(offsetof(struct reflink_extents_result, step) == 4);
LAYOUT(offsetof(struct reflink_extents_result, reason) == 8);
LAYOUT(offsetof(struct reflink_extents_result, flags) == 12);
LAYOUT(offsetof(struct reflink_extents_result, os_error) == 16);
LAYOUT(offsetof(struct reflink_extents_result, reported) == 20);
LAYOUT(offsetof(struct reflink_extents_result, length) == 24);
LAYOUT(offsetof(struct reflink_extents_result, bytes_shared) == 32);
LAYOUT(offsetof(struct reflink_extents_result, bytes_unshared) == 40);
LAYOUT(offsetof(struct reflink_extents_result, bytes_encoded) == 48);
LAYOUT(offsetof(struct reflink_extents_result, bytes_preallocated) == 56);
LAYOUT(offsetof(struct reflink_extents_result, bytes_hole) == 64);
LAYOUT(offsetof(struct reflink_extents_result, bytes_inline) == 72);
LAYOUT(offsetof(struct reflink_extents_result, bytes_pending) == 80);
LAYOUT(offsetof(struct reflink_extents_result, bytes_encoded_shared) == 88);
LAYOUT(offsetof(struct reflink_extents_result, bytes_preallocated_shared) == 96);
LAYOUT(offsetof(struct reflink_extents_result, bytes_beyond_eof) == 104);
LAYOUT(offsetof(struct reflink_extents_result, bytes_exclusive) == 112);
LAYOUT(offsetof(struct reflink_extents_result, extents) == 120);
LAYOUT(sizeof(struct reflink_shared_result) == 88);
LAYOUT(offsetof(struct reflink_shared_result, size) == 0);
LAYOUT(offsetof(struct reflink_shared_result, step) == 4);
LAYOUT(offsetof(struct reflink_shared_result, reason) == 8);
LAYOUT(offsetof(struct reflink_shared_result, flags) == 12);
LAYOUT(offsetof(struct reflink_shared_result, os_error) == 16);
LAYOUT(offsetof(struct reflink_shared_result, reported) == 20);
LAYOUT(offsetof(struct reflink_shared_result, verdict) == 24);
LAYOUT(offsetof(struct reflink_shared_result, reserved) == 28);
LAYOUT(offsetof(struct reflink_shared_result, length) == 32);
LAYOUT(offsetof(struct reflink_shared_result, bytes_same) == 40);
LAYOUT(offsetof(struct reflink_shared_result, bytes_apart) == 48);
LAYOUT(offsetof(struct reflink_shared_result, bytes_hole) == 56);
LAYOUT(offsetof(struct reflink_shared_result, bytes_unknown) == 64);
LAYOUT(offsetof(struct reflink_shared_result, first_apart) == 72);
LAYOUT(offsetof(struct reflink_shared_result, first_unknown) == 80);
/* make header: end */
#else
/* make header: layout-narrow */
LAYOUT(sizeof(struct reflink_options) == 48);
LAYOUT(offsetof(struct reflink_options, size) == 0);
LAYOUT(offsetof(struct reflink_options, mode) == 4);
LAYOUT(offsetof(struct reflink_options, if_exists) == 8);
LAYOUT(offsetof(struct reflink_options, durability) == 12);
LAYOUT(offsetof(struct reflink_options, permissions) == 16);
LAYOUT(offsetof(struct reflink_options, preserve) == 20);
LAYOUT(offsetof(struct reflink_options, flags) == 24);
LAYOUT(offsetof(struct reflink_options, progress) == 32);
LAYOUT(offsetof(struct reflink_options, user) == 36);
LAYOUT(offsetof(struct reflink_options, cancel) == 40);
LAYOUT(offsetof(struct reflink_options, reserved) == 44);
LAYOUT(sizeof(struct reflink_progress) == 24);
LAYOUT(offsetof(struct reflink_progress, size) == 0);
LAYOUT(offsetof(struct reflink_progress, reserved) == 4);
LAYOUT(offsetof(struct reflink_progress, bytes_done) == 8);
LAYOUT(offsetof(struct reflink_progress, bytes_total) == 16);
LAYOUT(sizeof(struct reflink_result) == 96);
LAYOUT(offsetof(struct reflink_result, size) == 0);
LAYOUT(offsetof(struct reflink_result, step) == 4);
LAYOUT(offsetof(struct reflink_result, reason) == 8);
LAYOUT(offsetof(struct reflink_result, flags) == 12);
LAYOUT(offsetof(struct reflink_result, os_error) == 16);
LAYOUT(offsetof(struct reflink_result, clone_error) == 20);
LAYOUT(offsetof(struct reflink_result, method) == 24);
LAYOUT(offsetof(struct reflink_result, reserved) == 28);
LAYOUT(offsetof(struct reflink_result, bytes_cloned) == 32);
LAYOUT(offsetof(struct reflink_result, bytes_copied) == 40);
LAYOUT(offsetof(struct reflink_result, bytes_hole) == 48);
LAYOUT(offsetof(struct reflink_result, clone_offset) == 56);
LAYOUT(offsetof(struct reflink_result, litter) == 64);
LAYOUT(sizeof(struct reflink_dedupe_options) == 32);
LAYOUT(offsetof(struct reflink_dedupe_options, size) == 0);
LAYOUT(offsetof(struct reflink_dedupe_options, durability) == 4);
LAYOUT(offsetof(struct reflink_dedupe_options, flags) == 8);
LAYOUT(offsetof(struct reflink_dedupe_options, progress) == 16);
LAYOUT(offsetof(struct reflink_dedupe_options, user) == 20);
LAYOUT(offsetof(struct reflink_dedupe_options, cancel) == 24);
LAYOUT(offsetof(struct reflink_dedupe_options, reserved) == 28);
LAYOUT(sizeof(struct reflink_dedupe_result) == 88);
LAYOUT(offsetof(struct reflink_dedupe_result, size) == 0);
LAYOUT(offsetof(struct reflink_dedupe_result, step) == 4);
LAYOUT(offsetof(struct reflink_dedupe_result, reason) == 8);
LAYOUT(offsetof(struct reflink_dedupe_result, flags) == 12);
LAYOUT(offsetof(struct reflink_dedupe_result, os_error) == 16);
LAYOUT(offsetof(struct reflink_dedupe_result, dedupe_error) == 20);
LAYOUT(offsetof(struct reflink_dedupe_result, length) == 24);
LAYOUT(offsetof(struct reflink_dedupe_result, bytes_deduped) == 32);
LAYOUT(offsetof(struct reflink_dedupe_result, bytes_already) == 40);
LAYOUT(offsetof(struct reflink_dedupe_result, bytes_different) == 48);
LAYOUT(offsetof(struct reflink_dedupe_result, bytes_skipped) == 56);
LAYOUT(offsetof(struct reflink_dedupe_result, bytes_not_reached) == 64);
LAYOUT(offsetof(struct reflink_dedupe_result, bytes_verified) == 72);
LAYOUT(offsetof(struct reflink_dedupe_result, first_difference) == 80);
LAYOUT(sizeof(struct reflink_capability) == 96);
LAYOUT(offsetof(struct reflink_capability, size) == 0);
LAYOUT(offsetof(struct reflink_capability, reason) == 4);
LAYOUT(offsetof(struct reflink_capability, clone) == 8);
LAYOUT(offsetof(struct reflink_capability, clone_error) == 12);
LAYOUT(offsetof(struct reflink_capability, clone_range) == 16);
LAYOUT(offsetof(struct reflink_capability, kernel_copy) == 20);
LAYOUT(offsetof(struct reflink_capability, dedupe) == 24);
LAYOUT(offsetof(struct reflink_capability, dedupe_error) == 28);
LAYOUT(offsetof(struct reflink_capability, exchange) == 32);
LAYOUT(offsetof(struct reflink_capability, unnamed_files) == 36);
LAYOUT(offsetof(struct reflink_capability, sparse) == 40);
LAYOUT(offsetof(struct reflink_capability, reserved) == 44);
LAYOUT(offsetof(struct reflink_capability, granularity) == 48);
LAYOUT(offsetof(struct reflink_capability, dedupe_granularity) == 56);
LAYOUT(offsetof(struct reflink_capability, fs_name) == 64);
LAYOUT(sizeof(struct reflink_extent) == 40);
LAYOUT(offsetof(struct reflink_extent, offset) == 0);
LAYOUT(offsetof(struct reflink_extent, length) == 8);
LAYOUT(offsetof(struct reflink_extent, place) == 16);
LAYOUT(offsetof(struct reflink_extent, kind) == 24);
LAYOUT(offsetof(struct reflink_extent, flags) == 28);
LAYOUT(offsetof(struct reflink_extent, reserved) == 32);
LAYOUT(sizeof(struct reflink_extents_result) == 128);
LAYOUT(offsetof(struct reflink_extents_result, size) == 0);
LAYOUT(offsetof(struct reflink_extents_result, step) == 4);
LAYOUT(offsetof(struct reflink_extents_result, reason) == 8);
LAYOUT(offsetof(struct reflink_extents_result, flags) == 12);
LAYOUT(offsetof(struct reflink_extents_result, os_error) == 16);
LAYOUT(offsetof(struct reflink_extents_result, reported) == 20);
LAYOUT(offsetof(struct reflink_extents_result, length) == 24);
LAYOUT(offsetof(struct reflink_extents_result, bytes_shared) == 32);
LAYOUT(offsetof(struct reflink_extents_result, bytes_unshared) == 40);
LAYOUT(offsetof(struct reflink_extents_result, bytes_encoded) == 48);
LAYOUT(offsetof(struct reflink_extents_result, bytes_preallocated) == 56);
LAYOUT(offsetof(struct reflink_extents_result, bytes_hole) == 64);
LAYOUT(offsetof(struct reflink_extents_result, bytes_inline) == 72);
LAYOUT(offsetof(struct reflink_extents_result, bytes_pending) == 80);
LAYOUT(offsetof(struct reflink_extents_result, bytes_encoded_shared) == 88);
LAYOUT(offsetof(struct reflink_extents_result, bytes_preallocated_shared) == 96);
LAYOUT(offsetof(struct reflink_extents_result, bytes_beyond_eof) == 104);
LAYOUT(offsetof(struct reflink_extents_result, bytes_exclusive) == 112);
LAYOUT(offsetof(struct reflink_extents_result, extents) == 120);
LAYOUT(sizeof(struct reflink_shared_result) == 88);
LAYOUT(offsetof(struct reflink_shared_result, size) == 0);
LAYOUT(offsetof(struct reflink_shared_result, step) == 4);
LAYOUT(offsetof(struct reflink_shared_result, reason) == 8);
LAYOUT(offsetof(struct reflink_shared_result, flags) == 12);
LAYOUT(offsetof(struct reflink_shared_result, os_error) == 16);
LAYOUT(offsetof(struct reflink_shared_result, reported) == 20);
LAYOUT(offsetof(struct reflink_shared_result, verdict) == 24);
LAYOUT(offsetof(struct reflink_shared_result, reserved) == 28);
LAYOUT(offsetof(struct reflink_shared_result, length) == 32);
LAYOUT(offsetof(struct reflink_shared_result, bytes_same) == 40);
LAYOUT(offsetof(struct reflink_shared_result, bytes_apart) == 48);
LAYOUT(offsetof(struct reflink_shared_result, bytes_hole) == 56);
LAYOUT(offsetof(struct reflink_shared_result, bytes_unknown) == 64);
LAYOUT(offsetof(struct reflink_shared_result, first_apart) == 72);
LAYOUT(offsetof(struct reflink_shared_result, first_unknown) == 80);
/* make header: end */
#endif

/* Numbers that programs have compiled in. */
/* make header: c-values REFLINK_* */
LAYOUT(REFLINK_ERR_PANIC == -4097);
LAYOUT(REFLINK_ERR_NOT_REGULAR == -4098);
LAYOUT(REFLINK_ERR_SAME_FILE == -4099);
LAYOUT(REFLINK_ERR_OVERLAP == -4100);
LAYOUT(REFLINK_ERR_APPEND == -4101);
LAYOUT(REFLINK_ERR_INCONSISTENT == -4102);
LAYOUT(REFLINK_ERR_INTO_ITSELF == -4103);
LAYOUT(REFLINK_ERR_NAME_CLASH == -4104);
LAYOUT(REFLINK_AUTO == 0);
LAYOUT(REFLINK_ALWAYS == 0x1);
LAYOUT(REFLINK_NEVER == 0x2);
LAYOUT(REFLINK_FAIL == 0);
LAYOUT(REFLINK_REPLACE == 0x10);
LAYOUT(REFLINK_ATOMIC == 0);
LAYOUT(REFLINK_DURABLE == 0x100);
LAYOUT(REFLINK_UNSTAGED == 0x200);
LAYOUT(REFLINK_PRESERVE_TIMES == 0x10000);
LAYOUT(REFLINK_PRESERVE_OWNER == 0x20000);
LAYOUT(REFLINK_PRESERVE_XATTRS == 0x40000);
LAYOUT(REFLINK_PRESERVE_ACL == 0x80000);
LAYOUT(REFLINK_NOFOLLOW == 0x100000000);
LAYOUT(REFLINK_BEST_EFFORT_METADATA == 0x200000000);
LAYOUT(REFLINK_METHOD_NONE == 0);
LAYOUT(REFLINK_METHOD_CLONE == 1);
LAYOUT(REFLINK_METHOD_MIXED == 2);
LAYOUT(REFLINK_METHOD_KERNEL_COPY == 3);
LAYOUT(REFLINK_METHOD_COPY == 4);
LAYOUT(REFLINK_REASON_NONE == 0);
LAYOUT(REFLINK_REASON_UNSUPPORTED == 1);
LAYOUT(REFLINK_REASON_CROSS_DEVICE == 2);
LAYOUT(REFLINK_REASON_FILE == 3);
LAYOUT(REFLINK_REASON_PERMISSION == 4);
LAYOUT(REFLINK_REASON_TRANSIENT == 5);
LAYOUT(REFLINK_REASON_NOT_ASKED == 6);
LAYOUT(REFLINK_REASON_FAILURE == 7);
LAYOUT(REFLINK_STEP_NONE == 0);
LAYOUT(REFLINK_STEP_ARGUMENTS == 1);
LAYOUT(REFLINK_STEP_OPEN_SOURCE == 2);
LAYOUT(REFLINK_STEP_CHECK == 3);
LAYOUT(REFLINK_STEP_CREATE == 4);
LAYOUT(REFLINK_STEP_CLONE == 5);
LAYOUT(REFLINK_STEP_COPY == 6);
LAYOUT(REFLINK_STEP_METADATA == 7);
LAYOUT(REFLINK_STEP_SYNC == 8);
LAYOUT(REFLINK_STEP_PUBLISH == 9);
LAYOUT(REFLINK_STEP_CLOSE == 10);
LAYOUT(REFLINK_STEP_PROGRESS == 11);
LAYOUT(REFLINK_STEP_WALK == 12);
LAYOUT(REFLINK_STEP_FILTER == 13);
LAYOUT(REFLINK_STEP_CLEANUP == 14);
LAYOUT(REFLINK_STEP_MAP == 15);
LAYOUT(REFLINK_STEP_DEDUPE == 16);
LAYOUT(REFLINK_SOURCE_CHANGED == 0x1);
LAYOUT(REFLINK_METADATA_INCOMPLETE == 0x2);
LAYOUT(REFLINK_PUBLISHED == 0x4);
LAYOUT(REFLINK_DESTINATION_CHANGED == 0x8);
LAYOUT(REFLINK_AT_SOURCE == 0x100);
LAYOUT(REFLINK_AT_DESTINATION == 0x200);
LAYOUT(REFLINK_TO_EOF == 0x7fffffffffffffff);
LAYOUT(REFLINK_MAP_NO_FLUSH == 0x1000000000000000);
LAYOUT(REFLINK_EXACT == 0x40);
LAYOUT(REFLINK_MAP_CHANGED == 0x80);
LAYOUT(REFLINK_EXTENT_DATA == 1);
LAYOUT(REFLINK_EXTENT_HOLE == 2);
LAYOUT(REFLINK_EXTENT_PREALLOCATED == 3);
LAYOUT(REFLINK_EXTENT_INLINE == 4);
LAYOUT(REFLINK_EXTENT_PENDING == 5);
LAYOUT(REFLINK_EXTENT_SHARED == 0x1);
LAYOUT(REFLINK_EXTENT_ENCODED == 0x2);
LAYOUT(REFLINK_EXTENT_PLACE == 0x4);
LAYOUT(REFLINK_EXTENT_BEYOND_EOF == 0x8);
LAYOUT(REFLINK_SHARING_UNKNOWN == 0);
LAYOUT(REFLINK_SHARING_UNREPORTED == 1);
LAYOUT(REFLINK_SHARING_KNOWN == 2);
LAYOUT(REFLINK_SHARED_UNKNOWN == 0);
LAYOUT(REFLINK_SHARED_NONE == 1);
LAYOUT(REFLINK_SHARED_PART == 2);
LAYOUT(REFLINK_SHARED_ALL == 3);
LAYOUT(REFLINK_DEDUPE_CONTINUE == 0x100000000000000);
/* make header: end */

#if __STDC_HOSTED__
int main(void)
{
    char text[32];
    if (reflink_version_number() != REFLINK_VERSION_NUMBER) {
        fprintf(stderr, "compiled %#x, loaded %#x\n", (unsigned)REFLINK_VERSION_NUMBER,
                (unsigned)reflink_version_number());
        return 1;
    }
    snprintf(text, sizeof text, "%d.%d.%d", REFLINK_VERSION_MAJOR, REFLINK_VERSION_MINOR,
             REFLINK_VERSION_PATCH);
    if (strcmp(text, reflink_version_string()) != 0) {
        fprintf(stderr, "header %s, library %s\n", text, reflink_version_string());
        return 1;
    }
    return 0;
}
#endif
