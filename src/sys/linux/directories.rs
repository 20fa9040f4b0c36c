//! Directories on Linux: openat2(2), getdents64(2), statx(2) and fchmodat2(2), each with a fallback for older kernels and for
//! filters that refuse the call.

use core::ffi::{CStr, c_int, c_long, c_void};
use core::mem::MaybeUninit;
use core::ptr;

use super::{ProcPath, may_call, open_leased, renameat2, time, volumes};
use crate::sys::api::{Common, Errno, Fd, Handle, Kind, Result, Sys, Time};
use crate::sys::directories::Listing;
use crate::sys::posix::{self, Native, above_stdio, count, done, open, retry};
use crate::sys::posix_directories::{READ, enter_one_by_one};

// ── Opening ──

/// `struct open_how` (linux/openat2.h), which libc lacks on Android.
#[repr(C)]
struct How {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// RESOLVE_NO_XDEV, RESOLVE_NO_SYMLINKS and RESOLVE_BENEATH.
const NO_XDEV: u64 = 0x01;
const NO_SYMLINKS: u64 = 0x04;
const BENEATH: u64 = 0x08;

/// Opens a name as `resolve` restricts it (Linux 5.6). `None`: there is no such call here, or a filter forbids it.
fn openat2(dir: Fd, name: &CStr, flags: c_int, resolve: u64) -> Option<Result<Fd>> {
    if !may_call(c"openat2") {
        return None;
    }
    let flags = u64::from((flags | libc::O_CLOEXEC).unsigned_abs());
    let how = How { flags, mode: 0, resolve };
    // SAFETY: `name` is NUL-terminated; the kernel reads a structure of the size that is told.
    let opened: Result<Fd> = count(|| unsafe {
        libc::syscall(libc::SYS_openat2, dir, name.as_ptr(), ptr::from_ref(&how), size_of::<How>())
    });
    match opened {
        Err(Errno(libc::ENOSYS | libc::EPERM)) => None,
        outcome => Some(outcome.and_then(|fd| above_stdio(fd, || Ok(())))),
    }
}

/// Opens a directory, unless another mount begins there (EXDEV). Device numbers do not tell: a bind mount has that of what it
/// shows, and a subvolume of Btrfs, which is no mount, has one of its own.
fn open_same_mount(dir: Fd, name: &CStr, flags: c_int) -> Result<Fd> {
    // Beneath: should a directory ever list "..", or a name with a slash, it leads nowhere.
    if let Some(outcome) = openat2(dir, name, flags, NO_XDEV | NO_SYMLINKS | BENEATH) {
        return outcome;
    }
    let found = Handle::new(&Native, open(dir, name, flags, 0)?);
    if mount_id(found.fd())? == mount_id(dir)? { Ok(found.keep()) } else { Err(Errno(libc::EXDEV)) }
}

pub fn enter_same_mount(dir: Fd, name: &CStr) -> Result<Fd> {
    open_same_mount(dir, name, READ)
}

/// Gives the rights through a descriptor that needs none (O_PATH), so that no other file can get them.
pub fn enter_to_remove(dir: Fd, name: &CStr) -> Result<Fd> {
    match open_same_mount(dir, name, READ) {
        Err(Errno(libc::EACCES)) => {}
        outcome => return outcome,
    }
    let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW;
    let found = Handle::new(&Native, open_same_mount(dir, name, flags)?);
    set_mode(found.fd(), 0o700)?;
    open(found.fd(), c".", READ, 0)
}

pub fn enter_below(dir: Fd, path: &CStr) -> Result<Fd> {
    openat2(dir, path, READ, BENEATH | NO_SYMLINKS).unwrap_or_else(|| enter_one_by_one(dir, path))
}

pub fn open_listed(dir: Fd, name: &CStr) -> Result<Fd> {
    match open(dir, name, libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOFOLLOW, 0) {
        Err(Errno(libc::EAGAIN)) => open_leased(dir, name, libc::O_RDONLY, false),
        outcome => outcome,
    }
}

// ── Mounts ──

/// statx(2) with no more than what is asked for. `None`: there is no such call here (before Linux 4.11), or a filter forbids it.
fn statx(dir: Fd, name: &CStr, flags: c_int, mask: u32) -> Option<Result<libc::statx>> {
    if !may_call(c"statx") {
        return None;
    }
    let mut raw = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: `name` is NUL-terminated, the structure as large as the kernel's.
    let asked =
        done(|| unsafe { libc::syscall(libc::SYS_statx, dir, name.as_ptr(), flags, mask, raw.as_mut_ptr()) });
    match asked {
        Err(Errno(libc::ENOSYS | libc::EPERM)) => None,
        // SAFETY: zeroed first, so that every byte is initialised whatever the kernel filled.
        outcome => Some(outcome.map(|()| unsafe { raw.assume_init() })),
    }
}

/// The number of the mount that an open file is in: by statx since Linux 5.8, else with its handle (Linux 2.6.39, and
/// where the file system has handles), else by procfs. Fails if none of them says it.
fn mount_id(fd: Fd) -> Result<u64> {
    if let Some(said) = statx(fd, c"", libc::AT_EMPTY_PATH, libc::STATX_MNT_ID) {
        let said = said?;
        if said.stx_mask & libc::STATX_MNT_ID != 0 {
            return Ok(said.stx_mnt_id);
        }
    }
    mount_id_by_handle(fd).map_or_else(|| mount_id_by_procfs(fd), Ok)
}

fn mount_id_by_handle(fd: Fd) -> Option<u64> {
    if !may_call(c"name_to_handle_at") {
        return None;
    }
    // `struct file_handle` without room for the handle itself, so that the kernel tells the mount and says EOVERFLOW.
    let (mut no_room, mut number): ([u32; 2], c_int) = ([0; 2], -1);
    let (handle, mount) = (no_room.as_mut_ptr(), ptr::from_mut(&mut number));
    // SAFETY: the name is empty and NUL-terminated; the kernel writes one int, and nothing after the structure.
    let asked = done(|| unsafe {
        libc::syscall(libc::SYS_name_to_handle_at, fd, c"".as_ptr(), handle, mount, libc::AT_EMPTY_PATH)
    });
    let told = matches!(asked, Ok(()) | Err(Errno(libc::EOVERFLOW)));
    u64::try_from(number).ok().filter(|_| told)
}

fn mount_id_by_procfs(fd: Fd) -> Result<u64> {
    let opened = match open(libc::AT_FDCWD, ProcPath::info(fd).as_c_str(), libc::O_RDONLY, 0) {
        Err(Errno(libc::ENOENT)) => return Err(Errno(libc::EOPNOTSUPP)), // no procfs
        opened => opened?,
    };
    let file = Handle::new(&Native, opened);
    let mut text = [0; 1024];
    let length = Native.read_at(file.fd(), &mut text, 0)?;
    let text = core::str::from_utf8(text.get(..length).unwrap_or_default()).unwrap_or_default();
    let number = text.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    number.ok_or(Errno(libc::EOPNOTSUPP))
}

/// The SMB client shows one name for each open file, however many the server has (Linux 6.1 and 6.12). This asks the server.
pub fn links(fd: Fd) -> Option<u64> {
    let volume = Native.volume(fd).ok()?;
    if !matches!(volume.name, "smb" | "cifs") {
        return None;
    }
    let said = statx(fd, c"", libc::AT_EMPTY_PATH | libc::AT_STATX_FORCE_SYNC, libc::STATX_NLINK)?.ok()?;
    Some(said.stx_nlink.into())
}

pub fn is_mount_point(dir: Fd, name: &CStr) -> Result<bool> {
    #[allow(clippy::cast_sign_loss)] // one bit, as c_int
    const ROOT: u64 = libc::STATX_ATTR_MOUNT_ROOT as u64;
    if let Some(said) = statx(dir, name, libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT, 0) {
        let said = said?;
        if said.stx_attributes_mask & ROOT != 0 {
            return Ok(said.stx_attributes & ROOT != 0);
        }
    }
    // Before Linux 5.8.
    let found = Handle::new(&Native, open(dir, name, libc::O_PATH | libc::O_NOFOLLOW, 0)?);
    Ok(mount_id(found.fd())? != mount_id(dir)?)
}

// ── Reading ──

pub fn read_entries(dir: Fd, listing: &mut Listing) -> Result<bool> {
    let room = listing.room();
    // Raw: the C library's streams have a buffer and a descriptor of their own. SAFETY: the kernel writes at most `len` bytes.
    let filled = count(|| unsafe {
        libc::syscall(libc::SYS_getdents64, dir, room.as_mut_ptr().cast::<c_void>(), room.len())
    })?;
    listing.set_filled(filled);
    Ok(filled != 0)
}

// ── Making ──

pub fn make_node(dir: Fd, name: &CStr, mode: libc::mode_t, number: libc::dev_t) -> Result<()> {
    // SAFETY: `name` is NUL-terminated.
    done(|| unsafe { libc::mknodat(dir, name.as_ptr(), mode, number) })
}

pub fn exchange(one_dir: Fd, one: &CStr, other_dir: Fd, other: &CStr) -> Result<()> {
    renameat2(one_dir, one, other_dir, other, libc::RENAME_EXCHANGE)
}

// ── Metadata ──

/// fchmodat2(2) of Linux 6.6, which libc does not name everywhere. Newer calls have one number on all architectures, counted
/// from a base that is the architecture's: here from openat2's 437.
const SYS_FCHMODAT2: c_long = libc::SYS_openat2 + (452 - 437);

/// Sets the permission bits of an open file, also of one opened with O_PATH, for which fchmod(2) fails with EBADF.
fn set_mode(fd: Fd, mode: libc::mode_t) -> Result<()> {
    if may_call(c"fchmodat2") {
        // SAFETY: the name is empty and NUL-terminated: the file is the descriptor's.
        let set =
            done(|| unsafe { libc::syscall(SYS_FCHMODAT2, fd, c"".as_ptr(), mode, libc::AT_EMPTY_PATH) });
        if !matches!(set, Err(Errno(libc::ENOSYS | libc::EPERM))) {
            return set;
        }
    }
    set_mode_by_procfs(fd, mode)
}

fn set_mode_by_procfs(fd: Fd, mode: libc::mode_t) -> Result<()> {
    // SAFETY: the path is NUL-terminated.
    match done(|| unsafe { libc::chmod(ProcPath::new(fd).as_c_str().as_ptr(), mode) }) {
        Err(Errno(libc::ENOENT)) => Err(Errno(libc::EOPNOTSUPP)), // no procfs
        outcome => outcome,
    }
}

pub fn set_name_mode(dir: Fd, name: &CStr, mode: libc::mode_t) -> Result<()> {
    let found = Handle::new(&Native, open(dir, name, libc::O_PATH | libc::O_NOFOLLOW, 0)?);
    match Native.stat(found.fd())?.kind {
        Kind::Symlink => Err(Errno(libc::EOPNOTSUPP)),
        _ => set_mode(found.fd(), mode),
    }
}

pub fn set_name_times(dir: Fd, name: &CStr, accessed: Time, modified: Time) -> Result<()> {
    let wide = time::set_name_times(dir, name, accessed, modified);
    wide.unwrap_or_else(|| posix::set_name_times(dir, name, accessed, modified))
}

/// Where statx(2) is missing or does not report flags, what is made there may stay under its private name.
pub fn is_append_only(dir: Fd) -> bool {
    let said = statx(dir, c"", libc::AT_EMPTY_PATH, 0);
    matches!(said, Some(Ok(said)) if said.stx_attributes & libc::STATX_ATTR_APPEND as u64 != 0)
}

/// FS_NOCOW_FL (linux/fs.h). Only Btrfs acts on it.
const NOCOW: c_int = 0x0080_0000;

/// The inode's flags. The kernel writes an int, though the request is named after a long.
fn flags(fd: Fd) -> Result<c_int> {
    let mut flags: c_int = 0;
    // SAFETY: the kernel writes one int of our own.
    done(|| unsafe { libc::ioctl(fd, libc::FS_IOC_GETFLAGS, ptr::from_mut(&mut flags)) })?;
    Ok(flags)
}

/// Btrfs shows a subvolume that is in a snapshot as an empty directory, which has no flags (ENOTTY); and under a filter that
/// refuses every ioctl nothing is cloned anyway.
pub fn no_cow(fd: Fd) -> Result<Option<bool>> {
    if !is_btrfs(fd)? {
        return Ok(None);
    }
    match flags(fd) {
        Err(Errno(libc::ENOTTY | libc::ENOSYS | libc::EPERM)) => Ok(None),
        flags => Ok(Some(flags? & NOCOW != 0)),
    }
}

/// Other file systems are not asked for flags: some FUSE servers take that request for another one.
fn is_btrfs(fd: Fd) -> Result<bool> {
    Ok(Native.volume(fd)?.name == volumes::BTRFS)
}

pub fn set_no_cow(fd: Fd, on: bool) -> Result<()> {
    if !is_btrfs(fd)? {
        return Err(Errno(libc::EOPNOTSUPP));
    }
    let others = flags(fd)? & !NOCOW;
    let flags = if on { others | NOCOW } else { others };
    // SAFETY: the kernel reads one int of our own.
    done(|| unsafe { libc::ioctl(fd, libc::FS_IOC_SETFLAGS, ptr::from_ref(&flags)) })
}

pub fn sync_volume(fd: Fd) -> Result<()> {
    if !may_call(c"syncfs") {
        return Err(Errno(libc::EOPNOTSUPP));
    }
    // SAFETY: plain system call.
    retry(|| unsafe { libc::syscall(libc::SYS_syncfs, fd) }).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;
    use crate::sys::{CWD, Directories};

    /// The ways to number a mount must agree, else an old kernel would see mounts everywhere, or nowhere.
    #[test]
    fn mounts_have_one_number_however_it_is_asked_for() {
        for name in [c"/", c"/proc", c"/dev", c"/proc/self/fd"] {
            let directory = Handle::new(&Native, Native.open_directory(CWD, name, false).unwrap());
            assert_eq!(mount_id_by_procfs(directory.fd()), mount_id(directory.fd()), "{name:?}");
        }
        let temporary = fs::File::open(std::env::temp_dir()).unwrap();
        let by_handle = mount_id_by_handle(temporary.as_raw_fd());
        assert!(
            by_handle.is_none_or(|number| mount_id(temporary.as_raw_fd()) == Ok(number)),
            "{by_handle:?}"
        );
        let root = Handle::new(&Native, Native.open_directory(CWD, c"/", false).unwrap());
        let proc = Handle::new(&Native, Native.open_directory(CWD, c"/proc", false).unwrap());
        assert_ne!(mount_id(root.fd()), mount_id(proc.fd()));
    }

    #[test]
    fn nothing_but_a_name_below_is_entered_to_remove_it() {
        let directory = fs::File::open(std::env::temp_dir()).unwrap();
        for name in [c"..", c"../..", c"/"] {
            assert_eq!(
                Native.enter_to_remove(directory.as_raw_fd(), name),
                Err(Errno(libc::EXDEV)),
                "{name:?}"
            );
            assert_eq!(
                Native.enter_same_mount(directory.as_raw_fd(), name),
                Err(Errno(libc::EXDEV)),
                "{name:?}"
            );
        }
    }

    /// As an ordinary user, which as root only this thread becomes: root may read every directory.
    #[test]
    fn a_directory_that_its_owner_may_not_read_is_entered_to_remove_it() {
        let there = std::env::temp_dir().join(format!("reflink-locked-{}", std::process::id()));
        fs::create_dir(&there).unwrap();
        // SAFETY: plain system call.
        let root = unsafe { libc::geteuid() } == 0;
        for (name, mode) in [("none", 0o000), ("search", 0o311), ("no-search", 0o600), ("read", 0o555)] {
            fs::create_dir(there.join(name)).unwrap();
            if root {
                std::os::unix::fs::chown(there.join(name), Some(1000), Some(1000)).unwrap();
            }
            fs::set_permissions(there.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        std::os::unix::fs::symlink("none", there.join("link")).unwrap();
        let directory = fs::File::open(&there).unwrap();
        let dir = directory.as_raw_fd();
        let entered = std::thread::spawn(move || {
            if root {
                // SAFETY: the raw call changes this thread alone.
                assert_eq!(unsafe { libc::syscall(libc::SYS_setresuid, -1, 1000, -1) }, 0);
            }
            let enter = |name| Native.enter_to_remove(dir, name).map(|fd| drop(Handle::new(&Native, fd)));
            assert_eq!(Native.enter(dir, c"none"), Err(Errno(libc::EACCES)));
            [c"none", c"search", c"no-search", c"read", c"link"].map(enter)
        });
        let entered = entered.join().unwrap();
        let mode = |name| fs::symlink_metadata(there.join(name)).unwrap().mode() & 0o7777;
        let modes = ["none", "search", "no-search", "read"].map(mode);
        fs::remove_dir_all(&there).unwrap();
        assert_eq!(entered, [Ok(()), Ok(()), Ok(()), Ok(()), Err(Errno(libc::ENOTDIR))]);
        assert_eq!(modes, [0o700, 0o700, 0o600, 0o555]);
    }

    #[test]
    fn permission_bits_are_set_without_fchmodat2_too() {
        let path = std::env::temp_dir().join(format!("reflink-chmod-{}", std::process::id()));
        fs::write(&path, "").unwrap();
        let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        let file = Handle::new(&Native, open(CWD, &name, libc::O_PATH, 0).unwrap());
        set_mode(file.fd(), 0o604).unwrap();
        let first = fs::metadata(&path).unwrap().mode() & 0o7777;
        set_mode_by_procfs(file.fd(), 0o406).unwrap();
        let second = fs::metadata(&path).unwrap().mode() & 0o7777;
        fs::remove_file(&path).unwrap();
        assert_eq!((first, second), (0o604, 0o406));
    }
}
