//! What a Win32 error means as an errno: the one table of it, from "System Error Codes" (learn.microsoft.com/windows/win32/debug).
//! The engine's own table decides on the errno; the Win32 code stays with it, and the caller gets that.

use crate::sys::api::Errno;
use crate::sys::errno::*;

/// The codes that the rules of `refs` speak of themselves.
pub const NOT_SAME_DEVICE: u32 = 17;
/// STATUS_END_OF_FILE.
pub const HANDLE_EOF: u32 = 38;
/// STATUS_NOT_SUPPORTED.
pub const NOT_SUPPORTED: u32 = 50;
/// STATUS_INVALID_PARAMETER.
pub const INVALID_PARAMETER: u32 = 87;

/// The table. Columns: the Win32 code, the errno.
const TABLE: &[(u32, i32)] = &[
    (1, EOPNOTSUPP), // INVALID_FUNCTION: STATUS_INVALID_DEVICE_REQUEST, the file system does not know the request
    (2, ENOENT),     // FILE_NOT_FOUND
    (3, ENOENT),     // PATH_NOT_FOUND
    (4, EMFILE),     // TOO_MANY_OPEN_FILES
    (5, EACCES),     // ACCESS_DENIED
    (6, EBADF),      // INVALID_HANDLE
    (8, ENOMEM),     // NOT_ENOUGH_MEMORY
    (14, ENOMEM),    // OUTOFMEMORY
    (15, ENOENT),    // INVALID_DRIVE
    (NOT_SAME_DEVICE, EXDEV),
    (19, EROFS),  // WRITE_PROTECT
    (20, ENODEV), // BAD_UNIT
    (21, EIO),    // NOT_READY
    (23, EIO),    // CRC
    (25, EIO),    // SEEK
    (27, EIO),    // SECTOR_NOT_FOUND
    (29, EIO),    // WRITE_FAULT
    (30, EIO),    // READ_FAULT
    (31, EIO),    // GEN_FAILURE
    (32, EBUSY),  // SHARING_VIOLATION
    (33, EBUSY),  // LOCK_VIOLATION
    (39, ENOSPC), // HANDLE_DISK_FULL
    (NOT_SUPPORTED, EOPNOTSUPP),
    (53, ENOENT),   // BAD_NETPATH
    (55, ENODEV),   // DEV_NOT_EXIST
    (59, EIO),      // UNEXP_NET_ERR
    (64, ENOTCONN), // NETNAME_DELETED
    (65, EACCES),   // NETWORK_ACCESS_DENIED
    (67, ENOENT),   // BAD_NET_NAME
    (80, EEXIST),   // FILE_EXISTS
    (82, EACCES),   // CANNOT_MAKE
    (INVALID_PARAMETER, EINVAL),
    (108, EBUSY),        // DRIVE_LOCKED
    (109, EPIPE),        // BROKEN_PIPE
    (111, ENAMETOOLONG), // BUFFER_OVERFLOW
    (112, ENOSPC),       // DISK_FULL
    (120, ENOSYS),       // CALL_NOT_IMPLEMENTED
    (121, ETIMEDOUT),    // SEM_TIMEOUT
    (122, ERANGE),       // INSUFFICIENT_BUFFER
    (123, EINVAL),       // INVALID_NAME
    (131, EINVAL),       // NEGATIVE_SEEK
    (132, ESPIPE),       // SEEK_ON_DEVICE
    (134, EINVAL),       // IS_JOINED, which clones were seen to fail with (microsoft/CopyOnWrite)
    (145, ENOTEMPTY),    // DIR_NOT_EMPTY
    (148, EBUSY),        // PATH_BUSY
    (161, ENOENT),       // BAD_PATHNAME
    (170, EBUSY),        // BUSY
    (183, EEXIST),       // ALREADY_EXISTS
    (206, ENAMETOOLONG), // FILENAME_EXCED_RANGE
    (212, EBUSY),        // LOCKED
    (223, EFBIG),        // FILE_TOO_LARGE
    (234, ERANGE),       // MORE_DATA
    (258, ETIMEDOUT),    // WAIT_TIMEOUT
    (267, ENOTDIR),      // DIRECTORY
    (282, EOPNOTSUPP),   // EAS_NOT_SUPPORTED
    (303, EBUSY),        // DELETE_PENDING
    (323, EIO),          // DATA_CHECKSUM_ERROR
    (327, EINVAL),       // OFFSET_ALIGNMENT_VIOLATION
    (336, EISDIR),       // DIRECTORY_NOT_SUPPORTED
    (347, EMLINK),       // BLOCK_TOO_MANY_REFERENCES
    (534, EINVAL),       // ARITHMETIC_OVERFLOW: 4 GiB or more in one clone
    (995, ECANCELED),    // OPERATION_ABORTED
    (998, EFAULT),       // NOACCESS
    (1006, EIO),         // FILE_INVALID
    (1112, EIO),         // NO_MEDIA_IN_DRIVE
    (1117, EIO),         // IO_DEVICE
    (1142, EMLINK),      // TOO_MANY_LINKS
    (1167, ENODEV),      // DEVICE_NOT_CONNECTED
    (1224, EBUSY),       // USER_MAPPED_FILE
    (1231, ENETUNREACH), // NETWORK_UNREACHABLE
    (1232, EHOSTUNREACH),
    (1236, ECONNABORTED),
    (1295, ENOSPC), // DISK_QUOTA_EXCEEDED; there is no EDQUOT
    (1314, EPERM),  // PRIVILEGE_NOT_HELD
    (1392, EIO),    // FILE_CORRUPT
    (1393, EIO),    // DISK_CORRUPT
    (1450, ENOMEM), // NO_SYSTEM_RESOURCES: STATUS_INSUFFICIENT_RESOURCES
    (1453, ENOMEM), // WORKING_SET_QUOTA
    (1455, ENOMEM), // COMMITMENT_LIMIT
    (1816, ENOMEM), // NOT_ENOUGH_QUOTA
    (1920, EACCES), // CANT_ACCESS_FILE
    (1921, ELOOP),  // CANT_RESOLVE_FILENAME
    (4390, EINVAL), // NOT_A_REPARSE_POINT
    (6002, EACCES), // FILE_ENCRYPTED
];

/// The errno that stands for a Win32 error. An unknown code is a failure, never "not supported".
pub fn errno_of(code: u32) -> Errno {
    let number = TABLE.iter().find(|row| row.0 == code).map_or(EIO, |row| row.1);
    match i16::try_from(code) {
        Ok(raw) => Errno::standing_for(i32::from(raw), number),
        Err(_) => Errno(number), // no room for it: an HRESULT, say
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::Reason;
    use crate::copy::table::{Operation, Verdict, reason, verdict};

    #[test]
    fn no_code_has_two_rows() {
        for (at, one) in TABLE.iter().enumerate() {
            assert!(TABLE.iter().skip(at + 1).all(|other| other.0 != one.0), "{}", one.0);
        }
    }

    /// The table a second time, by errno. A change of one row must be made in both places, on purpose.
    const BY_ERRNO: &[(i32, &[u32])] = &[
        (EACCES, &[5, 65, 82, 1920, 6002]),
        (EBADF, &[6]),
        (EBUSY, &[32, 33, 108, 148, 170, 212, 303, 1224]),
        (ECANCELED, &[995]),
        (ECONNABORTED, &[1236]),
        (EEXIST, &[80, 183]),
        (EFAULT, &[998]),
        (EFBIG, &[223]),
        (EHOSTUNREACH, &[1232]),
        (EINVAL, &[87, 123, 131, 134, 327, 534, 4390]),
        (EIO, &[21, 23, 25, 27, 29, 30, 31, 59, 323, 1006, 1112, 1117, 1392, 1393]),
        (EISDIR, &[336]),
        (ELOOP, &[1921]),
        (EMFILE, &[4]),
        (EMLINK, &[347, 1142]),
        (ENAMETOOLONG, &[111, 206]),
        (ENETUNREACH, &[1231]),
        (ENODEV, &[20, 55, 1167]),
        (ENOENT, &[2, 3, 15, 53, 67, 161]),
        (ENOMEM, &[8, 14, 1450, 1453, 1455, 1816]),
        (ENOSPC, &[39, 112, 1295]),
        (ENOSYS, &[120]),
        (ENOTCONN, &[64]),
        (ENOTDIR, &[267]),
        (ENOTEMPTY, &[145]),
        (EOPNOTSUPP, &[1, 50, 282]),
        (EPERM, &[1314]),
        (EPIPE, &[109]),
        (ERANGE, &[122, 234]),
        (EROFS, &[19]),
        (ESPIPE, &[132]),
        (ETIMEDOUT, &[121, 258]),
        (EXDEV, &[17]),
    ];

    #[test]
    fn every_row() {
        for code in 0..=20_000 {
            let row = BY_ERRNO.iter().find(|row| row.1.contains(&code));
            assert_eq!(errno_of(code).number(), row.map_or(EIO, |row| row.0), "Win32 {code}");
        }
        assert_eq!(TABLE.len(), BY_ERRNO.iter().map(|row| row.1.len()).sum::<usize>());
    }

    #[test]
    fn the_code_stays_with_the_errno() {
        for (code, errno) in TABLE {
            let stands = errno_of(*code);
            assert_eq!((stands.number(), stands.raw()), (*errno, *code as i32));
        }
        let (unknown, wide) = (errno_of(7777), errno_of(0x8007_0001));
        assert_eq!((unknown.number(), unknown.raw()), (EIO, 7777));
        assert_eq!((wide.number(), wide.raw()), (EIO, if cfg!(windows) { 0 } else { EIO }));
    }

    /// What each code of a refused clone comes to, by way of the engine's table.
    #[test]
    fn each_code_of_a_clone_falls_back_or_stops() {
        for (code, next, why) in [
            (1, true, Reason::Unsupported),
            (17, true, Reason::CrossDevice),
            (50, true, Reason::Unsupported),
            (87, true, Reason::File),
            (134, true, Reason::File),
            (347, true, Reason::File),
            (534, true, Reason::File),
            (5, true, Reason::Permission), // the write that follows is the judge of it
            (32, false, Reason::Transient),
            (33, false, Reason::Transient),
            (39, false, Reason::Failure),
            (112, false, Reason::Failure),
            (1295, false, Reason::Failure),
            (1450, false, Reason::Failure),
            (19, false, Reason::Permission),
            (23, false, Reason::Failure),
            (1117, false, Reason::Failure),
            (1392, false, Reason::Failure),
            (7777, false, Reason::Failure),
        ] {
            let errno = errno_of(code);
            let expected = if next { Verdict::Next } else { Verdict::Stop };
            assert_eq!((verdict(Operation::Clone, errno), reason(errno)), (expected, why), "Win32 {code}");
        }
    }
}
