//! Copies a range between two open files. What lies on whole blocks in both is cloned, only the edges are copied.
//! The kernel's own copy_file_range shares nothing when an offset is off a block boundary, though the middle could be.

use super::alignment::{Plan, plan, units};
use super::check::check_size_limit;
use super::data::{Flow, Stretch};
use super::pair::Pair;
use super::{Durability, Mode, Options, Progress, Reason, Report, table};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::errno::{EFBIG, EINVAL};
use crate::sys::{Errno, Fd, Sys};

/// The largest offset that a file can have. As a length it means "to the end of the source".
pub(crate) const LARGEST: u64 = i64::MAX.unsigned_abs();

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// The source.
    pub src: Fd,
    /// Where the range begins in it.
    pub src_offset: u64,
    /// The destination.
    pub dst: Fd,
    /// Where the range begins in it.
    pub dst_offset: u64,
    /// Bytes, at most [`LARGEST`].
    pub length: u64,
}

/// Copies the range, and says in `progress` how much of it, whether or not it succeeds.
pub fn copy<S: Sys>(sys: &S, range: &Range, options: &Options, progress: &mut Progress) -> Result<()> {
    let pair = Pair::check(sys, range.src, range.dst)?;
    let length = wanted(range, &pair)?;
    if length == 0 {
        return Ok(());
    }
    if pair.one_file() && overlap(range.src_offset, range.dst_offset, length) {
        return Err(Error::new(Step::Check(Side::Neither), Cause::Overlap));
    }
    let mut stretch = pair.stretch(range.src_offset, range.dst_offset, length, options.mode);
    if !stretch.sizeless {
        let end = range.dst_offset.saturating_add(length);
        check_size_limit(end, pair.limit)?;
        pair.check_seals(end.max(pair.dst_stat.size))?;
    }
    let outcome = fill(&pair, &mut stretch, options, progress);
    pair.note_change(&stretch, outcome, &mut progress.report)
}

/// Data, size, sync: in this order.
fn fill<S: Sys>(
    pair: &Pair<S>,
    stretch: &mut Stretch<S>,
    options: &Options,
    progress: &mut Progress,
) -> Result<()> {
    match options.mode {
        Mode::Never => {
            progress.report.reason = Reason::NotAsked;
            stretch.copy_to_end(progress)?;
        }
        _ if options.share_only => share_what_fits(pair, stretch, options.mode, progress)?,
        Mode::Always => clone_or_fail(pair, stretch, progress)?,
        Mode::Auto => clone_middle(pair, stretch, progress)?,
    }
    finish(pair, stretch, &mut progress.report)?;
    if options.durability == Durability::Durable {
        pair.sys.sync(pair.dst).at(Step::Sync)?;
    }
    Ok(())
}

/// How many bytes there are to copy: the range ends where the source ends, as a read would.
fn wanted<S: Sys>(range: &Range, pair: &Pair<S>) -> Result<u64> {
    if [range.src_offset, range.dst_offset, range.length].iter().any(|asked| *asked > LARGEST) {
        return Err(Errno::own(EINVAL)).at(Step::Arguments(Side::Neither));
    }
    let room = LARGEST.saturating_sub(range.src_offset).min(LARGEST.saturating_sub(range.dst_offset));
    // A source without a size (procfs) ends where reading it ends; but one that is the destination too
    // is empty if it says so.
    let sizeless = pair.src_stat.size == 0 && !pair.one_file();
    let there = if sizeless { room } else { pair.src_stat.size.saturating_sub(range.src_offset) };
    let length = range.length.min(there);
    if length > room {
        return Err(Errno::own(EFBIG)).at(Step::Check(Side::Destination));
    }
    Ok(length)
}

fn overlap(one: u64, other: u64, length: u64) -> bool {
    one.abs_diff(other) < length
}

/// AUTO: heads and tails are copied, middles cloned, and what the kernel will not clone is copied
/// too.
fn clone_middle<S: Sys>(pair: &Pair<S>, stretch: &mut Stretch<S>, progress: &mut Progress) -> Result<()> {
    clone_what_fits(pair, stretch, Edges::Copy, progress)?;
    let report = &mut progress.report;
    if report.reason == Reason::None && report.cloned < stretch.length {
        report.reason = Reason::File; // not all of it falls on whole blocks of both files
    }
    if stretch.done == stretch.length {
        return Ok(());
    }
    if report.cloned > 0 {
        check_reached(pair, stretch, report)?;
        let edge = report.reason == Reason::File;
        return stretch.copy_until(stretch.length, edge, progress);
    }
    stretch.copy_to_end(progress)
}

/// SHARE_ONLY: clones the whole blocks, and leaves the rest as it is. ALWAYS fails where there is nothing to share.
fn share_what_fits<S: Sys>(
    pair: &Pair<S>,
    stretch: &mut Stretch<S>,
    mode: Mode,
    progress: &mut Progress,
) -> Result<()> {
    if stretch.sizeless {
        return stretch.try_clone_nothing(&mut progress.report).map(drop);
    }
    clone_what_fits(pair, stretch, Edges::Leave, progress)?;
    let report = &mut progress.report;
    report.left_out = report.cloned < stretch.length;
    if report.left_out && report.reason == Reason::None {
        report.reason = Reason::File;
    }
    if report.cloned == 0 {
        stretch.done = 0;
        if mode == Mode::Always {
            return Err(Errno::own(EINVAL)).at(Step::Clone(Side::Neither));
        }
    }
    Ok(())
}

/// What becomes of bytes that share their block with others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edges {
    Copy,
    Leave,
}

/// Passes the head and clones the middle, by the smallest unit that the file system takes. The rest is left.
fn clone_what_fits<S: Sys>(
    pair: &Pair<S>,
    stretch: &mut Stretch<S>,
    edges: Edges,
    progress: &mut Progress,
) -> Result<()> {
    let (mut refused_with, mut refusal) = (0, Ok(()));
    // Within one file the kernel shares no partial block at the end (EINVAL, seen on XFS and Btrfs): as if
    // the destination always went on.
    let dst_size = if pair.one_file() { u64::MAX } else { pair.dst_stat.size };
    for unit in units(pair.sys, pair.dst, pair.dst_stat.block_size) {
        if unit == refused_with || stretch.sizeless {
            continue;
        }
        let base = stretch.done;
        let (from, to) = (stretch.src_position(), stretch.dst_position());
        let left = stretch.length.saturating_sub(base);
        let Some(plan) = plan(from, to, left, unit, pair.src_stat.size, dst_size) else { continue };
        let start = base.saturating_add(plan.head);
        match edges {
            Edges::Copy => stretch.copy_until(start, true, progress)?,
            Edges::Leave => stretch.done = start,
        }
        let outcome = stretch.clone_until(base.saturating_add(plan.middle), progress);
        let report = &mut progress.report;
        if report.cloned > 0 {
            report.clone_offset = start;
        }
        match outcome {
            Ok(Flow::Finished) => {
                (report.clone_error, report.reason) = (0, Reason::None);
                return Ok(());
            }
            Ok(Flow::NextMethod) if report.reason == Reason::File && report.cloned == 0 => {}
            Err(error) if says_unaligned(&error) && report.cloned == 0 => refusal = Err(error),
            other => return other.map(drop),
        }
        refused_with = unit; // it may have been the alignment: a larger unit is next
    }
    refusal
}

/// Whether a clone that was demanded may have been refused for its alignment.
fn says_unaligned(error: &Error) -> bool {
    let Error { step: Step::Clone(_), cause: Cause::System(errno) } = error else { return false };
    table::alignment_refused(*errno)
}

/// A clone that left out its end (openzfs#15728) is seen by the size, until what is copied behind it
/// makes the file longer.
fn check_reached<S: Sys>(pair: &Pair<S>, stretch: &Stretch<S>, report: &mut Report) -> Result<()> {
    let reached = stretch.dst_position();
    if reached > pair.dst_stat.size
        && pair.sys.stat(pair.dst).at(Step::Clone(Side::Destination))?.size < reached
    {
        return Err(came_out_short(report));
    }
    Ok(())
}

/// The error of a destination that is shorter than what was done; what is said to be cloned counts no more.
fn came_out_short(report: &mut Report) -> Error {
    let step = if report.cloned > 0 { Step::Clone } else { Step::Copy };
    (report.cloned, report.clone_offset, report.reason) = (0, 0, Reason::Failure);
    Error::new(step(Side::Destination), Cause::Inconsistent)
}

/// ALWAYS: the range as it is, or nothing.
fn clone_or_fail<S: Sys>(pair: &Pair<S>, stretch: &mut Stretch<S>, progress: &mut Progress) -> Result<()> {
    if stretch.sizeless {
        return stretch.try_clone_nothing(&mut progress.report).map(drop);
    }
    let [unit, ..] = units(pair.sys, pair.dst, pair.dst_stat.block_size);
    let (from, to, length) = (stretch.src_position(), stretch.dst_position(), stretch.length);
    let whole = Plan { head: 0, middle: length };
    if plan(from, to, length, unit, pair.src_stat.size, pair.dst_stat.size) != Some(whole) {
        progress.report.reason = Reason::File;
        return Err(Errno::own(EINVAL)).at(Step::Clone(Side::Neither));
    }
    stretch.clone_until(length, progress).map(drop)
}

/// Gives the destination its size where the range ended in a hole, and makes sure that the range is
/// inside it.
fn finish<S: Sys>(pair: &Pair<S>, stretch: &Stretch<S>, report: &mut Report) -> Result<()> {
    if stretch.done > 0 {
        stretch.settle_size()?;
    } else if !stretch.source_ended() {
        return Ok(());
    }
    if !pair.one_file() {
        report.source_changed =
            pair.sys.stat(pair.src).at(Step::Copy(Side::Source))?.moved_since(&pair.src_stat);
    }
    stretch.check_end(report)?;
    if stretch.done > 0
        && pair.sys.stat(pair.dst).at(Step::Copy(Side::Destination))?.size < stretch.dst_position()
    {
        return Err(came_out_short(report));
    }
    Ok(())
}
