//! The names of Linux file systems, and which of them have a server behind them.
//! Names are for people; that a server answers decides only whether an EIO from copy_file_range may be its lack of the call.

use crate::sys::api::Volume;

/// One file system: its `f_type` (statfs(2), linux/magic.h), its name, and whether a server answers
/// behind it.
struct Known(u32, &'static str, bool);

/// The one whose files can be written in place.
pub const BTRFS: &str = "btrfs";

/// The one with allocation groups.
pub const XFS: &str = "xfs";

/// What `f_type` is called. 9p can pass on the host's magic and overlay has its own: never decide
/// by these.
const KNOWN: &[Known] = &[
    Known(0x5846_5342, XFS, false),
    Known(0x9123_683e, BTRFS, false),
    Known(0xef53, "ext4", false),
    Known(0x0102_1994, "tmpfs", false),
    Known(0x8584_58f6, "ramfs", false),
    Known(0x794c_7630, "overlay", false),
    Known(0x2fc1_2fc1, "zfs", false),
    Known(0xca45_1a4e, "bcachefs", false),
    Known(0xf2f5_2010, "f2fs", false),
    Known(0x7461_636f, "ocfs2", true),
    Known(0x0116_1970, "gfs2", true),
    Known(0x6969, "nfs", true),
    Known(0xfe53_4d42, "smb", true),
    Known(0xff53_4d42, "cifs", true),
    Known(0x517b, "smbfs", true),
    Known(0x00c3_6400, "ceph", true),
    Known(0x0bd0_0bd0, "lustre", true),
    Known(0x6573_5546, "fuse", true),
    Known(0x0102_1997, "9p", true),
    Known(0x786f_4256, "vboxsf", true),
    Known(0x5346_414f, "afs", true),
    Known(0x4d44, "vfat", false),
    Known(0x2011_bab0, "exfat", false),
    Known(0x7366_746e, "ntfs3", false),
    Known(0x5346_544e, "ntfs", false),
    Known(0x3434, "nilfs2", false),
    Known(0x3153_464a, "jfs", false),
    Known(0x1501_3346, "udf", false),
    Known(0x9660, "iso9660", false),
    Known(0x7371_7368, "squashfs", false),
    Known(0xe0f5_e1e2, "erofs", false),
    Known(0x9fa0, "proc", false),
    Known(0x6265_6572, "sysfs", false),
    Known(0x0027_e0eb, "cgroup", false),
    Known(0x6367_7270, "cgroup2", false),
    Known(0x6462_6720, "debugfs", false),
    Known(0x7472_6163, "tracefs", false),
    Known(0x9584_58f6, "hugetlbfs", false),
    Known(0xf15f, "ecryptfs", true),
];

/// The name for people of a file system's `f_type`, and whether a server answers behind it.
pub fn describe(magic: u32) -> (&'static str, bool) {
    KNOWN.iter().find(|known| known.0 == magic).map_or((Volume::UNKNOWN, false), |known| (known.1, known.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_and_name_stands_once() {
        for (at, one) in KNOWN.iter().enumerate() {
            assert!(KNOWN.iter().skip(at + 1).all(|other| other.0 != one.0 && other.1 != one.1), "{}", one.1);
            assert!(one.1.len() < 32, "{} does not fit fs_name", one.1);
        }
    }
}
