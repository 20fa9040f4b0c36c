//! The crate reflink-copy as one C function: a clone where it can, else what it falls back to (`std::fs::copy`).
//! Names are bytes, as a Rust program holds them.

use std::ffi::{CStr, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// 0, or the errno (EIO where the crate gives none).
///
/// # Safety
/// Both are NUL-terminated strings that outlive the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_reflink_or_copy(src: *const c_char, dst: *const c_char) -> c_int {
    // SAFETY: the caller passes NUL-terminated strings.
    let (src, dst) = unsafe { (CStr::from_ptr(src), CStr::from_ptr(dst)) };
    let copied = reflink_copy::reflink_or_copy(path(src), path(dst));
    copied.map_or_else(|error| error.raw_os_error().unwrap_or(5), |_| 0)
}

fn path(name: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(name.to_bytes()))
}
