//! The structures at the sizes of the first release, and the version that Cargo knows: what needs no file system.

use std::ffi::CStr;

use crate::Once;
use crate::abi::{self, Capability, Options, Outcome, library};
use crate::files::{self, Room};

pub const ALL: &[Once] = &[
    ("structs::sizes_of_other_times_are_understood", sizes_of_other_times_are_understood),
    ("structs::the_version_is_cargos", the_version_is_cargos),
];

/// An options structure with `extra` bytes behind it, as a program with a newer header would pass it.
#[repr(C)]
struct Longer<T> {
    known: T,
    extra: [u8; 64],
}

/// The sizes of the first release. Only what has pointers differs between systems.
const OPTIONS: u32 = if size_of::<usize>() == 8 { 64 } else { 48 };
const RESULT: u32 = 96;
const CAPABILITY: u32 = 96;

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
    for size in [0, 1, 8, OPTIONS - 1, OPTIONS + 1, OPTIONS + 64, 4096, 4097, u32::MAX] {
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
    for size in [0, RESULT - 1, RESULT + 1, RESULT + 64, u32::MAX] {
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
        (u32::MAX, -libc::E2BIG),
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

fn the_version_is_cargos() {
    let number = unsafe { (library().version_number)() };
    let text = unsafe { CStr::from_ptr((library().version_string)()) }.to_str().unwrap();
    assert_eq!(text, env!("CARGO_PKG_VERSION"));
    assert_eq!(format!("{}.{}.{}", number >> 16, number >> 8 & 0xff, number & 0xff), text);
}
