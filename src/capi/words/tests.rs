//! The line that a command prints, its cuts and its measures; and which failures are a refused clone.

use std::ffi::CString;

use super::*;
use crate::sys::errno::*;

const SOURCE: u32 = REFLINK_AT_SOURCE;
const DESTINATION: u32 = REFLINK_AT_DESTINATION;

/// The line in a buffer of `size` bytes, and its whole length. What the call leaves alone stays '?'.
fn line_in(
    size: usize,
    code: c_int,
    (step, flags): (u32, u32),
    (src, dst): (Option<&[u8]>, Option<&[u8]>),
) -> (Vec<u8>, c_int) {
    let [src, dst] = [src, dst].map(|name| name.map(|name| CString::new(name).unwrap()));
    let pointer = |name: &Option<CString>| name.as_ref().map_or(core::ptr::null(), |name| name.as_ptr());
    let mut buffer = vec![b'?'; size + 4];
    let to = buffer.as_mut_ptr().cast();
    let length = unsafe { reflink_describe(code, step, flags, pointer(&src), pointer(&dst), to, size) };
    assert_eq!(&buffer[size..], b"????", "written beyond the buffer");
    let text = buffer[..size].split(|byte| *byte == 0).next().unwrap().to_vec();
    assert!(size == 0 || text.len() < size, "no NUL in {size} bytes");
    (text, length)
}

fn line(code: c_int, step: u32, flags: u32, names: (Option<&[u8]>, Option<&[u8]>)) -> String {
    let (text, length) = line_in(1000, code, (step, flags), names);
    assert_eq!(length as usize, text.len());
    String::from_utf8(text).unwrap()
}

const BOTH: (Option<&[u8]>, Option<&[u8]>) = (Some(b"disk.img"), Some(b"snapshot.img"));

#[test]
fn the_line_names_the_file_of_the_failing_call() {
    let create = REFLINK_STEP_CREATE;
    let full = line(-ENOSPC, create, DESTINATION, BOTH);
    assert_eq!(full, "snapshot.img: making the file: No space left on device");
    let missing = line(-ENOENT, REFLINK_STEP_OPEN_SOURCE, SOURCE, BOTH);
    assert_eq!(missing, "disk.img: opening the source: No such file or directory");
    let refused = line(-EXDEV, REFLINK_STEP_CLONE, 0, BOTH);
    assert_eq!(refused, "disk.img -> snapshot.img: cloning: Not on the same file system");
    for (flags, read) in
        [(SOURCE, "disk.img: reading the data"), (DESTINATION, "snapshot.img: writing the data")]
    {
        // Flags that say something else do not matter.
        let text = line(-EIO, REFLINK_STEP_COPY, flags | 0x4d, BOTH);
        assert_eq!(text, format!("{read}: Input/output error"));
    }
    assert_eq!(line(0, 0, 0, BOTH), "disk.img -> snapshot.img: Success");
    let own = line(codes::REFLINK_ERR_SAME_FILE, REFLINK_STEP_CHECK, 0, BOTH);
    assert!(own.ends_with(": checking the files: Source and destination are the same file"), "{own}");
    assert!(line(-5000, 99, 0, BOTH).ends_with("snapshot.img: Unknown error"));
    // Both flags at once are said of no call: as neither.
    assert!(line(-EIO, create, SOURCE | DESTINATION, BOTH).starts_with("disk.img -> snapshot.img: making"));
}

#[test]
fn a_name_that_is_not_given_is_left_out() {
    let step = REFLINK_STEP_COPY;
    for (flags, names, expected) in [
        (SOURCE, (None, Some(&b"b"[..])), "reading the data: Input/output error"),
        (DESTINATION, (Some(&b"a"[..]), None), "writing the data: Input/output error"),
        (0, (Some(b"a"), None), "a: copying the data: Input/output error"),
        (0, (None, Some(b"b")), "b: copying the data: Input/output error"),
        (0, (None, None), "copying the data: Input/output error"),
    ] {
        assert_eq!(line(-EIO, step, flags, names), expected);
    }
}

/// No terminal acts on a name, and the line is UTF-8 whatever the name is.
#[test]
fn what_is_no_text_in_a_name_comes_in_octal() {
    for (name, shown) in [
        (&b"a\x1b[2Jb\n\x7f"[..], "a\\033[2Jb\\012\\177"),
        ("gr\u{fc}n \u{1f600}".as_bytes(), "gr\u{fc}n \u{1f600}"),
        ("\u{9b}2J".as_bytes(), "\\302\\2332J"), // CSI of ISO 6429, as UTF-8
        (b"caf\xe9 \x9b \xf0\x9f\x98", "caf\\351 \\233 \\360\\237\\230"),
        (b"", "\"\""),
        (b"back\\slash \"and\" quotes", "back\\slash \"and\" quotes"),
    ] {
        let names = (None, Some(name));
        assert_eq!(
            line(-EIO, REFLINK_STEP_CREATE, DESTINATION, names),
            format!("{shown}: making the file: Input/output error")
        );
    }
}

/// As snprintf does it, at each size.
#[test]
fn a_cut_leaves_whole_characters() {
    let names = (Some("\u{fc}\u{1f600}\n".as_bytes()), None);
    let whole = line(-EIO, REFLINK_STEP_CLONE, 0, names);
    let pieces = ["\u{fc}", "\u{1f600}", "\\012"].concat();
    assert!(whole.starts_with(&pieces));
    for size in 0..whole.len() + 3 {
        let (text, length) = line_in(size, -EIO, (REFLINK_STEP_CLONE, 0), names);
        assert_eq!(length as usize, whole.len(), "at {size}");
        let text = String::from_utf8(text).expect("no half character");
        assert!(whole.starts_with(&text) || size == 0, "{text}");
        let most = size.saturating_sub(1).min(whole.len());
        // What is left out is less than the longest of the pieces, which stand together.
        assert!(size == 0 || text.len() + 4 > most, "{} of {most}", text.len());
        let begun = text.len() > 6 && text.len() < pieces.len();
        assert!(!begun, "half of an octal number: {text}");
    }
    let measured = unsafe {
        reflink_describe(
            -EIO,
            5,
            0,
            names.0.unwrap().as_ptr().cast(),
            core::ptr::null(),
            core::ptr::null_mut(),
            10,
        )
    };
    assert!(measured > 0, "NULL measures whatever the size is");
}

/// A step or a side for which nothing is said would be a line that means something else.
#[test]
fn every_number_has_a_text_of_its_own() {
    for (texts, function) in [
        (METHODS, reflink_method_text as extern "C" fn(u32) -> *const c_char),
        (REASONS, reflink_reason_text),
        (STEPS, reflink_step_text),
    ] {
        for (at, (number, text)) in texts.iter().enumerate() {
            assert_eq!(unsafe { CStr::from_ptr(function(*number)) }, *text);
            assert!(
                texts.iter().skip(at + 1).all(|other| other.0 != *number && other.1 != *text),
                "{text:?}"
            );
        }
        for unknown in [99, u32::MAX] {
            assert!(unsafe { CStr::from_ptr(function(unknown)) }.to_bytes().starts_with(b"unknown "));
        }
    }
}

#[test]
fn a_refused_clone_is_no_failure() {
    let refused = |code, step, reason| reflink_clone_refused(code, step, reason) == 1;
    let clone = REFLINK_STEP_CLONE;
    for (errno, reason) in [
        (EOPNOTSUPP, REFLINK_REASON_UNSUPPORTED),
        (ENOTTY, REFLINK_REASON_UNSUPPORTED),
        (EXDEV, REFLINK_REASON_CROSS_DEVICE),
        (EINVAL, REFLINK_REASON_FILE),
        (ETXTBSY, REFLINK_REASON_FILE),
        (EPERM, REFLINK_REASON_PERMISSION),
        (EAGAIN, REFLINK_REASON_TRANSIENT),
        (200, REFLINK_REASON_UNSUPPORTED), // an oddity: only a copy tells
    ] {
        assert!(refused(-errno, clone, reason), "{errno}");
        assert!(refused(-errno, clone, REFLINK_REASON_NONE), "{errno}, where nobody gives a reason");
        assert!(refused(-errno, clone, 99), "{errno}, for a reason of a newer library");
        for failed in [REFLINK_REASON_FAILURE, REFLINK_REASON_NOT_ASKED] {
            assert!(!refused(-errno, clone, failed), "{errno}");
        }
        for step in (0..12).filter(|step| *step != clone) {
            assert!(!refused(-errno, step, reason), "{errno} at {step}");
        }
        assert!(!refused(errno, clone, reason), "a positive number is no code");
    }
    // What a copy would meet too, whatever reason is given; a name that is taken, and a caller who stopped it.
    for errno in [EIO, ENOSPC, EDQUOT, ENOMEM, EROFS, EUCLEAN, EMFILE, EBUSY, EEXIST, ECANCELED] {
        for reason in [REFLINK_REASON_NONE, REFLINK_REASON_PERMISSION, REFLINK_REASON_TRANSIENT] {
            assert!(!refused(-errno, clone, reason), "{errno}");
        }
    }
    for code in [0, codes::REFLINK_ERR_INCONSISTENT, codes::REFLINK_ERR_PANIC, c_int::MIN, c_int::MAX] {
        assert!(!refused(code, clone, REFLINK_REASON_FILE), "{code}");
    }
}
