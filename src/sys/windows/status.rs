//! What Windows says of a file, in the engine's terms.
//! Identity is volume and 128-bit file number, the mode is the read-only attribute, the kind comes from reparse tags.

use windows_sys::Wdk::Storage::FileSystem as nt;
use windows_sys::Win32::Foundation::{GetLastError, SetLastError};
use windows_sys::Win32::Storage::FileSystem as files;
use windows_sys::Win32::System::Ioctl;

use super::calls::{self, Plain, check};
use super::errors::errno_of;
use super::reparse;
use super::time::from_filetime;
use crate::sys::api::{Fd, Kind, Result, Stat};

/// FILE_BASIC_INFORMATION.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Basic {
    pub created: i64,
    pub accessed: i64,
    pub written: i64,
    pub changed: i64,
    pub attributes: u32,
    pub padding: u32,
}

/// FILE_STANDARD_INFORMATION, its two BOOLEANs as what they are in memory.
#[repr(C)]
#[derive(Clone, Copy)]
struct Standard {
    allocated: i64,
    end: i64,
    links: u32,
    delete_pending: u8,
    directory: u8,
    padding: u16,
}

/// FILE_ATTRIBUTE_TAG_INFORMATION.
#[repr(C)]
#[derive(Clone, Copy)]
struct Tag {
    attributes: u32,
    tag: u32,
}

/// FILE_ID_INFORMATION.
#[repr(C)]
#[derive(Clone, Copy)]
struct Identity {
    volume: u64,
    low: u64,
    high: u64,
}

// SAFETY: integers, in the order and with the sizes of ntifs.h.
unsafe impl Plain for Basic {}
// SAFETY: as above.
unsafe impl Plain for Standard {}
// SAFETY: as above.
unsafe impl Plain for Tag {}
// SAFETY: as above.
unsafe impl Plain for Identity {}

const _: () = {
    assert!(size_of::<Basic>() == 40 && size_of::<Standard>() == 24);
    assert!(size_of::<Tag>() == 8 && size_of::<Identity>() == 24);
};

/// Attributes that say that the bytes are somewhere else, or come into being when they are read.
const ELSEWHERE: u32 = files::FILE_ATTRIBUTE_REPARSE_POINT
    | files::FILE_ATTRIBUTE_OFFLINE
    | files::FILE_ATTRIBUTE_RECALL_ON_OPEN
    | files::FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS;

pub fn basic(fd: Fd) -> Result<Basic> {
    calls::query(fd, nt::FileBasicInformation)
}

/// The size.
pub fn end_of_file(fd: Fd) -> Result<u64> {
    let standard: Standard = calls::query(fd, nt::FileStandardInformation)?;
    Ok(u64::try_from(standard.end).unwrap_or(0))
}

/// Whether the holes of a file can be known: it is sparse, and what the volume says of its ranges is all there is to
/// say. (Deduplicated files, and those that a cloud keeps, are sparse too, and have their data elsewhere.)
pub fn has_own_holes(fd: Fd) -> Result<bool> {
    let attributes = basic(fd)?.attributes;
    Ok(attributes & files::FILE_ATTRIBUTE_SPARSE_FILE != 0 && !is_elsewhere(attributes))
}

/// Whether a file's own ranges are not where its bytes are.
pub const fn is_elsewhere(attributes: u32) -> bool {
    attributes & ELSEWHERE != 0
}

/// Whether a file of a volume is open, and not a pipe, a console or another device.
fn is_on_disk(fd: Fd) -> Result<bool> {
    // SAFETY: plain system calls. GetFileType says "unknown" of a bad handle, and then only its error tells.
    let (kind, error) = unsafe {
        SetLastError(0);
        (files::GetFileType(fd), GetLastError())
    };
    match (kind, error) {
        (files::FILE_TYPE_DISK, _) => Ok(true),
        (files::FILE_TYPE_UNKNOWN, 1..) => Err(errno_of(error)),
        _ => Ok(false),
    }
}

/// The longest data that a reparse point has.
pub const LONGEST_REPARSE_DATA: usize = files::MAXIMUM_REPARSE_DATA_BUFFER_SIZE as usize;

/// The tag of the reparse point that an open file is, if it is one.
pub fn reparse_tag(fd: Fd, attributes: u32) -> Result<Option<u32>> {
    if attributes & files::FILE_ATTRIBUTE_REPARSE_POINT == 0 {
        return Ok(None);
    }
    let found: Tag = calls::query(fd, nt::FileAttributeTagInformation)?;
    Ok(Some(found.tag))
}

/// Whether a volume is mounted at an open directory, whose reparse point has this tag.
pub fn mounts_volume(fd: Fd, tag: u32) -> Result<bool> {
    if !reparse::may_mount(tag) {
        return Ok(false);
    }
    let mut room = [0; LONGEST_REPARSE_DATA];
    let data = calls::control_into(fd, Ioctl::FSCTL_GET_REPARSE_POINT, &mut room)?;
    Ok(reparse::mounts_volume(data))
}

/// A directory where a volume is mounted is one; a junction is a link.
pub fn kind(fd: Fd, attributes: u32) -> Result<Kind> {
    if let Some(tag) = reparse_tag(fd, attributes)? {
        match reparse::kind(tag) {
            Some(Kind::Symlink) if mounts_volume(fd, tag)? => return Ok(Kind::Directory),
            Some(kind) => return Ok(kind),
            None => {}
        }
    }
    Ok(if attributes & files::FILE_ATTRIBUTE_DIRECTORY != 0 { Kind::Directory } else { Kind::Regular })
}

/// The volume and the file's number in it. On ReFS only all 128 bits are unique (FILE_ID_INFO); the upper ones are 0
/// on NTFS, and mixed into the volume's number. File systems without them have the old 64.
fn identity(fd: Fd) -> Result<(u64, u64)> {
    if let Ok(identity) = calls::query::<Identity>(fd, nt::FileIdInformation) {
        return Ok((identity.volume ^ identity.high, identity.low));
    }
    let mut old = files::BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: one structure of the right type, of integers.
    check(unsafe { files::GetFileInformationByHandle(fd, &raw mut old) })?;
    let number = u64::from(old.nFileIndexHigh) << 32 | u64::from(old.nFileIndexLow);
    Ok((u64::from(old.dwVolumeSerialNumber), number))
}

/// The volume's number.
pub fn volume_number(fd: Fd) -> Result<u64> {
    if let Ok(identity) = calls::query::<Identity>(fd, nt::FileIdInformation) {
        return Ok(identity.volume);
    }
    let mut old = files::BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: as in `identity`.
    check(unsafe { files::GetFileInformationByHandle(fd, &raw mut old) })?;
    Ok(u64::from(old.dwVolumeSerialNumber))
}

/// All of it. What is no file of a volume has nothing but a kind.
pub fn stat(fd: Fd) -> Result<Stat> {
    // First of all: to tell the kind, Wine reads from the file, which moves the time of its last access.
    let basic = basic(fd);
    if !is_on_disk(fd)? {
        return Ok(nothing_but(Kind::Other));
    }
    let basic = basic?;
    let standard: Standard = calls::query(fd, nt::FileStandardInformation)?;
    let (device, inode) = identity(fd)?;
    Ok(Stat {
        device,
        inode,
        kind: kind(fd, basic.attributes)?,
        links: standard.links.into(),
        mode: mode(basic.attributes),
        size: u64::try_from(standard.end).unwrap_or(0),
        allocated: u64::try_from(standard.allocated).unwrap_or(0),
        accessed: from_filetime(basic.accessed),
        modified: from_filetime(basic.written),
        changed: from_filetime(basic.changed),
        ..nothing_but(Kind::Other)
    })
}

/// The read-only attribute as permission bits. (Who may do what is in an access control list, which the copy has from
/// its directory.)
fn mode(attributes: u32) -> u32 {
    if attributes & files::FILE_ATTRIBUTE_READONLY != 0 { 0o444 } else { 0o666 }
}

fn nothing_but(kind: Kind) -> Stat {
    Stat {
        device: 0,
        inode: 0,
        kind,
        links: 1,
        device_number: 0,
        mode: 0,
        owner: 0,
        group: 0,
        size: 0,
        allocated: 0,
        block_size: 4096,
        accessed: Default::default(),
        modified: Default::default(),
        changed: Default::default(),
    }
}
