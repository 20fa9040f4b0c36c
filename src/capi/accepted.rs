//! Which options each function takes: one table. A value that means nothing to a function is refused, never ignored.
//! Outside the files that the header shows, since cbindgen takes every `pub const` there for one of the interface's.

use core::ffi::c_int;

use super::options::{
    REFLINK_BEST_EFFORT_METADATA, REFLINK_DURABLE, REFLINK_FOLLOW_DESTINATION, REFLINK_NEVER,
    REFLINK_NOFOLLOW, REFLINK_OVERWRITE, REFLINK_PERMISSIONS_NEW, REFLINK_PERMISSIONS_UMASK,
    REFLINK_PRESERVE_ACL, REFLINK_PRESERVE_OWNER, REFLINK_PRESERVE_TIMES, REFLINK_PRESERVE_XATTRS,
    REFLINK_REPLACE, REFLINK_SHARE_ONLY, REFLINK_UNSTAGED, reflink_options,
};
use super::sized::INVALID;

/// What a function accepts in each member, besides the default, which is 0. Every function accepts each `mode`.
pub struct Accepted {
    if_exists: u32,
    durability: u32,
    permissions: u32,
    preserve: u32,
    flags: u64,
}

const PRESERVE: u32 =
    REFLINK_PRESERVE_TIMES | REFLINK_PRESERVE_OWNER | REFLINK_PRESERVE_XATTRS | REFLINK_PRESERVE_ACL;

/// From name to name.
pub(super) const NAMES: Accepted = Accepted {
    if_exists: REFLINK_REPLACE | REFLINK_OVERWRITE,
    durability: REFLINK_DURABLE | REFLINK_UNSTAGED,
    permissions: REFLINK_PERMISSIONS_UMASK | REFLINK_PERMISSIONS_NEW,
    preserve: PRESERVE,
    flags: REFLINK_NOFOLLOW | REFLINK_BEST_EFFORT_METADATA | REFLINK_FOLLOW_DESTINATION,
};

/// From one open file into another.
pub(super) const OPEN_FILES: Accepted = Accepted {
    if_exists: 0,
    durability: REFLINK_DURABLE,
    permissions: 0,
    preserve: PRESERVE,
    flags: REFLINK_BEST_EFFORT_METADATA,
};

/// A range of an open file.
pub(super) const RANGES: Accepted = Accepted {
    if_exists: 0,
    durability: REFLINK_DURABLE,
    permissions: 0,
    preserve: 0,
    flags: REFLINK_SHARE_ONLY,
};

/// Each file of a tree: what a tree has besides is read in `trees`.
pub(super) const TREES: Accepted =
    Accepted { if_exists: 0, flags: REFLINK_NOFOLLOW | REFLINK_BEST_EFFORT_METADATA, ..NAMES };

impl Accepted {
    /// Refuses what does not belong. Of two values of one member, of which each is accepted, the caller of this says more.
    pub fn check(&self, raw: &reflink_options) -> Result<(), c_int> {
        let foreign = raw.if_exists & !self.if_exists
            | raw.durability & !self.durability
            | raw.permissions & !self.permissions
            | raw.preserve & !self.preserve;
        if foreign != 0 || raw.flags & !self.flags != 0 || !raw.reserved.is_null() || contradict(raw) {
            return Err(INVALID);
        }
        Ok(())
    }
}

/// Whether two values ask for what cannot both be, or one means nothing beside the other.
fn contradict(raw: &reflink_options) -> bool {
    let overwrites = raw.if_exists == REFLINK_OVERWRITE;
    let asks = |flag: u64| raw.flags & flag != 0;
    (overwrites && (raw.durability != 0 || raw.permissions != 0))
        || (asks(REFLINK_FOLLOW_DESTINATION) && !overwrites)
        || (asks(REFLINK_SHARE_ONLY) && raw.mode == REFLINK_NEVER)
        || (raw.permissions != 0 && raw.preserve & REFLINK_PRESERVE_ACL != 0)
}
