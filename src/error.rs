//! The engine's error: what went wrong and at which step.
//! How an error becomes a number for C is the business of `capi`.

use crate::sys::Errno;

/// Which of both files the call that failed was made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// On none of them, or on both at once.
    Neither,
    /// On the source: it could not be read.
    Source,
    /// On the destination, its name or its directory: it could not be written.
    Destination,
}

/// Which operation an error belongs to. Its number is `capi`'s business. The steps that concern both files have the side
/// with them, so that no error is made without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// No step failed.
    None,
    /// Reading the caller's arguments.
    Arguments(Side),
    /// Opening the source.
    OpenSource,
    /// The checks on both files before any byte moves.
    Check(Side),
    /// Making the destination file.
    Create,
    /// Cloning.
    Clone(Side),
    /// Copying.
    Copy(Side),
    /// Setting mode, owner, extended attributes, ACL or times.
    Metadata(Side),
    /// Writing through to the device.
    Sync,
    /// Giving the finished file its name.
    Publish,
    /// Closing.
    Close,
    /// The caller asked to stop, by its progress function or its flag.
    Progress,
    /// Trying out what a directory can do.
    Probe,
    /// Opening or reading a directory of a tree.
    Walk(Side),
    /// The caller's filter.
    Filter,
    /// Removing: what the caller named, what was replaced, or what is unfinished.
    Cleanup,
    /// Comparing two ranges and making them share.
    Dedupe(Side),
    /// Asking where the bytes of a file lie.
    Map(Side),
}

impl Step {
    /// The file that the failing call was made on.
    pub const fn side(self) -> Side {
        match self {
            Self::None | Self::Progress | Self::Probe | Self::Filter => Side::Neither,
            Self::OpenSource => Side::Source,
            Self::Create | Self::Sync | Self::Publish | Self::Close | Self::Cleanup => Side::Destination,
            Self::Arguments(side)
            | Self::Check(side)
            | Self::Clone(side)
            | Self::Copy(side)
            | Self::Metadata(side)
            | Self::Walk(side)
            | Self::Dedupe(side)
            | Self::Map(side) => side,
        }
    }
}

/// Why not everything was cloned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reason {
    /// Everything was cloned, or the call ended before cloning was tried.
    #[default]
    None,
    /// This volume cannot clone.
    Unsupported,
    /// Not between these two file systems.
    CrossDevice,
    /// Not this file or this range: alignment, a NOCOW mismatch, a limit, a swap file.
    File,
    /// Forbidden, or filtered away by a sandbox.
    Permission,
    /// Not now.
    Transient,
    /// The caller asked for a copy.
    NotAsked,
    /// It was possible and went wrong: no space, no memory, an I/O error.
    Failure,
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
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The destination of a tree is inside its source, or the source inside what is to be replaced.
    #[error("one tree is inside the other")]
    IntoItself,
    /// Two names of a directory are one on the destination, which folds them (upper and lower case, Unicode forms).
    #[error("two names are one name on the destination")]
    NameClash,
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

    /// What the system said, else the errno by which the library refused: for tests.
    #[cfg(test)]
    pub const fn errno(&self) -> i32 {
        match self.cause {
            Cause::System(errno) if errno.raw() == 0 => errno.number(),
            _ => self.os_error(),
        }
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
