//! The requests that a file's map is made of on Windows, for the rules of `extents`. Compiled, never run.
//! A map there proves nothing of content: see `flush_is_complete`.

use windows_sys::Wdk::Storage::FileSystem as nt;
use windows_sys::Win32::Storage::FileSystem as files;
use windows_sys::Win32::System::Ioctl;

use super::backend::Windows;
use super::calls::{self, Name, Open, Plain};
use super::extents::{self, Facts, PointerCalls};
use super::{status, volumes};
use crate::sys::api::{Errno, Fd, Result, Stat, Volume, unsupported};
use crate::sys::errno;
use crate::sys::maps::{Base, Batch, Maps, Said};

/// FILE_COMPRESSION_INFORMATION.
#[repr(C)]
#[derive(Clone, Copy)]
struct Compression {
    size: i64,
    format: u16,
    unit_shift: u8,
    chunk_shift: u8,
    cluster_shift: u8,
    reserved: [u8; 3],
}

/// WOF_EXTERNAL_INFO, which every answer of FSCTL_GET_EXTERNAL_BACKING begins with.
#[repr(C)]
#[derive(Clone, Copy)]
struct Backing {
    version: u32,
    provider: u32,
}

// SAFETY: integers, in the order and with the sizes of ntifs.h.
unsafe impl Plain for Compression {}
// SAFETY: as above.
unsafe impl Plain for Backing {}

const _: () = assert!(size_of::<Compression>() == size_of::<nt::FILE_COMPRESSION_INFORMATION>());

impl Maps for Windows {
    fn map(&self, fd: Fd, offset: u64, length: u64, flush: bool, batch: &mut Batch) -> Result<()> {
        extents::map(self, fd, offset, length, flush, batch)
    }

    /// Only ReFS shares, of the file systems that come with Windows.
    fn said(&self, fd: Fd) -> Said {
        match volumes::volume(fd).map_or(Volume::UNKNOWN, |volume| volume.name) {
            "ReFS" => Said::ByRecord,
            "NTFS" | "FAT" | "FAT32" | "exFAT" => Said::Always,
            _ => Said::Never,
        }
    }

    fn base(&self, fd: Fd, _: &Stat) -> Option<Base> {
        status::volume_number(fd).ok().map(Base::Device)
    }

    /// FlushFileBuffers writes what WriteFile left in memory. What a program changed through a mapping is written by its
    /// own FlushViewOfFile, or at some later time; until then the file still has its old clusters.
    fn flush_is_complete(&self) -> bool {
        false
    }
}

impl PointerCalls for Windows {
    fn facts(&self, fd: Fd) -> Result<Facts> {
        let attributes = status::basic(fd)?.attributes;
        let has = |attribute: u32| attributes & attribute != 0;
        if status::is_elsewhere(attributes) || volumes::is_remote(fd) || is_backed(fd) {
            return unsupported();
        }
        let volume = volumes::volume(fd)?;
        let compressed = has(files::FILE_ATTRIBUTE_COMPRESSED);
        Ok(Facts {
            cluster: volume.block_size,
            size: status::end_of_file(fd)?,
            counts: volumes::of_clones(fd).is_ok_and(|volume| volume.clones),
            ntfs: volume.name == "NTFS",
            sparse: has(files::FILE_ATTRIBUTE_SPARSE_FILE),
            encrypted: has(files::FILE_ATTRIBUTE_ENCRYPTED),
            compression_unit: compressed.then(|| compression_unit(fd).unwrap_or(0)),
        })
    }

    /// A handle that cannot write cannot flush (FlushFileBuffers): the file is opened once more.
    fn write_out(&self, fd: Fd) -> Result<()> {
        match calls::flush(fd) {
            Err(errno) if errno.is(errno::EACCES) => flush_anew(fd).map_err(|_| errno),
            Err(errno) if errno.is(errno::EROFS) => Ok(()),
            outcome => outcome,
        }
    }

    fn pointers(&self, fd: Fd, first: i64, counts: bool, answer: &mut [u64]) -> Result<bool> {
        let request = if counts {
            Ioctl::FSCTL_GET_RETRIEVAL_POINTERS_AND_REFCOUNT
        } else {
            Ioctl::FSCTL_GET_RETRIEVAL_POINTERS
        };
        calls::control_for_words(fd, request, &first, answer)
    }
}

/// Whether the data lie in another stream or in an image (Windows Overlay Filter): the file itself then looks like one
/// large hole.
fn is_backed(fd: Fd) -> bool {
    calls::control_for::<u32, Backing>(fd, Ioctl::FSCTL_GET_EXTERNAL_BACKING, None).is_ok()
}

fn compression_unit(fd: Fd) -> Result<u64> {
    let found: Compression = calls::query(fd, nt::FileCompressionInformation)?;
    1_u64.checked_shl(found.unit_shift.into()).ok_or(Errno(errno::EOVERFLOW))
}

fn flush_anew(fd: Fd) -> Result<()> {
    let how = Open {
        access: files::FILE_WRITE_DATA,
        share: files::FILE_SHARE_READ | files::FILE_SHARE_WRITE | files::FILE_SHARE_DELETE,
        disposition: nt::FILE_OPEN,
        options: nt::FILE_NON_DIRECTORY_FILE,
        attributes: 0,
    };
    let again = calls::open(&Name::again(fd), &how)?;
    let flushed = calls::flush(again);
    calls::close(again).and(flushed)
}
