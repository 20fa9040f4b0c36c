//! The functions that copy: their arguments are checked, the engine is called, and the result is filled.
//! What they promise is in their comments, which are the text of the C header.

use core::ffi::{c_char, c_int};
use core::sync::atomic::AtomicI32;

use super::accepted::{self, Accepted};
use super::options::{self, Asked, reflink_handle, reflink_options, reflink_progress};
use super::result::{self, reflink_result};
use super::{codes, guard, name, sized};
use crate::copy::range::Range;
use crate::copy::{Callback, Options, Progress, Report, descriptor, file, range};
use crate::error::{Cause, Error, Result, Side, Step};
use crate::sys::{CWD, Errno, Native};

/// As a length: the rest of the source. It is the largest length that is valid.
pub const REFLINK_TO_EOF: u64 = 0x7fff_ffff_ffff_ffff;

/// Runs one copy: reads the options, has it done, and writes the result whether or not it
/// succeeded.
///
/// # Safety
/// `options` and `result` are NULL or point to structures of the size that their first member says.
unsafe fn run_copy(
    options: *const reflink_options,
    accepted: &Accepted,
    result: *mut reflink_result,
    copy: impl FnOnce(&Options, &mut Progress) -> Result<()>,
) -> c_int {
    guard(|| {
        // SAFETY: the caller of this function vouches for it.
        if let Err(code) = unsafe { sized::check_writable(result) } {
            return code;
        }
        let mut report = Report::default();
        // SAFETY: as above.
        let outcome = match unsafe { options::read(options, accepted) } {
            Ok(asked) => with_progress(&asked, |progress| {
                let outcome = copy(&asked.options, progress);
                report = progress.report;
                outcome
            })
            .map_err(|error| (error, codes::of(&error))),
            Err(code) => Err((Error::new(Step::Arguments(Side::Neither), Cause::System(Errno(0))), code)),
        };
        // SAFETY: checked above.
        unsafe { result::write(result, &report, outcome.err().map(|(error, _)| error)) };
        outcome.err().map_or(0, |(_, code)| code)
    })
}

/// Wraps the caller's progress function and flag, where there are any.
pub fn with_progress(asked: &Asked, work: impl FnOnce(&mut Progress) -> Result<()>) -> Result<()> {
    let mut call = |done, total| {
        let size = size_of::<reflink_progress>() as u32;
        let now = reflink_progress { size, reserved: 0, bytes_done: done, bytes_total: total };
        // SAFETY: the caller gave this function and this pointer to be called with each other, during this call.
        asked.progress.is_none_or(|progress| unsafe { progress(asked.user, &raw const now) == 0 })
    };
    let callback = asked.progress.is_some().then_some(&mut call as Callback);
    // SAFETY: NULL, or an int that the caller keeps for the whole call. Only atomic loads are made of it.
    let flag = unsafe { asked.cancel.cast::<AtomicI32>().as_ref() };
    work(&mut Progress::new(callback).cancelled_by(flag))
}

/// Copies a file under a new name, sharing its blocks where the file system can.
///
/// Does what reflink_copy_file_at() does, with both names relative to the current directory.
///
/// @param src      The file to copy. A symbolic link is followed, unless REFLINK_NOFOLLOW is set.
/// @param dst      The name to give the copy. A symbolic link there is never followed (see REFLINK_FOLLOW_DESTINATION).
/// @param options  How to copy, or NULL for the defaults.
/// @param result   Says what was done, on success and on failure. May be NULL.
/// @return 0, or a negative code: see reflink_copy_file_at().
///
/// Thread-safe. Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reflink_copy_file(
    src: *const c_char,
    dst: *const c_char,
    options: *const reflink_options,
    result: *mut reflink_result,
) -> c_int {
    // SAFETY: the arguments are passed on as they came, with the same promises.
    unsafe { reflink_copy_file_at(CWD, src, CWD, dst, options, result) }
}

/// Copies a file under a new name, both names relative to open directories.
///
/// The copy is built in a file without a name. Where the file system has none, it is built under a
/// private random name beside the destination: ".reflink-" and 16 hexadecimal digits. It gets its
/// name in one step, when it is complete. After any error the name holds what it held before.
/// Exceptions are failures after the name was given: syncing the directory (REFLINK_STEP_SYNC with
/// REFLINK_DURABLE), closing (REFLINK_STEP_CLOSE), and, on file systems without a rename that does not
/// replace, removing the private name (REFLINK_STEP_PUBLISH). Then the name holds the complete new
/// file. No existing file is ever truncated, and none is removed to make room. REFLINK_OVERWRITE is the one exception to this
/// paragraph: it writes into the file that is there.
///
/// The copy gets the source's permission bits (rwx), whatever the umask, unless `permissions` says otherwise. While
/// it is made, it never has more than the result.
///
/// @param src_dir  An open directory that `src` is relative to, or AT_FDCWD of <fcntl.h> (on Windows NULL).
/// @param src      The file to copy: any name of a regular file, as bytes.
/// @param dst_dir  An open directory that `dst` is relative to, or AT_FDCWD (on Windows NULL).
/// @param dst      The name to give the copy.
/// @param options  How to copy, or NULL for the defaults.
/// @param result   Says what was done, on success and on failure. May be NULL.
/// @return 0, or a negative code, among others:
/// - -EINVAL: a NULL name, a value that is unknown or in the wrong member, a structure that is too small; with
///   REFLINK_ALWAYS, this file cannot be cloned there (reason REFLINK_REASON_FILE).
/// - -E2BIG: a structure larger than this library knows, with a nonzero member in the unknown part.
/// - -ENOENT, -EACCES, -ENOTDIR, -ENAMETOOLONG: the system refuses a name. An empty name
///   is -ENOENT.
/// - -EISDIR: the source is a directory, or the destination's name ends in a slash, "." or "..",
///   or, with REFLINK_REPLACE or REFLINK_OVERWRITE, is a directory.
/// - REFLINK_ERR_NOT_REGULAR: the source is a FIFO, a socket or a device, or REFLINK_REPLACE would
///   replace one, or REFLINK_OVERWRITE write to one.
/// - -ELOOP: the source is a symbolic link, and REFLINK_NOFOLLOW is set; or the destination is one, with REFLINK_OVERWRITE.
/// - -EEXIST: the destination exists, and neither REFLINK_REPLACE nor REFLINK_OVERWRITE is set.
/// - REFLINK_ERR_SAME_FILE: with REFLINK_REPLACE or REFLINK_OVERWRITE, source and destination are one file, also by
///   different names.
/// - -EACCES, -EPERM, -ETXTBSY, -EROFS at REFLINK_STEP_CHECK: with REFLINK_OVERWRITE, the file that is there cannot be written.
/// - -EOPNOTSUPP, -EXDEV: with REFLINK_ALWAYS, no clone is possible there.
/// - -EFBIG: the copy would be larger than RLIMIT_FSIZE allows; no signal is raised.
/// - -EPERM, -EOPNOTSUPP at REFLINK_STEP_METADATA: the file system cannot hold the permission bits
///   or the metadata asked for; see REFLINK_BEST_EFFORT_METADATA.
/// - -EOPNOTSUPP, -EPERM, -EINVAL at REFLINK_STEP_PUBLISH: the file system has neither hard links
///   nor a rename that does not replace, so that a new name cannot be given safely; REFLINK_UNSTAGED
///   or REFLINK_REPLACE can still be used.
/// - -EIO, -ENOSPC, -EDQUOT, -ENOMEM, -EROFS: a real failure. It is never hidden behind another
///   method.
/// - -ECANCELED: the progress function returned non-zero, or `cancel` pointed to something else than 0.
/// - REFLINK_ERR_INCONSISTENT, REFLINK_ERR_PANIC: see there.
///
/// Thread-safe. Blocks until done: the time of a clone grows with the number of the file's extents,
/// that of a copy with its size. Advisory locks on the source are ignored. Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reflink_copy_file_at(
    src_dir: reflink_handle,
    src: *const c_char,
    dst_dir: reflink_handle,
    dst: *const c_char,
    options: *const reflink_options,
    result: *mut reflink_result,
) -> c_int {
    let copy = |options: &Options, progress: &mut Progress| {
        // SAFETY: the caller passes NULL or NUL-terminated strings, as the header says.
        let (src, dst) = unsafe { (name(src)?, name(dst)?) };
        let request = file::Request { src_dir, src, dst_dir, dst, options };
        file::copy(&Native, &request, progress)
    };
    // SAFETY: the caller passes NULL or structures of the size that they say, as the header says.
    unsafe { run_copy(options, &accepted::NAMES, result, copy) }
}

/// Replaces the whole content of one open file by that of another: the data, then the size.
///
/// This is no copy loop: it ignores the positions of both descriptors, writes the destination from its first byte on,
/// and cuts it to the source's size. To copy at a position, as to a standard output that may not be at its beginning,
/// ask for the position with lseek(fd, 0, SEEK_CUR), use reflink_copy_range(), and move the position by the bytes done.
/// Pipes, sockets and terminals are REFLINK_ERR_NOT_REGULAR: use read(2) and write(2). To replace a file by name, in one
/// step, use reflink_copy_file() with REFLINK_REPLACE.
///
/// Works in place: the old content of the destination is lost, and an error in the middle (no space,
/// an I/O error) leaves it partly written. What can be refused is refused before anything is written.
/// With REFLINK_ALWAYS, a clone that is refused leaves the destination unchanged. A clone that fails in
/// the middle can have changed it. REFLINK_DESTINATION_CHANGED in the result reports every failure that
/// changed the destination. A longer destination is cut only when the source's whole blocks are in it.
///
/// The descriptors stay open, and their file offsets stay where they are. Of the options,
/// `if_exists`, `permissions`, REFLINK_UNSTAGED and REFLINK_NOFOLLOW mean nothing here: -EINVAL. REFLINK_DURABLE
/// syncs the destination at the end. `preserve` is followed, but the destination keeps its own
/// permission bits.
///
/// A descriptor that is open with O_DIRECT can be cloned from and to. Where bytes must be copied, its
/// alignment rules apply, and the system refuses other ranges with -EINVAL.
///
/// @param src      A regular file, open for reading.
/// @param dst      A regular file, open for writing without O_APPEND.
/// @param options  How to copy, or NULL for the defaults.
/// @param result   Says what was done, on success and on failure. May be NULL.
/// @return 0, or a negative code, among others:
/// - -EBADF: a descriptor is closed, or not open for its use (O_PATH counts as neither).
/// - -EISDIR, REFLINK_ERR_NOT_REGULAR: one of them is not a regular file.
/// - REFLINK_ERR_APPEND: the destination is open with O_APPEND.
/// - REFLINK_ERR_SAME_FILE: both are one file.
/// - -EPERM: the destination is marked immutable or append-only, or sealed (memfd_create(2)).
/// - and those of reflink_copy_file_at(), except those about names.
///
/// Thread-safe, if nobody else writes the destination during the call. Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reflink_copy_fd(
    src: reflink_handle,
    dst: reflink_handle,
    options: *const reflink_options,
    result: *mut reflink_result,
) -> c_int {
    let copy =
        |options: &Options, progress: &mut Progress| descriptor::copy(&Native, (src, dst), options, progress);
    // SAFETY: the caller passes NULL or structures of the size that they say, as the header says.
    unsafe { run_copy(options, &accepted::OPEN_FILES, result, copy) }
}

/// Copies a range of bytes from one open file into another, sharing the blocks that it covers
/// completely.
///
/// Takes any offsets and any length. With REFLINK_AUTO, where both offsets are at the same place
/// within a block (see `granularity` of struct reflink_capability), the whole blocks are cloned and
/// only the edges are copied. (The kernel's own copy_file_range(2) shares nothing then.) Otherwise
/// everything is copied. With REFLINK_ALWAYS the range must be aligned, or reach the
/// source's end and become the destination's end. Otherwise the call fails with -EINVAL and
/// REFLINK_REASON_FILE, and writes nothing. A clone that fails in the middle can have changed the range;
/// REFLINK_DESTINATION_CHANGED reports that. Holes of the source become holes. Exception: ranges of up
/// to 1 MiB of a fully allocated source are copied without looking for holes.
///
/// Stops at the source's end, as pread(2) does: `bytes_cloned + bytes_copied + bytes_hole` of the
/// result is how much was done, after an error how much from the range's beginning on. Extends the destination where the range goes beyond its end. The same file may be on both
/// sides, if the ranges are apart.
///
/// REFLINK_SHARE_ONLY shares the whole blocks and writes nothing else.
///
/// The descriptors stay open, and their file offsets stay where they are. Of the options only `mode`, REFLINK_SHARE_ONLY and
/// REFLINK_DURABLE, which syncs the destination at the end, mean something here; another one is -EINVAL.
///
/// @param src         A regular file, open for reading.
/// @param src_offset  Where the range begins in it, in bytes.
/// @param dst         A regular file, open for writing without O_APPEND.
/// @param dst_offset  Where the range begins in it, in bytes.
/// @param length      The range's length in bytes, or REFLINK_TO_EOF. 0 only checks the descriptors.
/// @param options     How to copy, or NULL for the defaults.
/// @param result      Says what was done, on success and on failure. May be NULL.
/// @return 0, or a negative code, among others:
/// - -EINVAL: an offset or a length beyond 2^63-1; with REFLINK_ALWAYS, the range is not aligned.
/// - -EFBIG: the range would end beyond 2^63-1 in the destination, or beyond what RLIMIT_FSIZE
///   allows.
/// - REFLINK_ERR_OVERLAP: both are one file, and the ranges overlap.
/// - and those of reflink_copy_fd(), except REFLINK_ERR_SAME_FILE.
///
/// Thread-safe, if nobody else writes the destination's range during the call. Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reflink_copy_range(
    src: reflink_handle,
    src_offset: u64,
    dst: reflink_handle,
    dst_offset: u64,
    length: u64,
    options: *const reflink_options,
    result: *mut reflink_result,
) -> c_int {
    let copy = |options: &Options, progress: &mut Progress| {
        let range = Range { src, src_offset, dst, dst_offset, length };
        range::copy(&Native, &range, options, progress)
    };
    // SAFETY: the caller passes NULL or structures of the size that they say, as the header says.
    unsafe { run_copy(options, &accepted::RANGES, result, copy) }
}
