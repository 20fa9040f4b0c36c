//! Handles the outcome of each entry: counts it and tells the caller, or asks what to do about a failure.
//! Makes the further names of files, at once or after the file is copied.

use core::ffi::CStr;
use std::sync::Arc;

use super::{Deferred, Walk, cancelled};
use crate::copy::{self, table};
use crate::error::{Cause, Error, Result, Side, Step};
use crate::sys::{Errno, Kind, Sys};
use crate::tree::directory::Directory;
use crate::tree::file::{Fate, Outcome};
use crate::tree::links::{Key, LinkSource, Made, State};
use crate::tree::place::Place;
use crate::tree::{Entry, EntryKind};

impl<'s, S: Sys> Walk<'_, 's, S> {
    /// Handles a further name of a file that was seen before.
    fn further(
        &mut self,
        directory: &Arc<Directory<'s, S>>,
        name: &CStr,
        kind: EntryKind,
        key: Key,
    ) -> Result<()> {
        match self.copier.links.state(key) {
            State::Absent => self.copy_anew(directory, name, kind),
            State::UnderWay => {
                self.expect(directory.number, 1);
                self.deferred.push(Deferred {
                    directory: Arc::clone(directory),
                    name: name.into(),
                    kind,
                    key,
                });
                Ok(())
            }
            State::Made(made) => self.link(directory, name, kind, key, &made),
        }
    }

    /// Links the copy of a file under a further name. Where the copy can have no more names, copies the file anew.
    fn link(
        &mut self,
        directory: &Arc<Directory<'s, S>>,
        name: &CStr,
        kind: EntryKind,
        key: Key,
        made: &Made,
    ) -> Result<()> {
        let from = if Arc::ptr_eq(&made.place, &directory.place) {
            Ok(directory.target.fd())
        } else {
            LinkSource::find(self.sys, &mut self.link_source, self.root.target.fd(), &made.place)
        };
        match from.and_then(|from| self.copier.link((from, made), directory, name)) {
            Ok(Some(fate)) => {
                self.copier.links.used(key);
                let report = copy::Report::default();
                self.report.count(fate, &report);
                self.tell_done(&directory.place, name, kind, (fate, made.length), &report)
            }
            Ok(None) => {
                self.copier.links.failed(key);
                self.copy_anew(directory, name, kind)
            }
            Err(error) => self.fail(directory, name, kind, error),
        }
    }

    fn copy_anew(&mut self, directory: &Arc<Directory<'s, S>>, name: &CStr, kind: EntryKind) -> Result<()> {
        if kind == EntryKind::File {
            return self.copy_file(directory, name);
        }
        let outcome = self.copier.node(directory, name);
        self.dealt_with(directory, name, kind, outcome)
    }

    /// Makes the further names that waited for a file, if it is copied now.
    pub(super) fn retry_deferred(&mut self) -> Result<()> {
        for Deferred { directory, name, kind, key } in core::mem::take(&mut self.deferred) {
            self.further(&directory, &name, kind, key)?;
            self.arrived(directory.number, 1)?;
        }
        Ok(())
    }

    // ── Outcomes ──

    pub(super) fn dealt_with(
        &mut self,
        directory: &Arc<Directory<'s, S>>,
        name: &CStr,
        kind: EntryKind,
        outcome: Outcome,
    ) -> Result<()> {
        match outcome {
            Outcome::Done(fate, report) => self.done(directory, name, kind, fate, &report),
            Outcome::Further(key) => self.further(directory, name, kind, key),
            Outcome::Changed => self.changed(directory, name),
            Outcome::Failed(error, _) if outcome.is_cancelled() => self.stopped(error),
            Outcome::Failed(error, report) => {
                self.report.note(&report);
                self.fail(directory, name, kind, error)
            }
        }
    }

    /// An entry is of another type than the directory listed: copies it as what it is now. A second change is a failure.
    fn changed(&mut self, directory: &Arc<Directory<'s, S>>, name: &CStr) -> Result<()> {
        let copier = self.copier;
        let (kind, outcome) = match self.sys.stat_name(directory.source.fd(), name) {
            Ok(stat) if stat.kind == Kind::Regular => {
                (EntryKind::File, copier.file(directory, name, &mut |done, total| self.step(done, total)))
            }
            Ok(stat) if stat.kind == Kind::Directory => (EntryKind::Directory, Outcome::Changed),
            Ok(stat) => (EntryKind::of_stat(&stat), copier.node(directory, name)),
            Err(errno) => return self.unopened(directory, name, EntryKind::File, errno),
        };
        match outcome {
            Outcome::Changed => {
                self.fail(directory, name, kind, Error::new(Step::Walk(Side::Source), Cause::Inconsistent))
            }
            outcome => self.dealt_with(directory, name, kind, outcome),
        }
    }

    /// Handles an entry of the source that could not be opened or looked at.
    pub(super) fn unopened(
        &mut self,
        directory: &Arc<Directory<'s, S>>,
        name: &CStr,
        kind: EntryKind,
        errno: Errno,
    ) -> Result<()> {
        if table::name_is_free(errno) {
            return self.done(directory, name, kind, Fate::Vanished, &copy::Report::default());
        }
        if kind == EntryKind::Directory && table::not_as_listed(errno) {
            return self.changed(directory, name);
        }
        self.fail(directory, name, kind, Error::new(Step::OpenSource, Cause::System(errno)))
    }

    pub(super) fn done(
        &mut self,
        directory: &Directory<S>,
        name: &CStr,
        kind: EntryKind,
        fate: Fate,
        report: &copy::Report,
    ) -> Result<()> {
        self.done_at(&directory.place, name, kind, fate, report)
    }

    pub(super) fn done_at(
        &mut self,
        place: &Place,
        name: &CStr,
        kind: EntryKind,
        fate: Fate,
        report: &copy::Report,
    ) -> Result<()> {
        self.report.count(fate, report);
        self.tell_done(place, name, kind, (fate, report.total()), report)
    }

    /// Tells the caller of an entry that was copied. `length`: that of a file.
    fn tell_done(
        &mut self,
        place: &Place,
        name: &CStr,
        kind: EntryKind,
        (fate, length): (Fate, u64),
        report: &copy::Report,
    ) -> Result<()> {
        if !self.watch.wants().done || !fate.is_copied() {
            return Ok(());
        }
        let path = place.path_of(name);
        let entry = Entry { kind, depth: place.depth, path: &path };
        if self.watch.on_done(&entry, length, report) { Ok(()) } else { Err(cancelled()) }
    }

    pub(super) fn fail(
        &mut self,
        directory: &Directory<S>,
        name: &CStr,
        kind: EntryKind,
        error: Error,
    ) -> Result<()> {
        self.fail_at(&directory.place, name, kind, error)
    }

    /// Handles the failure of a directory that was entered.
    pub(super) fn fail_directory(&mut self, directory: &Arc<Directory<'s, S>>, error: Error) -> Result<()> {
        let Some((parent, name)) = directory.place.in_parent() else { return Err(error) };
        self.fail_at(parent, name, EntryKind::Directory, error)?;
        if let Some(level) = self.level(directory.number) {
            level.failed = true;
        }
        Ok(())
    }

    fn fail_at(&mut self, place: &Place, name: &CStr, kind: EntryKind, error: Error) -> Result<()> {
        self.ask(place, name, kind, error)?;
        self.report.count(Fate::Failed, &copy::Report::default());
        Ok(())
    }

    /// Ends the call with the error, unless the caller skips it.
    pub(super) fn ask(&mut self, place: &Place, name: &CStr, kind: EntryKind, error: Error) -> Result<()> {
        let path = place.path_of(name);
        let entry = Entry { kind, depth: place.depth, path: &path };
        let asked = self.watch.wants().errors && !self.copier.ends_it(&error);
        if asked && self.watch.on_error(&entry, &error) {
            return Ok(());
        }
        self.report.failed_path = path.into_bytes();
        Err(error)
    }
}
