//! What was done, or why it failed: the numbers of methods, reasons and steps, and the structure that has them.
//! The engine has no numbers: here each of its answers gets one.

use core::ffi::c_char;
use core::mem::offset_of;

use super::sized::{self, Extensible};
use crate::copy::name::PrivateName;
use crate::copy::{Method, Report};
use crate::error::{Error, Reason, Side, Step};

/// No data was copied: there was nothing to do, or the call failed before.
pub const REFLINK_METHOD_NONE: u32 = 0;
/// All of it shares its blocks with the source. This is what the file system reports, and a server may
/// report a clone where it made a copy: see libreflink(7), under "Limits".
pub const REFLINK_METHOD_CLONE: u32 = 1;
/// Part of it was cloned: the middle of a range, or the part of a file before the method changed. After
/// a failure also: a clone stopped in the middle, and at least `bytes_cloned` of it are there.
pub const REFLINK_METHOD_MIXED: u32 = 2;
/// The kernel copied (copy_file_range(2)), at least in part. It may have shared blocks, and does not
/// report whether it did.
pub const REFLINK_METHOD_KERNEL_COPY: u32 = 3;
/// Read and written: nothing is shared.
pub const REFLINK_METHOD_COPY: u32 = 4;

/// Everything was cloned, or the call ended before cloning was tried.
pub const REFLINK_REASON_NONE: u32 = 0;
/// This volume cannot clone, or this kernel does not support it.
pub const REFLINK_REASON_UNSUPPORTED: u32 = 1;
/// Not between these two file systems.
pub const REFLINK_REASON_CROSS_DEVICE: u32 = 2;
/// Not this file or this range: alignment, NOCOW on one side only (Btrfs), a limit, a swap file.
/// Other files may be cloned.
pub const REFLINK_REASON_FILE: u32 = 3;
/// Forbidden, or filtered away by a sandbox (seccomp, SELinux).
pub const REFLINK_REASON_PERMISSION: u32 = 4;
/// Not possible now; it may be later.
pub const REFLINK_REASON_TRANSIENT: u32 = 5;
/// REFLINK_NEVER was asked for.
pub const REFLINK_REASON_NOT_ASKED: u32 = 6;
/// Cloning is possible and failed: no space, no memory, an I/O error.
pub const REFLINK_REASON_FAILURE: u32 = 7;

/// Nothing failed.
pub const REFLINK_STEP_NONE: u32 = 0;
/// Reading the arguments.
pub const REFLINK_STEP_ARGUMENTS: u32 = 1;
/// Opening the source.
pub const REFLINK_STEP_OPEN_SOURCE: u32 = 2;
/// Checking both files before anything is written.
pub const REFLINK_STEP_CHECK: u32 = 3;
/// Making the new file.
pub const REFLINK_STEP_CREATE: u32 = 4;
/// Cloning.
pub const REFLINK_STEP_CLONE: u32 = 5;
/// Copying.
pub const REFLINK_STEP_COPY: u32 = 6;
/// Setting owner, extended attributes, ACL, mode or times.
pub const REFLINK_STEP_METADATA: u32 = 7;
/// Syncing to the device.
pub const REFLINK_STEP_SYNC: u32 = 8;
/// Giving the new file its name.
pub const REFLINK_STEP_PUBLISH: u32 = 9;
/// Closing.
pub const REFLINK_STEP_CLOSE: u32 = 10;
/// The progress function, or `cancel` of the options, stopped the copy.
pub const REFLINK_STEP_PROGRESS: u32 = 11;
/// Of trees: opening or reading a directory.
pub const REFLINK_STEP_WALK: u32 = 12;
/// Of trees: `filter`.
pub const REFLINK_STEP_FILTER: u32 = 13;
/// Of trees: removing the replaced tree, after the name got the new one (REFLINK_PUBLISHED), or an unfinished one. After an
/// earlier failure, that failure is returned.
pub const REFLINK_STEP_CLEANUP: u32 = 14;
/// Asking where the bytes of a file lie.
pub const REFLINK_STEP_MAP: u32 = 15;
/// Comparing two ranges and making them share their blocks.
pub const REFLINK_STEP_DEDUPE: u32 = 16;

/// In `flags` of struct reflink_result or struct reflink_tree_entry: size, mtime or ctime of the source changed during
/// the copy, so the copy may mix old and new content. A clone in one call is of one instant; only its
/// size is checked.
pub const REFLINK_SOURCE_CHANGED: u32 = 0x1;
/// In `flags` of struct reflink_result, struct reflink_tree_result or struct reflink_tree_entry: some metadata could not be
/// set, and REFLINK_BEST_EFFORT_METADATA allowed that. Without that flag: a sandbox forbids asking whether the source
/// has an access control list, and so the copy's group bits are no more than those of others.
pub const REFLINK_METADATA_INCOMPLETE: u32 = 0x2;
/// In `flags` of struct reflink_result or struct reflink_tree_result: the destination's name holds the complete new file
/// or tree; with REFLINK_MERGE, every entry that was not skipped is in place. Also set when something failed after the
/// name was given (REFLINK_STEP_SYNC, REFLINK_STEP_CLOSE, REFLINK_STEP_CLEANUP), or in the call that gave it.
/// reflink_copy_fd() and reflink_copy_range() never set it: they give no names.
pub const REFLINK_PUBLISHED: u32 = 0x4;
/// In `flags` of struct reflink_result or struct reflink_tree_result, after a failure: an existing destination
/// (reflink_copy_fd(), reflink_copy_range(), REFLINK_OVERWRITE, REFLINK_MERGE) was changed, or may have been; or an
/// unfinished tree stands under the name (REFLINK_UNSTAGED). What the result counts is there; more may be. If it is not
/// set, the content of the destination is unchanged.
pub const REFLINK_DESTINATION_CHANGED: u32 = 0x8;
/// In `flags` of a result: something of the library's own, or the replaced tree, was left beside the destination. `litter`
/// has its name.
pub const REFLINK_LITTER: u32 = 0x20;
/// In `flags` of a result or of struct reflink_tree_entry, after a failure: the call that failed was made on the source
/// ("error reading"). Where neither this flag nor REFLINK_AT_DESTINATION is set, the call was made on both files at
/// once, or on none of them.
pub const REFLINK_AT_SOURCE: u32 = 0x100;
/// In `flags` of a result or of struct reflink_tree_entry, after a failure: the call that failed was made on the
/// destination, its name or its directory ("error writing").
pub const REFLINK_AT_DESTINATION: u32 = 0x200;

/// What was done, or why it failed. Every call that accepts this structure fills it, on success and
/// on failure.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct reflink_result {
    /// sizeof(struct reflink_result), as REFLINK_RESULT_INIT sets it.
    pub size: u32,
    /// REFLINK_STEP_*: which operation failed.
    pub step: u32,
    /// REFLINK_REASON_*: why not everything was cloned.
    pub reason: u32,
    /// REFLINK_SOURCE_CHANGED, REFLINK_METADATA_INCOMPLETE, REFLINK_PUBLISHED, REFLINK_DESTINATION_CHANGED,
    /// REFLINK_LITTER, REFLINK_AT_SOURCE, REFLINK_AT_DESTINATION.
    pub flags: u32,
    /// The raw error of the operating system behind a failure (errno, positive; on Windows a Win32
    /// code), 0 if none: the library refused it itself.
    pub os_error: i32,
    /// The -errno that refused the clone, 0 if none did.
    pub clone_error: i32,
    /// REFLINK_METHOD_*: how the data was copied.
    pub method: u32,
    /// 0.
    pub reserved: u32,
    /// Bytes that share their blocks with the source, holes between them included.
    pub bytes_cloned: u64,
    /// Bytes copied, by the kernel or by reading and writing.
    pub bytes_copied: u64,
    /// Bytes left as holes. The three add up to the length; after an error, to how far it got at least.
    pub bytes_hole: u64,
    /// Of reflink_copy_range(): where `bytes_cloned` begin, from the range's beginning.
    pub clone_offset: u64,
    /// With REFLINK_LITTER the private name, NUL-terminated; else empty.
    pub litter: [c_char; 32],
}

/// The number of a method.
pub const fn method_number(method: Method) -> u32 {
    match method {
        Method::None => REFLINK_METHOD_NONE,
        Method::Clone => REFLINK_METHOD_CLONE,
        Method::Mixed => REFLINK_METHOD_MIXED,
        Method::KernelCopy => REFLINK_METHOD_KERNEL_COPY,
        Method::Copy => REFLINK_METHOD_COPY,
    }
}

/// The number of a reason.
pub const fn reason_number(reason: Reason) -> u32 {
    match reason {
        Reason::None => REFLINK_REASON_NONE,
        Reason::Unsupported => REFLINK_REASON_UNSUPPORTED,
        Reason::CrossDevice => REFLINK_REASON_CROSS_DEVICE,
        Reason::File => REFLINK_REASON_FILE,
        Reason::Permission => REFLINK_REASON_PERMISSION,
        Reason::Transient => REFLINK_REASON_TRANSIENT,
        Reason::NotAsked => REFLINK_REASON_NOT_ASKED,
        Reason::Failure => REFLINK_REASON_FAILURE,
    }
}

/// The number of a step.
pub const fn step_number(step: Step) -> u32 {
    match step {
        Step::None => REFLINK_STEP_NONE,
        Step::Arguments(_) => REFLINK_STEP_ARGUMENTS,
        Step::OpenSource => REFLINK_STEP_OPEN_SOURCE,
        // A probe reports no step.
        Step::Check(_) | Step::Probe => REFLINK_STEP_CHECK,
        Step::Create => REFLINK_STEP_CREATE,
        Step::Clone(_) => REFLINK_STEP_CLONE,
        Step::Copy(_) => REFLINK_STEP_COPY,
        Step::Metadata(_) => REFLINK_STEP_METADATA,
        Step::Sync => REFLINK_STEP_SYNC,
        Step::Publish => REFLINK_STEP_PUBLISH,
        Step::Close => REFLINK_STEP_CLOSE,
        Step::Progress => REFLINK_STEP_PROGRESS,
        Step::Walk(_) => REFLINK_STEP_WALK,
        Step::Filter => REFLINK_STEP_FILTER,
        Step::Cleanup => REFLINK_STEP_CLEANUP,
        Step::Map(_) => REFLINK_STEP_MAP,
        Step::Dedupe(_) => REFLINK_STEP_DEDUPE,
    }
}

// SAFETY: integers.
unsafe impl Extensible for reflink_result {
    const FIRST: usize = offset_of!(reflink_result, litter) + 32;
}

/// What a copy noted, in bits.
pub fn report_flags(report: &Report) -> u32 {
    bits(&[
        (report.source_changed, REFLINK_SOURCE_CHANGED),
        (report.metadata_incomplete, REFLINK_METADATA_INCOMPLETE),
        (report.published, REFLINK_PUBLISHED),
        (report.destination_changed, REFLINK_DESTINATION_CHANGED),
        (report.litter.is_some(), REFLINK_LITTER),
    ])
}

/// On which side the call of a step was made.
pub const fn side_flag(step: Step) -> u32 {
    match step.side() {
        Side::Neither => 0,
        Side::Source => REFLINK_AT_SOURCE,
        Side::Destination => REFLINK_AT_DESTINATION,
    }
}

/// Those bits whose condition holds.
pub fn bits(flags: &[(bool, u32)]) -> u32 {
    flags.iter().filter(|flag| flag.0).fold(0, |all, flag| all | flag.1)
}

/// Bytes as characters of C, which are signed on one processor and unsigned on another.
pub fn chars(bytes: &[u8; 32]) -> [c_char; 32] {
    bytes.map(|byte| c_char::from_ne_bytes([byte]))
}

/// Tells the caller what was done, if the caller wants to know.
///
/// # Safety
/// `to` was checked by [`sized::check_writable`].
pub unsafe fn write(to: *mut reflink_result, report: &Report, error: Option<Error>) {
    if to.is_null() {
        return;
    }
    let step = error.map_or(Step::None, |error| error.step);
    let value = reflink_result {
        size: 0,
        step: step_number(step),
        reason: reason_number(report.reason),
        flags: report_flags(report) | side_flag(step),
        os_error: error.map_or(0, |error| error.os_error()),
        clone_error: report.clone_error,
        method: method_number(report.method()),
        reserved: 0,
        bytes_cloned: report.cloned,
        bytes_copied: report.copied_any(),
        bytes_hole: report.holes,
        clone_offset: report.clone_offset,
        litter: chars(report.litter.as_ref().map_or(&[0; 32], PrivateName::bytes)),
    };
    // SAFETY: checked, and not NULL.
    unsafe { sized::write(to, &value) };
}
