//! Directories on all Unixes but Linux: streams of readdir(3), and mounts told apart by their device numbers.
//! Compiled for each; run on Linux under `--cfg reflink_portable`. What a system lacks is refused.

use core::ffi::CStr;
use core::ptr::NonNull;

use crate::sys::api::{Errno, Fd, Handle, Kind, Result, Time, unsupported};
use crate::sys::directories::Listing;
use crate::sys::errno;
use crate::sys::posix::{
    self, Native, done, duplicate, failure, open, restore_thread_errno, stat, stat_at, thread_errno,
};
use crate::sys::posix_directories::{READ, enter_one_by_one};

// ── Opening ──

/// Each mount has a device number of its own: none of these systems can bind a directory to a second place but FreeBSD's
/// nullfs, which has its own too.
pub fn enter_same_mount(dir: Fd, name: &CStr) -> Result<Fd> {
    let found = Handle::new(&Native, open(dir, name, READ, 0)?);
    if stat(found.fd())?.device == stat(dir)?.device { Ok(found.keep()) } else { Err(Errno(errno::EXDEV)) }
}

/// Not every system opens a directory that may not be read: the rights are given by name, a symbolic link not followed.
pub fn enter_to_remove(dir: Fd, name: &CStr) -> Result<Fd> {
    match enter_same_mount(dir, name) {
        Err(said) if said.is(errno::EACCES) => {}
        outcome => return outcome,
    }
    if is_mount_point(dir, name)? {
        return Err(Errno(errno::EXDEV));
    }
    if stat_at(dir, name, libc::AT_SYMLINK_NOFOLLOW)?.kind != Kind::Directory {
        return Err(Errno(errno::ENOTDIR));
    }
    set_name_mode(dir, name, 0o700)?;
    enter_same_mount(dir, name)
}

pub fn enter_below(dir: Fd, path: &CStr) -> Result<Fd> {
    enter_one_by_one(dir, path)
}

pub fn open_listed(dir: Fd, name: &CStr) -> Result<Fd> {
    open(dir, name, libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOFOLLOW, 0)
}

/// What [`crate::sys::Sys::stat`] says is all that is known.
pub const fn links(_fd: Fd) -> Option<u64> {
    None
}

pub fn is_mount_point(dir: Fd, name: &CStr) -> Result<bool> {
    Ok(stat_at(dir, name, libc::AT_SYMLINK_NOFOLLOW)?.device != stat(dir)?.device)
}

// ── Reading ──

/// A stream over a descriptor of its own, closed when dropped.
pub struct Stream(NonNull<libc::DIR>);

impl Stream {
    fn open(dir: Fd) -> Result<Self> {
        let fd = duplicate(dir)?;
        // SAFETY: the descriptor is the stream's when the call succeeds.
        let stream = NonNull::new(unsafe { libc::fdopendir(fd) });
        stream.map(Self).ok_or_else(|| {
            let said = failure();
            // SAFETY: else it is still ours, and not used again.
            unsafe { libc::close(fd) };
            said
        })
    }

    /// The next entry. NULL with an errno that stays as it was is the end (readdir(3)).
    fn read(&self) -> Result<Option<&RawEntry>> {
        let before = thread_errno();
        restore_thread_errno(0);
        // SAFETY: the stream is open; the entry is good until the next call on it, for which the listing waits.
        let entry = unsafe { readdir(self.0.as_ptr()).as_ref() };
        let said = failure();
        restore_thread_errno(before);
        match entry {
            None if said != Errno(0) => Err(said),
            entry => Ok(entry),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: the stream is open, and not used again.
        unsafe { libc::closedir(self.0.as_ptr()) };
    }
}

#[cfg(not(reflink_linux))]
use libc::{dirent as RawEntry, readdir};
#[cfg(reflink_linux)]
use libc::{dirent64 as RawEntry, readdir64 as readdir};

/// The inode number, by the name that each system has for it.
#[allow(clippy::unnecessary_cast)] // 32 bits wide on some systems
const fn inode(entry: &RawEntry) -> u64 {
    #[cfg(any(target_os = "freebsd", target_os = "netbsd", target_os = "openbsd", target_os = "dragonfly"))]
    let number = entry.d_fileno;
    #[cfg(any(reflink_linux, target_vendor = "apple", reflink_solaris))]
    let number = entry.d_ino;
    number as u64
}

/// The type; Solaris and illumos do not say it.
#[cfg(not(reflink_solaris))]
const fn kind(entry: &RawEntry) -> u8 {
    entry.d_type
}
#[cfg(reflink_solaris)]
const fn kind(_: &RawEntry) -> u8 {
    0
}

pub fn read_entries(dir: Fd, listing: &mut Listing) -> Result<bool> {
    let stream = match listing.stream.take() {
        Some(stream) => stream,
        None => Stream::open(dir)?,
    };
    listing.begin();
    let mut any = false;
    while listing.has_room() {
        let Some(entry) = stream.read()? else { break };
        // SAFETY: the name is NUL-terminated, and may be longer than the array that it is declared with.
        let name = unsafe { CStr::from_ptr(entry.d_name.as_ptr()) };
        listing.push(name, inode(entry), kind(entry));
        any = true;
    }
    listing.stream = any.then_some(stream);
    Ok(any)
}

// ── Making ──

#[cfg(not(target_vendor = "apple"))]
pub fn make_node(dir: Fd, name: &CStr, mode: libc::mode_t, number: libc::dev_t) -> Result<()> {
    // SAFETY: `name` is NUL-terminated.
    done(|| unsafe { libc::mknodat(dir, name.as_ptr(), mode, number) })
}

/// mknodat(2) came with macOS 13: looked up, so that the library loads on older ones.
#[cfg(target_vendor = "apple")]
pub fn make_node(dir: Fd, name: &CStr, mode: libc::mode_t, number: libc::dev_t) -> Result<()> {
    use core::ffi::{c_char, c_int, c_void};
    type Mknodat = unsafe extern "C" fn(c_int, *const c_char, libc::mode_t, libc::dev_t) -> c_int;
    // SAFETY: a search among what is loaded.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"mknodat".as_ptr()) };
    // SAFETY: the C library's function of that name has this type, and NULL is None.
    let Some(mknodat) = (unsafe { core::mem::transmute::<*mut c_void, Option<Mknodat>>(found) }) else {
        return unsupported();
    };
    // SAFETY: `name` is NUL-terminated.
    done(|| unsafe { mknodat(dir, name.as_ptr(), mode, number) })
}

#[cfg(target_vendor = "apple")]
pub fn exchange(one_dir: Fd, one: &CStr, other_dir: Fd, other: &CStr) -> Result<()> {
    // SAFETY: both names are NUL-terminated.
    done(|| unsafe {
        libc::renameatx_np(one_dir, one.as_ptr(), other_dir, other.as_ptr(), libc::RENAME_SWAP)
    })
}

#[cfg(not(target_vendor = "apple"))]
pub fn exchange(_one_dir: Fd, _one: &CStr, _other_dir: Fd, _other: &CStr) -> Result<()> {
    unsupported()
}

// ── Metadata ──

pub fn set_name_mode(dir: Fd, name: &CStr, mode: libc::mode_t) -> Result<()> {
    // SAFETY: `name` is NUL-terminated.
    done(|| unsafe { libc::fchmodat(dir, name.as_ptr(), mode, libc::AT_SYMLINK_NOFOLLOW) })
}

pub fn set_name_times(dir: Fd, name: &CStr, accessed: Time, modified: Time) -> Result<()> {
    posix::set_name_times(dir, name, accessed, modified)
}

/// Not asked for: the flag is one of chflags(2) on some of these systems, and absent on others.
pub const fn is_append_only(_: Fd) -> bool {
    false
}

/// Btrfs alone has such files.
pub const fn no_cow(_: Fd) -> Result<Option<bool>> {
    Ok(None)
}

pub const fn set_no_cow(_: Fd, _: bool) -> Result<()> {
    unsupported()
}

/// sync(2) does not wait on all of these systems, and says nothing of errors.
pub const fn sync_volume(_: Fd) -> Result<()> {
    unsupported()
}
