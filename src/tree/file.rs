//! Copies the regular files of a tree, through `copy::file`, and says what becomes of an entry.
//! What one file shows about its file system is not asked again for the next.

use core::ffi::CStr;
use core::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use super::Options;
use super::directory::Directory;
use super::links::{Asker, Key, Links};
use crate::copy::file::{Known, copy_open};
use crate::copy::metadata::{InTree, TimesKept};
use crate::copy::name::Destination;
use crate::copy::source::Source;
use crate::copy::{self, Callback, Durability, Mode, Permissions, table};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::errno::{EEXIST, EPERM};
use crate::sys::{Errno, Fd, Handle, Kind, Stat, Sys};

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    File,
    HardLink,
    Directory,
    Symlink,
    Special,
    SpecialLeftOut,
    MountLeftEmpty,
    LeftOut,
    Kept,
    Failed,
    Vanished,
}

impl Fate {
    /// Whether this call made something under the entry's name.
    pub(super) const fn is_copied(self) -> bool {
        matches!(
            self,
            Self::File
                | Self::HardLink
                | Self::Directory
                | Self::Symlink
                | Self::Special
                | Self::MountLeftEmpty
        )
    }
}

/// How an attempt to copy an entry ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is dealt with.
    Done(Fate, copy::Report),
    /// It is a further name of a file that is being copied, or was copied.
    Further(Key),
    /// It is of another type than the directory listed.
    Changed,
    /// It failed. The report has what was done until then.
    Failed(Error, copy::Report),
}

impl Outcome {
    /// Whether it was stopped, because the caller cancels or another thread failed.
    pub(super) fn is_cancelled(&self) -> bool {
        matches!(self, Self::Failed(error, _) if error.cause == Cause::Cancelled)
    }

    /// The outcome of an entry of which no data was copied.
    pub(super) fn without_data(outcome: Result<Fate>) -> Self {
        match outcome {
            Ok(fate) => Self::Done(fate, copy::Report::default()),
            Err(error) => Self::Failed(error, copy::Report::default()),
        }
    }
}

/// What is known about a file system of the source.
struct Volume {
    device: u64,
    /// A file of it was cloned: the sizes that it reports are real.
    clones: bool,
    /// The error that refuses each clone from it to the destination's file system.
    refused: Option<Errno>,
}

/// Copies entries. The threads of one call share it.
pub(super) struct Copier<'s, 'o, S: Sys> {
    pub(super) sys: &'s S,
    pub(super) options: &'o Options,
    pub(super) links: Links,
    /// The call is about to end: no thread begins another file.
    pub(super) stop: AtomicBool,
    /// How a file is copied.
    files: copy::Options,
    merges: bool,
    /// Files and directories are synced one by one.
    pub(super) syncs_each: bool,
    /// The limit on file sizes, as [`Sys::size_limit`] says.
    limit: u64,
    /// Whether the system's own copy call can be trusted.
    kernel_copy: bool,
    /// The permission bits that the system gives a new directory, if the options need them.
    pub(super) given: Option<u32>,
    volumes: Mutex<Vec<Volume>>,
    /// File systems of the source whose stat(2) shows how many names a file has.
    tell_links: Mutex<Vec<u64>>,
    /// Whether the destination keeps times. `None`: it may treat each file differently.
    times: Option<TimesKept>,
}

impl<'s, 'o, S: Sys> Copier<'s, 'o, S> {
    pub(super) fn new(
        sys: &'s S,
        options: &'o Options,
        merges: bool,
        given: Option<u32>,
        root: (Fd, &Stat),
    ) -> Self {
        let mut files = options.files;
        let syncs_each = files.durability == Durability::Durable && (merges || !sys.syncs_volumes());
        if merges {
            let keep = options.keep_existing;
            files.if_exists = if keep { copy::IfExists::Fail } else { copy::IfExists::Replace };
        } else {
            files.if_exists = copy::IfExists::Fail;
            if !syncs_each {
                // In a tree that nobody sees yet, or that the caller wants unstaged, a file needs no name but its own.
                files.durability = Durability::Unstaged;
            }
        }
        let (links, stop) = (Links::default(), AtomicBool::new(false));
        let (volumes, tell_links) = (Mutex::default(), Mutex::default());
        let times = if files.preserve.times { TimesKept::new(sys, root.0, root.1.device) } else { None };
        let (limit, kernel_copy) = (sys.size_limit(), sys.kernel_copy_usable());
        Self {
            sys,
            options,
            links,
            stop,
            files,
            merges,
            syncs_each,
            limit,
            kernel_copy,
            given,
            volumes,
            tell_links,
            times,
        }
    }

    /// Whether the copy goes into an existing directory, and may meet entries of it.
    pub(super) fn merges(&self) -> bool {
        self.merges
    }

    /// Copies an entry that the directory lists as a regular file. `steps` is told of the bytes done and the total.
    pub(super) fn file(&self, directory: &Directory<S>, name: &CStr, steps: Callback) -> Outcome {
        match self.open(directory, name) {
            Ok(Ok(source)) => self.open_file(directory, name, source, steps),
            Ok(Err(Fate::MountLeftEmpty)) => Outcome::without_data(self.empty_file(directory, name)),
            Ok(Err(fate)) => Outcome::without_data(Ok(fate)),
            Err(errno) if table::not_as_listed(errno) => Outcome::Changed,
            Err(errno) => Outcome::without_data(Err(errno).at(Step::OpenSource)),
        }
    }

    /// Opens a source. `Ok(Err(fate))`: there is nothing to open.
    fn open(
        &self,
        directory: &Directory<S>,
        name: &CStr,
    ) -> crate::sys::Result<core::result::Result<Source<'s, S>, Fate>> {
        let dir = directory.source.fd();
        if self.options.one_mount && self.sys.is_mount_point(dir, name)? {
            return Ok(Err(Fate::MountLeftEmpty));
        }
        let file = match self.sys.open_listed(dir, name) {
            Ok(fd) => Handle::new(self.sys, fd),
            Err(errno) if table::name_is_free(errno) => return Ok(Err(Fate::Vanished)),
            Err(errno) => return Err(errno),
        };
        let stat = self.look_for_links(file.fd(), self.sys.stat(file.fd())?)?;
        Ok(Ok(Source { file, stat }))
    }

    /// Returns `stat` with the real number of names, which SMB does not show for an open file. Each file of such a file
    /// system costs one more call. One with several names is looked at once more, since its other names are compared with it.
    fn look_for_links(&self, file: Fd, stat: Stat) -> crate::sys::Result<Stat> {
        let tell = || self.tell_links.lock().unwrap_or_else(PoisonError::into_inner);
        if self.options.split_links || stat.links > 1 || tell().contains(&stat.device) {
            return Ok(stat);
        }
        match self.sys.links(file) {
            None => tell().push(stat.device),
            Some(links) if links > 1 => return Ok(Stat { links, ..self.sys.stat(file)? }),
            Some(_) => {}
        }
        Ok(stat)
    }

    fn open_file(
        &self,
        directory: &Directory<S>,
        name: &CStr,
        source: Source<S>,
        steps: Callback,
    ) -> Outcome {
        let stat = source.stat;
        if stat.kind != Kind::Regular {
            return Outcome::Changed;
        }
        match self.look(directory, name) {
            Ok(false) => {}
            Ok(true) => return Outcome::without_data(Ok(Fate::Kept)),
            Err(error) => return Outcome::without_data(Err(error)),
        }
        let key = match self.ask_for_link(&stat) {
            Ok(key) => key,
            Err(key) => return Outcome::Further(key),
        };
        let mut progress = copy::Progress::with_whole_clones(steps);
        let outcome = Destination::listed(directory.target.fd(), name)
            .and_then(|to| copy_open(self.sys, source, &to, &self.files, self.known(&stat), &mut progress));
        let report = progress.report;
        match (outcome, key) {
            (Ok(()), Some(key)) => self.links.made(key, &directory.place, name, report.made),
            (Err(_), Some(key)) => self.links.failed(key),
            (_, None) => {}
        }
        match outcome {
            Ok(()) => {
                self.learn(&stat, &report);
                self.note_made(directory, name);
                Outcome::Done(Fate::File, report)
            }
            Err(error) if !report.published && self.came_first(directory, name, &error) => {
                Outcome::without_data(Ok(Fate::Kept))
            }
            Err(error) => Outcome::Failed(self.explain(error), report),
        }
    }

    /// Notes a name of a file. `Ok`: the caller copies the file, and further names find the copy by the key, if there is
    /// one. An error: this is a further name, and the key finds the copy.
    pub(super) fn ask_for_link(&self, stat: &Stat) -> core::result::Result<Option<Key>, Key> {
        let Some(key) = Links::key(stat).filter(|_| !self.options.split_links) else { return Ok(None) };
        match self.links.begin(key, stat) {
            Asker::First => Ok(Some(key)),
            Asker::Further => Err(key),
            Asker::Stranger => Ok(None),
        }
    }

    /// In a merge, looks at the existing entry of that name: `true` if it stays. Fails for an existing directory, which
    /// nothing but a directory may meet.
    pub(super) fn look(&self, directory: &Directory<S>, name: &CStr) -> Result<bool> {
        if !self.merges() {
            return Ok(false);
        }
        match self.sys.stat_name(directory.target.fd(), name) {
            Ok(there) if self.is_made(directory, name, &there) => {
                Err(Error::new(Step::Check(Side::Destination), Cause::NameClash))
            }
            Ok(there) if there.kind == Kind::Directory => {
                Err(Errno::own(EEXIST)).at(Step::Check(Side::Destination))
            }
            Ok(_) if self.options.keep_existing => Ok(true),
            Ok(_) => self.check_names_change(directory).at(Step::Check(Side::Destination)).map(|()| false),
            Err(errno) if table::name_is_free(errno) && self.files.durability == Durability::Unstaged => {
                // What is made under its own name is removed after a failure.
                self.check_names_change(directory).at(Step::Create).map(|()| false)
            }
            Err(errno) if table::name_is_free(errno) => Ok(false),
            Err(errno) => Err(errno).at(Step::Check(Side::Destination)),
        }
    }

    /// In a merge, fails for a directory in which no name can be changed: what is unfinished would stay for ever.
    pub(super) fn check_names_change(&self, directory: &Directory<S>) -> crate::sys::Result<()> {
        let look = || self.sys.is_append_only(directory.target.fd());
        if *directory.place.append_only.get_or_init(look) { Err(Errno::own(EPERM)) } else { Ok(()) }
    }

    /// In a merge, whether this call made the existing entry `there` under another name.
    pub(super) fn is_made(&self, directory: &Directory<S>, name: &CStr, there: &Stat) -> bool {
        directory.place.folding.is_made(self.sys, directory.target.fd(), name, there)
    }

    /// In a merge, remembers that this call made the entry.
    pub(super) fn note_made(&self, directory: &Directory<S>, name: &CStr) {
        if self.merges() {
            directory.place.folding.made(self.sys, directory.target.fd(), name);
        }
    }

    /// Whether `error` says that somebody else made an entry of that name after the look, and whether that entry stays.
    pub(super) fn came_first(&self, directory: &Directory<S>, name: &CStr, error: &Error) -> bool {
        self.options.keep_existing
            && matches!(error.cause, Cause::System(errno) if table::name_is_taken(errno))
            && self.look(directory, name) == Ok(true)
    }

    /// The error to report: in a new tree, a name is taken only because the file system folds two names into one.
    pub(super) fn explain(&self, error: Error) -> Error {
        match error.cause {
            Cause::System(errno) if !self.merges() && table::name_is_taken(errno) => {
                Error::new(error.step, Cause::NameClash)
            }
            _ => error,
        }
    }

    /// The permission bits that the system gives a new file, if they are known: those of a new directory (umask(2), acl(5)),
    /// without execution if the file gets the mode of a new file.
    pub(super) fn mode_given(&self) -> Option<u32> {
        let most = if self.options.files.permissions == Permissions::New { 0o666 } else { 0o777 };
        self.given.filter(|_| !self.merges()).map(|given| given & most)
    }

    /// What holds for every entry of this copy.
    pub(super) fn in_tree(&self) -> InTree<'_> {
        InTree { private: !self.merges(), merges: self.merges(), times: self.times.as_ref() }
    }

    fn known(&self, stat: &Stat) -> Known<'_> {
        let mut known = Known {
            limit: self.limit,
            kernel_copy: Some(self.kernel_copy),
            empty: false,
            clone_refused: None,
            mode_given: self.mode_given(),
            directory_is_synced_later: self.syncs_each,
            tree: self.in_tree(),
        };
        let volumes = self.volumes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(volume) = volumes.iter().find(|volume| volume.device == stat.device) {
            known.empty = volume.clones;
            known.clone_refused = volume.refused;
        }
        known
    }

    /// Notes what the copy of a file shows about its file system.
    fn learn(&self, stat: &Stat, report: &copy::Report) {
        let errno = Errno(report.clone_error.saturating_neg());
        let refused =
            (self.options.files.mode == Mode::Auto && table::refuses_each_clone(errno)).then_some(errno);
        if !report.clone_succeeded && refused.is_none() {
            return;
        }
        let mut volumes = self.volumes.lock().unwrap_or_else(PoisonError::into_inner);
        match volumes.iter_mut().find(|volume| volume.device == stat.device) {
            Some(volume) => {
                volume.clones |= report.clone_succeeded;
                volume.refused = refused;
            }
            None => volumes.push(Volume { device: stat.device, clones: report.clone_succeeded, refused }),
        }
    }

    /// Whether nothing after `error` can succeed, so that the caller is not asked.
    pub(super) fn ends_it(&self, error: &Error) -> bool {
        let must_clone = self.options.files.mode == Mode::Always && matches!(error.step, Step::Clone(_));
        must_clone
            || match error.cause {
                Cause::Cancelled => true,
                Cause::System(errno) => table::ends_a_tree(errno),
                _ => false,
            }
    }
}
