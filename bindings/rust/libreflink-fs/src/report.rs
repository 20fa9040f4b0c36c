//! What a copy and a probe answer with.
//! The numbers are made from the library's sources ("make header"); one of a newer library is `Unknown`.

use std::fmt;

use libreflink_sys as sys;

/// How the data was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    // make header: rust-variants REFLINK_METHOD_*
    /// No data was copied: there was nothing to do, or the call failed before.
    None,
    /// All of it shares its blocks with the source.
    Clone,
    /// Part of it was cloned: the middle of a range, or the part of a file before the method
    /// changed.
    Mixed,
    /// The kernel copied (copy_file_range(2)), at least in part.
    KernelCopy,
    /// Read and written: nothing is shared.
    Copy,
    // make header: end
    /// A number of a newer library.
    Unknown(u32),
}

impl From<u32> for Method {
    fn from(number: u32) -> Self {
        match number {
            // make header: rust-numbers REFLINK_METHOD_*
            sys::REFLINK_METHOD_NONE => Self::None,
            sys::REFLINK_METHOD_CLONE => Self::Clone,
            sys::REFLINK_METHOD_MIXED => Self::Mixed,
            sys::REFLINK_METHOD_KERNEL_COPY => Self::KernelCopy,
            sys::REFLINK_METHOD_COPY => Self::Copy,
            // make header: end
            other => Self::Unknown(other),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // make header: rust-texts REFLINK_METHOD_*
            Self::None => f.write_str("nothing copied"),
            Self::Clone => f.write_str("cloned"),
            Self::Mixed => f.write_str("cloned in part"),
            Self::KernelCopy => f.write_str("copied by the kernel, which may have shared blocks"),
            Self::Copy => f.write_str("copied"),
            // make header: end
            Self::Unknown(number) => write!(f, "copied in a way unknown here ({number})"),
        }
    }
}

/// Why not everything was cloned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    // make header: rust-variants REFLINK_REASON_*
    /// Everything was cloned, or the call ended before cloning was tried.
    None,
    /// This volume cannot clone, or this kernel does not support it.
    Unsupported,
    /// Not between these two file systems.
    CrossDevice,
    /// Not this file or this range: alignment, NOCOW on one side only (Btrfs), a limit, a swap
    /// file.
    File,
    /// Forbidden, or filtered away by a sandbox (seccomp, SELinux).
    Permission,
    /// Not possible now; it may be later.
    Transient,
    /// REFLINK_NEVER was asked for.
    NotAsked,
    /// Cloning is possible and failed: no space, no memory, an I/O error.
    Failure,
    // make header: end
    /// A number of a newer library.
    Unknown(u32),
}

impl From<u32> for Reason {
    fn from(number: u32) -> Self {
        match number {
            // make header: rust-numbers REFLINK_REASON_*
            sys::REFLINK_REASON_NONE => Self::None,
            sys::REFLINK_REASON_UNSUPPORTED => Self::Unsupported,
            sys::REFLINK_REASON_CROSS_DEVICE => Self::CrossDevice,
            sys::REFLINK_REASON_FILE => Self::File,
            sys::REFLINK_REASON_PERMISSION => Self::Permission,
            sys::REFLINK_REASON_TRANSIENT => Self::Transient,
            sys::REFLINK_REASON_NOT_ASKED => Self::NotAsked,
            sys::REFLINK_REASON_FAILURE => Self::Failure,
            // make header: end
            other => Self::Unknown(other),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // make header: rust-texts REFLINK_REASON_*
            Self::None => f.write_str("nothing prevented it"),
            Self::Unsupported => f.write_str("this volume cannot clone"),
            Self::CrossDevice => f.write_str("these are two file systems"),
            Self::File => f.write_str("this file, or this range of it, cannot be cloned"),
            Self::Permission => f.write_str("it is forbidden"),
            Self::Transient => f.write_str("it is not possible at the moment"),
            Self::NotAsked => f.write_str("a true copy was asked for"),
            Self::Failure => f.write_str("it failed"),
            // make header: end
            Self::Unknown(number) => write!(f, "a reason unknown here ({number})"),
        }
    }
}

/// Which operation failed. As text: "making the file".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    // make header: rust-variants REFLINK_STEP_*
    /// Nothing failed.
    None,
    /// Reading the arguments.
    Arguments,
    /// Opening the source.
    OpenSource,
    /// Checking both files before anything is written.
    Check,
    /// Making the new file.
    Create,
    /// Cloning.
    Clone,
    /// Copying.
    Copy,
    /// Setting owner, extended attributes, ACL, mode or times.
    Metadata,
    /// Syncing to the device.
    Sync,
    /// Giving the new file its name.
    Publish,
    /// Closing.
    Close,
    /// The progress function, or `cancel` of the options, stopped the copy.
    Progress,
    /// Of trees: opening or reading a directory.
    Walk,
    /// Of trees: `filter`.
    Filter,
    /// Of trees: removing the replaced tree, after the name got the new one (REFLINK_PUBLISHED), or
    /// an unfinished one.
    Cleanup,
    /// Asking where the bytes of a file lie.
    Map,
    /// Comparing two ranges and making them share their blocks.
    Dedupe,
    // make header: end
    /// A number of a newer library.
    Unknown(u32),
}

impl From<u32> for Step {
    fn from(number: u32) -> Self {
        match number {
            // make header: rust-numbers REFLINK_STEP_*
            sys::REFLINK_STEP_NONE => Self::None,
            sys::REFLINK_STEP_ARGUMENTS => Self::Arguments,
            sys::REFLINK_STEP_OPEN_SOURCE => Self::OpenSource,
            sys::REFLINK_STEP_CHECK => Self::Check,
            sys::REFLINK_STEP_CREATE => Self::Create,
            sys::REFLINK_STEP_CLONE => Self::Clone,
            sys::REFLINK_STEP_COPY => Self::Copy,
            sys::REFLINK_STEP_METADATA => Self::Metadata,
            sys::REFLINK_STEP_SYNC => Self::Sync,
            sys::REFLINK_STEP_PUBLISH => Self::Publish,
            sys::REFLINK_STEP_CLOSE => Self::Close,
            sys::REFLINK_STEP_PROGRESS => Self::Progress,
            sys::REFLINK_STEP_WALK => Self::Walk,
            sys::REFLINK_STEP_FILTER => Self::Filter,
            sys::REFLINK_STEP_CLEANUP => Self::Cleanup,
            sys::REFLINK_STEP_MAP => Self::Map,
            sys::REFLINK_STEP_DEDUPE => Self::Dedupe,
            // make header: end
            other => Self::Unknown(other),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // make header: rust-texts REFLINK_STEP_*
            Self::None => f.write_str("nothing failed"),
            Self::Arguments => f.write_str("reading the arguments"),
            Self::OpenSource => f.write_str("opening the source"),
            Self::Check => f.write_str("checking the files"),
            Self::Create => f.write_str("making the file"),
            Self::Clone => f.write_str("cloning"),
            Self::Copy => f.write_str("copying the data"),
            Self::Metadata => f.write_str("copying the metadata"),
            Self::Sync => f.write_str("syncing to the device"),
            Self::Publish => f.write_str("giving the file its name"),
            Self::Close => f.write_str("closing the file"),
            Self::Progress => f.write_str("asking whether to go on"),
            Self::Walk => f.write_str("reading a directory"),
            Self::Filter => f.write_str("asking the filter"),
            Self::Cleanup => f.write_str("removing what is no longer needed"),
            Self::Map => f.write_str("looking where the bytes lie"),
            Self::Dedupe => f.write_str("comparing and sharing the ranges"),
            // make header: end
            Self::Unknown(number) => write!(f, "a step unknown here ({number})"),
        }
    }
}

/// What a copy did, or how far it got.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How the data was copied.
    pub method: Method,
    /// Why not everything was cloned.
    pub reason: Reason,
    /// The operation that failed.
    pub step: Step,
    /// The errno that refused the clone.
    pub clone_error: Option<i32>,
    /// The system's own error behind a failure: an errno, on Windows a Win32 code.
    pub os_error: Option<i32>,
    /// Bytes that share their blocks with the source, holes between them included.
    pub bytes_cloned: u64,
    /// Where these begin, from a range's beginning.
    pub clone_offset: u64,
    /// Bytes copied, by the kernel or by reading and writing.
    pub bytes_copied: u64,
    /// Bytes left as holes.
    pub bytes_hole: u64,
    /// The source changed during the copy, so the copy may mix old and new content.
    pub source_changed: bool,
    /// Some metadata could not be set, and [`best_effort_metadata`](crate::CopyOptions::best_effort_metadata) allowed that.
    pub metadata_incomplete: bool,
    /// The destination's name holds the complete new file, also after an error.
    pub published: bool,
    /// After an error, the open destination was changed, or may have been.
    pub destination_changed: bool,
    /// The call that failed was made on the source ("error reading").
    pub at_source: bool,
    /// The call that failed was made on the destination, its name or its directory ("error writing").
    pub at_destination: bool,
    /// The private name that could not be removed beside the destination.
    pub litter: Option<String>,
}

impl Report {
    /// The bytes of all three kinds: the length of the copy, after an error how far it got.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.bytes_cloned.saturating_add(self.bytes_copied).saturating_add(self.bytes_hole)
    }
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes done, cloned ones and holes included.
    pub bytes_done: u64,
    /// Bytes in all. Where the source does not know its size (/proc), this number grows.
    pub bytes_total: u64,
}

/// What a directory can do, found out by trying.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capability {
    /// Whether files can be cloned there; `None` if unknown.
    pub clone: Option<bool>,
    /// Why not, or why unknown.
    pub reason: Reason,
    /// The errno that said so.
    pub error: Option<i32>,
    /// Ranges can be cloned.
    pub range: bool,
    /// copy_file_range(2) works there.
    pub kernel_copy: bool,
    /// Equal ranges of two files can be made to share blocks; `None` if unknown.
    pub dedupe: Option<bool>,
    /// The errno that refused to.
    pub dedupe_error: Option<i32>,
    /// The alignment in bytes in which ranges came to share, 0 if none did.
    pub dedupe_granularity: u64,
    /// Two names can be exchanged, and so [`TreeIfExists::Replace`](crate::TreeIfExists::Replace) works without
    /// [`two_renames`](crate::Tree::two_renames); `None` if unknown.
    pub exchange: Option<bool>,
    /// A copy can be built without a name; else it is built under a private one.
    pub unnamed_files: bool,
    /// Holes take no space and can be found.
    pub sparse: bool,
    /// The alignment in bytes that range clones need, 0 if none was seen to work.
    pub granularity: u64,
    /// The file system's name, for people and not for decisions.
    pub fs_name: String,
}
