//! What stands in the `io::Error` of a failed copy: the library's code, and its report.
//! Its kind is that which std has for the errno, so that callers of `std::fs` need not change.

use std::error::Error;
use std::ffi::CStr;
use std::fmt;
use std::io::{self, ErrorKind};

use libreflink_sys as sys;

use crate::native;
use crate::report::Report;
use crate::tree::TreeReport;

/// Why a call failed, and how far it got: inside of the [`io::Error`] that it returned. Its text names the file that could
/// not be used, of a tree the entry: "copy/a: making the file: No space left on device".
///
/// ```
/// let error = libreflink_fs::copy("/nonexistent", "/tmp/copy").unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// let inside = libreflink_fs::CopyError::of(&error).unwrap();
/// assert_eq!(inside.report().step, libreflink_fs::Step::OpenSource);
/// ```
#[derive(Clone, Debug)]
pub struct CopyError {
    code: i32,
    line: String,
    report: Report,
    refused: bool,
    tree: Option<Box<TreeReport>>,
}

impl CopyError {
    /// The details of an error of this crate. `None` for an error that came before the library was called: a name that
    /// it cannot take.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// What the C function returned: `-errno`, or one of `libreflink_sys::REFLINK_ERR_*`.
    #[must_use]
    pub const fn code(&self) -> i32 {
        self.code
    }

    /// The errno. For a code of the library's own, the one that the system has for the same thing.
    #[must_use]
    pub fn errno(&self) -> i32 {
        sys::reflink_errno(self.code)
    }

    /// The step that failed, how far the copy got, and why no clone was possible.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// [`Mode::Always`](crate::Mode::Always) was asked for, and no clone is possible; nothing failed, and nothing was
    /// changed. [`Report::reason`] says why.
    #[must_use]
    pub const fn is_clone_refused(&self) -> bool {
        self.refused
    }

    /// What was done with a tree; `None` for all other calls.
    #[must_use]
    pub fn tree(&self) -> Option<&TreeReport> {
        self.tree.as_deref()
    }

    fn kind(&self) -> ErrorKind {
        match self.code {
            sys::REFLINK_ERR_NOT_REGULAR
            | sys::REFLINK_ERR_SAME_FILE
            | sys::REFLINK_ERR_OVERLAP
            | sys::REFLINK_ERR_APPEND
            | sys::REFLINK_ERR_INTO_ITSELF
            | sys::REFLINK_ERR_NAME_CLASH => ErrorKind::InvalidInput,
            sys::REFLINK_ERR_PANIC | sys::REFLINK_ERR_INCONSISTENT => ErrorKind::Other,
            // On Windows std knows the system's own numbers, and not those of <errno.h>.
            _ if cfg!(windows) => {
                self.report.os_error.map_or(ErrorKind::Other, |raw| io::Error::from_raw_os_error(raw).kind())
            }
            _ => io::Error::from_raw_os_error(self.errno()).kind(),
        }
    }
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl Error for CopyError {}

/// What is known of a call that failed. Filled also of one that did not.
pub struct Outcome<'n> {
    pub report: Report,
    /// Only a clone was refused.
    pub refused: bool,
    /// Where it failed, as the library says it.
    pub step: u32,
    pub flags: u32,
    /// Of the source and of the destination, where the call has names.
    pub names: [Option<&'n CStr>; 2],
}

/// The result of a call that returned `code`.
pub fn checked<T>(code: i32, outcome: Outcome<'_>, value: T) -> io::Result<T> {
    if code >= 0 { Ok(value) } else { Err(failed(code, outcome, None)) }
}

/// The same for a tree, whose error has the whole report.
pub fn checked_tree(code: i32, outcome: Outcome<'_>, tree: TreeReport) -> io::Result<TreeReport> {
    if code >= 0 { Ok(tree) } else { Err(failed(code, outcome, Some(Box::new(tree)))) }
}

fn failed(code: i32, outcome: Outcome<'_>, tree: Option<Box<TreeReport>>) -> io::Error {
    let line = native::describe(code, &outcome);
    let error = CopyError { code, line, report: outcome.report, refused: outcome.refused, tree };
    io::Error::new(error.kind(), error)
}
