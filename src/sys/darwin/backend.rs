//! macOS and iOS: clones by fclonefileat(2), whose rules are in `apfs`, and what else these have beyond POSIX. Compiled, never run.
//! Sources: the manual's sections 2 and 3 and the headers of XNU (bsd/sys) and of copyfile, of macOS 10.13 and later.

use core::ffi::{CStr, c_char, c_void};
use core::mem::MaybeUninit;
use core::ptr;

use super::apfs::{self, ApfsCalls};
use crate::sys::api::{Common, Errno, Extensions, Fd, Result};
use crate::sys::errno;
use crate::sys::posix::{Native, count, done, failure, offset, open, raw_stat};

/// Labels that the system gives by itself: setting them is refused, or ignored.
const GIVEN: [&CStr; 2] = [c"com.apple.macl", c"com.apple.provenance"];

impl Extensions for Native {
    const CLONES_BY_NAME: bool = true;
    const CARRIES_ATTRIBUTES: bool = true;

    fn clone_new(&self, src: Fd, dir: Fd, name: &CStr, acl: bool) -> Result<Fd> {
        apfs::clone_new(self, src, dir, name, acl)
    }

    fn forget_source(&self, fd: Fd, keep_times: bool, keep_attributes: bool) -> Result<()> {
        apfs::forget_source(self, fd, keep_times, keep_attributes)
    }

    /// Holes must be whole blocks (fcntl(2)): EINVAL, and zeros are written.
    fn punch_hole(&self, fd: Fd, from: u64, length: u64) -> Result<()> {
        let hole = libc::fpunchhole_t {
            fp_flags: 0,
            reserved: 0,
            fp_offset: offset(from)?,
            fp_length: offset(length)?,
        };
        // SAFETY: the system reads one such structure.
        done(|| unsafe { libc::fcntl(fd, libc::F_PUNCHHOLE, ptr::from_ref(&hole)) })
    }

    fn rename_new(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        // SAFETY: both names are NUL-terminated.
        done(|| unsafe {
            libc::renameatx_np(from_dir, from.as_ptr(), to_dir, to.as_ptr(), libc::RENAME_EXCL)
        })
    }

    fn list_attributes(&self, fd: Fd, buffer: &mut [u8]) -> Result<usize> {
        // SAFETY: the system writes at most `len` bytes; no buffer asks for the size.
        count(|| unsafe { libc::flistxattr(fd, room(buffer).cast::<c_char>(), buffer.len(), 0) })
    }

    fn get_attribute(&self, fd: Fd, name: &CStr, buffer: &mut [u8]) -> Result<usize> {
        // SAFETY: `name` is NUL-terminated; the system writes at most `len` bytes; no buffer asks for the size.
        count(|| unsafe { libc::fgetxattr(fd, name.as_ptr(), room(buffer), buffer.len(), 0, 0) })
    }

    fn set_attribute(&self, fd: Fd, name: &CStr, value: &[u8]) -> Result<()> {
        if GIVEN.contains(&name) {
            return Ok(());
        }
        let value_at = value.as_ptr().cast::<c_void>();
        // SAFETY: `name` is NUL-terminated; the system reads `len` bytes of `value`.
        done(|| unsafe { libc::fsetxattr(fd, name.as_ptr(), value_at, value.len(), 0, 0) })
    }

    /// Only ever asked for of a clone just made. Of a file that its owner may not write, none can be
    /// removed (EACCES or EPERM: oferchen/rsync#7274); the engine sets the mode afterwards.
    fn remove_attribute(&self, fd: Fd, name: &CStr) -> Result<()> {
        // SAFETY: `name` is NUL-terminated.
        let remove = || done(|| unsafe { libc::fremovexattr(fd, name.as_ptr(), 0) });
        match remove() {
            Err(said) if said.is(errno::EACCES) || said.is(errno::EPERM) => {
                let mode = raw_stat(fd)?.st_mode & 0o7777;
                if mode & libc::S_IWUSR != 0 {
                    return Err(said);
                }
                // SAFETY: plain system call.
                done(|| unsafe { libc::fchmod(fd, mode | libc::S_IWUSR) })?;
                remove()
            }
            outcome => outcome,
        }
    }

    fn copy_acl(&self, src: Fd, dst: Fd) -> Option<Result<()>> {
        Some(copy_acl(src, dst))
    }
}

/// Not by fcopyfile(3) with COPYFILE_ACL: that leaves out the entries that the source has from its
/// directory, keeps those that the destination has from its own, changes the owner where the list
/// cannot be set, and says that all is well (copyfile.c, copyfile_security).
fn copy_acl(src: Fd, dst: Fd) -> Result<()> {
    // SAFETY: plain call; the list is this function's until acl_free.
    let list = unsafe { acl::acl_get_fd_np(src, acl::ACL_TYPE_EXTENDED) };
    if list.is_null() {
        return match failure() {
            // No list, or a volume that keeps none.
            said if said.is(errno::ENOENT) || said.is(errno::EOPNOTSUPP) => Native.remove_acl(dst),
            said => Err(said),
        };
    }
    // SAFETY: the list was made above.
    let set = done(|| unsafe { acl::acl_set_fd(dst, list) });
    // SAFETY: as above; it is not used again.
    unsafe { acl::acl_free(list) };
    set
}

/// Where the system is to write, or nowhere.
fn room(buffer: &mut [u8]) -> *mut c_void {
    if buffer.is_empty() { ptr::null_mut() } else { buffer.as_mut_ptr().cast::<c_void>() }
}

/// <sys/acl.h>, which libc does not have.
mod acl {
    use core::ffi::{c_int, c_void};

    /// The only kind of list that there is.
    pub const ACL_TYPE_EXTENDED: c_int = 0x100;

    unsafe extern "C" {
        pub fn acl_init(count: c_int) -> *mut c_void;
        pub fn acl_get_fd_np(fd: c_int, kind: c_int) -> *mut c_void;
        pub fn acl_set_fd(fd: c_int, acl: *mut c_void) -> c_int;
        pub fn acl_free(object: *mut c_void) -> c_int;
    }
}

impl ApfsCalls for Native {
    fn fclonefileat(&self, src: Fd, dir: Fd, name: &CStr, flags: u32) -> Result<()> {
        // SAFETY: `name` is NUL-terminated.
        done(|| unsafe { libc::fclonefileat(src, dir, name.as_ptr(), flags) })
    }

    fn open_clone(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        let fd = open(dir, name, libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK, 0)?;
        let ours = raw_stat(fd).map(|raw| raw.st_mode & libc::S_IFMT == libc::S_IFREG && raw.st_nlink == 1);
        match ours {
            Ok(true) => Ok(fd),
            other => {
                let _ = self.close(fd); // nothing was written to it
                other.and(Err(Errno(errno::ELOOP)))
            }
        }
    }

    fn remove_acl(&self, fd: Fd) -> Result<()> {
        // SAFETY: a list of no entries; it is the library's until acl_free.
        let none = unsafe { acl::acl_init(0) };
        if none.is_null() {
            return Err(failure());
        }
        // SAFETY: the list was made above.
        let removed = done(|| unsafe { acl::acl_set_fd(fd, none) });
        // SAFETY: as above; it is not used again.
        unsafe { acl::acl_free(none) };
        match removed {
            Err(said) if said.is(errno::EOPNOTSUPP) => Ok(()), // a volume without any
            outcome => outcome,
        }
    }

    fn flags(&self, fd: Fd) -> Result<u32> {
        raw_stat(fd).map(|raw| raw.st_flags)
    }

    fn set_flags(&self, fd: Fd, flags: u32) -> Result<()> {
        // SAFETY: plain system call.
        done(|| unsafe { libc::fchflags(fd, flags) })
    }

    fn set_times_to_now(&self, fd: Fd) -> Result<()> {
        let mut now = MaybeUninit::<libc::timespec>::zeroed();
        // SAFETY: one structure of the right type.
        done(|| unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, now.as_mut_ptr()) })?;
        // SAFETY: filled above.
        let now = unsafe { now.assume_init() };
        let mut which = libc::attrlist {
            bitmapcount: libc::ATTR_BIT_MAP_COUNT,
            reserved: 0,
            commonattr: libc::ATTR_CMN_CRTIME | libc::ATTR_CMN_MODTIME | libc::ATTR_CMN_ACCTIME,
            volattr: 0,
            dirattr: 0,
            fileattr: 0,
            forkattr: 0,
        };
        // In the order of the bits (setattrlist(2)): creation, change, access.
        let mut times = [now, now, now];
        let all = done(|| {
            // SAFETY: the system reads the list and the three structures that it announces.
            unsafe {
                libc::fsetattrlist(
                    fd,
                    ptr::from_mut(&mut which).cast::<c_void>(),
                    times.as_mut_ptr().cast::<c_void>(),
                    size_of_val(&times),
                    0,
                )
            }
        });
        match all {
            Err(said) if said.is(errno::EOPNOTSUPP) || said.is(errno::EINVAL) => {
                // A file system that keeps no time of creation. SAFETY: NULL is "now", twice.
                done(|| unsafe { libc::futimens(fd, ptr::null()) })
            }
            outcome => outcome,
        }
    }
}
