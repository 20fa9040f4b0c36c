//! What Linux and all other Unixes do with the same calls: [`Common`], errnos, calls that a signal interrupts, descriptors above 2.
//! What POSIX leaves open or a system spells differently is chosen here by `cfg`, each with its manual.

use core::ffi::{CStr, c_int, c_void};
use core::mem::MaybeUninit;

use super::api::{Access, Common, Errno, Fd, Kind, Result, Stat, Time, unsupported};
use super::errno;

// With 64 bits for sizes and offsets also where Linux's first calls have 32 (feature_test_macros(7)).
/// fstat(2)'s structure.
#[cfg(not(reflink_linux))]
pub use libc::stat as RawStat;
/// fstat(2)'s structure.
#[cfg(reflink_linux)]
pub use libc::stat64 as RawStat;
#[cfg(not(reflink_linux))]
use libc::{fstat, fstatat, ftruncate, lseek, off_t, openat, pread, pwrite};
#[cfg(reflink_linux)]
use libc::{
    fstat64 as fstat, fstatat64 as fstatat, ftruncate64 as ftruncate, lseek64 as lseek, off64_t as off_t,
    openat64 as openat, pread64 as pread, pwrite64 as pwrite,
};

/// The running Unix.
pub struct Native;

/// What names are relative to that are not absolute: the current directory.
pub const CWD: Fd = libc::AT_FDCWD;

/// Whether a caller means "no descriptor".
pub const fn is_none(fd: Fd) -> bool {
    fd < 0
}

// ── The errno ──

/// The calling thread's errno.
pub fn thread_errno() -> i32 {
    // SAFETY: each C library returns a valid pointer to the thread's own errno.
    unsafe { *errno_location() }
}

/// Puts the calling thread's errno back to what it was before a call of the library.
pub fn restore_thread_errno(value: i32) {
    // SAFETY: as in `thread_errno`.
    unsafe { *errno_location() = value }
}

#[cfg(reflink_solaris)]
use libc::___errno as errno_location;
#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
use libc::__errno as errno_location;
#[cfg(any(target_os = "linux", target_os = "dragonfly"))]
use libc::__errno_location as errno_location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as errno_location;

/// What a system calls a missing extended attribute where it is not ENODATA.
#[cfg(reflink_bsd)]
const NO_ATTRIBUTE: c_int = libc::ENOATTR;
#[cfg(not(reflink_bsd))]
const NO_ATTRIBUTE: c_int = errno::ENODATA;

/// The errno by which the engine and its callers know an error: EOPNOTSUPP and ENODATA, for which some systems have
/// ENOTSUP and ENOATTR, which are other numbers there.
const fn known(raw: i32) -> Errno {
    if raw == libc::ENOTSUP && libc::ENOTSUP != errno::EOPNOTSUPP {
        return Errno::standing_for(raw, errno::EOPNOTSUPP);
    }
    if raw == NO_ATTRIBUTE && NO_ATTRIBUTE != errno::ENODATA {
        return Errno::standing_for(raw, errno::ENODATA);
    }
    Errno(raw)
}

/// What the last call of this thread failed with.
pub fn failure() -> Errno {
    known(thread_errno())
}

// ── Making calls ──

/// How often a call is made again that a signal interrupted. Signals may come as often as they like (timers, profilers): the
/// bound is for a file system that answers EINTR and nothing else, so that no loop is endless.
const INTERRUPTED_AT_MOST: u32 = 1 << 12;

/// Makes a call again while a signal interrupts it; -1 means that errno says why.
pub fn retry<T: Default + PartialOrd>(mut call: impl FnMut() -> T) -> Result<T> {
    let mut again = 0..INTERRUPTED_AT_MOST;
    loop {
        let returned = call();
        if returned >= T::default() {
            return Ok(returned);
        }
        let said = failure();
        if !said.is(errno::EINTR) || again.next().is_none() {
            return Err(said);
        }
    }
}

/// `retry` for a call that returns a number of another type.
pub fn count<R: Default + PartialOrd + TryInto<T>, T>(call: impl FnMut() -> R) -> Result<T> {
    retry(call)?.try_into().map_err(|_| Errno(errno::EOVERFLOW))
}

/// `retry` for a call that returns nothing but success.
pub fn done<T: Default + PartialOrd>(call: impl FnMut() -> T) -> Result<()> {
    retry(call).map(drop)
}

/// An offset as the system takes it. Beyond 2^63-1 there is no offset.
pub fn offset(value: u64) -> Result<off_t> {
    off_t::try_from(value).map_err(|_| Errno(errno::EOVERFLOW))
}

// ── Opening ──

/// Moves a new descriptor above 2: a host that closed its stdio would write its messages into the
/// file (gnulib's fd-safer). Where no such number is free, `undo` takes back what the open did.
pub fn above_stdio(fd: Fd, undo: impl FnOnce() -> Result<()>) -> Result<Fd> {
    if fd > libc::STDERR_FILENO {
        return Ok(fd);
    }
    let moved = duplicate(fd);
    if moved.is_err() {
        let _ = undo(); // the lack of a number is the error to report
    }
    // SAFETY: the number is given up here and not used again.
    unsafe { libc::close(fd) };
    moved
}

/// Another descriptor for the same open file, close-on-exec and above 2.
pub fn duplicate(fd: Fd) -> Result<Fd> {
    // SAFETY: plain system call.
    match retry(|| unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, libc::STDERR_FILENO.saturating_add(1)) }) {
        Err(said) if said.is(errno::EINVAL) => Err(Errno(errno::EMFILE)), // the limit allows no number above 2
        outcome => outcome,
    }
}

/// Has the file system's flush run, as the last close will: by the close of a duplicate. Where there is none to be had (the
/// host has no descriptor left, a filter forbids F_DUPFD), a sync tells what a close would, only later.
pub fn flush(fd: Fd) -> Result<()> {
    match duplicate(fd) {
        Ok(duplicate) => Native.close(duplicate),
        Err(_) => sync(fd),
    }
}

/// Opens a name, close-on-exec and above 2.
pub fn open(dir: Fd, name: &CStr, flags: c_int, mode: u32) -> Result<Fd> {
    let flags = flags | libc::O_CLOEXEC | libc::O_NOCTTY;
    // SAFETY: `name` is a NUL-terminated string that outlives the call.
    let opened = retry(|| unsafe { openat(dir, name.as_ptr(), flags, mode) })?;
    let made = flags & libc::O_EXCL != 0;
    above_stdio(opened, || if made { unlink_own(opened, dir, name) } else { Ok(()) })
}

/// Removes a name if it is still this file's.
fn unlink_own(fd: Fd, dir: Fd, name: &CStr) -> Result<()> {
    let there = stat_at(dir, name, libc::AT_SYMLINK_NOFOLLOW)?;
    if stat(fd)?.same_file(&there) { Native.unlink(dir, name) } else { Ok(()) }
}

/// Whether a name stands for a FIFO, a socket or a device. To open one does something: a FIFO's writer goes on and is
/// killed by SIGPIPE at the close, a device rewinds or resets. The open that follows reports any error.
fn is_special(dir: Fd, name: &CStr, follow: bool) -> bool {
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    stat_at(dir, name, flags).is_ok_and(|there| there.kind.is_special())
}

/// Opens a file that is there for `access`, as [`super::Sys::open_source`] says.
pub fn open_existing(dir: Fd, name: &CStr, access: c_int, follow: bool) -> Result<Fd> {
    if is_special(dir, name, follow) {
        return Err(Errno(errno::ENXIO));
    }
    // O_NONBLOCK: a FIFO may have replaced the file since the check, and its open would block.
    let nofollow = if follow { 0 } else { libc::O_NOFOLLOW };
    open(dir, name, access | libc::O_NONBLOCK | nofollow, 0)
}

/// Makes a file of that name, for `access`.
pub fn create(dir: Fd, name: &CStr, access: c_int, mode: u32) -> Result<Fd> {
    open(dir, name, libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | access, mode)
}

/// Opens a directory only to find names in it, which needs no permission to read it.
#[cfg(all(reflink_linux, not(reflink_portable)))]
const SEARCH: c_int = libc::O_PATH;
#[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "netbsd", reflink_solaris))]
const SEARCH: c_int = libc::O_SEARCH;
#[cfg(any(target_os = "openbsd", target_os = "dragonfly", reflink_portable))]
const SEARCH: c_int = libc::O_RDONLY;

/// The flags of a descriptor that can neither be read nor written, though its access mode says "read".
#[cfg(reflink_linux)]
const NEITHER: c_int = libc::O_PATH;
#[cfg(target_os = "freebsd")]
const NEITHER: c_int = libc::O_PATH | libc::O_EXEC;
#[cfg(any(target_vendor = "apple", reflink_solaris))]
const NEITHER: c_int = libc::O_EXEC | (libc::O_SEARCH & !libc::O_DIRECTORY);
#[cfg(target_os = "netbsd")]
const NEITHER: c_int = libc::O_SEARCH;
#[cfg(any(target_os = "openbsd", target_os = "dragonfly"))]
const NEITHER: c_int = 0;

// ── What a file is ──

/// The nanoseconds of the times of last access, of change of content, and of any change.
#[allow(clippy::unnecessary_cast)] // c_long is not 64 bits wide everywhere
fn nanoseconds(raw: &RawStat) -> [i64; 3] {
    #[cfg(target_os = "netbsd")]
    let [accessed, modified, changed] = [raw.st_atimensec, raw.st_mtimensec, raw.st_ctimensec];
    #[cfg(not(target_os = "netbsd"))]
    let [accessed, modified, changed] = [raw.st_atime_nsec, raw.st_mtime_nsec, raw.st_ctime_nsec];
    [accessed as i64, modified as i64, changed as i64]
}

/// The file type in a mode.
#[allow(clippy::unnecessary_cast)] // 16 bits wide on some systems
pub fn kind(mode: u32) -> Kind {
    const REGULAR: u32 = libc::S_IFREG as u32;
    const DIRECTORY: u32 = libc::S_IFDIR as u32;
    const SYMLINK: u32 = libc::S_IFLNK as u32;
    const FIFO: u32 = libc::S_IFIFO as u32;
    const SOCKET: u32 = libc::S_IFSOCK as u32;
    const CHARACTER: u32 = libc::S_IFCHR as u32;
    const BLOCK: u32 = libc::S_IFBLK as u32;
    match mode & libc::S_IFMT as u32 {
        REGULAR => Kind::Regular,
        DIRECTORY => Kind::Directory,
        SYMLINK => Kind::Symlink,
        FIFO => Kind::Fifo,
        SOCKET => Kind::Socket,
        CHARACTER => Kind::CharacterDevice,
        BLOCK => Kind::BlockDevice,
        _ => Kind::Other,
    }
}

// The types of struct stat differ between systems and architectures.
#[allow(clippy::unnecessary_cast, clippy::cast_sign_loss)]
#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)]
fn stat_from(raw: &RawStat) -> Stat {
    let [accessed, modified, changed] = nanoseconds(raw);
    let time = |seconds: i64, nanoseconds| Time { seconds, nanoseconds };
    let mode = u32::from(raw.st_mode);
    Stat {
        device: raw.st_dev as u64,
        inode: raw.st_ino as u64,
        kind: kind(mode),
        links: raw.st_nlink as u64,
        device_number: raw.st_rdev as u64,
        mode: mode & 0o7777,
        owner: raw.st_uid,
        group: raw.st_gid,
        size: u64::try_from(raw.st_size).unwrap_or(0),
        allocated: u64::try_from(raw.st_blocks).unwrap_or(0).saturating_mul(512),
        block_size: u64::try_from(raw.st_blksize).unwrap_or(0),
        accessed: time(raw.st_atime as i64, accessed),
        modified: time(raw.st_mtime as i64, modified),
        changed: time(raw.st_ctime as i64, changed),
    }
}

/// fstat(2), as the system gives it.
pub fn raw_stat(fd: Fd) -> Result<RawStat> {
    let mut raw = MaybeUninit::<RawStat>::zeroed();
    // SAFETY: the system fills the structure when the call succeeds.
    done(|| unsafe { fstat(fd, raw.as_mut_ptr()) })?;
    // SAFETY: plain numbers, for which all zeros is a value too.
    Ok(unsafe { raw.assume_init() })
}

/// What an open file is.
pub fn stat(fd: Fd) -> Result<Stat> {
    raw_stat(fd).map(|raw| stat_from(&raw))
}

/// What a name stands for; with `flags` AT_SYMLINK_NOFOLLOW, symbolic links not followed.
pub fn stat_at(dir: Fd, name: &CStr, flags: c_int) -> Result<Stat> {
    let mut raw = MaybeUninit::<RawStat>::zeroed();
    // SAFETY: `name` is NUL-terminated; the system fills the structure when the call succeeds.
    done(|| unsafe { fstatat(dir, name.as_ptr(), raw.as_mut_ptr(), flags) })?;
    // SAFETY: plain numbers, for which all zeros is a value too.
    Ok(stat_from(unsafe { raw.assume_init_ref() }))
}

// ── Data and metadata ──

/// What lseek(2) calls data and holes, where it knows them and what it says can be believed: APFS was seen to call
/// written data a hole until the volume was mounted again, and copies came out with zeros (coreutils bug 51857,
/// openwrt#11960). GNU cp does not use SEEK_DATA there either; what holes a file has is found by reading it.
#[cfg(not(any(target_vendor = "apple", target_os = "netbsd", target_os = "openbsd")))]
const SEEK: Option<[c_int; 2]> = Some([libc::SEEK_DATA, libc::SEEK_HOLE]);
#[cfg(any(target_vendor = "apple", target_os = "netbsd", target_os = "openbsd"))]
const SEEK: Option<[c_int; 2]> = None;

fn seek(fd: Fd, from: u64, choose: impl Fn([c_int; 2]) -> c_int) -> Result<u64> {
    let Some(both) = SEEK else { return unsupported() };
    let from = offset(from)?;
    // SAFETY: plain system call.
    count(|| unsafe { lseek(fd, from, choose(both)) })
}

/// Writes data and metadata through to the device, as far as the system does that.
pub fn sync(fd: Fd) -> Result<()> {
    // SAFETY: plain system call.
    done(|| unsafe { libc::fsync(fd) })
}

/// A seal that Linux alone has (5.1). It lets mappings that exist be written, and no write(2).
#[cfg(all(reflink_linux, not(reflink_portable)))]
const FUTURE_WRITE: c_int = libc::F_SEAL_FUTURE_WRITE;
#[cfg(target_os = "freebsd")]
const FUTURE_WRITE: c_int = 0;

/// What the seals of a file forbid.
#[cfg(any(all(reflink_linux, not(reflink_portable)), target_os = "freebsd"))]
pub fn seals(fd: Fd) -> super::Seals {
    // SAFETY: plain system call.
    let set = unsafe { libc::fcntl(fd, libc::F_GET_SEALS) };
    // EINVAL: a file system without seals.
    let forbids = |seals: c_int| set > 0 && set & seals != 0;
    super::Seals {
        write: forbids(libc::F_SEAL_WRITE | FUTURE_WRITE),
        grow: forbids(libc::F_SEAL_GROW),
        shrink: forbids(libc::F_SEAL_SHRINK),
    }
}

/// The times of last access and change as the system takes them.
#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)] // 32 bits wide on some architectures
fn raw_times(accessed: Time, modified: Time) -> Result<[libc::timespec; 2]> {
    let raw = |time: Time| -> Result<libc::timespec> {
        let seconds = time.seconds.try_into().map_err(|_| Errno(errno::EOVERFLOW))?;
        let nanoseconds = time.nanoseconds.try_into().map_err(|_| Errno(errno::EOVERFLOW))?;
        Ok(libc::timespec { tv_sec: seconds, tv_nsec: nanoseconds })
    };
    Ok([raw(accessed)?, raw(modified)?])
}

/// Sets the times of last access and change.
pub fn set_times(fd: Fd, accessed: Time, modified: Time) -> Result<()> {
    let times = raw_times(accessed, modified)?;
    // SAFETY: the system reads two structures at this address.
    done(|| unsafe { libc::futimens(fd, times.as_ptr()) })
}

/// The same by name, of a symbolic link its own.
pub fn set_name_times(dir: Fd, name: &CStr, accessed: Time, modified: Time) -> Result<()> {
    let times = raw_times(accessed, modified)?;
    // SAFETY: `name` is NUL-terminated; the system reads two structures at this address.
    done(|| unsafe { libc::utimensat(dir, name.as_ptr(), times.as_ptr(), libc::AT_SYMLINK_NOFOLLOW) })
}

impl Common for Native {
    fn open_directory(&self, dir: Fd, name: &CStr, sync: bool) -> Result<Fd> {
        // fsync wants a descriptor that could be read.
        let access = if sync { libc::O_RDONLY } else { SEARCH };
        open(dir, name, access | libc::O_DIRECTORY, 0)
    }

    fn create_new(&self, dir: Fd, name: &CStr, mode: u32) -> Result<Fd> {
        create(dir, name, libc::O_WRONLY, mode)
    }

    fn close(&self, fd: Fd) -> Result<()> {
        // SAFETY: the caller owns `fd` and gives it up. Not made again on EINTR: POSIX leaves open
        // what became of the descriptor, all these systems have closed it by then, and the number may
        // be another file's.
        if unsafe { libc::close(fd) } == 0 {
            return Ok(());
        }
        match failure() {
            said if said.is(errno::EINTR) => Ok(()),
            said => Err(said),
        }
    }

    #[allow(clippy::bad_bit_mask)] // there are no such flags on OpenBSD and DragonFly
    fn access(&self, fd: Fd) -> Result<Access> {
        // SAFETY: plain system call.
        let flags = retry(|| unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
        let mode = flags & libc::O_ACCMODE;
        let usable = flags & NEITHER == 0;
        Ok(Access {
            read: usable && (mode == libc::O_RDONLY || mode == libc::O_RDWR),
            write: usable && (mode == libc::O_WRONLY || mode == libc::O_RDWR),
            append: flags & libc::O_APPEND != 0,
        })
    }

    fn read_at(&self, fd: Fd, buffer: &mut [u8], at: u64) -> Result<usize> {
        let at = offset(at)?;
        // SAFETY: the system writes at most `len` bytes into a buffer of that length.
        count(|| unsafe { pread(fd, buffer.as_mut_ptr().cast::<c_void>(), buffer.len(), at) })
    }

    fn write_at(&self, fd: Fd, buffer: &[u8], at: u64) -> Result<usize> {
        let at = offset(at)?;
        // SAFETY: the system reads at most `len` bytes of a buffer of that length.
        count(|| unsafe { pwrite(fd, buffer.as_ptr().cast::<c_void>(), buffer.len(), at) })
    }

    fn read_next(&self, fd: Fd, buffer: &mut [u8]) -> Result<usize> {
        // SAFETY: the system writes at most `len` bytes into a buffer of that length.
        count(|| unsafe { libc::read(fd, buffer.as_mut_ptr().cast::<c_void>(), buffer.len()) })
    }

    fn write_next(&self, fd: Fd, buffer: &[u8]) -> Result<usize> {
        // SAFETY: the system reads at most `len` bytes of a buffer of that length.
        count(|| unsafe { libc::write(fd, buffer.as_ptr().cast::<c_void>(), buffer.len()) })
    }

    fn seek_data(&self, fd: Fd, from: u64) -> Result<u64> {
        seek(fd, from, |[data, _]| data)
    }

    fn seek_hole(&self, fd: Fd, from: u64) -> Result<u64> {
        seek(fd, from, |[_, hole]| hole)
    }

    fn set_size(&self, fd: Fd, size: u64) -> Result<()> {
        let size = offset(size)?;
        // SAFETY: plain system call.
        done(|| unsafe { ftruncate(fd, size) })
    }

    #[allow(clippy::unnecessary_fallible_conversions, clippy::useless_conversion)] // 16 bits wide on some systems
    fn set_mode(&self, fd: Fd, mode: u32) -> Result<()> {
        let mode = libc::mode_t::try_from(mode & 0o7777).map_err(|_| Errno(errno::EINVAL))?;
        // SAFETY: plain system call.
        done(|| unsafe { libc::fchmod(fd, mode) })
    }

    fn set_owner(&self, fd: Fd, owner: Option<u32>, group: u32) -> Result<()> {
        // SAFETY: plain system call; u32::MAX is chown's "leave it".
        done(|| unsafe { libc::fchown(fd, owner.unwrap_or(u32::MAX), group) })
    }

    fn rename_over(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        // SAFETY: both names are NUL-terminated.
        done(|| unsafe { libc::renameat(from_dir, from.as_ptr(), to_dir, to.as_ptr()) })
    }

    fn link(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        // SAFETY: both names are NUL-terminated.
        done(|| unsafe { libc::linkat(from_dir, from.as_ptr(), to_dir, to.as_ptr(), 0) })
    }

    fn unlink(&self, dir: Fd, name: &CStr) -> Result<()> {
        // SAFETY: `name` is NUL-terminated.
        done(|| unsafe { libc::unlinkat(dir, name.as_ptr(), 0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only some systems have ENOTSUP and ENOATTR as numbers of their own.
    #[test]
    fn one_errno_for_one_error() {
        assert!(known(libc::ENOTSUP).is(errno::EOPNOTSUPP) && known(NO_ATTRIBUTE).is(errno::ENODATA));
        assert_eq!((known(libc::ENOTSUP).raw(), known(NO_ATTRIBUTE).raw()), (libc::ENOTSUP, NO_ATTRIBUTE));
        for said in [errno::EINVAL, errno::EIO, errno::EOPNOTSUPP, errno::ENOENT] {
            assert_eq!(known(said), Errno(said));
        }
    }

    #[test]
    fn a_signal_does_not_end_a_call_nor_make_it_endless() {
        let mut calls = 0;
        let interrupted = |at_most: u32, calls: &mut u32| {
            *calls += 1;
            restore_thread_errno(errno::EINTR);
            if *calls <= at_most { -1 } else { 7 }
        };
        assert_eq!((retry(|| interrupted(4000, &mut calls)), calls), (Ok(7), 4001));
        calls = 0;
        assert_eq!(retry(|| interrupted(u32::MAX, &mut calls)), Err(Errno(errno::EINTR)));
        assert_eq!(calls, INTERRUPTED_AT_MOST + 1);
    }
}
