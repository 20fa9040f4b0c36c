//! The allocation groups of XFS: parts of a volume with locks of their own. A directory's files are made in its group.
//! An inode number begins with the number of the group (ioctl_xfs_fsgeometry(2) tells how many bits follow).

use core::ptr;

use super::volumes;
use crate::sys::Sys;
use crate::sys::api::Fd;
use crate::sys::posix::{Native, done};

/// `_IOR('X', 100, struct xfs_fsop_geom_v1)` (xfs/xfs_fs.h), which all versions of XFS answer.
const GEOMETRY: libc::Ioctl = libc::_IOR::<Geometry>(b'X' as u32, 100);

/// `struct xfs_fsop_geom_v1`.
#[repr(C)]
#[derive(Default)]
struct Geometry {
    block_size: u32,
    realtime_extent: u32,
    /// Of a group.
    blocks: u32,
    groups: u32,
    log_blocks: u32,
    sector_size: u32,
    inode_size: u32,
    most_inodes: u32,
    sizes: [u64; 4],
    id: [u8; 16],
    rest: [u32; 8],
}

impl Geometry {
    /// How many bits of an inode number follow the number of its group: those of its block in the group, rounded up, and
    /// those of its place in the block.
    fn bits(&self) -> Option<u32> {
        let places = self.block_size.checked_div(self.inode_size)?.checked_ilog2()?;
        self.blocks.checked_next_power_of_two()?.checked_ilog2()?.checked_add(places)
    }
}

/// By how many bits to shift an inode number of this volume to get the number of its group. Other file systems are not asked:
/// the request may mean something else to them.
pub fn allocation_group_shift(fd: Fd) -> Option<u32> {
    if Native.volume(fd).ok()?.name != volumes::XFS {
        return None;
    }
    let mut geometry = Geometry::default();
    // SAFETY: the kernel writes one structure of this size.
    done(|| unsafe { libc::ioctl(fd, GEOMETRY, ptr::from_mut(&mut geometry)) }).ok()?;
    geometry.bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_group_begins_after_the_places_in_it() {
        let bits = |blocks, block_size, inode_size| {
            Geometry { blocks, block_size, inode_size, ..Geometry::default() }.bits()
        };
        assert_eq!(size_of::<Geometry>(), 112);
        assert_eq!(bits(786_432, 4096, 512), Some(20 + 3));
        assert_eq!(bits(1 << 19, 4096, 256), Some(19 + 4));
        assert_eq!(bits(4096, 1024, 1024), Some(12));
        assert_eq!(bits(0, 0, 0), None);
        assert_eq!(bits(4096, 512, 1024), None);
        assert_eq!(bits(u32::MAX, 4096, 512), None);
    }
}
