//! Clones that are files of their own from the start, as macOS makes them: under a private name, or with DIRECT the final one.
//! They bring all metadata along; what was not asked for is taken off again before the file gets its name.

use core::ffi::CStr;

use super::draft::Draft;
use super::job::Job;
use super::table::{self, Operation, Verdict};
use super::{Durability, Meter, Mode, Options, Reason, Report};
use crate::error::{At, Cause, Error, Result, Step};
use crate::sys::errno::{EAGAIN, EEXIST, EPERM};
use crate::sys::{Errno, Fd, Stat, Sys};

/// How often a call that a signal interrupted is made again, and one that answers "not yet".
const AGAIN_AT_MOST: u32 = 8;
const LATER_AT_MOST: u32 = 3;

/// Makes the clone. `None`: not that kind of system, not asked for, or refused, and copying may do.
pub fn clone<'s, S: Sys>(
    job: &Job<'s, '_, S>,
    meter: &mut Meter,
    report: &mut Report,
) -> Result<Option<Draft<'s, S>>> {
    if !S::CLONES_BY_NAME || job.options.mode == Mode::Never {
        return Ok(None);
    }
    if lets_another_group_in(job)? {
        return refused(job, Errno(EPERM), report).map(|()| None);
    }
    meter.tell(0, job.source.stat.size)?;
    let mut draft = match make(job)? {
        Ok(draft) => draft,
        Err(errno) => return refused(job, errno, report).map(|()| None),
    };
    draft.cloned = true;
    let kept = check(job, &draft, report).and_then(|good| Ok(good && strip(job, &draft, report)?));
    match kept {
        Ok(true) => Ok(Some(draft)),
        Ok(false) => {
            draft.discard(job.to);
            Ok(None)
        }
        Err(error) => {
            draft.discard(job.to);
            Err(error)
        }
    }
}

/// A clone has its source's mode from the first instant, and its directory's group until the source's is
/// given to it: whom the group's bits let in then may be others than they are for.
fn lets_another_group_in<S: Sys>(job: &Job<S>) -> Result<bool> {
    let mode = job.source.stat.mode;
    let for_the_group_alone = (mode >> 3) & !mode & 0o7;
    if !job.options.preserve.owner || for_the_group_alone == 0 {
        return Ok(false);
    }
    let directory = job.open_parent(false)?;
    Ok(job.sys.stat(directory.fd()).at(Step::Create)?.group != job.source.stat.group)
}

/// Under the final name where the caller wants it so and it is free, else under a private one.
fn make<'s, S: Sys>(job: &Job<'s, '_, S>) -> Result<core::result::Result<Draft<'s, S>, Errno>> {
    let clone = |dir: Fd, name: &CStr| attempt(job, dir, name);
    if job.options.durability == Durability::Direct {
        match Draft::make_final(job, clone) {
            Ok(None) => {}
            Ok(Some(draft)) => return Ok(Ok(draft)),
            // The destination's own name will not do, whatever is put there.
            Err(errno) if table::name_refused(errno) => return Err(errno).at(Step::Create),
            Err(errno) => return Ok(Err(errno)),
        }
    }
    let directory = job.open_parent(job.options.durability == Durability::Durable)?;
    Ok(Draft::make_private(job, directory, clone))
}

/// Makes one clone, again where that helps: as with the other ways to clone, waiting for the source's
/// blocks is only for who has no other method.
fn attempt<S: Sys>(job: &Job<S>, dir: Fd, name: &CStr) -> crate::sys::Result<Fd> {
    let (mut interrupted, mut early) = (0_u32, 0_u32);
    loop {
        let made = job.sys.clone_new(job.source.file.fd(), dir, name, job.options.preserve.acl);
        let Err(errno) = made else { return made };
        if table::verdict(Operation::Clone, errno) == Verdict::Again && interrupted < AGAIN_AT_MOST {
            interrupted = interrupted.saturating_add(1);
        } else if errno.is(EAGAIN) && job.options.mode == Mode::Always && early < LATER_AT_MOST {
            early = early.saturating_add(1);
            let _ = job.sys.sync(job.source.file.fd());
        } else {
            return made;
        }
    }
}

/// Notes why, and stops where copying would only hide a failure, or may not be tried. The table's
/// questions about the destination have their answer: it does not exist yet, so that no mark is on
/// it and no descriptor stands for it; whoever may not make it will hear so from the copy.
fn refused<S: Sys>(job: &Job<S>, errno: Errno, report: &mut Report) -> Result<()> {
    if errno.is(EEXIST) {
        return Err(errno).at(Step::Create); // no private name is free
    }
    report.reason = table::reason(errno);
    report.clone_error = errno.number().saturating_neg();
    let stop = table::verdict(Operation::Clone, errno) == Verdict::Stop;
    if stop || job.options.mode == Mode::Always { Err(errno).at(Step::Clone) } else { Ok(()) }
}

/// The size, as with every method. The clone is of one instant, at which the source may have had another size.
fn check<S: Sys>(job: &Job<S>, draft: &Draft<S>, report: &mut Report) -> Result<bool> {
    let made = job.sys.stat(draft.file.fd()).at(Step::Clone)?;
    if made.size != job.source.stat.size {
        let now = job.sys.stat(job.source.file.fd()).at(Step::Clone)?;
        report.source_changed = now.moved_since(&job.source.stat);
        if !report.source_changed {
            report.reason = Reason::Failure;
            let always = job.options.mode == Mode::Always;
            return if always { Err(Error::new(Step::Clone, Cause::Inconsistent)) } else { Ok(false) };
        }
    }
    report.clone_succeeded = true;
    report.cloned = made.size;
    Ok(true)
}

/// Takes from a clone what came along without being asked for. `false`: it cannot be had without, but
/// a copy can.
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
        return Err(errno).at(Step::Metadata);
    }
    *report = Report {
        reason: table::reason(errno),
        clone_error: errno.number().saturating_neg(),
        ..Report::default()
    };
    if job.options.mode == Mode::Always { Err(errno).at(Step::Metadata) } else { Ok(false) }
}

/// What the clone is, once it is all that it is to be but for what is still to be preserved.
pub fn made<S: Sys>(job: &Job<S>, draft: &Draft<S>, meter: &mut Meter) -> Result<Stat> {
    meter.tell(job.source.stat.size, job.source.stat.size)?;
    job.sys.stat(draft.file.fd()).at(Step::Metadata)
}

/// What is still to be carried over to a clone. Its attributes came with it; and its ACL too, but with
/// what it inherits from the directory added (clonefile(2)).
pub fn still_to_preserve(options: &Options) -> Options {
    let mut left = *options;
    left.preserve.attributes = false;
    left
}
