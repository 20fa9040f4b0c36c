//! Clones that are files of their own from the start, as macOS makes them: under a private name, or with DIRECT the final one.
//! They bring all metadata along; what was not asked for is taken off again before the file gets its name.

use core::ffi::CStr;

use super::file::{Draft, Job, open_parent, with_private_name};
use super::table::{self, Operation, Verdict};
use super::{Durability, IfExists, Meter, Mode, Options, Reason, Report};
use crate::error::{At, Cause, Error, Result, Step};
use crate::sys::errno::EEXIST;
use crate::sys::{Errno, Fd, Handle, Stat, Sys};

/// Makes the clone. `None`: not that kind of system, not asked for, or refused, and copying may do.
pub fn clone<'s, S: Sys>(
    job: &Job<'s, '_, S>,
    meter: &mut Meter,
    report: &mut Report,
) -> Result<Option<Draft<'s, S>>> {
    if !S::CLONES_BY_NAME || job.options.mode == Mode::Never {
        return Ok(None);
    }
    meter.tell(0, job.source.stat.size)?;
    let draft = match make(job)? {
        Ok(draft) => draft,
        Err(errno) => return refused(job, errno, report).map(|()| None),
    };
    match check(job, &draft, report) {
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

/// Under the final name where the caller wants it so and it is free, else under a private one.
fn make<'s, S: Sys>(job: &Job<'s, '_, S>) -> Result<core::result::Result<Draft<'s, S>, Errno>> {
    let (sys, options) = (job.sys, job.options);
    let clone = |dir: Fd, name: &CStr| {
        sys.clone_new(job.source.file.fd(), dir, name, options.preserve.acl).map(|fd| Handle::new(sys, fd))
    };
    if options.durability == Durability::Direct {
        match clone(job.to.dir, job.to.path) {
            Err(errno) if errno.is(EEXIST) && options.if_exists == IfExists::Replace => {}
            outcome => {
                return Ok(outcome.map(|file| Draft {
                    sys,
                    file,
                    directory: None,
                    name: None,
                    direct: true,
                    cloned: true,
                }));
            }
        }
    }
    let directory = open_parent(job, options.durability == Durability::Durable)?;
    let made = with_private_name(sys, |name| clone(directory.fd(), name));
    Ok(made.map(|(file, name)| Draft {
        sys,
        file,
        directory: Some(directory),
        name: Some(name),
        direct: false,
        cloned: true,
    }))
}

/// Notes why, and stops where copying would only hide a failure, or may not be tried.
fn refused<S: Sys>(job: &Job<S>, errno: Errno, report: &mut Report) -> Result<()> {
    if errno.is(EEXIST) {
        return Err(errno).at(Step::Create); // the destination's own name, or no private one is free
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

/// Takes from a clone what came along without being asked for, and returns what the file is then.
pub fn strip<S: Sys>(job: &Job<S>, draft: &Draft<S>, meter: &mut Meter) -> Result<Stat> {
    meter.tell(job.source.stat.size, job.source.stat.size)?;
    let (fd, preserve) = (draft.file.fd(), job.options.preserve);
    job.sys.forget_source(fd, preserve.times, preserve.attributes).at(Step::Metadata)?;
    job.sys.stat(fd).at(Step::Metadata)
}

/// What is still to be carried over to a clone: its attributes and ACL came with it.
pub fn still_to_preserve(options: &Options) -> Options {
    let mut left = *options;
    left.preserve.attributes = false;
    left.preserve.acl = false;
    left
}
