//! Clones on ReFS and its like by FSCTL_DUPLICATE_EXTENTS_TO_FILE: what must hold before the request, and what is put back after it.
//! Sources: "Block cloning on ReFS" (learn.microsoft.com/windows-server/storage/refs/block-cloning), [MS-FSCC] 2.3.7 and 2.3.8.

use super::errors::{INVALID_PARAMETER, NOT_SAME_DEVICE, NOT_SUPPORTED, errno_of};
use crate::sys::api::{Errno, Fd, Result};
use crate::sys::errno::{EINVAL, EIO, EOPNOTSUPP};

/// The most that one request clones. It must be less than 4 GiB; 1 GiB is a multiple of every cluster
/// size, and no driver or server on the way takes it for a negative number.
pub const STEP: u64 = 1 << 30;

/// The largest offset that a file can have.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// What the volume of a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefsVolume {
    /// Bytes in a cluster.
    pub cluster: u64,
    /// FILE_SUPPORTS_BLOCK_REFCOUNTING is among its flags.
    pub clones: bool,
}

/// A file's integrity streams (FSCTL_GET_INTEGRITY_INFORMATION).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Integrity {
    /// The checksum algorithm, CHECKSUM_TYPE_NONE being 0.
    pub algorithm: u16,
    /// FSCTL_INTEGRITY_FLAG_CHECKSUM_ENFORCEMENT_OFF.
    pub flags: u32,
}

/// The calls that these rules are made of, each one request to the system, its error as
/// `win32_errors` has it.
pub trait RefsCalls {
    /// What the volume of a file says of itself.
    fn volume_of(&self, fd: Fd) -> Result<RefsVolume>;
    /// Whether two files are on one volume.
    fn same_volume(&self, one: Fd, other: Fd) -> Result<bool>;
    /// FSCTL_GET_INTEGRITY_INFORMATION.
    fn integrity(&self, fd: Fd) -> Result<Integrity>;
    /// FSCTL_SET_INTEGRITY_INFORMATION.
    fn set_integrity(&self, fd: Fd, integrity: Integrity) -> Result<()>;
    /// Whether FILE_ATTRIBUTE_SPARSE_FILE is set.
    fn is_sparse(&self, fd: Fd) -> Result<bool>;
    /// FSCTL_SET_SPARSE.
    fn set_sparse(&self, fd: Fd, sparse: bool) -> Result<()>;
    /// The end of the file.
    fn end_of_file(&self, fd: Fd) -> Result<u64>;
    /// Sets the end of the file.
    fn set_end_of_file(&self, fd: Fd, end: u64) -> Result<()>;
    /// FSCTL_DUPLICATE_EXTENTS_TO_FILE, sent to `dst`.
    fn duplicate_extents(
        &self,
        src: Fd,
        src_offset: u64,
        dst: Fd,
        dst_offset: u64,
        length: u64,
    ) -> Result<()>;
}

/// [`crate::sys::Extensions::clone_file`]: as FICLONE, it does not shorten a longer destination.
pub fn clone_file<C: RefsCalls>(calls: &C, src: Fd, dst: Fd) -> Result<()> {
    match calls.end_of_file(src)? {
        0 => clone_nothing(calls, src, dst),
        size => clone_range(calls, src, 0, size, dst, 0),
    }
}

/// [`crate::sys::Extensions::clone_nothing`]: the request itself proves nothing when there is nothing to clone,
/// since it succeeds on NTFS too (seen by git-lfs); the volumes are asked instead.
pub fn clone_nothing<C: RefsCalls>(calls: &C, src: Fd, dst: Fd) -> Result<()> {
    cluster_of_both(calls, src, dst).map(drop)
}

/// [`crate::sys::Extensions::clone_range`]. After an error the destination has its old size, integrity and
/// sparseness; of its bytes, only those of the range may have changed.
pub fn clone_range<C: RefsCalls>(
    calls: &C,
    src: Fd,
    src_offset: u64,
    length: u64,
    dst: Fd,
    dst_offset: u64,
) -> Result<()> {
    if length == 0 {
        return Ok(());
    }
    let cluster = cluster_of_both(calls, src, dst)?;
    let sizes = (calls.end_of_file(src)?, calls.end_of_file(dst)?);
    let region = Region::new((src_offset, dst_offset), length, cluster, sizes).ok_or_else(invalid)?;
    let mut lent = Lent::default();
    match lend(calls, src, dst, &region, &mut lent).and_then(|()| region.duplicate(calls, src, dst)) {
        Ok(()) => {
            lent.return_sparseness(calls, dst);
            Ok(())
        }
        Err(errno) => lent.take_back(calls, dst, &region).map_err(cannot_be_put_back).and(Err(errno)),
    }
}

/// The cluster size, where the destination's volume can clone and the source is on it.
fn cluster_of_both<C: RefsCalls>(calls: &C, src: Fd, dst: Fd) -> Result<u64> {
    let volume = calls.volume_of(dst)?;
    if !volume.clones {
        return Err(errno_of(NOT_SUPPORTED));
    }
    if !calls.same_volume(src, dst)? {
        return Err(errno_of(NOT_SAME_DEVICE));
    }
    Ok(volume.cluster)
}

/// Reported as EIO: the destination could not be restored, so no other method may continue.
const fn cannot_be_put_back(errno: Errno) -> Errno {
    Errno::standing_for(errno.raw(), EIO)
}

fn invalid() -> Errno {
    errno_of(INVALID_PARAMETER)
}

/// What is to be cloned, in whole clusters.
struct Region {
    src_offset: u64,
    dst_offset: u64,
    /// The length, rounded up to whole clusters where it reaches the end of both files.
    clusters: u64,
    /// Where the destination ended.
    old_end: u64,
    /// Where the range ends in it.
    new_end: u64,
}

impl Region {
    /// `None` where the file system would refuse, or share bytes behind the destination's last one:
    /// a partial cluster is only cloned from the source's end to the destination's. A file of less
    /// than a cluster is not cloned at all.
    fn new(
        (src_offset, dst_offset): (u64, u64),
        length: u64,
        cluster: u64,
        (src_size, dst_size): (u64, u64),
    ) -> Option<Self> {
        let aligned = |offset: u64| offset.checked_rem(cluster) == Some(0);
        let (src_end, dst_end) = (src_offset.checked_add(length)?, dst_offset.checked_add(length)?);
        let whole = aligned(length) || (src_end == src_size && dst_end >= dst_size);
        let clusters = length.checked_next_multiple_of(cluster)?;
        let fits = |offset: u64| offset.checked_add(clusters).is_some_and(|end| end <= LARGEST);
        let possible = aligned(src_offset)
            && aligned(dst_offset)
            && aligned(STEP)
            && whole
            && src_end <= src_size
            && src_size >= cluster
            && fits(src_offset)
            && fits(dst_offset);
        let (old_end, new_end) = (dst_size, dst_end);
        possible.then_some(Self { src_offset, dst_offset, clusters, old_end, new_end })
    }

    fn grows(&self) -> bool {
        self.new_end > self.old_end
    }

    fn duplicate<C: RefsCalls>(&self, calls: &C, src: Fd, dst: Fd) -> Result<()> {
        let mut done = 0_u64;
        while done < self.clusters {
            let step = self.clusters.saturating_sub(done).min(STEP);
            let (from, to) = (self.src_offset.saturating_add(done), self.dst_offset.saturating_add(done));
            calls.duplicate_extents(src, from, dst, to, step).map_err(of_this_file)?;
            done = done.saturating_add(step);
        }
        Ok(())
    }
}

/// "Not supported" is not about the volume here, which says that it can: ranges that overlap, a sparse
/// source and a destination that is not, a range beyond what is allocated ([MS-FSCC] 2.3.8).
fn of_this_file(errno: Errno) -> Errno {
    if errno == errno_of(NOT_SUPPORTED) { Errno::standing_for(errno.raw(), EINVAL) } else { errno }
}

/// What was changed of the destination for the time of the clone.
#[derive(Default)]
struct Lent {
    /// Its own integrity setting, which an empty file gave up for the source's.
    integrity: Option<Integrity>,
    /// It was made sparse.
    sparse: bool,
    /// And may stay so: the source is.
    stays_sparse: bool,
    grown: bool,
}

/// Makes the destination like the source, and as long as it is to be: the request does not extend it.
fn lend<C: RefsCalls>(calls: &C, src: Fd, dst: Fd, region: &Region, lent: &mut Lent) -> Result<()> {
    let empty = region.old_end == 0;
    let (theirs, own) = (integrity_of(calls, src)?, integrity_of(calls, dst)?);
    // "The integrity status can only be changed for empty files" (FSCTL_SET_INTEGRITY_INFORMATION, Remarks).
    if theirs.algorithm != own.algorithm && !empty {
        return Err(invalid());
    }
    if theirs != own && empty {
        lent.integrity = Some(own);
        calls.set_integrity(dst, theirs)?;
    }
    let (src_sparse, dst_sparse) = (calls.is_sparse(src)?, calls.is_sparse(dst)?);
    if src_sparse && !dst_sparse && !empty {
        return Err(invalid());
    }
    if region.grows() {
        // A file that is not sparse would be given clusters up to its new end first, on a full volume
        // in vain; the clone brings its own.
        if !dst_sparse {
            (lent.sparse, lent.stays_sparse) = (true, src_sparse);
            calls.set_sparse(dst, true)?;
        }
        lent.grown = true;
        calls.set_end_of_file(dst, region.new_end)?;
    }
    Ok(())
}

/// Not every file system that clones has integrity streams (servers that keep their files on another one).
fn integrity_of<C: RefsCalls>(calls: &C, fd: Fd) -> Result<Integrity> {
    match calls.integrity(fd) {
        Err(errno) if errno.is(EOPNOTSUPP) => Ok(Integrity::default()),
        outcome => outcome,
    }
}

impl Lent {
    /// A clone of a file that is not sparse has no holes either: nothing is allocated here but what
    /// may lie between the old end and the clone, as in any file that is not sparse. Where it cannot be
    /// done, all of the clone is there, with an attribute that takes nothing from it.
    fn return_sparseness<C: RefsCalls>(&self, calls: &C, dst: Fd) {
        if self.sparse && !self.stays_sparse {
            let _ = again(|| calls.set_sparse(dst, false));
        }
    }

    /// Puts everything back, the size first: the other settings are those of a file that is empty
    /// again. Each tried once more, since what stays changed would stay so for good.
    fn take_back<C: RefsCalls>(&self, calls: &C, dst: Fd, region: &Region) -> Result<()> {
        let mut outcome = Ok(());
        if self.grown {
            outcome = again(|| calls.set_end_of_file(dst, region.old_end));
        }
        if self.sparse {
            outcome = outcome.and(again(|| calls.set_sparse(dst, false)));
        }
        if let Some(integrity) = self.integrity {
            outcome = outcome.and(again(|| calls.set_integrity(dst, integrity)));
        }
        outcome
    }
}

fn again(call: impl Fn() -> Result<()>) -> Result<()> {
    call().or_else(|_| call())
}
