//! FreeBSD 13 and later: clones by copy_file_range(2), whose rules are in `clone_flag`, and what else it has beyond POSIX.
//! Compiled, never run. copy_file_range came with FreeBSD 13 and is linked to directly; what came later is looked up.

use core::ffi::{CStr, c_int, c_void};
use core::mem;
use core::ptr;

use super::attributes::{self, ExtattrCalls};
use super::clone_flag::{self, CloneFlagCalls};
use super::clone_unit::clone_unit;
use crate::sys::api::{Errno, Extensions, Fd, Result, Seals, unsupported};
use crate::sys::posix::{self, Native, count, done, offset, open, raw_stat};
use crate::sys::{errno, release};

/// How often in a row a part of a range is freed: a bound, so that no loop is endless.
const PARTS_AT_MOST: u32 = 1000;

impl Extensions for Native {
    const CARRIES_ATTRIBUTES: bool = true;

    /// O_EMPTY_PATH opens the file of a descriptor once more (open(2)). A kernel that does not know it
    /// sees an empty name, which does not exist.
    fn reopen_source(&self, fd: Fd) -> Result<Fd> {
        open(fd, c"", libc::O_RDONLY | libc::O_NONBLOCK | libc::O_EMPTY_PATH, 0)
    }

    fn seals(&self, fd: Fd) -> Seals {
        posix::seals(fd)
    }

    fn clone_file(&self, src: Fd, dst: Fd) -> Result<()> {
        clone_flag::clone_file(self, src, dst)
    }

    fn clone_range(&self, src: Fd, src_offset: u64, length: u64, dst: Fd, dst_offset: u64) -> Result<()> {
        two_files(src, dst)?;
        clone_flag::clone_range(self, src, src_offset, length, dst, dst_offset)
    }

    fn clone_nothing(&self, src: Fd, _src_size: u64, dst: Fd) -> Result<()> {
        clone_flag::clone_nothing(self, src, dst)
    }

    fn kernel_copy_usable(&self) -> bool {
        release::freebsd_copies(release::running())
    }

    /// Without the flag: it may share blocks (ZFS), and does not say so.
    fn kernel_copy(&self, src: Fd, src_offset: u64, dst: Fd, dst_offset: u64, length: u64) -> Result<u64> {
        two_files(src, dst)?;
        copy_file_range(src, src_offset, dst, dst_offset, length, 0)
    }

    /// fspacectl(2) came with FreeBSD 14. Where the file system cannot free blocks, it writes zeros.
    fn punch_hole(&self, fd: Fd, from: u64, length: u64) -> Result<()> {
        let Some(fspacectl) = fspacectl() else { return unsupported() };
        let mut range = libc::spacectl_range { r_offset: offset(from)?, r_len: offset(length)? };
        for _ in 0..PARTS_AT_MOST {
            let rest = &raw mut range;
            // SAFETY: the system reads the range, and writes to it what of it is left (the manual allows
            // both to be one).
            done(|| unsafe { fspacectl(fd, libc::SPACECTL_DEALLOC, rest, 0, rest) })?;
            if range.r_len <= 0 {
                return Ok(());
            }
        }
        Err(Errno(errno::EINTR))
    }

    fn list_attributes(&self, fd: Fd, buffer: &mut [u8]) -> Result<usize> {
        attributes::list(self, fd, buffer)
    }

    fn get_attribute(&self, fd: Fd, name: &CStr, buffer: &mut [u8]) -> Result<usize> {
        attributes::get(self, fd, name, buffer)
    }

    fn set_attribute(&self, fd: Fd, name: &CStr, value: &[u8]) -> Result<()> {
        attributes::set(self, fd, name, value)
    }

    fn remove_attribute(&self, fd: Fd, name: &CStr) -> Result<()> {
        attributes::remove(self, fd, name)
    }
}

type Fspacectl = unsafe extern "C" fn(
    c_int,
    c_int,
    *const libc::spacectl_range,
    c_int,
    *mut libc::spacectl_range,
) -> c_int;

fn fspacectl() -> Option<Fspacectl> {
    // SAFETY: a search among what is loaded.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"fspacectl".as_ptr()) };
    // SAFETY: the C library's function of that name has this type (fspacectl(2)), and NULL is None.
    unsafe { mem::transmute::<*mut c_void, Option<Fspacectl>>(found) }
}

/// Within one file the call panicked kernels with ZFS (openzfs#16789): there the data is read and written.
fn two_files(src: Fd, dst: Fd) -> Result<()> {
    let (from, to) = (raw_stat(src)?, raw_stat(dst)?);
    let one = from.st_dev == to.st_dev && from.st_ino == to.st_ino;
    if one { Err(Errno(errno::EINVAL)) } else { Ok(()) }
}

fn copy_file_range(
    src: Fd,
    src_offset: u64,
    dst: Fd,
    dst_offset: u64,
    length: u64,
    flags: u32,
) -> Result<u64> {
    let (mut from, mut to) = (offset(src_offset)?, offset(dst_offset)?);
    // No further than an offset can be: FreeBSD says EFBIG of a length that is only too large to be reached
    // (openzfs dea8fabf73).
    let farthest = i64::MAX.unsigned_abs().saturating_sub(src_offset.max(dst_offset));
    let length = usize::try_from(length.min(farthest)).unwrap_or(isize::MAX.unsigned_abs());
    // SAFETY: the system reads and moves two offsets of our own.
    count(|| unsafe {
        libc::copy_file_range(src, ptr::from_mut(&mut from), dst, ptr::from_mut(&mut to), length, flags)
    })
}

/// The namespace that its owner may write to (extattr(9)).
const SPACE: c_int = libc::EXTATTR_NAMESPACE_USER;

/// Where the system is to write; NULL asks for the length.
fn room(buffer: &mut [u8]) -> *mut c_void {
    if buffer.is_empty() { ptr::null_mut() } else { buffer.as_mut_ptr().cast::<c_void>() }
}

impl ExtattrCalls for Native {
    fn list(&self, fd: Fd, buffer: &mut [u8]) -> Result<usize> {
        // SAFETY: the system writes at most `len` bytes into a buffer of that length.
        count(|| unsafe { libc::extattr_list_fd(fd, SPACE, room(buffer), buffer.len()) })
    }

    fn get(&self, fd: Fd, name: &CStr, buffer: &mut [u8]) -> Result<usize> {
        // SAFETY: `name` is NUL-terminated; the system writes at most `len` bytes into a buffer of that length.
        count(|| unsafe { libc::extattr_get_fd(fd, SPACE, name.as_ptr(), room(buffer), buffer.len()) })
    }

    fn set(&self, fd: Fd, name: &CStr, value: &[u8]) -> Result<usize> {
        let value_at = value.as_ptr().cast::<c_void>();
        // SAFETY: `name` is NUL-terminated; the system reads `len` bytes of `value`.
        count(|| unsafe { libc::extattr_set_fd(fd, SPACE, name.as_ptr(), value_at, value.len()) })
    }

    fn delete(&self, fd: Fd, name: &CStr) -> Result<()> {
        // SAFETY: `name` is NUL-terminated.
        done(|| unsafe { libc::extattr_delete_fd(fd, SPACE, name.as_ptr()) })
    }
}

impl CloneFlagCalls for Native {
    fn copy_file_range(
        &self,
        src: Fd,
        src_offset: u64,
        dst: Fd,
        dst_offset: u64,
        length: u64,
        flags: u32,
    ) -> Result<u64> {
        copy_file_range(src, src_offset, dst, dst_offset, length, flags)
    }

    fn clone_block_size(&self, fd: Fd) -> u64 {
        clone_unit(fd).unwrap_or(0)
    }

    fn end_of_file(&self, fd: Fd) -> Result<u64> {
        raw_stat(fd).map(|raw| u64::try_from(raw.st_size).unwrap_or(0))
    }

    fn set_end_of_file(&self, fd: Fd, end: u64) -> Result<()> {
        let end = offset(end)?;
        // SAFETY: plain system call.
        done(|| unsafe { libc::ftruncate(fd, end) })
    }
}
