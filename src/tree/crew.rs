//! The threads that copy files for the one that walks: batches of names go out, what became of each comes back.
//! They call none of the caller's functions, take no signals, and end before the call returns.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::directory::Directory;
use super::file::{Copier, Outcome};
use super::names::Names;
use crate::sys::{SignalsBlocked, Sys};

/// How often the thread that waits for the others tells the caller, who may want to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Enough for a copy, which goes a few functions deep and has its buffers elsewhere.
const STACK: usize = 256 << 10;

/// Files of one directory.
pub(super) struct Batch<'s, S: Sys> {
    pub(super) directory: Arc<Directory<'s, S>>,
    pub(super) names: Names,
}

/// What became of them, in their order. Where the call was stopped the last ones have no outcome.
pub(super) struct Finished<'s, S: Sys> {
    pub(super) batch: Batch<'s, S>,
    pub(super) outcomes: Vec<Outcome>,
}

struct State<'s, S: Sys> {
    waiting: VecDeque<Batch<'s, S>>,
    finished: VecDeque<Finished<'s, S>>,
    /// Batches that threads are copying.
    working: usize,
    closed: bool,
}

impl<S: Sys> State<'_, S> {
    fn close(&mut self) {
        self.closed = true;
        self.waiting.clear();
    }
}

/// What the threads share.
pub(super) struct Crew<'s, S: Sys> {
    state: Mutex<State<'s, S>>,
    /// How many batches may wait for a thread: one more than there are threads. With more, the walk is so far ahead that
    /// XFS has both make files in one of its allocation groups, which it gives to new directories by turns (four on a
    /// small volume): two threads then took 1.15 of the time of one, and with this number 0.7.
    waiting_at_most: usize,
    /// There is a batch, or no more will come.
    work: Condvar,
    /// A batch is finished.
    news: Condvar,
}

impl<'s, S: Sys> Crew<'s, S> {
    /// For so many threads besides the one that walks.
    pub(super) fn new(helpers: u32) -> Self {
        let state = State { waiting: VecDeque::new(), finished: VecDeque::new(), working: 0, closed: false };
        let waiting_at_most = (helpers as usize).saturating_add(1);
        Self { state: Mutex::new(state), waiting_at_most, work: Condvar::new(), news: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State<'s, S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a batch to the threads, or back where enough of them wait, or no thread will come for it.
    pub(super) fn submit(&self, batch: Batch<'s, S>) -> Option<Batch<'s, S>> {
        let mut state = self.state();
        if state.closed || state.waiting.len() >= self.waiting_at_most {
            return Some(batch);
        }
        state.waiting.push_back(batch);
        drop(state);
        self.work.notify_one();
        None
    }

    /// Takes back a batch that no thread has begun.
    pub(super) fn take_back(&self) -> Option<Batch<'s, S>> {
        self.state().waiting.pop_back()
    }

    /// Takes what a thread has finished. `None`: nothing yet.
    pub(super) fn take_finished(&self) -> Option<Finished<'s, S>> {
        self.state().finished.pop_front()
    }

    /// Waits a moment for news. `false`: no thread has anything to do.
    pub(super) fn wait(&self) -> bool {
        let state = self.state();
        if !state.finished.is_empty() {
            return true;
        }
        if state.working == 0 && state.waiting.is_empty() {
            return false;
        }
        drop(self.news.wait_timeout(state, LOOK));
        true
    }

    /// No more batches will come: the threads end, those that wait are forgotten.
    pub(super) fn close(&self) {
        self.state().close();
        self.work.notify_all();
    }

    fn next(&self) -> Option<Batch<'s, S>> {
        let mut state = self.state();
        loop {
            if let Some(batch) = state.waiting.pop_front() {
                state.working = state.working.saturating_add(1);
                return Some(batch);
            }
            if state.closed {
                return None;
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finish(&self, finished: Finished<'s, S>) {
        let mut state = self.state();
        state.working = state.working.saturating_sub(1);
        state.finished.push_back(finished);
        drop(state);
        self.news.notify_one();
    }

    /// What a thread does until the crew is closed. `asked`: failures are shown to the caller, who may skip them.
    pub(super) fn work(&self, copier: &Copier<S>, asked: bool) {
        while let Some(batch) = self.next() {
            let working = Working { crew: self, stop: &copier.stop };
            let mut outcomes = Vec::with_capacity(batch.names.count);
            let going_on = || !copier.stop.load(Ordering::Relaxed);
            for name in batch.names.iter() {
                if !going_on() {
                    break;
                }
                let outcome = copier.file(&batch.directory, name, &mut |_, _| going_on());
                if let Outcome::Failed(error, _) = &outcome {
                    if !asked || copier.ends_it(error) {
                        copier.stop.store(true, Ordering::Relaxed);
                    }
                }
                outcomes.push(outcome);
            }
            core::mem::forget(working);
            self.finish(Finished { batch, outcomes });
        }
    }
}

/// Where a thread panics, the others end, and nobody waits for its batch; the panic itself comes out of the scope.
struct Working<'c, 's, S: Sys> {
    crew: &'c Crew<'s, S>,
    stop: &'c AtomicBool,
}

impl<S: Sys> Drop for Working<'_, '_, S> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let mut state = self.crew.state();
        state.working = state.working.saturating_sub(1);
        state.close();
        drop(state);
        self.crew.work.notify_all();
        self.crew.news.notify_one();
    }
}

/// Runs `walk` while up to `helpers` more threads work. One that cannot be made is one less.
pub(super) fn with_helpers<S: Sys + Sync, T>(
    crew: &Crew<S>,
    helpers: u32,
    copier: &Copier<S>,
    asked: bool,
    walk: impl FnOnce() -> T,
) -> T {
    std::thread::scope(|scope| {
        let closing = Closing(crew);
        let blocked = SignalsBlocked::begin();
        let spawn = |_| {
            let helper = std::thread::Builder::new().stack_size(STACK);
            helper.spawn_scoped(scope, || crew.work(copier, asked)).ok()
        };
        let helpers: Vec<_> = (0..helpers).map_while(spawn).collect();
        blocked.end();
        let outcome = walk();
        drop(closing);
        // The scope waits until they have done their work, not until they are gone.
        for helper in helpers {
            helper.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        outcome
    })
}

/// Ends the threads also where the walk panics: they are waited for.
struct Closing<'c, 's, S: Sys>(&'c Crew<'s, S>);

impl<S: Sys> Drop for Closing<'_, '_, S> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::place::Place;
    use super::*;
    use crate::sys::{CWD, Directories, Handle, Native};

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        let open = || Handle::new(&Native, Native.enter(CWD, c".").unwrap());
        let (source, target) = (open(), open());
        let directory = Arc::new(Directory { source, target, place: Place::root(), number: 0 });
        let batch = || Batch { directory: Arc::clone(&directory), names: Names::default() };
        let (crew, stop) = (Crew::new(1), AtomicBool::new(false));
        assert!(crew.submit(batch()).is_none() && crew.submit(batch()).is_none());
        assert!(crew.next().is_some());
        drop(Working { crew: &crew, stop: &stop });
        assert!(!crew.wait(), "for a batch that no thread will take");
        assert!(stop.load(Ordering::Relaxed));
        assert!(crew.submit(batch()).is_some(), "no thread will take it");
    }
}
