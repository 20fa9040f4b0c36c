//! Which options each function takes: one table. A value that means nothing to a function is refused, never ignored.
//! Outside the files that the header shows, since cbindgen takes every `pub const` there for one of the interface's.

use core::ffi::c_int;

use super::options::{
    REFLINK_BEST_EFFORT_METADATA, REFLINK_DURABLE, REFLINK_NOFOLLOW, REFLINK_PRESERVE_ACL,
    REFLINK_PRESERVE_OWNER, REFLINK_PRESERVE_TIMES, REFLINK_PRESERVE_XATTRS, REFLINK_REPLACE,
    REFLINK_UNSTAGED, reflink_options,
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
pub const NAMES: Accepted = Accepted {
    if_exists: REFLINK_REPLACE,
    durability: REFLINK_DURABLE | REFLINK_UNSTAGED,
    permissions: 0,
    preserve: PRESERVE,
    flags: REFLINK_NOFOLLOW | REFLINK_BEST_EFFORT_METADATA,
};

/// From one open file into another.
pub const OPEN_FILES: Accepted = Accepted {
    if_exists: 0,
    durability: REFLINK_DURABLE,
    permissions: 0,
    preserve: PRESERVE,
    flags: REFLINK_BEST_EFFORT_METADATA,
};

/// A range of an open file.
pub const RANGES: Accepted =
    Accepted { if_exists: 0, durability: REFLINK_DURABLE, permissions: 0, preserve: 0, flags: 0 };

/// Each file of a tree: what a tree has besides is read in `trees`.
pub const TREES: Accepted =
    Accepted { if_exists: 0, flags: REFLINK_NOFOLLOW | REFLINK_BEST_EFFORT_METADATA, ..NAMES };

impl Accepted {
    /// Refuses what does not belong. Of two values of one member, of which each is accepted, the caller of this says more.
    pub fn check(&self, raw: &reflink_options) -> Result<(), c_int> {
        let foreign = raw.if_exists & !self.if_exists
            | raw.durability & !self.durability
            | raw.permissions & !self.permissions
            | raw.preserve & !self.preserve;
        if foreign != 0 || raw.flags & !self.flags != 0 || !raw.reserved.is_null() {
            return Err(INVALID);
        }
        Ok(())
    }
}
