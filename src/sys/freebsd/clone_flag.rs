//! Clones by copy_file_range(2) with COPY_FILE_RANGE_CLONE, as FreeBSD 15 makes them: all of a range or nothing, and why not.
//! Sources: copy_file_range(2) of August 16, 2025, pathconf(2), and what FreeBSD 13 and 14 say of any flag (EINVAL).

use crate::sys::api::{Errno, Fd, Result};
use crate::sys::errno::{EINVAL, EIO, EOPNOTSUPP, EXDEV};

/// <unistd.h>: "require cloning".
pub const COPY_FILE_RANGE_CLONE: u32 = 0x0080_0000;

/// The most that one call is asked for: a `ssize_t` of 32 bits can say how much it was, and every
/// block size divides it.
const STEP: u64 = 1 << 30;

/// The calls that these rules are made of.
pub trait CloneFlagCalls {
    /// copy_file_range(2) at these offsets, with these flags.
    fn copy_file_range(
        &self,
        src: Fd,
        src_offset: u64,
        dst: Fd,
        dst_offset: u64,
        length: u64,
        flags: u32,
    ) -> Result<u64>;
    /// fpathconf(2), _PC_CLONE_BLKSIZE: 0 where the file system cannot clone, or the system does not
    /// know the question.
    fn clone_block_size(&self, fd: Fd) -> u64;
    /// The size.
    fn end_of_file(&self, fd: Fd) -> Result<u64>;
    /// Sets the size.
    fn set_end_of_file(&self, fd: Fd, end: u64) -> Result<()>;
}

/// [`crate::sys::Extensions::clone_file`]: as FICLONE, it does not shorten a longer destination.
pub fn clone_file<C: CloneFlagCalls>(calls: &C, src: Fd, dst: Fd) -> Result<()> {
    match calls.end_of_file(src)? {
        0 => clone_nothing(calls, src, dst),
        size => clone_range(calls, src, 0, size, dst, 0),
    }
}

/// [`crate::sys::Extensions::clone_nothing`]: that the flag is known, and that both file systems clone.
pub fn clone_nothing<C: CloneFlagCalls>(calls: &C, src: Fd, dst: Fd) -> Result<()> {
    if !knows_flag(calls, src, dst)? || calls.clone_block_size(dst) == 0 {
        return Err(Errno(EOPNOTSUPP));
    }
    if calls.clone_block_size(src) == 0 { Err(Errno(EXDEV)) } else { Ok(()) }
}

/// [`crate::sys::Extensions::clone_range`]. After an error the destination has its old size; of its bytes, only
/// those of the range may have changed.
pub fn clone_range<C: CloneFlagCalls>(
    calls: &C,
    src: Fd,
    src_offset: u64,
    length: u64,
    dst: Fd,
    dst_offset: u64,
) -> Result<()> {
    let (src_size, dst_size) = (calls.end_of_file(src)?, calls.end_of_file(dst)?);
    if src_offset.checked_add(length).is_none_or(|end| end > src_size) {
        return Err(Errno(EINVAL));
    }
    let mut done = 0_u64;
    while done < length {
        let step = length.saturating_sub(done).min(STEP);
        let (from, to) = (src_offset.saturating_add(done), dst_offset.saturating_add(done));
        let failed = match calls.copy_file_range(src, from, dst, to, step, COPY_FILE_RANGE_CLONE) {
            Ok(moved @ 1..) if moved <= step => {
                done = done.saturating_add(moved);
                continue;
            }
            Ok(0) => Errno(EINVAL), // the source ends here by now
            Ok(_) => Errno(EIO),    // more than was asked for
            Err(errno) => explained(calls, errno, (src, src_offset), (dst, dst_offset), (length, src_size)),
        };
        // A part may have been cloned. If the destination cannot be restored, that is reported as EIO, so that no
        // other method continues.
        let back = take_back(calls, dst, dst_size);
        return back.map_err(|errno| Errno::standing_for(errno.raw(), EIO)).and(Err(failed));
    }
    Ok(())
}

fn take_back<C: CloneFlagCalls>(calls: &C, dst: Fd, old_size: u64) -> Result<()> {
    let cut = || match calls.end_of_file(dst)? {
        size if size > old_size => calls.set_end_of_file(dst, old_size),
        _ => Ok(()),
    };
    cut().or_else(|_| cut())
}

/// Asks for nothing, which is refused only where the flag is unknown.
fn knows_flag<C: CloneFlagCalls>(calls: &C, src: Fd, dst: Fd) -> Result<bool> {
    match calls.copy_file_range(src, 0, dst, 0, 0, COPY_FILE_RANGE_CLONE) {
        Err(errno) if errno.is(EINVAL) => Ok(false),
        outcome => outcome.map(|_| true),
    }
}

/// The errno that the engine's table knows: EINVAL for what is about this range,
/// EOPNOTSUPP for what is about the system or the volume, EXDEV for what is about the pair.
fn explained<C: CloneFlagCalls>(
    calls: &C,
    errno: Errno,
    (src, src_offset): (Fd, u64),
    (dst, dst_offset): (Fd, u64),
    (length, src_size): (u64, u64),
) -> Errno {
    if errno.is(EINVAL) {
        return match knows_flag(calls, src, dst) {
            Ok(true) => errno,
            Ok(false) => Errno(EOPNOTSUPP),
            Err(asked) => asked,
        };
    }
    if !errno.is(EOPNOTSUPP) {
        return errno;
    }
    let (theirs, ours) = (calls.clone_block_size(src), calls.clone_block_size(dst));
    let aligned = |offset: u64| offset.checked_rem(ours) == Some(0);
    let ends_whole = aligned(length) || src_offset.checked_add(length) == Some(src_size);
    match (theirs, ours) {
        (_, 0) => errno,
        (0, _) => Errno(EXDEV),
        // The block size is the volume's largest; a file of smaller ones may well be cloned by those, so
        // that it is asked about after the refusal only.
        _ if !(aligned(src_offset) && aligned(dst_offset) && ends_whole) => Errno(EINVAL),
        _ => errno,
    }
}
