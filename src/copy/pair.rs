//! Two open files of the caller's, checked: what a copy between descriptors starts from.
//! Nothing is written before both passed.

use super::check::{check_regular, check_unprotected, is_source};
use super::data::{Ownership, Stretch};
use super::{Mode, Reason, Report};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::errno::{EBADF, EPERM};
use crate::sys::{Errno, Fd, Seals, Stat, Sys};

/// A source and a destination that passed every check.
pub struct Pair<'s, S: Sys> {
    /// The system's calls.
    pub sys: &'s S,
    /// The source.
    pub src: Fd,
    /// What it is.
    pub src_stat: Stat,
    /// The destination.
    pub dst: Fd,
    /// What it is.
    pub dst_stat: Stat,
    /// The largest size this process may give a file.
    pub limit: u64,
    seals: Seals,
    /// Both descriptors are one file.
    one_file: bool,
}

impl<'s, S: Sys> Pair<'s, S> {
    /// Type, access and marks of both, before anything is written. Each check guards against a
    /// method that would not.
    pub fn check(sys: &'s S, src: Fd, dst: Fd) -> Result<Self> {
        let src_stat = sys.stat(src).at(Step::Check(Side::Source))?;
        let dst_stat = sys.stat(dst).at(Step::Check(Side::Destination))?;
        check_regular(&src_stat, Step::Check(Side::Source))?;
        check_regular(&dst_stat, Step::Check(Side::Destination))?;
        let reading = sys.access(src).at(Step::Check(Side::Source))?;
        let writing = sys.access(dst).at(Step::Check(Side::Destination))?;
        for (open, side) in [(reading.read, Side::Source), (writing.write, Side::Destination)] {
            if !open {
                return Err(Errno::own(EBADF)).at(Step::Check(side));
            }
        }
        if writing.append {
            // Linux would write at the end whatever the offset (pwrite(2), BUGS).
            return Err(Error::new(Step::Check(Side::Destination), Cause::Append));
        }
        check_unprotected(sys, dst)?;
        let seals = sys.seals(dst);
        if seals.write {
            return Err(Errno::own(EPERM)).at(Step::Check(Side::Destination));
        }
        let one_file = src_stat.same_file(&dst_stat)
            && is_source(&src_stat, &dst_stat, &sys.stat(src).at(Step::Check(Side::Source))?);
        Ok(Self { sys, src, src_stat, dst, dst_stat, limit: sys.size_limit(), seals, one_file })
    }

    /// Fails where a seal forbids that the destination comes to be of `size` bytes. (Of a source that does not know its
    /// own size, only the writing tells.)
    pub fn check_seals(&self, size: u64) -> Result<()> {
        let now = self.dst_stat.size;
        let forbidden = (self.seals.grow && size > now) || (self.seals.shrink && size < now);
        if forbidden { Err(Errno::own(EPERM)).at(Step::Check(Side::Destination)) } else { Ok(()) }
    }

    /// Whether both descriptors are one file.
    pub fn one_file(&self) -> bool {
        self.one_file
    }

    /// After a failure, says whether what the destination held was changed, or may have been. A clone call that fails for a
    /// real reason may have cloned a part first, and a file that was written an instant ago shows no newer time for it.
    pub fn note_change(&self, stretch: &Stretch<S>, outcome: Result<()>, report: &mut Report) -> Result<()> {
        let Err(error) = outcome else { return Ok(()) };
        let moved = || self.sys.stat(self.dst).map_or(true, |now| now.moved_since(&self.dst_stat));
        report.destination_changed = report.total() > 0 || report.reason == Reason::Failure || moved();
        let of_clone = !report.source_changed && (report.cloned > 0 || matches!(error.step, Step::Clone(_)));
        report.clone_broke_off = report.destination_changed && of_clone && report.cloned < stretch.length;
        Err(error)
    }

    /// A stretch of `length` bytes, from one offset to another.
    pub fn stretch(&self, src_offset: u64, dst_offset: u64, length: u64, mode: Mode) -> Stretch<'s, S> {
        Stretch::new(
            self.sys,
            (self.src, src_offset, self.src_stat),
            (self.dst, dst_offset, self.dst_stat.size),
            length,
            mode,
            Ownership::Callers,
            self.limit,
        )
    }
}
