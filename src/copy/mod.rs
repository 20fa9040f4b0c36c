//! The engine: what a copy is asked to do, and what it reports. Safe Rust, generic over the system calls.
//! `file` walks from names to a published file; `descriptor` serves callers that hold open files; both end in `data`.

mod by_name;
pub mod data;
pub mod descriptor;
pub mod file;
pub mod holes;
pub mod metadata;
pub mod name;
pub mod range;
pub mod table;
#[cfg(all(test, unix))]
pub(crate) mod tests;

use crate::error::{Cause, Error, Result, Step};

/// The largest stretch moved by one call that can be interrupted or that counts: 1 GiB.
///
/// It keeps clear of the kernel's own limit of 2 GiB - 4 KiB, of FUSE's 32-bit answers, and of
/// 32-bit `ssize_t`.
pub(crate) const STEP: u64 = 1 << 30;

/// The stretch copied between two calls of a progress function: 16 MiB, a second of a slow disk at
/// most.
pub(crate) const COPY_STEP: u64 = 16 << 20;

/// Whether to clone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Clone, else copy.
    #[default]
    Auto,
    /// Clone or fail.
    Always,
    /// Copy every byte, share nothing.
    Never,
}

/// What to do where the destination's name exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfExists {
    /// Fail.
    #[default]
    Fail,
    /// Replace it in one step.
    Replace,
}

/// What must hold of the destination's name when something stops the copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The old state or the complete new one, to other processes and after a kill.
    #[default]
    Atomic,
    /// The same after a power loss.
    Durable,
    /// The file grows under its own name; a kill can leave a part of it.
    Direct,
}

/// Which metadata to take over besides the permission bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preserve {
    /// Times of last access and change.
    pub times: bool,
    /// Owner, group, and with them the set-id and sticky bits.
    pub owner: bool,
    /// Extended attributes.
    pub attributes: bool,
    /// The POSIX access control list.
    pub acl: bool,
}

/// What the caller asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether to clone.
    pub mode: Mode,
    /// What to do where the destination exists.
    pub if_exists: IfExists,
    /// What must survive.
    pub durability: Durability,
    /// Metadata to take over.
    pub preserve: Preserve,
    /// A symbolic link as the source is an error.
    pub nofollow: bool,
    /// Metadata that cannot be set is not an error.
    pub best_effort_metadata: bool,
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

/// What has been done so far. It is filled as the copy goes, so that a failure can be explained
/// too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes that share their blocks with the source.
    pub cloned: u64,
    /// Bytes that the kernel's copy call moved: shared or not, it does not say.
    pub kernel_copied: u64,
    /// Bytes read and written.
    pub copied: u64,
    /// Bytes left as holes.
    pub holes: u64,
    /// A clone call succeeded, be it of nothing.
    pub clone_succeeded: bool,
    /// The data was gone through by a copying method, be it of nothing.
    pub copy_finished: bool,
    /// Why not everything was cloned.
    pub reason: Reason,
    /// The errno of the clone attempt that was refused, 0 if none.
    pub clone_error: i32,
    /// The source moved during the copy.
    pub source_changed: bool,
    /// Some metadata could not be set, and that was allowed.
    pub metadata_incomplete: bool,
}

/// How the data came over. The numbers are `REFLINK_METHOD_*` of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Method {
    /// No data was moved.
    None = 0,
    /// All of it shares blocks.
    Clone = 1,
    /// Part of it shares blocks.
    Mixed = 2,
    /// The kernel copied, and may have shared.
    KernelCopy = 3,
    /// Read and written.
    Copy = 4,
}

impl Report {
    /// Bytes dealt with, in whichever way.
    pub fn total(&self) -> u64 {
        self.cloned.saturating_add(self.copied_any()).saturating_add(self.holes)
    }

    /// Bytes copied by either copying method.
    pub fn copied_any(&self) -> u64 {
        self.kernel_copied.saturating_add(self.copied)
    }

    /// The one word for how the data came over.
    pub fn method(&self) -> Method {
        let rest = self.copied_any().saturating_add(self.holes);
        match (self.cloned, rest) {
            (0, 0) if self.clone_succeeded => Method::Clone,
            (0, 0) if !self.copy_finished => Method::None,
            (1.., 0) => Method::Clone,
            (1.., _) => Method::Mixed,
            _ if self.kernel_copied > 0 => Method::KernelCopy,
            _ => Method::Copy,
        }
    }
}

/// The caller's progress function: bytes done and bytes in all; `false` asks to stop.
pub type Progress<'p> = &'p mut dyn FnMut(u64, u64) -> bool;

/// Tells the caller how far the copy is, if the caller wants to know.
#[derive(Default)]
pub struct Meter<'p> {
    callback: Option<Progress<'p>>,
    told: Option<u64>,
}

impl<'p> Meter<'p> {
    /// A meter that reports to `callback`.
    pub fn new(callback: Option<Progress<'p>>) -> Self {
        Self { callback, told: None }
    }

    /// Whether anyone is listening: then the work is done in steps.
    pub fn listens(&self) -> bool {
        self.callback.is_some()
    }

    /// Reports `done` of `total` bytes if that is news: the first time, after a stretch, and at the
    /// end.
    pub fn tell(&mut self, done: u64, total: u64) -> Result<()> {
        let Some(callback) = self.callback.as_mut() else { return Ok(()) };
        let news = self
            .told
            .is_none_or(|told| done.saturating_sub(told) >= COPY_STEP || (done >= total && done != told));
        if !news {
            return Ok(());
        }
        self.told = Some(done);
        if callback(done, total.max(done)) {
            Ok(())
        } else {
            Err(Error::new(Step::Progress, Cause::Cancelled))
        }
    }
}
