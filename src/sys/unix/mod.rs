//! What all Unixes share: each method by the calls of POSIX, with a system's own additions behind [`Extras`].
//! Serves every Unix but Linux; on Linux it stands in for them under `--cfg reflink_portable`, so that it is run by the tests.

#[cfg(reflink_solaris)]
mod solaris;
mod volume;

use core::ffi::{CStr, c_int, c_void};
use core::mem::MaybeUninit;

use crate::sys::api::{Access, Dedupe, Errno, Fd, Kind, Result, Stat, Sys, Time, Volume};
use crate::sys::errno;

#[cfg(target_vendor = "apple")]
use crate::sys::darwin::Darwin as Own;
#[cfg(target_os = "freebsd")]
use crate::sys::freebsd::FreeBsd as Own;
#[cfg(not(any(target_vendor = "apple", target_os = "freebsd", reflink_solaris)))]
use Nothing as Own;
#[cfg(reflink_solaris)]
use solaris::Solaris as Own;

/// The running Unix.
pub struct Unix;

/// What names are relative to that are not absolute: the current directory.
pub const CWD: Fd = libc::AT_FDCWD;

/// Whether a caller means "no descriptor".
pub const fn is_none(fd: Fd) -> bool {
    fd < 0
}

/// The answer to what a system does not have.
pub(super) const fn missing<T>() -> Result<T> {
    Err(Errno(errno::EOPNOTSUPP))
}

/// What a system has beyond POSIX. The answers given here are those of a system that has nothing.
pub(super) trait Extras {
    /// As in [`Sys`].
    const CLONES_BY_NAME: bool = false;
    /// As in [`Sys`].
    const CARRIES_ATTRIBUTES: bool = false;
    /// What SEEK_DATA and SEEK_HOLE say can be believed.
    const TELLS_HOLES: bool = true;

    /// As in [`Sys`]. Opening `/dev/fd/N` will not do: on the BSDs and on macOS that is `dup`, with the same offset.
    fn reopen_source(_fd: Fd) -> Result<Fd> {
        missing()
    }
    /// Makes a whole file share the blocks of another.
    fn clone_file(_src: Fd, _dst: Fd) -> Result<()> {
        missing()
    }
    /// As in [`Sys`].
    fn clone_range(_src: Fd, _src_offset: u64, _length: u64, _dst: Fd, _dst_offset: u64) -> Result<()> {
        missing()
    }
    /// As in [`Sys`].
    fn clone_nothing(_src: Fd, _src_size: u64, _dst: Fd) -> Result<()> {
        missing()
    }
    /// As in [`Sys`].
    fn clone_new(_src: Fd, _dir: Fd, _name: &CStr, _acl: bool) -> Result<Fd> {
        missing()
    }
    /// As in [`Sys`].
    fn forget_source(_fd: Fd, _keep_times: bool, _keep_attributes: bool) -> Result<()> {
        Ok(())
    }
    /// The system has a copy call.
    fn kernel_copy_usable() -> bool {
        false
    }
    /// As in [`Sys`].
    fn kernel_copy(_src: Fd, _src_offset: u64, _dst: Fd, _dst_offset: u64, _length: u64) -> Result<u64> {
        missing()
    }
    /// As in [`Sys`].
    fn punch_hole(_fd: Fd, _offset: u64, _length: u64) -> Result<()> {
        missing()
    }
    /// As in [`Sys`].
    fn sync(fd: Fd) -> Result<()> {
        // SAFETY: plain system call.
        done(|| unsafe { libc::fsync(fd) })
    }
    /// As in [`Sys`].
    fn rename_new(_from_dir: Fd, _from: &CStr, _to_dir: Fd, _to: &CStr) -> Result<()> {
        missing()
    }
    /// As in [`Sys`].
    fn list_attributes(_fd: Fd, _buffer: &mut [u8]) -> Result<usize> {
        missing()
    }
    /// As in [`Sys`].
    fn get_attribute(_fd: Fd, _name: &CStr, _buffer: &mut [u8]) -> Result<usize> {
        missing()
    }
    /// As in [`Sys`].
    fn set_attribute(_fd: Fd, _name: &CStr, _value: &[u8]) -> Result<()> {
        missing()
    }
    /// As in [`Sys`].
    fn remove_attribute(_fd: Fd, _name: &CStr) -> Result<()> {
        missing()
    }
    /// Makes the access control list of one file that of another. Where there are such lists and this
    /// library cannot copy them, asking for it must be an error.
    fn copy_acl(_src: Fd, _dst: Fd) -> Result<()> {
        missing()
    }
}

/// A system with nothing beyond POSIX that is of use here: NetBSD, OpenBSD, DragonFly (compiled, never run), and the stand-in.
#[cfg_attr(any(target_vendor = "apple", target_os = "freebsd", reflink_solaris), allow(dead_code))]
struct Nothing;

impl Extras for Nothing {
    /// OpenBSD and DragonFly have no such lists: there is nothing to copy.
    fn copy_acl(_src: Fd, _dst: Fd) -> Result<()> {
        if cfg!(any(target_os = "openbsd", target_os = "dragonfly")) { Ok(()) } else { missing() }
    }
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
#[cfg(any(target_os = "netbsd", target_os = "openbsd"))]
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

/// One word for one thing: the engine and its callers know EOPNOTSUPP and ENODATA, and some systems
/// say ENOTSUP and ENOATTR, which are other numbers there.
pub(super) const fn word(said: i32) -> Errno {
    if said == libc::ENOTSUP && libc::ENOTSUP != errno::EOPNOTSUPP {
        return Errno::standing_for(said, errno::EOPNOTSUPP);
    }
    if said == NO_ATTRIBUTE && NO_ATTRIBUTE != errno::ENODATA {
        return Errno::standing_for(said, errno::ENODATA);
    }
    Errno(said)
}

/// What the last call of this thread failed with.
pub(super) fn failure() -> Errno {
    word(thread_errno())
}

/// How often a call that a signal interrupted is made again: a bound, so that no loop is endless.
const INTERRUPTED_AT_MOST: u32 = 100;

/// Makes a call again while a signal interrupts it; -1 means that errno says why.
fn retry(mut call: impl FnMut() -> c_int) -> Result<c_int> {
    let mut outcome = Err(Errno(errno::EINTR));
    for _ in 0..=INTERRUPTED_AT_MOST {
        let returned = call();
        outcome = if returned < 0 { Err(failure()) } else { Ok(returned) };
        if outcome != Err(Errno(errno::EINTR)) {
            break;
        }
    }
    outcome
}

/// `retry` for a call that returns nothing but success.
pub(super) fn done(call: impl FnMut() -> c_int) -> Result<()> {
    retry(call).map(drop)
}

/// A count, or -1 for which errno says why. Made once: the engine makes these calls again.
pub(super) fn count(returned: isize) -> Result<usize> {
    usize::try_from(returned).map_err(|_| failure())
}

/// An offset as the system takes it. Beyond 2^63-1 there is no offset.
pub(super) fn offset(value: u64) -> Result<libc::off_t> {
    libc::off_t::try_from(value).map_err(|_| Errno(errno::EOVERFLOW))
}

// ── Opening ──

/// Moves a new descriptor above 2: a host that closed its stdio would write its messages into the
/// file (gnulib's fd-safer).
fn above_stdio(fd: Fd) -> Result<Fd> {
    if fd > libc::STDERR_FILENO {
        return Ok(fd);
    }
    let moved = duplicate(fd);
    // SAFETY: the number is given up here and not used again.
    unsafe { libc::close(fd) };
    moved
}

/// Another descriptor for the same open file, close-on-exec and above 2.
fn duplicate(fd: Fd) -> Result<Fd> {
    // SAFETY: plain system call.
    retry(|| unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, libc::STDERR_FILENO.saturating_add(1)) })
}

pub(super) fn open(dir: Fd, name: &CStr, flags: c_int, mode: u32) -> Result<Fd> {
    let flags = flags | libc::O_CLOEXEC | libc::O_NOCTTY;
    // SAFETY: `name` is a NUL-terminated string that outlives the call.
    let opened = retry(|| unsafe { libc::openat(dir, name.as_ptr(), flags, mode) })?;
    above_stdio(opened)
}

/// Whether a name stands for a FIFO, a socket or a device. To open one does something: a FIFO's writer goes on and is
/// killed by SIGPIPE at the close, a device rewinds or resets. An error is told by the open that follows.
fn is_special(dir: Fd, name: &CStr, follow: bool) -> bool {
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    stat_at(dir, name, flags).is_ok_and(|there| there.kind == Kind::Other)
}

fn stat_at(dir: Fd, name: &CStr, flags: c_int) -> Result<Stat> {
    let mut raw = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: `name` is NUL-terminated; the system fills the structure when the call succeeds.
    done(|| unsafe { libc::fstatat(dir, name.as_ptr(), raw.as_mut_ptr(), flags) })?;
    // SAFETY: plain numbers, for which all zeros is a value too.
    Ok(stat_from(unsafe { raw.assume_init_ref() }))
}

/// What opening a source fails with, in the words that the engine knows.
fn of_source(said: Errno, follow: bool) -> Errno {
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

/// Opens a directory for nothing but to find names in it: that needs no right to read it.
#[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "netbsd", reflink_solaris))]
const SEARCH: c_int = libc::O_SEARCH;
#[cfg(not(any(target_vendor = "apple", target_os = "freebsd", target_os = "netbsd", reflink_solaris)))]
const SEARCH: c_int = libc::O_RDONLY;

/// The flags of a descriptor that can neither be read nor written, though its access mode says "read".
#[cfg(target_os = "freebsd")]
const NEITHER: c_int = libc::O_PATH | libc::O_EXEC;
#[cfg(any(target_vendor = "apple", reflink_solaris))]
const NEITHER: c_int = libc::O_EXEC | (libc::O_SEARCH & !libc::O_DIRECTORY);
#[cfg(target_os = "netbsd")]
const NEITHER: c_int = libc::O_SEARCH;
#[cfg(target_os = "linux")]
const NEITHER: c_int = libc::O_PATH;
#[cfg(any(target_os = "openbsd", target_os = "dragonfly"))]
const NEITHER: c_int = 0;

// ── What a file is ──

/// The nanoseconds of the times of last access, of change of content, and of any change.
#[allow(clippy::unnecessary_cast)] // c_long is not 64 bits wide everywhere
fn nanoseconds(raw: &libc::stat) -> [i64; 3] {
    #[cfg(target_os = "netbsd")]
    let [accessed, modified, changed] = [raw.st_atimensec, raw.st_mtimensec, raw.st_ctimensec];
    #[cfg(not(target_os = "netbsd"))]
    let [accessed, modified, changed] = [raw.st_atime_nsec, raw.st_mtime_nsec, raw.st_ctime_nsec];
    [accessed as i64, modified as i64, changed as i64]
}

fn kind(mode: libc::mode_t) -> Kind {
    match mode & libc::S_IFMT {
        libc::S_IFREG => Kind::Regular,
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFLNK => Kind::Symlink,
        _ => Kind::Other,
    }
}

#[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, clippy::useless_conversion)] // the types of struct stat differ
fn stat_from(raw: &libc::stat) -> Stat {
    let [accessed, modified, changed] = nanoseconds(raw);
    let time = |seconds: libc::time_t, nanoseconds| Time { seconds: seconds as i64, nanoseconds };
    Stat {
        device: raw.st_dev as u64,
        inode: raw.st_ino as u64,
        kind: kind(raw.st_mode),
        mode: u32::from(raw.st_mode) & 0o7777,
        owner: raw.st_uid,
        group: raw.st_gid,
        size: u64::try_from(raw.st_size).unwrap_or(0),
        allocated: u64::try_from(raw.st_blocks).unwrap_or(0).saturating_mul(512),
        block_size: u64::try_from(raw.st_blksize).unwrap_or(0),
        accessed: time(raw.st_atime, accessed),
        modified: time(raw.st_mtime, modified),
        changed: time(raw.st_ctime, changed),
    }
}

pub(super) fn raw_stat(fd: Fd) -> Result<libc::stat> {
    let mut raw = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the system fills the structure when the call succeeds.
    done(|| unsafe { libc::fstat(fd, raw.as_mut_ptr()) })?;
    // SAFETY: plain numbers, for which all zeros is a value too.
    Ok(unsafe { raw.assume_init() })
}

/// Whether the file is marked immutable or append-only, by its owner or by the system (chflags(2)).
#[cfg(reflink_bsd)]
#[allow(clippy::unnecessary_cast, clippy::useless_conversion)] // unsigned int here, unsigned long there
fn marked(raw: &libc::stat) -> bool {
    const MARKS: u64 = (libc::UF_IMMUTABLE | libc::UF_APPEND | libc::SF_IMMUTABLE | libc::SF_APPEND) as u64;
    u64::from(raw.st_flags) & MARKS != 0
}

/// Such marks are no part of POSIX: nothing is known, and the write itself will tell.
#[cfg(not(reflink_bsd))]
const fn marked(_: &libc::stat) -> bool {
    false
}

// ── Holes ──

/// What lseek(2) calls data and holes, where it knows them.
#[cfg(not(any(target_os = "netbsd", target_os = "openbsd")))]
const SEEK: Option<[c_int; 2]> = Some([libc::SEEK_DATA, libc::SEEK_HOLE]);
#[cfg(any(target_os = "netbsd", target_os = "openbsd"))]
const SEEK: Option<[c_int; 2]> = None;

fn seek(fd: Fd, from: u64, choose: impl FnOnce([c_int; 2]) -> c_int) -> Result<u64> {
    let Some(both) = SEEK.filter(|_| Own::TELLS_HOLES) else { return missing() };
    let from = offset(from)?;
    // SAFETY: plain system call.
    let found = unsafe { libc::lseek(fd, from, choose(both)) };
    u64::try_from(found).map_err(|_| failure())
}

// ── Chance ──

#[cfg(not(target_os = "linux"))]
fn fill_with_chance(bytes: &mut [u8; 8]) {
    // SAFETY: the call writes as many bytes as it is told of, and cannot fail.
    unsafe { libc::arc4random_buf(bytes.as_mut_ptr().cast::<c_void>(), bytes.len()) }
}

/// A failure leaves zeros: the name that is made of them is taken with O_EXCL all the same. Not
/// getentropy, which the C library makes again for ever while a signal interrupts it.
#[cfg(target_os = "linux")]
fn fill_with_chance(bytes: &mut [u8; 8]) {
    let _ = retry(|| {
        // SAFETY: the call writes as many bytes as it is told of.
        let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast::<c_void>(), bytes.len(), 0) };
        c_int::try_from(got).unwrap_or(-1)
    });
}

impl Sys for Unix {
    const CLONES_BY_NAME: bool = Own::CLONES_BY_NAME;
    const CARRIES_ATTRIBUTES: bool = Own::CARRIES_ATTRIBUTES;

    fn open_source(&self, dir: Fd, name: &CStr, follow: bool) -> Result<Fd> {
        let nofollow = if follow { 0 } else { libc::O_NOFOLLOW };
        if is_special(dir, name, follow) {
            return Err(Errno(errno::ENXIO));
        }
        // O_NONBLOCK: what was a file a moment ago can be a FIFO now, which would block for ever.
        let opened = open(dir, name, libc::O_RDONLY | libc::O_NONBLOCK | nofollow, 0);
        opened.map_err(|said| of_source(said, follow))
    }

    fn reopen_source(&self, fd: Fd) -> Result<Fd> {
        Own::reopen_source(fd)
    }

    fn open_directory(&self, dir: Fd, name: &CStr, sync: bool) -> Result<Fd> {
        // fsync wants a descriptor that could be read.
        let access = if sync { libc::O_RDONLY } else { SEARCH };
        open(dir, name, access | libc::O_DIRECTORY, 0)
    }

    fn create_unnamed(&self, _dir: Fd, _directory: &CStr, _mode: u32) -> Result<Fd> {
        missing()
    }

    fn create_new(&self, dir: Fd, name: &CStr, mode: u32) -> Result<Fd> {
        open(dir, name, libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_WRONLY, mode)
    }

    fn create_scratch(&self, dir: Fd, name: Option<&CStr>) -> Result<Fd> {
        let Some(name) = name else { return missing() };
        open(dir, name, libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_RDWR, 0o600)
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

    fn close_pair(&self, one: Fd, other: Fd) -> Result<()> {
        let first = self.close(one);
        self.close(other).and(first)
    }

    fn flush(&self, fd: Fd) -> Result<()> {
        // The BSDs and macOS tell a file system of the last close only, and it is there that NFS writes
        // back: what the close would do and say is asked for before the file gets its name.
        if self.volume(fd).is_ok_and(|volume| volume.remote) {
            return self.sync(fd);
        }
        // Elsewhere each close runs the file system's flush, as the last one will.
        self.close(duplicate(fd)?)
    }

    fn stat(&self, fd: Fd) -> Result<Stat> {
        raw_stat(fd).map(|raw| stat_from(&raw))
    }

    fn stat_name(&self, dir: Fd, name: &CStr) -> Result<Stat> {
        stat_at(dir, name, libc::AT_SYMLINK_NOFOLLOW)
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
        fill_with_chance(&mut bytes);
        u64::from_ne_bytes(bytes)
    }

    fn clone_file(&self, src: Fd, dst: Fd) -> Result<()> {
        Own::clone_file(src, dst)
    }

    fn clone_new(&self, src: Fd, dir: Fd, name: &CStr, acl: bool) -> Result<Fd> {
        Own::clone_new(src, dir, name, acl)
    }

    fn forget_source(&self, fd: Fd, keep_times: bool, keep_attributes: bool) -> Result<()> {
        Own::forget_source(fd, keep_times, keep_attributes)
    }

    fn clone_range(&self, src: Fd, src_offset: u64, length: u64, dst: Fd, dst_offset: u64) -> Result<()> {
        Own::clone_range(src, src_offset, length, dst, dst_offset)
    }

    fn clone_nothing(&self, src: Fd, src_size: u64, dst: Fd) -> Result<()> {
        Own::clone_nothing(src, src_size, dst)
    }

    /// No Unix but Linux has such a call.
    fn dedupe(&self, _src: Fd, _dst: Fd, _length: u64) -> Result<Dedupe> {
        missing()
    }

    fn kernel_copy_usable(&self) -> bool {
        Own::kernel_copy_usable()
    }

    fn kernel_copy(&self, src: Fd, src_offset: u64, dst: Fd, dst_offset: u64, length: u64) -> Result<u64> {
        Own::kernel_copy(src, src_offset, dst, dst_offset, length)
    }

    fn read_at(&self, fd: Fd, buffer: &mut [u8], at: u64) -> Result<usize> {
        let at = offset(at)?;
        // SAFETY: the system writes at most `len` bytes into a buffer of that length.
        count(unsafe { libc::pread(fd, buffer.as_mut_ptr().cast::<c_void>(), buffer.len(), at) })
    }

    fn write_at(&self, fd: Fd, buffer: &[u8], at: u64) -> Result<usize> {
        let at = offset(at)?;
        // SAFETY: the system reads at most `len` bytes of a buffer of that length.
        count(unsafe { libc::pwrite(fd, buffer.as_ptr().cast::<c_void>(), buffer.len(), at) })
    }

    fn seek_data(&self, fd: Fd, from: u64) -> Result<u64> {
        seek(fd, from, |[data, _]| data)
    }

    fn seek_hole(&self, fd: Fd, from: u64) -> Result<u64> {
        seek(fd, from, |[_, hole]| hole)
    }

    fn punch_hole(&self, fd: Fd, from: u64, length: u64) -> Result<()> {
        Own::punch_hole(fd, from, length)
    }

    fn set_size(&self, fd: Fd, size: u64) -> Result<()> {
        let size = offset(size)?;
        // SAFETY: plain system call.
        done(|| unsafe { libc::ftruncate(fd, size) })
    }

    fn sync(&self, fd: Fd) -> Result<()> {
        Own::sync(fd)
    }

    #[allow(clippy::unnecessary_fallible_conversions, clippy::useless_conversion)] // 16 bits on macOS and FreeBSD
    fn set_mode(&self, fd: Fd, mode: u32) -> Result<()> {
        let mode = libc::mode_t::try_from(mode & 0o7777).map_err(|_| Errno(errno::EINVAL))?;
        // SAFETY: plain system call.
        done(|| unsafe { libc::fchmod(fd, mode) })
    }

    fn set_owner(&self, fd: Fd, owner: Option<u32>, group: u32) -> Result<()> {
        // SAFETY: plain system call; u32::MAX is chown's "leave it".
        done(|| unsafe { libc::fchown(fd, owner.unwrap_or(u32::MAX), group) })
    }

    #[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)] // 32 bits wide on some architectures
    fn set_times(&self, fd: Fd, accessed: Time, modified: Time) -> Result<()> {
        let raw = |time: Time| -> Result<libc::timespec> {
            let seconds = time.seconds.try_into().map_err(|_| Errno(errno::EOVERFLOW))?;
            let nanoseconds = time.nanoseconds.try_into().map_err(|_| Errno(errno::EOVERFLOW))?;
            Ok(libc::timespec { tv_sec: seconds, tv_nsec: nanoseconds })
        };
        let times = [raw(accessed)?, raw(modified)?];
        // SAFETY: the system reads two structures at this address.
        done(|| unsafe { libc::futimens(fd, times.as_ptr()) })
    }

    fn list_attributes(&self, fd: Fd, buffer: &mut [u8]) -> Result<usize> {
        Own::list_attributes(fd, buffer)
    }

    fn get_attribute(&self, fd: Fd, name: &CStr, buffer: &mut [u8]) -> Result<usize> {
        Own::get_attribute(fd, name, buffer)
    }

    fn set_attribute(&self, fd: Fd, name: &CStr, value: &[u8]) -> Result<()> {
        Own::set_attribute(fd, name, value)
    }

    fn copy_acl(&self, src: Fd, dst: Fd) -> Option<Result<()>> {
        Some(Own::copy_acl(src, dst))
    }

    fn remove_attribute(&self, fd: Fd, name: &CStr) -> Result<()> {
        Own::remove_attribute(fd, name)
    }

    fn link_unnamed(&self, _fd: Fd, _dir: Fd, _name: &CStr) -> Result<()> {
        missing()
    }

    fn rename_new(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        Own::rename_new(from_dir, from, to_dir, to)
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
    use std::os::fd::AsRawFd;

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

    /// ENOTSUP and ENOATTR are words of some systems only; the others have no second word for it.
    #[test]
    fn one_word_for_one_thing() {
        assert!(word(libc::ENOTSUP).is(errno::EOPNOTSUPP) && word(NO_ATTRIBUTE).is(errno::ENODATA));
        assert_eq!((word(libc::ENOTSUP).raw(), word(NO_ATTRIBUTE).raw()), (libc::ENOTSUP, NO_ATTRIBUTE));
        for said in [errno::EINVAL, errno::EIO, errno::EOPNOTSUPP, errno::ENOENT] {
            assert_eq!(word(said), Errno(said));
        }
    }

    #[test]
    fn what_is_no_source_is_told_in_the_engines_words() {
        let socket = of_source(Errno(errno::EOPNOTSUPP), true);
        assert!(socket.is(errno::ENXIO) && socket.raw() == errno::EOPNOTSUPP);
        assert_eq!(of_source(Errno(errno::EACCES), false), Errno(errno::EACCES));
        assert_eq!(of_source(Errno(errno::EMLINK), true), Errno(errno::EMLINK));
        #[cfg(not(target_os = "netbsd"))]
        assert!(of_source(Errno(errno::EMLINK), false).is(errno::ELOOP));
        let there = Directory::new("sources");
        std::os::unix::fs::symlink("nothing", there.0.join("link")).unwrap();
        let said = Unix.open_source(there.fd(), c"link", false).unwrap_err();
        assert!(said.is(errno::ELOOP), "{said:?}");
        let socket = std::os::unix::net::UnixListener::bind(there.0.join("socket")).unwrap();
        let said = Unix.open_source(there.fd(), c"socket", true).unwrap_err();
        assert!(said.is(errno::ENXIO), "{said:?}");
        drop(socket);
    }

    #[test]
    fn a_file_comes_into_being_with_all_that_is_said_of_it() {
        let there = Directory::new("file");
        let fd = Unix.create_new(there.fd(), c"new", 0o640).unwrap();
        assert_eq!(Unix.create_new(there.fd(), c"new", 0o640), Err(Errno(errno::EEXIST)));
        assert_eq!(Unix.create_unnamed(there.fd(), c".", 0o640), Err(Errno(errno::EOPNOTSUPP)));
        assert_eq!(Unix.create_scratch(there.fd(), None), Err(Errno(errno::EOPNOTSUPP)));
        // SAFETY: plain system call.
        assert_eq!(unsafe { libc::fcntl(fd, libc::F_GETFD) } & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
        assert_eq!(Unix.write_at(fd, b"content", 10), Ok(7));
        Unix.set_mode(fd, 0o4751).unwrap();
        let (accessed, modified) =
            (Time { seconds: 4_000_000_000, nanoseconds: 5 }, Time { seconds: -7, nanoseconds: 999_999_999 });
        Unix.set_times(fd, accessed, modified).unwrap();
        let (made, by_name) = (Unix.stat(fd).unwrap(), Unix.stat_name(there.fd(), c"new").unwrap());
        assert_eq!(made, by_name);
        assert_eq!((made.kind, made.mode, made.size), (Kind::Regular, 0o4751, 17));
        assert_eq!((made.accessed, made.modified), (accessed, modified));
        assert!(made.changed.seconds > 1_700_000_000 && made.allocated > 0 && made.block_size > 0);
        let known = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(there.0.join("new")).unwrap());
        assert_eq!(made.inode, known);
        assert_eq!(Unix.protected(fd), Ok(false));
        assert_eq!(Unix.access(fd), Ok(Access { read: false, write: true, append: false }));
        assert_eq!(Unix.flush(fd), Ok(()));
        assert_eq!(Unix.sync(fd), Ok(()));
        assert_eq!(Unix.close(fd), Ok(()));
        assert_eq!(Unix.close(-1), Err(Errno(errno::EBADF)));
    }

    #[test]
    fn chance_does_not_repeat_itself() {
        let drawn: std::collections::BTreeSet<u64> = (0..100).map(|_| Unix.random()).collect();
        assert_eq!(drawn.len(), 100);
    }

    #[test]
    fn a_signal_does_not_end_a_call_nor_make_it_endless() {
        let mut calls = 0;
        let interrupted = |at_most: u32, calls: &mut u32| {
            *calls += 1;
            restore_thread_errno(errno::EINTR);
            if *calls <= at_most { -1 } else { 7 }
        };
        assert_eq!((retry(|| interrupted(100, &mut calls)), calls), (Ok(7), 101));
        calls = 0;
        assert_eq!(retry(|| interrupted(u32::MAX, &mut calls)), Err(Errno(errno::EINTR)));
        assert_eq!(calls, 101);
    }
}
