//! Copies between descriptors that the caller holds: the copy that makes one file equal another.
//! Nothing is opened, renamed or unlinked, and no descriptor's offset moves.

use super::alignment::units;
use super::check::check_size_limit;
use super::data::{Flow, Stretch, whole_length};
use super::metadata::{Target, Transfer, check_carried};
use super::pair::Pair;
use super::{Durability, IfExists, Mode, Options, Progress, Reason, Report};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::{Fd, Stat, Sys};

/// Makes the content of `dst` equal to that of `src`: data, then size, then the metadata asked for.
pub fn copy<S: Sys>(sys: &S, (src, dst): (Fd, Fd), options: &Options, progress: &mut Progress) -> Result<()> {
    let pair = Pair::check(sys, src, dst)?;
    if pair.one_file() {
        return Err(Error::new(Step::Check(Side::Neither), Cause::SameFile));
    }
    check_size_limit(pair.src_stat.size, pair.limit)?;
    check_carried::<S>(options)?;
    pair.check_seals(pair.src_stat.size)?;
    let mut stretch = pair.stretch(0, 0, whole_length(&pair.src_stat), options.mode);
    let outcome = fill(&pair, &mut stretch, options, progress);
    pair.note_change(&stretch, outcome, &mut progress.report)
}

/// Data, size, metadata, sync: in this order.
fn fill<S: Sys>(
    pair: &Pair<S>,
    stretch: &mut Stretch<S>,
    options: &Options,
    progress: &mut Progress,
) -> Result<()> {
    if options.mode == Mode::Never {
        progress.report.reason = Reason::NotAsked;
        stretch.copy_to_end(progress)?;
    } else if clone(pair, stretch, progress)? == Flow::NextMethod
        || !is_as_long(pair, stretch, &mut progress.report)?
    {
        stretch.copy_to_end(progress)?;
    }
    let report = &mut progress.report;
    let made = finish(pair, stretch, report)?;
    if options.if_exists == IfExists::Overwrite && options.preserve.times && report.copied_any() > 0 {
        // This file is closed by the library, and servers that stamp a file when its data is flushed must do so before.
        pair.sys.flush(pair.dst).at(Step::Close)?;
    }
    let source = (pair.src, &pair.src_stat);
    Transfer::new(pair.sys, source, pair.dst, options, report).apply(&made, Target::Callers)?;
    if options.durability == Durability::Durable {
        pair.sys.sync(pair.dst).at(Step::Sync)?;
    }
    Ok(())
}

/// Clones over what is there.
fn clone<S: Sys>(pair: &Pair<S>, stretch: &mut Stretch<S>, progress: &mut Progress) -> Result<Flow> {
    // A source that says it is empty is asked in any case: one of procfs refuses, and is read then.
    if stretch.sizeless {
        return stretch.clone_file(progress);
    }
    let size = pair.src_stat.size;
    if pair.dst_stat.size > size {
        clone_into_longer(pair, stretch, progress)
    } else if progress.is_watched() {
        stretch.clone_until(size, progress)
    } else {
        stretch.clone_file(progress)
    }
}

/// FICLONE never shortens a file, and refuses to put the source's last partial block inside a longer one. So the whole blocks
/// come first, into the file as it is: a refusal changes nothing, and nothing is cut before the data is there.
fn clone_into_longer<S: Sys>(
    pair: &Pair<S>,
    stretch: &mut Stretch<S>,
    progress: &mut Progress,
) -> Result<Flow> {
    let size = pair.src_stat.size;
    let [.., unit] = units(pair.sys, pair.dst, pair.dst_stat.block_size);
    let past = size.checked_rem(unit).unwrap_or(size);
    let whole = size.saturating_sub(past);
    let granted = if whole > 0 {
        stretch.clone_until(whole, progress)?
    } else {
        try_beyond_the_end(pair, stretch, unit, &mut progress.report)?
    };
    if granted == Flow::NextMethod || past == 0 {
        return Ok(granted);
    }
    if let Err(errno) = pair.sys.set_size(pair.dst, size) {
        let _ = pair.sys.set_size(pair.dst, pair.dst_stat.size); // without what was tried at its end
        return Err(errno).at(Step::Clone(Side::Destination));
    }
    stretch.dst_size = size;
    stretch.clone_until(size, progress)
}

/// Of a file of less than a block, clones it to where the destination has nothing yet: a refusal leaves it as it was,
/// and what is granted goes with the cut. (A clone of nothing proves less: SMB can grant one where it
/// refuses one of data, and NFS and bcachefs can refuse one where they would grant that.)
fn try_beyond_the_end<S: Sys>(
    pair: &Pair<S>,
    stretch: &Stretch<S>,
    unit: u64,
    report: &mut Report,
) -> Result<Flow> {
    let sys = pair.sys;
    let length = pair.src_stat.size;
    let room = pair.limit.min(i64::MAX.unsigned_abs());
    let beyond = pair.dst_stat.size.checked_next_multiple_of(unit);
    let fits = |at: &u64| at.checked_add(length).is_some_and(|end| end <= room);
    let Some(beyond) = beyond.filter(fits) else { return stretch.try_clone_nothing(report) };
    let outcome = stretch.try_clone_to(beyond, length, report);
    if outcome != Ok(Flow::Finished)
        && sys.stat(pair.dst).at(Step::Clone(Side::Destination))?.size > pair.dst_stat.size
    {
        sys.set_size(pair.dst, pair.dst_stat.size).at(Step::Clone(Side::Destination))?; // a part was cloned all the same
    }
    outcome
}

/// FICLONE's 0 is not believed without the size (openzfs#15728): setting the size afterwards would
/// fill up with zeros what was left out. A destination that was as long before gives nothing to
/// know it by.
fn is_as_long<S: Sys>(pair: &Pair<S>, stretch: &mut Stretch<S>, report: &mut Report) -> Result<bool> {
    if pair.sys.stat(pair.dst).at(Step::Clone(Side::Destination))?.size >= pair.src_stat.size
        || pair.sys.stat(pair.src).at(Step::Clone(Side::Source))?.moved_since(&pair.src_stat)
    {
        return Ok(true);
    }
    stretch.distrust_clone(report).map(|()| false)
}

/// Sets the size, and makes sure that it is.
fn finish<S: Sys>(pair: &Pair<S>, stretch: &Stretch<S>, report: &mut Report) -> Result<Stat> {
    let sys = pair.sys;
    let now = sys.stat(pair.src).at(Step::Copy(Side::Source))?;
    report.source_changed = now.moved_since(&pair.src_stat);
    stretch.check_end(report)?;
    let mut made = sys.stat(pair.dst).at(Step::Copy(Side::Destination))?;
    // One clone call takes the source as it is at that instant, which may be longer or shorter than
    // it was. (A longer destination takes more than one.)
    let one_call = pair.dst_stat.size <= pair.src_stat.size;
    let of_an_instant =
        one_call && report.source_changed && stretch.done > 0 && report.cloned == stretch.done;
    let size = if of_an_instant { made.size.min(now.size) } else { stretch.done };
    if made.size != size {
        sys.set_size(pair.dst, size).at(Step::Copy(Side::Destination))?;
        made = sys.stat(pair.dst).at(Step::Copy(Side::Destination))?;
    }
    if made.size != size {
        return Err(Error::new(Step::Copy(Side::Destination), Cause::Inconsistent));
    }
    if of_an_instant {
        report.cloned = size;
    }
    Ok(made)
}
