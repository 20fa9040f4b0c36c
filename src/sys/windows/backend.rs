//! The Windows backend: files by handle, names relative to directory handles, NT's own calls where Win32's know only paths.
//! Compiled and simulated; its refusals and its fallback run under Wine; never run on Windows.

use core::ffi::CStr;
use core::ptr;

use windows_sys::Wdk::Storage::FileSystem as nt;
use windows_sys::Win32::Foundation::{GetLastError, INVALID_HANDLE_VALUE, SetLastError};
use windows_sys::Win32::Security::Cryptography::{BCRYPT_USE_SYSTEM_PREFERRED_RNG, BCryptGenRandom};
use windows_sys::Win32::Storage::FileSystem as files;
use windows_sys::Win32::System::Ioctl;
use windows_sys::Win32::System::Performance::QueryPerformanceCounter;
use windows_sys::Win32::System::Threading::{GetCurrentProcessId, Sleep};

use super::calls::{self, Name, Open, Plain, offset};
use super::ranges::{self, Allocated};
use super::refs::{self, RefsCalls};
use super::time::{from_filetime, to_filetime};
use super::{status, volumes};
use crate::sys::api::{
    Access, Common, Errno, Extensions, Fd, Kind, Result, Stat, Sys, Time, Volume, unsupported,
};
use crate::sys::errno;

/// The running Windows.
pub struct Windows;

/// What names are relative to that are not absolute: the current directory. Windows has no handle for it.
pub const CWD: Fd = ptr::null_mut();

/// Whether a caller means "no handle".
pub fn is_none(fd: Fd) -> bool {
    fd.is_null() || fd == INVALID_HANDLE_VALUE
}

/// The calling thread's last Win32 error. (The C runtimes, of which a process may hold several, are never called: their
/// errno stays by itself.)
pub fn thread_errno() -> u32 {
    // SAFETY: reads the thread's own value.
    unsafe { GetLastError() }
}

/// Puts the calling thread's last error back to what it was before a call of the library.
pub fn restore_thread_errno(value: u32) {
    // SAFETY: writes the thread's own value.
    unsafe { SetLastError(value) }
}

/// Others may do as they like meanwhile, renaming and deleting included.
const SHARE_ALL: u32 = files::FILE_SHARE_READ | files::FILE_SHARE_WRITE | files::FILE_SHARE_DELETE;

/// What is written here, nobody else writes; but it can be read, renamed and deleted, by ourselves too.
pub const SHARE_DRAFT: u32 = files::FILE_SHARE_READ | files::FILE_SHARE_DELETE;

/// What a file of our own is opened for. To set a file's integrity, ReFS wants it open for reading too.
const READ_WRITE: u32 = files::FILE_READ_DATA
    | files::FILE_WRITE_DATA
    | files::FILE_APPEND_DATA
    | files::FILE_READ_ATTRIBUTES
    | files::FILE_WRITE_ATTRIBUTES;

/// A stretch of a file: FILE_ALLOCATED_RANGE_BUFFER (offset and length), FILE_ZERO_DATA_INFORMATION (offset and end).
#[repr(C)]
#[derive(Clone, Copy)]
struct Bounds(i64, i64);

// SAFETY: integers, as in winioctl.h.
unsafe impl Plain for Bounds {}

/// FILE_DISPOSITION_INFORMATION.
#[repr(C)]
#[derive(Clone, Copy)]
struct Disposition(u8);

// SAFETY: a BOOLEAN, which is a byte.
unsafe impl Plain for Disposition {}

/// An open handle that closes itself.
pub struct Opened(pub Fd);

impl Opened {
    /// Gives the handle up, open.
    pub fn keep(self) -> Fd {
        let fd = self.0;
        core::mem::forget(self);
        fd
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // Only names were changed through it, and they are changed by now.
        let _ = calls::close(self.0);
    }
}

pub fn open_existing(name: &Name, access: u32, options: u32) -> Result<Fd> {
    let how = Open { access, share: SHARE_ALL, disposition: nt::FILE_OPEN, options, attributes: 0 };
    calls::open(name, &how)
}

/// Opens a file, or what a symbolic link points to where it is to be followed.
pub fn open_file(name: &Name, access: u32, follow: bool) -> Result<Fd> {
    if follow {
        return open_existing(name, access, 0);
    }
    let opened = Opened(open_existing(name, access, nt::FILE_OPEN_REPARSE_POINT)?);
    let attributes = status::basic(opened.0)?.attributes;
    if attributes & files::FILE_ATTRIBUTE_REPARSE_POINT == 0 {
        return Ok(opened.keep());
    }
    match status::kind(opened.0, attributes)? {
        // Kept in some other way than as bytes of its own: opened once more for whoever knows that way.
        Kind::Regular | Kind::Directory => open_existing(&Name::again(opened.0), access, 0),
        _ => Err(Errno(errno::ELOOP)),
    }
}

/// Opens the name itself, to look at it.
pub fn open_name(name: &Name, access: u32) -> Result<Opened> {
    open_existing(name, access, nt::FILE_OPEN_REPARSE_POINT).map(Opened)
}

/// Opens a name itself, to rename or to remove it.
fn open_to_rename(name: &Name, options: u32) -> Result<Opened> {
    let access = files::DELETE | files::FILE_READ_ATTRIBUTES;
    open_existing(name, access, nt::FILE_OPEN_REPARSE_POINT | options).map(Opened)
}

/// Removes what is open, and was opened for that.
pub fn delete(fd: Fd) -> Result<()> {
    // Windows 10 1709 on NTFS: the name is gone at once, whoever has the file open.
    let at_once = nt::FILE_DISPOSITION_DELETE
        | nt::FILE_DISPOSITION_POSIX_SEMANTICS
        | nt::FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE;
    match calls::set(fd, nt::FileDispositionInformationEx, &at_once) {
        Err(errno) if is_unknown(errno) => calls::set(fd, nt::FileDispositionInformation, &Disposition(1)),
        outcome => outcome,
    }
}

/// Removes a file of that name.
fn remove_file(name: &Name) -> Result<()> {
    let file = open_to_rename(name, nt::FILE_NON_DIRECTORY_FILE)?;
    without_read_only(name, || delete(file.0))
}

/// Removes a directory of that name if it is of the kind that is meant: one that is empty, or a link that is kept as one.
pub fn remove_directory(name: &Name, meant: impl FnOnce(Kind) -> Result<()>) -> Result<()> {
    let directory = open_to_rename(name, nt::FILE_DIRECTORY_FILE)?;
    meant(status::kind(directory.0, status::basic(directory.0)?.attributes)?)?;
    without_read_only(name, || delete(directory.0))
}

/// Does something that needs a right to a directory. Handles of directories are opened without it, since not every source
/// grants it.
fn with_right(fd: Fd, right: u32, act: impl Fn(Fd) -> Result<()>) -> Result<()> {
    match act(fd) {
        Err(refused) if refused.is(errno::EACCES) => {
            let options = nt::FILE_DIRECTORY_FILE | nt::FILE_OPEN_REPARSE_POINT;
            let again = open_existing(&Name::again(fd), files::FILE_READ_ATTRIBUTES | right, options);
            again.map_err(|_| refused).map(Opened).and_then(|again| act(again.0))
        }
        outcome => outcome,
    }
}

fn create(dir: Fd, name: &CStr, mode: u32) -> Result<Fd> {
    let name = Name::new(dir, name)?;
    let attributes =
        if mode & 0o222 == 0 { files::FILE_ATTRIBUTE_READONLY } else { files::FILE_ATTRIBUTE_NORMAL };
    let how = Open {
        access: READ_WRITE,
        share: SHARE_DRAFT,
        disposition: nt::FILE_CREATE,
        options: nt::FILE_NON_DIRECTORY_FILE | nt::FILE_OPEN_REPARSE_POINT,
        attributes,
    };
    calls::open(&name, &how)
}

/// The times of last access and change, as they are set. All else stays.
pub fn basic_times(accessed: Time, modified: Time) -> Result<status::Basic> {
    let (accessed, written) = (to_filetime(accessed)?, to_filetime(modified)?);
    Ok(status::Basic { accessed, written, ..Default::default() })
}

/// Whether a request is unknown to the file system, or to this Windows.
fn is_unknown(errno: Errno) -> bool {
    errno.is(errno::EOPNOTSUPP) || errno.is(errno::EINVAL) || errno.is(errno::ENOSYS)
}

/// Sets or clears the read-only attribute, and says whether that changed anything.
fn set_read_only(fd: Fd, read_only: bool) -> Result<bool> {
    let now = status::basic(fd)?.attributes;
    let others = now & !(files::FILE_ATTRIBUTE_READONLY | files::FILE_ATTRIBUTE_NORMAL);
    let wanted = if read_only { others | files::FILE_ATTRIBUTE_READONLY } else { others };
    if (now & files::FILE_ATTRIBUTE_READONLY != 0) == read_only {
        return Ok(false);
    }
    // 0 would mean "leave them".
    let attributes = if wanted == 0 { files::FILE_ATTRIBUTE_NORMAL } else { wanted };
    let changes = status::Basic { attributes, ..Default::default() };
    calls::set(fd, nt::FileBasicInformation, &changes).map(|()| true)
}

/// Sets or clears the read-only attribute of a name, and says whether that changed anything.
fn set_name_read_only(name: &Name, read_only: bool) -> Result<bool> {
    let there = open_name(name, files::FILE_READ_ATTRIBUTES | files::FILE_WRITE_ATTRIBUTES)?;
    set_read_only(there.0, read_only)
}

/// Does something that a read-only attribute forbids, where it does, without it for that moment. The name is not
/// held open meanwhile: what is open is not replaced.
fn without_read_only(name: &Name, act: impl Fn() -> Result<()>) -> Result<()> {
    match act() {
        Err(errno) if errno.is(errno::EACCES) && set_name_read_only(name, false) == Ok(true) => act()
            .inspect_err(|_| {
                let _ = set_name_read_only(name, true);
            }),
        outcome => outcome,
    }
}

/// The longest pause, in milliseconds, before a directory is tried to be renamed once more.
const PATIENCE: u32 = 128;

/// Renames. NTFS renames no directory while anybody has a file in it open, as a virus scanner has one that was just made:
/// tried again for a quarter of a second.
fn rename_patiently(file: Fd, rename: impl Fn() -> Result<()>) -> Result<()> {
    let mut pause = 1_u32;
    loop {
        let outcome = rename();
        let held = outcome.is_err_and(|errno| errno.is(errno::EACCES)) && pause <= PATIENCE;
        if !held || status::basic(file)?.attributes & files::FILE_ATTRIBUTE_DIRECTORY == 0 {
            return outcome;
        }
        // SAFETY: plain system call.
        unsafe { Sleep(pause) };
        pause = pause.saturating_mul(2);
    }
}

/// Renames, or gives a second name: by the newer request first where there is one.
fn give_name(
    from: (Fd, &CStr),
    to: (Fd, &CStr),
    class: nt::FILE_INFORMATION_CLASS,
    replace: bool,
) -> Result<()> {
    let from = Name::new(from.0, from.1)?;
    let to = Name::new(to.0, to.1)?;
    let file = open_to_rename(&from, 0)?;
    if replace {
        // Windows 10 1709 on NTFS: also where others have the old file open (sharing its deletion), or it is
        // read-only, and in one step for everyone who looks.
        let choice = nt::FILE_RENAME_INFORMATION_0 {
            Flags: nt::FILE_RENAME_REPLACE_IF_EXISTS
                | nt::FILE_RENAME_POSIX_SEMANTICS
                | nt::FILE_RENAME_IGNORE_READONLY_ATTRIBUTE,
        };
        match calls::set_name(file.0, nt::FileRenameInformationEx, choice, &to) {
            Err(errno) if is_unknown(errno) => {}
            outcome => return outcome,
        }
    }
    let old_way = |to: &Name| {
        let choice = nt::FILE_RENAME_INFORMATION_0 { Flags: u32::from(replace) }; // ReplaceIfExists is its first byte
        calls::set_name(file.0, class, choice, to)
    };
    let named = if replace {
        without_read_only(&to, || old_way(&to))
    } else {
        rename_patiently(file.0, || old_way(&to))
    };
    match (named, to.leaf_beside(&from)) {
        // Servers may refuse what is relative to a handle ([MS-FSCC]: STATUS_INVALID_PARAMETER). A name alone
        // is one in the directory where the file stands (ntifs.h).
        (Err(refused), Some(leaf)) if refused.is(errno::EINVAL) => old_way(&leaf).map_err(|_| refused),
        (outcome, _) => outcome,
    }
}

/// The first stretch that is allocated at or after an offset.
fn allocated_from(fd: Fd, from: u64, size: u64) -> Result<Option<Allocated>> {
    let asked = Bounds(offset(from)?, offset(size.saturating_sub(from))?);
    let found: Option<Bounds> = calls::control_for(fd, Ioctl::FSCTL_QUERY_ALLOCATED_RANGES, Some(&asked))?;
    Ok(found.map(|Bounds(start, length)| Allocated {
        offset: u64::try_from(start).unwrap_or(0),
        length: u64::try_from(length).unwrap_or(0),
    }))
}

/// A file that cannot have holes, or whose holes cannot be known, says so, and is read as data.
fn size_with_holes(fd: Fd) -> Result<u64> {
    if status::has_own_holes(fd)? { status::end_of_file(fd) } else { Err(Errno(errno::EOPNOTSUPP)) }
}

impl Common for Windows {
    fn open_directory(&self, dir: Fd, name: &CStr, sync: bool) -> Result<Fd> {
        // NtFlushBuffersFile wants a right to write, which whoever makes files there has.
        let flush = if sync { files::FILE_ADD_FILE } else { 0 };
        // Names are opened relative to it without any right to it.
        let access = files::FILE_READ_ATTRIBUTES | flush;
        match Name::new(dir, name) {
            Err(errno) if errno.is(errno::ENXIO) => Err(Errno(errno::ENOTDIR)), // a device
            name => open_existing(&name?, access, nt::FILE_DIRECTORY_FILE),
        }
    }

    fn create_new(&self, dir: Fd, name: &CStr, mode: u32) -> Result<Fd> {
        create(dir, name, mode)
    }

    fn close(&self, fd: Fd) -> Result<()> {
        calls::close(fd)
    }

    fn access(&self, fd: Fd) -> Result<Access> {
        let rights: u32 = calls::query(fd, nt::FileAccessInformation)?;
        let has = |right: u32| rights & right != 0;
        Ok(Access {
            read: has(files::FILE_READ_DATA),
            write: has(files::FILE_WRITE_DATA) || has(files::FILE_APPEND_DATA),
            // Every write goes to the end then (WriteFile).
            append: has(files::FILE_APPEND_DATA) && !has(files::FILE_WRITE_DATA),
        })
    }

    fn read_at(&self, fd: Fd, buffer: &mut [u8], at: u64) -> Result<usize> {
        calls::read_at(fd, buffer, at)
    }

    fn write_at(&self, fd: Fd, buffer: &[u8], at: u64) -> Result<usize> {
        calls::write_at(fd, buffer, at)
    }

    fn seek_data(&self, fd: Fd, from: u64) -> Result<u64> {
        let size = size_with_holes(fd)?;
        ranges::data(from, size, |at| allocated_from(fd, at, size))
    }

    fn seek_hole(&self, fd: Fd, from: u64) -> Result<u64> {
        let size = size_with_holes(fd)?;
        ranges::hole(from, size, |at| allocated_from(fd, at, size))
    }

    fn set_size(&self, fd: Fd, size: u64) -> Result<()> {
        if size > status::end_of_file(fd)? {
            // What is left out before the new end is to be a hole. Where the volume has none it becomes zeros.
            let _ = self.set_sparse(fd, true);
        }
        self.set_end_of_file(fd, size)
    }

    fn set_mode(&self, fd: Fd, mode: u32) -> Result<()> {
        let read_only = mode & 0o222 == 0;
        with_right(fd, files::FILE_WRITE_ATTRIBUTES, |fd| set_read_only(fd, read_only).map(drop))
    }

    fn set_owner(&self, _: Fd, _: Option<u32>, _: u32) -> Result<()> {
        unsupported()
    }

    fn rename_over(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        give_name((from_dir, from), (to_dir, to), nt::FileRenameInformation, true)
    }

    fn link(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        give_name((from_dir, from), (to_dir, to), nt::FileLinkInformation, false)
    }

    fn unlink(&self, dir: Fd, name: &CStr) -> Result<()> {
        let name = Name::new(dir, name)?;
        match remove_file(&name) {
            // Also where it is a link to a directory, or a junction: these are kept as directories.
            Err(refused) if refused.is(errno::EISDIR) => {
                remove_directory(&name, |kind| if kind == Kind::Symlink { Ok(()) } else { Err(refused) })
            }
            outcome => outcome,
        }
    }
}

impl Extensions for Windows {
    fn reopen_source(&self, fd: Fd) -> Result<Fd> {
        // To find holes moves no position here: a second handle to the same open file will do.
        calls::duplicate(fd)
    }

    fn clone_file(&self, src: Fd, dst: Fd) -> Result<()> {
        refs::clone_file(self, src, dst)
    }

    fn clone_range(&self, src: Fd, src_offset: u64, length: u64, dst: Fd, dst_offset: u64) -> Result<()> {
        refs::clone_range(self, src, src_offset, length, dst, dst_offset)
    }

    fn clone_nothing(&self, src: Fd, _: u64, dst: Fd) -> Result<()> {
        refs::clone_nothing(self, src, dst)
    }

    fn punch_hole(&self, fd: Fd, from: u64, length: u64) -> Result<()> {
        let zeros = Bounds(offset(from)?, offset(from.saturating_add(length))?);
        // Of a file that is not sparse the request writes zeros, which is as right.
        let _ = self.set_sparse(fd, true);
        calls::control(fd, Ioctl::FSCTL_SET_ZERO_DATA, &zeros)
    }

    fn rename_new(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        give_name((from_dir, from), (to_dir, to), nt::FileRenameInformation, false)
    }
}

impl Sys for Windows {
    const CARRIES_OWNER: bool = false;
    const CLOSE_TELLS: bool = false;

    fn open_source(&self, dir: Fd, name: &CStr, follow: bool) -> Result<Fd> {
        open_file(&Name::new(dir, name)?, files::FILE_READ_DATA | files::FILE_READ_ATTRIBUTES, follow)
    }

    fn open_to_overwrite(&self, dir: Fd, name: &CStr, follow: bool) -> Result<Fd> {
        open_file(&Name::new(dir, name)?, READ_WRITE, follow)
    }

    fn create_scratch(&self, dir: Fd, name: Option<&CStr>) -> Result<Fd> {
        name.map_or_else(unsupported, |name| create(dir, name, 0o600))
    }

    fn flush(&self, fd: Fd) -> Result<()> {
        // CloseHandle says nothing of the data. Over a network it is there, at the latest, that cached writes go to the
        // server, and whether they got there is only said by a flush (FlushFileBuffers).
        if !volumes::is_remote(fd) {
            return Ok(());
        }
        match calls::flush(fd) {
            Err(errno) if is_unknown(errno) => Ok(()), // a redirector that has nothing to flush
            outcome => outcome,
        }
    }

    fn stat(&self, fd: Fd) -> Result<Stat> {
        status::stat(fd)
    }

    fn stat_name(&self, dir: Fd, name: &CStr) -> Result<Stat> {
        let there = open_name(&Name::new(dir, name)?, files::FILE_READ_ATTRIBUTES)?;
        status::stat(there.0)
    }

    fn protected(&self, _: Fd) -> Result<bool> {
        Ok(false) // a read-only attribute binds no handle that is open already
    }

    fn size_limit(&self) -> u64 {
        u64::MAX
    }

    fn volume(&self, fd: Fd) -> Result<Volume> {
        volumes::volume(fd)
    }

    fn random(&self) -> u64 {
        let mut bytes = [0_u8; 8];
        // SAFETY: eight bytes of our own.
        let got = unsafe {
            BCryptGenRandom(ptr::null_mut(), bytes.as_mut_ptr(), 8, BCRYPT_USE_SYSTEM_PREFERRED_RNG)
        };
        if got == 0 {
            return u64::from_ne_bytes(bytes);
        }
        // Unlikely to collide is enough, since the name is taken with FILE_CREATE.
        let mut now = 0_i64;
        // SAFETY: plain system calls with an integer of our own.
        let process = unsafe {
            QueryPerformanceCounter(&raw mut now);
            GetCurrentProcessId()
        };
        let now = u64::from_ne_bytes(now.to_ne_bytes());
        now.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(process).rotate_left(32)
    }

    fn sync(&self, fd: Fd) -> Result<()> {
        with_right(fd, files::FILE_ADD_FILE, calls::flush)
    }

    fn set_times(&self, fd: Fd, accessed: Time, modified: Time) -> Result<()> {
        let times = basic_times(accessed, modified)?;
        with_right(fd, files::FILE_WRITE_ATTRIBUTES, |fd| calls::set(fd, nt::FileBasicInformation, &times))
    }

    fn times(&self, fd: Fd) -> Result<(Time, Time)> {
        // Not by stat(), whose question for the kind moves the time of last access under Wine.
        let now = status::basic(fd)?;
        Ok((from_filetime(now.accessed), from_filetime(now.written)))
    }
}
