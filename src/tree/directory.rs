//! A directory on both sides, open; and what is kept of it until it is finished.

use std::sync::Arc;

use super::names::Names;
use super::place::Place;
use crate::sys::{Handle, Stat, Sys};

/// A directory of the source and the one that becomes its copy. Both are closed when the last reference is dropped.
pub(super) struct Directory<'s, S: Sys> {
    /// Open to be read.
    pub(super) source: Handle<'s, S>,
    /// Open for names to be made in it.
    pub(super) target: Handle<'s, S>,
    /// Where it is.
    pub(super) place: Arc<Place>,
    /// Counts the directories of a walk in the order in which they are entered.
    pub(super) number: u64,
    /// The inode numbers of both sides.
    pub(super) inodes: (u64, u64),
}

/// What stat(2) said of both sides of a directory.
#[derive(Clone, Copy)]
pub(super) struct Look {
    /// The source, when it was opened.
    pub(super) source: Stat,
    /// The copy, when it was opened.
    pub(super) target: Stat,
    /// This call made it, and gives it its metadata.
    pub(super) made: bool,
    /// The permission bits that the system gives a new directory there, if the options need them.
    pub(super) given: Option<u32>,
}

impl Look {
    /// The inode numbers of both sides.
    pub(super) const fn inodes(&self) -> (u64, u64) {
        (self.source.inode, self.target.inode)
    }
}

/// A directory that is not finished yet.
pub(super) struct Level<'s, S: Sys> {
    /// `None`: closed, since the walk is far below it.
    pub(super) directory: Option<Arc<Directory<'s, S>>>,
    /// As [`Directory::number`].
    pub(super) number: u64,
    /// What it is.
    pub(super) look: Look,
    /// Subdirectories still to be copied.
    pub(super) subdirectories: Names,
    /// How many of its entries are under way: files given to helpers, names that wait for the file they link to, and
    /// subdirectories that the walk has left.
    pub(super) out: usize,
    /// The number of the parent, which is finished after this one.
    pub(super) waited_for_by: Option<u64>,
    /// It could not be read to its end, and was counted as failed.
    pub(super) failed: bool,
}

impl<'s, S: Sys> Level<'s, S> {
    /// A directory that is not read yet.
    pub(super) fn new(directory: Directory<'s, S>, look: Look) -> Self {
        let number = directory.number;
        let (directory, subdirectories) = (Some(Arc::new(directory)), Names::default());
        Self { directory, number, look, subdirectories, out: 0, waited_for_by: None, failed: false }
    }
}
