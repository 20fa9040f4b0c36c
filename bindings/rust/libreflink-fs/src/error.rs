//! What stands in the `io::Error` of a failed copy: the library's code, and its report.
//! Its kind is that which std has for the errno, so that callers of `std::fs` need not change.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

use libreflink_sys as sys;

use crate::native;
use crate::report::{Report, Step};
use crate::tree::TreeReport;

/// Why a call failed, and how far it got: inside of the [`io::Error`] that it returned.
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
        if let Some(tree) = self.tree.as_ref().filter(|tree| !tree.failed_path.as_os_str().is_empty()) {
            write!(f, "{}: ", tree.failed_path.display())?;
        }
        if self.report.step == Step::None {
            return f.write_str(native::text(self.code));
        }
        write!(f, "{}: {}", self.report.step, native::text(self.code))
    }
}

impl Error for CopyError {}

/// The result of a call that returned `code`. `refused`: only a clone was refused.
pub fn checked<T>(code: i32, (report, refused): (Report, bool), value: T) -> io::Result<T> {
    if code >= 0 {
        return Ok(value);
    }
    Err(failed(CopyError { code, report, refused, tree: None }))
}

/// The same for a tree, whose error has the whole report.
pub fn checked_tree(
    code: i32,
    (report, refused): (Report, bool),
    tree: TreeReport,
) -> io::Result<TreeReport> {
    if code >= 0 {
        return Ok(tree);
    }
    Err(failed(CopyError { code, report, refused, tree: Some(Box::new(tree)) }))
}

fn failed(error: CopyError) -> io::Error {
    io::Error::new(error.kind(), error)
}
