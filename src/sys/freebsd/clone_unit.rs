//! The alignment that clones need on FreeBSD, as the system says it.
//! Apart from `backend`, since what all Unixes share asks for it too.

use core::ffi::c_int;

use crate::sys::api::Fd;

/// <sys/unistd.h> of FreeBSD 15, which libc does not have.
const PC_CLONE_BLKSIZE: c_int = 69;

/// The alignment that clones need (pathconf(2)), where the system and the file system have one.
pub fn clone_unit(fd: Fd) -> Option<u64> {
    // SAFETY: plain system call.
    let said = unsafe { libc::fpathconf(fd, PC_CLONE_BLKSIZE) };
    u64::try_from(said).ok().filter(|unit| *unit > 0)
}
