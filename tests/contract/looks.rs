//! The functions that look at files, written down by hand from include/libreflink.h, and what must hold of each result.
//! The contract and the tortures use them alike.

use std::ffi::{c_int, c_void};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use crate::abi::{self, TO_EOF, library};

pub const NO_FLUSH: u64 = 1 << 60;
pub const KNOWN: u32 = 2;
pub const NONE: u32 = 1;
pub const PART: u32 = 2;
pub const EVERYTHING: u32 = 3;

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    pub offset: u64,
    pub length: u64,
    pub place: u64,
    pub kind: u32,
    pub flags: u32,
    pub reserved: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub size: u32,
    pub step: u32,
    pub reason: u32,
    pub flags: u32,
    pub os_error: i32,
    pub reported: u32,
    pub length: u64,
    pub shared: u64,
    pub unshared: u64,
    pub encoded: u64,
    pub preallocated: u64,
    pub hole: u64,
    pub inline: u64,
    pub pending: u64,
    pub encoded_shared: u64,
    pub preallocated_shared: u64,
    pub beyond_eof: u64,
    pub exclusive: u64,
    pub extents: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    pub size: u32,
    pub step: u32,
    pub reason: u32,
    pub flags: u32,
    pub os_error: i32,
    pub reported: u32,
    pub verdict: u32,
    pub reserved: u32,
    pub length: u64,
    pub same: u64,
    pub apart: u64,
    pub hole: u64,
    pub unknown: u64,
    pub first_apart: u64,
    pub first_unknown: u64,
}

type Each = unsafe extern "C" fn(*mut c_void, *const Piece, usize) -> c_int;
type ExtentsFn = unsafe extern "C" fn(c_int, u64, u64, u64, *mut Sums, Option<Each>, *mut c_void) -> c_int;
type SharedFn = unsafe extern "C" fn(c_int, u64, c_int, u64, u64, u64, *mut Shared) -> c_int;

pub fn functions() -> (ExtentsFn, SharedFn) {
    unsafe {
        (
            std::mem::transmute::<*mut c_void, ExtentsFn>((library().symbol)(c"reflink_extents")),
            std::mem::transmute::<*mut c_void, SharedFn>((library().symbol)(c"reflink_shared")),
        )
    }
}

unsafe extern "C" fn collect(user: *mut c_void, pieces: *const Piece, count: usize) -> c_int {
    assert!(count > 0);
    let seen = unsafe { &mut *user.cast::<Vec<Piece>>() };
    seen.extend_from_slice(unsafe { std::slice::from_raw_parts(pieces, count) });
    0
}

pub unsafe extern "C" fn stop(_: *mut c_void, _: *const Piece, _: usize) -> c_int {
    1
}

/// The sums and the pieces; what must hold of all results is checked.
pub fn extents_of(fd: c_int, offset: u64, length: u64, flags: u64) -> (c_int, Sums, Vec<Piece>) {
    let rubbish = Sums { size: size_of::<Sums>() as u32, length: 1 << 60, step: 77, ..Sums::default() };
    let (mut sums, mut seen) = (rubbish, Vec::<Piece>::new());
    let code = abi::with_errno_watched(|| unsafe {
        (functions().0)(fd, offset, length, flags, &raw mut sums, Some(collect), (&raw mut seen).cast())
    });
    let mut alone = rubbish;
    let again =
        unsafe { (functions().0)(fd, offset, length, flags, &raw mut alone, None, std::ptr::null_mut()) };
    assert_eq!((again, alone), (code, sums), "the sums without pieces");
    let all =
        [sums.shared, sums.unshared, sums.encoded, sums.preallocated, sums.hole, sums.inline, sums.pending];
    assert_eq!(all.iter().sum::<u64>(), sums.length, "{sums:?}");
    assert!(sums.reported == KNOWN || sums.exclusive == 0, "{sums:?}");
    assert!(seen.iter().all(|piece| piece.length > 0 && piece.reserved == 0));
    (code, sums, seen)
}

pub fn extents(path: &Path) -> (Sums, Vec<Piece>) {
    let (code, sums, pieces) = extents_of(File::open(path).unwrap().as_raw_fd(), 0, TO_EOF, 0);
    assert_eq!((code, sums.step), (0, 0), "{sums:?}");
    (sums, pieces)
}

/// The comparison; what must hold of all results is checked.
pub fn shared_of(a: (c_int, u64), b: (c_int, u64), length: u64, flags: u64) -> (c_int, Shared) {
    let mut found =
        Shared { size: size_of::<Shared>() as u32, length: 1 << 60, verdict: 9, ..Shared::default() };
    let code = abi::with_errno_watched(|| unsafe {
        (functions().1)(a.0, a.1, b.0, b.1, length, flags, &raw mut found)
    });
    assert_eq!(found.same + found.apart + found.hole + found.unknown, found.length, "{found:?}");
    let everything = code == 0 && found.apart + found.unknown == 0;
    assert_eq!(found.verdict == EVERYTHING, everything, "{found:?}");
    assert!(found.verdict <= EVERYTHING, "{found:?}");
    (code, found)
}
