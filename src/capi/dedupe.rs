//! The functions that make equal files share: their options, their result, and how the engine is asked.
//! What they promise is in their comments, which are the text of the C header.

use core::ffi::{c_int, c_void};
use core::mem::offset_of;

use super::copies::{REFLINK_TO_EOF, with_progress};
use super::options::{Asked, REFLINK_ATOMIC, REFLINK_DURABLE, reflink_handle, reflink_progress};
use super::result::{reason_number, side_flag, step_number};
use super::sized::{self, Extensible, INVALID};
use super::{codes, guard};
use crate::copy::range::Range;
use crate::error::{Cause, Error, Side, Step};
use crate::sharing::dedupe::{self, Options, Report};
use crate::sys::{Errno, Native};

/// Go on after a difference, and share the whole blocks that are equal there too. Without it the call stops at the first
/// difference.
pub const REFLINK_DEDUPE_CONTINUE: u64 = 0x100_0000_0000_0000;

/// Also ask the system to share what is shared already. Without it the library looks at the maps of both files first, and
/// leaves out what they show to be shared. To look, it writes both files out.
pub const REFLINK_DEDUPE_NO_LOOK: u64 = 0x200_0000_0000_0000;
/// Check afterwards in the maps of both files what is shared, and count it in `bytes_verified`.
pub const REFLINK_DEDUPE_VERIFY: u64 = 0x400_0000_0000_0000;

/// How to make equal files share. NULL instead of a pointer to it means all defaults, and 0 means the default
/// for each member.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct reflink_dedupe_options {
    /// sizeof(struct reflink_dedupe_options), as REFLINK_DEDUPE_OPTIONS_INIT sets it.
    pub size: u32,
    /// REFLINK_ATOMIC, or REFLINK_DURABLE: the destination is synced at the end.
    pub durability: u32,
    /// REFLINK_DEDUPE_CONTINUE, REFLINK_DEDUPE_NO_LOOK, REFLINK_DEDUPE_VERIFY.
    pub flags: u64,
    /// Called at the beginning, between steps of at most 16 MiB and at the end, by the thread that called the
    /// library; non-zero cancels with -ECANCELED. `bytes_done` begins again at 0 if a file was written while
    /// the library looked at the maps. It must not throw, longjmp or call pthread_exit.
    pub progress: Option<unsafe extern "C" fn(user: *mut c_void, progress: *const reflink_progress) -> c_int>,
    /// Passed to `progress`.
    pub user: *mut c_void,
    /// NULL, or an int that another thread (atomically) or a signal handler sets: if it is not 0, the call ends with
    /// -ECANCELED at the next step.
    pub cancel: *const c_int,
    /// NULL.
    pub reserved: *mut c_void,
}

/// What was compared and shared. Filled on success and on failure. All `bytes_` members except `bytes_verified`
/// add up to `length`.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct reflink_dedupe_result {
    /// sizeof(struct reflink_dedupe_result), as REFLINK_DEDUPE_RESULT_INIT sets it.
    pub size: u32,
    /// REFLINK_STEP_*: which operation failed.
    pub step: u32,
    /// REFLINK_REASON_*: why bytes were skipped, or what failed. A difference has no reason.
    pub reason: u32,
    /// REFLINK_AT_SOURCE, REFLINK_AT_DESTINATION.
    pub flags: u32,
    /// The raw error of the operating system behind a failure, 0 if none.
    pub os_error: i32,
    /// The -errno by which the system refused to share, 0 if it did not.
    pub dedupe_error: i32,
    /// Bytes of the range, up to the end of the longer file.
    pub length: u64,
    /// Bytes that the system compared, found to be the same, and shared. This is not the space gained:
    /// an extent stays allocated as long as any file or snapshot uses a part of it.
    pub bytes_deduped: u64,
    /// Bytes that were shared before, or holes in both, by the maps of both files. They were not compared.
    pub bytes_already: u64,
    /// Bytes of the blocks in which something differs, and bytes that only one of both files has.
    pub bytes_different: u64,
    /// Bytes that the system could not be asked to share: parts of blocks, a file that cannot be shared, no support,
    /// beyond the limit on file sizes (setrlimit(2)), data in the metadata (Btrfs keeps small files there). Whether they
    /// are equal is unknown.
    pub bytes_skipped: u64,
    /// Bytes after the difference or the error that ended the call. Whether they are equal is unknown.
    pub bytes_not_reached: u64,
    /// With REFLINK_DEDUPE_VERIFY: bytes of `bytes_deduped` and `bytes_already` that the maps show to be shared
    /// afterwards. The rest is unknown: no map, an overlay, compressed (Btrfs), or written to since.
    pub bytes_verified: u64,
    /// The first byte that was found to differ, or that only one of both files has, counted from the beginning
    /// of the range; `length` if none was. Bytes before it that were skipped may differ too.
    pub first_difference: u64,
}

// SAFETY: integers, and after them a function pointer and pointers that may be NULL.
unsafe impl Extensible for reflink_dedupe_options {
    const FIRST: usize = offset_of!(reflink_dedupe_options, reserved) + size_of::<*mut c_void>();
}

// SAFETY: integers.
unsafe impl Extensible for reflink_dedupe_result {
    const FIRST: usize = offset_of!(reflink_dedupe_result, first_difference) + 8;
}

/// Reads the options; NULL is all defaults. An unknown value is an error.
///
/// # Safety
/// `from` is NULL, or points to a structure that is as large as its first member says.
unsafe fn read(from: *const reflink_dedupe_options) -> Result<(Options, Asked), c_int> {
    if from.is_null() {
        return Ok((Options::default(), Asked::default()));
    }
    // SAFETY: not NULL, and the caller of this function vouches for the rest.
    let raw = unsafe { sized::read(from) }?;
    let known = REFLINK_DEDUPE_CONTINUE | REFLINK_DEDUPE_NO_LOOK | REFLINK_DEDUPE_VERIFY;
    let unknown = raw.flags & !known != 0 || !raw.reserved.is_null();
    if unknown || ![REFLINK_ATOMIC, REFLINK_DURABLE].contains(&raw.durability) {
        return Err(INVALID);
    }
    let options = Options {
        durable: raw.durability == REFLINK_DURABLE,
        past_differences: raw.flags & REFLINK_DEDUPE_CONTINUE != 0,
        no_look: raw.flags & REFLINK_DEDUPE_NO_LOOK != 0,
        verify: raw.flags & REFLINK_DEDUPE_VERIFY != 0,
    };
    let asked = Asked { progress: raw.progress, user: raw.user, cancel: raw.cancel, ..Asked::default() };
    Ok((options, asked))
}

/// Tells the caller what was done, if the caller wants to know.
///
/// # Safety
/// `to` was checked by [`sized::check_writable`].
unsafe fn write(to: *mut reflink_dedupe_result, report: &Report, error: Option<Error>) {
    if to.is_null() {
        return;
    }
    let step = error.map_or(Step::None, |error| error.step);
    let value = reflink_dedupe_result {
        size: 0,
        step: step_number(step),
        reason: reason_number(report.reason),
        flags: side_flag(step),
        os_error: error.map_or(0, |error| error.os_error()),
        dedupe_error: report.dedupe_error,
        length: report.length,
        bytes_deduped: report.deduped,
        bytes_already: report.already,
        bytes_different: report.different,
        bytes_skipped: report.skipped,
        bytes_not_reached: report.not_reached(),
        bytes_verified: report.verified,
        first_difference: report.first_difference.unwrap_or(report.length),
    };
    // SAFETY: checked, and not NULL.
    unsafe { sized::write(to, &value) };
}

/// Makes the equal parts of two open files share their blocks.
///
/// Does what reflink_dedupe_range() does, from the beginning of both files to the end of the longer.
///
/// @param src      A regular file, open for reading. Its blocks stay.
/// @param dst      A regular file, open for reading or writing. Its blocks are replaced by those of `src`.
/// @param options  How to do it, or NULL for the defaults.
/// @param result   Says what was done, on success and on failure. May be NULL.
/// @return 0, or a negative code: see reflink_dedupe_range().
///
/// Thread-safe. Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reflink_dedupe_fd(
    src: reflink_handle,
    dst: reflink_handle,
    options: *const reflink_dedupe_options,
    result: *mut reflink_dedupe_result,
) -> c_int {
    // SAFETY: the arguments are passed on as they came, with the same promises.
    unsafe { reflink_dedupe_range(src, 0, dst, 0, REFLINK_TO_EOF, options, result) }
}

/// Makes ranges of two open files share their blocks where both hold the same bytes, so that they take the space
/// of one.
///
/// The kernel compares and shares, with both files locked: no other program can write in between. Nothing is
/// shared that was not compared in this way. Nothing that a file shows changes: not its bytes, its size, its
/// times of change or its mode. So files in use are safe, also programs that run and files that others write.
///
/// A difference is an answer: the call returns 0, `bytes_different` is not 0, and `first_difference` says where. Equal
/// blocks before it are shared, and with REFLINK_DEDUPE_CONTINUE those after it too.
///
/// Only whole blocks can be shared, and the part of a block at the end of both files. Other parts of blocks at
/// the edges of the range are skipped. Where the offsets are not at the same place within a block, nothing can be
/// shared: the call returns 0, `bytes_skipped` is the length, and `reason` is REFLINK_REASON_FILE. The same holds for a
/// file that the file system does not share: a swap file, or one of both without copy-on-write (Btrfs).
///
/// Errors of the system that are not about this file end the call with their code. Bytes shared until then stay shared.
///
/// Only Linux can compare and share in one call (Btrfs, XFS, OCFS2,
/// bcachefs). On other systems the answer is -EOPNOTSUPP. No imitation is safe there. What others write between a
/// comparison and a clone would be lost, also what they write through mappings. A clone that is renamed over the file has
/// another inode, its own owner and none of the hard links, and open descriptors keep the old file.
///
/// The system locks both files for each step of at most 16 MiB: other programs wait to write, and on XFS also to read.
/// To find the first difference the library reads both files around it, which can set their time of last access.
///
/// @param src         A regular file, open for reading. Its blocks stay.
/// @param src_offset  Where the range begins in it, in bytes.
/// @param dst         A regular file, open in any way except O_PATH. If it is open only for reading, the caller must own it, be allowed to write to it, or be privileged. (Before Linux 4.19 only the last counts.) If it is open only for writing, the library opens it again to find a difference.
/// @param dst_offset  Where the range begins in it, in bytes.
/// @param length      The range's length in bytes, or REFLINK_TO_EOF. The range ends at the end of the longer file at the latest. Bytes that only one file has are different. 0 only checks the descriptors.
/// @param options     How to do it, or NULL for the defaults.
/// @param result      Receives what was done, on success and on failure. May be NULL.
/// @return 0, or a negative code, among others:
/// - -EINVAL: an offset or a length beyond 2^63-1, an unknown flag or value, a structure that is too small; -E2BIG:
///   one that is too large.
/// - -EBADF: a descriptor is closed, or not open for its use.
/// - -EACCES: `dst` is open only for writing, something differs, and the caller may not read it.
/// - -EISDIR, REFLINK_ERR_NOT_REGULAR: one of them is not a regular file.
/// - REFLINK_ERR_OVERLAP: both are one file, and the ranges overlap. (A range with itself is shared already: 0.)
/// - -EOPNOTSUPP, -ENOTTY, -EXDEV: not possible on this file system, or not between these two files.
/// - -EPERM: not allowed, or the destination is immutable, or one of both lies in a lower layer of an overlay.
/// - -EROFS: the destination's mount is read-only. (Read-only snapshots of Btrfs can be shared into.)
/// - -EAGAIN: not possible now (Btrfs, while a snapshot is being sent).
/// - -EIO, -ENOSPC, -EDQUOT, -ENOMEM: a real failure.
/// - -ECANCELED: the progress function returned non-zero, or `cancel` points to a number other than 0.
///
/// Thread-safe. Blocks until done: it reads both files. Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reflink_dedupe_range(
    src: reflink_handle,
    src_offset: u64,
    dst: reflink_handle,
    dst_offset: u64,
    length: u64,
    options: *const reflink_dedupe_options,
    result: *mut reflink_dedupe_result,
) -> c_int {
    let range = Range { src, src_offset, dst, dst_offset, length };
    // SAFETY: the caller passes NULL or structures of the size that they say, as the header says.
    guard(|| unsafe { run(&range, options, result) })
}

/// Runs one call: reads the options, has it done, and writes the result whether or not it succeeded.
///
/// # Safety
/// `options` and `result` are NULL or point to structures of the size that their first member says.
unsafe fn run(
    range: &Range,
    options: *const reflink_dedupe_options,
    result: *mut reflink_dedupe_result,
) -> c_int {
    // SAFETY: the caller of this function vouches for it.
    if let Err(code) = unsafe { sized::check_writable(result) } {
        return code;
    }
    let mut report = Report::default();
    // SAFETY: as above.
    let outcome = match unsafe { read(options) } {
        Ok((options, asked)) => {
            with_progress(&asked, |progress| dedupe::run(&Native, range, options, progress, &mut report))
                .map_err(|error| (error, codes::of(&error)))
        }
        Err(code) => Err((Error::new(Step::Arguments(Side::Neither), Cause::System(Errno(0))), code)),
    };
    // SAFETY: checked above.
    unsafe { write(result, &report, outcome.err().map(|(error, _)| error)) };
    outcome.err().map_or(0, |(_, code)| code)
}
