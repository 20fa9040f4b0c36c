//! What is refused before any byte moves: anything but regular files, sizes and marks that forbid the copy.
//! Each check guards against a method that would not.

use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::errno::{EFBIG, EISDIR, EPERM};
use crate::sys::{Errno, Fd, Kind, Stat, Sys};

/// Fails on all but regular files: a directory by its own errno.
pub fn check_regular(stat: &Stat, step: Step) -> Result<()> {
    match stat.kind {
        Kind::Regular => Ok(()),
        Kind::Directory => Err(Errno::own(EISDIR)).at(step),
        _ => Err(Error::new(step, Cause::NotRegular)),
    }
}

/// Whether `there`, seen between two looks at the source, is the source itself. The inode number alone does not say so:
/// bcachefs gives the files of a snapshot those of the originals, and some FUSE servers give all files one. A source that
/// changed between the looks counts as the same file.
pub fn is_source(before: &Stat, there: &Stat, after: &Stat) -> bool {
    there.same_file(before) && (after.moved_since(before) || there.looks_like(before))
}

/// Fails where the process may not make a file of `size` bytes: asking first spares the caller the
/// signal SIGXFSZ.
pub fn check_size_limit(size: u64, limit: u64) -> Result<()> {
    if size > limit { Err(Errno::own(EFBIG)).at(Step::Check(Side::Destination)) } else { Ok(()) }
}

/// Fails where the file is marked immutable or append-only. A descriptor opened before the mark
/// could still write.
pub fn check_unprotected<S: Sys>(sys: &S, dst: Fd) -> Result<()> {
    if sys.protected(dst).at(Step::Check(Side::Destination))? {
        Err(Errno::own(EPERM)).at(Step::Check(Side::Destination))
    } else {
        Ok(())
    }
}
