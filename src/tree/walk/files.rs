//! Has files copied: gives them to the pool, copies them in this thread, or takes them over from the pool; handles outcomes.
//! Where helpers gain nothing, it has them rest.

use core::ffi::CStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Walk, cancelled};
use crate::error::Result;
use crate::sys::Sys;
use crate::tree::directory::{Directory, Level};
use crate::tree::file::Outcome;
use crate::tree::names::Content;
use crate::tree::pace::Way;
use crate::tree::pool::{Batch, Finished, Part, Pool};
use crate::tree::{EntryKind, Phase};

impl<'s, S: Sys> Walk<'_, 's, S> {
    /// In a merge, copies files in this thread while the directory may fold names: threads would not see each other's files.
    fn copy_before_threads(&mut self, directory: &Arc<Directory<'s, S>>) -> Result<()> {
        if self.pool.is_none() || !self.copier.merges() || directory.place.folding.is_plain() {
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

    /// Hands the files that were read so far to the pool, or copies them here.
    pub(super) fn submit(&mut self, directory: &Arc<Directory<'s, S>>) -> Result<()> {
        self.copy_before_threads(directory)?;
        if self.batch.count == 0 {
            return Ok(());
        }
        let names = core::mem::take(&mut self.batch);
        let count = names.count;
        let batch = Batch { directory: Arc::clone(directory), names };
        let Some(pool) = self.pool else { return self.copy_here(&Part::whole(batch)).map(drop) };
        self.expect(directory.number, count);
        if let Some(part) = pool.submit(batch) {
            self.copy_for(pool, &part)?;
        }
        self.collect(false)
    }

    /// Copies what was taken from the pool.
    fn copy_for(&mut self, pool: &Pool<'s, S>, part: &Arc<Part<'s, S>>) -> Result<()> {
        let copied = self.copy_here(part)?;
        pool.put_down(part);
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

    pub(super) fn copy_file(&mut self, directory: &Arc<Directory<'s, S>>, name: &CStr) -> Result<()> {
        let copier = self.copier;
        let outcome = copier.file(directory, name, &mut |done, total| self.step(done, total));
        if let Some(pool) = self.pool {
            pool.count(&outcome);
            self.keep_pace();
        }
        self.dealt_with(directory, name, EntryKind::File, outcome)
    }

    /// Has the helpers rest where they gain nothing.
    fn keep_pace(&mut self) {
        let Some(pool) = self.pool else { return };
        if let Some(way) = self.pace.look(self.sys.now(), pool.done(), || pool.is_at_rest()) {
            pool.rest(way == Way::Alone);
        }
    }

    /// Called between two steps of a file: whether to go on.
    pub(super) fn step(&mut self, done: u64, total: u64) -> bool {
        self.keep_pace();
        let stop = self.watch.cancelled() || self.copier.stop.load(Ordering::Relaxed);
        let between = done > 0 && done < total;
        !stop && (!between || self.tell(Phase::Copy, done).is_ok())
    }

    /// Notes that so many more entries of a directory are under way.
    pub(super) fn expect(&mut self, number: u64, count: usize) {
        if let Some(level) = self.level(number) {
            level.out = level.out.saturating_add(count);
        }
    }

    /// The directory of that number, if it is not finished.
    pub(super) fn level(&mut self, number: u64) -> Option<&mut Level<'s, S>> {
        match self.levels.binary_search_by_key(&number, |level| level.number) {
            Ok(at) => self.levels.get_mut(at),
            Err(_) => self.waiting.iter_mut().find(|level| level.number == number),
        }
    }

    /// Notes that so many of them are done. Finishes the directory if the walk has left it and they were the last ones, and
    /// then the directories that waited for it.
    pub(super) fn arrived(&mut self, number: u64, count: usize) -> Result<()> {
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

    /// Handles what the pool has finished. `wait`: waits until it has finished something, and copies files itself meanwhile.
    pub(super) fn collect(&mut self, wait: bool) -> Result<()> {
        let Some(pool) = self.pool else { return self.retry_deferred() };
        let mut wait = wait;
        loop {
            if let Some(finished) = pool.take_finished() {
                self.handle(finished)?;
                wait = false;
            } else if !wait {
                return self.retry_deferred();
            } else if let Some(part) = pool.take_over() {
                self.copy_for(pool, &part)?;
                wait = false;
            } else {
                self.look_for_cancel()?;
                if self.copier.stop.load(Ordering::Relaxed) {
                    return self.stopped(cancelled());
                }
                self.tell(Phase::Copy, 0)?; // also while there is only one large file left
                wait = pool.wait();
            }
        }
    }

    fn handle(&mut self, finished: Finished<'s, S>) -> Result<()> {
        let (number, count) = (finished.part.directory().number, finished.outcomes.len());
        self.all_dealt_with(finished)?;
        self.arrived(number, count)
    }

    /// Handles each outcome of a part. If one ends the call, the others are still counted.
    pub(super) fn all_dealt_with(&mut self, finished: Finished<'s, S>) -> Result<()> {
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

    /// After the error that ends the call: waits for the pool, and counts what it still finishes.
    pub(super) fn count_the_rest(&mut self) {
        let Some(pool) = self.pool else { return };
        pool.forget();
        while pool.wait() {
            while let Some(finished) = pool.take_finished() {
                finished.outcomes.iter().for_each(|outcome| self.count_only(outcome));
            }
        }
    }
}
