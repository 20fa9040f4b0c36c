//! Checks two open files of the caller's before the kernel is asked to share, and finds how much of the range each has.
//! The destination need not be open for writing: nothing is written (ioctl_fideduperange(2), since Linux 4.19).

use core::cell::OnceCell;

use super::compare::one_file;
use crate::copy::check_regular;
use crate::copy::range::{LARGEST, Range};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::errno::{EBADF, EINVAL};
use crate::sys::{Access, Errno, Fd, Handle, Stat, Sys};

/// Source and destination, which passed every check.
pub struct Files<'s, S: Sys> {
    /// The length of the range, up to the end of the file that has more of it.
    pub length: u64,
    /// The length of what both files have of it.
    pub common: u64,
    /// The range ends where both files end.
    pub ends_both: bool,
    /// Both are one file.
    pub one_file: bool,
    /// What the source was before anything was asked.
    pub src_stat: Stat,
    /// What the destination was.
    pub dst_stat: Stat,
    sys: &'s S,
    src: Fd,
    dst: Fd,
    dst_reads: bool,
    /// The destination once more, where the caller opened it for writing only and something differs.
    reopened: OnceCell<Handle<'s, S>>,
}

impl<'s, S: Sys> Files<'s, S> {
    /// Checks the range and both files.
    pub fn check(sys: &'s S, range: &Range) -> Result<Self> {
        let &Range { src, src_offset, dst, dst_offset, length } = range;
        for (number, side) in
            [(src_offset, Side::Source), (dst_offset, Side::Destination), (length, Side::Neither)]
        {
            if number > LARGEST {
                return Err(Errno::own(EINVAL)).at(Step::Arguments(side));
            }
        }
        let (src_stat, from) = look(sys, src, Side::Source)?;
        let (dst_stat, to) = look(sys, dst, Side::Destination)?;
        for (usable, side) in [(from.read, Side::Source), (to.read || to.write, Side::Destination)] {
            if !usable {
                return Err(Errno::own(EBADF)).at(Step::Check(side));
            }
        }
        let one_file = one_file(sys, (src, &src_stat), (dst, &dst_stat));
        let (src_rest, dst_rest) =
            (src_stat.size.saturating_sub(src_offset), dst_stat.size.saturating_sub(dst_offset));
        let common = length.min(src_rest).min(dst_rest);
        if one_file && src_offset != dst_offset && src_offset.abs_diff(dst_offset) < common {
            return Err(Error::new(Step::Check(Side::Neither), Cause::Overlap));
        }
        Ok(Self {
            length: length.min(src_rest.max(dst_rest)),
            common,
            ends_both: src_rest == common && dst_rest == common,
            one_file,
            src_stat,
            dst_stat,
            sys,
            src,
            dst,
            dst_reads: to.read,
            reopened: OnceCell::new(),
        })
    }

    /// Whether one of both files was written to since, or changed in another way that its times show.
    pub fn moved(&self) -> Result<bool> {
        let sides = [(self.src, &self.src_stat, Side::Source), (self.dst, &self.dst_stat, Side::Destination)];
        for (fd, before, side) in sides {
            if self.sys.stat(fd).at(Step::Check(side))?.moved_since(before) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A descriptor that reads the destination. The kernel needs none to share: whoever may only write to it, or has no
    /// procfs, still shares what is equal.
    pub fn reader(&self) -> Result<Fd> {
        if self.dst_reads {
            return Ok(self.dst);
        }
        if let Some(reopened) = self.reopened.get() {
            return Ok(reopened.fd());
        }
        let fd = self.sys.reopen_source(self.dst).at(Step::Check(Side::Destination))?;
        Ok(self.reopened.get_or_init(|| Handle::new(self.sys, fd)).fd())
    }
}

/// What fstat says of a regular file, and how it was opened.
fn look<S: Sys>(sys: &S, fd: Fd, side: Side) -> Result<(Stat, Access)> {
    let step = Step::Check(side);
    let stat = sys.stat(fd).at(step)?;
    check_regular(&stat, step)?;
    Ok((stat, sys.access(fd).at(step)?))
}
