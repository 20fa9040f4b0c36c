//! The helper threads, which copy files for the thread that walks. It submits batches of names, and takes back their outcomes.
//! Helpers call none of the caller's functions, block all signals, and end before the call returns.

use core::ffi::CStr;
use core::ops::Range;
use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::directory::Directory;
use super::file::{Copier, Outcome};
use super::groups::Groups;
use super::names::Names;
use crate::sys::{SignalsBlocked, Sys, Thread};

/// How often the walk, while it waits for helpers, reports progress and looks whether the caller cancels.
const LOOK: Duration = Duration::from_millis(50);

/// Enough for a copy, which goes a few functions deep and has its buffers elsewhere.
const STACK: usize = 256 << 10;

/// Files of one directory.
pub(super) struct Batch<'s, S: Sys> {
    pub(super) directory: Arc<Directory<'s, S>>,
    pub(super) names: Names,
}

/// Files of a batch that one thread copies. An idle thread takes over half of those that are left.
pub(super) struct Part<'s, S: Sys> {
    batch: Arc<Batch<'s, S>>,
    first: usize,
    left: Mutex<Range<usize>>,
}

impl<'s, S: Sys> Part<'s, S> {
    /// All files of a batch.
    pub(super) fn whole(batch: Batch<'s, S>) -> Self {
        let left = Mutex::new(0..batch.names.count);
        Self { batch: Arc::new(batch), first: 0, left }
    }

    fn left(&self) -> MutexGuard<'_, Range<usize>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn directory(&self) -> &Arc<Directory<'s, S>> {
        &self.batch.directory
    }

    /// Takes the names one by one. A name that is taken cannot be given up to another thread.
    pub(super) fn take_names(&self) -> impl Iterator<Item = &CStr> {
        self.names().take_while(|_| self.left().next().is_some())
    }

    /// The names from the part's first one on, also those that other threads take.
    pub(super) fn names(&self) -> impl Iterator<Item = &CStr> {
        self.batch.names.iter().skip(self.first)
    }

    /// Gives up the second half of what is left. Rounds up, to give up a last name too: this thread may be busy with a large
    /// file.
    fn split(&self) -> Option<Self> {
        self.give_up(|left| left.start.saturating_add(left.len() / 2))
    }

    /// Gives up all that is left.
    fn leave(&self) -> Option<Self> {
        self.give_up(|left| left.start)
    }

    fn give_up(&self, from: impl FnOnce(&Range<usize>) -> usize) -> Option<Self> {
        let mut left = self.left();
        let given = from(&left)..left.end;
        left.end = given.start;
        let first = given.start;
        (!given.is_empty()).then(|| Self { batch: Arc::clone(&self.batch), first, left: Mutex::new(given) })
    }
}

/// A part that was copied, and the outcomes of its names in order. If the call was stopped, the last names have none.
pub(super) struct Finished<'s, S: Sys> {
    pub(super) part: Arc<Part<'s, S>>,
    pub(super) outcomes: Vec<Outcome>,
}

struct State<'s, S: Sys> {
    waiting: VecDeque<Part<'s, S>>,
    finished: VecDeque<Finished<'s, S>>,
    /// What is being copied, also by the thread that walks.
    parts: Vec<Arc<Part<'s, S>>>,
    /// How many helpers are copying a part, and how many wait for one.
    working: usize,
    idle: usize,
    closed: bool,
    /// No other part is begun.
    forgotten: bool,
    /// The helpers rest.
    rests: bool,
    groups: Groups,
}

impl<'s, S: Sys> State<'s, S> {
    /// Picks what to copy next. Parts that nobody has begun go first, because two threads in one directory slow each other
    /// down (XFS: 1.4 times the CPU time with batches of 64, 1.2 times with whole directories of 100).
    fn pick(&mut self) -> Option<Arc<Part<'s, S>>> {
        let part = match self.waiting.remove(self.farthest()) {
            Some(part) => part,
            None => self.parts.iter().max_by_key(|part| part.left().len())?.split()?,
        };
        Some(self.begin(part))
    }

    /// Which of the waiting parts lets threads wait least for each other: the first, or one whose files are in another
    /// allocation group. (XFS, two threads, a tree of 8,000 small directories: 0.91 of the time.)
    fn farthest(&self) -> usize {
        if !self.groups.are_known() {
            return 0;
        }
        let contention = |part: &Part<'s, S>| -> u32 {
            self.parts.iter().map(|begun| self.groups.contention(part.directory(), begun.directory())).sum()
        };
        let choice = self.waiting.iter().take(CHOICE).enumerate();
        choice.min_by_key(|(_, part)| contention(part)).map_or(0, |(at, _)| at)
    }

    fn begin(&mut self, part: Part<'s, S>) -> Arc<Part<'s, S>> {
        let part = Arc::new(part);
        self.parts.push(Arc::clone(&part));
        part
    }

    fn end(&mut self, part: &Arc<Part<'s, S>>) {
        self.parts.retain(|other| !Arc::ptr_eq(other, part));
    }

    /// Whether at least so many batches wait, with [`MIDDLING`] files on average.
    fn has_enough(&self, batches: usize) -> bool {
        let files: usize = self.waiting.iter().map(|part| part.left().len()).sum();
        self.waiting.len() >= batches && files >= batches.saturating_mul(MIDDLING)
    }

    /// Drops what no thread has begun.
    fn forget(&mut self) {
        self.forgotten = true;
        self.waiting.clear();
        self.parts.clear(); // nothing is taken over from them any more
    }
}

/// What the threads share.
pub(super) struct Pool<'s, S: Sys> {
    state: Mutex<State<'s, S>>,
    /// How many batches may wait for a helper: one more than there are helpers. More gained nothing. Exception: more small
    /// batches may wait. With five files in a directory, a helper finishes two batches before the walk makes another; more
    /// of them save 7 % on XFS.
    waiting_at_most: usize,
    /// Signals that there is something to copy, or that nothing more will come.
    work: Condvar,
    /// Signals that a part is finished.
    news: Condvar,
    /// As [`State::rests`]: read after each file, without the lock.
    rests: AtomicBool,
    /// How much all threads have copied: see [`Pool::count`].
    done: AtomicU64,
}

/// From so many of the waiting parts the next one is chosen.
const CHOICE: usize = 16;

/// A batch of fewer files is small.
const MIDDLING: usize = 24;

/// Copying so many bytes takes about as long as making a file.
const BYTES_A_FILE: u64 = 64 << 10;

impl<'s, S: Sys> Pool<'s, S> {
    /// For so many helpers.
    pub(super) fn new(helpers: u32, groups: Groups) -> Self {
        let (waiting, finished, parts) = (VecDeque::new(), VecDeque::new(), Vec::new());
        let (closed, forgotten, rests) = (false, false, false);
        let state = State { waiting, finished, parts, working: 0, idle: 0, closed, forgotten, rests, groups };
        let waiting_at_most = (helpers as usize).saturating_add(1);
        let (state, work, news) = (Mutex::new(state), Condvar::new(), Condvar::new());
        Self { state, waiting_at_most, work, news, rests: AtomicBool::new(false), done: AtomicU64::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, State<'s, S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes an idle helper, if there is one. (To notify nobody is a system call too.)
    fn wake(&self, state: MutexGuard<'_, State<'s, S>>) {
        let idle = state.idle > 0;
        drop(state);
        if idle {
            self.work.notify_one();
        }
    }

    /// Gives a batch to the helpers. Returns a part if enough batches wait, or this batch if no helper will come for it: the
    /// walk then copies that and calls [`Pool::put_down`].
    pub(super) fn submit(&self, batch: Batch<'s, S>) -> Option<Arc<Part<'s, S>>> {
        let mut state = self.state();
        let part = Part::whole(batch);
        if state.closed || state.rests {
            return Some(state.begin(part));
        }
        let enough = state.has_enough(self.waiting_at_most);
        state.waiting.push_back(part);
        if enough {
            return state.pick();
        }
        self.wake(state);
        None
    }

    /// Takes what no helper has begun, or half of what one has left. The walk copies it and calls [`Pool::put_down`].
    pub(super) fn take_over(&self) -> Option<Arc<Part<'s, S>>> {
        self.state().pick()
    }

    /// Ends a part that the walk has copied.
    pub(super) fn put_down(&self, part: &Arc<Part<'s, S>>) {
        self.state().end(part);
    }

    /// Has the helpers rest, or go on.
    pub(super) fn rest(&self, rests: bool) {
        let mut state = self.state();
        if state.rests == rests {
            return;
        }
        state.rests = rests;
        self.rests.store(rests, Ordering::Relaxed);
        drop(state);
        if !rests {
            self.work.notify_all();
        }
    }

    /// Whether no helper is copying.
    pub(super) fn is_at_rest(&self) -> bool {
        self.state().working == 0
    }

    /// Counts a copied file, in units of about equal time: one for the file, and one for each [`BYTES_A_FILE`] copied.
    pub(super) fn count(&self, outcome: &Outcome) {
        let (Outcome::Done(_, report) | Outcome::Failed(_, report)) = outcome else { return };
        let bytes = report.copied / BYTES_A_FILE;
        self.done.fetch_add(bytes.saturating_add(1), Ordering::Relaxed);
    }

    /// How much is copied, in the units of [`Pool::count`].
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Drops what no thread has begun.
    pub(super) fn forget(&self) {
        self.state().forget();
    }

    /// Takes what a helper has finished. `None`: nothing yet.
    pub(super) fn take_finished(&self) -> Option<Finished<'s, S>> {
        self.state().finished.pop_front()
    }

    /// Waits a moment until a helper finishes a part. `false`: no helper has anything to do.
    pub(super) fn wait(&self) -> bool {
        let state = self.state();
        if !state.finished.is_empty() {
            return true;
        }
        if state.working == 0 && state.waiting.is_empty() {
            return false;
        }
        if !state.waiting.is_empty() && state.rests {
            drop(state);
            self.rest(false); // else no helper would come for it
            return true;
        }
        drop(self.news.wait_timeout(state, LOOK));
        true
    }

    /// No more batches will come: the helpers end, and what none has begun is dropped.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.forget();
        drop(state);
        self.work.notify_all();
    }

    /// Waits for a part to copy. `None`: the pool is closed.
    fn next(&self) -> Option<Arc<Part<'s, S>>> {
        let mut state = self.state();
        loop {
            let part = if state.rests { None } else { state.pick() };
            if let Some(part) = part {
                state.working = state.working.saturating_add(1);
                self.wake(state); // the other may take over half of it
                return Some(part);
            }
            if state.closed {
                return None;
            }
            state.idle = state.idle.saturating_add(1);
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle = state.idle.saturating_sub(1);
        }
    }

    /// Ends a part that a helper has copied, or panicked on. `left`: the names that it leaves to others.
    fn end(&self, part: &Arc<Part<'s, S>>, finished: Option<Finished<'s, S>>, left: Option<Part<'s, S>>) {
        let mut state = self.state();
        state.working = state.working.saturating_sub(1);
        state.end(part);
        let left = left.filter(|_| !state.forgotten);
        state.waiting.extend(left);
        state.finished.extend(finished);
        drop(state);
        self.news.notify_one();
    }

    /// What a helper does until the pool is closed. `asked`: the caller is asked about failures, and may skip them.
    pub(super) fn work(&self, copier: &Copier<S>, asked: bool) {
        while let Some(part) = self.next() {
            let working = Working { pool: self, part: &part, stop: &copier.stop };
            let mut outcomes = Vec::with_capacity(part.left().len());
            let going_on = || !copier.stop.load(Ordering::Relaxed);
            let mut names = part.take_names();
            while going_on() && !self.rests.load(Ordering::Relaxed) {
                let Some(name) = names.next() else { break };
                let outcome = copier.file(part.directory(), name, &mut |_, _| going_on());
                if let Outcome::Failed(error, _) = &outcome {
                    if !asked || copier.ends_it(error) {
                        copier.stop.store(true, Ordering::Relaxed);
                    }
                }
                self.count(&outcome);
                outcomes.push(outcome);
            }
            drop(names);
            core::mem::forget(working);
            let left = if going_on() { part.leave() } else { None };
            self.end(&part, Some(Finished { part: Arc::clone(&part), outcomes }), left);
        }
    }
}

/// If a helper panics, the others end, and nobody waits for its part. The scope of the threads passes the panic on.
struct Working<'c, 's, S: Sys> {
    pool: &'c Pool<'s, S>,
    part: &'c Arc<Part<'s, S>>,
    stop: &'c AtomicBool,
}

impl<S: Sys> Drop for Working<'_, '_, S> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.pool.close();
        self.pool.end(self.part, None, None);
    }
}

/// Runs `walk` while up to `helpers` more threads work: fewer, if the system makes no more.
pub(super) fn with_helpers<S: Sys + Sync, T>(
    pool: &Pool<S>,
    helpers: u32,
    copier: &Copier<S>,
    asked: bool,
    walk: impl FnOnce() -> T,
) -> T {
    std::thread::scope(|scope| {
        let closing = Closing(pool);
        let blocked = SignalsBlocked::begin();
        let spawn = |_| {
            let helper = std::thread::Builder::new().stack_size(STACK);
            let work = || {
                pool.work(copier, asked);
                Thread::current()
            };
            helper.spawn_scoped(scope, work).ok()
        };
        let helpers: Vec<_> = (0..helpers).map_while(spawn).collect();
        blocked.end();
        let outcome = walk();
        drop(closing);
        // The scope waits until the helpers have done their work, join until the threads have ended.
        for helper in helpers {
            helper.join().unwrap_or_else(|panic| resume_unwind(panic)).wait_until_gone();
        }
        outcome
    })
}

/// Ends the helpers also if the walk panics: the scope waits for them.
struct Closing<'c, 's, S: Sys>(&'c Pool<'s, S>);

impl<S: Sys> Drop for Closing<'_, '_, S> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::sys::{CWD, Directories, Handle, Native};
    use crate::tree::names::Content;
    use crate::tree::place::Place;

    fn pool_of(helpers: u32) -> Pool<'static, Native> {
        Pool::new(helpers, Groups::default())
    }

    fn batch(all: &[&CStr]) -> Batch<'static, Native> {
        batch_in((0, 0), all)
    }

    fn batch_in(inodes: (u64, u64), all: &[&CStr]) -> Batch<'static, Native> {
        let root = || Handle::new(&Native, Native.enter(CWD, c"/").unwrap());
        let mut names = Names::default();
        all.iter().for_each(|name| names.push(name, Content::Whole));
        let directory = Directory { source: root(), target: root(), place: Place::root(), number: 0, inodes };
        Batch { directory: Arc::new(directory), names }
    }

    fn full() -> Batch<'static, Native> {
        batch(&[c"f"; MIDDLING])
    }

    #[test]
    fn more_batches_wait_where_they_are_small() {
        let pool = pool_of(1);
        let small = (0..).take_while(|_| pool.submit(batch(&[c"a"; MIDDLING / 2])).is_none());
        assert_eq!(small.count(), 4);
        let pool = pool_of(3);
        assert_eq!((0..).take_while(|_| pool.submit(full()).is_none()).count(), 4);
    }

    #[test]
    fn an_idle_thread_takes_over_half_of_what_is_left() {
        let pool = pool_of(2);
        assert!(pool.submit(batch(&[c"a", c"b", c"c", c"d"])).is_none());
        let first = pool.next().unwrap();
        let mut names = first.take_names();
        assert_eq!(names.next(), Some(c"a"));
        let second = pool.take_over().unwrap();
        let third = pool.next().unwrap(); // from the one who has most left
        assert_eq!(third.take_names().collect::<Vec<_>>(), [c"d"]);
        assert_eq!(second.take_names().collect::<Vec<_>>(), [c"c"]);
        assert_eq!(names.collect::<Vec<_>>(), [c"b"]);
        assert!(pool.take_over().is_none());
    }

    #[test]
    fn what_nobody_has_begun_goes_first() {
        let pool = pool_of(1);
        assert!(pool.submit(full()).is_none() && pool.submit(full()).is_none());
        let first = pool.submit(batch(&[c"d", c"e"])).unwrap();
        assert_eq!(first.take_names().count(), MIDDLING, "enough wait: the walk copies one");
        assert_eq!(pool.take_over().unwrap().take_names().count(), MIDDLING);
        let last = pool.take_over().unwrap();
        assert!(pool.take_over().unwrap().take_names().eq([c"e"]), "half of what was begun");
        pool.put_down(&last);
        assert!(pool.take_over().is_none());
        assert!(last.take_names().eq([c"d"]));
        pool.close();
        assert!(pool.next().is_none());
    }

    #[test]
    fn threads_get_files_of_different_allocation_groups() {
        let pool = Pool::new(3, Groups { source: Some(4), target: Some(8) });
        let submit =
            |source: u64, target: u64, name| pool.submit(batch_in((source << 4, target << 8), &[name]));
        for (source, target, name) in [
            (0, 0, c"first"),
            (1, 0, c"same target"),
            (0, 1, c"same source"),
            (2, 3, c"apart"),
            (3, 4, c"later"),
        ] {
            assert!(submit(source, target, name).is_none());
        }
        let names = [(); 5].map(|()| pool.next().unwrap().names().next().unwrap().to_owned());
        assert_eq!(
            names.each_ref().map(|name| name.as_c_str()),
            [c"first", c"apart", c"later", c"same source", c"same target",]
        );
    }

    #[test]
    fn a_thread_that_rests_leaves_what_it_has_not_begun() {
        let (pool, taken) = (pool_of(1), |part: &Arc<Part<Native>>| part.take_names().count());
        assert!(pool.submit(batch(&[c"a", c"b", c"c"])).is_none());
        let part = pool.next().unwrap();
        assert_eq!(part.take_names().next(), Some(c"a"));
        pool.rest(true);
        assert!(!pool.is_at_rest());
        pool.end(&part, None, part.leave());
        assert!(pool.is_at_rest());
        assert!(pool.submit(batch(&[c"d"])).is_some_and(|part| taken(&part) == 1), "no thread will take it");
        assert!(pool.take_over().unwrap().take_names().eq([c"b", c"c"]));
        assert!(!pool.wait(), "for nothing");
        pool.rest(false);
        assert!(pool.submit(batch(&[c"e"])).is_none());
        assert_eq!(taken(&pool.next().unwrap()), 1);
    }

    #[test]
    fn a_batch_that_waits_ends_the_rest_of_helpers() {
        let pool = pool_of(1);
        assert!(pool.submit(batch(&[c"a"])).is_none());
        pool.rest(true);
        assert!(pool.wait());
        assert!(pool.next().is_some());
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        let (pool, stop) = (pool_of(1), AtomicBool::new(false));
        assert!(pool.submit(batch(&[c"a"])).is_none() && pool.submit(batch(&[c"b"])).is_none());
        let part = pool.next().unwrap();
        drop(Working { pool: &pool, part: &part, stop: &stop });
        assert!(!pool.wait(), "for a batch that no thread will take");
        assert!(stop.load(Ordering::Relaxed));
        assert!(pool.submit(batch(&[c"c"])).is_some(), "no thread will take it");
    }
}
