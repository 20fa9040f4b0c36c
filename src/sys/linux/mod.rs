//! The Linux backend: each method is one system call, or the few that make up one question.
//! Nothing is decided here but what every caller would have to repeat: EINTR, descriptors above 2, offsets that fit.

mod time;
mod volumes;

use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::mem::MaybeUninit;
use core::ptr;

use crate::sys::api::{Access, Dedupe, Errno, Fd, Handle, Kind, Result, Stat, Sys, Time, Volume};
use crate::sys::release;

/// The running Linux kernel.
pub struct Linux;

/// What names are relative to that are not absolute: the current directory.
pub const CWD: Fd = libc::AT_FDCWD;

/// Whether a caller means "no descriptor".
pub const fn is_none(fd: Fd) -> bool {
    fd < 0
}

/// How often a call that a signal interrupted is made again: a bound, so that no loop is endless.
const INTERRUPTED_AT_MOST: u32 = 100;

/// The calling thread's errno.
pub fn thread_errno() -> i32 {
    // SAFETY: glibc, musl and bionic return a valid pointer to the thread's own errno.
    unsafe { *errno_location() }
}

/// Puts the calling thread's errno back to what it was before a call of the library.
pub fn restore_thread_errno(value: i32) {
    // SAFETY: as in `thread_errno`.
    unsafe { *errno_location() = value }
}

#[cfg(target_os = "android")]
use libc::__errno as errno_location;
#[cfg(not(target_os = "android"))]
use libc::__errno_location as errno_location;

/// -1 means that errno says why.
pub(super) fn check(returned: c_long) -> Result<u64> {
    u64::try_from(returned).map_err(|_| Errno(thread_errno()))
}

/// Makes a call again while a signal interrupts it.
fn retry(mut call: impl FnMut() -> c_long) -> Result<u64> {
    let mut outcome = check(call());
    for _ in 0..INTERRUPTED_AT_MOST {
        if outcome != Err(Errno(libc::EINTR)) {
            break;
        }
        outcome = check(call());
    }
    outcome
}

/// `retry` for a call that returns nothing but success.
fn done(call: impl FnMut() -> c_long) -> Result<()> {
    retry(call).map(drop)
}

/// Whether a system call may be made at all. Android's filter kills an app for one that it does not know; what bionic
/// has a function for is what the filter of the same system lets through (bionic/libc/SYSCALLS.TXT, golang/go#57393).
#[cfg(target_os = "android")]
fn may_call(name: &CStr) -> bool {
    // SAFETY: a search among what is loaded.
    !unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }.is_null()
}

/// Elsewhere a filter answers with an errno.
#[cfg(not(target_os = "android"))]
const fn may_call(_: &CStr) -> bool {
    true
}

/// An offset as the kernel takes it. Beyond 2^63-1 there is no offset.
fn offset(value: u64) -> Result<libc::off64_t> {
    libc::off64_t::try_from(value).map_err(|_| Errno(libc::EOVERFLOW))
}

/// Moves a new descriptor above 2: a host that closed its stdio would write its messages into the
/// file (gnulib's fd-safer).
fn above_stdio(opened: u64) -> Result<Fd> {
    let fd = Fd::try_from(opened).map_err(|_| Errno(libc::EBADF))?;
    if fd > libc::STDERR_FILENO {
        return Ok(fd);
    }
    // SAFETY: plain system calls on a descriptor that was just opened here.
    let moved =
        check(c_long::from(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, libc::STDERR_FILENO + 1) }));
    // SAFETY: as above; the number is given up here and not used again.
    unsafe { libc::close(fd) };
    Fd::try_from(moved?).map_err(|_| Errno(libc::EBADF))
}

fn open(dir: Fd, name: &CStr, flags: c_int, mode: u32) -> Result<Fd> {
    let flags = flags | libc::O_CLOEXEC | libc::O_NOCTTY;
    // SAFETY: `name` is a NUL-terminated string that outlives the call.
    let opened = retry(|| c_long::from(unsafe { libc::openat64(dir, name.as_ptr(), flags, mode) }))?;
    above_stdio(opened)
}

/// The path through which procfs reaches a descriptor of this thread (threads may have unshared
/// their descriptors).
struct ProcPath([u8; 40]);

impl ProcPath {
    fn new(fd: Fd) -> Self {
        use std::io::Write;
        let mut path = [0_u8; 40];
        // "/proc/thread-self/fd/" and ten digits leave room for the NUL.
        let _ = write!(path.as_mut_slice(), "/proc/thread-self/fd/{fd}");
        Self(path)
    }

    fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

/// Whether a name stands for a FIFO, a socket or a device. To open one does something: a FIFO's writer goes on and is
/// killed by SIGPIPE at the close, a device rewinds or resets. An error is told by the open that follows.
fn is_special(dir: Fd, name: &CStr, follow: bool) -> bool {
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    let mut raw = MaybeUninit::<libc::stat64>::uninit();
    // SAFETY: `name` is NUL-terminated; the structure is read only after success.
    let asked =
        retry(|| c_long::from(unsafe { libc::fstatat64(dir, name.as_ptr(), raw.as_mut_ptr(), flags) }));
    // SAFETY: filled by a call that succeeded.
    asked.is_ok() && kind(unsafe { raw.assume_init_ref() }.st_mode) == Kind::Other
}

/// Opens a file that another process holds a lease on (fcntl(2), F_SETLEASE: Samba, NFS servers). An open that does not
/// block says EAGAIN; one that does waits until the lease is given back, at most /proc/sys/fs/lease-break-time.
/// O_PATH breaks no lease and never blocks: it holds what is seen to be a file, so that no FIFO is opened in its place.
fn open_leased(dir: Fd, name: &CStr, nofollow: c_int) -> Result<Fd> {
    let found = Handle::new(&Linux, open(dir, name, libc::O_PATH | nofollow, 0)?);
    if Linux.stat(found.fd())?.kind != Kind::Regular {
        return Err(Errno(libc::EAGAIN));
    }
    match open(libc::AT_FDCWD, ProcPath::new(found.fd()).as_c_str(), libc::O_RDONLY, 0) {
        Err(Errno(libc::ENOENT)) => Err(Errno(libc::EAGAIN)), // no procfs
        outcome => outcome,
    }
}

/// The file type in a mode.
#[allow(clippy::unnecessary_cast)] // 16 bits wide on 32-bit Android
pub(super) fn kind(mode: u32) -> Kind {
    const REGULAR: u32 = libc::S_IFREG as u32;
    const DIRECTORY: u32 = libc::S_IFDIR as u32;
    const SYMLINK: u32 = libc::S_IFLNK as u32;
    match mode & libc::S_IFMT as u32 {
        REGULAR => Kind::Regular,
        DIRECTORY => Kind::Directory,
        SYMLINK => Kind::Symlink,
        _ => Kind::Other,
    }
}

// The types of struct stat differ between architectures.
#[allow(clippy::unnecessary_cast, clippy::useless_conversion, clippy::unnecessary_fallible_conversions)]
fn stat_from(raw: &libc::stat64) -> Stat {
    let time = |seconds: i64, nanoseconds: i64| Time { seconds, nanoseconds };
    Stat {
        device: raw.st_dev as u64,
        inode: raw.st_ino as u64,
        kind: kind(raw.st_mode),
        mode: raw.st_mode & 0o7777,
        owner: raw.st_uid,
        group: raw.st_gid,
        size: u64::try_from(raw.st_size).unwrap_or(0),
        allocated: u64::try_from(raw.st_blocks).unwrap_or(0).saturating_mul(512),
        block_size: u64::try_from(raw.st_blksize).unwrap_or(0),
        accessed: time(raw.st_atime as i64, raw.st_atime_nsec as i64),
        modified: time(raw.st_mtime as i64, raw.st_mtime_nsec as i64),
        changed: time(raw.st_ctime as i64, raw.st_ctime_nsec as i64),
    }
}

/// `ioctl(dst, FICLONE, src)`: the argument is a descriptor, passed as a value.
fn ficlone(src: Fd, dst: Fd) -> Result<()> {
    // SAFETY: FICLONE takes its argument by value; bad descriptors are answered with EBADF.
    check(c_long::from(unsafe { libc::ioctl(dst, libc::FICLONE, src) })).map(drop)
}

fn ficlonerange(range: &libc::file_clone_range, dst: Fd) -> Result<()> {
    // SAFETY: the kernel reads one `file_clone_range` at this address, which outlives the call.
    check(c_long::from(unsafe { libc::ioctl(dst, libc::FICLONERANGE, ptr::from_ref(range)) })).map(drop)
}

/// `struct file_dedupe_range` with the one destination that is ever asked for (linux/fs.h).
#[repr(C)]
struct DedupeOne {
    src_offset: u64,
    src_length: u64,
    dest_count: u16,
    reserved: [u16; 3],
    dest_fd: i64,
    dest_offset: u64,
    bytes_deduped: u64,
    status: i32,
    reserved2: u32,
}

/// `_IOWR(0x94, 54, struct file_dedupe_range)`, which libc does not name.
const FIDEDUPERANGE: libc::Ioctl = libc::_IOWR::<[u64; 3]>(0x94, 54);

/// The kernel's own numbers and sizes (linux/fs.h). How a number is put together differs between architectures:
/// most take asm-generic/ioctl.h; in powerpc, mips and sparc "write" is another bit.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::unnecessary_cast)]
const _: () = {
    let own = cfg!(any(
        target_arch = "powerpc",
        target_arch = "powerpc64",
        target_arch = "mips",
        target_arch = "mips64",
        target_arch = "sparc",
        target_arch = "sparc64"
    ));
    let write: u32 = if own { 0x8000_0000 } else { 0x4000_0000 };
    assert!(libc::FICLONE as u32 == write | 0x0004_9409);
    assert!(libc::FICLONERANGE as u32 == write | 0x0020_940d);
    assert!(FIDEDUPERANGE as u32 == 0xc018_9436);
    assert!(size_of::<libc::file_clone_range>() == 32);
    assert!(size_of::<DedupeOne>() == 24 + 32);
};

impl Sys for Linux {
    fn open_source(&self, dir: Fd, name: &CStr, follow: bool) -> Result<Fd> {
        let nofollow = if follow { 0 } else { libc::O_NOFOLLOW };
        if is_special(dir, name, follow) {
            return Err(Errno(libc::ENXIO));
        }
        // O_NONBLOCK: what was a file a moment ago can be a FIFO now, which would block for ever.
        match open(dir, name, libc::O_RDONLY | libc::O_NONBLOCK | nofollow, 0) {
            Err(Errno(libc::EAGAIN)) => open_leased(dir, name, nofollow),
            outcome => outcome,
        }
    }

    fn reopen_source(&self, fd: Fd) -> Result<Fd> {
        open(libc::AT_FDCWD, ProcPath::new(fd).as_c_str(), libc::O_RDONLY | libc::O_NONBLOCK, 0)
    }

    fn open_directory(&self, dir: Fd, name: &CStr, sync: bool) -> Result<Fd> {
        // O_PATH needs no read permission on the directory, but fsync refuses it.
        let access = if sync { libc::O_RDONLY } else { libc::O_PATH };
        open(dir, name, access | libc::O_DIRECTORY, 0)
    }

    fn create_unnamed(&self, dir: Fd, directory: &CStr, mode: u32) -> Result<Fd> {
        open(dir, directory, libc::O_TMPFILE | libc::O_WRONLY, mode)
    }

    fn create_new(&self, dir: Fd, name: &CStr, mode: u32) -> Result<Fd> {
        open(dir, name, libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_WRONLY, mode)
    }

    fn create_scratch(&self, dir: Fd, name: Option<&CStr>) -> Result<Fd> {
        match name {
            None => open(dir, c".", libc::O_TMPFILE | libc::O_RDWR, 0o600),
            Some(name) => {
                open(dir, name, libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_RDWR, 0o600)
            }
        }
    }

    fn close(&self, fd: Fd) -> Result<()> {
        // SAFETY: the caller owns `fd` and gives it up. Not made again on EINTR: Linux has closed
        // it by then (close(2)).
        match check(c_long::from(unsafe { libc::close(fd) })) {
            Err(Errno(libc::EINTR)) => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    fn close_pair(&self, one: Fd, other: Fd) -> Result<()> {
        let neighbours = one.abs_diff(other) == 1;
        if neighbours && may_call(c"close_range") {
            // SAFETY: the range holds these two descriptors and no other, and the caller gives both
            // up.
            let closed =
                check(unsafe { libc::syscall(libc::SYS_close_range, one.min(other), one.max(other), 0) });
            if closed.is_ok() {
                return Ok(());
            }
        }
        // Before Linux 5.9, or under a filter that does not know the call.
        let first = self.close(one);
        self.close(other).and(first)
    }

    fn flush(&self, fd: Fd) -> Result<()> {
        // SAFETY: plain system call. The duplicate's close runs the file system's flush just as the
        // last close will.
        let duplicate =
            check(c_long::from(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, libc::STDERR_FILENO + 1) }))?;
        self.close(Fd::try_from(duplicate).map_err(|_| Errno(libc::EBADF))?)
    }

    fn stat(&self, fd: Fd) -> Result<Stat> {
        let wide = if time::NARROW { time::stat(fd) } else { None };
        if let Some(outcome) = wide {
            return outcome;
        }
        let mut raw = MaybeUninit::<libc::stat64>::uninit();
        // SAFETY: the kernel fills the whole structure when the call succeeds, and only then is it
        // read.
        check(c_long::from(unsafe { libc::fstat64(fd, raw.as_mut_ptr()) }))?;
        // SAFETY: filled above.
        Ok(stat_from(unsafe { raw.assume_init_ref() }))
    }

    fn stat_name(&self, dir: Fd, name: &CStr) -> Result<Stat> {
        let wide = if time::NARROW { time::stat_name(dir, name) } else { None };
        if let Some(outcome) = wide {
            return outcome;
        }
        let mut raw = MaybeUninit::<libc::stat64>::uninit();
        // SAFETY: `name` is NUL-terminated; the structure is read only after success.
        let call =
            || unsafe { libc::fstatat64(dir, name.as_ptr(), raw.as_mut_ptr(), libc::AT_SYMLINK_NOFOLLOW) };
        let mut call = call;
        retry(|| c_long::from(call()))?;
        // SAFETY: filled above.
        Ok(stat_from(unsafe { raw.assume_init_ref() }))
    }

    fn access(&self, fd: Fd) -> Result<Access> {
        // SAFETY: plain system call.
        let flags = check(c_long::from(unsafe { libc::fcntl(fd, libc::F_GETFL) }))?;
        let flags = c_int::try_from(flags).unwrap_or(0);
        let mode = flags & libc::O_ACCMODE;
        let usable = flags & libc::O_PATH == 0;
        Ok(Access {
            read: usable && (mode == libc::O_RDONLY || mode == libc::O_RDWR),
            write: usable && (mode == libc::O_WRONLY || mode == libc::O_RDWR),
            append: flags & libc::O_APPEND != 0,
        })
    }

    fn protected(&self, fd: Fd) -> Result<bool> {
        if !may_call(c"statx") {
            return Ok(false); // as where the kernel does not know it
        }
        let mut raw = MaybeUninit::<libc::statx>::zeroed();
        // SAFETY: the path is empty and NUL-terminated, the structure as large as the kernel's.
        let asked = unsafe {
            libc::syscall(libc::SYS_statx, fd, c"".as_ptr(), libc::AT_EMPTY_PATH, 0, raw.as_mut_ptr())
        };
        match check(asked) {
            Ok(_) => {}
            // Linux before 4.11, or a filter in between: nothing is known, and the write itself
            // will tell.
            Err(Errno(libc::ENOSYS | libc::EPERM | libc::EACCES | libc::EINVAL)) => return Ok(false),
            Err(errno) => return Err(errno),
        }
        // SAFETY: zeroed first, so that every byte is initialised whatever the kernel filled.
        let attributes = unsafe { raw.assume_init_ref() }.stx_attributes;
        const PROTECTED: u64 = (libc::STATX_ATTR_IMMUTABLE | libc::STATX_ATTR_APPEND) as u64;
        Ok(attributes & PROTECTED != 0)
    }

    fn size_limit(&self) -> u64 {
        let mut limit = libc::rlimit64 { rlim_cur: libc::RLIM64_INFINITY, rlim_max: libc::RLIM64_INFINITY };
        if own_limit(&mut limit) {
            return limit.rlim_cur;
        }
        // SAFETY: one structure of the right type; where the call is filtered the limit stays
        // "none".
        unsafe { libc::getrlimit64(libc::RLIMIT_FSIZE, &mut limit) };
        limit.rlim_cur
    }

    fn volume(&self, fd: Fd) -> Result<Volume> {
        let mut raw = MaybeUninit::<libc::statfs64>::uninit();
        // SAFETY: the structure is read only after success.
        done(|| c_long::from(unsafe { libc::fstatfs64(fd, raw.as_mut_ptr()) }))?;
        // SAFETY: filled above.
        let raw = unsafe { raw.assume_init_ref() };
        // The magic is 32 bits wide; the field's width and sign differ between architectures.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::unnecessary_cast)]
        let (name, remote) = volumes::describe(raw.f_type as u32);
        #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)]
        let block_size = raw.f_bsize as u64;
        Ok(Volume { block_size, remote, name })
    }

    fn random(&self) -> u64 {
        let mut bytes = [0_u8; 8];
        let mut got = 0;
        if may_call(c"getrandom") {
            let nonblock = 1; // GRND_NONBLOCK
            // SAFETY: eight bytes of our own.
            got = unsafe { libc::syscall(libc::SYS_getrandom, bytes.as_mut_ptr(), bytes.len(), nonblock) };
        }
        if got == 8 {
            return u64::from_ne_bytes(bytes);
        }
        // Early boot, or before Linux 3.17: unlikely to collide is enough, since the name is taken
        // with O_EXCL.
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: plain system calls with one structure of our own.
        let process = unsafe {
            libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now);
            libc::getpid()
        };
        #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)]
        let mixed = (now.tv_nsec as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ (now.tv_sec as u64)
            ^ (process as u64).rotate_left(32);
        mixed
    }

    fn clone_file(&self, src: Fd, dst: Fd) -> Result<()> {
        ficlone(src, dst)
    }

    fn clone_range(&self, src: Fd, src_offset: u64, length: u64, dst: Fd, dst_offset: u64) -> Result<()> {
        if length == 0 {
            return Ok(()); // The kernel would take it for "to the end of the file" (xfstests generic/181).
        }
        let range = libc::file_clone_range {
            src_fd: i64::from(src),
            src_offset,
            src_length: length,
            dest_offset: dst_offset,
        };
        ficlonerange(&range, dst)
    }

    fn clone_nothing(&self, src: Fd, src_size: u64, dst: Fd) -> Result<()> {
        let range = libc::file_clone_range {
            src_fd: i64::from(src),
            src_offset: src_size,
            src_length: 0,
            dest_offset: 0,
        };
        ficlonerange(&range, dst)
    }

    fn dedupe(&self, src: Fd, dst: Fd, length: u64) -> Result<Dedupe> {
        let mut request = DedupeOne {
            src_offset: 0,
            src_length: length,
            dest_count: 1,
            reserved: [0; 3],
            dest_fd: i64::from(dst),
            dest_offset: 0,
            bytes_deduped: 0,
            status: 0,
            reserved2: 0,
        };
        // SAFETY: the kernel reads and writes one header and one destination, as dest_count says.
        check(c_long::from(unsafe { libc::ioctl(src, FIDEDUPERANGE, ptr::from_mut(&mut request)) }))?;
        match request.status {
            0 => Ok(Dedupe::Shared),
            1 => Ok(Dedupe::Differs),
            refused => Err(Errno(refused.saturating_neg())),
        }
    }

    fn kernel_copy_usable(&self) -> bool {
        may_call(c"copy_file_range") && release::linux_copies(release::running())
    }

    fn kernel_copy(&self, src: Fd, src_offset: u64, dst: Fd, dst_offset: u64, length: u64) -> Result<u64> {
        let (mut from, mut to) = (offset(src_offset)?, offset(dst_offset)?);
        let length = usize::try_from(length).unwrap_or(isize::MAX.unsigned_abs());
        // The raw call: glibc 2.41 and 2.42 cut the wrapper's result to an int (sourceware
        // PR33245). SAFETY: the kernel reads and moves two offsets of our own.
        check(unsafe {
            libc::syscall(
                libc::SYS_copy_file_range,
                src,
                ptr::from_mut(&mut from),
                dst,
                ptr::from_mut(&mut to),
                length,
                0,
            )
        })
    }

    fn read_at(&self, fd: Fd, buffer: &mut [u8], at: u64) -> Result<usize> {
        let at = offset(at)?;
        // SAFETY: the kernel writes at most `len` bytes into a buffer of that length.
        let read = unsafe { libc::pread64(fd, buffer.as_mut_ptr().cast::<c_void>(), buffer.len(), at) };
        usize::try_from(read).map_err(|_| Errno(thread_errno()))
    }

    fn write_at(&self, fd: Fd, buffer: &[u8], at: u64) -> Result<usize> {
        let at = offset(at)?;
        // SAFETY: the kernel reads at most `len` bytes of a buffer of that length.
        let written = unsafe { libc::pwrite64(fd, buffer.as_ptr().cast::<c_void>(), buffer.len(), at) };
        usize::try_from(written).map_err(|_| Errno(thread_errno()))
    }

    fn seek_data(&self, fd: Fd, from: u64) -> Result<u64> {
        let from = offset(from)?;
        // SAFETY: plain system call.
        let found = unsafe { libc::lseek64(fd, from, libc::SEEK_DATA) };
        u64::try_from(found).map_err(|_| Errno(thread_errno()))
    }

    fn seek_hole(&self, fd: Fd, from: u64) -> Result<u64> {
        let from = offset(from)?;
        // SAFETY: plain system call.
        let found = unsafe { libc::lseek64(fd, from, libc::SEEK_HOLE) };
        u64::try_from(found).map_err(|_| Errno(thread_errno()))
    }

    fn punch_hole(&self, fd: Fd, from: u64, length: u64) -> Result<()> {
        let (from, length) = (offset(from)?, offset(length)?);
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        // SAFETY: plain system call.
        done(|| c_long::from(unsafe { libc::fallocate64(fd, mode, from, length) }))
    }

    fn set_size(&self, fd: Fd, size: u64) -> Result<()> {
        let size = offset(size)?;
        // SAFETY: plain system call.
        done(|| c_long::from(unsafe { libc::ftruncate64(fd, size) }))
    }

    fn sync(&self, fd: Fd) -> Result<()> {
        // SAFETY: plain system call.
        done(|| c_long::from(unsafe { libc::fsync(fd) }))
    }

    #[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast)] // 16 bits wide on 32-bit Android
    fn set_mode(&self, fd: Fd, mode: u32) -> Result<()> {
        let mode = mode as libc::mode_t;
        // SAFETY: plain system call.
        done(|| c_long::from(unsafe { libc::fchmod(fd, mode) }))
    }

    fn set_owner(&self, fd: Fd, owner: Option<u32>, group: u32) -> Result<()> {
        // SAFETY: plain system call; u32::MAX is chown's "leave it".
        done(|| c_long::from(unsafe { libc::fchown(fd, owner.unwrap_or(u32::MAX), group) }))
    }

    #[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)] // 32 bits wide on some architectures
    fn set_times(&self, fd: Fd, accessed: Time, modified: Time) -> Result<()> {
        if let Some(outcome) = time::set_times(fd, accessed, modified) {
            return outcome;
        }
        let raw = |time: Time| -> Result<libc::timespec> {
            let seconds = time.seconds.try_into().map_err(|_| Errno(libc::EOVERFLOW))?;
            let nanoseconds = time.nanoseconds.try_into().map_err(|_| Errno(libc::EOVERFLOW))?;
            Ok(libc::timespec { tv_sec: seconds, tv_nsec: nanoseconds })
        };
        let times = [raw(accessed)?, raw(modified)?];
        // SAFETY: the kernel reads two structures at this address.
        done(|| c_long::from(unsafe { libc::futimens(fd, times.as_ptr()) }))
    }

    fn list_attributes(&self, fd: Fd, buffer: &mut [u8]) -> Result<usize> {
        // SAFETY: the kernel writes at most `len` bytes; a length of 0 asks for the size.
        let listed = unsafe { libc::flistxattr(fd, buffer.as_mut_ptr().cast::<c_char>(), buffer.len()) };
        usize::try_from(listed).map_err(|_| Errno(thread_errno()))
    }

    fn get_attribute(&self, fd: Fd, name: &CStr, buffer: &mut [u8]) -> Result<usize> {
        // SAFETY: `name` is NUL-terminated; the kernel writes at most `len` bytes; a length of 0
        // asks for the size.
        let got =
            unsafe { libc::fgetxattr(fd, name.as_ptr(), buffer.as_mut_ptr().cast::<c_void>(), buffer.len()) };
        usize::try_from(got).map_err(|_| Errno(thread_errno()))
    }

    fn set_attribute(&self, fd: Fd, name: &CStr, value: &[u8]) -> Result<()> {
        // SAFETY: `name` is NUL-terminated; the kernel reads `len` bytes of `value`.
        done(|| {
            c_long::from(unsafe {
                libc::fsetxattr(fd, name.as_ptr(), value.as_ptr().cast::<c_void>(), value.len(), 0)
            })
        })
    }

    fn remove_attribute(&self, fd: Fd, name: &CStr) -> Result<()> {
        // SAFETY: `name` is NUL-terminated.
        done(|| c_long::from(unsafe { libc::fremovexattr(fd, name.as_ptr()) }))
    }

    fn link_unnamed(&self, fd: Fd, dir: Fd, name: &CStr) -> Result<()> {
        // SAFETY: both names are NUL-terminated.
        let by_descriptor = done(|| {
            c_long::from(unsafe { libc::linkat(fd, c"".as_ptr(), dir, name.as_ptr(), libc::AT_EMPTY_PATH) })
        });
        if by_descriptor != Err(Errno(libc::ENOENT)) {
            return by_descriptor;
        }
        // Before Linux 6.10 an empty path needs CAP_DAC_READ_SEARCH and says ENOENT without it;
        // procfs needs no privilege.
        let path = ProcPath::new(fd);
        let path = path.as_c_str();
        // SAFETY: as above.
        let call = || unsafe {
            libc::linkat(libc::AT_FDCWD, path.as_ptr(), dir, name.as_ptr(), libc::AT_SYMLINK_FOLLOW)
        };
        done(|| c_long::from(call()))
    }

    fn rename_new(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        if !may_call(c"renameat2") {
            return Err(Errno(libc::EOPNOTSUPP));
        }
        // Raw: glibc has a wrapper since 2.28 only. SAFETY: both names are NUL-terminated.
        let call = || unsafe {
            libc::syscall(
                libc::SYS_renameat2,
                from_dir,
                from.as_ptr(),
                to_dir,
                to.as_ptr(),
                libc::RENAME_NOREPLACE,
            )
        };
        done(call)
    }

    fn rename_over(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        // SAFETY: both names are NUL-terminated.
        done(|| c_long::from(unsafe { libc::renameat(from_dir, from.as_ptr(), to_dir, to.as_ptr()) }))
    }

    fn link(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        // SAFETY: both names are NUL-terminated.
        done(|| c_long::from(unsafe { libc::linkat(from_dir, from.as_ptr(), to_dir, to.as_ptr(), 0) }))
    }

    fn unlink(&self, dir: Fd, name: &CStr) -> Result<()> {
        // SAFETY: `name` is NUL-terminated.
        done(|| c_long::from(unsafe { libc::unlinkat(dir, name.as_ptr(), 0) }))
    }
}

/// The old call for the limit where it is as wide as the new one: the C library's goes through
/// prlimit64, which takes three times as long, 1 to 2 % of a small clone.
#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(target_os = "android")))]
fn own_limit(limit: &mut libc::rlimit64) -> bool {
    if size_of::<c_long>() != size_of::<u64>() {
        return false; // x32 and its like
    }
    // SAFETY: two unsigned longs of 64 bits, which is what `limit` is.
    unsafe { libc::syscall(libc::SYS_getrlimit, libc::RLIMIT_FSIZE, ptr::from_mut(limit)) == 0 }
}

#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(target_os = "android"))))]
const fn own_limit(_: &mut libc::rlimit64) -> bool {
    false
}
