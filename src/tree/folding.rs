//! Case folding: two names of the source are one in the destination, as "a" and "A" on vfat, NTFS, APFS or with casefold.
//! In a new tree the second name fails with EEXIST. In a merge it would replace the first one's copy: this file detects that.

use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::sync::{Mutex, PoisonError};

use crate::sys::{Fd, Stat, Sys};

/// What is known of one directory of the destination.
#[derive(Debug, Default)]
pub(super) struct Folding {
    /// Its names are case-sensitive, so that nothing is remembered.
    plain: AtomicBool,
    /// The inodes that this call made in it. `None`: it is not known yet whether it folds names.
    made: Mutex<Option<BTreeSet<u64>>>,
}

impl Folding {
    /// Whether the directory is known not to fold names.
    pub(super) fn is_plain(&self) -> bool {
        self.plain.load(Ordering::Relaxed)
    }

    /// Whether this call made the entry that is found as `name`, under another name.
    pub(super) fn is_made<S: Sys>(&self, sys: &S, dir: Fd, name: &CStr, there: &Stat) -> bool {
        self.note(sys, (dir, name), there, |made| made.contains(&there.inode))
    }

    /// Notes that this call made `name`.
    pub(super) fn made<S: Sys>(&self, sys: &S, dir: Fd, name: &CStr) {
        if !self.is_plain() {
            if let Ok(there) = sys.stat_name(dir, name) {
                self.note(sys, (dir, name), &there, |made| made.insert(there.inode));
            }
        }
    }

    /// Runs `act` on the inodes made here, unless the directory does not fold names. Finds out first whether it does.
    fn note<S: Sys>(
        &self,
        sys: &S,
        at: (Fd, &CStr),
        there: &Stat,
        act: impl FnOnce(&mut BTreeSet<u64>) -> bool,
    ) -> bool {
        if self.is_plain() {
            return false;
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.is_none() {
            match folds(sys, at, there) {
                Some(true) => *made = Some(BTreeSet::new()),
                Some(false) => self.plain.store(true, Ordering::Relaxed),
                None => {}
            }
        }
        made.as_mut().is_some_and(act)
    }
}

/// Whether a directory folds names: whether it shows `there`, which is called `name`, also under the name with its case
/// swapped. `None`: the name has no letters, or the look failed.
fn folds<S: Sys>(sys: &S, (dir, name): (Fd, &CStr), there: &Stat) -> Option<bool> {
    let swap = |byte: &u8| {
        if byte.is_ascii_lowercase() { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() }
    };
    let other = CString::new(name.to_bytes().iter().map(swap).collect::<Vec<_>>()).ok()?;
    if other.as_c_str() == name {
        return None;
    }
    match sys.stat_name(dir, &other) {
        Ok(found) => Some(found.same_file(there)),
        Err(errno) if crate::copy::table::name_is_free(errno) => Some(false),
        Err(_) => None,
    }
}
