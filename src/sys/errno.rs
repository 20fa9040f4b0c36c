//! The errno values that the engine and the C interface name, on every system.
//! One that a system's <errno.h> lacks gets a number that nothing answers, so that one table serves all systems.

#![allow(missing_docs)] // each is what its name says

pub use libc::{
    E2BIG, EACCES, EAGAIN, EBADF, EBADMSG, EBUSY, ECANCELED, ECONNABORTED, ECONNREFUSED, ECONNRESET, EDEADLK,
    EDOM, EEXIST, EFAULT, EFBIG, EHOSTUNREACH, EILSEQ, EINTR, EINVAL, EIO, EISDIR, ELOOP, EMFILE, EMLINK,
    ENAMETOOLONG, ENETDOWN, ENETUNREACH, ENFILE, ENODEV, ENOENT, ENOLCK, ENOMEM, ENOSPC, ENOSYS, ENOTCONN,
    ENOTDIR, ENOTEMPTY, ENOTRECOVERABLE, ENOTTY, ENXIO, EOPNOTSUPP, EOVERFLOW, EPERM, EPIPE, EPROTO, ERANGE,
    EROFS, ESPIPE, ETIMEDOUT, ETXTBSY, EXDEV,
};

#[cfg(any(reflink_linux, reflink_solaris))]
pub use libc::ECOMM;
#[cfg(target_os = "linux")]
pub use libc::EHWPOISON;
#[cfg(not(target_os = "openbsd"))]
pub use libc::ENOLINK;
#[cfg(reflink_linux)]
pub use libc::{EBADE, EKEYEXPIRED, ENOKEY, ENOMEDIUM, EREMOTEIO, EUCLEAN};
#[cfg(not(windows))]
pub use libc::{EDQUOT, EHOSTDOWN, ESHUTDOWN, ESTALE};
#[cfg(not(any(target_os = "freebsd", target_os = "dragonfly", target_os = "openbsd")))]
pub use libc::{ENODATA, ETIME};

/// Above every errno there is (they end at 4095), below what an [`super::Errno`] can hold.
const fn absent(which: u8) -> i32 {
    0xe000 | which as i32
}

/// Whether this system's <errno.h> has the value.
pub const fn exists(errno: i32) -> bool {
    errno < absent(0)
}

#[cfg(not(reflink_linux))]
mod of_linux {
    pub const EKEYEXPIRED: i32 = super::absent(1);
    pub const ENOKEY: i32 = super::absent(2);
    pub const EREMOTEIO: i32 = super::absent(3);
    pub const EBADE: i32 = super::absent(11);
    pub const ENOMEDIUM: i32 = super::absent(13);
}
#[cfg(not(reflink_linux))]
pub use of_linux::*;

#[cfg(not(any(reflink_linux, reflink_solaris)))]
pub const ECOMM: i32 = absent(5);

/// A damaged file system, as FreeBSD says it.
#[cfg(target_os = "freebsd")]
pub use libc::EINTEGRITY as EUCLEAN;
#[cfg(not(any(reflink_linux, target_os = "freebsd")))]
pub const EUCLEAN: i32 = absent(4);

/// Of a missing extended attribute; FreeBSD and its like say ENOATTR, which its backend translates.
#[cfg(any(target_os = "freebsd", target_os = "dragonfly", target_os = "openbsd"))]
pub const ENODATA: i32 = absent(6);
#[cfg(any(target_os = "freebsd", target_os = "dragonfly", target_os = "openbsd"))]
pub const ETIME: i32 = absent(14);
#[cfg(not(target_os = "linux"))]
pub const EHWPOISON: i32 = absent(12);
#[cfg(target_os = "openbsd")]
pub const ENOLINK: i32 = absent(15);

#[cfg(windows)]
mod of_unix {
    pub const EDQUOT: i32 = super::absent(7);
    pub const EHOSTDOWN: i32 = super::absent(8);
    pub const ESHUTDOWN: i32 = super::absent(9);
    pub const ESTALE: i32 = super::absent(10);
}
#[cfg(windows)]
pub use of_unix::*;
