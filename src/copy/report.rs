//! What a copy reports: how many bytes came over in which way, and why not everything was cloned.
//! It is filled as the copy goes, so that a failure can be explained too.

use super::name::PrivateName;
use super::{Mode, table};
use crate::error::{Cause, Error, Reason, Result, Side, Step};
use crate::sys::Errno;

/// What has been done so far. It is filled as the copy goes, so that a failure can be explained
/// too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes that share their blocks with the source.
    pub cloned: u64,
    /// Where these begin, from a range's beginning.
    pub clone_offset: u64,
    /// A part of the range was left as it is, since only whole blocks were to be shared.
    pub left_out: bool,
    /// Bytes that the kernel's copy call moved: shared or not, it does not say.
    pub kernel_copied: u64,
    /// Bytes read and written.
    pub copied: u64,
    /// Bytes left as holes.
    pub holes: u64,
    /// The data was cloned, be it an empty file's. A clone made to see whether one is possible is not meant.
    pub clone_succeeded: bool,
    /// A clone stopped in the middle: a part of it may be there that `cloned` does not count.
    pub clone_broke_off: bool,
    /// Why not everything was cloned.
    pub reason: Reason,
    /// The errno of the clone attempt that was refused, 0 if none.
    pub clone_error: i32,
    /// The source moved during the copy.
    pub source_changed: bool,
    /// Some metadata could not be set, and that was allowed.
    pub metadata_incomplete: bool,
    /// The complete new file stands under the destination's name, also where something failed afterwards.
    pub published: bool,
    /// It failed, and the file that was there before was changed, or may have been.
    pub destination_changed: bool,
    /// The private name that was left beside the destination.
    pub litter: Option<PrivateName>,
    /// The inode number of the file that was made, 0 where none was.
    pub made: u64,
}

/// How the data came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// No data was moved.
    None,
    /// All of it shares blocks.
    Clone,
    /// Part of it shares blocks.
    Mixed,
    /// The kernel copied, and may have shared.
    KernelCopy,
    /// Read and written.
    Copy,
}

impl Report {
    /// Notes why a clone was refused.
    pub fn clone_refused(&mut self, errno: Errno) {
        self.reason = table::reason(errno);
        self.clone_error = errno.number().saturating_neg();
    }

    /// Takes back a clone that reported success and has another size than its source (openzfs#15728).
    pub fn distrust_clone(&mut self, mode: Mode) -> Result<()> {
        self.cloned = 0;
        self.clone_succeeded = false;
        self.reason = Reason::Failure;
        if mode == Mode::Always {
            Err(Error::new(Step::Clone(Side::Destination), Cause::Inconsistent))
        } else {
            Ok(())
        }
    }

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
            (_, 0) if self.clone_broke_off => Method::Mixed,
            (1.., 0) if self.left_out => Method::Mixed,
            (0, 0) if !self.clone_succeeded => Method::None,
            (_, 0) => Method::Clone,
            (1.., _) => Method::Mixed,
            _ if self.kernel_copied > 0 => Method::KernelCopy,
            _ => Method::Copy,
        }
    }
}
