//! The walk through the source: one directory after another, by a loop, with open directories and single names.
//! The thread that called the library walks, makes the directories and calls the caller's functions.

use core::ffi::CStr;
use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::crew::{Batch, Crew, Finished, Part};
use super::directory::{Directory, Level, Look};
use super::file::{Copier, Fate, Outcome};
use super::into_itself::is_same;
use super::links::{Key, LinkSource, State};
use super::metadata::{self, PRIVATE};
use super::names::{Content, Names};
use super::own::Own;
use super::pace::{Pace, Way};
use super::place::Place;
use super::{Entry, EntryKind, Phase, Report, Take, Watch};
use crate::copy::{self, table};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::errno::{EEXIST, EINVAL};
use crate::sys::{Errno, Handle, Kind, Listing, Stat, Sys};

/// How many directories that are walked through are open at once, on both sides. Beyond, those far above are closed.
const OPEN_AT_MOST: usize = 20;

/// How many wait for their files though the walk has left them.
const WAITING_AT_MOST: usize = 4;

/// How many files are handed to a thread at once: all of most directories.
const BATCH: usize = 64;

/// After how many entries the caller is told how far it is.
const NEWS: u32 = 64;

/// A further name whose file is still being copied.
struct Deferred<'s, S: Sys> {
    directory: Arc<Directory<'s, S>>,
    name: CString,
    kind: EntryKind,
    key: Key,
}

/// One copy of a tree under way.
pub(super) struct Walk<'w, 's, S: Sys> {
    sys: &'s S,
    copier: &'w Copier<'s, 'w, S>,
    crew: Option<&'w Crew<'s, S>>,
    pace: Pace,
    watch: &'w mut dyn Watch,
    report: &'w mut Report,
    /// From the root down to the directory where the walk is.
    levels: Vec<Level<'s, S>>,
    /// The levels before this one are closed.
    first_open: usize,
    /// Directories that the walk has left, but whose files are not all copied.
    waiting: Vec<Level<'s, S>>,
    deferred: Vec<Deferred<'s, S>>,
    root: Arc<Directory<'s, S>>,
    root_target: Stat,
    /// What new directories must be like.
    own: Own,
    link_source: Option<LinkSource<'s, S>>,
    next_number: u64,
    news: u32,
    /// Files of the directory being read.
    batch: Names,
}

impl<'w, 's, S: Sys> Walk<'w, 's, S> {
    /// Copies all that is in the source's root into the target's, and gives that one its metadata.
    pub(super) fn run(
        copier: &'w Copier<'s, 'w, S>,
        crew: Option<&'w Crew<'s, S>>,
        watch: &'w mut dyn Watch,
        report: &'w mut Report,
        (source, target): (Handle<'s, S>, Handle<'s, S>),
        look: Look,
    ) -> Result<()> {
        let level = Level::new(Directory { source, target, place: Place::root(), number: 0 }, look);
        let Some(root) = level.directory.clone() else {
            return Err(Error::new(Step::Walk(Side::Source), Cause::Inconsistent));
        };
        let mut walk = Self {
            sys: copier.sys,
            copier,
            crew,
            pace: Pace::new(),
            watch,
            report,
            levels: vec![level],
            first_open: 0,
            waiting: Vec::new(),
            deferred: Vec::new(),
            root,
            root_target: look.target,
            own: Own::default(),
            link_source: None,
            next_number: 1,
            news: 0,
            batch: Names::default(),
        };
        let outcome = walk.all();
        if outcome.is_err() {
            copier.stop.store(true, Ordering::Relaxed);
            walk.count_the_rest();
        }
        let counts = &mut walk.report.counts;
        counts.not_reached = counts.seen.saturating_sub(counts.done());
        outcome
    }

    fn all(&mut self) -> Result<()> {
        let mut listing = Listing::new().at(Step::Walk(Side::Source))?;
        if self.levels.first().is_some_and(|root| root.look.made) {
            metadata::prepare(self.sys, &self.root)?;
        }
        self.read(&mut listing)?;
        while let Some(level) = self.levels.last_mut() {
            match level.subdirectories.pop() {
                Some((name, content)) => self.enter(&name, content, &mut listing)?,
                None => self.leave()?,
            }
        }
        while !self.waiting.is_empty() {
            self.collect(true)?;
        }
        self.look_for_cancel()?;
        self.tell(Phase::Copy, 0)
    }

    // ── Directories ──

    /// Reads the last level's directory: what is in it is copied, or kept for later.
    fn read(&mut self, listing: &mut Listing) -> Result<()> {
        let directory = self.here()?;
        listing.begin();
        loop {
            match self.sys.read_entries(directory.source.fd(), listing) {
                Ok(false) => break,
                Err(errno) if table::name_is_free(errno) && self.is_removed(&directory) => break,
                Ok(true) => {
                    for entry in listing.entries() {
                        self.listed(&directory, entry.name, entry.kind)?;
                    }
                }
                Err(errno) => {
                    self.submit(&directory)?;
                    return self.fail_directory(
                        &directory,
                        Error::new(Step::Walk(Side::Source), Cause::System(errno)),
                    );
                }
            }
        }
        self.submit(&directory)
    }

    /// Whether somebody removed a directory of the source after it was opened: then nothing is in it.
    fn is_removed(&self, directory: &Directory<S>) -> bool {
        self.sys.stat(directory.source.fd()).is_ok_and(|stat| stat.links == 0)
    }

    /// The directory where the walk is.
    fn here(&self) -> Result<Arc<Directory<'s, S>>> {
        let open = self.levels.last().and_then(|level| level.directory.clone());
        open.ok_or(Error::new(Step::Walk(Side::Source), Cause::Inconsistent))
    }

    /// One entry of the directory where the walk is.
    fn listed(&mut self, directory: &Arc<Directory<'s, S>>, name: &CStr, kind: Option<Kind>) -> Result<()> {
        let counts = &mut self.report.counts;
        counts.seen = counts.seen.saturating_add(1);
        self.tick()?;
        let kind = match kind {
            Some(kind) if !matches!(kind, Kind::CharacterDevice | Kind::Other) => EntryKind::of(kind),
            // Not every file system says it here, and none which device it is.
            _ => match self.sys.stat_name(directory.source.fd(), name) {
                Ok(stat) => EntryKind::of_stat(&stat),
                Err(errno) => return self.unopened(directory, name, EntryKind::File, errno),
            },
        };
        let content = match self.filter(directory, name, kind)? {
            Take::Whole => Content::Whole,
            Take::Empty => Content::Nothing,
            Take::LeaveOut => {
                return self.done(directory, name, kind, Fate::LeftOut, &copy::Report::default());
            }
        };
        match kind {
            EntryKind::Directory => {
                if let Some(level) = self.levels.last_mut() {
                    level.subdirectories.push(name, content);
                }
                Ok(())
            }
            EntryKind::File => {
                self.batch.push(name, content);
                if self.batch.count < BATCH { Ok(()) } else { self.submit(directory) }
            }
            _ => {
                let outcome = self.copier.node(directory, name);
                self.dealt_with(directory, name, kind, outcome)
            }
        }
    }

    fn filter(&mut self, directory: &Arc<Directory<'s, S>>, name: &CStr, kind: EntryKind) -> Result<Take> {
        if !self.watch.wants().filter {
            return Ok(Take::Whole);
        }
        let path = directory.place.path_of(name);
        let entry = Entry { kind, depth: directory.place.depth, path: &path };
        let take = self.watch.filter(&entry, directory.source.fd());
        let take = match take {
            Ok(Take::Empty) if kind != EntryKind::Directory => Err(Errno::own(EINVAL)).at(Step::Filter),
            take => take,
        };
        take.inspect_err(|_| self.report.failed_path = path.into_bytes())
    }

    /// Enters a subdirectory: opens it, makes its copy, and reads it.
    fn enter(&mut self, name: &CStr, content: Content, listing: &mut Listing) -> Result<()> {
        self.tick()?;
        let parent = self.here()?;
        let source = match self.open_source(&parent, name) {
            Ok(fd) => Handle::new(self.sys, fd),
            Err(errno) if self.copier.options.one_mount && table::is_other_mount(errno) => {
                let outcome = Outcome::without_data(self.empty_directory(&parent, name));
                return self.dealt_with(&parent, name, EntryKind::Directory, outcome);
            }
            Err(errno) => return self.unopened(&parent, name, EntryKind::Directory, errno),
        };
        match self.open_level(&parent, name, source) {
            Ok(None) => {
                self.done(&parent, name, EntryKind::Directory, Fate::LeftOut, &copy::Report::default())
            }
            Ok(Some(level)) => {
                self.levels.push(level);
                self.close_far_levels()?;
                if content == Content::Whole { self.read(listing) } else { Ok(()) }
            }
            Err(error) => self.fail(&parent, name, EntryKind::Directory, error),
        }
    }

    fn open_source(&self, parent: &Directory<S>, name: &CStr) -> crate::sys::Result<crate::sys::Fd> {
        if self.copier.options.one_mount {
            self.sys.enter_same_mount(parent.source.fd(), name)
        } else {
            self.sys.enter(parent.source.fd(), name)
        }
    }

    /// Makes the copy of a directory. `None`: it is the copy itself, which can be seen in the source by a second mount.
    fn open_level(
        &mut self,
        parent: &Directory<'s, S>,
        name: &CStr,
        source: Handle<'s, S>,
    ) -> Result<Option<Level<'s, S>>> {
        let source_stat = self.sys.stat(source.fd()).at(Step::Walk(Side::Source))?;
        if source_stat.same_file(&self.root_target)
            && is_same(self.sys, source.fd(), || self.sys.stat(self.root.target.fd()))
                .at(Step::Walk(Side::Source))?
        {
            return Ok(None);
        }
        let made = self.make_directory(parent, name)?;
        let (target, target_stat) = if made {
            metadata::enter_made(self.sys, parent.target.fd(), name).map_err(as_taken).at(Step::Create)?
        } else {
            let target = self.sys.enter(parent.target.fd(), name).map_err(as_taken).at(Step::Create)?;
            let target = Handle::new(self.sys, target);
            let stat = self.sys.stat(target.fd()).at(Step::Create)?;
            (target, stat)
        };
        if made && self.copier.merges() {
            self.own.check(self.sys, target.fd(), &target_stat)?; // in a new tree is nobody else
        }
        let number = self.next_number;
        self.next_number = self.next_number.saturating_add(1);
        let directory = Directory { source, target, place: parent.place.below(name), number };
        if made {
            metadata::prepare(self.sys, &directory)?;
        }
        let look = Look { source: source_stat, target: target_stat, made };
        Ok(Some(Level::new(directory, look)))
    }

    /// Makes a directory, which nobody else may look into until it is finished. `false`: it is there, and is merged into.
    fn make_directory(&mut self, parent: &Directory<S>, name: &CStr) -> Result<bool> {
        match self.sys.make_directory(parent.target.fd(), name, PRIVATE) {
            Err(errno) if self.copier.merges() && table::name_is_taken(errno) => {
                let there = self.sys.stat_name(parent.target.fd(), name);
                if there.is_ok_and(|there| self.copier.is_made(parent, name, &there)) {
                    return Err(Error::new(Step::Create, Cause::NameClash));
                }
                return Ok(false);
            }
            outcome => outcome.at(Step::Create).map_err(|error| self.copier.explain(error))?,
        }
        self.copier.note_made(parent, name);
        self.report.touched = true;
        Ok(true)
    }

    /// Makes the directory that a mount point becomes.
    fn empty_directory(&mut self, parent: &Directory<S>, name: &CStr) -> Result<Fate> {
        let mode = self.sys.stat_name(parent.source.fd(), name).at(Step::Walk(Side::Source))?.mode;
        if self.make_directory(parent, name)? {
            let (made, _) = metadata::enter_made(self.sys, parent.target.fd(), name).at(Step::Create)?;
            self.sys
                .set_mode(made.fd(), mode & self.copier.given.unwrap_or(0o777) & 0o777)
                .at(Step::Metadata(Side::Destination))?;
        }
        Ok(Fate::MountLeftEmpty)
    }

    /// Leaves the last level: opens the one above it again, if it was closed, and finishes it once all is in it.
    fn leave(&mut self) -> Result<()> {
        let Some(mut level) = self.levels.pop() else { return Ok(()) };
        self.reopen_parent(&level)?;
        if level.out == 0 {
            return self.finish(level);
        }
        if let Some(above) = self.levels.last_mut() {
            above.out = above.out.saturating_add(1); // what is in it is done before it is
            level.waited_for_by = Some(above.number);
        }
        self.waiting.push(level);
        while self.waiting.len() > WAITING_AT_MOST {
            self.collect(true)?;
        }
        Ok(())
    }

    /// A level whose files are under way stays open, however far up it is: those are waited for.
    fn close_far_levels(&mut self) -> Result<()> {
        while self.levels.len().saturating_sub(self.first_open) > OPEN_AT_MOST {
            while self.levels.get(self.first_open).is_some_and(|level| level.out > 0) {
                self.collect(true)?;
            }
            if let Some(level) = self.levels.get_mut(self.first_open) {
                level.directory = None;
            }
            self.first_open = self.first_open.saturating_add(1);
        }
        Ok(())
    }

    /// Climbs by "..", and looks whether it leads to where the walk came from: somebody may have moved the directory.
    fn reopen_parent(&mut self, child: &Level<'s, S>) -> Result<()> {
        let (Some(parent), Some(child)) = (self.levels.last_mut(), &child.directory) else { return Ok(()) };
        if parent.directory.is_some() {
            return Ok(());
        }
        let Some((place, _)) = child.place.in_parent() else { return Ok(()) };
        let climb = |from: &Handle<S>, expected: &Stat| -> Result<Handle<'s, S>> {
            let above = Handle::new(self.sys, self.sys.enter_parent(from.fd()).at(Step::Walk(Side::Source))?);
            let there = self.sys.stat(above.fd()).at(Step::Walk(Side::Source))?;
            if there.same_file(expected) {
                Ok(above)
            } else {
                Err(Error::new(Step::Walk(Side::Source), Cause::Inconsistent))
            }
        };
        let source = climb(&child.source, &parent.look.source)?;
        let target = climb(&child.target, &parent.look.target)?;
        let (place, number) = (Arc::clone(place), parent.number);
        parent.directory = Some(Arc::new(Directory { source, target, place, number }));
        self.first_open = self.levels.len().saturating_sub(1);
        Ok(())
    }

    /// Gives a directory its metadata, now that all is in it.
    fn finish(&mut self, level: Level<'s, S>) -> Result<()> {
        let Some(directory) = level.directory else { return Ok(()) };
        let mut file = copy::Report::default();
        let outcome = self.set_metadata(&directory, &level.look, &mut file);
        self.report.metadata_incomplete |= file.metadata_incomplete;
        match (outcome, directory.place.in_parent()) {
            (Ok(()), Some(_)) if level.failed => Ok(()),
            (Ok(()), Some((parent, name))) => {
                self.done_at(parent, name, EntryKind::Directory, Fate::Directory, &file)
            }
            // It was counted as failed when it could not be read.
            (Err(error), Some((parent, name))) if level.failed => {
                self.ask(parent, name, EntryKind::Directory, error)
            }
            (Err(error), Some(_)) => self.fail_directory(&directory, error),
            (outcome, _) => outcome,
        }
    }

    fn set_metadata(&self, directory: &Directory<S>, look: &Look, file: &mut copy::Report) -> Result<()> {
        let set = if look.made { metadata::finish(self.copier, directory, look, file) } else { Ok(()) };
        if self.copier.syncs_each {
            self.sys.sync(directory.target.fd()).at(Step::Sync)?; // also where the caller accepts that `set` failed
        }
        set
    }

    // ── Files ──

    /// Where two trees become one, and a directory may take two names for one, threads would not see each other's files.
    fn copy_before_threads(&mut self, directory: &Arc<Directory<'s, S>>) -> Result<()> {
        if self.crew.is_none() || !self.copier.merges() || directory.place.folding.is_plain() {
            return Ok(());
        }
        let names = core::mem::take(&mut self.batch);
        for name in names.iter() {
            if directory.place.folding.is_plain() {
                self.batch.push(name, Content::Whole);
            } else {
                self.tick()?;
                self.copy_file(directory, name)?;
            }
        }
        Ok(())
    }

    /// Hands the files that were read so far to the crew, or copies them here.
    fn submit(&mut self, directory: &Arc<Directory<'s, S>>) -> Result<()> {
        self.copy_before_threads(directory)?;
        if self.batch.count == 0 {
            return Ok(());
        }
        let names = core::mem::take(&mut self.batch);
        let count = names.count;
        let batch = Batch { directory: Arc::clone(directory), names };
        let Some(crew) = self.crew else { return self.copy_here(&Part::whole(batch)).map(drop) };
        self.expect(directory.number, count);
        if let Some(part) = crew.submit(batch) {
            self.copy_for(crew, &part)?;
        }
        self.collect(false)
    }

    /// Copies what was taken from the crew.
    fn copy_for(&mut self, crew: &Crew<'s, S>, part: &Arc<Part<'s, S>>) -> Result<()> {
        let copied = self.copy_here(part)?;
        crew.put_down(part);
        self.arrived(part.directory().number, copied)
    }

    /// Copies files in this thread. Returns how many, since others may have taken some.
    fn copy_here(&mut self, part: &Part<'s, S>) -> Result<usize> {
        let mut copied: usize = 0;
        for name in part.take_names() {
            self.tick()?;
            self.copy_file(part.directory(), name)?;
            copied = copied.saturating_add(1);
        }
        Ok(copied)
    }

    fn copy_file(&mut self, directory: &Arc<Directory<'s, S>>, name: &CStr) -> Result<()> {
        let copier = self.copier;
        let outcome = copier.file(directory, name, &mut |done, total| self.step(done, total));
        if let Some(crew) = self.crew {
            crew.count(&outcome);
            self.keep_pace();
        }
        self.dealt_with(directory, name, EntryKind::File, outcome)
    }

    /// Has the other threads rest where they gain nothing.
    fn keep_pace(&mut self) {
        let Some(crew) = self.crew else { return };
        if let Some(way) = self.pace.look(Instant::now(), crew.done(), || crew.is_at_rest()) {
            crew.rest(way == Way::Alone);
        }
    }

    /// Between two steps of a file: whether to go on.
    fn step(&mut self, done: u64, total: u64) -> bool {
        self.keep_pace();
        let stop = self.watch.cancelled() || self.copier.stop.load(Ordering::Relaxed);
        let between = done > 0 && done < total;
        !stop && (!between || self.tell(Phase::Copy, done).is_ok())
    }

    /// So many more entries of a directory will be dealt with later, or elsewhere.
    fn expect(&mut self, number: u64, count: usize) {
        if let Some(level) = self.level(number) {
            level.out = level.out.saturating_add(count);
        }
    }

    fn level(&mut self, number: u64) -> Option<&mut Level<'s, S>> {
        match self.levels.binary_search_by_key(&number, |level| level.number) {
            Ok(at) => self.levels.get_mut(at),
            Err(_) => self.waiting.iter_mut().find(|level| level.number == number),
        }
    }

    /// So many of them are dealt with. Finishes the directory if they were the last ones, and those that waited for it.
    fn arrived(&mut self, number: u64, count: usize) -> Result<()> {
        let mut next = Some((number, count));
        while let Some((number, count)) = next.take() {
            let Some(level) = self.level(number) else { return Ok(()) };
            level.out = level.out.saturating_sub(count);
            if let Some(at) = self.waiting.iter().position(|level| level.number == number && level.out == 0) {
                let level = self.waiting.swap_remove(at);
                next = level.waited_for_by.map(|above| (above, 1));
                self.finish(level)?;
            }
        }
        Ok(())
    }

    /// Takes over what the crew has done. `wait`: until there is something; copies files itself rather than be idle.
    fn collect(&mut self, wait: bool) -> Result<()> {
        let Some(crew) = self.crew else { return self.retry_deferred() };
        let mut wait = wait;
        loop {
            if let Some(finished) = crew.take_finished() {
                self.take_over(finished)?;
                wait = false;
            } else if !wait {
                return self.retry_deferred();
            } else if let Some(part) = crew.take_over() {
                self.copy_for(crew, &part)?;
                wait = false;
            } else {
                self.look_for_cancel()?;
                if self.copier.stop.load(Ordering::Relaxed) {
                    return self.stopped(cancelled());
                }
                self.tell(Phase::Copy, 0)?; // also while there is only one large file left
                wait = crew.wait();
            }
        }
    }

    fn take_over(&mut self, finished: Finished<'s, S>) -> Result<()> {
        let (number, count) = (finished.part.directory().number, finished.outcomes.len());
        self.all_dealt_with(finished)?;
        self.arrived(number, count)
    }

    /// Also where one of them ends the call, what became of the others counts.
    fn all_dealt_with(&mut self, finished: Finished<'s, S>) -> Result<()> {
        let Finished { part, outcomes } = finished;
        let mut each = part.names().zip(outcomes);
        while let Some((name, outcome)) = each.next() {
            let dealt_with = self.dealt_with(part.directory(), name, EntryKind::File, outcome);
            if dealt_with.is_err() {
                each.for_each(|(_, outcome)| self.count_only(&outcome));
                return dealt_with;
            }
        }
        Ok(())
    }

    fn count_only(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Done(fate, report) => self.report.count(*fate, report),
            Outcome::Failed(_, report) => self.report.note(report),
            Outcome::Further(_) | Outcome::Changed => {}
        }
    }

    /// After the failure that is reported: waits for the crew, and counts what it still finished.
    fn count_the_rest(&mut self) {
        let Some(crew) = self.crew else { return };
        crew.forget();
        while crew.wait() {
            while let Some(finished) = crew.take_finished() {
                finished.outcomes.iter().for_each(|outcome| self.count_only(outcome));
            }
        }
    }

    // ── Hard links ──

    /// A further name of a file that was seen before.
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
            State::Made(made) => {
                let from = if Arc::ptr_eq(&made.place, &directory.place) {
                    Ok(directory.target.fd())
                } else {
                    LinkSource::find(self.sys, &mut self.link_source, self.root.target.fd(), &made.place)
                };
                match from.and_then(|from| self.copier.link((from, &made.name), directory, name)) {
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
        }
    }

    fn copy_anew(&mut self, directory: &Arc<Directory<'s, S>>, name: &CStr, kind: EntryKind) -> Result<()> {
        if kind == EntryKind::File {
            return self.copy_file(directory, name);
        }
        let outcome = self.copier.node(directory, name);
        self.dealt_with(directory, name, kind, outcome)
    }

    /// Makes the further names whose file is copied now.
    fn retry_deferred(&mut self) -> Result<()> {
        for Deferred { directory, name, kind, key } in core::mem::take(&mut self.deferred) {
            self.further(&directory, &name, kind, key)?;
            self.arrived(directory.number, 1)?;
        }
        Ok(())
    }

    // ── What became of an entry ──

    fn dealt_with(
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

    /// An entry is no longer what the directory said: it is taken as what it is now, once.
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

    /// An entry of the source that could not be opened, or looked at.
    fn unopened(
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

    fn done(
        &mut self,
        directory: &Directory<S>,
        name: &CStr,
        kind: EntryKind,
        fate: Fate,
        report: &copy::Report,
    ) -> Result<()> {
        self.done_at(&directory.place, name, kind, fate, report)
    }

    fn done_at(
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

    /// Tells the caller of an entry that is in the copy, a file of so many bytes.
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

    fn fail(&mut self, directory: &Directory<S>, name: &CStr, kind: EntryKind, error: Error) -> Result<()> {
        self.fail_at(&directory.place, name, kind, error)
    }

    /// The failure of a directory that is entered already.
    fn fail_directory(&mut self, directory: &Arc<Directory<'s, S>>, error: Error) -> Result<()> {
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

    /// Ends the call with the error, unless the caller says that it goes on.
    fn ask(&mut self, place: &Place, name: &CStr, kind: EntryKind, error: Error) -> Result<()> {
        let path = place.path_of(name);
        let entry = Entry { kind, depth: place.depth, path: &path };
        let asked = self.watch.wants().errors && !self.copier.ends_it(&error);
        if asked && self.watch.on_error(&entry, &error) {
            return Ok(());
        }
        self.report.failed_path = path.into_bytes();
        Err(error)
    }

    // ── The caller ──

    /// Before each entry: whether to go on, and now and then how far it is.
    fn tick(&mut self) -> Result<()> {
        self.look_for_cancel()?;
        if self.copier.stop.load(Ordering::Relaxed) {
            return self.stopped(cancelled());
        }
        self.news = self.news.saturating_add(1);
        if self.news < NEWS {
            return Ok(());
        }
        self.tell(Phase::Copy, 0)
    }

    fn look_for_cancel(&self) -> Result<()> {
        if self.watch.cancelled() { Err(cancelled()) } else { Ok(()) }
    }

    /// A file was broken off: since the caller wants to stop, or since another thread failed, whose error is found then.
    fn stopped(&mut self, error: Error) -> Result<()> {
        let Some(crew) = self.crew.filter(|_| self.copier.stop.load(Ordering::Relaxed)) else {
            return Err(error);
        };
        loop {
            while let Some(mut finished) = crew.take_finished() {
                finished.outcomes.retain(|outcome| !outcome.is_cancelled()); // it is the last of its part
                self.all_dealt_with(finished)?;
            }
            if !crew.wait() {
                return Err(error);
            }
        }
    }

    /// Tells the caller how far it is, `current` bytes of a file that is being copied among it.
    fn tell(&mut self, phase: Phase, current: u64) -> Result<()> {
        self.news = 0;
        if !self.watch.wants().progress {
            return Ok(());
        }
        let counts = &self.report.counts;
        let progress = super::Progress {
            phase,
            entries_done: counts.done(),
            entries_seen: counts.seen,
            bytes_done: counts.bytes().saturating_add(current),
            directories_open: self.levels.len().saturating_add(self.waiting.len()) as u64,
        };
        if self.watch.progress(&progress) { Ok(()) } else { Err(cancelled()) }
    }
}

/// The error of a call that the caller wants to end.
pub(super) const fn cancelled() -> Error {
    Error::new(Step::Progress, Cause::Cancelled)
}

/// What stands where a directory is to be is something else.
fn as_taken(errno: Errno) -> Errno {
    if table::not_as_listed(errno) { Errno::own(EEXIST) } else { errno }
}
