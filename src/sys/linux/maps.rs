//! Maps by FIEMAP (Documentation/filesystems/fiemap.rst), and what each file system's answers are worth.
//! An address is a place only if every flag of its record is known and none makes the address meaningless.

use core::mem::{MaybeUninit, offset_of};
use core::ptr;

use super::may_call;
use crate::sys::api::{Fd, Result, Stat, Sys, Volume};
use crate::sys::maps::{BATCH, Base, Batch, Content, Maps, Record, Said};
use crate::sys::posix::{Native, done};

/// `struct fiemap_extent` (linux/fiemap.h).
#[repr(C)]
#[derive(Clone, Copy)]
struct Extent {
    logical: u64,
    physical: u64,
    length: u64,
    reserved64: [u64; 2],
    flags: u32,
    reserved: [u32; 3],
}

/// `struct fiemap`, and room for the extents after it.
#[repr(C)]
struct Fiemap {
    start: u64,
    length: u64,
    flags: u32,
    mapped_extents: u32,
    extent_count: u32,
    reserved: u32,
    extents: [MaybeUninit<Extent>; BATCH],
}

const SYNC: u32 = 1;

const LAST: u32 = 0x1;
const UNKNOWN: u32 = 0x2;
const DELALLOC: u32 = 0x4;
const ENCODED: u32 = 0x8;
const ENCRYPTED: u32 = 0x80;
const INLINE: u32 = 0x200;
const TAIL: u32 = 0x400;
const UNWRITTEN: u32 = 0x800;
const MERGED: u32 = 0x1000;
const SHARED: u32 = 0x2000;

/// `_IOWR('f', 11, struct fiemap)`: the header alone.
const FIEMAP: libc::Ioctl = libc::_IOWR::<[u64; 4]>(b'f' as u32, 11);
/// `_IOR(0x94, 31, struct btrfs_ioctl_fs_info_args)` (linux/btrfs.h).
const BTRFS_FS_INFO: libc::Ioctl = libc::_IOR::<BtrfsInfo>(0x94, 31);
/// `_IOR('X', 31, struct fsxattr)` (linux/fs.h).
const FSGETXATTR: libc::Ioctl = libc::_IOR::<Fsxattr>(b'X' as u32, 31);
const REALTIME: u32 = 1;

/// `struct btrfs_ioctl_fs_info_args`.
#[repr(C)]
struct BtrfsInfo {
    max_id: u64,
    num_devices: u64,
    fsid: [u8; 16],
    rest: [u64; 124],
}

/// `struct fsxattr`.
#[repr(C)]
#[derive(Default)]
struct Fsxattr {
    xflags: u32,
    rest: [u32; 6],
}

/// `struct cachestat_range` and `struct cachestat` (linux/mman.h).
#[repr(C)]
#[derive(Default)]
struct CacheRange {
    offset: u64,
    length: u64,
}
#[repr(C)]
#[derive(Default)]
struct CacheStat {
    cached: u64,
    dirty: u64,
    writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

/// cachestat(2), Linux 6.5. All architectures count alike since clone3.
const SYS_CACHESTAT: libc::c_long = libc::SYS_close_range + 15;

const _: () = {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::unnecessary_cast)]
    let fiemap = FIEMAP as u32;
    assert!(fiemap == 0xc020_660b);
    assert!(offset_of!(Fiemap, extents) == 32 && size_of::<Extent>() == 56);
    assert!(size_of::<BtrfsInfo>() == 1024 && offset_of!(BtrfsInfo, fsid) == 16);
    assert!(size_of::<Fsxattr>() == 28);
};

/// What the kernel has in memory of a range; a length of 0 is "to the end".
fn cache_of(fd: Fd, offset: u64, length: u64) -> Option<CacheStat> {
    let (range, mut found) = (CacheRange { offset, length }, CacheStat::default());
    // SAFETY: the kernel reads one structure and writes the other, both our own.
    let ask =
        || unsafe { libc::syscall(SYS_CACHESTAT, fd, ptr::from_ref(&range), ptr::from_mut(&mut found), 0) };
    (may_call(c"cachestat") && done(ask).is_ok()).then_some(found)
}

/// Whether it is certain that the kernel has a whole range in memory.
pub fn is_cached(fd: Fd, offset: u64, length: u64) -> bool {
    // SAFETY: plain call.
    let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(0);
    cache_of(fd, offset, length).is_some_and(|found| found.cached.saturating_mul(page) >= length)
}

fn record(extent: &Extent) -> Record {
    let flags = extent.flags;
    let any = |of: u32| flags & of != 0;
    let content = match flags {
        _ if any(DELALLOC | UNKNOWN) => Content::Pending,
        _ if any(INLINE | TAIL) => Content::Inline,
        _ if any(UNWRITTEN) => Content::Preallocated,
        _ if any(ENCODED | ENCRYPTED) => Content::Encoded,
        _ => Content::Data,
    };
    let harmless = LAST | MERGED | SHARED;
    Record {
        offset: extent.logical,
        length: extent.length,
        place: (flags & !harmless == 0).then_some(extent.physical),
        content,
        shared: any(SHARED),
        vague: content == Content::Data && extent.physical == extent.logical,
        last: any(LAST),
    }
}

impl Maps for Native {
    fn map(&self, fd: Fd, offset: u64, length: u64, flush: bool, batch: &mut Batch) -> Result<()> {
        batch.clear();
        let mut request = MaybeUninit::<Fiemap>::uninit();
        let at = request.as_mut_ptr();
        // SAFETY: the members of the header, one by one, in memory of our own. The extents need no value.
        unsafe {
            (&raw mut (*at).start).write(offset);
            (&raw mut (*at).length).write(length);
            (&raw mut (*at).flags).write(if flush { SYNC } else { 0 });
            (&raw mut (*at).mapped_extents).write(0);
            #[allow(clippy::cast_possible_truncation)] // it is small
            (&raw mut (*at).extent_count).write(BATCH as u32);
            (&raw mut (*at).reserved).write(0);
        }
        // SAFETY: the kernel reads the header, and writes it and at most `extent_count` extents after it.
        done(|| unsafe { libc::ioctl(fd, FIEMAP, at) })?;
        // SAFETY: the header was written above.
        let filled = unsafe { (&raw const (*at).mapped_extents).read() } as usize;
        for index in 0..filled.min(BATCH) {
            // SAFETY: the kernel filled as many extents as it says, and `index` is below their room.
            let extent = unsafe { (&raw const (*at).extents).cast::<Extent>().add(index).read() };
            batch.push(record(&extent));
        }
        Ok(())
    }

    /// The kernel marks a page as dirty at the first write through a mapping, and FIEMAP_FLAG_SYNC writes all dirty pages out.
    fn flush_is_complete(&self) -> bool {
        true
    }

    /// On overlayfs the dirty pages belong to the file below, where cachestat(2) does not see them.
    fn all_written(&self, fd: Fd, offset: u64, length: u64) -> bool {
        cache_of(fd, offset, length).is_some_and(|found| found.dirty == 0 && found.writeback == 0)
            && self.volume(fd).is_ok_and(|volume| volume.name != "overlay")
    }

    /// The file system's name decides. 9p and FUSE, which may show the name of another one, have no FIEMAP.
    fn said(&self, fd: Fd) -> Said {
        match self.volume(fd).map_or(Volume::UNKNOWN, |volume| volume.name) {
            "xfs" | "btrfs" | "ocfs2" | "bcachefs" => Said::Always,
            "ext4" | "f2fs" | "gfs2" | "ntfs3" => Said::Always, // nothing can be shared there
            "overlay" => Said::AsItsMaps,
            _ => Said::Never,
        }
    }

    /// An overlay's addresses can be those of any layer, and with xino=on two file systems have one device number. bcachefs
    /// does not say which of its devices an address is on.
    fn base(&self, fd: Fd, stat: &Stat) -> Option<Base> {
        match self.volume(fd).ok()?.name {
            "btrfs" => btrfs_id(fd).ok().map(Base::Volume),
            // An address on the realtime device may also be one on the data device.
            "xfs" => (!realtime(fd).ok()?).then_some(Base::Device(stat.device)),
            "ocfs2" | "ext4" | "f2fs" | "gfs2" | "ntfs3" => Some(Base::Device(stat.device)),
            _ => None,
        }
    }

    /// bcachefs and nilfs2 give the files of a snapshot the numbers of the originals, and some FUSE servers give all files the
    /// same. OCFS2 and GFS2 count as remote, since several machines use their disk, but have no server in between.
    fn numbers_tell(&self, fd: Fd) -> bool {
        const REPEAT: [&str; 3] = ["bcachefs", "nilfs2", Volume::UNKNOWN];
        const OF_DISKS: [&str; 2] = ["ocfs2", "gfs2"];
        self.volume(fd).is_ok_and(|volume| match volume.name {
            name if OF_DISKS.contains(&name) => true,
            name => !volume.remote && !REPEAT.contains(&name),
        })
    }
}

/// The identity of a Btrfs volume.
fn btrfs_id(fd: Fd) -> Result<[u8; 16]> {
    let mut info = MaybeUninit::<BtrfsInfo>::zeroed();
    // SAFETY: the kernel reads and writes one structure of this size.
    done(|| unsafe { libc::ioctl(fd, BTRFS_FS_INFO, info.as_mut_ptr()) })?;
    // SAFETY: integers, zeroed first.
    Ok(unsafe { info.assume_init_ref() }.fsid)
}

/// Whether the data of an XFS file lie on the realtime device.
fn realtime(fd: Fd) -> Result<bool> {
    let mut attributes = Fsxattr::default();
    // SAFETY: the kernel writes one structure of this size.
    done(|| unsafe { libc::ioctl(fd, FSGETXATTR, ptr::from_mut(&mut attributes)) })?;
    Ok(attributes.xflags & REALTIME != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(flags: u32) -> Record {
        let (logical, physical, length) = (4096, 1 << 20, 8192);
        record(&Extent { logical, physical, length, reserved64: [0; 2], flags, reserved: [0; 3] })
    }

    #[test]
    fn each_flag_says_what_a_record_is_made_of() {
        for (flags, content) in [
            (0, Content::Data),
            (SHARED | LAST | MERGED, Content::Data),
            (UNKNOWN, Content::Pending),
            (UNKNOWN | DELALLOC, Content::Pending),
            (ENCODED | SHARED, Content::Encoded),
            (ENCODED | ENCRYPTED, Content::Encoded),
            (INLINE | 0x100, Content::Inline),
            (INLINE | ENCODED | 0x100, Content::Inline),
            (TAIL | 0x100, Content::Inline),
            (UNWRITTEN | SHARED, Content::Preallocated),
            (UNWRITTEN | DELALLOC | UNKNOWN, Content::Pending),
        ] {
            assert_eq!(of(flags).content, content, "{flags:#x}");
            assert_eq!(of(flags).place.is_some(), content == Content::Data, "{flags:#x}");
        }
        assert!(of(SHARED).shared && !of(0).shared && of(LAST).last && !of(SHARED).last);
    }

    #[test]
    fn a_flag_that_is_not_known_takes_the_place_away() {
        for bit in (0..32).map(|shift| 1 << shift).filter(|bit| ![LAST, MERGED, SHARED].contains(bit)) {
            assert_eq!(of(bit).place, None, "{bit:#x}");
        }
        assert_eq!(of(SHARED).place, Some(1 << 20));
    }
}
