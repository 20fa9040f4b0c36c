//! The requests that the rules of cloning (`refs`) are made of.
//! Each is one call; nothing is decided here.

use windows_sys::Wdk::Storage::FileSystem::FileEndOfFileInformation;
use windows_sys::Win32::Storage::FileSystem::FILE_ATTRIBUTE_SPARSE_FILE;
use windows_sys::Win32::System::Ioctl;

use super::backend::Windows;
use super::calls::{self, Plain, offset};
use super::refs::{Integrity, RefsCalls, RefsVolume};
use super::{status, volumes};
use crate::sys::api::{Errno, Fd, Result};
use crate::sys::errno;

/// DUPLICATE_EXTENTS_DATA.
#[repr(C)]
#[derive(Clone, Copy)]
struct Extents {
    source: usize,
    source_offset: i64,
    target_offset: i64,
    length: i64,
}

/// FSCTL_GET_INTEGRITY_INFORMATION_BUFFER.
#[repr(C)]
#[derive(Clone, Copy)]
struct IntegrityFound {
    algorithm: u16,
    reserved: u16,
    flags: u32,
    chunk: u32,
    cluster: u32,
}

/// FSCTL_SET_INTEGRITY_INFORMATION_BUFFER.
#[repr(C)]
#[derive(Clone, Copy)]
struct IntegrityWanted {
    algorithm: u16,
    reserved: u16,
    flags: u32,
}

/// FILE_SET_SPARSE_BUFFER.
#[repr(C)]
#[derive(Clone, Copy)]
struct Sparse(u8);

// SAFETY: integers, in the order and with the sizes of winioctl.h.
unsafe impl Plain for Extents {}
// SAFETY: as above.
unsafe impl Plain for IntegrityFound {}
// SAFETY: as above.
unsafe impl Plain for IntegrityWanted {}
// SAFETY: as above.
unsafe impl Plain for Sparse {}

const _: () = {
    assert!(size_of::<Extents>() == size_of::<Ioctl::DUPLICATE_EXTENTS_DATA>());
    assert!(size_of::<IntegrityFound>() == size_of::<Ioctl::FSCTL_GET_INTEGRITY_INFORMATION_BUFFER>());
    assert!(size_of::<IntegrityWanted>() == size_of::<Ioctl::FSCTL_SET_INTEGRITY_INFORMATION_BUFFER>());
};

impl RefsCalls for Windows {
    fn volume_of(&self, fd: Fd) -> Result<RefsVolume> {
        volumes::of_clones(fd)
    }

    fn same_volume(&self, one: Fd, other: Fd) -> Result<bool> {
        Ok(status::volume_number(one)? == status::volume_number(other)?)
    }

    fn integrity(&self, fd: Fd) -> Result<Integrity> {
        let found: Option<IntegrityFound> =
            calls::control_for::<u32, _>(fd, Ioctl::FSCTL_GET_INTEGRITY_INFORMATION, None)?;
        let found = found.ok_or(Errno(errno::EIO))?;
        Ok(Integrity { algorithm: found.algorithm, flags: found.flags })
    }

    fn set_integrity(&self, fd: Fd, integrity: Integrity) -> Result<()> {
        let wanted = IntegrityWanted { algorithm: integrity.algorithm, reserved: 0, flags: integrity.flags };
        calls::control(fd, Ioctl::FSCTL_SET_INTEGRITY_INFORMATION, &wanted)
    }

    fn is_sparse(&self, fd: Fd) -> Result<bool> {
        Ok(status::basic(fd)?.attributes & FILE_ATTRIBUTE_SPARSE_FILE != 0)
    }

    fn set_sparse(&self, fd: Fd, sparse: bool) -> Result<()> {
        calls::control(fd, Ioctl::FSCTL_SET_SPARSE, &Sparse(u8::from(sparse)))
    }

    fn end_of_file(&self, fd: Fd) -> Result<u64> {
        status::end_of_file(fd)
    }

    fn set_end_of_file(&self, fd: Fd, end: u64) -> Result<()> {
        calls::set(fd, FileEndOfFileInformation, &offset(end)?)
    }

    fn duplicate_extents(
        &self,
        src: Fd,
        src_offset: u64,
        dst: Fd,
        dst_offset: u64,
        length: u64,
    ) -> Result<()> {
        let extents = Extents {
            source: src.addr(),
            source_offset: offset(src_offset)?,
            target_offset: offset(dst_offset)?,
            length: offset(length)?,
        };
        calls::control(dst, Ioctl::FSCTL_DUPLICATE_EXTENTS_TO_FILE, &extents)
    }
}
