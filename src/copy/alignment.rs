//! How a range falls on the blocks that clones are made of, and how large those may be.
//! Planned without asking the kernel, whose EINVAL has the last word.

use crate::sys::{Fd, Sys};

/// How a range falls on blocks, in bytes from its beginning: `[0, head)` is copied, `[head,
/// middle)` can be cloned, the rest is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The end of the first partial block.
    pub head: u64,
    /// The end of the last whole block, or of the file.
    pub middle: u64,
}

/// Plans `length` bytes for clones aligned to `unit`. `None` where nothing of it can be cloned.
///
/// `src_size` and `dst_size` decide on a partial last block: the kernel shares the source's last
/// one only where it becomes, or goes beyond, the destination's last one (else the bytes after it
/// in that block would be the source's too).
pub fn plan(
    src_offset: u64,
    dst_offset: u64,
    length: u64,
    unit: u64,
    src_size: u64,
    dst_size: u64,
) -> Option<Plan> {
    let phase = src_offset.checked_rem(unit)?;
    if dst_offset.checked_rem(unit)? != phase {
        return None;
    }
    let head = if phase == 0 { 0 } else { unit.saturating_sub(phase) };
    let src_end = src_offset.checked_add(length)?;
    let reaches_end = src_end == src_size && dst_offset.checked_add(length)? >= dst_size;
    let past = if reaches_end { 0 } else { src_end.checked_rem(unit)? };
    let middle = length.checked_sub(past)?;
    (middle > head).then_some(Plan { head, middle })
}

/// The alignments to try, the smallest first: what the file system calls its block size, and what
/// the file prefers. Neither is the truth everywhere (NFS says its transfer size, ZFS goes by the
/// file's record size, SMB's client says less than its server's blocks), so 4 KiB, which most have,
/// comes between, and the kernel's EINVAL moves on to the next.
pub fn units<S: Sys>(sys: &S, dst: Fd, preferred: u64) -> [u64; 4] {
    let volume = sys.volume(dst).map_or(4096, |volume| volume.block_size).max(512);
    let mut units = [volume.min(4096), 4096, volume, preferred.max(512)];
    units.sort_unstable();
    units
}
