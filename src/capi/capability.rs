//! What a directory can do: the structure of the answer, and the functions that ask.
//! The answer comes from a trial, in `crate::probe`.

use core::ffi::{c_char, c_int};
use core::mem::offset_of;

use super::options::reflink_handle;
use super::result::reason_number;
use super::sized::{self, Extensible};
use super::{codes, guard, invalid, name};
use crate::error::Result;
use crate::probe::{self, Capability};
use crate::sys::{CWD, Native, is_none};

/// What a directory can do, found out by trying. Each answer is 1 (yes), 0 (no) or -1 (unknown).
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct reflink_capability {
    /// sizeof(struct reflink_capability), as REFLINK_CAPABILITY_INIT sets it.
    pub size: u32,
    /// REFLINK_REASON_*: why files cannot be cloned, or why that is unknown.
    pub reason: u32,
    /// Files can be cloned there.
    pub clone: i32,
    /// The -errno that said so, 0 if none.
    pub clone_error: i32,
    /// Ranges can be cloned.
    pub clone_range: i32,
    /// copy_file_range(2) works there.
    pub kernel_copy: i32,
    /// Equal ranges of two files can be made to share blocks (reflink_dedupe_range()). Found out with files
    /// that were written apart: the same bytes came to share, and a byte that differs kept them from it. -1 for an
    /// empty file as the source.
    pub dedupe: i32,
    /// The -errno that refused to share, 0 if none.
    pub dedupe_error: i32,
    /// Two names can be exchanged in one step: REFLINK_REPLACE of a tree works without
    /// REFLINK_TREE_TWO_RENAMES.
    pub exchange: i32,
    /// A copy can be built without a name (O_TMPFILE); else under a private one.
    pub unnamed_files: i32,
    /// Holes take no space and can be found.
    pub sparse: i32,
    /// 0.
    pub reserved: i32,
    /// The alignment in bytes that range clones were seen to need there, 0 if none was seen to
    /// work.
    pub granularity: u64,
    /// The alignment in bytes in which ranges came to share, 0 if none did, or a smaller file as a whole.
    pub dedupe_granularity: u64,
    /// The file system's name, NUL-terminated: "xfs", "btrfs", "unknown". For people, not for
    /// decisions.
    pub fs_name: [core::ffi::c_char; 32],
}

// SAFETY: integers.
unsafe impl Extensible for reflink_capability {
    const FIRST: usize = offset_of!(reflink_capability, fs_name) + 32;
}

/// Tells the caller what a directory can do.
///
/// # Safety
/// `to` was checked by [`sized::check_writable`] and is not NULL.
unsafe fn write(to: *mut reflink_capability, found: &Capability) {
    let mut fs_name = [0; 32];
    // The last byte stays NUL.
    for (room, byte) in fs_name.iter_mut().take(31).zip(found.fs_name.bytes()) {
        *room = core::ffi::c_char::from_ne_bytes([byte]);
    }
    let value = reflink_capability {
        size: 0,
        reason: reason_number(found.reason),
        clone: found.clone.map_or(-1, i32::from),
        clone_error: found.error,
        clone_range: found.range.into(),
        kernel_copy: found.kernel_copy.into(),
        dedupe: found.dedupe.map_or(-1, i32::from),
        dedupe_error: found.dedupe_error,
        exchange: found.exchange.map_or(-1, i32::from),
        unnamed_files: found.unnamed_files.into(),
        sparse: found.sparse.into(),
        reserved: 0,
        granularity: found.granularity,
        dedupe_granularity: found.dedupe_granularity,
        fs_name,
    };
    // SAFETY: checked, and not NULL.
    unsafe { sized::write(to, &value) };
}
/// Finds out whether files can be cloned into a directory, by trying it.
///
/// Makes two files without a name, clones one block of data, makes equal blocks share, and removes both. (Where the
/// file system has no such files, they get a private random name and lose it at once.) Then makes two empty
/// directories with private random names, exchanges them, and removes both. Nothing is concluded from
/// the file system's name or device number. The answer is of that moment; a later copy may still find
/// otherwise.
///
/// Where the trial is not possible, the call succeeds, `clone` is -1, and `reason` and `clone_error` say
/// why. This needs no write permission.
///
/// @param src         A file or a directory that clones are to be made from, or NULL for the directory itself.
/// @param dst_dir     The directory that clones are to be made in.
/// @param capability  Receives the answer. Unchanged on failure.
/// @return 0, or a negative code, among others:
/// - -EINVAL: a NULL `dst_dir` or `capability`, or a structure that is too small; -E2BIG: one that
///   is too large.
/// - -ENOENT, -ENOTDIR, -EACCES: the system refuses a name.
/// - REFLINK_ERR_NOT_REGULAR: `src` is a FIFO, a socket or a device.
///
/// Thread-safe. Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reflink_probe(
    src: *const c_char,
    dst_dir: *const c_char,
    capability: *mut reflink_capability,
) -> c_int {
    let ask = || {
        // SAFETY: the caller passes NULL or NUL-terminated strings, as the header says.
        let (src, dst_dir) = unsafe { (if src.is_null() { None } else { Some(name(src)?) }, name(dst_dir)?) };
        probe::by_name(&Native, CWD, src, dst_dir)
    };
    // SAFETY: the caller passes NULL or a structure of the size that it says, as the header says.
    unsafe { run_probe(capability, ask) }
}

/// Finds out whether files can be cloned into an open directory, by trying it.
///
/// @param src         An open file or directory that clones are to be made from, or a negative number (on Windows NULL) for the directory itself.
/// @param dst_dir     The open directory that clones are to be made in.
/// @param capability  Receives the answer.
/// @return 0, or a negative code: see reflink_probe(). -EBADF: a descriptor is closed.
///
/// Thread-safe. Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reflink_probe_fd(
    src: reflink_handle,
    dst_dir: reflink_handle,
    capability: *mut reflink_capability,
) -> c_int {
    let ask = || probe::by_descriptor(&Native, (!is_none(src)).then_some(src), dst_dir);
    // SAFETY: the caller passes NULL or a structure of the size that it says, as the header says.
    unsafe { run_probe(capability, ask) }
}

/// Runs one probe.
///
/// # Safety
/// `capability` is NULL or points to a structure of the size that its first member says.
unsafe fn run_probe(capability: *mut reflink_capability, ask: impl FnOnce() -> Result<Capability>) -> c_int {
    guard(|| {
        if capability.is_null() {
            return codes::of(&invalid());
        }
        // SAFETY: the caller of this function vouches for it.
        if let Err(code) = unsafe { sized::check_writable(capability) } {
            return code;
        }
        match ask() {
            Ok(found) => {
                // SAFETY: checked above.
                unsafe { write(capability, &found) };
                0
            }
            Err(error) => codes::of(&error),
        }
    })
}
