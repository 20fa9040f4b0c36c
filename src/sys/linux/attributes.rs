//! Extended attributes of what is not opened, by its name in an open directory: the calls of Linux 6.13, before it a path
//! through procfs. Nothing is followed.

use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::ptr;
use std::ffi::CString;

use super::{ProcPath, may_call};
use crate::sys::api::{Errno, Fd, Result, Sys};
use crate::sys::posix::{Native, count, done};

/// Their numbers, which libc does not name: counted as that of fchmodat2 is (`directories.rs`).
const SYS_SETXATTRAT: c_long = libc::SYS_openat2 + (463 - 437);
const SYS_GETXATTRAT: c_long = libc::SYS_openat2 + (464 - 437);
const SYS_LISTXATTRAT: c_long = libc::SYS_openat2 + (465 - 437);
const SYS_REMOVEXATTRAT: c_long = libc::SYS_openat2 + (466 - 437);

const NOFOLLOW: c_int = libc::AT_SYMLINK_NOFOLLOW;

/// `struct xattr_args` (linux/xattr.h): where a value is, and its length.
#[repr(C, align(8))]
struct Value {
    at: u64,
    size: u32,
    flags: u32,
}

impl Value {
    fn new(at: *const u8, length: usize) -> Result<Self> {
        let size = u32::try_from(length).map_err(|_| Errno(libc::E2BIG))?;
        Ok(Self { at: at as u64, size, flags: 0 })
    }
}

/// Does something by the call of that name, else by a path.
fn by_name<T>(
    call: &CStr,
    (dir, name): (Fd, &CStr),
    directly: impl FnOnce() -> Result<T>,
    by_path: impl FnOnce(*const c_char) -> Result<T>,
) -> Result<T> {
    if may_call(call) {
        let said = directly();
        if !matches!(said, Err(Errno(libc::ENOSYS | libc::EPERM))) {
            return said;
        }
    }
    match by_path(path_of(dir, name)?.as_ptr()) {
        // No procfs, so that nobody knows; unless the name is gone.
        Err(Errno(libc::ENOENT)) => Native.stat_name(dir, name).and(Err(Errno(libc::EPERM))),
        outcome => outcome,
    }
}

/// The path of a name in an open directory.
fn path_of(dir: Fd, name: &CStr) -> Result<CString> {
    let directory = ProcPath::new(dir);
    let path = [directory.as_c_str().to_bytes(), b"/", name.to_bytes()].concat();
    CString::new(path).map_err(|_| Errno(libc::EINVAL))
}

pub fn list_name_attributes(dir: Fd, name: &CStr, buffer: &mut [u8]) -> Result<usize> {
    let (list, room) = (buffer.as_mut_ptr().cast::<c_char>(), buffer.len());
    by_name(
        c"listxattrat",
        (dir, name),
        // SAFETY: `name` is NUL-terminated; the kernel writes at most `room` bytes; a length of 0 asks for the size.
        || count(|| unsafe { libc::syscall(SYS_LISTXATTRAT, dir, name.as_ptr(), NOFOLLOW, list, room) }),
        // SAFETY: as above.
        |path| count(|| unsafe { libc::llistxattr(path, list, room) }),
    )
}

pub fn get_name_attribute(dir: Fd, name: &CStr, attribute: &CStr, buffer: &mut [u8]) -> Result<usize> {
    let (at, room) = (buffer.as_mut_ptr(), buffer.len());
    let (value, attribute) = (Value::new(at, room)?, attribute.as_ptr());
    let (args, size) = (ptr::from_ref(&value), size_of::<Value>());
    by_name(
        c"getxattrat",
        (dir, name),
        // SAFETY: both names are NUL-terminated; the kernel reads `value`, and writes at most `room` bytes where it says;
        // a length of 0 asks for the size.
        || {
            count(|| unsafe {
                libc::syscall(SYS_GETXATTRAT, dir, name.as_ptr(), NOFOLLOW, attribute, args, size)
            })
        },
        // SAFETY: as above.
        |path| count(|| unsafe { libc::lgetxattr(path, attribute, at.cast::<c_void>(), room) }),
    )
}

pub fn set_name_attribute(dir: Fd, name: &CStr, attribute: &CStr, bytes: &[u8]) -> Result<()> {
    let (at, length) = (bytes.as_ptr(), bytes.len());
    let (value, attribute) = (Value::new(at, length)?, attribute.as_ptr());
    let (args, size) = (ptr::from_ref(&value), size_of::<Value>());
    by_name(
        c"setxattrat",
        (dir, name),
        // SAFETY: both names are NUL-terminated; the kernel reads `value`, and `length` bytes where it says.
        || {
            done(|| unsafe {
                libc::syscall(SYS_SETXATTRAT, dir, name.as_ptr(), NOFOLLOW, attribute, args, size)
            })
        },
        // SAFETY: as above.
        |path| done(|| unsafe { libc::lsetxattr(path, attribute, at.cast::<c_void>(), length, 0) }),
    )
}

pub fn remove_name_attribute(dir: Fd, name: &CStr, attribute: &CStr) -> Result<()> {
    let attribute = attribute.as_ptr();
    by_name(
        c"removexattrat",
        (dir, name),
        // SAFETY: both names are NUL-terminated.
        || done(|| unsafe { libc::syscall(SYS_REMOVEXATTRAT, dir, name.as_ptr(), NOFOLLOW, attribute) }),
        // SAFETY: as above.
        |path| done(|| unsafe { libc::lremovexattr(path, attribute) }),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::sys::Directories;

    /// Of a link its own, by both ways; what it leads to has none. User attributes of links are forbidden (xattr(7)), so
    /// that only root can have one.
    #[test]
    fn attributes_of_a_link_are_its_own() {
        let there = std::env::temp_dir().join(format!("reflink-attributes-{}", std::process::id()));
        fs::create_dir(&there).unwrap();
        fs::write(there.join("file"), "").unwrap();
        std::os::unix::fs::symlink("file", there.join("link")).unwrap();
        let directory = fs::File::open(&there).unwrap();
        let dir = directory.as_raw_fd();
        let (name, key) = (c"link", c"trusted.libreflink");
        let set = Native.set_name_attribute(dir, name, key, b"value");
        let mut room = [0; 256];
        let found = Native.get_name_attribute(dir, name, key, &mut room);
        let path = path_of(dir, name).unwrap();
        // SAFETY: both names are NUL-terminated; a length of 0 asks for the size.
        let by_path = count(|| unsafe { libc::lgetxattr(path.as_ptr(), key.as_ptr(), ptr::null_mut(), 0) });
        let listed = Native.list_name_attributes(dir, name, &mut room);
        let names = room.get(..listed.unwrap_or(0)).unwrap_or_default().to_vec();
        let of_file = Native.get_name_attribute(dir, c"file", key, &mut room);
        let gone = Native.get_name_attribute(dir, c"gone", key, &mut room);
        let removed = Native.remove_name_attribute(dir, name, key);
        let after = Native.get_name_attribute(dir, name, key, &mut room);
        fs::remove_dir_all(&there).unwrap();
        assert_eq!(gone, Err(Errno(libc::ENOENT)));
        match set {
            Err(Errno(libc::EPERM | libc::EOPNOTSUPP)) => return, // not root, or a file system without
            set => set.unwrap(),
        }
        assert_eq!((found, by_path), (Ok(5), Ok(5)));
        assert!(names.windows(18).any(|part| part == key.to_bytes()), "{names:?}");
        assert_eq!(of_file, Err(Errno(libc::ENODATA)));
        assert_eq!((removed, after), (Ok(()), Err(Errno(libc::ENODATA))));
    }
}
