//! Finds out what files are made of and which blocks they share, and makes equal files share. Safe Rust, generic over `Sys`.
//! `pieces` walks a file's map, `extents` adds it up, `compare` walks two; `dedupe` has the kernel share
//! what `look` does not find shared, `difference` finds where ranges differ.

pub mod compare;
pub mod dedupe;
mod difference;
pub mod extents;
mod files;
mod look;
pub mod pieces;
#[cfg(all(test, unix))]
mod tests;

use crate::error::{At, Result, Side, Step};
use crate::sys::errno::EINVAL;
use crate::sys::maps::Said;
use crate::sys::{Errno, Fd, Sys};
use pieces::Pieces;

/// The largest offset that a file can have, which as a length means "to the end".
pub const LARGEST: u64 = i64::MAX.unsigned_abs();

/// A range of an open file.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The file, open in any way but O_PATH.
    pub fd: Fd,
    /// Which of two files it is.
    pub side: Side,
    /// Where the range begins.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
}

impl Span {
    /// Where it ends: at the largest offset at most.
    pub fn end(&self) -> Result<u64> {
        if self.offset > LARGEST || self.length > LARGEST {
            return Err(Errno::own(EINVAL)).at(Step::Arguments(self.side));
        }
        Ok(self.offset.saturating_add(self.length).min(LARGEST))
    }
}

/// Whether the file system says what is shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reported {
    /// It gives out no map, or may not be asked for one.
    #[default]
    Unknown,
    /// It gives out a map, which does not say for all bytes whether they are shared.
    Unreported,
    /// It says what is shared.
    Known,
}

impl Reported {
    /// Judges by the map, and only then by the file system: asking for that takes a third of the time of a small file's map.
    pub fn of<S: Sys>(sys: &S, fd: Fd, map: &Pieces<'_, '_, S>) -> Self {
        let known = (map.says_shared && !map.is_vague)
            || match sys.said(fd) {
                Said::Always => true,
                Said::AsItsMaps => map.says_shared || map.says_where || !map.is_vague,
                Said::ByRecord => !map.is_vague,
                Said::Never => map.says_shared,
            };
        if known { Self::Known } else { Self::Unreported }
    }
}
