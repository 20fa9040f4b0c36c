//! Trees to copy: one with everything odd in it that an ordinary user can make, and a few that are plain or deep.
//! The odd one is what eight peers were tried on: only two of them kept all of it.

use std::ffi::{CStr, CString, OsStr};
use std::fs::{self, DirBuilder, File};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::abi::c_path;
use crate::files;

pub fn directory(path: &Path) -> PathBuf {
    DirBuilder::new().mode(0o755).create(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_path_buf()
}

pub fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub fn node(path: &Path, kind: libc::mode_t, device: u64) -> bool {
    unsafe { libc::mknod(c_path(path).as_ptr(), kind | 0o640, device) == 0 }
}

/// Sets an attribute of a name, without following it.
pub fn attribute(path: &Path, name: &CStr, value: &[u8]) -> bool {
    let (path, at) = (c_path(path), value.as_ptr().cast());
    unsafe { libc::lsetxattr(path.as_ptr(), name.as_ptr(), at, value.len(), 0) == 0 }
}

/// Sets both times of a name, without following it.
pub fn times(path: &Path, accessed: i64, modified: i64) {
    let time = |seconds, nanoseconds| libc::timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let both = [time(accessed, 111_000_000), time(modified, 222_000_000)];
    let name = c_path(path);
    let set =
        unsafe { libc::utimensat(libc::AT_FDCWD, name.as_ptr(), both.as_ptr(), libc::AT_SYMLINK_NOFOLLOW) };
    assert_eq!(set, 0, "{}", path.display());
}

/// Makes the odd tree.
pub fn make(root: &Path) {
    directory(root);
    let at = |name: &str| root.join(name);
    for name in ["closed", "open", "open/deeper", "empty", "sticky", "other"] {
        directory(&at(name));
    }
    files::file(&at("plain"), &files::bytes(1, 10_000));
    files::file(&at("nothing"), b"");
    files::file(&at("closed/inside"), b"in a directory that forbids writing");
    directory(&at("closed/below"));
    files::file(&at("closed/below/inside"), b"below it");
    files::file(&at("open/first"), &files::bytes(2, 5000));
    for name in ["open/second", "other/third", "open/deeper/fourth"] {
        fs::hard_link(at("open/first"), at(name)).unwrap();
    }
    symlink("../plain", at("open/relative")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    symlink("/etc/passwd", at("absolute")).unwrap();
    symlink("open", at("to-directory")).unwrap();
    symlink("x".repeat(900), at("long-link")).unwrap();
    fs::hard_link(at("dangling"), at("other/dangling-too")).unwrap();
    files::fifo(&at("fifo"));
    fs::hard_link(at("fifo"), at("other/fifo-too")).unwrap();
    assert!(node(&at("socket"), libc::S_IFSOCK, 0));
    files::set_xattr(&at("plain"), "user.odd", b"value\0with a NUL");
    files::set_xattr(&at("open"), "user.directory", b"too");
    files::sparse(&at("sparse"), 3 << 20, &[(1 << 20, 5000)]);
    files::file(&at(&"n".repeat(255)), b"a long name");
    files::file(&at("with\nnewline"), b"lines");
    files::file(&root.join(OsStr::from_bytes(b"not-utf8-\xff\xfe")), b"bytes");
    files::file(&at("-rf"), b"like an option");
    if unsafe { libc::geteuid() } == 0 {
        node(&at("device"), libc::S_IFCHR, libc::makedev(1, 3));
        for name in ["dangling", "fifo", "socket", "device"] {
            assert!(attribute(&at(name), c"trusted.odd", b"of its own"), "{name}");
        }
        files::file(&at("forbidden"), b"nobody may read this");
        mode(&at("forbidden"), 0);
        let path = c_path(&at("sticky"));
        assert_eq!(unsafe { libc::chown(path.as_ptr(), 1234, 4321) }, 0);
    }
    // Not on every file system, and not inside an overlay.
    node(&at("whiteout"), libc::S_IFCHR, 0);
    mode(&at("plain"), 0o4751);
    mode(&at("open/first"), 0o640);
    mode(&at("sticky"), 0o1777);
    mode(&at("fifo"), 0o2640);
    times(&at("plain"), 1_000_000_000, 1_100_000_000);
    times(&at("dangling"), 1_000_000_001, 1_100_000_001);
    times(&at("fifo"), 1_000_000_002, 1_100_000_002);
    for (number, name) in ["closed/below", "closed", "open/deeper", "open", "empty"].into_iter().enumerate() {
        times(&at(name), 900_000_000, 950_000_000 + number as i64);
    }
    mode(&at("closed/below"), 0o500);
    mode(&at("closed"), 0o555);
    times(root, 800_000_000, 850_000_000);
}

/// A plain tree: `directories` of `each` files.
pub fn plain(root: &Path, directories: usize, each: usize) {
    directory(root);
    for number in 0..directories {
        let inside = directory(&root.join(format!("directory-{number}")));
        for file in 0..each {
            let content = files::bytes((number * each + file) as u64, 100 + 37 * file);
            fs::write(inside.join(format!("file-{file}")), content).unwrap();
        }
    }
}

/// A chain of directories with names of 20 letters and a file in each: its path is longer than any path may be.
pub fn chain(root: &Path, levels: usize) {
    directory(root);
    let name = CString::new("twenty-letters-long-").unwrap();
    let mut here = File::open(root).unwrap();
    for level in 0..levels {
        let fd = here.as_raw_fd();
        unsafe {
            assert_eq!(libc::mkdirat(fd, name.as_ptr(), 0o755), 0, "level {level}");
            let file = libc::openat(fd, c"file".as_ptr(), libc::O_CREAT | libc::O_WRONLY, 0o644);
            assert!(file >= 0);
            assert_eq!(libc::write(file, name.as_ptr().cast(), 7), 7);
            libc::close(file);
            let below = libc::openat(fd, name.as_ptr(), libc::O_DIRECTORY | libc::O_RDONLY);
            assert!(below >= 0);
            here = File::from_raw_fd(below);
        }
    }
}
