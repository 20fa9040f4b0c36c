//! Copies a range between two open files. What lies on whole blocks in both is cloned, only the edges are copied.
//! The kernel's own copy_file_range shares nothing when an offset is off a block boundary, though the middle could be.

use super::alignment::{Plan, plan, units};
use super::check::check_size_limit;
use super::data::{Flow, Ownership, Stretch};
use super::pair::Pair;
use super::{Durability, Meter, Mode, Options, Reason, Report};
use crate::error::{At, Cause, Error, Result, Step};
use crate::sys::errno::EINVAL;
use crate::sys::{Errno, Fd, Sys};

/// "To the end of the source", as the C interface says it.
pub(crate) const TO_END: u64 = u64::MAX;

/// The largest offset that a file can have.
const LARGEST: u64 = i64::MAX.unsigned_abs();

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
    /// Bytes, or [`TO_END`].
    pub length: u64,
}

/// Copies the range, and says in `report` how much of it, whether or not it succeeds.
pub fn copy<S: Sys>(
    sys: &S,
    range: &Range,
    options: &Options,
    meter: &mut Meter,
    report: &mut Report,
) -> Result<()> {
    let pair = Pair::check(sys, range.src, range.dst)?;
    let length = wanted(range, &pair)?;
    if length == 0 {
        return Ok(());
    }
    if pair.one_file() && overlap(range.src_offset, range.dst_offset, length) {
        return Err(Error::new(Step::Check, Cause::Overlap));
    }
    let sizeless = pair.src_stat.size == 0;
    let end = range.dst_offset.saturating_add(length);
    if !sizeless {
        check_size_limit(end, pair.limit)?;
    }
    let mut stretch = Stretch::new(
        sys,
        (range.src, range.src_offset, pair.src_stat),
        (range.dst, range.dst_offset, pair.dst_stat.size),
        length,
        options.mode,
        Ownership::Callers,
        pair.limit,
    );
    match options.mode {
        Mode::Never => {
            report.reason = Reason::NotAsked;
            stretch.copy_to_end(report, meter)?;
        }
        Mode::Always => clone_or_fail(sys, &pair, range, &mut stretch, meter, report)?,
        Mode::Auto => clone_middle(sys, &pair, range, &mut stretch, meter, report)?,
    }
    finish(sys, &pair, &stretch, report)?;
    if options.durability == Durability::Durable {
        sys.sync(range.dst).at(Step::Sync)?;
    }
    Ok(())
}

/// How many bytes there are to copy: the range ends where the source ends, as a read would.
fn wanted(range: &Range, pair: &Pair) -> Result<u64> {
    let impossible = range.src_offset > LARGEST || range.dst_offset > LARGEST;
    let asked = if range.length == TO_END { LARGEST } else { range.length };
    if impossible || asked > LARGEST {
        return Err(Errno(EINVAL)).at(Step::Arguments);
    }
    let room = LARGEST.saturating_sub(range.src_offset).min(LARGEST.saturating_sub(range.dst_offset));
    // A source without a size (procfs) ends where reading it ends; but one that is the destination too
    // is empty if it says so.
    let sizeless = pair.src_stat.size == 0 && !pair.one_file();
    let there = if sizeless { room } else { pair.src_stat.size.saturating_sub(range.src_offset) };
    let length = asked.min(there);
    if length > room {
        return Err(Errno(crate::sys::errno::EFBIG)).at(Step::Check);
    }
    Ok(length)
}

fn overlap(one: u64, other: u64, length: u64) -> bool {
    one.abs_diff(other) < length
}

/// AUTO: heads and tails are copied, middles cloned, and what the kernel will not clone is copied
/// too.
fn clone_middle<S: Sys>(
    sys: &S,
    pair: &Pair,
    range: &Range,
    stretch: &mut Stretch<S>,
    meter: &mut Meter,
    report: &mut Report,
) -> Result<()> {
    let mut refused_with = 0;
    // Within one file the kernel shares no partial block at the end (EINVAL, seen on XFS and Btrfs): as if
    // the destination always went on.
    let dst_size = if pair.one_file() { u64::MAX } else { pair.dst_stat.size };
    for unit in units(sys, range.dst, pair.dst_stat.block_size) {
        if unit == refused_with || stretch.sizeless {
            continue;
        }
        let base = stretch.done;
        let (from, to) = (range.src_offset.saturating_add(base), range.dst_offset.saturating_add(base));
        let left = stretch.length.saturating_sub(base);
        let Some(plan) = plan(from, to, left, unit, pair.src_stat.size, dst_size) else { continue };
        stretch.copy_until(base.saturating_add(plan.head), true, report, meter)?;
        if stretch.clone_until(base.saturating_add(plan.middle), report, meter)? == Flow::Finished {
            report.clone_error = 0;
            report.reason = Reason::None;
            break;
        }
        if report.reason != Reason::File || report.cloned > 0 {
            break;
        }
        refused_with = unit; // it may have been the alignment: a larger unit is next
    }
    if report.reason == Reason::None && report.cloned < stretch.length {
        report.reason = Reason::File; // not all of it falls on whole blocks of both files
    }
    if stretch.done == stretch.length {
        return Ok(());
    }
    if report.cloned > 0 {
        check_reached(sys, pair, stretch)?;
        return stretch.copy_until(stretch.length, report.reason == Reason::File, report, meter);
    }
    stretch.copy_to_end(report, meter)
}

/// A clone that left out its end (openzfs#15728) is seen by the size, until what is copied behind it
/// makes the file longer.
fn check_reached<S: Sys>(sys: &S, pair: &Pair, stretch: &Stretch<S>) -> Result<()> {
    let reached = stretch.dst_offset.saturating_add(stretch.done);
    if reached > pair.dst_stat.size && sys.stat(pair.dst).at(Step::Clone)?.size < reached {
        return Err(Error::new(Step::Clone, Cause::Inconsistent));
    }
    Ok(())
}

/// ALWAYS: the range as it is, or nothing.
fn clone_or_fail<S: Sys>(
    sys: &S,
    pair: &Pair,
    range: &Range,
    stretch: &mut Stretch<S>,
    meter: &mut Meter,
    report: &mut Report,
) -> Result<()> {
    if stretch.sizeless {
        stretch.length = 0;
        return stretch.try_clone_nothing(report).map(drop);
    }
    let [smallest, ..] = units(sys, range.dst, pair.dst_stat.block_size);
    let whole = Plan { head: 0, middle: stretch.length };
    let (src_size, dst_size) = (pair.src_stat.size, pair.dst_stat.size);
    if plan(range.src_offset, range.dst_offset, stretch.length, smallest, src_size, dst_size) != Some(whole) {
        report.reason = Reason::File;
        return Err(Errno(EINVAL)).at(Step::Clone);
    }
    stretch.clone_until(stretch.length, report, meter).map(drop)
}

/// Gives the destination its size where the range ended in a hole, and makes sure that the range is
/// inside it.
fn finish<S: Sys>(sys: &S, pair: &Pair, stretch: &Stretch<S>, report: &mut Report) -> Result<()> {
    let end = stretch.dst_offset.saturating_add(stretch.done);
    if stretch.done > 0 {
        stretch.settle_size()?;
    } else if !stretch.source_ended() {
        return Ok(());
    }
    if !pair.one_file() {
        report.source_changed = sys.stat(pair.src).at(Step::Copy)?.moved_since(&pair.src_stat);
    }
    stretch.check_end(report)?;
    if stretch.done > 0 && sys.stat(pair.dst).at(Step::Copy)?.size < end {
        return Err(Error::new(Step::Copy, Cause::Inconsistent));
    }
    Ok(())
}
