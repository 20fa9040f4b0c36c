//! The Linux backend: each method is one system call, or the few that make up one question.
//! What Linux shares with other Unixes is in `posix`; Android is Linux with a filter that kills.

pub mod attributes;
pub mod directories;
pub mod groups;
mod maps;
mod time;
mod volumes;

use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr;

use crate::sys::api::{
    Common, Dedupe, Errno, Extensions, Fd, Handle, Kind, Result, Seals, Stat, Sys, Time, Volume,
};
use crate::sys::posix::{self, CWD, Native, count, create, done, offset, open};
use crate::sys::{linux_attributes, release};

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

/// The path through which procfs reaches a descriptor of this thread (threads may have unshared
/// their descriptors).
struct ProcPath([u8; 40]);

impl ProcPath {
    fn new(fd: Fd) -> Self {
        Self::within("fd", fd)
    }

    /// The path of what procfs says of it.
    fn info(fd: Fd) -> Self {
        Self::within("fdinfo", fd)
    }

    fn within(directory: &str, fd: Fd) -> Self {
        use std::io::Write;
        let mut path = [0_u8; 40];
        // "/proc/thread-self/fdinfo/" and ten digits leave room for the NUL.
        let _ = write!(path.as_mut_slice(), "/proc/thread-self/{directory}/{fd}");
        Self(path)
    }

    fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

/// Opens a file that another process holds a lease on (fcntl(2), F_SETLEASE: Samba, NFS servers). An open that does not
/// block says EAGAIN; one that does waits until the lease is given back, at most /proc/sys/fs/lease-break-time.
/// O_PATH breaks no lease and never blocks: it holds what is seen to be a file, so that no FIFO is opened in its place.
fn open_leased(dir: Fd, name: &CStr, access: c_int, follow: bool) -> Result<Fd> {
    let nofollow = if follow { 0 } else { libc::O_NOFOLLOW };
    let found = Handle::new(&Native, open(dir, name, libc::O_PATH | nofollow, 0)?);
    if Native.stat(found.fd())?.kind != Kind::Regular {
        return Err(Errno(libc::EAGAIN));
    }
    match open(libc::AT_FDCWD, ProcPath::new(found.fd()).as_c_str(), access, 0) {
        Err(Errno(libc::ENOENT)) => Err(Errno(libc::EAGAIN)), // no procfs
        outcome => outcome,
    }
}

fn open_existing(dir: Fd, name: &CStr, access: c_int, follow: bool) -> Result<Fd> {
    match posix::open_existing(dir, name, access, follow) {
        Err(Errno(libc::EAGAIN)) => open_leased(dir, name, access, follow),
        outcome => outcome,
    }
}

/// `ioctl(dst, FICLONE, src)`: the argument is a descriptor, passed as a value.
fn ficlone(src: Fd, dst: Fd) -> Result<()> {
    // SAFETY: FICLONE takes its argument by value; bad descriptors are answered with EBADF.
    done(|| unsafe { libc::ioctl(dst, libc::FICLONE, src) })
}

fn ficlonerange(range: &libc::file_clone_range, dst: Fd) -> Result<()> {
    // SAFETY: the kernel reads one `file_clone_range` at this address, which outlives the call.
    done(|| unsafe { libc::ioctl(dst, libc::FICLONERANGE, ptr::from_ref(range)) })
}

fn renameat2(from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr, flags: core::ffi::c_uint) -> Result<()> {
    if !may_call(c"renameat2") {
        return Err(Errno(libc::EOPNOTSUPP));
    }
    // Raw: glibc has a wrapper since 2.28 only. SAFETY: both names are NUL-terminated.
    done(|| unsafe {
        libc::syscall(libc::SYS_renameat2, from_dir, from.as_ptr(), to_dir, to.as_ptr(), flags)
    })
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

impl DedupeOne {
    /// What the kernel wrote: of ranges that differ nothing is shared, whatever number stands there.
    fn answer(&self) -> Result<Dedupe> {
        match self.status {
            0 => Ok(Dedupe::Shared(self.bytes_deduped)),
            1.. => Ok(Dedupe::Differs),
            refused => Err(Errno(refused.saturating_neg())),
        }
    }
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

/// The number that a file of procfs holds.
fn number_in(name: &CStr) -> Option<u32> {
    let file = Handle::new(&Native, Native.open_source(CWD, name, true).ok()?);
    let mut text = [0; 16];
    let length = Native.read_at(file.fd(), &mut text, 0).ok()?;
    core::str::from_utf8(text.get(..length)?).ok()?.trim().parse().ok()
}

impl Extensions for Native {
    const CARRIES_ATTRIBUTES: bool = true;

    fn reopen_source(&self, fd: Fd) -> Result<Fd> {
        open(libc::AT_FDCWD, ProcPath::new(fd).as_c_str(), libc::O_RDONLY | libc::O_NONBLOCK, 0)
    }

    fn create_unnamed(&self, dir: Fd, directory: &CStr, mode: u32) -> Result<Fd> {
        open(dir, directory, libc::O_TMPFILE | libc::O_WRONLY, mode)
    }

    fn seals(&self, fd: Fd) -> Seals {
        posix::seals(fd)
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

    fn dedupe(&self, src: Fd, src_offset: u64, dst: Fd, dst_offset: u64, length: u64) -> Result<Dedupe> {
        let mut request = DedupeOne {
            src_offset,
            src_length: length,
            dest_count: 1,
            reserved: [0; 3],
            dest_fd: i64::from(dst),
            dest_offset: dst_offset,
            bytes_deduped: 0,
            status: 0,
            reserved2: 0,
        };
        // SAFETY: the kernel reads and writes one header and one destination, as dest_count says.
        done(|| unsafe { libc::ioctl(src, FIDEDUPERANGE, ptr::from_mut(&mut request)) })?;
        request.answer()
    }

    fn read_ahead(&self, fd: Fd, from: u64, length: u64) {
        // No more than the usual readahead window at a time: the kernel cuts larger requests to it (mm/readahead.c).
        const WINDOW: u64 = 128 << 10;
        if maps::is_cached(fd, from, length) {
            return; // a request costs time for each page, also for those that are there
        }
        let end = from.saturating_add(length);
        let mut at = from;
        while at < end {
            let piece = end.saturating_sub(at).min(WINDOW);
            let (Ok(start), Ok(size)) = (offset(at), offset(piece)) else { return };
            // SAFETY: plain system call, whose answer changes nothing.
            unsafe { libc::posix_fadvise64(fd, start, size, libc::POSIX_FADV_WILLNEED) };
            at = at.saturating_add(piece);
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
        count(|| unsafe {
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

    fn punch_hole(&self, fd: Fd, from: u64, length: u64) -> Result<()> {
        let (from, length) = (offset(from)?, offset(length)?);
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        // SAFETY: plain system call.
        done(|| unsafe { libc::fallocate64(fd, mode, from, length) })
    }

    fn list_attributes(&self, fd: Fd, buffer: &mut [u8]) -> Result<usize> {
        // SAFETY: the kernel writes at most `len` bytes; a length of 0 asks for the size.
        count(|| unsafe { libc::flistxattr(fd, buffer.as_mut_ptr().cast::<c_char>(), buffer.len()) })
    }

    fn get_attribute(&self, fd: Fd, name: &CStr, buffer: &mut [u8]) -> Result<usize> {
        // SAFETY: `name` is NUL-terminated; the kernel writes at most `len` bytes; a length of 0
        // asks for the size.
        let value_at = buffer.as_mut_ptr().cast::<c_void>();
        count(|| unsafe { libc::fgetxattr(fd, name.as_ptr(), value_at, buffer.len()) })
    }

    fn set_attribute(&self, fd: Fd, name: &CStr, value: &[u8]) -> Result<()> {
        let value_at = value.as_ptr().cast::<c_void>();
        // SAFETY: `name` is NUL-terminated; the kernel reads `len` bytes of `value`.
        done(|| unsafe { libc::fsetxattr(fd, name.as_ptr(), value_at, value.len(), 0) })
    }

    fn remove_attribute(&self, fd: Fd, name: &CStr) -> Result<()> {
        // SAFETY: `name` is NUL-terminated.
        done(|| unsafe { libc::fremovexattr(fd, name.as_ptr()) })
    }

    fn link_unnamed(&self, fd: Fd, dir: Fd, name: &CStr) -> Result<()> {
        // SAFETY: both names are NUL-terminated.
        let by_descriptor =
            done(|| unsafe { libc::linkat(fd, c"".as_ptr(), dir, name.as_ptr(), libc::AT_EMPTY_PATH) });
        if by_descriptor != Err(Errno(libc::ENOENT)) {
            return by_descriptor;
        }
        // Before Linux 6.10 an empty path needs CAP_DAC_READ_SEARCH and says ENOENT without it;
        // procfs needs no privilege.
        let path = ProcPath::new(fd);
        let path = path.as_c_str();
        // SAFETY: as above.
        done(|| unsafe {
            libc::linkat(libc::AT_FDCWD, path.as_ptr(), dir, name.as_ptr(), libc::AT_SYMLINK_FOLLOW)
        })
    }

    fn rename_new(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        renameat2(from_dir, from, to_dir, to, libc::RENAME_NOREPLACE)
    }

    fn is_users(name: &CStr) -> bool {
        linux_attributes::is_users(name.to_bytes())
    }

    fn group_entry(&self, _fd: Fd) -> Option<Result<Option<u32>>> {
        None
    }

    fn overflow_ids(&self) -> [u32; 2] {
        [c"/proc/sys/kernel/overflowuid", c"/proc/sys/kernel/overflowgid"]
            .map(|name| number_in(name).unwrap_or(65534))
    }

    fn copy_acl(&self, _src: Fd, _dst: Fd) -> Option<Result<()>> {
        None
    }
}

impl Sys for Native {
    fn open_source(&self, dir: Fd, name: &CStr, follow: bool) -> Result<Fd> {
        open_existing(dir, name, libc::O_RDONLY, follow)
    }

    fn open_to_overwrite(&self, dir: Fd, name: &CStr, follow: bool) -> Result<Fd> {
        open_existing(dir, name, libc::O_WRONLY, follow)
    }

    fn create_scratch(&self, dir: Fd, name: Option<&CStr>) -> Result<Fd> {
        match name {
            None => open(dir, c".", libc::O_TMPFILE | libc::O_RDWR, 0o600),
            Some(name) => create(dir, name, libc::O_RDWR, 0o600),
        }
    }

    fn flush(&self, fd: Fd) -> Result<()> {
        posix::flush(fd)
    }

    fn stat(&self, fd: Fd) -> Result<Stat> {
        let wide = if time::NARROW { time::stat(fd) } else { None };
        wide.unwrap_or_else(|| posix::stat(fd))
    }

    fn stat_name(&self, dir: Fd, name: &CStr) -> Result<Stat> {
        let wide = if time::NARROW { time::stat_name(dir, name) } else { None };
        wide.unwrap_or_else(|| posix::stat_at(dir, name, libc::AT_SYMLINK_NOFOLLOW))
    }

    fn protected(&self, fd: Fd) -> Result<bool> {
        if !may_call(c"statx") {
            return Ok(false); // as where the kernel does not know it
        }
        let mut raw = MaybeUninit::<libc::statx>::zeroed();
        // SAFETY: the path is empty and NUL-terminated, the structure as large as the kernel's.
        let asked = done(|| unsafe {
            libc::syscall(libc::SYS_statx, fd, c"".as_ptr(), libc::AT_EMPTY_PATH, 0, raw.as_mut_ptr())
        });
        match asked {
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
        done(|| unsafe { libc::fstatfs64(fd, raw.as_mut_ptr()) })?;
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

    fn sync(&self, fd: Fd) -> Result<()> {
        posix::sync(fd)
    }

    fn set_times(&self, fd: Fd, accessed: Time, modified: Time) -> Result<()> {
        time::set_times(fd, accessed, modified).unwrap_or_else(|| posix::set_times(fd, accessed, modified))
    }
}

/// The old call for the limit where it is as wide as the new one: the C library's goes through
/// prlimit64, which takes three times as long, 1 to 2 % of a small clone.
#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(target_os = "android")))]
fn own_limit(limit: &mut libc::rlimit64) -> bool {
    if size_of::<core::ffi::c_long>() != size_of::<u64>() {
        return false; // x32 and its like
    }
    // SAFETY: two unsigned longs of 64 bits, which is what `limit` is.
    unsafe { libc::syscall(libc::SYS_getrlimit, libc::RLIMIT_FSIZE, ptr::from_mut(limit)) == 0 }
}

#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(target_os = "android"))))]
const fn own_limit(_: &mut libc::rlimit64) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel may say that nothing was shared, more than it was asked for, or both that ranges differ and how much it
    /// shared; the engine decides what of it to believe.
    #[test]
    fn the_kernels_answers_are_told_as_they_are() {
        for (status, bytes_deduped, answer) in [
            (0, 4096, Ok(Dedupe::Shared(4096))),
            (0, 0, Ok(Dedupe::Shared(0))),
            (0, u64::MAX, Ok(Dedupe::Shared(u64::MAX))),
            (1, 0, Ok(Dedupe::Differs)),
            (1, 4096, Ok(Dedupe::Differs)),
            (i32::MAX, 4096, Ok(Dedupe::Differs)),
            (-libc::EPERM, 4096, Err(Errno(libc::EPERM))),
            (i32::MIN, 0, Err(Errno(i32::MAX))),
        ] {
            let (src_offset, src_length, dest_fd, dest_offset) = (0, 4096, 3, 0);
            let (dest_count, reserved, reserved2) = (1, [0; 3], 0);
            let told = DedupeOne {
                src_offset,
                src_length,
                dest_count,
                reserved,
                dest_fd,
                dest_offset,
                bytes_deduped,
                status,
                reserved2,
            };
            assert_eq!(told.answer(), answer, "{status} {bytes_deduped}");
        }
    }
}
