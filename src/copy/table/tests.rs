//! Every cell of the errno table, written down a second time in the shape of the facts it came from.
//! A change of one cell must be made in both places, on purpose.

use super::*;

/// One cell as a letter: N next, H stop, R again, L later, W later if there is no next, S next at the start only, I immutable?, B bad descriptor?, V server?
fn letter(verdict: Verdict) -> char {
    match verdict {
        Next => 'N',
        Stop => 'H',
        Again => 'R',
        Later => 'L',
        WaitIfOnlyMethod => 'W',
        NextAtStart => 'S',
        StopIfProtected => 'I',
        StopIfBadDescriptor => 'B',
        NextIfRemote => 'V',
    }
}

const CELLS: &[(&str, i32, &str, Reason)] = &[
    ("EOPNOTSUPP", 95, "NNH", Reason::Unsupported),
    ("ENOTTY", 25, "NNH", Reason::Unsupported),
    ("ENOSYS", 38, "NNH", Reason::Unsupported),
    ("EXDEV", 18, "NNH", Reason::CrossDevice),
    ("EINVAL", 22, "NNH", Reason::File),
    ("ETXTBSY", 26, "NNH", Reason::File),
    ("ENODATA", 61, "NNH", Reason::File),
    ("EFBIG", 27, "NNH", Reason::File),
    ("EOVERFLOW", 75, "HNH", Reason::File),
    ("ERANGE", 34, "NNH", Reason::File),
    ("ENOENT", 2, "NNH", Reason::Unsupported),
    ("EBADF", 9, "BBH", Reason::Unsupported),
    ("EPERM", 1, "IIH", Reason::Permission),
    ("EACCES", 13, "NNH", Reason::Permission),
    ("EINTR", 4, "RRR", Reason::Transient),
    ("EAGAIN", 11, "WLL", Reason::Transient),
    ("EMLINK", 31, "NNH", Reason::File),
    ("EIO", 5, "HVH", Reason::Failure),
    ("EUCLEAN", 117, "HHH", Reason::Failure),
    ("EBADMSG", 74, "HHH", Reason::Failure),
    ("EBADE", 52, "HHH", Reason::Failure),
    ("EHWPOISON", 133, "HHH", Reason::Failure),
    ("ENOTRECOVERABLE", 131, "HHH", Reason::Failure),
    ("EILSEQ", 84, "HHH", Reason::Failure),
    ("ENOLINK", 67, "HHH", Reason::Failure),
    ("ETIME", 62, "HHH", Reason::Failure),
    ("ENOMEDIUM", 123, "HHH", Reason::Failure),
    ("ESHUTDOWN", 108, "HHH", Reason::Failure),
    ("ENOSPC", 28, "HHH", Reason::Failure),
    ("EDQUOT", 122, "HHH", Reason::Failure),
    ("ENOMEM", 12, "HHH", Reason::Failure),
    ("EROFS", 30, "HHH", Reason::Permission),
    ("EISDIR", 21, "HHH", Reason::File),
    ("ENOTDIR", 20, "HHH", Reason::File),
    ("ELOOP", 40, "HHH", Reason::Failure),
    ("ENAMETOOLONG", 36, "HHH", Reason::Failure),
    ("EMFILE", 24, "HHH", Reason::Transient),
    ("ENFILE", 23, "HHH", Reason::Transient),
    ("EFAULT", 14, "HHH", Reason::Failure),
    ("ESPIPE", 29, "HNH", Reason::File),
    ("ESTALE", 116, "HHH", Reason::Failure),
    ("EREMOTEIO", 121, "HHH", Reason::Failure),
    ("ENETDOWN", 100, "HHH", Reason::Failure),
    ("EHOSTDOWN", 112, "HHH", Reason::Failure),
    ("ENETUNREACH", 101, "HHH", Reason::Failure),
    ("EHOSTUNREACH", 113, "HHH", Reason::Failure),
    ("ECONNABORTED", 103, "HHH", Reason::Failure),
    ("ECONNRESET", 104, "HHH", Reason::Failure),
    ("ETIMEDOUT", 110, "HHH", Reason::Failure),
    ("ENOTCONN", 107, "HHH", Reason::Failure),
    ("ENODEV", 19, "HHH", Reason::Failure),
    ("ENXIO", 6, "HHH", Reason::Failure),
];

/// The numbers are Linux's on x86; mips, sparc and others have their own.
#[test]
#[cfg_attr(not(unix), ignore = "numbers of Linux")]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "x86"))]
fn every_cell() {
    for errno in 0..=4095 {
        let (name, cells, why) = CELLS
            .iter()
            .find(|row| row.1 == errno)
            .map_or(("another", "SSH", Reason::Unsupported), |row| (row.0, row.2, row.3));
        let found: String = [Operation::Clone, Operation::KernelCopy, Operation::ReadWrite]
            .into_iter()
            .map(|operation| letter(verdict(operation, Errno(errno))))
            .collect();
        assert_eq!(found, cells, "{name} ({errno})");
        assert_eq!(reason(Errno(errno)), why, "{name} ({errno})");
    }
    assert_eq!(TABLE.len(), CELLS.len());
}

#[test]
fn no_errno_has_two_rows() {
    for (at, one) in TABLE.iter().enumerate() {
        assert!(TABLE.iter().skip(at + 1).all(|other| other.errno != one.errno), "errno {}", one.errno);
    }
}

#[test]
fn a_win32_code_says_more_than_its_errno() {
    for (code, errno, cells, why) in [
        (32, EBUSY, "HHH", Reason::Transient),
        (33, EBUSY, "HHH", Reason::Transient),
        (347, EMLINK, "NNH", Reason::File),
        (303, EBUSY, "SSH", Reason::Unsupported),
    ] {
        let said = Errno::standing_for(code, errno);
        let found: String = [Operation::Clone, Operation::KernelCopy, Operation::ReadWrite]
            .into_iter()
            .map(|operation| letter(verdict(operation, said)))
            .collect();
        assert_eq!((found.as_str(), reason(said)), (cells, why), "{code}");
    }
    assert_eq!(WIN32.len(), 2);
}

#[test]
fn read_and_write_have_no_next() {
    assert!(
        TABLE.iter().chain(WIN32).chain([&OTHERS]).all(|row| matches!(row.read_write, Stop | Again | Later))
    );
}

#[test]
fn a_real_failure_is_never_a_missing_feature() {
    for errno in [EIO, ENOSPC, EDQUOT, ENOMEM, EROFS, EUCLEAN, EBADMSG] {
        let errno = Errno(errno);
        assert_eq!(verdict(Operation::Clone, errno), Stop);
        assert!(!unnamed_unsupported(errno) && !link_unsupported(errno) && !rename_new_unsupported(errno));
        assert!(!seek_unsupported(errno) && !punch_unsupported(errno) && !attributes_unsupported(errno));
        assert!(!directory_sync_unsupported(errno) && !hole_unsupported(errno) && !still_open(errno));
    }
}

/// Of all errnos, those that are no refusal of a clone: failures and locks, which a copy would meet too, a name that is taken
/// and a caller who stopped it. An oddity may be one: only a copy tells.
#[test]
#[cfg_attr(not(unix), ignore = "numbers of Linux")]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "x86"))]
fn a_clone_is_refused_by_all_that_a_copy_would_not_meet() {
    let failures = CELLS.iter().filter(|cell| cell.2.starts_with('H')).map(|cell| cell.1);
    let mut wanted: Vec<i32> = failures.chain([17, 125, 16]).collect(); // EEXIST, ECANCELED, EBUSY
    wanted.sort_unstable();
    let found: Vec<i32> = (0..=4095).filter(|errno| !refuses_clone(Errno(*errno))).collect();
    assert_eq!(found, wanted);
    for code in [32, 33] {
        assert!(!refuses_clone(Errno::standing_for(code, EBUSY)), "a lock of Windows: {code}");
    }
}

/// The questions beside the table, each with every errno that is a yes.
#[test]
fn each_question_has_its_yeses_and_no_more() {
    type Question = (fn(Errno) -> bool, &'static [i32]);
    let questions: [Question; 23] = [
        (alignment_refused, &[EINVAL]),
        (opens_no_file, &[ENXIO]),
        (not_a_directory, &[ENOTDIR]),
        (name_is_free, &[ENOENT]),
        (look_refused, &[ENOSYS, EPERM]),
        (name_is_taken, &[EEXIST]),
        (no_data_follows, &[ENXIO]),
        (unnamed_unsupported, &[EOPNOTSUPP, EISDIR, EINVAL, ENOSYS, ENOTTY]),
        (name_refused, &[EEXIST, ENOENT, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG, EROFS]),
        (link_unsupported, &[EPERM, EOPNOTSUPP, ENOSYS, EINVAL, EMLINK, ENOENT, EXDEV, EACCES]),
        (rename_new_unsupported, &[EINVAL, ENOSYS, EOPNOTSUPP, EPERM]),
        (seek_unsupported, &[EINVAL, EOPNOTSUPP, ENOSYS, ENOTTY, ESPIPE]),
        (punch_unsupported, &[EOPNOTSUPP, ENOSYS, EINVAL, ENOTTY, EPERM]),
        (hole_unsupported, &[EPERM, EACCES, EOPNOTSUPP, ENOSYS, ENOTTY, EINVAL, ESPIPE]),
        (position_refused, &[ESPIPE]),
        (server_may_lack, &[EIO]),
        (still_open, &[EPERM, EACCES, EBUSY, ETXTBSY]),
        (attributes_unsupported, &[EOPNOTSUPP, ENOSYS]),
        (acl_hidden, &[ENOSYS, EPERM, EACCES]),
        (acl_missing, &[EINVAL, ENODATA, EOPNOTSUPP]),
        (|errno| side(errno) == Side::Destination, &[ENOSPC, EDQUOT, EROFS, EFBIG]),
        (directory_sync_unsupported, &[EINVAL, ENOSYS, EOPNOTSUPP]),
        (
            metadata_refused,
            &[
                EPERM, EACCES, EOPNOTSUPP, ENOSYS, ENOTTY, EINVAL, ENOSPC, EDQUOT, E2BIG, ERANGE, EOVERFLOW,
                ENODATA,
            ],
        ),
    ];
    for (at, (question, yeses)) in questions.into_iter().enumerate() {
        let found: Vec<i32> = (0..=4095).filter(|errno| question(Errno(*errno))).collect();
        let mut wanted: Vec<i32> = yeses.iter().copied().filter(|errno| exists(*errno)).collect();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "question {at}");
    }
}
