//! The errno values of each system's <errno.h>, with names and texts: of a file system's oddest answer too, nothing is "UNKNOWN".
//! The texts are the project's own: strerror may allocate, translates, and is not thread-safe everywhere.

use core::ffi::{CStr, c_int};

/// One code: its number (errno's as it stands in <errno.h>, positive), its name, its text.
pub struct Code(pub c_int, pub &'static CStr, pub &'static CStr);

/// All that this system has. A second name of a number (EWOULDBLOCK, and ENOTSUP on Linux) is left out.
pub const SYSTEM: &[&[Code]] = &[
    &[
        Code(libc::E2BIG, c"E2BIG", c"Argument too big: a structure not set by its REFLINK_..._INIT, or an attribute"),
        Code(libc::EACCES, c"EACCES", c"Permission denied"),
        Code(libc::EADDRINUSE, c"EADDRINUSE", c"Address already in use"),
        Code(libc::EADDRNOTAVAIL, c"EADDRNOTAVAIL", c"Address not available"),
        Code(libc::EAFNOSUPPORT, c"EAFNOSUPPORT", c"Address family not supported"),
        Code(libc::EAGAIN, c"EAGAIN", c"Resource temporarily unavailable"),
        Code(libc::EALREADY, c"EALREADY", c"Operation already in progress"),
        Code(libc::EBADF, c"EBADF", c"Bad file descriptor, or not open for this use"),
        Code(libc::EBADMSG, c"EBADMSG", c"Data is damaged"),
        Code(libc::EBUSY, c"EBUSY", c"Device or resource busy"),
        Code(libc::ECANCELED, c"ECANCELED", c"Cancelled by the caller"),
        Code(libc::ECHILD, c"ECHILD", c"No child processes"),
        Code(libc::ECONNABORTED, c"ECONNABORTED", c"Connection aborted"),
        Code(libc::ECONNREFUSED, c"ECONNREFUSED", c"Connection refused"),
        Code(libc::ECONNRESET, c"ECONNRESET", c"Connection reset by peer"),
        Code(libc::EDEADLK, c"EDEADLK", c"Resource deadlock avoided"),
        Code(libc::EDESTADDRREQ, c"EDESTADDRREQ", c"Destination address required"),
        Code(libc::EDOM, c"EDOM", c"Numerical argument out of domain"),
        Code(libc::EEXIST, c"EEXIST", c"File exists"),
        Code(libc::EFAULT, c"EFAULT", c"Bad address"),
        Code(libc::EFBIG, c"EFBIG", c"File too large"),
        Code(libc::EHOSTUNREACH, c"EHOSTUNREACH", c"No route to host"),
        Code(libc::EIDRM, c"EIDRM", c"Identifier removed"),
        Code(libc::EILSEQ, c"EILSEQ", c"Invalid character in a name"),
        Code(libc::EINPROGRESS, c"EINPROGRESS", c"Operation now in progress"),
        Code(libc::EINTR, c"EINTR", c"Interrupted system call"),
        Code(libc::EINVAL, c"EINVAL", c"Invalid argument (a structure not set by its REFLINK_..._INIT, an unknown value), or not possible for this file"),
        Code(libc::EIO, c"EIO", c"Input/output error"),
        Code(libc::EISCONN, c"EISCONN", c"Socket is connected"),
        Code(libc::EISDIR, c"EISDIR", c"Is a directory"),
        Code(libc::ELOOP, c"ELOOP", c"Is a symbolic link, or leads through too many"),
        Code(libc::EMFILE, c"EMFILE", c"Too many open files"),
        Code(libc::EMLINK, c"EMLINK", c"Too many links"),
        Code(libc::EMSGSIZE, c"EMSGSIZE", c"Message too long"),
        Code(libc::ENAMETOOLONG, c"ENAMETOOLONG", c"File name too long"),
        Code(libc::ENETDOWN, c"ENETDOWN", c"Network is down"),
        Code(libc::ENETRESET, c"ENETRESET", c"Connection aborted by network"),
        Code(libc::ENETUNREACH, c"ENETUNREACH", c"Network is unreachable"),
        Code(libc::ENFILE, c"ENFILE", c"Too many open files in system"),
        Code(libc::ENOBUFS, c"ENOBUFS", c"No buffer space available"),
        Code(libc::ENODEV, c"ENODEV", c"No such device"),
        Code(libc::ENOENT, c"ENOENT", c"No such file or directory"),
        Code(libc::ENOEXEC, c"ENOEXEC", c"Not an executable file"),
        Code(libc::ENOLCK, c"ENOLCK", c"No locks available"),
        Code(libc::ENOMEM, c"ENOMEM", c"Cannot allocate memory"),
        Code(libc::ENOMSG, c"ENOMSG", c"No message of this type"),
        Code(libc::ENOPROTOOPT, c"ENOPROTOOPT", c"Protocol option not available"),
        Code(libc::ENOSPC, c"ENOSPC", c"No space left on device"),
        Code(libc::ENOSYS, c"ENOSYS", c"Function not implemented"),
        Code(libc::ENOTCONN, c"ENOTCONN", c"Transport endpoint is not connected"),
        Code(libc::ENOTDIR, c"ENOTDIR", c"Not a directory"),
        Code(libc::ENOTEMPTY, c"ENOTEMPTY", c"Directory not empty"),
        Code(libc::ENOTRECOVERABLE, c"ENOTRECOVERABLE", c"State not recoverable"),
        Code(libc::ENOTSOCK, c"ENOTSOCK", c"Not a socket"),
        Code(libc::ENOTTY, c"ENOTTY", c"Inappropriate ioctl for device"),
        Code(libc::ENXIO, c"ENXIO", c"No such device or address"),
        Code(libc::EOPNOTSUPP, c"EOPNOTSUPP", c"Not supported by this file system"),
        Code(libc::EOVERFLOW, c"EOVERFLOW", c"Value too large for defined data type"),
        Code(libc::EOWNERDEAD, c"EOWNERDEAD", c"Owner died"),
        Code(libc::EPERM, c"EPERM", c"Operation not permitted"),
        Code(libc::EPIPE, c"EPIPE", c"Broken pipe"),
        Code(libc::EPROTO, c"EPROTO", c"Protocol error"),
        Code(libc::EPROTONOSUPPORT, c"EPROTONOSUPPORT", c"Protocol not supported"),
        Code(libc::EPROTOTYPE, c"EPROTOTYPE", c"Wrong type of protocol for this socket"),
        Code(libc::ERANGE, c"ERANGE", c"Numerical result out of range"),
        Code(libc::EROFS, c"EROFS", c"Read-only file system"),
        Code(libc::ESPIPE, c"ESPIPE", c"Illegal seek"),
        Code(libc::ESRCH, c"ESRCH", c"No such process"),
        Code(libc::ETIMEDOUT, c"ETIMEDOUT", c"Connection timed out"),
        Code(libc::ETXTBSY, c"ETXTBSY", c"File is in use as a program or for swapping"),
        Code(libc::EXDEV, c"EXDEV", c"Not on the same file system"),
    ],
    #[cfg(not(windows))]
    &[
        Code(libc::EDQUOT, c"EDQUOT", c"Disk quota exceeded"),
        Code(libc::EHOSTDOWN, c"EHOSTDOWN", c"Host is down"),
        Code(libc::ENOTBLK, c"ENOTBLK", c"Block device required"),
        Code(libc::EPFNOSUPPORT, c"EPFNOSUPPORT", c"Protocol family not supported"),
        Code(libc::EREMOTE, c"EREMOTE", c"Object is remote"),
        Code(libc::ESHUTDOWN, c"ESHUTDOWN", c"Cannot send after transport endpoint shutdown"),
        Code(libc::ESOCKTNOSUPPORT, c"ESOCKTNOSUPPORT", c"Socket type not supported"),
        Code(libc::ESTALE, c"ESTALE", c"Stale file handle"),
        Code(libc::ETOOMANYREFS, c"ETOOMANYREFS", c"Too many references"),
        Code(libc::EUSERS, c"EUSERS", c"Too many users"),
    ],
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "illumos", target_os = "solaris"))]
    &[
        Code(libc::EADV, c"EADV", c"Advertise error"),
        Code(libc::EBADE, c"EBADE", c"Invalid exchange"),
        Code(libc::EBADFD, c"EBADFD", c"File descriptor in bad state"),
        Code(libc::EBADR, c"EBADR", c"Invalid request descriptor"),
        Code(libc::EBADRQC, c"EBADRQC", c"Invalid request code"),
        Code(libc::EBADSLT, c"EBADSLT", c"Invalid slot"),
        Code(libc::EBFONT, c"EBFONT", c"Bad font file format"),
        Code(libc::ECHRNG, c"ECHRNG", c"Channel number out of range"),
        Code(libc::ECOMM, c"ECOMM", c"Communication error on send"),
        Code(libc::EL2HLT, c"EL2HLT", c"Level 2 halted"),
        Code(libc::EL2NSYNC, c"EL2NSYNC", c"Level 2 not synchronized"),
        Code(libc::EL3HLT, c"EL3HLT", c"Level 3 halted"),
        Code(libc::EL3RST, c"EL3RST", c"Level 3 reset"),
        Code(libc::ELIBACC, c"ELIBACC", c"Cannot access a needed shared library"),
        Code(libc::ELIBBAD, c"ELIBBAD", c"Shared library is corrupted"),
        Code(libc::ELIBEXEC, c"ELIBEXEC", c"Cannot execute a shared library"),
        Code(libc::ELIBMAX, c"ELIBMAX", c"Too many shared libraries"),
        Code(libc::ELIBSCN, c"ELIBSCN", c"Section of a library is corrupted"),
        Code(libc::ELNRNG, c"ELNRNG", c"Link number out of range"),
        Code(libc::ENOANO, c"ENOANO", c"No anode"),
        Code(libc::ENOCSI, c"ENOCSI", c"No CSI structure available"),
        Code(libc::ENONET, c"ENONET", c"Machine is not on the network"),
        Code(libc::ENOPKG, c"ENOPKG", c"Package not installed"),
        Code(libc::ENOTUNIQ, c"ENOTUNIQ", c"Name not unique on network"),
        Code(libc::EREMCHG, c"EREMCHG", c"Remote address changed"),
        Code(libc::ERESTART, c"ERESTART", c"Interrupted system call to be made again"),
        Code(libc::ESRMNT, c"ESRMNT", c"Srmount error"),
        Code(libc::ESTRPIPE, c"ESTRPIPE", c"Streams pipe error"),
        Code(libc::EUNATCH, c"EUNATCH", c"Protocol driver not attached"),
        Code(libc::EXFULL, c"EXFULL", c"Exchange full"),
    ],
    #[cfg(any(target_os = "linux", target_os = "android"))]
    &[
        Code(libc::EDOTDOT, c"EDOTDOT", c"RFS error"),
        Code(libc::EISNAM, c"EISNAM", c"Is a named type file"),
        Code(libc::EKEYEXPIRED, c"EKEYEXPIRED", c"Key has expired"),
        Code(libc::EKEYREJECTED, c"EKEYREJECTED", c"Key was rejected by service"),
        Code(libc::EKEYREVOKED, c"EKEYREVOKED", c"Key has been revoked"),
        Code(libc::EMEDIUMTYPE, c"EMEDIUMTYPE", c"Wrong medium type"),
        Code(libc::ENAVAIL, c"ENAVAIL", c"No semaphores available"),
        Code(libc::ENOKEY, c"ENOKEY", c"Required key not available"),
        Code(libc::ENOMEDIUM, c"ENOMEDIUM", c"No medium found"),
        Code(libc::ENOTNAM, c"ENOTNAM", c"Not a named type file"),
        Code(libc::EREMOTEIO, c"EREMOTEIO", c"Remote I/O error"),
        Code(libc::EUCLEAN, c"EUCLEAN", c"File system is damaged"),
    ],
    #[cfg(target_os = "linux")]
    &[
        Code(libc::EHWPOISON, c"EHWPOISON", c"Memory page has a hardware error"),
        Code(libc::ERFKILL, c"ERFKILL", c"Not possible: radio switched off"),
    ],
    #[cfg(not(any(target_os = "freebsd", target_os = "dragonfly", target_os = "openbsd")))]
    &[
        Code(libc::ENODATA, c"ENODATA", c"No data available"),
        Code(libc::ENOSR, c"ENOSR", c"Out of streams resources"),
        Code(libc::ENOSTR, c"ENOSTR", c"Not a stream"),
        Code(libc::ETIME, c"ETIME", c"Timer expired"),
    ],
    #[cfg(not(target_os = "openbsd"))]
    &[
        Code(libc::ENOLINK, c"ENOLINK", c"Link has been severed"),
    ],
    #[cfg(not(any(windows, target_os = "openbsd")))]
    &[
        Code(libc::EMULTIHOP, c"EMULTIHOP", c"Multihop attempted"),
    ],
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "dragonfly")))]
    &[
        Code(libc::ENOTSUP, c"ENOTSUP", c"Not supported"),
    ],
    #[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "dragonfly", target_os = "netbsd", target_os = "openbsd"))]
    &[
        Code(libc::EAUTH, c"EAUTH", c"Authentication error"),
        Code(libc::EBADRPC, c"EBADRPC", c"Bad RPC structure"),
        Code(libc::EFTYPE, c"EFTYPE", c"Inappropriate file type or format"),
        Code(libc::ENEEDAUTH, c"ENEEDAUTH", c"Need authenticator"),
        Code(libc::ENOATTR, c"ENOATTR", c"Attribute not found"),
        Code(libc::EPROCLIM, c"EPROCLIM", c"Too many processes"),
        Code(libc::EPROCUNAVAIL, c"EPROCUNAVAIL", c"Bad procedure for program"),
        Code(libc::EPROGMISMATCH, c"EPROGMISMATCH", c"Wrong version of RPC program"),
        Code(libc::EPROGUNAVAIL, c"EPROGUNAVAIL", c"RPC program not available"),
        Code(libc::ERPCMISMATCH, c"ERPCMISMATCH", c"Wrong version of RPC"),
    ],
    #[cfg(target_vendor = "apple")]
    &[
        Code(libc::EBADARCH, c"EBADARCH", c"Bad processor type in executable"),
        Code(libc::EBADEXEC, c"EBADEXEC", c"Bad executable"),
        Code(libc::EBADMACHO, c"EBADMACHO", c"Malformed Mach-O file"),
        Code(libc::EDEVERR, c"EDEVERR", c"Device error"),
        Code(libc::ENOPOLICY, c"ENOPOLICY", c"Policy not found"),
        Code(libc::EPWROFF, c"EPWROFF", c"Device power is off"),
        Code(libc::EQFULL, c"EQFULL", c"Interface output queue is full"),
        Code(libc::ESHLIBVERS, c"ESHLIBVERS", c"Shared library version mismatch"),
    ],
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    &[
        Code(libc::ENOTCAPABLE, c"ENOTCAPABLE", c"Capabilities insufficient"),
    ],
    #[cfg(target_os = "freebsd")]
    &[
        Code(libc::ECAPMODE, c"ECAPMODE", c"Not permitted in capability mode"),
        Code(libc::EINTEGRITY, c"EINTEGRITY", c"Integrity check failed"),
    ],
    #[cfg(any(target_os = "freebsd", target_os = "dragonfly"))]
    &[
        Code(libc::EDOOFUS, c"EDOOFUS", c"Programming error"),
    ],
    #[cfg(target_os = "dragonfly")]
    &[
        Code(libc::EASYNC, c"EASYNC", c"Operation is asynchronous"),
        Code(libc::ENOMEDIUM, c"ENOMEDIUM", c"No medium found"),
    ],
    #[cfg(target_os = "openbsd")]
    &[
        Code(libc::EIPSEC, c"EIPSEC", c"IPsec processing failure"),
        Code(libc::EMEDIUMTYPE, c"EMEDIUMTYPE", c"Wrong medium type"),
        Code(libc::ENOMEDIUM, c"ENOMEDIUM", c"No medium found"),
    ],
    #[cfg(any(target_os = "illumos", target_os = "solaris"))]
    &[
        Code(libc::EADI, c"EADI", c"Memory corruption detected"),
        Code(libc::EDEADLOCK, c"EDEADLOCK", c"File locking deadlock"),
        Code(libc::ELOCKUNMAPPED, c"ELOCKUNMAPPED", c"Locked lock was unmapped"),
        Code(libc::ENOTACTIVE, c"ENOTACTIVE", c"Facility is not active"),
    ],
    #[cfg(windows)]
    &[
        // 131 in the UCRT's errno.h; the libc crate has no name for it.
        Code(131, c"EOTHER", c"Unknown error of the system"),
        Code(libc::EWOULDBLOCK, c"EWOULDBLOCK", c"Operation would block"),
    ],
];

#[cfg(test)]
mod tests {
    use super::super::codes::{name, text};

    /// Linux and its C library count to 133 without gaps but two (asm-generic/errno.h); other processors have some of the
    /// numbers elsewhere.
    #[cfg(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "s390x")
    ))]
    #[test]
    fn every_errno_of_the_system_has_its_name_and_text() {
        for errno in (1..=133).filter(|errno| ![41, 58].contains(errno)) {
            for code in [errno, -errno] {
                assert_ne!(name(code), c"UNKNOWN", "{code}");
                assert!(text(code).count_bytes() > 3, "{code}");
            }
        }
    }

    #[test]
    fn damage_is_called_damage() {
        assert_eq!((name(-libc::EBADMSG), text(-libc::EBADMSG)), (c"EBADMSG", c"Data is damaged"));
        #[cfg(target_os = "linux")]
        assert_eq!((name(-libc::EUCLEAN), text(-libc::EUCLEAN)), (c"EUCLEAN", c"File system is damaged"));
    }
}
