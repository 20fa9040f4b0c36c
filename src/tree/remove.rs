//! Removes a tree, entry by entry, by names in open directories: follows no link, enters no mount, and uses no paths.
//! It is a loop that needs few descriptors however deep the tree is, and keeps the names of subdirectories for later.

use core::ffi::CStr;
use core::mem::replace;
use std::ffi::CString;

use super::names::{Content, Names};
use super::{Counts, Entry, EntryKind, Phase, Progress, Report, Watch};
use crate::copy::name::{Destination, is_separator};
use crate::copy::{self, table};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::errno::{EINVAL, ESTALE};
use crate::sys::{self, Errno, Fd, Handle, Kind, Listing, Stat, Sys};

/// What is removed is the caller's destination, or something beside it.
const WALK: Step = Step::Walk(Side::Destination);

/// So many directories above the one that is being emptied stay open. Those further up are closed, and opened again by "..".
const HELD: usize = 32;

/// How often a directory is read that is not empty afterwards: others may make names in it, and some servers leave out names
/// if entries are removed between two reads.
const READINGS_AT_MOST: u32 = 4;

/// After so many entries progress is reported.
const REPORT_EVERY: u64 = 64;

/// Removes the tree of that name, as the caller asked. The last part of the path is not followed.
pub fn remove<S: Sys>(
    sys: &S,
    dir: Fd,
    path: &CStr,
    watch: &mut dyn Watch,
    report: &mut Report,
) -> Result<()> {
    let path = without_slashes(path)?;
    let root = Destination::new(dir, &path)?;
    let opened = root.with_parent(|parent| sys.open_directory(dir, parent, false));
    let parent = Handle::new(sys, opened.at(WALK)?);
    let mut removal = Removal::begin(sys, parent.fd(), root.leaf, watch, Failures::Ask)?;
    let outcome = removal.run();
    report.counts = removal.counts;
    report.failed_path = removal.failed_path;
    outcome
}

/// Removes an unfinished tree of the library, or one that was replaced. Goes on after a failure, and returns the first one.
/// `leaf` is a single name, and `mine` the directory that it must name: whoever may rename in `dir` could have put another
/// tree there. `spare` is the source's root, which a bind mount can show in the tree: it stays, and that is a failure.
pub fn clean_up<S: Sys>(
    sys: &S,
    dir: Fd,
    leaf: &CStr,
    mine: &Stat,
    spare: Option<Stat>,
    watch: &mut dyn Watch,
) -> Result<()> {
    let mut removal = Removal::begin(sys, dir, leaf, watch, Failures::GoOn)?;
    if !sys.stat(removal.directory.fd()).at(Step::Cleanup)?.same_file(mine) {
        return Err(Errno::own(ESTALE)).at(Step::Cleanup);
    }
    removal.spare = spare;
    removal.run()
}

/// Cuts slashes off the end of a path, which only say that it names a directory. Refuses a path that then ends in "." or "..":
/// it names no entry (rmdir(2): EINVAL).
pub(super) fn without_slashes(path: &CStr) -> Result<CString> {
    let bytes = path.to_bytes();
    let end = bytes.iter().rposition(|byte| !is_separator(*byte)).map_or(0, |at| at.saturating_add(1));
    let kept = bytes.get(..end).unwrap_or_default();
    let leaf = kept.rsplit(|byte| is_separator(*byte)).next().unwrap_or_default();
    if matches!(leaf, b"." | b"..") || (kept.is_empty() && !bytes.is_empty()) {
        return Err(Errno::own(EINVAL)).at(Step::Arguments(Side::Destination));
    }
    CString::new(kept)
        .map_err(|_| Error::new(Step::Arguments(Side::Destination), Cause::System(Errno::own(EINVAL))))
}

/// What to do if an entry cannot be removed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Failures {
    /// The caller decides.
    Ask,
    /// The rest is removed.
    GoOn,
}

/// What is known of a directory that is not removed yet.
struct Level {
    name: CString,
    /// How often it was read.
    readings: u32,
    /// It must be read, for the first time or once more.
    unread: bool,
    /// Its subdirectories that are still to be removed.
    subdirectories: Names,
    /// An entry of it stays, so that it stays too.
    stays: bool,
    /// Its owner was given all rights to it.
    unlocked: bool,
    /// The length of [`Removal::path`] for its entries.
    path: usize,
}

impl Level {
    fn new(name: CString, path: usize) -> Self {
        let subdirectories = Names::default();
        Self { name, readings: 0, unread: true, subdirectories, stays: false, unlocked: false, path }
    }
}

/// A directory above the one that is being emptied.
enum Above<'s, S: Sys> {
    Open(Handle<'s, S>),
    /// What it was when it was closed.
    Closed(Stat),
}

/// A removal under way.
struct Removal<'s, 'w, S: Sys> {
    sys: &'s S,
    watch: &'w mut dyn Watch,
    failures: Failures,
    /// A directory that is never emptied.
    spare: Option<Stat>,
    /// The directory that the root is in.
    outside: Fd,
    /// The directory that is being emptied.
    here: Level,
    directory: Handle<'s, S>,
    /// Those above it, from the root down.
    above: Vec<(Level, Above<'s, S>)>,
    /// The names from the root to here, a slash behind each.
    path: Vec<u8>,
    counts: Counts,
    /// How many entries were done when progress was told.
    told: u64,
    failed_path: Vec<u8>,
    /// The first failure, where the removal goes on after failures.
    first: Option<Error>,
}

impl<'s, 'w, S: Sys> Removal<'s, 'w, S> {
    fn begin(
        sys: &'s S,
        outside: Fd,
        leaf: &CStr,
        watch: &'w mut dyn Watch,
        failures: Failures,
    ) -> Result<Self> {
        let opened = sys.enter_to_remove(outside, leaf).map_err(table::busy_mount).at(WALK)?;
        Ok(Self {
            sys,
            watch,
            failures,
            spare: None,
            outside,
            here: Level::new(leaf.into(), 0),
            directory: Handle::new(sys, opened),
            above: Vec::new(),
            path: Vec::new(),
            counts: Counts::default(),
            told: 0,
            failed_path: Vec::new(),
            first: None,
        })
    }

    fn run(&mut self) -> Result<()> {
        let outcome = Listing::new().at(WALK).and_then(|mut listing| self.walk(&mut listing));
        self.counts.not_reached = self.counts.seen.saturating_sub(self.counts.done());
        outcome?;
        self.first.map_or(Ok(()), Err)
    }

    fn walk(&mut self, listing: &mut Listing) -> Result<()> {
        loop {
            if replace(&mut self.here.unread, false) {
                self.empty(listing)?;
            } else if let Some((name, _)) = self.here.subdirectories.pop() {
                self.descend(name)?;
            } else if self.above.is_empty() {
                if self.remove_root()? {
                    return Ok(());
                }
            } else {
                self.leave()?;
            }
        }
    }

    /// Removes the entries of this directory, and keeps the names of subdirectories for later.
    fn empty(&mut self, listing: &mut Listing) -> Result<()> {
        self.here.readings = self.here.readings.saturating_add(1);
        listing.begin();
        loop {
            match self.sys.read_entries(self.directory.fd(), listing) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(errno) if table::name_is_free(errno) => return Ok(()), // removed by somebody else
                Err(errno) => return self.failed_here(Error::new(WALK, Cause::System(errno))),
            }
            let read = u64::try_from(listing.entries().count()).unwrap_or(u64::MAX);
            self.counts.seen = self.counts.seen.saturating_add(read);
            for entry in listing.entries() {
                self.look_for_a_stop()?;
                match entry.kind {
                    Some(Kind::Directory) => self.here.subdirectories.push(entry.name, Content::Whole),
                    Some(kind) => self.unlink(entry.name, kind)?,
                    None => self.look(entry.name)?,
                }
            }
        }
    }

    /// Looks at an entry whose type the directory does not list.
    fn look(&mut self, name: &CStr) -> Result<()> {
        match self.attempt(|sys, fd| sys.stat_name(fd, name)) {
            Ok(found) if found.kind == Kind::Directory => self.here.subdirectories.push(name, Content::Whole),
            Ok(found) => return self.unlink(name, found.kind),
            Err(errno) => return self.refused(name, Kind::Other, WALK, errno),
        }
        Ok(())
    }

    /// Removes an entry that is no directory. If it has become one, keeps its name for later.
    fn unlink(&mut self, name: &CStr, kind: Kind) -> Result<()> {
        match self.attempt(|sys, fd| sys.unlink(fd, name)) {
            Ok(()) => self.removed(name, kind),
            Err(errno) if table::is_a_directory(errno) => {
                self.here.subdirectories.push(name, Content::Whole);
                Ok(())
            }
            Err(errno) => self.refused(name, kind, Step::Cleanup, errno),
        }
    }

    /// Enters a subdirectory. If the entry is no directory any more, removes it.
    fn descend(&mut self, name: CString) -> Result<()> {
        self.look_for_a_stop()?;
        let entered = match self.attempt(|sys, fd| sys.enter_to_remove(fd, &name)) {
            Ok(entered) => Handle::new(self.sys, entered),
            Err(errno) if table::not_a_directory(errno) => {
                return match self.attempt(|sys, fd| sys.unlink(fd, &name)) {
                    Ok(()) => self.removed(&name, Kind::Other),
                    Err(errno) => self.refused(&name, Kind::Other, Step::Cleanup, errno),
                };
            }
            Err(errno) => {
                return self.refused(&name, Kind::Directory, WALK, table::busy_mount(errno));
            }
        };
        if self.is_spared(&entered)? {
            self.ask(Some(&name), Kind::Directory, Error::new(Step::Cleanup, Cause::IntoItself))?;
            self.stays();
            return Ok(());
        }
        self.path.extend_from_slice(name.to_bytes());
        self.path.push(b'/');
        let level = replace(&mut self.here, Level::new(name, self.path.len()));
        self.above.push((level, Above::Open(replace(&mut self.directory, entered))));
        self.close_the_farthest()
    }

    fn is_spared(&self, entered: &Handle<S>) -> Result<bool> {
        let Some(spare) = self.spare else { return Ok(false) };
        let found = self.sys.stat(entered.fd()).at(WALK)?;
        Ok(found.same_file(&spare) && found.looks_like(&spare))
    }

    /// Keeps the number of descriptors small: closes the directory that is too far up, and remembers its identity.
    fn close_the_farthest(&mut self) -> Result<()> {
        let farthest = self.above.len().checked_sub(HELD.saturating_add(1));
        let Some((_, above)) = farthest.and_then(|at| self.above.get_mut(at)) else { return Ok(()) };
        if let Above::Open(directory) = above {
            let stat = self.sys.stat(directory.fd()).at(WALK)?;
            *above = Above::Closed(stat);
        }
        Ok(())
    }

    /// Goes up from a directory whose entries were removed, and removes it.
    fn leave(&mut self) -> Result<()> {
        let Some((level, above)) = self.above.pop() else { return Ok(()) };
        let parent = match above {
            Above::Open(parent) => parent,
            Above::Closed(stat) => self.climb_to(&stat)?,
        };
        let left = replace(&mut self.here, level);
        let emptied = replace(&mut self.directory, parent);
        self.path.truncate(self.here.path);
        match self.attempt(|sys, fd| sys.remove_directory(fd, &left.name)) {
            Ok(()) => self.removed(&left.name, Kind::Directory),
            Err(_) if left.stays => {
                self.stays();
                Ok(())
            }
            Err(errno) if table::not_empty(errno) && left.readings < READINGS_AT_MOST => {
                self.return_to(left, emptied)
            }
            Err(errno) => self.refused(&left.name, Kind::Directory, Step::Cleanup, errno),
        }
    }

    /// Opens the parent, which must be the directory that the walk came from: this one may have been moved.
    fn climb_to(&self, expected: &Stat) -> Result<Handle<'s, S>> {
        let opened = self.sys.enter_parent(self.directory.fd()).at(WALK)?;
        let parent = Handle::new(self.sys, opened);
        let found = self.sys.stat(parent.fd()).at(WALK)?;
        if found.same_file(expected) { Ok(parent) } else { Err(Errno::own(ESTALE)).at(WALK) }
    }

    /// Goes back into a directory that is not empty after all, and reads it again.
    fn return_to(&mut self, left: Level, emptied: Handle<'s, S>) -> Result<()> {
        self.path.extend_from_slice(left.name.to_bytes());
        self.path.push(b'/');
        let level = replace(&mut self.here, left);
        self.above.push((level, Above::Open(replace(&mut self.directory, emptied))));
        self.read_again()
    }

    fn read_again(&mut self) -> Result<()> {
        let opened = self.sys.enter(self.directory.fd(), c".").at(WALK)?; // a new descriptor begins at the first name
        self.directory = Handle::new(self.sys, opened);
        self.here.unread = true;
        Ok(())
    }

    /// Removes the root. `false`: it is not empty, and is read again.
    fn remove_root(&mut self) -> Result<bool> {
        self.look_for_a_stop()?;
        match self.sys.remove_directory(self.outside, &self.here.name) {
            Err(_) if self.here.stays => Ok(true),
            Err(errno) if table::not_empty(errno) && self.here.readings < READINGS_AT_MOST => {
                self.read_again().map(|()| false)
            }
            // That somebody else removed it is no error.
            Err(errno) if !table::name_is_free(errno) => Err(errno).at(Step::Cleanup),
            _ => {
                self.first = None; // whatever failed before, all is removed
                Ok(true)
            }
        }
    }

    // ── Rights ──

    /// Makes a call in this directory. If that is forbidden, gives the directory's owner all rights, and tries once more.
    fn attempt<T>(&mut self, call: impl Fn(&S, Fd) -> sys::Result<T>) -> sys::Result<T> {
        match call(self.sys, self.directory.fd()) {
            Err(errno) if table::access_denied(errno) && !replace(&mut self.here.unlocked, true) => {
                match self.unlock() {
                    Ok(()) => call(self.sys, self.directory.fd()),
                    Err(refused) if table::is_anothers(refused) => Err(errno),
                    Err(failed) => Err(failed),
                }
            }
            outcome => outcome,
        }
    }

    fn unlock(&self) -> sys::Result<()> {
        let fd = self.directory.fd();
        let mode = self.sys.stat(fd)?.mode;
        self.sys.set_mode(fd, mode | 0o700)
    }

    // ── Outcomes ──

    fn removed(&mut self, name: &CStr, kind: Kind) -> Result<()> {
        let count = match kind {
            Kind::Regular => &mut self.counts.files,
            Kind::Directory => &mut self.counts.directories,
            Kind::Symlink => &mut self.counts.symlinks,
            _ => &mut self.counts.specials,
        };
        *count = count.saturating_add(1);
        let report = copy::Report::default();
        if self.watch.wants().done
            && !self.with_entry(Some(name), kind, |watch, entry| watch.on_done(entry, 0, &report))
        {
            return Err(Error::new(Step::Progress, Cause::Cancelled));
        }
        self.tell()
    }

    /// An entry could not be removed. That somebody else removed it is fine.
    fn refused(&mut self, name: &CStr, kind: Kind, step: Step, errno: Errno) -> Result<()> {
        if table::name_is_free(errno) {
            self.counts.vanished = self.counts.vanished.saturating_add(1);
            return self.tell();
        }
        self.ask(Some(name), kind, Error::new(step, Cause::System(errno)))?;
        self.stays();
        self.tell()
    }

    /// An entry of this directory stays, and so does the directory.
    fn stays(&mut self) {
        self.counts.failed = self.counts.failed.saturating_add(1);
        self.here.stays = true;
    }

    /// This directory could not be read. It is counted when it is left.
    fn failed_here(&mut self, error: Error) -> Result<()> {
        if self.above.is_empty() && self.failures == Failures::Ask {
            return Err(error);
        }
        self.ask(None, Kind::Directory, error)?;
        self.here.stays = true;
        Ok(())
    }

    /// Ends the removal with `error`, unless it is to go on.
    fn ask(&mut self, name: Option<&CStr>, kind: Kind, error: Error) -> Result<()> {
        if self.failures == Failures::GoOn {
            self.first.get_or_insert(error);
            return Ok(());
        }
        let fatal = matches!(error.cause, Cause::System(errno) if table::ends_a_tree(errno));
        if !fatal && self.with_entry(name, kind, |watch, entry| watch.on_error(entry, &error)) {
            return Ok(());
        }
        self.failed_path = self.with_entry(name, kind, |_, entry| entry.path.to_bytes().into());
        Err(error)
    }

    /// Does something with an entry of this directory, or with the directory itself.
    fn with_entry<T>(
        &mut self,
        name: Option<&CStr>,
        kind: Kind,
        act: impl FnOnce(&mut dyn Watch, &Entry) -> T,
    ) -> T {
        let below = usize::from(name.is_some());
        let depth = u32::try_from(self.above.len().saturating_add(below)).unwrap_or(u32::MAX);
        let mut path = self.path.clone();
        match name {
            Some(name) => path.extend_from_slice(name.to_bytes()),
            None => drop(path.pop()), // the slash
        }
        let path = CString::new(path).unwrap_or_default(); // made of names, none of which has a NUL
        act(self.watch, &Entry { kind: EntryKind::of(kind), depth, path: &path })
    }

    // ── Progress ──

    fn look_for_a_stop(&self) -> Result<()> {
        if self.watch.cancelled() { Err(Error::new(Step::Progress, Cause::Cancelled)) } else { Ok(()) }
    }

    fn tell(&mut self) -> Result<()> {
        let done = self.counts.done();
        if done.saturating_sub(self.told) < REPORT_EVERY || !self.watch.wants().progress {
            return Ok(());
        }
        self.told = done;
        let progress = Progress {
            phase: if self.failures == Failures::Ask { Phase::Copy } else { Phase::Cleanup },
            entries_done: done,
            entries_seen: self.counts.seen,
            bytes_done: 0,
            directories_open: u64::try_from(self.above.len()).unwrap_or(u64::MAX).saturating_add(1),
        };
        if self.watch.progress(&progress) {
            Ok(())
        } else {
            Err(Error::new(Step::Progress, Cause::Cancelled))
        }
    }
}

#[cfg(all(test, unix))]
#[path = "tests/removal_over_model.rs"]
mod over_model;
#[cfg(all(test, unix))]
#[path = "tests/removal.rs"]
mod tests;
