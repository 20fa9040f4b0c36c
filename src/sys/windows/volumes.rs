//! What a volume says of itself: its name, its clusters, whether a server stands behind it, whether it clones.
//! By handle, so that mount points and network names need no path.

use windows_sys::Wdk::Storage::FileSystem as nt;
use windows_sys::Wdk::System::SystemServices::FILE_REMOTE_DEVICE;
use windows_sys::Win32::System::SystemServices::FILE_SUPPORTS_BLOCK_REFCOUNTING;

use super::calls::{self, Plain};
use super::refs::RefsVolume;
use crate::sys::api::{Fd, Result, Volume};

/// FILE_FS_SIZE_INFORMATION.
#[repr(C)]
#[derive(Clone, Copy)]
struct Size {
    total: i64,
    available: i64,
    sectors_per_cluster: u32,
    bytes_per_sector: u32,
}

/// FILE_FS_DEVICE_INFORMATION.
#[repr(C)]
#[derive(Clone, Copy)]
struct Device {
    kind: u32,
    characteristics: u32,
}

/// FILE_FS_ATTRIBUTE_INFORMATION with room for a name of 32 units, which no file system's exceeds.
#[repr(C)]
#[derive(Clone, Copy)]
struct Attributes {
    flags: u32,
    longest_component: u32,
    name_bytes: u32,
    name: [u16; 32],
}

// SAFETY: integers, in the order and with the sizes of ntifs.h.
unsafe impl Plain for Size {}
// SAFETY: as above.
unsafe impl Plain for Device {}
// SAFETY: as above.
unsafe impl Plain for Attributes {}

const _: () = assert!(size_of::<Size>() == 24 && size_of::<Device>() == 8 && size_of::<Attributes>() == 76);

/// File systems by the names that they give themselves. (A Dev Drive is ReFS.)
const NAMES: &[&str] = &[
    "NTFS",
    "ReFS",
    "FAT",
    "FAT32",
    "exFAT",
    "UDF",
    "CDFS",
    "CSVFS",
    "NFS",
    "Btrfs",
    "ZFS",
    "9P",
    "VBoxSharedFolderFS",
];

fn cluster(fd: Fd) -> Result<u64> {
    let size: Size = calls::query_volume(fd, nt::FileFsSizeInformation)?;
    Ok(u64::from(size.sectors_per_cluster).saturating_mul(u64::from(size.bytes_per_sector)))
}

fn name(attributes: &Attributes) -> &'static str {
    let units = (attributes.name_bytes as usize).checked_div(2).unwrap_or(0);
    let found = attributes.name.get(..units).unwrap_or_default();
    NAMES
        .iter()
        .copied()
        .find(|known| known.encode_utf16().eq(found.iter().copied()))
        .unwrap_or(Volume::UNKNOWN)
}

/// Whether a server is behind it.
pub fn is_remote(fd: Fd) -> bool {
    let device = calls::query_volume::<Device>(fd, nt::FileFsDeviceInformation);
    device.is_ok_and(|device| device.characteristics & FILE_REMOTE_DEVICE != 0)
}

/// For the engine.
pub fn volume(fd: Fd) -> Result<Volume> {
    let attributes = calls::query_volume::<Attributes>(fd, nt::FileFsAttributeInformation);
    Ok(Volume {
        block_size: cluster(fd)?,
        remote: is_remote(fd),
        name: attributes.map_or(Volume::UNKNOWN, |attributes| name(&attributes)),
    })
}

/// For the rules of cloning.
pub fn of_clones(fd: Fd) -> Result<RefsVolume> {
    let attributes: Attributes = calls::query_volume(fd, nt::FileFsAttributeInformation)?;
    Ok(RefsVolume { cluster: cluster(fd)?, clones: attributes.flags & FILE_SUPPORTS_BLOCK_REFCOUNTING != 0 })
}
