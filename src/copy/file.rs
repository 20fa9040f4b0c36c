//! Copies from name to name: opens the source once, builds the new file where nobody sees it, publishes it in one step.
//! After any error the destination's name holds what it held before, or (after publishing) the complete new file.

use super::check::check_size_limit;
use super::clone_as_new;
use super::data::{Flow, Ownership, Stretch};
use super::draft::{Draft, Published};
pub use super::job::Request;
use super::job::{Job, Source};
use super::metadata::{Permissions, Transfer};
use super::name::Destination;
use super::progress::STEP;
use super::{Durability, Meter, Mode, Reason, Report};
use crate::error::{At, Cause, Error, Result, Step};
use crate::sys::{Stat, Sys};

/// Does it, and says in `report` what was done, whether or not it succeeds.
pub fn copy<S: Sys>(sys: &S, request: &Request, meter: &mut Meter, report: &mut Report) -> Result<()> {
    let to = Destination::new(request.dst_dir, request.dst)?;
    let source = Source::open(sys, request)?;
    let job = Job { sys, source: &source, to: &to, options: request.options, limit: sys.size_limit() };
    check_size_limit(source.stat.size, job.limit)?;
    let replaces = job.replaces() && job.check_replaceable()?;

    let mut draft = match clone_as_new::clone(&job, meter, report)? {
        Some(draft) => draft,
        None => Draft::create(&job)?,
    };
    let mut outcome = job.build(&mut draft, replaces, meter, report);
    if outcome == Ok(Published::NotThisWay) {
        // It has data but cannot get a name: once more, as a file that has one from the start.
        *report = Report::default();
        drop(draft);
        draft = Draft::create_private(&job, None)?;
        outcome = job.build(&mut draft, replaces, meter, report);
    }
    if let Err(error) = outcome {
        draft.discard(&to);
        return Err(error);
    }
    draft.close(source, &to, report)
}

impl<'s, S: Sys> Job<'s, '_, S> {
    /// Data, metadata, sync, name: in this order.
    fn build(
        &self,
        draft: &mut Draft<'s, S>,
        replaces: bool,
        meter: &mut Meter,
        report: &mut Report,
    ) -> Result<Published> {
        let (made, options) = if draft.cloned {
            (clone_as_new::made(self, draft, meter)?, clone_as_new::still_to_preserve(self.options))
        } else {
            (self.fill(draft, meter, report)?, *self.options)
        };
        let from = (self.source.file.fd(), &self.source.stat);
        Transfer::new(self.sys, from, draft.file.fd(), &options).apply(
            &made,
            Permissions::FollowSource,
            &options,
            report,
        )?;
        if self.options.durability == Durability::Durable {
            self.sys.sync(draft.file.fd()).at(Step::Sync)?;
        }
        if report.copied_any() > 0 && !(draft.is_final() && S::CLOSE_TELLS) {
            // Errors that would come out at close must come before the name does.
            self.sys.flush(draft.file.fd()).at(Step::Close)?;
        }
        let published = draft.publish(self, replaces)?;
        if published == Published::Yes && self.options.durability == Durability::Durable {
            draft.sync_directory()?;
        }
        Ok(published)
    }

    /// Brings the data over, and returns what the destination is then.
    fn fill(&self, draft: &Draft<S>, meter: &mut Meter, report: &mut Report) -> Result<Stat> {
        let stat = self.source.stat;
        let (src, dst) = (self.source.file.fd(), draft.file.fd());
        let length = if stat.size == 0 { i64::MAX.unsigned_abs() } else { stat.size };
        let mode = self.options.mode;
        let mut stretch =
            Stretch::new(self.sys, (src, 0, stat), (dst, 0, 0), length, mode, Ownership::Ours, self.limit);
        if mode == Mode::Never {
            report.reason = Reason::NotAsked;
        } else if !S::CLONES_BY_NAME && self.clone(&mut stretch, draft, meter, report)? == Flow::Finished {
            let in_steps = self.in_steps(meter);
            if let Some(made) = self.check_cloned(&mut stretch, in_steps, report)? {
                return Ok(made);
            }
        }
        draft.check_name_free(self)?;
        stretch.copy_to_end(report, meter)?;
        stretch.settle_size()?;
        self.check_copied(&stretch, report)
    }

    /// Someone watches, and there is more than one step to see.
    fn in_steps(&self, meter: &Meter) -> bool {
        meter.listens() && self.source.stat.size > STEP
    }

    fn clone(
        &self,
        stretch: &mut Stretch<S>,
        draft: &Draft<S>,
        meter: &mut Meter,
        report: &mut Report,
    ) -> Result<Flow> {
        if self.in_steps(meter) {
            draft.check_name_free(self)?;
            return stretch.clone_until(self.source.stat.size, report, meter);
        }
        stretch.length = self.source.stat.size;
        let flow = stretch.clone_file(report, meter)?;
        if stretch.sizeless {
            stretch.length = i64::MAX.unsigned_abs();
        }
        Ok(flow)
    }

    /// FICLONE's 0 is not believed without the size: ZFS 2.2 cut files short and said success
    /// (openzfs#15728). `None`: it lied. One call takes the source at one instant; of several, the
    /// source may have moved in between.
    fn check_cloned(
        &self,
        stretch: &mut Stretch<S>,
        in_steps: bool,
        report: &mut Report,
    ) -> Result<Option<Stat>> {
        let made = self.sys.stat(stretch.dst).at(Step::Clone)?;
        let as_long = made.size == self.source.stat.size;
        if as_long && !in_steps {
            return Ok(Some(made));
        }
        report.source_changed = self.sys.stat(stretch.src).at(Step::Clone)?.moved_since(&self.source.stat);
        if as_long || report.source_changed {
            report.cloned = made.size;
            return Ok(Some(made));
        }
        report.cloned = 0;
        report.clone_succeeded = false;
        report.reason = Reason::Failure;
        if self.options.mode == Mode::Always {
            return Err(Error::new(Step::Clone, Cause::Inconsistent));
        }
        self.sys.set_size(stretch.dst, 0).at(Step::Clone)?;
        stretch.done = 0;
        Ok(None)
    }

    /// The size, last of all: what was counted must be there, and the source must not have ended
    /// early without a reason.
    fn check_copied(&self, stretch: &Stretch<S>, report: &mut Report) -> Result<Stat> {
        let made = self.sys.stat(stretch.dst).at(Step::Copy)?;
        let now = self.sys.stat(stretch.src).at(Step::Copy)?;
        report.source_changed = now.moved_since(&stretch.src_stat);
        stretch.check_end(report)?;
        if made.size == stretch.done { Ok(made) } else { Err(Error::new(Step::Copy, Cause::Inconsistent)) }
    }
}
