//! Clones that are files of their own from the start, as macOS makes them: under a private name, or with UNSTAGED the final one.
//! They have all metadata of the source; what was not asked for is removed before the file gets its name.

use core::ffi::CStr;

use super::draft::Draft;
use super::job::Job;
use super::retry;
use super::table::{self, Operation, Verdict};
use super::{Durability, Mode, Options, Progress, Report};
use crate::error::{At, Result, Side, Step};
use crate::sys::errno::EPERM;
use crate::sys::{Errno, Fd, Stat, Sys};

/// Makes the clone. `None`: not that kind of system, not asked for, or refused, and copying may do.
pub fn clone<'s, S: Sys>(job: &Job<'s, '_, S>, progress: &mut Progress) -> Result<Option<Draft<'s, S>>> {
    if !S::CLONES_BY_NAME || job.options.mode == Mode::Never {
        return Ok(None);
    }
    if let Some(errno) = job.known.clone_refused {
        progress.report.clone_refused(errno);
        return Ok(None);
    }
    if lets_another_group_in(job)? || is_too_open(job) {
        return refused(job, Errno(EPERM), &mut progress.report).map(|()| None);
    }
    progress.tell(0, job.source.stat.size)?;
    let report = &mut progress.report;
    let mut draft = match make(job)? {
        Ok(draft) => draft,
        Err(errno) => return refused(job, errno, report).map(|()| None),
    };
    draft.cloned = true;
    let kept = check(job, &draft, report).and_then(|good| Ok(good && strip(job, &draft, report)?));
    match kept {
        Ok(true) => Ok(Some(draft)),
        Ok(false) => {
            draft.discard(job);
            Ok(None)
        }
        Err(error) => {
            draft.discard(job);
            Err(error)
        }
    }
}

/// A clone has its source's mode from the first instant, but its directory's group until the source's group
/// is set: until then the group bits let in the members of another group.
fn lets_another_group_in<S: Sys>(job: &Job<S>) -> Result<bool> {
    let mode = job.source.stat.mode;
    let for_the_group_alone = (mode >> 3) & !mode & 0o7;
    if !job.options.preserve.owner || for_the_group_alone == 0 {
        return Ok(false);
    }
    let directory = job.open_parent(false, Step::Create)?;
    Ok(job.sys.stat(directory.fd()).at(Step::Create)?.group != job.source.stat.group)
}

/// A clone has its source's mode from the first instant: it must not have more than the result will.
fn is_too_open<S: Sys>(job: &Job<S>) -> bool {
    job.mode_given.is_some_and(|given| job.source.stat.mode & 0o077 & !given != 0)
}

/// Under the final name where the caller wants it so and it is free, else under a private one.
fn make<'s, S: Sys>(job: &Job<'s, '_, S>) -> Result<core::result::Result<Draft<'s, S>, Errno>> {
    let only_method = job.options.mode == Mode::Always;
    let clone = |dir: Fd, name: &CStr| {
        let src = job.source.file.fd();
        let clone = || job.sys.clone_new(src, dir, name, job.options.preserve.acl);
        retry::clone(job.sys, src, only_method, clone)
    };
    if job.options.durability == Durability::Unstaged {
        match Draft::make_final(job, clone) {
            Ok(None) => {}
            Ok(Some(draft)) => return Ok(Ok(draft)),
            // The destination's own name will not do, whatever is put there.
            Err(errno) if table::name_refused(errno) => return Err(errno).at(Step::Create),
            Err(errno) => return Ok(Err(errno)),
        }
    }
    let directory = job.open_parent(job.options.durability == Durability::Durable, Step::Create)?;
    Ok(Draft::make_private(job, directory, clone))
}

/// Notes why, and stops where copying would only hide a failure, or may not be tried. Where the table asks
/// about the destination (StopIfProtected, StopIfBadDescriptor), copying is tried: the destination does not
/// exist yet, so it has no mark and no descriptor. A copy that is not allowed fails with its own error.
fn refused<S: Sys>(job: &Job<S>, errno: Errno, report: &mut Report) -> Result<()> {
    if table::name_is_taken(errno) {
        return Err(errno).at(Step::Create); // no private name is free
    }
    report.clone_refused(errno);
    let stop = table::verdict(Operation::Clone, errno) == Verdict::Stop;
    if stop || job.options.mode == Mode::Always {
        Err(errno).at(Step::Clone(table::side(errno)))
    } else {
        Ok(())
    }
}

/// The size, as with every method. The clone is of one instant, at which the source may have had another size.
fn check<S: Sys>(job: &Job<S>, draft: &Draft<S>, report: &mut Report) -> Result<bool> {
    let made = job.sys.stat(draft.file.fd()).at(Step::Clone(Side::Destination))?;
    if made.size != job.source.stat.size {
        let now = job.sys.stat(job.source.file.fd()).at(Step::Clone(Side::Source))?;
        report.source_changed = now.moved_since(&job.source.stat);
        if !report.source_changed {
            return report.distrust_clone(job.options.mode).map(|()| false);
        }
    }
    report.clone_succeeded = true;
    report.cloned = made.size;
    Ok(true)
}

/// Removes from a clone the metadata that was not asked for. `false`: that is not possible here, but a copy
/// without this metadata is.
fn strip<S: Sys>(job: &Job<S>, draft: &Draft<S>, report: &mut Report) -> Result<bool> {
    let preserve = job.options.preserve;
    let Err(errno) = job.sys.forget_source(draft.file.fd(), preserve.times, preserve.attributes) else {
        return Ok(true);
    };
    if job.options.best_effort_metadata && table::metadata_refused(errno) {
        report.metadata_incomplete = true;
        return Ok(true);
    }
    if table::verdict(Operation::Clone, errno) == Verdict::Stop {
        return Err(errno).at(Step::Metadata(Side::Destination));
    }
    *report = Report::default();
    report.clone_refused(errno);
    if job.options.mode == Mode::Always {
        Err(errno).at(Step::Metadata(Side::Destination))
    } else {
        Ok(false)
    }
}

/// Reports the clone as done. Returns what it is before [`still_to_preserve`] is applied.
pub fn made<S: Sys>(job: &Job<S>, draft: &Draft<S>, progress: &mut Progress) -> Result<Stat> {
    progress.tell(job.source.stat.size, job.source.stat.size)?;
    job.sys.stat(draft.file.fd()).at(Step::Metadata(Side::Destination))
}

/// The metadata still to be copied to a clone. It has the source's attributes. Its ACL has the entries that it
/// inherits from the directory besides the source's (clonefile(2)), so the ACL is set again.
pub fn still_to_preserve(options: &Options) -> Options {
    let mut left = *options;
    left.preserve.attributes = false;
    left
}
