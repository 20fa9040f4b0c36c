//! Enters, reads and leaves directories, and finishes each one after all its entries.
//! Directories far up are closed, and opened again by "..".

use core::ffi::CStr;
use std::sync::Arc;

use super::Walk;
use crate::copy::metadata::{Target, Transfer};
use crate::copy::node::Node;
use crate::copy::{self, Permissions, Preserve, table};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::errno::{EEXIST, EINVAL};
use crate::sys::{Errno, Fd, Handle, Kind, Listing, Stat, Sys};
use crate::tree::directory::{Directory, Level, Look};
use crate::tree::file::{Fate, Outcome};
use crate::tree::into_itself::is_same;
use crate::tree::metadata::{self, PRIVATE};
use crate::tree::names::Content;
use crate::tree::{Entry, EntryKind, Take};

/// How many levels are open at once, on both sides. Those further up are closed.
const OPEN_AT_MOST: usize = 20;

/// How many directories that the walk has left may wait for their files.
const WAITING_AT_MOST: usize = 8;

/// How many files are handed to a thread at once: all of most directories.
const BATCH: usize = 64;

impl<'s, S: Sys> Walk<'_, 's, S> {
    /// Reads the last level's directory: copies its entries, and keeps the names of subdirectories for later.
    pub(super) fn read(&mut self, listing: &mut Listing) -> Result<()> {
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
            // Some file systems list no types, and none lists the number of a device.
            _ => match self.sys.stat_name(directory.source.fd(), name) {
                Ok(stat) => EntryKind::of_stat(&stat),
                Err(errno) => {
                    let kind = kind.map_or(EntryKind::File, EntryKind::of);
                    return self.unopened(directory, name, kind, errno);
                }
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
    pub(super) fn enter(&mut self, name: &CStr, content: Content, listing: &mut Listing) -> Result<()> {
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

    /// Makes the copy of a directory. `None`: it is the copy itself, which a second mount can show in the source.
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
        let level = self.open_copy(parent, name, (source, source_stat), made);
        self.unless_failed(parent, name, made, level).map(Some)
    }

    /// Removes a directory that was made but could not be opened or prepared: a caller who skips that failure has none there.
    fn unless_failed<T>(
        &self,
        parent: &Directory<S>,
        name: &CStr,
        made: bool,
        outcome: Result<T>,
    ) -> Result<T> {
        outcome.inspect_err(|error| {
            if made && error.cause != Cause::Inconsistent {
                let _ = self.sys.remove_directory(parent.target.fd(), name); // it is empty, or not ours
            }
        })
    }

    /// Opens the copy of a directory, and prepares it if it was `made`.
    fn open_copy(
        &mut self,
        parent: &Directory<'s, S>,
        name: &CStr,
        (source, source_stat): (Handle<'s, S>, Stat),
        made: bool,
    ) -> Result<Level<'s, S>> {
        let (target, target_stat) = if made {
            self.enter_made(parent, name)?
        } else {
            let target = self.sys.enter(parent.target.fd(), name).map_err(as_taken).at(Step::Create)?;
            let target = Handle::new(self.sys, target);
            let stat = self.sys.stat(target.fd()).at(Step::Create)?;
            (target, stat)
        };
        let number = self.next_number;
        self.next_number = self.next_number.saturating_add(1);
        let inodes = (source_stat.inode, target_stat.inode);
        let directory = Directory { source, target, place: parent.place.below(name), number, inodes };
        if made {
            metadata::prepare(self.sys, &directory)?;
        }
        let given = if made { self.given_in(directory.target.fd())? } else { None };
        let look = Look { source: source_stat, target: target_stat, made, given };
        Ok(Level::new(directory, look))
    }

    /// Opens a directory that was just made, and checks that it is the one. Nobody else can enter a new tree, and no directory
    /// below its root inherits a list.
    fn enter_made(&mut self, parent: &Directory<S>, name: &CStr) -> Result<(Handle<'s, S>, Stat)> {
        let (sys, dir) = (self.sys, parent.target.fd());
        let (made, stat) = metadata::enter_made(sys, dir, name).map_err(as_taken).at(Step::Create)?;
        if self.copier.merges() {
            self.own.check(sys, dir, made.fd(), &stat)?;
            metadata::forget_inherited(sys, made.fd(), self.copier.options)?;
        }
        Ok((made, stat))
    }

    /// Makes a directory, which nobody else may look into until it is finished. `false`: it exists, and is merged into.
    fn make_directory(&mut self, parent: &Directory<S>, name: &CStr) -> Result<bool> {
        match self.sys.make_directory(parent.target.fd(), name, PRIVATE) {
            Err(errno) if self.copier.merges() && table::name_is_taken(errno) => {
                return match self.sys.stat_name(parent.target.fd(), name) {
                    Ok(there) if self.copier.is_made(parent, name, &there) => {
                        Err(Error::new(Step::Create, Cause::NameClash))
                    }
                    Ok(there) if there.kind != Kind::Directory => Err(errno).at(Step::Create),
                    _ => Ok(false),
                };
            }
            outcome => outcome.at(Step::Create).map_err(|error| self.copier.explain(error))?,
        }
        self.copier.note_made(parent, name);
        self.report.touched = true;
        Ok(true)
    }

    /// The permission bits that the system gave the new directory `made`, or would have given, if the options need them. In a
    /// merge each directory is asked: some may have a default ACL, which takes the umask's place (acl(5)) and which `made`
    /// inherited, and others not. Seen in `made` and not beside it, where others may put what they like.
    fn given_in(&self, made: Fd) -> Result<Option<u32>> {
        if !self.copier.merges() || self.copier.options.files.permissions == Permissions::Source {
            return Ok(self.copier.given);
        }
        metadata::mode_given(self.sys, made).map(Some)
    }

    /// Makes the empty directory that stands for a mount point.
    fn empty_directory(&mut self, parent: &Directory<S>, name: &CStr) -> Result<Fate> {
        let stat = self.sys.stat_name(parent.source.fd(), name).at(Step::Walk(Side::Source))?;
        let made = self.make_directory(parent, name)?;
        let prepared = if made { self.prepare_empty(parent, name, &stat) } else { Ok(()) };
        self.unless_failed(parent, name, made, prepared)?;
        Ok(Fate::MountLeftEmpty)
    }

    /// Gives the directory that stands for a mount point the mode of what is mounted.
    fn prepare_empty(&mut self, parent: &Directory<S>, name: &CStr, stat: &Stat) -> Result<()> {
        let made = self.enter_made(parent, name)?;
        let given = self.given_in(made.0.fd())?;
        let bare = copy::Options { preserve: Preserve::default(), ..self.copier.options.files };
        let (from, to) = ((Node::Named(parent.source.fd(), name), stat), Node::Open(made.0.fd()));
        let mut report = copy::Report::default();
        Transfer::between(self.sys, from, to, &bare, &mut report).apply(&made.1, Target::New { given })
    }

    /// Leaves the last level, and opens the one above it again if that was closed. Finishes it, or lets it wait for its files.
    pub(super) fn leave(&mut self) -> Result<()> {
        let Some(mut level) = self.levels.pop() else { return Ok(()) };
        self.reopen_parent(&level)?;
        if level.out == 0 {
            return self.finish(level);
        }
        if let Some(above) = self.levels.last_mut() {
            above.out = above.out.saturating_add(1); // its entries are finished before it
            level.waited_for_by = Some(above.number);
        }
        self.waiting.push(level);
        while self.waiting.len() > WAITING_AT_MOST {
            self.collect(true)?;
        }
        Ok(())
    }

    /// Closes levels that are far up. Waits for a level's files first, since they are copied through its descriptors.
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

    /// Opens the parent again by "..", and checks that it is where the walk came from: somebody may have moved the directory.
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
        let (place, number, inodes) = (Arc::clone(place), parent.number, parent.look.inodes());
        parent.directory = Some(Arc::new(Directory { source, target, place, number, inodes }));
        self.first_open = self.levels.len().saturating_sub(1);
        Ok(())
    }

    /// Gives a directory its metadata, after all its entries.
    pub(super) fn finish(&mut self, level: Level<'s, S>) -> Result<()> {
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
            self.sys.sync(directory.target.fd()).at(Step::Sync)?; // also if `set` failed, which the caller may skip
        }
        set
    }
}

/// The error of an existing entry that is no directory, where the copy needs one.
fn as_taken(errno: Errno) -> Errno {
    if table::not_as_listed(errno) { Errno::own(EEXIST) } else { errno }
}
