//! Walks through the source, one directory after another: a loop over open directories, which uses names and no paths.
//! The thread that called the library walks, makes the directories and calls the caller's functions.

mod became;
mod directories;
mod files;

use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::directory::{Directory, Level, Look};
use super::file::Copier;
use super::links::{Key, LinkSource};
use super::metadata;
use super::names::Names;
use super::own::Own;
use super::pace::Pace;
use super::place::Place;
use super::pool::Pool;
use super::{EntryKind, Phase, Progress, Report, Watch};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::{Handle, Listing, Stat, Sys};

/// After so many entries progress is reported.
const REPORT_EVERY: u32 = 64;

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
    pool: Option<&'w Pool<'s, S>>,
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
    /// What this process's new directories look like.
    own: Own,
    link_source: Option<LinkSource<'s, S>>,
    next_number: u64,
    /// Entries since progress was reported.
    unreported: u32,
    /// Files of the directory being read.
    batch: Names,
}

impl<'w, 's, S: Sys> Walk<'w, 's, S> {
    /// Copies all that is in the source's root into the target's, and gives that one its metadata.
    pub(super) fn run(
        copier: &'w Copier<'s, 'w, S>,
        pool: Option<&'w Pool<'s, S>>,
        watch: &'w mut dyn Watch,
        report: &'w mut Report,
        (source, target): (Handle<'s, S>, Handle<'s, S>),
        look: Look,
    ) -> Result<()> {
        let (place, inodes) = (Place::root(), look.inodes());
        let level = Level::new(Directory { source, target, place, number: 0, inodes }, look);
        let Some(root) = level.directory.clone() else {
            return Err(Error::new(Step::Walk(Side::Source), Cause::Inconsistent));
        };
        let mut walk = Self {
            sys: copier.sys,
            copier,
            pool,
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
            unreported: 0,
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
        self.tell(Phase::Copy, 0)?;
        self.look_for_cancel() // a merge looks no more after this
    }

    /// Called before each entry: ends the call if the caller cancels, and reports progress now and then.
    fn tick(&mut self) -> Result<()> {
        self.look_for_cancel()?;
        if self.copier.stop.load(Ordering::Relaxed) {
            return self.stopped(cancelled());
        }
        self.unreported = self.unreported.saturating_add(1);
        if self.unreported < REPORT_EVERY {
            return Ok(());
        }
        self.tell(Phase::Copy, 0)
    }

    fn look_for_cancel(&self) -> Result<()> {
        if self.watch.cancelled() { Err(cancelled()) } else { Ok(()) }
    }

    /// Called where a file was stopped. If another thread failed, finds and handles its error; else the caller cancels, which is
    /// `error`.
    fn stopped(&mut self, error: Error) -> Result<()> {
        let Some(pool) = self.pool.filter(|_| self.copier.stop.load(Ordering::Relaxed)) else {
            return Err(error);
        };
        loop {
            while let Some(mut finished) = pool.take_finished() {
                finished.outcomes.retain(|outcome| !outcome.is_cancelled()); // it is the last of its part
                self.all_dealt_with(finished)?;
            }
            if !pool.wait() {
                return Err(error);
            }
        }
    }

    /// Reports progress. `current`: the bytes done of a file that is being copied.
    fn tell(&mut self, phase: Phase, current: u64) -> Result<()> {
        self.unreported = 0;
        if !self.watch.wants().progress {
            return Ok(());
        }
        let counts = &self.report.counts;
        let progress = Progress {
            phase,
            entries_done: counts.done(),
            entries_seen: counts.seen,
            bytes_done: counts.bytes().saturating_add(current),
            directories_open: self.levels.len().saturating_add(self.waiting.len()) as u64,
        };
        if self.watch.progress(&progress) { Ok(()) } else { Err(cancelled()) }
    }
}

/// The error of a call that the caller cancels.
pub(super) const fn cancelled() -> Error {
    Error::new(Step::Progress, Cause::Cancelled)
}
