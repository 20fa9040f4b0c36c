//! The engine's error: what went wrong and at which step.
//! How an error becomes a number for C is the business of `capi::codes`.

use crate::sys::Errno;

/// Which operation an error belongs to. The numbers are `REFLINK_STEP_*` of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Step {
    /// No step failed.
    None = 0,
    /// Reading the caller's arguments.
    Arguments = 1,
    /// Opening the source.
    OpenSource = 2,
    /// The checks on both files before any byte moves.
    Check = 3,
    /// Making the destination file.
    Create = 4,
    /// Cloning.
    Clone = 5,
    /// Copying.
    Copy = 6,
    /// Setting mode, owner, extended attributes, ACL or times.
    Metadata = 7,
    /// Writing through to the device.
    Sync = 8,
    /// Giving the finished file its name.
    Publish = 9,
    /// Closing.
    Close = 10,
    /// The caller's progress function asked to stop.
    Progress = 11,
    /// Trying out what a directory can do.
    Probe = 12,
}

/// Why not everything was cloned. The numbers are `REFLINK_REASON_*` of the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    /// Everything was, or it did not come to that.
    #[default]
    None = 0,
    /// This volume cannot clone.
    Unsupported = 1,
    /// Not between these two file systems.
    CrossDevice = 2,
    /// Not this file or this range: alignment, a NOCOW mismatch, a limit, a swap file.
    File = 3,
    /// Forbidden, or filtered away by a sandbox.
    Permission = 4,
    /// Not now.
    Transient = 5,
    /// The caller asked for a copy.
    NotAsked = 6,
    /// It was possible and went wrong: no space, no memory, an I/O error.
    Failure = 7,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The operating system said so.
    #[error("system error {}", .0.raw())]
    System(Errno),
    /// A directory, FIFO, socket or device where a regular file is needed.
    #[error("not a regular file")]
    NotRegular,
    /// Source and destination are one file.
    #[error("source and destination are the same file")]
    SameFile,
    /// Two ranges of one file overlap.
    #[error("the ranges overlap")]
    Overlap,
    /// The destination was opened for appending.
    #[error("the destination is open for appending")]
    Append,
    /// The system's answers contradict each other.
    #[error("the system's answers contradict each other")]
    Inconsistent,
    /// The progress function asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// An error of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause} ({step:?})")]
pub struct Error {
    /// Which operation failed.
    pub step: Step,
    /// What went wrong.
    pub cause: Cause,
}

impl Error {
    /// An error of the library's own at `step`.
    pub const fn new(step: Step, cause: Cause) -> Self {
        Self { step, cause }
    }

    /// The raw error of the operating system, 0 when it was not one of its own.
    pub const fn os_error(&self) -> i32 {
        match self.cause {
            Cause::System(errno) => errno.raw(),
            _ => 0,
        }
    }
}

/// The engine's result.
pub type Result<T> = core::result::Result<T, Error>;

/// Says at which step a system call was made, so that its error can be told apart from the others.
pub trait At<T> {
    /// Turns a system call's result into the engine's.
    fn at(self, step: Step) -> Result<T>;
}

impl<T> At<T> for core::result::Result<T, Errno> {
    fn at(self, step: Step) -> Result<T> {
        self.map_err(|errno| Error::new(step, Cause::System(errno)))
    }
}
