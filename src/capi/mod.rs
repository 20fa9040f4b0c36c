//! The C interface: the only `extern "C"` of the crate. The header shows files of it in the order of tests/header/made.rs.
//! Here is what their functions share.

// The functions' comments are the C header's text; what C callers must promise stands there in C's
// words.
#![allow(clippy::missing_safety_doc)]

mod accepted;
pub mod capability;
pub mod codes;
pub mod copies;
pub mod dedupe;
mod errnos;
pub mod extents;
mod layout;
pub mod options;
pub mod result;
pub mod sized;
pub mod trees;
pub mod version;
pub mod words;

use core::ffi::{CStr, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Cause, Error, Result, Side, Step};
use crate::sys::errno::EINVAL;
use crate::sys::{Errno, Uncancelled, restore_thread_errno, thread_errno};

const fn invalid() -> Error {
    Error::new(Step::Arguments(Side::Neither), Cause::System(Errno::own(EINVAL)))
}

/// Runs one call, in which the thread cannot be cancelled: a panic becomes a code, and errno is not changed.
fn guard(body: impl FnOnce() -> c_int) -> c_int {
    let _cancelled_later = Uncancelled::begin();
    let errno = thread_errno();
    let code = catch_unwind(AssertUnwindSafe(body)).unwrap_or(codes::REFLINK_ERR_PANIC);
    restore_thread_errno(errno);
    code
}

/// A C string, or the error for NULL.
///
/// # Safety
/// `text` is NULL or a NUL-terminated string that outlives the result.
unsafe fn name<'a>(text: *const c_char) -> Result<&'a CStr> {
    if text.is_null() {
        return Err(invalid());
    }
    // SAFETY: the caller of this function vouches for it.
    Ok(unsafe { CStr::from_ptr(text) })
}
