//! The layout of each structure, which is the ABI: asserted for Rust as the library asserts it for itself.
//! Made from its src/capi/layout.rs.

use core::mem::offset_of;

use crate::*;

// make header: rust-layout
/// What stands before the first 64-bit member where pointers have 4 bytes: 4 where it is aligned to 8 (ARM), else (i386)
/// nothing.
#[cfg(target_pointer_width = "32")]
const PADDING: usize = align_of::<u64>() - 4;
#[cfg(target_pointer_width = "64")]
const PADDING: usize = 0;

macro_rules! layout {
    ($($structure:ident ($wide:expr, $narrow:expr) { $($member:ident: $at_wide:expr, $at_narrow:expr;)* })*) => {$(
        #[allow(clippy::arithmetic_side_effects)] // sums that the compiler makes
        const _: () = {
            const fn of(wide: usize, narrow: usize) -> usize {
                if cfg!(target_pointer_width = "64") { wide } else { narrow }
            }
            assert!(size_of::<$structure>() == of($wide, $narrow));
            $(assert!(offset_of!($structure, $member) == of($at_wide, $at_narrow));)*
            // A member that is not in the list does not compile.
            const fn complete($structure { $($member: _),* }: $structure) {}
            let _ = complete;
        };
    )*};
}

layout! {
    reflink_options (48, 36 + PADDING) {
        size: 0, 0;
        mode: 8, 4;
        if_exists: 12, 8;
        durability: 16, 12;
        preserve: 20, 16;
        flags: 24, 20 + PADDING;
        progress: 32, 28 + PADDING;
        progress_user: 40, 32 + PADDING;
    }
    reflink_progress (24, 20 + PADDING) {
        size: 0, 0;
        bytes_done: 8, 4 + PADDING;
        bytes_total: 16, 12 + PADDING;
    }
    reflink_result (56, 52 + PADDING) {
        size: 0, 0;
        method: 8, 4;
        reason: 12, 8;
        clone_error: 16, 12;
        os_error: 20, 16;
        step: 24, 20;
        flags: 28, 24;
        bytes_cloned: 32, 28 + PADDING;
        bytes_copied: 40, 36 + PADDING;
        bytes_hole: 48, 44 + PADDING;
    }
    reflink_capability (80, 76 + PADDING) {
        size: 0, 0;
        clone: 8, 4;
        reason: 12, 8;
        error: 16, 12;
        range: 20, 16;
        kernel_copy: 24, 20;
        dedupe: 28, 24;
        unnamed_files: 32, 28;
        sparse: 36, 32;
        granularity: 40, 36 + PADDING;
        fs_name: 48, 44 + PADDING;
    }
}
// make header: end
