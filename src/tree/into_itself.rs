//! Refuses to copy a tree into itself, or to replace a tree by a part of itself, before anything is made.
//! Directories are compared by device and inode on the way up, since a path can lead anywhere.

use crate::copy::is_source;
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::{Fd, Handle, Stat, Sys};

/// No directory is this deep. Beyond it, ".." leads in a circle.
const LEVELS_AT_MOST: u32 = 1 << 20;

/// Whether `directory` is the one that `look` finds. The inode number is not enough: some servers give all files the same.
pub(super) fn is_same<S: Sys>(
    sys: &S,
    directory: Fd,
    look: impl Fn() -> crate::sys::Result<Stat>,
) -> crate::sys::Result<bool> {
    let before = sys.stat(directory)?;
    let there = look()?;
    Ok(there.same_file(&before) && is_source(&before, &there, &sys.stat(directory)?))
}

/// Fails if `directory`, or one that it is in, is the one that `look` finds.
pub(super) fn check_outside<S: Sys>(
    sys: &S,
    directory: Fd,
    look: impl Fn() -> crate::sys::Result<Stat>,
    side: Side,
) -> Result<()> {
    let step = Step::Check(side);
    let mut here: Option<Handle<S>> = None;
    let mut stat = sys.stat(directory).at(step)?;
    for _ in 0..LEVELS_AT_MOST {
        let from = here.as_ref().map_or(directory, Handle::fd);
        if is_same(sys, from, &look).at(step)? {
            return Err(Error::new(Step::Check(Side::Neither), Cause::IntoItself));
        }
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
