//! Copies from name to name: opens the source once, builds the new file where nobody sees it, publishes it in one step.
//! After any error the destination's name holds what it held before, or (after publishing) the complete new file.

use core::cell::Cell;

use super::check::{check_regular, check_size_limit};
use super::clone_as_new;
use super::data::{Flow, Ownership, Stretch, whole_length};
use super::draft::{Draft, Published};
use super::job::Job;
pub(crate) use super::job::Known;
pub use super::job::Request;
use super::metadata::{self, Target, Transfer};
use super::name::Destination;
use super::node::Node;
use super::progress::STEP;
use super::source::Source;
use super::{Durability, IfExists, Mode, Options, Permissions, Progress, Reason, Report, overwrite};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::{Stat, Sys};

/// Does it, and says in `progress` what was done, whether or not it succeeds.
pub fn copy<S: Sys>(sys: &S, request: &Request, progress: &mut Progress) -> Result<()> {
    let options = request.options;
    let to = Destination::new(request.dst_dir, request.dst)?;
    let source = Source::open(sys, request.src_dir, request.src, !options.nofollow, Step::OpenSource)?;
    check_regular(&source.stat, Step::OpenSource)?;
    if options.if_exists == IfExists::Overwrite && overwrite::copy(sys, &source, &to, options, progress)? {
        return Ok(());
    }
    copy_open(sys, source, &to, options, Known::new(sys), progress)
}

/// The same of a source that is open, and known to be a regular file.
pub(crate) fn copy_open<S: Sys>(
    sys: &S,
    mut source: Source<S>,
    to: &Destination,
    options: &Options,
    known: Known<'_>,
    progress: &mut Progress,
) -> Result<()> {
    if !options.preserve.acl && options.permissions != Permissions::New {
        let from = (Node::Open(source.file.fd()), &source.stat);
        source.stat.mode = metadata::mode_without_acl(sys, from, options, &mut progress.report)?;
    }
    let litter = Cell::new(None);
    let mut job = Job { sys, source: &source, to, options, known, mode_given: known.mode_given, litter };
    let made = job.make(progress);
    let report = &mut progress.report;
    report.litter = job.litter.get();
    let draft = made?;
    report.published = true;
    draft.close(to, report)
}

impl<'s, S: Sys> Job<'s, '_, S> {
    /// Makes the copy and gives it its name.
    fn make(&mut self, progress: &mut Progress) -> Result<Draft<'s, S>> {
        let size = self.source.stat.size;
        check_size_limit(size, self.known.limit)?;
        let there = self.look_first()?;
        if self.needs_mode_given() && self.mode_given.is_none() {
            self.mode_given = Some(Draft::find_mode_given(self)?);
        }
        let cloned = clone_as_new::clone(self, progress);
        let mut draft = match cloned.map_err(|error| self.explain(error, &mut progress.report))? {
            Some(draft) => draft,
            None => Draft::create(self, there)?,
        };
        let mut outcome = self.build(&mut draft, there, progress);
        if outcome == Ok(Published::NotThisWay) {
            // It has data but cannot get a name: once more, as a file that has one from the start.
            let metadata_incomplete = progress.report.metadata_incomplete;
            progress.report = Report { metadata_incomplete, ..Report::default() };
            drop(draft);
            draft = Draft::create_private(self, None)?;
            outcome = self.build(&mut draft, there, progress);
        }
        let Err(error) = outcome else { return Ok(draft) };
        let report = &mut progress.report;
        report.published = draft.is_published(self.to, &error);
        report.clone_broke_off = report.cloned > 0 && !report.source_changed && report.cloned < size;
        draft.discard(self);
        Err(self.explain(error, report))
    }

    /// Data, metadata, sync, name: in this order. `there`: something stands under the name already.
    fn build(&self, draft: &mut Draft<'s, S>, there: bool, progress: &mut Progress) -> Result<Published> {
        let (made, options) = if draft.cloned {
            (clone_as_new::made(self, draft, progress)?, clone_as_new::still_to_preserve(self.options))
        } else {
            (self.fill(draft, there, progress)?, *self.options)
        };
        draft.made = Some(made);
        progress.report.made = made.inode;
        let stamped_at_flush = options.preserve.times && !self.known.tree.is_local(made.device);
        let close_tells = draft.is_final() && S::CLOSE_TELLS && !stamped_at_flush;
        if progress.report.copied_any() > 0 && !close_tells {
            // Errors that would come out at close must come before the name does; and servers that
            // stamp a file when its data is flushed must do so before the times are set.
            self.sys.flush(draft.file.fd()).at(Step::Close)?;
        }
        let from = (self.source.file.fd(), &self.source.stat);
        Transfer::new(self.sys, from, draft.file.fd(), &options, &mut progress.report)
            .in_tree(self.known.tree)
            .apply(&made, Target::New { given: self.mode_given })?;
        if self.options.durability == Durability::Durable {
            progress.check()?;
            self.sys.sync(draft.file.fd()).at(Step::Sync)?;
        }
        progress.check()?;
        let published = draft.publish(self, there)?;
        let durable = self.options.durability == Durability::Durable;
        if published == Published::Yes && durable && !self.known.directory_is_synced_later {
            draft.sync_directory()?;
        }
        Ok(published)
    }

    /// Brings the data over, and returns what the destination is then.
    fn fill(&self, draft: &Draft<'s, S>, there: bool, progress: &mut Progress) -> Result<Stat> {
        let stat = self.source.stat;
        if stat.size == 0 && self.known.empty {
            return self.sys.stat(draft.file.fd()).at(Step::Copy(Side::Destination));
        }
        let (from, to) = ((self.source.file.fd(), 0, stat), (draft.file.fd(), 0, 0));
        let (length, mode) = (whole_length(&stat), self.options.mode);
        let mut stretch = Stretch::new(self.sys, from, to, length, mode, Ownership::Ours, self.known.limit);
        stretch.kernel_copy = self.known.kernel_copy;
        if mode == Mode::Never {
            progress.report.reason = Reason::NotAsked;
        } else if let Some(errno) = self.known.clone_refused {
            progress.report.clone_refused(errno);
        } else if !S::CLONES_BY_NAME && self.clone(&mut stretch, progress)? == Flow::Finished {
            let in_steps = self.in_steps(progress);
            if let Some(made) = self.check_cloned(draft, &mut stretch, in_steps, &mut progress.report)? {
                return Ok(made);
            }
        }
        self.look_now()?;
        if !there {
            draft.try_name(self)?;
        }
        stretch.copy_to_end(progress)?;
        stretch.settle_size()?;
        self.check_copied(draft, &stretch, &mut progress.report)
    }

    /// Someone watches, and there is more than one step to see.
    fn in_steps(&self, progress: &Progress) -> bool {
        progress.clones_in_steps() && self.source.stat.size > STEP
    }

    fn clone(&self, stretch: &mut Stretch<S>, progress: &mut Progress) -> Result<Flow> {
        if !self.in_steps(progress) {
            return stretch.clone_file(progress);
        }
        stretch.clone_until(self.source.stat.size, progress)
    }

    /// FICLONE's 0 is not believed without the size: ZFS 2.2 cut files short and said success
    /// (openzfs#15728). `None`: it lied. One call takes the source at one instant; of several, the
    /// source may have moved in between.
    fn check_cloned(
        &self,
        draft: &Draft<S>,
        stretch: &mut Stretch<S>,
        in_steps: bool,
        report: &mut Report,
    ) -> Result<Option<Stat>> {
        let made = self.sys.stat(draft.file.fd()).at(Step::Clone(Side::Destination))?;
        let as_long = made.size == self.source.stat.size;
        if as_long && !in_steps {
            return Ok(Some(made));
        }
        report.source_changed = self
            .sys
            .stat(self.source.file.fd())
            .at(Step::Clone(Side::Source))?
            .moved_since(&self.source.stat);
        if as_long || report.source_changed {
            report.cloned = made.size;
            return Ok(Some(made));
        }
        stretch.distrust_clone(report)?;
        self.sys.set_size(draft.file.fd(), 0).at(Step::Clone(Side::Destination))?;
        Ok(None)
    }

    /// The size, last of all: what was counted must be there, and the source must not have ended
    /// early without a reason.
    fn check_copied(&self, draft: &Draft<S>, stretch: &Stretch<S>, report: &mut Report) -> Result<Stat> {
        let made = self.sys.stat(draft.file.fd()).at(Step::Copy(Side::Destination))?;
        let now = self.sys.stat(self.source.file.fd()).at(Step::Copy(Side::Source))?;
        report.source_changed = now.moved_since(&self.source.stat);
        stretch.check_end(report)?;
        if made.size == stretch.done {
            Ok(made)
        } else {
            Err(Error::new(Step::Copy(Side::Destination), Cause::Inconsistent))
        }
    }
}
