//! What was done with a tree, or why it failed: the structure that says so, and how it is filled.
//! Every entry that was read from a directory is counted once.

use core::ffi::c_char;
use core::mem::offset_of;

use crate::capi::result::{
    REFLINK_DESTINATION_CHANGED, REFLINK_LITTER, REFLINK_METADATA_INCOMPLETE, REFLINK_PUBLISHED, bits,
    reason_number, side_flag, step_number,
};
use crate::capi::sized::{self, Extensible};
use crate::error::{Error, Step};
use crate::tree::{Counts, Report};

/// In `flags` of struct reflink_tree_result: entries failed and were skipped, because `on_error` said so.
pub const REFLINK_TREE_INCOMPLETE: u32 = 0x10;

/// What was done with a tree, or why it failed. Filled on success and on failure.
///
/// Every entry below the root that was read is counted once: files + hard_links + directories + symlinks + specials +
/// specials_left_out + mounts_left_empty + entries_left_out + entries_kept + entries_failed + entries_vanished +
/// entries_not_reached. In reflink_remove_tree() the first five count what was removed, each name of a file in `files`.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct reflink_tree_result {
    /// sizeof(struct reflink_tree_result), as REFLINK_TREE_RESULT_INIT sets it.
    pub size: u32,
    /// REFLINK_STEP_*: which operation failed.
    pub step: u32,
    /// REFLINK_REASON_*: why not every file was cloned, taken from the first one that was not.
    pub reason: u32,
    /// REFLINK_PUBLISHED, REFLINK_TREE_INCOMPLETE, REFLINK_LITTER, REFLINK_METADATA_INCOMPLETE,
    /// REFLINK_DESTINATION_CHANGED, REFLINK_AT_SOURCE, REFLINK_AT_DESTINATION.
    pub flags: u32,
    /// The raw error of the operating system behind a failure, 0 if none.
    pub os_error: i32,
    /// The -errno that refused to clone that file, 0 if none did.
    pub clone_error: i32,
    /// The length of the path that `failed_path` receives, before cutting, without the NUL.
    pub failed_path_length: u64,
    /// Files, each counted once, whatever number of names it has.
    pub files: u64,
    /// Further names of files that were copied.
    pub hard_links: u64,
    /// Directories.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// FIFOs, sockets, devices and whiteouts.
    pub specials: u64,
    /// The same, left out because of REFLINK_TREE_SKIP_SPECIAL.
    pub specials_left_out: u64,
    /// Mount points left empty because of REFLINK_TREE_ONE_MOUNT.
    pub mounts_left_empty: u64,
    /// Left out by `filter`. The entries of a directory that was left out are not counted.
    pub entries_left_out: u64,
    /// Not replaced because of REFLINK_TREE_KEEP_EXISTING.
    pub entries_kept: u64,
    /// Skipped by `on_error`; in a removal also the directories that such an entry is in.
    pub entries_failed: u64,
    /// Gone from the source between reading the directory and opening the entry.
    pub entries_vanished: u64,
    /// Read from a directory, and not done when the call ended.
    pub entries_not_reached: u64,
    /// Of `files`: cloned. This one and the four after it add up to `files`.
    pub files_cloned: u64,
    /// Of `files`: copied by the kernel, which may have shared blocks.
    pub files_kernel_copied: u64,
    /// Of `files`: read and written.
    pub files_copied: u64,
    /// Of `files`: cloned in part.
    pub files_mixed: u64,
    /// Of `files`: empty, so that there was nothing to clone.
    pub files_empty: u64,
    /// Of `files`: changed while they were copied, see REFLINK_SOURCE_CHANGED.
    pub files_changed: u64,
    /// Bytes that share their blocks with the source.
    pub bytes_cloned: u64,
    /// Bytes copied.
    pub bytes_copied: u64,
    /// Bytes left as holes.
    pub bytes_hole: u64,
    /// With REFLINK_LITTER: the name of what was left beside the destination, NUL-terminated. Else empty.
    pub litter: [c_char; 32],
}

// SAFETY: integers.
unsafe impl Extensible for reflink_tree_result {
    const FIRST: usize = offset_of!(reflink_tree_result, litter) + 32;
}

fn flags(report: &Report) -> u32 {
    bits(&[
        (report.metadata_incomplete, REFLINK_METADATA_INCOMPLETE),
        (report.published, REFLINK_PUBLISHED),
        (report.destination_changed, REFLINK_DESTINATION_CHANGED),
        (report.counts.failed > 0, REFLINK_TREE_INCOMPLETE),
        (report.litter.is_some(), REFLINK_LITTER),
    ])
}

/// Tells the caller what was done, if the caller wants to know.
///
/// # Safety
/// `to` was checked by [`sized::check_writable`].
pub unsafe fn write(to: *mut reflink_tree_result, report: &Report, error: Option<Error>) {
    if to.is_null() {
        return;
    }
    let value = value(report, error);
    // SAFETY: checked, and not NULL.
    unsafe { sized::write(to, &value) };
}

fn value(report: &Report, error: Option<Error>) -> reflink_tree_result {
    let step = error.map_or(Step::None, |error| error.step);
    // A member that is forgotten here does not compile.
    let Counts {
        seen: _,
        files,
        hard_links,
        directories,
        symlinks,
        specials,
        specials_left_out,
        mounts_left_empty,
        left_out,
        kept,
        failed,
        vanished,
        not_reached,
        files_cloned,
        files_kernel_copied,
        files_copied,
        files_mixed,
        files_empty,
        files_changed,
        bytes_cloned,
        bytes_copied,
        bytes_hole,
    } = report.counts;
    reflink_tree_result {
        size: 0,
        step: step_number(step),
        reason: reason_number(report.reason),
        flags: flags(report) | side_flag(step),
        os_error: error.map_or(0, |error| error.os_error()),
        clone_error: report.clone_error,
        failed_path_length: report.failed_path.len() as u64,
        files,
        hard_links,
        directories,
        symlinks,
        specials,
        specials_left_out,
        mounts_left_empty,
        entries_left_out: left_out,
        entries_kept: kept,
        entries_failed: failed,
        entries_vanished: vanished,
        entries_not_reached: not_reached,
        files_cloned,
        files_kernel_copied,
        files_copied,
        files_mixed,
        files_empty,
        files_changed,
        bytes_cloned,
        bytes_copied,
        bytes_hole,
        litter: report.litter.unwrap_or_default().map(|byte| c_char::from_ne_bytes([byte])),
    }
}
