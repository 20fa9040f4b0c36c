//! Writing through to the device on macOS and iOS, where fsync(2) does not.
//! Apart from `backend`, since what all Unixes share calls it.

use crate::sys::api::{Fd, Result};
use crate::sys::errno;
use crate::sys::posix::{self, done};

/// fsync(2) of macOS leaves the data in the drive's cache. File systems that cannot have that
/// emptied (network ones) know only fsync.
pub fn sync(fd: Fd) -> Result<()> {
    // SAFETY: plain system call, whose third argument is not looked at.
    match done(|| unsafe { libc::fcntl(fd, libc::F_FULLFSYNC, 0) }) {
        Err(said) if [errno::EOPNOTSUPP, errno::ENOTTY, errno::EINVAL].contains(&said.number()) => {
            posix::sync(fd)
        }
        outcome => outcome,
    }
}
