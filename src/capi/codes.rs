//! The numbers that functions return, their names and their texts.
//! From -1 to -4095 they are errno's own; the library's lie at and below -4097 and are never used again for another meaning.

use core::ffi::{CStr, c_char, c_int};

use crate::error::{Cause, Error};
use crate::sys::errno;

/// A defect of this library: it panicked. Nothing is known of the copy, but that the promises about
/// the destination's name hold.
pub const REFLINK_ERR_PANIC: c_int = -4097;
/// A FIFO, a socket or a device where a regular file is needed. (A directory is -EISDIR.)
pub const REFLINK_ERR_NOT_REGULAR: c_int = -4098;
/// Source and destination are the same file.
pub const REFLINK_ERR_SAME_FILE: c_int = -4099;
/// Both ranges are in one file, and they overlap.
pub const REFLINK_ERR_OVERLAP: c_int = -4100;
/// The destination is open with O_APPEND: the system would write everything at its end.
pub const REFLINK_ERR_APPEND: c_int = -4101;
/// The system's answers contradict each other: a size that is not what was written, more bytes than
/// were asked for, an end of file where there is none. A defect of a file system, most likely.
pub const REFLINK_ERR_INCONSISTENT: c_int = -4102;

/// The number for an error of the engine.
pub fn of(error: &Error) -> c_int {
    match error.cause {
        // A system call that failed with errno 0 never does; 0 must not mean success here.
        Cause::System(failed) if failed.number() == 0 => REFLINK_ERR_INCONSISTENT,
        // What this system has no errno for (FreeBSD and ENODATA) is told as it was said.
        Cause::System(failed) if !errno::exists(failed.number()) => failed.raw().saturating_neg(),
        Cause::System(failed) => failed.number().saturating_neg(),
        Cause::NotRegular => REFLINK_ERR_NOT_REGULAR,
        Cause::SameFile => REFLINK_ERR_SAME_FILE,
        Cause::Overlap => REFLINK_ERR_OVERLAP,
        Cause::Append => REFLINK_ERR_APPEND,
        Cause::Inconsistent => REFLINK_ERR_INCONSISTENT,
        Cause::Cancelled => errno::ECANCELED.saturating_neg(),
    }
}

/// One code: its number (errno's as it stands in <errno.h>, positive), its name, its text.
struct Code(c_int, &'static CStr, &'static CStr);

const OWN: &[Code] = &[
    Code(0, c"OK", c"Success"),
    Code(REFLINK_ERR_PANIC, c"REFLINK_ERR_PANIC", c"Internal error in libreflink"),
    Code(REFLINK_ERR_NOT_REGULAR, c"REFLINK_ERR_NOT_REGULAR", c"Not a regular file"),
    Code(REFLINK_ERR_SAME_FILE, c"REFLINK_ERR_SAME_FILE", c"Source and destination are the same file"),
    Code(REFLINK_ERR_OVERLAP, c"REFLINK_ERR_OVERLAP", c"The ranges overlap"),
    Code(REFLINK_ERR_APPEND, c"REFLINK_ERR_APPEND", c"The destination is open for appending"),
    Code(
        REFLINK_ERR_INCONSISTENT,
        c"REFLINK_ERR_INCONSISTENT",
        c"The file system's answers contradict each other",
    ),
];

/// Of the C library's own texts, since its strerror may allocate, translate and is not thread-safe
/// everywhere.
const SYSTEM: &[Code] = &[
    Code(errno::E2BIG, c"E2BIG", c"Argument too big"),
    Code(errno::EACCES, c"EACCES", c"Permission denied"),
    Code(errno::EAGAIN, c"EAGAIN", c"Resource temporarily unavailable"),
    Code(errno::EBADF, c"EBADF", c"Bad file descriptor, or not open for this use"),
    Code(errno::EBUSY, c"EBUSY", c"Device or resource busy"),
    Code(errno::ECANCELED, c"ECANCELED", c"Cancelled by the progress function"),
    Code(errno::ECOMM, c"ECOMM", c"Communication error on send"),
    Code(errno::ECONNABORTED, c"ECONNABORTED", c"Connection aborted"),
    Code(errno::ECONNREFUSED, c"ECONNREFUSED", c"Connection refused"),
    Code(errno::ECONNRESET, c"ECONNRESET", c"Connection reset by peer"),
    Code(errno::EDEADLK, c"EDEADLK", c"Resource deadlock avoided"),
    Code(errno::EDOM, c"EDOM", c"Numerical argument out of domain"),
    Code(errno::EDQUOT, c"EDQUOT", c"Disk quota exceeded"),
    Code(errno::EEXIST, c"EEXIST", c"File exists"),
    Code(errno::EFAULT, c"EFAULT", c"Bad address"),
    Code(errno::EFBIG, c"EFBIG", c"File too large"),
    Code(errno::EHOSTDOWN, c"EHOSTDOWN", c"Host is down"),
    Code(errno::EHOSTUNREACH, c"EHOSTUNREACH", c"No route to host"),
    Code(errno::EILSEQ, c"EILSEQ", c"Invalid character in a name"),
    Code(errno::EINTR, c"EINTR", c"Interrupted system call"),
    Code(errno::EINVAL, c"EINVAL", c"Invalid argument, or not possible for this file"),
    Code(errno::EIO, c"EIO", c"Input/output error"),
    Code(errno::EISDIR, c"EISDIR", c"Is a directory"),
    Code(errno::EKEYEXPIRED, c"EKEYEXPIRED", c"Key has expired"),
    Code(errno::ELOOP, c"ELOOP", c"Too many levels of symbolic links"),
    Code(errno::EMFILE, c"EMFILE", c"Too many open files"),
    Code(errno::EMLINK, c"EMLINK", c"Too many links"),
    Code(errno::ENAMETOOLONG, c"ENAMETOOLONG", c"File name too long"),
    Code(errno::ENETDOWN, c"ENETDOWN", c"Network is down"),
    Code(errno::ENETUNREACH, c"ENETUNREACH", c"Network is unreachable"),
    Code(errno::ENFILE, c"ENFILE", c"Too many open files in system"),
    Code(errno::ENODATA, c"ENODATA", c"No data available"),
    Code(errno::ENODEV, c"ENODEV", c"No such device"),
    Code(errno::ENOENT, c"ENOENT", c"No such file or directory"),
    Code(errno::ENOKEY, c"ENOKEY", c"Required key not available"),
    Code(errno::ENOLCK, c"ENOLCK", c"No locks available"),
    Code(errno::ENOMEM, c"ENOMEM", c"Cannot allocate memory"),
    Code(errno::ENOSPC, c"ENOSPC", c"No space left on device"),
    Code(errno::ENOSYS, c"ENOSYS", c"Function not implemented"),
    Code(errno::ENOTCONN, c"ENOTCONN", c"Transport endpoint is not connected"),
    Code(errno::ENOTDIR, c"ENOTDIR", c"Not a directory"),
    Code(errno::ENOTEMPTY, c"ENOTEMPTY", c"Directory not empty"),
    Code(errno::ENOTTY, c"ENOTTY", c"Inappropriate ioctl for device"),
    Code(errno::ENXIO, c"ENXIO", c"No such device or address"),
    Code(errno::EOPNOTSUPP, c"EOPNOTSUPP", c"Operation not supported"),
    Code(errno::EOVERFLOW, c"EOVERFLOW", c"Value too large for defined data type"),
    Code(errno::EPERM, c"EPERM", c"Operation not permitted"),
    Code(errno::EPIPE, c"EPIPE", c"Broken pipe"),
    Code(errno::EPROTO, c"EPROTO", c"Protocol error"),
    Code(errno::ERANGE, c"ERANGE", c"Numerical result out of range"),
    Code(errno::EREMOTEIO, c"EREMOTEIO", c"Remote I/O error"),
    Code(errno::EROFS, c"EROFS", c"Read-only file system"),
    Code(errno::ESHUTDOWN, c"ESHUTDOWN", c"Cannot send after transport endpoint shutdown"),
    Code(errno::ESPIPE, c"ESPIPE", c"Illegal seek"),
    Code(errno::ESTALE, c"ESTALE", c"Stale file handle"),
    Code(errno::ETIMEDOUT, c"ETIMEDOUT", c"Connection timed out"),
    Code(errno::ETXTBSY, c"ETXTBSY", c"File is in use as a program or for swapping"),
    Code(errno::EUCLEAN, c"EUCLEAN", c"File system is damaged"),
    Code(errno::EXDEV, c"EXDEV", c"Not on the same file system"),
];

fn find(code: c_int) -> Option<&'static Code> {
    OWN.iter().find(|known| known.0 == code).or_else(|| {
        let positive = code.checked_abs()?;
        SYSTEM.iter().find(|known| known.0 == positive && errno::exists(known.0))
    })
}

/// A code's name.
pub fn name(code: c_int) -> &'static CStr {
    find(code).map_or(c"UNKNOWN", |known| known.1)
}

/// A code's text.
pub fn text(code: c_int) -> &'static CStr {
    find(code).map_or(c"Unknown error", |known| known.2)
}

/// Says in English what a code means, for people.
///
/// @param code  What a function of this library returned. Positive errno values are understood too.
/// @return Static text, never NULL, not to be freed. For a code that nobody knows it says so.
///
/// Thread-safe, and safe in a signal handler. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn reflink_strerror(code: c_int) -> *const c_char {
    text(code).as_ptr()
}

/// Names a code: "EXDEV", "REFLINK_ERR_PANIC", "OK".
///
/// @param code  What a function of this library returned. Positive errno values are understood too.
/// @return Static text, never NULL, not to be freed: "UNKNOWN" for a code that nobody knows.
///
/// Thread-safe, and safe in a signal handler. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn reflink_err_name(code: c_int) -> *const c_char {
    name(code).as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_once_and_is_found() {
        let here = |code: &&Code| code.0 <= 0 || errno::exists(code.0);
        let all: Vec<&Code> = OWN.iter().chain(SYSTEM).filter(here).collect();
        for (at, one) in all.iter().enumerate() {
            assert!(all.iter().skip(at + 1).all(|other| other.0 != one.0 && other.1 != one.1), "{:?}", one.1);
            assert_eq!(name(one.0), one.1);
        }
        assert_eq!(name(-errno::EXDEV), c"EXDEV");
        assert_eq!(name(errno::EXDEV), c"EXDEV");
        assert_eq!(text(-4097), c"Internal error in libreflink");
        for unknown in [c_int::MIN, c_int::MAX, -4096, -4095, 4097, -5000] {
            assert_eq!((name(unknown), text(unknown)), (c"UNKNOWN", c"Unknown error"));
        }
    }

    #[test]
    fn a_code_is_an_errno_of_this_system() {
        use crate::error::Step;
        use crate::sys::Errno;
        let told = |failed| of(&Error::new(Step::Metadata, Cause::System(failed)));
        assert_eq!(told(Errno(errno::EIO)), -errno::EIO);
        assert_eq!(told(Errno::standing_for(45, errno::EOPNOTSUPP)), -errno::EOPNOTSUPP);
        assert_eq!(told(Errno::standing_for(87, 0xe006)), -87, "ENOATTR of FreeBSD, which has no ENODATA");
        assert_eq!(told(Errno(0)), REFLINK_ERR_INCONSISTENT);
    }

    #[test]
    fn the_librarys_own_numbers_are_for_ever() {
        assert_eq!(
            [REFLINK_ERR_PANIC, REFLINK_ERR_NOT_REGULAR, REFLINK_ERR_SAME_FILE, REFLINK_ERR_OVERLAP],
            [-4097, -4098, -4099, -4100]
        );
        assert_eq!([REFLINK_ERR_APPEND, REFLINK_ERR_INCONSISTENT], [-4101, -4102]);
    }
}
