//! A tree that would be copied into itself, or replaced by a part of itself: refused before anything is made.
//! Directories are compared by device and inode on the way up, since a path can lead anywhere.

use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::{Fd, Handle, Stat, Sys};

/// More levels than any path that a process can be in. Beyond, ".." leads round in a circle.
const LEVELS_AT_MOST: u32 = 1 << 20;

/// Fails where `directory`, or one that it is in, is `other`.
pub(super) fn check_outside<S: Sys>(sys: &S, directory: Fd, other: &Stat, side: Side) -> Result<()> {
    let step = Step::Check(side);
    let mut here: Option<Handle<S>> = None;
    let mut stat = sys.stat(directory).at(step)?;
    for _ in 0..LEVELS_AT_MOST {
        if stat.same_file(other) {
            return Err(Error::new(Step::Check(Side::Neither), Cause::IntoItself));
        }
        let from = here.as_ref().map_or(directory, Handle::fd);
        // Only to look at it: a directory that may be passed through need not be readable.
        let above = Handle::new(sys, sys.open_directory(from, c"..", false).at(step)?);
        let next = sys.stat(above.fd()).at(step)?;
        if next.same_file(&stat) {
            return Ok(()); // the root is in itself
        }
        (here, stat) = (Some(above), next);
    }
    Err(Error::new(step, Cause::Inconsistent))
}
