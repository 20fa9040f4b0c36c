//! Publishes a new tree: renames the private directory that it was built in to the destination, in one step.
//! A tree that it replaces gets another private name in that step, and is then removed. Also removes an unfinished tree.

use core::ffi::CStr;
use core::mem::replace;

use super::copy::Job;
use super::directory::Look;
use super::remove;
use super::walk::cancelled;
use super::{Phase, Progress, Report, Wants, Watch};
use crate::copy::name::PrivateName;
use crate::copy::{Durability, table};
use crate::error::{At, Cause, Error, Result, Step};
use crate::sys::errno::{EEXIST, ENOTDIR, EOPNOTSUPP};
use crate::sys::{Errno, Kind, Stat, Sys};

/// Where the root of the copy is until the copy is complete.
pub(super) enum Staging {
    /// Under a private name beside the destination.
    Private(PrivateName),
    /// Unfinished under its final name.
    Final,
    /// In the directory that was there before.
    Merged,
}

impl Staging {
    /// The name of a root that this call made.
    pub(super) fn name<'n>(&'n self, leaf: &'n CStr) -> Option<&'n CStr> {
        match self {
            Self::Private(name) => Some(name.as_c_str()),
            Self::Final => Some(leaf),
            Self::Merged => None,
        }
    }
}

impl<S: Sys> Job<'_, '_, S> {
    /// Gives the finished tree its name, and removes what it replaces.
    pub(super) fn publish(
        &self,
        staging: &mut Staging,
        look: &Look,
        watch: &mut dyn Watch,
        report: &mut Report,
    ) -> Result<()> {
        let durable = self.options.files.durability == Durability::Durable;
        let mut old = None;
        if let Staging::Private(name) = staging {
            if durable {
                tell(Phase::Sync, watch, report)?;
                if self.sys.syncs_volumes() {
                    self.sys.sync_volume(self.parent.fd()).at(Step::Sync)?;
                }
            }
            if watch.cancelled() {
                return Err(cancelled());
            }
            // Whoever may rename in the parent may have put another tree there. No later check is possible.
            let there = self.sys.stat_name(self.parent.fd(), name.as_c_str()).at(Step::Publish)?;
            if !there.same_file(&look.target) {
                return Err(Error::new(Step::Publish, Cause::Inconsistent));
            }
            old = self.rename(name, report)?;
        }
        report.published = true;
        let synced = if durable { self.sync_parent() } else { Ok(()) };
        let Some(old) = old else { return synced };
        if self.options.keep_replaced || synced.is_err() {
            report.leave(old.as_c_str());
            return synced;
        }
        self.remove_replaced(&old, &look.source, watch, report)
    }

    /// Makes the new name survive a power loss.
    fn sync_parent(&self) -> Result<()> {
        match self.sys.sync(self.parent.fd()) {
            Err(errno) if !table::directory_sync_unsupported(errno) => Err(errno).at(Step::Sync),
            _ => Ok(()),
        }
    }

    // ── The name ──

    /// Renames the private directory to the destination. Returns the private name that the replaced tree has then.
    fn rename(&self, private: &mut PrivateName, report: &mut Report) -> Result<Option<PrivateName>> {
        if self.replaces() && self.look()?.is_some() {
            // What is replaced must at no time have a name that looks like an unfinished copy's.
            let old = PrivateName::of_old(self.sys.random());
            let renamed = self.rename_new(private.as_c_str(), old.as_c_str());
            let parent = self.parent.fd();
            // The reply may be lost: the new name is looked for too, so that the clean-up finds the tree.
            let moved = renamed.is_ok() || self.sys.stat_name(parent, old.as_c_str()).is_ok();
            let unfinished = if moved { replace(private, old) } else { *private };
            renamed.at(Step::Publish)?;
            match self.sys.exchange(parent, private.as_c_str(), parent, self.leaf) {
                Ok(()) => return Ok(Some(*private)),
                Err(errno) if table::name_is_free(errno) => {} // somebody removed the old tree
                // EPERM may be a filter's answer. If it is a real one, the first of the two renames fails with it too.
                Err(errno)
                    if self.options.two_renames
                        && (table::exchange_unsupported(errno) || table::look_refused(errno)) =>
                {
                    return self.rename_twice(private.as_c_str(), report).at(Step::Publish).map(Some);
                }
                Err(errno) if table::exchange_unsupported(errno) => {
                    // Some FUSE servers (mergerfs) make the inode number from the path: the library can recognise the
                    // directory, and remove it, only under the name that it was made with.
                    if self.rename_new(private.as_c_str(), unfinished.as_c_str()).is_ok() {
                        *private = unfinished;
                    }
                    return Err(Errno::standing_for(errno.raw(), EOPNOTSUPP)).at(Step::Publish);
                }
                Err(errno) => return Err(errno).at(Step::Publish),
            }
        }
        self.rename_new(private.as_c_str(), self.leaf).at(Step::Publish).map(|()| None)
    }

    /// Renames to a name that must not exist. If the system has no such call, looks first: what appears after the look is
    /// replaced only if it is an empty directory (rename(2)).
    fn rename_new(&self, from: &CStr, to: &CStr) -> crate::sys::Result<()> {
        let parent = self.parent.fd();
        match self.sys.rename_new(parent, from, parent, to) {
            Err(errno) if table::rename_new_unsupported(errno) => match self.sys.stat_name(parent, to) {
                Ok(_) => Err(Errno::own(EEXIST)),
                Err(errno) if table::name_is_free(errno) => self.sys.rename_over(parent, from, parent, to),
                Err(errno) => Err(errno),
            },
            outcome => outcome,
        }
    }

    /// Replaces where two names cannot be exchanged: renames the old tree away, then the new one to its name. If that fails,
    /// gives the old tree its name back.
    fn rename_twice(&self, new: &CStr, report: &mut Report) -> crate::sys::Result<PrivateName> {
        let old = PrivateName::of_old(self.sys.random());
        let away = self.rename_new(self.leaf, old.as_c_str());
        let both = away.and_then(|()| self.rename_new(new, self.leaf));
        both.map(|()| old).inspect_err(|_| self.put_back(old.as_c_str(), away.is_ok(), report))
    }

    /// Gives the old tree its name back, or reports where it is. `moved`: it was certainly renamed away. Else it may have
    /// been, since a reply can be lost.
    fn put_back(&self, old: &CStr, moved: bool, report: &mut Report) {
        if self.rename_new(old, self.leaf).is_ok() {
            return;
        }
        match self.sys.stat_name(self.parent.fd(), old) {
            Err(errno) if !moved || table::name_is_free(errno) => {}
            _ => report.leave(old),
        }
    }

    // ── Removing ──

    /// Removes the replaced tree, but never the source. The new tree has its name by now: what cannot be removed is left.
    fn remove_replaced(
        &self,
        old: &PrivateName,
        source: &Stat,
        watch: &mut dyn Watch,
        report: &mut Report,
    ) -> Result<()> {
        let (parent, name) = (self.parent.fd(), old.as_c_str());
        let mut watch = Cleaning { watch, replaced: true };
        let told = tell(Phase::Cleanup, &mut watch, &Report::default());
        let found = told.and_then(|()| self.sys.stat_name(parent, name).at(Step::Cleanup));
        let removed = match found {
            Ok(there) => match there.kind {
                Kind::Directory => {
                    remove::clean_up(self.sys, parent, name, &there, Some(*source), &mut watch)
                }
                Kind::Symlink => self.sys.unlink(parent, name).at(Step::Cleanup),
                // Somebody put a file there at the last moment, which was never to be replaced.
                _ => Err(Errno::own(ENOTDIR)).at(Step::Cleanup),
            },
            Err(error) => Err(error),
        };
        removed.map_err(|error| {
            report.leave(name);
            Error::new(Step::Cleanup, error.cause)
        })
    }

    /// Removes an unfinished tree after an error. That error is reported, and none of the removal.
    pub(super) fn clean_up(
        &self,
        staging: &Staging,
        mine: &Stat,
        watch: &mut dyn Watch,
        report: &mut Report,
    ) {
        let parent = self.parent.fd();
        let Some(name) = staging.name(self.leaf) else {
            report.destination_changed = report.touched;
            return;
        };
        let found = self.sys.stat_name(parent, name);
        let is_mine = |there: crate::sys::Result<Stat>| there.is_ok_and(|there| there.same_file(mine));
        let is_private = matches!(staging, Staging::Private(_));
        if is_private && !is_mine(found) && is_mine(self.sys.stat_name(parent, self.leaf)) {
            // Published after all: the system's answer was lost.
            report.published = true;
            if found.is_ok() {
                report.leave(name); // what it replaced
            }
            return;
        }
        let removed = match found {
            Ok(there) if !there.same_file(mine) && !is_private => return, // somebody moved it
            Ok(there) if !there.same_file(mine) => false, // somebody moved it, or its inode number changed with its name
            Err(errno) if table::name_is_free(errno) => return,
            Ok(_) => {
                let mut watch = Cleaning { watch, replaced: false };
                remove::clean_up(self.sys, parent, name, mine, None, &mut watch).is_ok()
            }
            Err(_) => false,
        };
        if !removed && is_private {
            report.leave(name);
        } else {
            report.destination_changed = !removed;
        }
    }
}

/// The caller's functions while the library removes a replaced or an unfinished tree: only `progress` is called. A request
/// to cancel ends the removal of a replaced tree. It does not end that of an unfinished tree, which it may have caused.
struct Cleaning<'w> {
    watch: &'w mut dyn Watch,
    replaced: bool,
}

impl Watch for Cleaning<'_> {
    fn wants(&self) -> Wants {
        Wants { progress: self.watch.wants().progress, ..Wants::default() }
    }

    fn progress(&mut self, progress: &Progress) -> bool {
        self.watch.progress(&Progress { phase: Phase::Cleanup, ..*progress })
    }

    fn cancelled(&self) -> bool {
        self.replaced && self.watch.cancelled()
    }
}

fn tell(phase: Phase, watch: &mut dyn Watch, report: &Report) -> Result<()> {
    if !watch.wants().progress {
        return Ok(());
    }
    let counts = &report.counts;
    let progress = Progress {
        phase,
        entries_done: counts.done(),
        entries_seen: counts.seen,
        bytes_done: counts.bytes(),
        directories_open: 0,
    };
    if watch.progress(&progress) { Ok(()) } else { Err(cancelled()) }
}
