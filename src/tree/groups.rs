//! Which directories have their files in the same part of a volume, so that two threads there wait for each other's locks.
//! On XFS these parts are allocation groups. New directories get them by turns.

use super::directory::Directory;
use crate::sys::{Fd, Sys};

/// How to get the number of a group from an inode number, for both volumes. `None`: there are no groups, or they are unknown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Groups {
    pub(super) source: Option<u32>,
    pub(super) target: Option<u32>,
}

impl Groups {
    /// Asks the file systems of both roots.
    pub(super) fn ask<S: Sys>(sys: &S, source: Fd, target: Fd) -> Self {
        Self { source: sys.allocation_group_shift(source), target: sys.allocation_group_shift(target) }
    }

    pub(super) const fn are_known(self) -> bool {
        self.source.is_some() || self.target.is_some()
    }

    /// How much two threads would wait for each other in these directories. Making files takes the locks of the target's
    /// group for longer than cloning takes those of the source's.
    pub(super) fn contention<S: Sys>(self, one: &Directory<S>, other: &Directory<S>) -> u32 {
        let shared = |shift: Option<u32>, one: u64, other: u64| {
            shift.is_some_and(|shift| one.checked_shr(shift) == other.checked_shr(shift))
        };
        let source = u32::from(shared(self.source, one.inodes.0, other.inodes.0));
        let target = u32::from(shared(self.target, one.inodes.1, other.inodes.1));
        target.saturating_mul(2).saturating_add(source)
    }
}
