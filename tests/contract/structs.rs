//! The structures' sizes, unknown values, NULL, and the texts of the codes: what needs no file system.

use std::ffi::CStr;

use crate::Once;
use crate::abi::{self, Capability, Options, Outcome, library};
use crate::files::{self, Room};

pub const ALL: &[Once] = &[
    ("structs::sizes_of_other_times_are_understood", sizes_of_other_times_are_understood),
    ("structs::unknown_values_are_refused", unknown_values_are_refused),
    ("structs::null_is_survived", null_is_survived),
    ("structs::codes_have_names_and_texts", codes_have_names_and_texts),
    ("structs::the_version_is_cargos", the_version_is_cargos),
];

/// An options structure with `extra` bytes behind it, as a program with a newer header would pass it.
#[repr(C)]
struct Longer<T> {
    known: T,
    extra: [u8; 64],
}

/// The sizes of the first release: they differ between 64-bit, 32-bit and i386, whose 64-bit members are aligned to 4.
const PADDING: usize = align_of::<u64>() - 4;
const WIDE: bool = size_of::<usize>() == 8;
const OPTIONS: usize = if WIDE { 48 } else { 36 + PADDING };
const RESULT: usize = if WIDE { 56 } else { 52 + PADDING };
const CAPABILITY: usize = if WIDE { 80 } else { 76 + PADDING };

fn room() -> Room {
    Room::new(&std::env::temp_dir())
}

fn sizes_of_other_times_are_understood() {
    let room = room();
    let (src, dst) = (files::file(&room.path("src"), b"content"), room.path("dst"));
    let (from, to) = (abi::c_path(&src), abi::c_path(&dst));
    let copy = |options: *const Options, result: *mut Outcome| {
        let _ = std::fs::remove_file(&dst);
        unsafe { (library().copy_file)(from.as_ptr(), to.as_ptr(), options, result) }
    };
    for size in [0, 1, 8, OPTIONS - 1, OPTIONS + 1, OPTIONS + 64, 4096, 4097, usize::MAX] {
        let mut longer = Longer { known: Options { size, ..Options::default() }, extra: [0; 64] };
        let wanted = match size {
            0..OPTIONS => -libc::EINVAL,
            size if size <= OPTIONS + 64 => 0,
            4096 => continue, // more than is there to read
            _ => -libc::E2BIG,
        };
        let got = copy((&raw const longer).cast(), std::ptr::null_mut());
        assert_eq!(got, wanted, "options of {size} bytes");
        if size == OPTIONS + 64 {
            longer.extra[63] = 1;
            assert_eq!(copy((&raw const longer).cast(), std::ptr::null_mut()), -libc::E2BIG);
            longer.known.size = size - 1;
            assert_eq!(
                copy((&raw const longer).cast(), std::ptr::null_mut()),
                0,
                "beyond its size nothing is read"
            );
        }
    }
    for size in [0, RESULT - 1, RESULT + 1, RESULT + 64, usize::MAX] {
        let mut longer = Longer { known: Outcome { size, ..Outcome::unwritten() }, extra: [0; 64] };
        let wanted = match size {
            0..RESULT => -libc::EINVAL,
            size if size <= RESULT + 64 => 0,
            _ => -libc::E2BIG,
        };
        let got = copy(std::ptr::null(), (&raw mut longer).cast());
        assert_eq!(got, wanted, "result of {size} bytes");
        assert_eq!(longer.known.size, size, "the caller's size stays");
        assert_eq!(longer.extra, [0; 64], "nothing is written beyond what the library knows");
        assert_eq!(
            dst.exists(),
            wanted == 0,
            "a result that cannot be written is told before anything is done"
        );
        if wanted == 0 {
            assert_eq!(longer.known.total(), 7);
        }
    }
    let dir = abi::c_path(&room.0);
    for (size, wanted) in [
        (0, -libc::EINVAL),
        (CAPABILITY - 1, -libc::EINVAL),
        (CAPABILITY, 0),
        (CAPABILITY + 64, 0),
        (usize::MAX, -libc::E2BIG),
    ] {
        let mut longer = Longer { known: Capability { size, ..Capability::unwritten() }, extra: [0; 64] };
        let got = unsafe { (library().probe)(std::ptr::null(), dir.as_ptr(), (&raw mut longer).cast()) };
        assert_eq!(
            (got, longer.known.size, longer.extra),
            (wanted, size, [0; 64]),
            "capability of {size} bytes"
        );
    }
}

fn unknown_values_are_refused() {
    let room = room();
    let (src, dst) = (files::file(&room.path("src"), b"content"), room.path("dst"));
    let fine = Options::default();
    for wrong in [
        Options { mode: 3, ..fine },
        Options { mode: u32::MAX, ..fine },
        Options { if_exists: 2, ..fine },
        Options { durability: 3, ..fine },
        Options { preserve: 16, ..fine },
        Options { flags: 4, ..fine },
        Options { flags: 1 << 63, ..fine },
    ] {
        let (code, outcome) = abi::copy_file(&src, &dst, &wrong);
        assert_eq!((code, outcome.step, outcome.total()), (-libc::EINVAL, 1, 0), "{outcome:?}");
    }
    assert_eq!(room.names(), ["src"]);
}

fn null_is_survived() {
    let room = room();
    let (src, dst) = (files::file(&room.path("src"), b"content"), room.path("dst"));
    let (from, to, null) = (abi::c_path(&src), abi::c_path(&dst), std::ptr::null());
    let (no_options, no_result) = (std::ptr::null(), std::ptr::null_mut());
    let lib = library();
    unsafe {
        assert_eq!((lib.copy_file)(null, to.as_ptr(), no_options, no_result), -libc::EINVAL);
        assert_eq!((lib.copy_file)(from.as_ptr(), null, no_options, no_result), -libc::EINVAL);
        assert_eq!((lib.copy_file)(null, null, no_options, no_result), -libc::EINVAL);
        assert_eq!((lib.copy_file_at)(-1, null, -1, null, no_options, no_result), -libc::EINVAL);
        assert_eq!((lib.copy_fd)(-1, -1, no_options, no_result), -libc::EBADF);
        assert_eq!((lib.copy_range)(-1, 0, -1, 0, 0, no_options, no_result), -libc::EBADF);
        assert_eq!((lib.probe)(null, null, std::ptr::null_mut()), -libc::EINVAL);
        assert_eq!((lib.probe)(null, null, &mut Capability::unwritten()), -libc::EINVAL);
        assert_eq!((lib.probe)(null, from.as_ptr(), std::ptr::null_mut()), -libc::EINVAL);
        assert_eq!((lib.probe_fd)(-1, -1, std::ptr::null_mut()), -libc::EINVAL);
        assert_eq!((lib.probe_fd)(-1, -1, &mut Capability::unwritten()), -libc::EBADF);
        assert_eq!(room.names(), ["src"]);
        assert_eq!((lib.copy_file)(from.as_ptr(), to.as_ptr(), no_options, no_result), 0);
    }
    files::assert_same(&src, &dst);
}

fn codes_have_names_and_texts() {
    let name = |code| unsafe { CStr::from_ptr((library().err_name)(code)) }.to_str().unwrap();
    let text = |code| unsafe { CStr::from_ptr((library().strerror)(code)) }.to_str().unwrap();
    for (code, wanted) in [
        (0, "OK"),
        (-libc::EXDEV, "EXDEV"),
        (-libc::ENOSPC, "ENOSPC"),
        (-libc::ECANCELED, "ECANCELED"),
        (-4097, "REFLINK_ERR_PANIC"),
        (-4098, "REFLINK_ERR_NOT_REGULAR"),
        (-4099, "REFLINK_ERR_SAME_FILE"),
        (-4100, "REFLINK_ERR_OVERLAP"),
        (-4101, "REFLINK_ERR_APPEND"),
        (-4102, "REFLINK_ERR_INCONSISTENT"),
        (i32::MIN, "UNKNOWN"),
        (i32::MAX, "UNKNOWN"),
        (-4096, "UNKNOWN"),
    ] {
        assert_eq!(name(code), wanted);
        assert!(!text(code).is_empty());
    }
    assert_eq!(text(i32::MIN), "Unknown error");
}

fn the_version_is_cargos() {
    let number = unsafe { (library().version_number)() };
    let text = unsafe { CStr::from_ptr((library().version_string)()) }.to_str().unwrap();
    assert_eq!(text, env!("CARGO_PKG_VERSION"));
    assert_eq!(format!("{}.{}.{}", number >> 16, number >> 8 & 0xff, number & 0xff), text);
}
