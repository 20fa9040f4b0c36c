//! The file being built: made where nobody sees it, given its name in one step, removed again when something fails.
//! It has no name where the file system can do that, else a private one beside the destination; with UNSTAGED its own from the start.

use core::ffi::CStr;

use super::job::Job;
use super::name::{Destination, PrivateName, with_private_name};
use super::{Durability, Report, metadata, retry, table};
use crate::error::{At, Cause, Error, Result, Step};
use crate::sys::{Errno, Fd, Handle, Stat, Sys};

/// What became of giving the file its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Published {
    /// It has it.
    Yes,
    /// Nothing happened, and an unnamed file cannot get a name here.
    NotThisWay,
}

/// Where the file being built stands.
enum Place {
    /// Nowhere: it has no name.
    Unnamed,
    /// Under a private name in the destination's directory.
    Private(PrivateName),
    /// Unfinished under its final name.
    Final,
    /// Complete under its final name.
    Published,
}

/// The file being built.
pub(super) struct Draft<'s, S: Sys> {
    sys: &'s S,
    pub(super) file: Handle<'s, S>,
    /// The destination's directory, once it is needed.
    directory: Option<Handle<'s, S>>,
    place: Place,
    /// It was made as a clone (`clone_as_new`), with all of the source's data and metadata.
    pub(super) cloned: bool,
    /// What it was when its data was there.
    pub(super) made: Option<Stat>,
}

impl<'s, S: Sys> Draft<'s, S> {
    fn new(sys: &'s S, fd: Fd, directory: Option<Handle<'s, S>>, place: Place) -> Self {
        Self { sys, file: Handle::new(sys, fd), directory, place, cloned: false, made: None }
    }

    /// An empty file. `there`: something stands under the name, to be replaced.
    pub(super) fn create(job: &Job<'s, '_, S>, there: bool) -> Result<Self> {
        let sys = job.sys;
        let mode = metadata::mode_to_create(&job.source.stat, job.options, false, job.known.tree.private);
        if job.options.durability == Durability::Unstaged {
            let made = Self::make_final(job, |dir, name| sys.create_new(dir, name, mode));
            if let Some(draft) = made.at(Step::Create)? {
                return Ok(draft);
            }
        }
        // Opened before anything is done: a directory that cannot be synced is no place for a durable
        // copy, and the host may have no descriptor left for one.
        let durable = job.options.durability == Durability::Durable;
        let directory = if durable || there { Some(job.open_parent(durable, Step::Create)?) } else { None };
        match job.to.with_parent(|parent| sys.create_unnamed(job.to.dir, parent, mode)) {
            Ok(fd) => Ok(Self::new(sys, fd, directory, Place::Unnamed)),
            Err(errno) if table::unnamed_unsupported(errno) => Self::create_private(job, directory),
            Err(errno) => Err(errno).at(Step::Create),
        }
    }

    /// An empty file with a private name from the start.
    pub(super) fn create_private(job: &Job<'s, '_, S>, directory: Option<Handle<'s, S>>) -> Result<Self> {
        let directory = match directory {
            Some(directory) => directory,
            None => job.open_parent(job.options.durability == Durability::Durable, Step::Create)?,
        };
        let mode = metadata::mode_to_create(&job.source.stat, job.options, true, job.known.tree.private);
        let mut draft = Self::create_named(job, directory, mode)?;
        if job.is_long() && !job.replaces() {
            if let Err(error) = draft.check_publishable(job) {
                draft.discard(job);
                return Err(error);
            }
        }
        Ok(draft)
    }

    /// An empty file with a private name and this mode.
    fn create_named(job: &Job<'s, '_, S>, directory: Handle<'s, S>, mode: u32) -> Result<Self> {
        let create = |dir: Fd, name: &CStr| {
            job.sys.create_new(dir, name, mode).inspect_err(|errno| {
                if !table::name_is_taken(*errno) {
                    job.remove_if_made(dir, name); // nobody else's has this name
                }
            })
        };
        Self::make_private(job, directory, create).at(Step::Create)
    }

    /// The permission bits that the system gives a new file there, by the umask or by the directory's default ACL: seen on
    /// an empty file, which is removed at once.
    pub(super) fn find_mode_given(job: &Job<'s, '_, S>) -> Result<u32> {
        let (sys, mode) = (job.sys, metadata::mode_asked(&job.source.stat, job.options));
        let scratch = match job.to.with_parent(|parent| sys.create_unnamed(job.to.dir, parent, mode)) {
            Ok(fd) => Self::new(sys, fd, None, Place::Unnamed),
            Err(errno) if table::unnamed_unsupported(errno) => {
                Self::create_named(job, job.open_parent(false, Step::Create)?, mode)?
            }
            Err(errno) => return Err(errno).at(Step::Create),
        };
        let made = sys.stat(scratch.file.fd()).at(Step::Create);
        let Self { file, directory, place, .. } = scratch;
        drop(file); // before its name is removed: see `discard`
        if let (Some(directory), Place::Private(name)) = (directory, place) {
            job.remove_own(directory.fd(), name.as_c_str()).at(Step::Create)?;
        }
        Ok(made?.mode)
    }

    /// Whether the finished file can be given a new name here, tried before a long copy with another private name.
    fn check_publishable(&mut self, job: &Job<'s, '_, S>) -> Result<()> {
        let (directory, name) = self.named()?;
        let (sys, name) = (self.sys, name.as_c_str());
        let lost = |new: &CStr, errno: &Errno| {
            if !table::name_is_taken(*errno) {
                job.remove_if_made(directory, new);
            }
        };
        let rename = |new: &CStr| {
            sys.rename_new(directory, name, directory, new).inspect_err(|errno| lost(new, errno))
        };
        match with_private_name(sys, rename) {
            Ok(((), new)) => {
                self.place = Place::Private(new);
                return Ok(());
            }
            Err(errno) if table::rename_new_unsupported(errno) => {}
            Err(errno) => return Err(errno).at(Step::Publish),
        }
        let link =
            |new: &CStr| sys.link(directory, name, directory, new).inspect_err(|errno| lost(new, errno));
        let ((), second) = with_private_name(sys, link).map_err(table::no_new_name).at(Step::Publish)?;
        job.remove_own(directory, second.as_c_str()).at(Step::Publish)
    }

    /// Tries the final name of a file that has a private one until then.
    pub(super) fn try_name(&self, job: &Job<'s, '_, S>) -> Result<()> {
        match self.named() {
            Ok((directory, _)) => job.try_name(directory),
            Err(_) => Ok(()),
        }
    }

    /// Makes a file under its final name. `None`: something stands there that is to be replaced, and
    /// that is never truncated, nor unlinked first.
    pub(super) fn make_final(
        job: &Job<'s, '_, S>,
        make: impl Fn(Fd, &CStr) -> crate::sys::Result<Fd>,
    ) -> crate::sys::Result<Option<Self>> {
        match make(job.to.dir, job.to.path) {
            Ok(fd) => Ok(Some(Self::new(job.sys, fd, None, Place::Final))),
            Err(errno) if table::name_is_taken(errno) && job.replaces() => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Makes a file under a private name.
    pub(super) fn make_private(
        job: &Job<'s, '_, S>,
        directory: Handle<'s, S>,
        make: impl Fn(Fd, &CStr) -> crate::sys::Result<Fd>,
    ) -> crate::sys::Result<Self> {
        let (fd, name) = with_private_name(job.sys, |name| make(directory.fd(), name))?;
        Ok(Self::new(job.sys, fd, Some(directory), Place::Private(name)))
    }

    /// Whether it stands under its final name since before it was complete.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.place, Place::Final)
    }

    /// Gives the finished file its name. `there`: one stood there when the copy began, to be replaced.
    pub(super) fn publish(&mut self, job: &Job<'s, '_, S>, there: bool) -> Result<Published> {
        match self.place {
            Place::Final | Place::Published => return Ok(Published::Yes),
            Place::Private(_) => self.check_still_mine()?,
            Place::Unnamed => {
                if !there {
                    match self.link_final(job) {
                        Ok(()) => {
                            self.place = Place::Published;
                            return Ok(Published::Yes);
                        }
                        Err(errno) if table::link_unsupported(errno) => return Ok(Published::NotThisWay),
                        Err(errno) if table::name_is_taken(errno) && job.replaces() => {} // it came while we copied
                        Err(errno) => return Err(errno).at(Step::Publish),
                    }
                }
                if self.link_private(job)? == Published::NotThisWay {
                    return Ok(Published::NotThisWay);
                }
            }
        }
        if job.replaces() { self.rename_over(job) } else { self.rename_new(job) }?;
        self.place = Place::Published;
        Ok(Published::Yes)
    }

    /// Into the very directory that will be synced, where there is one to sync.
    fn link_final(&self, job: &Job<'s, '_, S>) -> crate::sys::Result<()> {
        match &self.directory {
            Some(directory) => self.sys.link_unnamed(self.file.fd(), directory.fd(), job.to.leaf),
            None => self.sys.link_unnamed(self.file.fd(), job.to.dir, job.to.path),
        }
    }

    /// Gives an unnamed file a private name: only a name can replace a name.
    fn link_private(&mut self, job: &Job<'s, '_, S>) -> Result<Published> {
        let directory = match self.directory.take() {
            Some(directory) => directory,
            None => job.open_parent(false, Step::Publish)?,
        };
        let link = |name: &CStr| self.sys.link_unnamed(self.file.fd(), directory.fd(), name);
        let linked = with_private_name(self.sys, link);
        self.directory = Some(directory);
        match linked {
            Ok(((), name)) => {
                self.place = Place::Private(name);
                Ok(Published::Yes)
            }
            Err(errno) if table::link_unsupported(errno) => Ok(Published::NotThisWay),
            Err(errno) => Err(errno).at(Step::Publish),
        }
    }

    /// A private name that has stood there since before the data came: whoever may write to the
    /// directory may have put something else in its place, which would be published as the copy.
    fn check_still_mine(&self) -> Result<()> {
        let (directory, name) = self.named()?;
        let mine = self.sys.stat(self.file.fd()).at(Step::Publish)?;
        let there = self.sys.stat_name(directory, name.as_c_str()).at(Step::Publish)?;
        if mine.same_file(&there) { Ok(()) } else { Err(Error::new(Step::Publish, Cause::Inconsistent)) }
    }

    fn rename_over(&self, job: &Job<'s, '_, S>) -> Result<()> {
        // Once more, right before: what stands there now may have come while the data was copied.
        job.check_replaceable()?;
        let (directory, name) = self.named()?;
        self.sys.rename_over(directory, name.as_c_str(), directory, job.to.leaf).at(Step::Publish)
    }

    fn rename_new(&self, job: &Job<'s, '_, S>) -> Result<()> {
        let (directory, name) = self.named()?;
        match self.sys.rename_new(directory, name.as_c_str(), directory, job.to.leaf) {
            Err(errno) if table::rename_new_unsupported(errno) => {
                // A second link says EEXIST as reliably. Where neither is to be had there is no
                // safe way to publish.
                let linked = self.sys.link(directory, name.as_c_str(), directory, job.to.leaf);
                linked.map_err(table::no_new_name).at(Step::Publish)?;
                // Once more before it is an error: the copy has its name, and cannot lose it again.
                retry::once_more(|| self.sys.unlink(directory, name.as_c_str())).at(Step::Publish)?;
            }
            outcome => outcome.at(Step::Publish)?,
        }
        Ok(())
    }

    /// The directory and the private name, which both exist by the time they are asked for.
    fn named(&self) -> Result<(Fd, &PrivateName)> {
        match (&self.directory, &self.place) {
            (Some(directory), Place::Private(name)) => Ok((directory.fd(), name)),
            _ => Err(Error::new(Step::Publish, Cause::Inconsistent)),
        }
    }

    /// Whether the finished file has its name, though something failed: after it was published, or in the call that did it
    /// (its reply was lost, or the private name could not be removed behind it).
    pub(super) fn is_published(&self, to: &Destination, error: &Error) -> bool {
        match self.place {
            Place::Published => true,
            Place::Final => false, // it is not finished: publishing is nothing there, and cannot fail
            Place::Unnamed | Place::Private(_) => {
                error.step == Step::Publish && self.stands_under(to.dir, to.path) == Ok(true)
            }
        }
    }

    /// Whether a name is this file's. (Some servers give all files one inode number: the size tells others apart.)
    fn stands_under(&self, dir: Fd, name: &CStr) -> crate::sys::Result<bool> {
        let mine = self.sys.stat(self.file.fd())?;
        self.sys.stat_name(dir, name).map(|there| mine.same_file(&there) && mine.size == there.size)
    }

    /// Makes the new name survive a power loss.
    pub(super) fn sync_directory(&self) -> Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        match self.sys.sync(directory.fd()) {
            Err(errno) if !table::directory_sync_unsupported(errno) => Err(errno).at(Step::Sync),
            _ => Ok(()),
        }
    }

    /// Removes the name that an unfinished file stands under, if it is still this file's. Closes the file first: some
    /// servers store a file when it is closed, and would bring it back (rclone#6006); others do not unlink what is open
    /// for writing (mountpoint-s3#995).
    pub(super) fn discard(self, job: &Job<'s, '_, S>) {
        let Self { sys, file, directory, place, .. } = self;
        let (dir, name, private) = match (&directory, &place) {
            (Some(directory), Place::Private(name)) => (directory.fd(), name.as_c_str(), true),
            (_, Place::Final) => (job.to.dir, job.to.path, false),
            _ => return,
        };
        let left = || job.litter.set(private.then(|| PrivateName::of(name)));
        let Ok(mine) = retry::once_more(|| sys.stat(file.fd())) else { return left() };
        let theirs = |there: Stat| !mine.same_file(&there);
        let before = retry::once_more(|| sys.stat_name(dir, name));
        if before.is_ok_and(theirs) {
            return;
        }
        let _ = file.close(); // the error before this one is the one to report
        // What a server stores now may be another inode. Under a private name that was this file's it is nobody else's.
        let sure = private && !before.is_err_and(|errno| !table::name_is_free(errno));
        let gone = retry::removal(|| match sys.stat_name(dir, name) {
            Ok(there) if !sure && theirs(there) => Ok(false),
            Ok(_) => sys.unlink(dir, name).map(|()| true),
            Err(errno) if table::name_is_free(errno) => Ok(false),
            Err(errno) => Err(errno),
        });
        if !gone {
            left();
        }
    }

    /// Closes the copy. A clone has written nothing that a close could still lose.
    pub(super) fn close(self, to: &Destination, report: &mut Report) -> Result<()> {
        let may_lose = self.is_final() && report.copied_any() > 0;
        let closed = self.file.close();
        if let (Err(_), true, Some(mine)) = (closed, may_lose, self.made) {
            // Not yet promised to anyone: what close could not save goes, as after any other error.
            if self.sys.stat_name(to.dir, to.path).is_ok_and(|there| there.same_file(&mine)) {
                report.published = self.sys.unlink(to.dir, to.path).is_err();
            }
        }
        closed.at(Step::Close)
    }
}
