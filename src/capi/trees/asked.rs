//! Reads the options of a tree: what the engine is asked for, and the caller's functions.
//! Options that the called function does not use are refused.

use core::ffi::{c_char, c_int};

use super::callbacks::Callbacks;
use super::options::{
    REFLINK_MERGE, REFLINK_TREE_FLUSH_SOURCE, REFLINK_TREE_KEEP_EXISTING, REFLINK_TREE_KEEP_REPLACED,
    REFLINK_TREE_ONE_MOUNT, REFLINK_TREE_SKIP_SPECIAL, REFLINK_TREE_SPLIT_LINKS, REFLINK_TREE_TWO_RENAMES,
    reflink_tree_options,
};
use crate::capi::accepted;
use crate::capi::options::{self, REFLINK_FAIL, REFLINK_REPLACE, reflink_options};
use crate::capi::sized::{self, INVALID};
use crate::tree::{IfExists, Options};

/// The flags that only trees have.
const TREE_FLAGS: u64 = REFLINK_TREE_SPLIT_LINKS
    | REFLINK_TREE_SKIP_SPECIAL
    | REFLINK_TREE_ONE_MOUNT
    | REFLINK_TREE_TWO_RENAMES
    | REFLINK_TREE_FLUSH_SOURCE
    | REFLINK_TREE_KEEP_EXISTING
    | REFLINK_TREE_KEEP_REPLACED;

/// The caller's options, checked.
#[derive(Default)]
pub struct Asked {
    /// What the engine needs to know.
    pub options: Options,
    /// The caller's functions.
    pub callbacks: Callbacks,
    /// Where the failed path goes.
    pub failed_path: FailedPath,
}

/// The caller's room for the path of the entry that ended the call.
pub struct FailedPath {
    at: *mut c_char,
    size: usize,
}

// Written out, since Rust 1.85 has no default for a pointer.
impl Default for FailedPath {
    fn default() -> Self {
        Self { at: core::ptr::null_mut(), size: 0 }
    }
}

impl FailedPath {
    /// Writes the path, cut to the room that there is.
    ///
    /// # Safety
    /// The caller of the library gave the pointer and the size, and both hold during the call.
    pub unsafe fn write(&self, path: &[u8]) {
        let Some(room) = self.size.checked_sub(1) else { return };
        if self.at.is_null() {
            return;
        }
        let length = path.len().min(room);
        // SAFETY: `length` and the NUL after it are within the size that the caller of this function vouches for.
        unsafe {
            self.at.cast::<u8>().copy_from_nonoverlapping(path.as_ptr(), length);
            self.at.add(length).write(0);
        }
    }
}

/// What a function does with its options.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It copies.
    Copy,
    /// It removes: only the caller's functions and the number of threads are used.
    Remove,
}

/// Reads the options; NULL is all defaults.
///
/// # Safety
/// `from` is NULL, or points to a structure that is as large as its first member says, whose `failed_path` has room for
/// `failed_path_size` bytes.
pub unsafe fn read(from: *const reflink_tree_options, purpose: Purpose) -> Result<Asked, c_int> {
    if from.is_null() {
        return Ok(Asked::default());
    }
    // SAFETY: not NULL, and the caller of this function vouches for the rest.
    let raw = unsafe { sized::read(from) }?;
    let failed_path = FailedPath { at: raw.failed_path, size: raw.failed_path_size };
    // SAFETY: as above. Emptied first, so that no error leaves the text of an earlier call there.
    unsafe { failed_path.write(b"") };
    if raw.reserved != 0 || (raw.failed_path.is_null() && raw.failed_path_size > 0) {
        return Err(INVALID);
    }
    let options = match purpose {
        Purpose::Copy => to_copy(&raw)?,
        Purpose::Remove => to_remove(&raw)?,
    };
    Ok(Asked { options, callbacks: Callbacks::of(&raw), failed_path })
}

fn to_copy(raw: &reflink_tree_options) -> Result<Options, c_int> {
    let has = |flag| raw.flags & flag != 0;
    let if_exists = match raw.if_exists {
        REFLINK_FAIL => IfExists::Fail,
        REFLINK_REPLACE => IfExists::Replace,
        REFLINK_MERGE => IfExists::Merge,
        _ => return Err(INVALID),
    };
    let only_replace = has(REFLINK_TREE_TWO_RENAMES | REFLINK_TREE_KEEP_REPLACED);
    let misplaced = (only_replace && if_exists != IfExists::Replace)
        || (has(REFLINK_TREE_KEEP_EXISTING) && if_exists != IfExists::Merge);
    if misplaced {
        return Err(INVALID);
    }
    let of_files = reflink_options {
        size: raw.size,
        mode: raw.mode,
        if_exists: REFLINK_FAIL,
        durability: raw.durability,
        permissions: raw.permissions,
        preserve: raw.preserve,
        flags: raw.flags & !TREE_FLAGS,
        progress: None,
        user: core::ptr::null_mut(),
        cancel: core::ptr::null(),
        reserved: core::ptr::null_mut(),
    };
    Ok(Options {
        files: options::checked(&of_files, &accepted::TREES)?,
        if_exists,
        split_links: has(REFLINK_TREE_SPLIT_LINKS),
        skip_special: has(REFLINK_TREE_SKIP_SPECIAL),
        one_mount: has(REFLINK_TREE_ONE_MOUNT),
        two_renames: has(REFLINK_TREE_TWO_RENAMES),
        flush_source: has(REFLINK_TREE_FLUSH_SOURCE),
        keep_existing: has(REFLINK_TREE_KEEP_EXISTING),
        keep_replaced: has(REFLINK_TREE_KEEP_REPLACED),
        threads: raw.threads,
    })
}

fn to_remove(raw: &reflink_tree_options) -> Result<Options, c_int> {
    let asked = [raw.mode, raw.if_exists, raw.durability, raw.permissions, raw.preserve];
    if asked != [0; 5] || raw.flags != 0 || raw.filter.is_some() {
        return Err(INVALID);
    }
    Ok(Options { threads: raw.threads, ..Options::default() })
}
