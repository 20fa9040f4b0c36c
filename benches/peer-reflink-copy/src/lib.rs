//! The crates reflink-copy (a clone where it can, else `std::fs::copy`) and libreflink-fs, as one C function each.
//! Names are bytes, as a Rust program holds them.

use std::ffi::{CStr, OsStr, c_char, c_int};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Returns 0, or the errno (EIO where the crate gives none).
///
/// # Safety
/// Both are NUL-terminated strings that outlive the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_reflink_or_copy(src: *const c_char, dst: *const c_char) -> c_int {
    // SAFETY: the caller passes NUL-terminated strings.
    let (src, dst) = unsafe { (path(src), path(dst)) };
    errno(reflink_copy::reflink_or_copy(src, dst))
}

/// Returns 0, or the errno.
///
/// # Safety
/// Both are NUL-terminated strings that outlive the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_libreflink_fs(src: *const c_char, dst: *const c_char) -> c_int {
    // SAFETY: the caller passes NUL-terminated strings.
    let (src, dst) = unsafe { (path(src), path(dst)) };
    errno(libreflink_fs::copy(src, dst))
}

fn errno<T>(copied: io::Result<T>) -> c_int {
    let number = |error: &io::Error| match libreflink_fs::CopyError::of(error) {
        Some(ours) => Some(ours.errno()),
        None => error.raw_os_error(),
    };
    copied.map_or_else(|error| number(&error).unwrap_or(5), |_| 0)
}

/// # Safety
/// As of the callers above.
unsafe fn path<'a>(name: *const c_char) -> &'a Path {
    // SAFETY: the caller of this function vouches for it.
    Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()))
}
