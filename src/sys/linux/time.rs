//! File times beyond January 2038 on systems whose C library has a time_t of 32 bits.
//! There fstat64 fails with EOVERFLOW for such a file, and futimens cannot name such a time: statx and utimensat_time64 can.

use core::ffi::{CStr, c_int, c_long};
use core::mem::MaybeUninit;

use crate::sys::api::{Errno, Fd, Result, Stat, Time};
use crate::sys::posix::{count, kind};

/// Whether the C library's own calls are too narrow. On Android they stay: there a filter kills
/// the process for a call that it does not know.
pub const NARROW: bool = size_of::<libc::timespec>() == 8 && !cfg!(target_os = "android");

/// utimensat_time64 (Linux 5.1), which libc does not name; the number is the same on both.
#[cfg(all(any(target_arch = "x86", target_arch = "arm"), not(target_os = "android")))]
const UTIMENSAT_WIDE: Option<c_long> = Some(412);
#[cfg(not(all(any(target_arch = "x86", target_arch = "arm"), not(target_os = "android"))))]
const UTIMENSAT_WIDE: Option<c_long> = None;

/// A call that the kernel does not have (statx came with Linux 4.11), or that a filter refuses
/// because it does not know it: the older one may do.
const fn missing(errno: Errno) -> bool {
    matches!(errno.0, libc::ENOSYS | libc::EPERM)
}

/// What an open file is. `None` where there is no statx.
pub fn stat(fd: Fd) -> Option<Result<Stat>> {
    if fd < 0 {
        // Else AT_FDCWD with an empty name would be the current directory.
        return Some(Err(Errno(libc::EBADF)));
    }
    statx(fd, c"", libc::AT_EMPTY_PATH)
}

/// What a name stands for, symbolic links not followed. `None` where there is no statx.
pub fn stat_name(dir: Fd, name: &CStr) -> Option<Result<Stat>> {
    statx(dir, name, libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT)
}

fn statx(dir: Fd, name: &CStr, flags: c_int) -> Option<Result<Stat>> {
    let mut raw = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: `name` is NUL-terminated, the structure as large as the kernel's.
    let asked: Result<u64> = count(|| unsafe {
        libc::syscall(libc::SYS_statx, dir, name.as_ptr(), flags, libc::STATX_BASIC_STATS, raw.as_mut_ptr())
    });
    match asked {
        // SAFETY: zeroed first, so that every byte is initialised whatever the kernel filled.
        Ok(_) => Some(Ok(stat_from(unsafe { raw.assume_init_ref() }))),
        Err(errno) if missing(errno) => None,
        Err(errno) => Some(Err(errno)),
    }
}

fn stat_from(raw: &libc::statx) -> Stat {
    let time =
        |time: &libc::statx_timestamp| Time { seconds: time.tv_sec, nanoseconds: i64::from(time.tv_nsec) };
    let mode = u32::from(raw.stx_mode);
    Stat {
        device: device(raw.stx_dev_major, raw.stx_dev_minor),
        inode: raw.stx_ino,
        kind: kind(mode),
        links: raw.stx_nlink.into(),
        device_number: device(raw.stx_rdev_major, raw.stx_rdev_minor),
        mode: mode & 0o7777,
        owner: raw.stx_uid,
        group: raw.stx_gid,
        size: raw.stx_size,
        allocated: raw.stx_blocks.saturating_mul(512),
        block_size: u64::from(raw.stx_blksize),
        accessed: time(&raw.stx_atime),
        modified: time(&raw.stx_mtime),
        changed: time(&raw.stx_ctime),
    }
}

/// A device number as fstat64 gives it (new_encode_dev of linux/kdev_t.h): of two looks at one file, one may be by each call.
fn device(major: u32, minor: u32) -> u64 {
    u64::from(minor & !0xff) << 12 | u64::from(major) << 8 | u64::from(minor & 0xff)
}

/// Sets the times of last access and change. `None` where there is no such call.
pub fn set_times(fd: Fd, accessed: Time, modified: Time) -> Option<Result<()>> {
    utimensat(fd, None, accessed, modified, 0)
}

/// The same by name, of a symbolic link its own.
pub fn set_name_times(dir: Fd, name: &CStr, accessed: Time, modified: Time) -> Option<Result<()>> {
    utimensat(dir, Some(name), accessed, modified, libc::AT_SYMLINK_NOFOLLOW)
}

fn utimensat(
    fd: Fd,
    name: Option<&CStr>,
    accessed: Time,
    modified: Time,
    flags: c_int,
) -> Option<Result<()>> {
    let number = UTIMENSAT_WIDE?;
    // struct __kernel_timespec of linux/time_types.h, twice
    let times = [accessed.seconds, accessed.nanoseconds, modified.seconds, modified.nanoseconds];
    let name = name.map_or(core::ptr::null(), CStr::as_ptr);
    // SAFETY: `name` is NUL-terminated, or NULL, which means the descriptor itself; the kernel reads four numbers.
    let set: Result<u64> = count(|| unsafe { libc::syscall(number, fd, name, times.as_ptr(), flags) });
    match set {
        Err(errno) if missing(errno) => None,
        outcome => Some(outcome.map(drop)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::sys::{Native, Sys};

    fn scratch(name: &str) -> (std::path::PathBuf, std::fs::File) {
        let path = std::env::temp_dir().join(format!("reflink-time-{}-{name}", std::process::id()));
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(12345).unwrap();
        (path, file)
    }

    /// Everywhere, so that what only 32-bit systems use is tested on all: the two must agree.
    #[test]
    fn statx_says_what_stat_says() {
        let (path, file) = scratch("stat");
        let fd = file.as_raw_fd();
        let Some(wide) = stat(fd) else { panic!("no statx here") };
        let native = Native.stat(fd).unwrap();
        let wide = wide.unwrap();
        assert_eq!(wide, native);
        let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        assert_eq!(stat_name(libc::AT_FDCWD, &name), Some(Ok(wide)));
        assert_eq!(stat(libc::AT_FDCWD), Some(Err(Errno(libc::EBADF))));
        std::fs::remove_file(path).unwrap();
        assert_eq!(stat_name(libc::AT_FDCWD, &name), Some(Err(Errno(libc::ENOENT))));
    }

    #[test]
    fn device_numbers_are_those_of_stat() {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        let mut seen = 0;
        for name in std::fs::read_dir("/dev").unwrap().flatten().map(|entry| entry.path()) {
            let Ok(found) = std::fs::symlink_metadata(&name) else { continue };
            if found.file_type().is_char_device() || found.file_type().is_block_device() {
                let (major, minor) = (libc::major(found.rdev()), libc::minor(found.rdev()));
                assert_eq!(device(major, minor), found.rdev(), "{}", name.display());
                seen += 1;
            }
        }
        assert!(seen > 0, "no device in /dev");
        assert_eq!(device(259, 0x12345), 0x1231_0345);
    }

    #[test]
    fn times_beyond_2038_come_and_go() {
        let (path, file) = scratch("2038");
        std::fs::remove_file(path).unwrap();
        let fd = file.as_raw_fd();
        let accessed = Time { seconds: 4_000_000_000, nanoseconds: 5 };
        let modified = Time { seconds: 4_100_000_000, nanoseconds: 999_999_999 };
        Native.set_times(fd, accessed, modified).unwrap();
        let now = Native.stat(fd).unwrap();
        assert_eq!((now.accessed, now.modified), (accessed, modified));
    }
}
