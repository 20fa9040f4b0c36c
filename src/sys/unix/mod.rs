//! What all Unixes but Linux share. What one of them has beyond that is its own [`crate::sys::Extensions`], in a file of its own.
//! On Linux this stands in for Linux's own backend under `--cfg reflink_portable`, so that the tests run it.

pub mod directories;
#[cfg(not(any(target_vendor = "apple", target_os = "freebsd", reflink_solaris)))]
mod plain;
#[cfg(reflink_solaris)]
mod solaris;
mod volume;

pub use directories::Stream;

use core::ffi::{CStr, c_int, c_void};

use crate::sys::api::{Errno, Fd, Result, Stat, Sys, Time, Volume, unsupported};
#[cfg(target_vendor = "apple")]
use crate::sys::darwin::sync;
use crate::sys::errno;
#[cfg(not(target_vendor = "apple"))]
use crate::sys::maps::Maps;
#[cfg(target_os = "linux")]
use crate::sys::posix::retry;
#[cfg(not(target_vendor = "apple"))]
use crate::sys::posix::sync;
use crate::sys::posix::{self, Native, create, raw_stat};

/// What opening a file that is there fails with, as an errno that the engine knows.
fn of_open(said: Errno, follow: bool) -> Errno {
    // The name of a socket (POSIX.1-2024, open); Linux says ENXIO.
    if said.is(errno::EOPNOTSUPP) {
        return Errno::standing_for(said.raw(), errno::ENXIO);
    }
    // O_NOFOLLOW at a symbolic link: EMLINK on FreeBSD and DragonFly, EFTYPE on NetBSD (open(2) of each).
    #[cfg(target_os = "netbsd")]
    const LINK: c_int = libc::EFTYPE;
    #[cfg(not(target_os = "netbsd"))]
    const LINK: c_int = errno::EMLINK;
    if !follow && said.is(LINK) {
        return Errno::standing_for(said.raw(), errno::ELOOP);
    }
    said
}

/// Whether the file is marked immutable or append-only, by its owner or by the system (chflags(2)).
#[cfg(reflink_bsd)]
#[allow(clippy::unnecessary_cast, clippy::useless_conversion)] // unsigned int here, unsigned long there
fn marked(raw: &posix::RawStat) -> bool {
    const MARKS: u64 = (libc::UF_IMMUTABLE | libc::UF_APPEND | libc::SF_IMMUTABLE | libc::SF_APPEND) as u64;
    u64::from(raw.st_flags) & MARKS != 0
}

/// Such marks are no part of POSIX: nothing is known, and the write itself will tell.
#[cfg(not(reflink_bsd))]
const fn marked(_: &posix::RawStat) -> bool {
    false
}

// ── Random numbers ──

#[cfg(not(target_os = "linux"))]
fn fill_random(bytes: &mut [u8; 8]) {
    // SAFETY: the call writes as many bytes as are asked for, and cannot fail.
    unsafe { libc::arc4random_buf(bytes.as_mut_ptr().cast::<c_void>(), bytes.len()) }
}

/// A failure leaves zeros; the name made of them is still created with O_EXCL. Not getentropy: the C library
/// repeats it without a bound while signals interrupt it.
#[cfg(target_os = "linux")]
fn fill_random(bytes: &mut [u8; 8]) {
    let _ = retry(|| {
        // SAFETY: the call writes as many bytes as are asked for.
        let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast::<c_void>(), bytes.len(), 0) };
        c_int::try_from(got).unwrap_or(-1)
    });
}

/// No call there says where the bytes of a file lie (SEEK_HOLE says only where there are none).
#[cfg(not(target_vendor = "apple"))]
impl Maps for Native {}

impl Sys for Native {
    fn open_source(&self, dir: Fd, name: &CStr, follow: bool) -> Result<Fd> {
        posix::open_existing(dir, name, libc::O_RDONLY, follow).map_err(|said| of_open(said, follow))
    }

    fn open_to_overwrite(&self, dir: Fd, name: &CStr, follow: bool) -> Result<Fd> {
        posix::open_existing(dir, name, libc::O_WRONLY, follow).map_err(|said| of_open(said, follow))
    }

    fn create_scratch(&self, dir: Fd, name: Option<&CStr>) -> Result<Fd> {
        name.map_or_else(unsupported, |name| create(dir, name, libc::O_RDWR, 0o600))
    }

    fn flush(&self, fd: Fd) -> Result<()> {
        // The BSDs and macOS tell a file system of the last close only, and it is there that NFS writes
        // back: what the close would do and say is asked for before the file gets its name.
        if self.volume(fd).is_ok_and(|volume| volume.remote) {
            return self.sync(fd);
        }
        // Elsewhere each close runs the file system's flush, as the last one will.
        posix::flush(fd)
    }

    fn stat(&self, fd: Fd) -> Result<Stat> {
        posix::stat(fd)
    }

    fn stat_name(&self, dir: Fd, name: &CStr) -> Result<Stat> {
        posix::stat_at(dir, name, libc::AT_SYMLINK_NOFOLLOW)
    }

    fn protected(&self, fd: Fd) -> Result<bool> {
        raw_stat(fd).map(|raw| marked(&raw))
    }

    #[allow(clippy::unnecessary_fallible_conversions, clippy::useless_conversion)] // signed on FreeBSD and DragonFly
    fn size_limit(&self) -> u64 {
        let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: one structure of the right type; where the call fails the limit stays "none".
        unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) };
        if limit.rlim_cur == libc::RLIM_INFINITY {
            return u64::MAX;
        }
        u64::try_from(limit.rlim_cur).unwrap_or(u64::MAX)
    }

    fn volume(&self, fd: Fd) -> Result<Volume> {
        volume::ask(fd)
    }

    fn random(&self) -> u64 {
        let mut bytes = [0; 8];
        fill_random(&mut bytes);
        u64::from_ne_bytes(bytes)
    }

    fn sync(&self, fd: Fd) -> Result<()> {
        sync(fd)
    }

    fn set_times(&self, fd: Fd, accessed: Time, modified: Time) -> Result<()> {
        posix::set_times(fd, accessed, modified)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::sys::api::Common;
    use crate::sys::{Access, Extensions, Kind};

    struct Directory(std::path::PathBuf, std::fs::File);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("reflink-unix-{}-{name}", std::process::id()));
            std::fs::create_dir(&path).unwrap();
            let opened = std::fs::File::open(&path).unwrap();
            Self(path, opened)
        }

        fn fd(&self) -> Fd {
            self.1.as_raw_fd()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_no_source_has_an_errno_that_the_engine_knows() {
        let socket = of_open(Errno(errno::EOPNOTSUPP), true);
        assert!(socket.is(errno::ENXIO) && socket.raw() == errno::EOPNOTSUPP);
        assert_eq!(of_open(Errno(errno::EACCES), false), Errno(errno::EACCES));
        assert_eq!(of_open(Errno(errno::EMLINK), true), Errno(errno::EMLINK));
        #[cfg(not(target_os = "netbsd"))]
        assert!(of_open(Errno(errno::EMLINK), false).is(errno::ELOOP));
        let there = Directory::new("sources");
        std::os::unix::fs::symlink("nothing", there.0.join("link")).unwrap();
        let said = Native.open_source(there.fd(), c"link", false).unwrap_err();
        assert!(said.is(errno::ELOOP), "{said:?}");
        let socket = std::os::unix::net::UnixListener::bind(there.0.join("socket")).unwrap();
        let said = Native.open_source(there.fd(), c"socket", true).unwrap_err();
        assert!(said.is(errno::ENXIO), "{said:?}");
        drop(socket);
    }

    #[test]
    fn a_file_comes_into_being_with_all_that_is_said_of_it() {
        let there = Directory::new("file");
        let fd = Native.create_new(there.fd(), c"new", 0o640).unwrap();
        assert_eq!(Native.create_new(there.fd(), c"new", 0o640), Err(Errno(errno::EEXIST)));
        assert_eq!(Native.create_unnamed(there.fd(), c".", 0o640), Err(Errno(errno::EOPNOTSUPP)));
        assert_eq!(Native.create_scratch(there.fd(), None), Err(Errno(errno::EOPNOTSUPP)));
        // SAFETY: plain system call.
        assert_eq!(unsafe { libc::fcntl(fd, libc::F_GETFD) } & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
        assert_eq!(Native.write_at(fd, b"content", 10), Ok(7));
        Native.set_mode(fd, 0o4751).unwrap();
        let (accessed, modified) =
            (Time { seconds: 4_000_000_000, nanoseconds: 5 }, Time { seconds: -7, nanoseconds: 999_999_999 });
        Native.set_times(fd, accessed, modified).unwrap();
        let (made, by_name) = (Native.stat(fd).unwrap(), Native.stat_name(there.fd(), c"new").unwrap());
        assert_eq!(made, by_name);
        assert_eq!((made.kind, made.mode, made.size), (Kind::Regular, 0o4751, 17));
        assert_eq!((made.accessed, made.modified), (accessed, modified));
        assert!(made.changed.seconds > 1_700_000_000 && made.allocated > 0 && made.block_size > 0);
        let known = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(there.0.join("new")).unwrap());
        assert_eq!(made.inode, known);
        assert_eq!(Native.protected(fd), Ok(false));
        assert_eq!(Native.access(fd), Ok(Access { read: false, write: true, append: false }));
        assert_eq!(Native.flush(fd), Ok(()));
        assert_eq!(Native.sync(fd), Ok(()));
        assert_eq!(Native.close(fd), Ok(()));
        assert_eq!(Native.close(-1), Err(Errno(errno::EBADF)));
    }

    #[test]
    fn random_numbers_do_not_repeat() {
        let drawn: std::collections::BTreeSet<u64> = (0..100).map(|_| Native.random()).collect();
        assert_eq!(drawn.len(), 100);
    }
}
