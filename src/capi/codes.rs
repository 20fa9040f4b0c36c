//! The numbers that functions return, their names and their texts.
//! From -1 to -4095 they are errno's own; the library's lie at and below -4097 and are never used again for another meaning.

use core::ffi::{CStr, c_char, c_int};

use super::errnos::{Code, SYSTEM};
use crate::error::{Cause, Error};
use crate::sys::errno;

/// Internal error: a bug in this library. The result is unknown, except that the promises about the
/// destination's name hold.
pub const REFLINK_ERR_PANIC: c_int = -4097;
/// A FIFO, a socket or a device where a regular file is needed. (A directory is -EISDIR.)
pub const REFLINK_ERR_NOT_REGULAR: c_int = -4098;
/// Source and destination are the same file.
pub const REFLINK_ERR_SAME_FILE: c_int = -4099;
/// Both ranges are in one file, and they overlap.
pub const REFLINK_ERR_OVERLAP: c_int = -4100;
/// The destination is open with O_APPEND, so the system would write everything at its end.
pub const REFLINK_ERR_APPEND: c_int = -4101;
/// The system's answers contradict each other. For example, a file's size differs from what was
/// written, or a read returns more bytes than requested. Most likely a bug in a file system.
pub const REFLINK_ERR_INCONSISTENT: c_int = -4102;
/// Of trees: the destination is inside the source, or what would be replaced is the source or contains it.
pub const REFLINK_ERR_INTO_ITSELF: c_int = -4103;
/// Of trees: two names of a directory are one name on the destination, which does not tell upper and lower case, or forms
/// of a letter, apart.
pub const REFLINK_ERR_NAME_CLASH: c_int = -4104;

/// The number for an error of the engine.
pub fn of(error: &Error) -> c_int {
    match error.cause {
        // A system call that failed with errno 0 never does; 0 must not mean success here.
        Cause::System(failed) if failed.number() == 0 => REFLINK_ERR_INCONSISTENT,
        // An errno that this system does not have (ENODATA on FreeBSD): the system's own number is returned.
        Cause::System(failed) if !errno::exists(failed.number()) => failed.raw().saturating_neg(),
        Cause::System(failed) => failed.number().saturating_neg(),
        Cause::NotRegular => REFLINK_ERR_NOT_REGULAR,
        Cause::SameFile => REFLINK_ERR_SAME_FILE,
        Cause::Overlap => REFLINK_ERR_OVERLAP,
        Cause::Append => REFLINK_ERR_APPEND,
        Cause::Inconsistent => REFLINK_ERR_INCONSISTENT,
        Cause::IntoItself => REFLINK_ERR_INTO_ITSELF,
        Cause::NameClash => REFLINK_ERR_NAME_CLASH,
        Cause::Cancelled => errno::ECANCELED.saturating_neg(),
    }
}

/// The library's own, and the errno that the system has for the same thing.
const OWN: &[(Code, c_int)] = &[
    (Code(0, c"OK", c"Success"), 0),
    (Code(REFLINK_ERR_PANIC, c"REFLINK_ERR_PANIC", c"Internal error in libreflink"), errno::EIO),
    (Code(REFLINK_ERR_NOT_REGULAR, c"REFLINK_ERR_NOT_REGULAR", c"Not a regular file"), errno::EINVAL),
    (
        Code(REFLINK_ERR_SAME_FILE, c"REFLINK_ERR_SAME_FILE", c"Source and destination are the same file"),
        errno::EINVAL,
    ),
    (Code(REFLINK_ERR_OVERLAP, c"REFLINK_ERR_OVERLAP", c"The ranges overlap"), errno::EINVAL),
    (Code(REFLINK_ERR_APPEND, c"REFLINK_ERR_APPEND", c"The destination is open for appending"), errno::EBADF),
    (
        Code(
            REFLINK_ERR_INCONSISTENT,
            c"REFLINK_ERR_INCONSISTENT",
            c"The file system's answers contradict each other",
        ),
        errno::EIO,
    ),
    (
        Code(REFLINK_ERR_INTO_ITSELF, c"REFLINK_ERR_INTO_ITSELF", c"One directory is inside the other"),
        errno::EINVAL,
    ),
    (
        Code(REFLINK_ERR_NAME_CLASH, c"REFLINK_ERR_NAME_CLASH", c"Two names are one name on the destination"),
        errno::EEXIST,
    ),
];

fn own(code: c_int) -> Option<&'static (Code, c_int)> {
    OWN.iter().find(|(known, _)| known.0 == code)
}

fn find(code: c_int) -> Option<&'static Code> {
    own(code).map(|(known, _)| known).or_else(|| {
        let positive = code.checked_abs()?;
        SYSTEM.iter().copied().flatten().find(|known| known.0 == positive)
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

/// A code's errno.
pub fn errno(code: c_int) -> c_int {
    match code {
        0.. => code,
        -4095..0 => code.saturating_neg(),
        _ => own(code).map_or(errno::EIO, |(_, errno)| *errno),
    }
}

/// Says in English what a code means, for people.
///
/// @param code  What a function of this library returned. Positive errno values are understood too.
/// @return Static text, never NULL, not to be freed: "Unknown error" for an unknown code.
///
/// Thread-safe, and safe in a signal handler. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn reflink_strerror(code: c_int) -> *const c_char {
    text(code).as_ptr()
}

/// Names a code: "EXDEV", "REFLINK_ERR_PANIC", "OK".
///
/// @param code  What a function of this library returned. Positive errno values are understood too.
/// @return Static text, never NULL, not to be freed: "UNKNOWN" for an unknown code.
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
        let all: Vec<&Code> =
            OWN.iter().map(|(code, _)| code).chain(SYSTEM.iter().copied().flatten()).collect();
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
    fn every_code_has_an_errno() {
        for (code, expected) in [
            (REFLINK_ERR_PANIC, errno::EIO),
            (REFLINK_ERR_NOT_REGULAR, errno::EINVAL),
            (REFLINK_ERR_SAME_FILE, errno::EINVAL),
            (REFLINK_ERR_OVERLAP, errno::EINVAL),
            (REFLINK_ERR_APPEND, errno::EBADF),
            (REFLINK_ERR_INCONSISTENT, errno::EIO),
            (REFLINK_ERR_INTO_ITSELF, errno::EINVAL),
            (REFLINK_ERR_NAME_CLASH, errno::EEXIST),
            (0, 0),
            (-errno::ENOSPC, errno::ENOSPC),
            (errno::ENOSPC, errno::ENOSPC),
            (-4095, 4095),
            (-4096, errno::EIO),
            (-5000, errno::EIO),
            (c_int::MIN, errno::EIO),
            (c_int::MAX, c_int::MAX),
        ] {
            assert_eq!(super::errno(code), expected, "{code}");
        }
        assert!(OWN.iter().all(|(code, errno)| (code.0 == 0) == (*errno == 0)), "only success has none");
    }

    #[test]
    fn a_code_is_an_errno_of_this_system() {
        use crate::error::{Side, Step};
        use crate::sys::Errno;
        let told = |failed| of(&Error::new(Step::Metadata(Side::Destination), Cause::System(failed)));
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
        assert_eq!([REFLINK_ERR_INTO_ITSELF, REFLINK_ERR_NAME_CLASH], [-4103, -4104]);
    }
}
