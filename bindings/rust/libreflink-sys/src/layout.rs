//! The layout of each structure, which is the ABI: asserted for Rust as the library asserts it for itself.
//! Made from its src/capi/layout.rs.

use core::mem::offset_of;

use crate::*;

// make header: rust-layout
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
    reflink_options (64, 48) {
        size: 0, 0;
        mode: 4, 4;
        if_exists: 8, 8;
        durability: 12, 12;
        permissions: 16, 16;
        preserve: 20, 20;
        flags: 24, 24;
        progress: 32, 32;
        user: 40, 36;
        cancel: 48, 40;
        reserved: 56, 44;
    }
    reflink_progress (24, 24) {
        size: 0, 0;
        reserved: 4, 4;
        bytes_done: 8, 8;
        bytes_total: 16, 16;
    }
    reflink_result (96, 96) {
        size: 0, 0;
        step: 4, 4;
        reason: 8, 8;
        flags: 12, 12;
        os_error: 16, 16;
        clone_error: 20, 20;
        method: 24, 24;
        reserved: 28, 28;
        bytes_cloned: 32, 32;
        bytes_copied: 40, 40;
        bytes_hole: 48, 48;
        clone_offset: 56, 56;
        litter: 64, 64;
    }
    reflink_dedupe_options (48, 32) {
        size: 0, 0;
        durability: 4, 4;
        flags: 8, 8;
        progress: 16, 16;
        user: 24, 20;
        cancel: 32, 24;
        reserved: 40, 28;
    }
    reflink_dedupe_result (88, 88) {
        size: 0, 0;
        step: 4, 4;
        reason: 8, 8;
        flags: 12, 12;
        os_error: 16, 16;
        dedupe_error: 20, 20;
        length: 24, 24;
        bytes_deduped: 32, 32;
        bytes_already: 40, 40;
        bytes_different: 48, 48;
        bytes_skipped: 56, 56;
        bytes_not_reached: 64, 64;
        bytes_verified: 72, 72;
        first_difference: 80, 80;
    }
    reflink_capability (96, 96) {
        size: 0, 0;
        reason: 4, 4;
        clone: 8, 8;
        clone_error: 12, 12;
        clone_range: 16, 16;
        kernel_copy: 20, 20;
        dedupe: 24, 24;
        dedupe_error: 28, 28;
        exchange: 32, 32;
        unnamed_files: 36, 36;
        sparse: 40, 40;
        reserved: 44, 44;
        granularity: 48, 48;
        dedupe_granularity: 56, 56;
        fs_name: 64, 64;
    }
    reflink_extent (40, 40) {
        offset: 0, 0;
        length: 8, 8;
        place: 16, 16;
        kind: 24, 24;
        flags: 28, 28;
        reserved: 32, 32;
    }
    reflink_extents_result (128, 128) {
        size: 0, 0;
        step: 4, 4;
        reason: 8, 8;
        flags: 12, 12;
        os_error: 16, 16;
        reported: 20, 20;
        length: 24, 24;
        bytes_shared: 32, 32;
        bytes_unshared: 40, 40;
        bytes_encoded: 48, 48;
        bytes_preallocated: 56, 56;
        bytes_hole: 64, 64;
        bytes_inline: 72, 72;
        bytes_pending: 80, 80;
        bytes_encoded_shared: 88, 88;
        bytes_preallocated_shared: 96, 96;
        bytes_beyond_eof: 104, 104;
        bytes_exclusive: 112, 112;
        extents: 120, 120;
    }
    reflink_shared_result (88, 88) {
        size: 0, 0;
        step: 4, 4;
        reason: 8, 8;
        flags: 12, 12;
        os_error: 16, 16;
        reported: 20, 20;
        verdict: 24, 24;
        reserved: 28, 28;
        length: 32, 32;
        bytes_same: 40, 40;
        bytes_apart: 48, 48;
        bytes_hole: 56, 56;
        bytes_unknown: 64, 64;
        first_apart: 72, 72;
        first_unknown: 80, 80;
    }
    reflink_tree_entry (72, 56) {
        size: 0, 0;
        kind: 4, 4;
        depth: 8, 8;
        step: 12, 12;
        code: 16, 16;
        os_error: 20, 20;
        method: 24, 24;
        flags: 28, 28;
        bytes: 32, 32;
        path: 40, 40;
        name: 48, 44;
        path_length: 56, 48;
        source_dir: 64, 52;
    }
    reflink_tree_progress (40, 40) {
        size: 0, 0;
        phase: 4, 4;
        entries_done: 8, 8;
        entries_seen: 16, 16;
        bytes_done: 24, 24;
        directories_open: 32, 32;
    }
    reflink_tree_options (104, 72) {
        size: 0, 0;
        mode: 4, 4;
        if_exists: 8, 8;
        durability: 12, 12;
        permissions: 16, 16;
        preserve: 20, 20;
        flags: 24, 24;
        progress: 32, 32;
        user: 40, 36;
        cancel: 48, 40;
        filter: 56, 44;
        on_error: 64, 48;
        on_done: 72, 52;
        failed_path: 80, 56;
        failed_path_size: 88, 60;
        threads: 96, 64;
        reserved: 100, 68;
    }
    reflink_tree_result (232, 232) {
        size: 0, 0;
        step: 4, 4;
        reason: 8, 8;
        flags: 12, 12;
        os_error: 16, 16;
        clone_error: 20, 20;
        failed_path_length: 24, 24;
        files: 32, 32;
        hard_links: 40, 40;
        directories: 48, 48;
        symlinks: 56, 56;
        specials: 64, 64;
        specials_left_out: 72, 72;
        mounts_left_empty: 80, 80;
        entries_left_out: 88, 88;
        entries_kept: 96, 96;
        entries_failed: 104, 104;
        entries_vanished: 112, 112;
        entries_not_reached: 120, 120;
        files_cloned: 128, 128;
        files_kernel_copied: 136, 136;
        files_copied: 144, 144;
        files_mixed: 152, 152;
        files_empty: 160, 160;
        files_changed: 168, 168;
        bytes_cloned: 176, 176;
        bytes_copied: 184, 184;
        bytes_hole: 192, 192;
        litter: 200, 200;
    }
}
// make header: end
