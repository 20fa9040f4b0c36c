//! Copies from name to name: opens the source once, builds the new file where nobody sees it, publishes it in one step.
//! After any error the destination's name holds what it held before, or (after publishing) the complete new file.

use core::ffi::CStr;

use super::by_name;
use super::data::{self, Flow, Ownership, Stretch};
use super::metadata::{self, Permissions, Transfer};
use super::name::{Destination, PrivateName};
use super::{Durability, IfExists, Meter, Mode, Options, Reason, Report, STEP, table};
use crate::error::{At, Cause, Error, Result, Step};
use crate::sys::errno::{EEXIST, EISDIR, ENOENT, ENXIO};
use crate::sys::{Errno, Fd, Handle, Kind, Stat, Sys};

/// How many private names are tried before it is believed that none is free.
const NAMES_AT_MOST: u32 = 64;

/// How much of a source that says it is empty is read before it is asked once more.
const FIRST_LOOK: u64 = 64 << 10;

/// A copy from name to name.
pub struct Request<'a> {
    /// The directory that `src` is relative to.
    pub src_dir: Fd,
    /// The source.
    pub src: &'a CStr,
    /// The directory that `dst` is relative to.
    pub dst_dir: Fd,
    /// The destination.
    pub dst: &'a CStr,
    /// How.
    pub options: &'a Options,
}

/// Does it, and says in `report` what was done, whether or not it succeeds.
pub fn copy<S: Sys>(sys: &S, request: &Request, meter: &mut Meter, report: &mut Report) -> Result<()> {
    let to = Destination::new(request.dst_dir, request.dst)?;
    let source = Source::open(sys, request)?;
    let job = Job { sys, source: &source, to: &to, options: request.options, limit: sys.size_limit() };
    data::check_size_limit(source.stat.size, job.limit)?;
    let replaces = request.options.if_exists == IfExists::Replace && job.check_replaceable()?;

    let mut draft = match by_name::clone(&job, meter, report)? {
        Some(draft) => draft,
        None => Draft::create(&job)?,
    };
    let mut outcome = job.build(&mut draft, replaces, meter, report);
    if outcome == Ok(Published::NotThisWay) {
        // It has data but cannot get a name: once more, as a file that has one from the start.
        *report = Report::default();
        drop(draft);
        draft = Draft::private(&job)?;
        outcome = job.build(&mut draft, replaces, meter, report);
    }
    if let Err(error) = outcome {
        draft.discard(&to);
        return Err(error);
    }
    draft.close(source, &to, report)
}

/// The source: one descriptor, and what it was before the first byte moved.
pub(super) struct Source<'s, S: Sys> {
    pub(super) file: Handle<'s, S>,
    pub(super) stat: Stat,
}

impl<'s, S: Sys> Source<'s, S> {
    fn open(sys: &'s S, request: &Request) -> Result<Self> {
        let file = match sys.open_source(request.src_dir, request.src, !request.options.nofollow) {
            Ok(fd) => Handle::new(sys, fd),
            // A socket, or a device that nothing drives.
            Err(errno) if errno.is(ENXIO) => return Err(Error::new(Step::OpenSource, Cause::NotRegular)),
            Err(errno) => return Err(errno).at(Step::OpenSource),
        };
        let stat = sys.stat(file.fd()).at(Step::OpenSource)?;
        check_regular(&stat, Step::OpenSource)?;
        Ok(Self { file, stat })
    }
}

/// Fails on all but regular files: a directory by its own errno.
pub fn check_regular(stat: &Stat, step: Step) -> Result<()> {
    match stat.kind {
        Kind::Regular => Ok(()),
        Kind::Directory => Err(Errno(EISDIR)).at(step),
        Kind::Symlink | Kind::Other => Err(Error::new(step, Cause::NotRegular)),
    }
}

/// What became of giving the file its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Published {
    /// It has it.
    Yes,
    /// Nothing happened, and an unnamed file cannot get a name here.
    NotThisWay,
}

/// One copy under way: what every step of it needs to know.
pub(super) struct Job<'s, 'j, S: Sys> {
    pub(super) sys: &'s S,
    pub(super) source: &'j Source<'s, S>,
    pub(super) to: &'j Destination<'j>,
    pub(super) options: &'j Options,
    limit: u64,
}

impl<'s, S: Sys> Job<'s, '_, S> {
    /// Whether the destination exists and may be replaced. Only a regular file or a symbolic link
    /// may (the link itself: it is never followed); a device or a directory stays.
    fn check_replaceable(&self) -> Result<bool> {
        let there = match self.sys.stat_name(self.to.dir, self.to.path) {
            Ok(there) => there,
            Err(errno) if errno.is(ENOENT) => return Ok(false),
            Err(errno) => return Err(errno).at(Step::Check),
        };
        if there.kind != Kind::Symlink {
            check_regular(&there, Step::Check)?;
        }
        if there.same_file(&self.source.stat) {
            return Err(Error::new(Step::Check, Cause::SameFile));
        }
        Ok(true)
    }

    /// A name that is taken is told before a long copy, not after it. Publishing decides all the
    /// same.
    fn check_still_free(&self, draft: &Draft<S>) -> Result<()> {
        let free_or_mine = draft.direct || self.options.if_exists == IfExists::Replace;
        if !free_or_mine && self.sys.stat_name(self.to.dir, self.to.path).is_ok() {
            return Err(Errno(EEXIST)).at(Step::Publish);
        }
        Ok(())
    }

    /// Data, metadata, sync, name: in this order.
    fn build(
        &self,
        draft: &mut Draft<'s, S>,
        replaces: bool,
        meter: &mut Meter,
        report: &mut Report,
    ) -> Result<Published> {
        let (made, options) = if draft.cloned {
            (by_name::made(self, draft, meter)?, by_name::still_to_preserve(self.options))
        } else {
            (self.fill(draft, meter, report)?, *self.options)
        };
        let from = (self.source.file.fd(), &self.source.stat);
        Transfer::new(self.sys, from, draft.file.fd(), &options).apply(
            &made,
            Permissions::FollowSource,
            &options,
            report,
        )?;
        if self.options.durability == Durability::Durable {
            self.sys.sync(draft.file.fd()).at(Step::Sync)?;
        }
        if report.copied_any() > 0 && !(draft.direct && S::CLOSE_TELLS) {
            // Errors that would come out at close must come before the name does.
            self.sys.flush(draft.file.fd()).at(Step::Close)?;
        }
        let published = draft.publish(self, replaces)?;
        if published == Published::Yes && self.options.durability == Durability::Durable {
            draft.sync_directory()?;
        }
        Ok(published)
    }

    /// Brings the data over, and returns what the destination is then.
    fn fill(&self, draft: &Draft<S>, meter: &mut Meter, report: &mut Report) -> Result<Stat> {
        let stat = self.source.stat;
        let (src, dst) = (self.source.file.fd(), draft.file.fd());
        let length = if stat.size == 0 { i64::MAX.unsigned_abs() } else { stat.size };
        let mode = self.options.mode;
        let mut stretch =
            Stretch::new(self.sys, (src, 0, stat), (dst, 0, 0), length, mode, Ownership::Ours, self.limit);
        if mode == Mode::Never {
            report.reason = Reason::NotAsked;
        } else if !S::CLONES_BY_NAME && self.clone(&mut stretch, draft, meter, report)? == Flow::Finished {
            let in_steps = self.in_steps(meter);
            if let Some(made) = self.check_cloned(&mut stretch, in_steps, report)? {
                return Ok(made);
            }
        }
        self.check_still_free(draft)?;
        copy_to_end(self.sys, &mut stretch, report, meter)?;
        stretch.settle_size()?;
        self.check_copied(&stretch, report)
    }

    /// Someone watches, and there is more than one step to see.
    fn in_steps(&self, meter: &Meter) -> bool {
        meter.listens() && self.source.stat.size > STEP
    }

    fn clone(
        &self,
        stretch: &mut Stretch<S>,
        draft: &Draft<S>,
        meter: &mut Meter,
        report: &mut Report,
    ) -> Result<Flow> {
        if self.in_steps(meter) {
            self.check_still_free(draft)?;
            return stretch.clone_until(self.source.stat.size, report, meter);
        }
        stretch.length = self.source.stat.size;
        let flow = stretch.clone_file(report, meter)?;
        if stretch.sizeless {
            stretch.length = i64::MAX.unsigned_abs();
        }
        Ok(flow)
    }

    /// FICLONE's 0 is not believed without the size: ZFS 2.2 cut files short and said success
    /// (openzfs#15728). `None`: it lied. One call takes the source at one instant; of several, the
    /// source may have moved in between.
    fn check_cloned(
        &self,
        stretch: &mut Stretch<S>,
        in_steps: bool,
        report: &mut Report,
    ) -> Result<Option<Stat>> {
        let made = self.sys.stat(stretch.dst).at(Step::Clone)?;
        let as_long = made.size == self.source.stat.size;
        if as_long && !in_steps {
            return Ok(Some(made));
        }
        report.source_changed = self.sys.stat(stretch.src).at(Step::Clone)?.moved_since(&self.source.stat);
        if as_long || report.source_changed {
            report.cloned = made.size;
            return Ok(Some(made));
        }
        report.cloned = 0;
        report.clone_succeeded = false;
        report.reason = Reason::Failure;
        if self.options.mode == Mode::Always {
            return Err(Error::new(Step::Clone, Cause::Inconsistent));
        }
        self.sys.set_size(stretch.dst, 0).at(Step::Clone)?;
        stretch.done = 0;
        Ok(None)
    }

    /// The size, last of all: what was counted must be there, and the source must not have ended
    /// early without a reason.
    fn check_copied(&self, stretch: &Stretch<S>, report: &mut Report) -> Result<Stat> {
        let made = self.sys.stat(stretch.dst).at(Step::Copy)?;
        let now = self.sys.stat(stretch.src).at(Step::Copy)?;
        report.source_changed = now.moved_since(&stretch.src_stat);
        check_end(stretch, report)?;
        if made.size == stretch.done { Ok(made) } else { Err(Error::new(Step::Copy, Cause::Inconsistent)) }
    }
}

/// Copies what is left of a stretch. A source without a size is read until it ends, or, if it turns
/// out to be an ordinary file that grows, to the size it had when that was first seen: no race with
/// whoever writes it.
pub fn copy_to_end<S: Sys>(
    sys: &S,
    stretch: &mut Stretch<S>,
    report: &mut Report,
    meter: &mut Meter,
) -> Result<()> {
    if !stretch.sizeless {
        return stretch.copy_until(stretch.length, false, report, meter);
    }
    let mut until = stretch.length;
    while stretch.done < until && !stretch.source_ended() {
        let stride = if stretch.done == 0 { FIRST_LOOK } else { STEP };
        let step = stretch.done.saturating_add(stride).min(until);
        stretch.copy_until(step, false, report, meter)?;
        if until == stretch.length {
            let size = sys.stat(stretch.src).at(Step::Copy)?.size.saturating_sub(stretch.src_offset);
            if size > 0 {
                until = size.max(stretch.done).min(stretch.length);
            }
        }
    }
    Ok(())
}

/// A file with blocks that ends before its size, and did not change, is not all there. (sysfs files
/// end early, but have no blocks.)
pub fn check_end<S: Sys>(stretch: &Stretch<S>, report: &Report) -> Result<()> {
    let early = stretch.source_ended() && !stretch.sizeless && stretch.done < stretch.length;
    if early && !report.source_changed && stretch.src_stat.allocated > 0 {
        return Err(Error::new(Step::Copy, Cause::Inconsistent));
    }
    Ok(())
}

/// The file being built.
pub(super) struct Draft<'s, S: Sys> {
    pub(super) sys: &'s S,
    pub(super) file: Handle<'s, S>,
    /// The destination's directory, once it is needed.
    pub(super) directory: Option<Handle<'s, S>>,
    /// Its private name in that directory, where it has one.
    pub(super) name: Option<PrivateName>,
    /// It stands under its final name already.
    pub(super) direct: bool,
    /// It was made as a clone (`by_name`), with all of the source's data and metadata.
    pub(super) cloned: bool,
}

impl<'s, S: Sys> Draft<'s, S> {
    fn create(job: &Job<'s, '_, S>) -> Result<Self> {
        let sys = job.sys;
        let mode = metadata::mode_to_create(&job.source.stat, job.options);
        if job.options.durability == Durability::Direct {
            match sys.create_new(job.to.dir, job.to.path, mode) {
                Ok(fd) => {
                    let file = Handle::new(sys, fd);
                    return Ok(Self { sys, file, directory: None, name: None, direct: true, cloned: false });
                }
                // Something to replace: never truncated, never unlinked first.
                Err(errno) if errno.is(EEXIST) && job.options.if_exists == IfExists::Replace => {}
                Err(errno) => return Err(errno).at(Step::Create),
            }
        }
        // Opened before anything is done: a directory that cannot be synced is no place for a
        // durable copy.
        let directory = match job.options.durability {
            Durability::Durable => Some(open_parent(job, true)?),
            _ => None,
        };
        match job.to.with_parent(|parent| sys.create_unnamed(job.to.dir, parent, mode)) {
            Ok(fd) => Ok(Self {
                sys,
                file: Handle::new(sys, fd),
                directory,
                name: None,
                direct: false,
                cloned: false,
            }),
            Err(errno) if table::unnamed_unsupported(errno) => Self::private_in(job, directory),
            Err(errno) => Err(errno).at(Step::Create),
        }
    }

    /// A file with a private name from the start.
    fn private(job: &Job<'s, '_, S>) -> Result<Self> {
        Self::private_in(job, None)
    }

    fn private_in(job: &Job<'s, '_, S>, directory: Option<Handle<'s, S>>) -> Result<Self> {
        let sys = job.sys;
        let directory = match directory {
            Some(directory) => directory,
            None => open_parent(job, job.options.durability == Durability::Durable)?,
        };
        // Nobody but the owner, who may write: network file systems look at the mode again at each
        // write.
        let create = |name: &CStr| {
            sys.create_new(directory.fd(), name, 0o600).inspect_err(|errno| {
                if !errno.is(EEXIST) {
                    // Landlock lets a file be made that it then refuses to open; nobody else's has this name.
                    let _ = sys.unlink(directory.fd(), name);
                }
            })
        };
        let (fd, name) = with_private_name(sys, create).at(Step::Create)?;
        Ok(Self {
            sys,
            file: Handle::new(sys, fd),
            directory: Some(directory),
            name: Some(name),
            direct: false,
            cloned: false,
        })
    }

    fn publish(&mut self, job: &Job<'s, '_, S>, replaces: bool) -> Result<Published> {
        let replace = job.options.if_exists == IfExists::Replace;
        if self.direct {
            return Ok(Published::Yes);
        }
        if self.name.is_none() {
            if !replaces {
                match self.link_final(job) {
                    Ok(()) => return Ok(Published::Yes),
                    Err(errno) if table::link_unsupported(errno) => return Ok(Published::NotThisWay),
                    Err(errno) if errno.is(EEXIST) && replace => {} // it came while we copied
                    Err(errno) => return Err(errno).at(Step::Publish),
                }
            }
            if self.link_private(job)? == Published::NotThisWay {
                return Ok(Published::NotThisWay);
            }
        } else {
            self.check_still_mine()?;
        }
        if replace { self.rename_over(job) } else { self.rename_new(job) }.map(|()| Published::Yes)
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
            None => open_parent(job, false)?,
        };
        let link = |name: &CStr| self.sys.link_unnamed(self.file.fd(), directory.fd(), name);
        let linked = with_private_name(self.sys, link);
        self.directory = Some(directory);
        match linked {
            Ok(((), name)) => {
                self.name = Some(name);
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

    fn rename_over(&mut self, job: &Job<'s, '_, S>) -> Result<()> {
        // Once more, right before: what stands there now may have come while the data was copied.
        job.check_replaceable()?;
        let (directory, name) = self.named()?;
        self.sys.rename_over(directory, name.as_c_str(), directory, job.to.leaf).at(Step::Publish)?;
        self.name = None;
        Ok(())
    }

    fn rename_new(&mut self, job: &Job<'s, '_, S>) -> Result<()> {
        let (directory, name) = self.named()?;
        match self.sys.rename_new(directory, name.as_c_str(), directory, job.to.leaf) {
            Err(errno) if table::rename_new_unsupported(errno) => {
                // A second link says EEXIST as reliably. Where neither is to be had there is no
                // safe way to publish.
                self.sys.link(directory, name.as_c_str(), directory, job.to.leaf).at(Step::Publish)?;
                // Once more before it is an error: the copy has its name, and cannot lose it again.
                let unlink = || self.sys.unlink(directory, name.as_c_str());
                unlink().or_else(|_| unlink()).at(Step::Publish)?;
            }
            outcome => outcome.at(Step::Publish)?,
        }
        self.name = None;
        Ok(())
    }

    /// The directory and the private name, which both exist by the time they are asked for.
    fn named(&self) -> Result<(Fd, &PrivateName)> {
        match (&self.directory, &self.name) {
            (Some(directory), Some(name)) => Ok((directory.fd(), name)),
            _ => Err(Error::new(Step::Publish, Cause::Inconsistent)),
        }
    }

    fn sync_directory(&self) -> Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        match self.sys.sync(directory.fd()) {
            Err(errno) if !table::directory_sync_unsupported(errno) => Err(errno).at(Step::Sync),
            _ => Ok(()),
        }
    }

    /// Removes the name that an unfinished file stands under, if it is still this file's. Tried once
    /// more, since what stays behind would stay for good.
    pub(super) fn discard(&self, to: &Destination) {
        if self.try_discard(to).is_err() {
            let _ = self.try_discard(to);
        }
    }

    fn try_discard(&self, to: &Destination) -> crate::sys::Result<()> {
        let (dir, name) = match (&self.directory, &self.name) {
            (Some(directory), Some(name)) => (directory.fd(), name.as_c_str()),
            _ if self.direct => (to.dir, to.path),
            _ => return Ok(()),
        };
        let mine = self.sys.stat(self.file.fd())?;
        match self.sys.stat_name(dir, name) {
            Ok(there) if mine.same_file(&there) => self.sys.unlink(dir, name),
            outcome => outcome.map(drop),
        }
    }

    /// Closes everything. A clone has written nothing that a close could still lose.
    fn close(self, source: Source<'_, S>, to: &Destination, report: &Report) -> Result<()> {
        if report.copied_any() == 0 {
            return source.file.close_pair(self.file).at(Step::Close);
        }
        let identity = if self.direct { self.sys.stat(self.file.fd()).ok() } else { None };
        let closed = self.file.close();
        if let (Err(_), Some(mine)) = (closed, identity) {
            // Not yet promised to anyone: what close could not save goes, as after any other error.
            if self.sys.stat_name(to.dir, to.path).is_ok_and(|there| there.same_file(&mine)) {
                let _ = self.sys.unlink(to.dir, to.path);
            }
        }
        closed.at(Step::Close)
    }
}

pub(super) fn open_parent<'s, S: Sys>(job: &Job<'s, '_, S>, sync: bool) -> Result<Handle<'s, S>> {
    let opened = job.to.with_parent(|parent| job.sys.open_directory(job.to.dir, parent, sync));
    let fd = opened.at(Step::Create)?;
    Ok(Handle::new(job.sys, fd))
}

/// Does something with a private name, with another one while the name is taken.
pub(super) fn with_private_name<S: Sys, T>(
    sys: &S,
    mut attempt: impl FnMut(&CStr) -> crate::sys::Result<T>,
) -> crate::sys::Result<(T, PrivateName)> {
    let mut taken = Errno(EEXIST);
    for _ in 0..NAMES_AT_MOST {
        let name = PrivateName::new(sys.random());
        match attempt(name.as_c_str()) {
            Ok(value) => return Ok((value, name)),
            Err(errno) if errno.is(EEXIST) => taken = errno,
            Err(errno) => return Err(errno),
        }
    }
    Err(taken)
}
