//! What files are made of and what they share: numbers, structures and the two functions that look.
//! They change no file. If the file system does not say what is shared, that is an answer and no failure.

use core::ffi::{c_int, c_void};
use core::mem::{MaybeUninit, offset_of};

use super::copies::REFLINK_TO_EOF;
use super::options::reflink_handle;
use super::result::{
    REFLINK_REASON_CROSS_DEVICE, REFLINK_REASON_NONE, reason_number, side_flag, step_number,
};
use super::sized::{self, Extensible};
use super::{codes, guard, invalid};
use crate::copy::table;
use crate::error::{Error, Result, Side, Step};
use crate::sharing::compare::{Comparison, Verdict, compare};
use crate::sharing::extents::{Account, Extent, extents};
use crate::sharing::{LARGEST, Reported, Span};
use crate::sys::maps::{Content, Record};
use crate::sys::{Errno, Native};

/// Do not write the file out first. By default the library writes out the whole file (as fdatasync(2) does, without waiting
/// for the device), since a new or rewritten range has no place until then. With this flag, and only if a part of the
/// file is not written out, bytes that may be concerned are pending or unknown. No answer becomes false. Overlayfs does
/// not say whether all is written out: there, shared blocks and holes are always pending.
pub const REFLINK_MAP_NO_FLUSH: u64 = 0x1000_0000_0000_0000;

/// In `flags` of struct reflink_extents_result: `bytes_exclusive` is exact, since the file system itself counts it. Only
/// APFS does, for a whole file: offset 0, REFLINK_TO_EOF, without REFLINK_MAP_NO_FLUSH.
pub const REFLINK_EXACT: u32 = 0x40;
/// In `flags` of struct reflink_extents_result and struct reflink_shared_result: a file changed during the call, or
/// the file system's answers contradict each other. The sums of reflink_extents() then mix old and new.
/// reflink_shared() reports all bytes as unknown.
pub const REFLINK_MAP_CHANGED: u32 = 0x80;

/// Bytes in blocks.
pub const REFLINK_EXTENT_DATA: u32 = 1;
/// A hole: no blocks, reads as zeros.
pub const REFLINK_EXTENT_HOLE: u32 = 2;
/// Blocks that are reserved and not written yet: they read as zeros.
pub const REFLINK_EXTENT_PREALLOCATED: u32 = 3;
/// Bytes in the metadata of the file system: no blocks.
pub const REFLINK_EXTENT_INLINE: u32 = 4;
/// Bytes without a known place: not written out yet, or the file system does not say where.
pub const REFLINK_EXTENT_PENDING: u32 = 5;

/// In `flags` of struct reflink_extent: something else uses the blocks too (another file, a snapshot, or another
/// place of the same file). On Btrfs this holds for a whole extent as soon as a part of it is used elsewhere, on ReFS as
/// soon as its first cluster is. On XFS the flag can stay for a moment after the other file was removed. On APFS it
/// is set only in a file that shares all of its blocks.
pub const REFLINK_EXTENT_SHARED: u32 = 0x1;
/// In `flags` of struct reflink_extent: compressed or encrypted. `length` is that of the file's bytes, and the blocks
/// may be fewer.
pub const REFLINK_EXTENT_ENCODED: u32 = 0x2;
/// In `flags` of struct reflink_extent: `place` is valid. Two extents on one volume hold the same blocks if both have
/// this flag and REFLINK_EXTENT_SHARED and their places are equal. reflink_shared() makes this comparison safely.
pub const REFLINK_EXTENT_PLACE: u32 = 0x4;
/// In `flags` of struct reflink_extent: beyond the end of the file.
pub const REFLINK_EXTENT_BEYOND_EOF: u32 = 0x8;

/// The file system gives out no map of its files (NFS, FUSE, ZFS, tmpfs, all of FreeBSD), the data are kept elsewhere (in
/// a cloud), or it is forbidden to ask. `reason` and `os_error` say which.
pub const REFLINK_SHARING_UNKNOWN: u32 = 0;
/// The file system gives out a map, which does not say for all bytes whether they are shared. SMB says it for none, APFS
/// for none in a file that shares only a part, ReFS not for an extent longer than a cluster if its first cluster is not
/// shared. `bytes_shared` is then a minimum.
pub const REFLINK_SHARING_UNREPORTED: u32 = 1;
/// The file system says what is shared, or cannot share anything (ext4).
pub const REFLINK_SHARING_KNOWN: u32 = 2;

/// It cannot be told whether any byte is shared.
pub const REFLINK_SHARED_UNKNOWN: u32 = 0;
/// Nothing is shared.
pub const REFLINK_SHARED_NONE: u32 = 1;
/// A part is shared. Unknown bytes may be shared too.
pub const REFLINK_SHARED_PART: u32 = 2;
/// Everything is shared: both ranges end together, nothing is apart, nothing is unknown.
pub const REFLINK_SHARED_ALL: u32 = 3;

/// A piece of a file. This structure has no size and never grows, since it comes in arrays.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct reflink_extent {
    /// Where it begins in the file.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// With REFLINK_EXTENT_PLACE: where it lies on the volume, in bytes. A number to compare; it need not be an
    /// address of a device. Else 0.
    pub place: u64,
    /// REFLINK_EXTENT_DATA, REFLINK_EXTENT_HOLE, REFLINK_EXTENT_PREALLOCATED, REFLINK_EXTENT_INLINE or
    /// REFLINK_EXTENT_PENDING.
    pub kind: u32,
    /// REFLINK_EXTENT_SHARED, REFLINK_EXTENT_ENCODED, REFLINK_EXTENT_PLACE, REFLINK_EXTENT_BEYOND_EOF.
    pub flags: u32,
    /// 0.
    pub reserved: u64,
}

/// What a range of a file is made of. Filled on success and on failure. The seven sums from `bytes_shared` to
/// `bytes_pending` add up to `length`.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct reflink_extents_result {
    /// sizeof(struct reflink_extents_result), as REFLINK_EXTENTS_RESULT_INIT sets it.
    pub size: u32,
    /// REFLINK_STEP_*: which operation failed.
    pub step: u32,
    /// REFLINK_REASON_*: why there is no map (REFLINK_SHARING_UNKNOWN).
    pub reason: u32,
    /// REFLINK_EXACT, REFLINK_MAP_CHANGED, REFLINK_AT_SOURCE.
    pub flags: u32,
    /// The raw error of the operating system behind a failure, or behind REFLINK_SHARING_UNKNOWN. 0 if none.
    pub os_error: i32,
    /// REFLINK_SHARING_UNKNOWN, REFLINK_SHARING_UNREPORTED or REFLINK_SHARING_KNOWN. Only with REFLINK_SHARING_KNOWN
    /// does `bytes_unshared` mean that nothing else uses these bytes.
    pub reported: u32,
    /// Bytes looked at: the range, up to the end of the file. 0 with REFLINK_SHARING_UNKNOWN.
    pub length: u64,
    /// Bytes in blocks that something else uses too.
    pub bytes_shared: u64,
    /// Bytes in blocks that nothing else uses, as far as the file system says.
    pub bytes_unshared: u64,
    /// Bytes that are compressed or encrypted, shared or not.
    pub bytes_encoded: u64,
    /// Bytes in preallocated blocks, up to the end of the file.
    pub bytes_preallocated: u64,
    /// Bytes in holes.
    pub bytes_hole: u64,
    /// Bytes in the metadata of the file system.
    pub bytes_inline: u64,
    /// Bytes without a known place.
    pub bytes_pending: u64,
    /// Of `bytes_encoded`: those that are shared.
    pub bytes_encoded_shared: u64,
    /// Of `bytes_preallocated`: those that are shared (Btrfs). A write to them allocates new blocks.
    pub bytes_preallocated_shared: u64,
    /// Bytes held beyond the end of the file, as far as the range reaches there. The rest of the last block is not
    /// counted.
    pub bytes_beyond_eof: u64,
    /// Bytes that no other file uses: unshared data, and unshared preallocated blocks before and beyond the end of
    /// the file. A minimum, and 0 unless `reported` is REFLINK_SHARING_KNOWN. Exception: with REFLINK_EXACT the number is
    /// exact whatever `reported` is, in whole blocks, as the file system counts them. Removing the file need not free
    /// these bytes: it may be open, have other names, or be in a snapshot that was made later.
    pub bytes_exclusive: u64,
    /// Extents of the file in the range. Holes are not counted.
    pub extents: u64,
}

/// How two ranges relate. Filled on success and on failure. `bytes_same`, `bytes_apart`, `bytes_hole` and
/// `bytes_unknown` add up to `length`.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct reflink_shared_result {
    /// sizeof(struct reflink_shared_result), as REFLINK_SHARED_RESULT_INIT sets it.
    pub size: u32,
    /// REFLINK_STEP_*: which operation failed.
    pub step: u32,
    /// REFLINK_REASON_CROSS_DEVICE: the files lie on two volumes, which cannot share. Another REFLINK_REASON_*: why
    /// there is no map (REFLINK_SHARING_UNKNOWN).
    pub reason: u32,
    /// REFLINK_MAP_CHANGED, REFLINK_AT_SOURCE (`a`), REFLINK_AT_DESTINATION (`b`).
    pub flags: u32,
    /// The raw error of the operating system behind a failure, or behind REFLINK_SHARING_UNKNOWN. 0 if none.
    pub os_error: i32,
    /// REFLINK_SHARING_UNKNOWN, REFLINK_SHARING_UNREPORTED or REFLINK_SHARING_KNOWN: the lower one of both files.
    pub reported: u32,
    /// REFLINK_SHARED_UNKNOWN, REFLINK_SHARED_NONE, REFLINK_SHARED_PART or REFLINK_SHARED_ALL.
    pub verdict: u32,
    /// 0.
    pub reserved: u32,
    /// Bytes looked at: the range, up to the later of both ends of file.
    pub length: u64,
    /// Bytes that lie at one place in both.
    pub bytes_same: u64,
    /// Bytes that lie at different places, or that only one of both has.
    pub bytes_apart: u64,
    /// Bytes that are holes in both.
    pub bytes_hole: u64,
    /// Bytes about which the file system does not say enough: compressed, or without a place.
    pub bytes_unknown: u64,
    /// The first byte that is apart, counted from the beginning of the ranges; `length` if there is none.
    pub first_apart: u64,
    /// The first byte that is unknown; `length` if there is none.
    pub first_unknown: u64,
}

// SAFETY: integers.
unsafe impl Extensible for reflink_extents_result {
    const FIRST: usize = offset_of!(reflink_extents_result, extents) + 8;
}

// SAFETY: integers.
unsafe impl Extensible for reflink_shared_result {
    const FIRST: usize = offset_of!(reflink_shared_result, first_unknown) + 8;
}

const fn reported_number(reported: Reported) -> u32 {
    match reported {
        Reported::Unknown => REFLINK_SHARING_UNKNOWN,
        Reported::Unreported => REFLINK_SHARING_UNREPORTED,
        Reported::Known => REFLINK_SHARING_KNOWN,
    }
}

const fn verdict_number(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Unknown => REFLINK_SHARED_UNKNOWN,
        Verdict::None => REFLINK_SHARED_NONE,
        Verdict::Part => REFLINK_SHARED_PART,
        Verdict::All => REFLINK_SHARED_ALL,
    }
}

/// The first members of both results: step, reason, flags and the system's error.
fn beginning(error: Option<Error>, refused: Option<Errno>, changed: bool) -> (u32, u32, u32, i32) {
    let step = error.map_or(Step::None, |error| error.step);
    let reason = refused.map_or(REFLINK_REASON_NONE, |errno| reason_number(table::reason(errno)));
    let raw = error.map(|error| error.os_error()).or(refused.map(Errno::raw)).unwrap_or(0);
    (step_number(step), reason, side_flag(step) | if changed { REFLINK_MAP_CHANGED } else { 0 }, raw)
}

fn extents_result(account: &Account, error: Option<Error>) -> reflink_extents_result {
    let (step, reason, flags, os_error) = beginning(error, account.refused, account.changed);
    let flags = flags | if account.exact { REFLINK_EXACT } else { 0 };
    reflink_extents_result {
        size: 0,
        step,
        reason,
        flags,
        os_error,
        reported: reported_number(account.reported),
        length: account.length,
        bytes_shared: account.shared,
        bytes_unshared: account.unshared,
        bytes_encoded: account.encoded,
        bytes_preallocated: account.preallocated,
        bytes_hole: account.holes,
        bytes_inline: account.inline,
        bytes_pending: account.pending,
        bytes_encoded_shared: account.encoded_shared,
        bytes_preallocated_shared: account.preallocated_shared,
        bytes_beyond_eof: account.beyond,
        bytes_exclusive: account.exclusive,
        extents: account.extents,
    }
}

fn shared_result(found: &Comparison, error: Option<Error>) -> reflink_shared_result {
    let (step, reason, flags, os_error) = beginning(error, found.refused, found.changed);
    reflink_shared_result {
        size: 0,
        step,
        reason: if found.two_volumes { REFLINK_REASON_CROSS_DEVICE } else { reason },
        flags,
        os_error,
        reported: reported_number(found.reported),
        verdict: if error.is_some() { REFLINK_SHARED_UNKNOWN } else { verdict_number(found.verdict()) },
        reserved: 0,
        length: found.length,
        bytes_same: found.same,
        bytes_apart: found.apart,
        bytes_hole: found.holes,
        bytes_unknown: found.unknown,
        first_apart: found.first_apart,
        first_unknown: found.first_unknown,
    }
}

/// A piece as the caller gets it.
fn extent(of: &Extent) -> reflink_extent {
    let Record { offset, length, place, content, shared, .. } = of.record;
    let kind = match content {
        Content::Data | Content::Encoded => REFLINK_EXTENT_DATA,
        Content::Hole => REFLINK_EXTENT_HOLE,
        Content::Preallocated => REFLINK_EXTENT_PREALLOCATED,
        Content::Inline => REFLINK_EXTENT_INLINE,
        Content::Pending => REFLINK_EXTENT_PENDING,
    };
    let flags = [
        (shared, REFLINK_EXTENT_SHARED),
        (content == Content::Encoded, REFLINK_EXTENT_ENCODED),
        (place.is_some(), REFLINK_EXTENT_PLACE),
        (of.beyond, REFLINK_EXTENT_BEYOND_EOF),
    ];
    let flags = flags.iter().filter(|flag| flag.0).fold(0, |all, flag| all | flag.1);
    reflink_extent { offset, length, place: place.unwrap_or(0), kind, flags, reserved: 0 }
}

/// The caller's function for batches of extents.
type Each = unsafe extern "C" fn(user: *mut c_void, extents: *const reflink_extent, count: usize) -> c_int;

/// How many extents the caller gets with one call.
const BATCH: usize = 64;

/// Collects extents for the caller's function.
struct Batch {
    each: Each,
    user: *mut c_void,
    extents: [MaybeUninit<reflink_extent>; BATCH],
    count: usize,
}

impl Batch {
    /// Adds one; `false` if the caller wants no more.
    fn add(&mut self, piece: &Extent) -> bool {
        if let Some(free) = self.extents.get_mut(self.count) {
            free.write(extent(piece));
            self.count = self.count.saturating_add(1);
        }
        self.count < BATCH || self.give()
    }

    /// Gives out what there is.
    fn give(&mut self) -> bool {
        let count = core::mem::take(&mut self.count);
        // SAFETY: the caller gave this function and this pointer to be called with each other, during this call; `add`
        // wrote the first `count` extents.
        count == 0 || unsafe { (self.each)(self.user, self.extents.as_ptr().cast(), count) == 0 }
    }
}

/// Whether to write out what is not written; an error for other flags.
fn flush(flags: u64) -> Result<bool> {
    if flags & !REFLINK_MAP_NO_FLUSH != 0 { Err(invalid()) } else { Ok(flags == 0) }
}

/// Runs a look, and writes its result.
///
/// # Safety
/// `result` is NULL or points to a structure of the size that its first member says.
unsafe fn look<T: Extensible>(result: *mut T, work: impl FnOnce() -> (T, Option<Error>)) -> c_int {
    guard(|| {
        // SAFETY: the caller of this function vouches for it.
        if let Err(code) = unsafe { sized::check_writable(result) } {
            return code;
        }
        let (value, error) = work();
        if !result.is_null() {
            // SAFETY: checked above.
            unsafe { sized::write(result, &value) };
        }
        error.map_or(0, |error| codes::of(&error))
    })
}

/// Finds out what a range of an open file is made of: data, holes, preallocated blocks, and which bytes are shared.
///
/// Reports what the file system says: on Linux by FIEMAP, on macOS by F_LOG2PHYS_EXT and fgetattrlist(2), on Windows by
/// retrieval pointers and their reference counts. (The last two are compiled, never run.) If the file system says nothing,
/// the function returns 0 and reports that in `reported` of struct reflink_extents_result. The file is not changed, and its
/// offset does not move.
///
/// The answer may be out of date at once: another process may write at any time. REFLINK_MAP_CHANGED reports changes that
/// were noticed during the call. The memory needed does not depend on the file.
///
/// @param fd      A regular file, open for reading or writing. On Windows, to write out a file on ReFS or a sparse one, it must be open for writing, or the caller be allowed to open it so. Else the answer is REFLINK_SHARING_UNKNOWN, unless REFLINK_MAP_NO_FLUSH is set.
/// @param offset  Where the range begins, in bytes.
/// @param length  The range's length in bytes, or REFLINK_TO_EOF, which includes blocks beyond the end of the file.
/// @param flags   0 or REFLINK_MAP_NO_FLUSH.
/// @param result  Receives the sums, on success and on failure. May be NULL.
/// @param each    Called with a batch of extents in order of their offsets, holes included, by the thread that called
///   the library; NULL for the sums only. The array is valid during the call. Non-zero cancels with -ECANCELED. It must
///   not throw, longjmp or call pthread_exit.
/// @param user    Passed to `each`.
/// @return 0, or a negative code, among others:
/// - -EINVAL: an unknown flag, an offset or a length beyond 2^63-1, a structure that is too small; -E2BIG: one that is
///   too large.
/// - -EBADF: the descriptor is closed, or open with O_PATH.
/// - -EISDIR, REFLINK_ERR_NOT_REGULAR: not a regular file.
/// - -EIO, -ENOSPC, -EDQUOT: writing the file out failed, or reading the map.
/// - -ECANCELED: `each` returned non-zero.
/// - REFLINK_ERR_INCONSISTENT, REFLINK_ERR_PANIC: see there.
///
/// Thread-safe. The time grows with the number of extents in the range. Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reflink_extents(
    fd: reflink_handle,
    offset: u64,
    length: u64,
    flags: u64,
    result: *mut reflink_extents_result,
    each: Option<
        unsafe extern "C" fn(user: *mut c_void, extents: *const reflink_extent, count: usize) -> c_int,
    >,
    user: *mut c_void,
) -> c_int {
    let work = || {
        let mut account = Account::default();
        let span = Span { fd, side: Side::Source, offset, length };
        let outcome = flush(flags).and_then(|flush| give_extents(&span, flush, each, user, &mut account));
        let error = outcome.err();
        (extents_result(&account, error), error)
    };
    // SAFETY: the caller passes NULL or a structure of the size that it says, as the header says.
    unsafe { look(result, work) }
}

fn give_extents(
    span: &Span,
    flush: bool,
    each: Option<Each>,
    user: *mut c_void,
    account: &mut Account,
) -> Result<()> {
    let Some(each) = each else { return extents(&Native, span, flush, None, account) };
    let mut batch = Batch { each, user, extents: [const { MaybeUninit::uninit() }; BATCH], count: 0 };
    extents(&Native, span, flush, Some(&mut |piece| batch.add(piece)), account)?;
    if batch.give() { Ok(()) } else { Err(Error::new(Step::Progress, crate::error::Cause::Cancelled)) }
}

/// Finds out whether two ranges share their blocks: whether their bytes lie at one place on the volume.
///
/// REFLINK_SHARED_ALL in `verdict` is a proof. A byte counts as `bytes_same` only where the file system marks it as
/// shared in both files, reports the same place for both, and neither file changed during the call. What
/// cannot be proven is `bytes_unknown`. The following is never proven: compressed data, data in the metadata, files on
/// overlayfs, on bcachefs, on realtime devices of XFS and on SMB. Snapshots and subvolumes of one Btrfs volume can be compared.
/// On macOS and Windows nothing is proven of two files except that they are apart: no manual says that a flush writes out
/// what other programs changed through mappings.
///
/// Compares places and not content: equal bytes at two places are `bytes_apart`. A range compared with itself is
/// `bytes_same`, also through two names of the file. The files are not changed, and their offsets do not move.
///
/// @param a         A regular file, open for reading or writing.
/// @param a_offset  Where the range begins in it, in bytes.
/// @param b         Another regular file, or the same.
/// @param b_offset  Where the range begins in `b`. The offsets may differ.
/// @param length    The ranges' length in bytes, or REFLINK_TO_EOF. Bytes that only one file has are `bytes_apart`.
/// @param flags     0 or REFLINK_MAP_NO_FLUSH.
/// @param result    Receives the answer, on success and on failure. May be NULL.
/// @return 0, whatever the answer is, or a negative code: see reflink_extents().
///
/// Thread-safe. The time grows with the number of extents in both ranges. Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reflink_shared(
    a: reflink_handle,
    a_offset: u64,
    b: reflink_handle,
    b_offset: u64,
    length: u64,
    flags: u64,
    result: *mut reflink_shared_result,
) -> c_int {
    let work = || {
        let of = |fd, side, offset| Span { fd, side, offset, length };
        let (a, b) = (of(a, Side::Source, a_offset), of(b, Side::Destination, b_offset));
        let outcome = flush(flags).and_then(|flush| compare(&Native, &a, &b, flush));
        let error = outcome.err();
        (shared_result(&outcome.unwrap_or_default(), error), error)
    };
    // SAFETY: the caller passes NULL or a structure of the size that it says, as the header says.
    unsafe { look(result, work) }
}

// REFLINK_TO_EOF is the engine's largest length.
const _: () = assert!(REFLINK_TO_EOF == LARGEST);
