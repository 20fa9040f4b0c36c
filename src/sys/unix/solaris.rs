//! Solaris and illumos: what they have beyond POSIX and is of use here. Compiled, never run.
//! Solaris 11.4 has reflinkat(3C); it takes its source by name, and this library clones what it has open and has looked at.

use crate::sys::api::{Extensions, Fd, Result};
use crate::sys::posix::{Native, open};
use core::ffi::CStr;

impl Extensions for Native {
    /// A regular file under /proc/self/fd "can be opened with normal file system semantics" (proc(5) of
    /// illumos, proc(4) of Solaris): a description of its own.
    fn reopen_source(&self, fd: Fd) -> Result<Fd> {
        use std::io::Write;
        let mut path = [0_u8; 40];
        // "/proc/self/fd/" and ten digits leave room for the NUL.
        let _ = write!(path.as_mut_slice(), "/proc/self/fd/{fd}");
        let path = CStr::from_bytes_until_nul(&path).unwrap_or_default();
        open(libc::AT_FDCWD, path, libc::O_RDONLY | libc::O_NONBLOCK, 0)
    }
}
