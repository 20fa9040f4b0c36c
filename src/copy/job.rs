//! One copy from name to name: what every step of it needs to know, the source among it.
//! And what stands under the destination's name, which is looked at more than once.

use core::cell::Cell;
use core::ffi::CStr;

use super::check::{check_regular, is_source};
use super::metadata::InTree;
use super::name::{Destination, PrivateName, with_private_name};
use super::source::Source;
use super::{Durability, IfExists, Mode, Options, Permissions, Reason, Report, retry, table};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::errno::EEXIST;
use crate::sys::{Errno, Fd, Handle, Kind, Sys};

/// Up to this size the call that gives a new file its name may tell that the name is taken or cannot be: a look at it first
/// would be one call more for every small clone.
const SMALL: u64 = 1 << 20;

/// Up to this size a copy takes no longer than to try its name does. (The unit tests' files are small.)
const NOT_TRIED: u64 = if cfg!(test) { 6000 } else { SMALL };

/// Beyond this size a copy takes so long that it is worth some calls to know before it whether the file can be published.
const LONG: u64 = 128 << 20;

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

/// One copy under way: what every step of it needs to know.
pub(super) struct Job<'s, 'j, S: Sys> {
    pub(super) sys: &'s S,
    pub(super) source: &'j Source<'s, S>,
    pub(super) to: &'j Destination<'j>,
    pub(super) options: &'j Options,
    pub(super) known: Known<'j>,
    /// The permission bits that the system gives a new file there, where they must be known before the file is made.
    pub(super) mode_given: Option<u32>,
    /// The private name that could not be removed.
    pub(super) litter: Cell<Option<PrivateName>>,
}

/// What is known before a file is opened: of the process, and from earlier files of the same tree.
#[derive(Clone, Copy)]
pub(crate) struct Known<'k> {
    /// The largest size this process may give a file.
    pub limit: u64,
    /// Whether the system's own copy call can be trusted, if it was asked.
    pub kernel_copy: Option<bool>,
    /// A size of 0 means that there is no data: no file system of this kind (procfs) hides it.
    pub empty: bool,
    /// What refuses every clone of this pair of file systems, so that none is tried.
    pub clone_refused: Option<Errno>,
    /// The permission bits that the system gives a new file there.
    pub mode_given: Option<u32>,
    /// The directory is synced when all files are in it.
    pub directory_is_synced_later: bool,
    /// The tree that it is part of.
    pub tree: InTree<'k>,
}

impl Known<'_> {
    /// Of a single file.
    pub fn new<S: Sys>(sys: &S) -> Self {
        Self {
            limit: sys.size_limit(),
            kernel_copy: None,
            empty: false,
            clone_refused: None,
            mode_given: None,
            directory_is_synced_later: false,
            tree: InTree::default(),
        }
    }
}

impl<'s, S: Sys> Job<'s, '_, S> {
    /// Whether the destination exists and may be replaced. Only a regular file or a symbolic link
    /// may (the link itself: it is never followed); a device or a directory stays.
    pub(super) fn check_replaceable(&self) -> Result<bool> {
        let there = match self.sys.stat_name(self.to.dir, self.to.path) {
            Ok(there) => there,
            Err(errno) if table::name_is_free(errno) => return Ok(false),
            Err(errno) => return Err(errno).at(Step::Check(Side::Destination)),
        };
        if there.kind == Kind::Directory || !(there.kind == Kind::Symlink || self.known.tree.merges) {
            check_regular(&there, Step::Check(Side::Destination))?;
        }
        if there.same_file(&self.source.stat) && self.is_source()? {
            return Err(Error::new(Step::Check(Side::Neither), Cause::SameFile));
        }
        Ok(true)
    }

    /// A second look, where an inode number says that the destination is the source.
    fn is_source(&self) -> Result<bool> {
        let look = || self.sys.stat(self.source.file.fd()).at(Step::Check(Side::Source));
        let before = look()?;
        let there = self.sys.stat_name(self.to.dir, self.to.path).at(Step::Check(Side::Destination))?;
        Ok(is_source(&before, &there, &look()?))
    }

    /// Looks at the destination's name before anything is done, so that what is taken or cannot be is reported then.
    /// Returns whether something stands there, to be replaced.
    pub(super) fn look_first(&self) -> Result<bool> {
        if self.replaces() {
            return self.check_replaceable();
        }
        if !self.looks_later() {
            self.check_free()?;
        }
        Ok(false)
    }

    /// Whether that look is left until it is known that the copy is no cheap clone.
    fn looks_later(&self) -> bool {
        self.source.stat.size <= SMALL && self.options.mode != Mode::Never
    }

    /// The look that was left out, before data is copied.
    pub(super) fn look_now(&self) -> Result<()> {
        if self.looks_later() { self.check_free() } else { Ok(()) }
    }

    /// A name that is taken, or that cannot be, is reported before a long copy. Publishing decides all the same. UNSTAGED makes
    /// the file under its name, which tells the same.
    fn check_free(&self) -> Result<()> {
        if self.replaces() || self.options.durability == Durability::Unstaged {
            return Ok(());
        }
        match self.sys.stat_name(self.to.dir, self.to.path) {
            Ok(_) => Err(Errno::own(EEXIST)).at(Step::Publish),
            Err(errno) if table::name_is_free(errno) || table::look_refused(errno) => Ok(()),
            Err(errno) => Err(errno).at(Step::Check(Side::Destination)),
        }
    }

    /// Whether a new name can be at all, where a file system says so only when a file is made (vfat of "a:b", which a look calls
    /// free). Tried in a private directory, where nobody takes it for the copy; where that is refused, publishing will tell.
    /// On a server, where each call takes longer, only for a copy that takes long too; on Windows a look tells.
    pub(super) fn try_name(&self, dir: Fd) -> Result<()> {
        let sys = self.sys;
        let remote = sys.volume(dir).is_ok_and(|volume| volume.remote);
        if cfg!(windows) || self.source.stat.size <= if remote { LONG } else { NOT_TRIED } {
            return Ok(());
        }
        let make = |name: &CStr| {
            sys.make_directory(dir, name, 0o700).inspect_err(|errno| {
                if !table::name_is_taken(*errno) {
                    _ = sys.remove_directory(dir, name); // the reply may be lost
                }
            })
        };
        let scratch = match with_private_name(sys, make) {
            Ok(((), scratch)) => scratch,
            Err(errno) if table::trial_refused(errno) || table::name_cannot_be(errno) => return Ok(()),
            Err(errno) => return Err(errno).at(Step::Create),
        };
        let tried = self.try_name_in(dir, scratch.as_c_str());
        let removed = retry::once_more(|| sys.remove_directory(dir, scratch.as_c_str()));
        if removed.is_err() {
            self.litter.set(Some(scratch));
        }
        // A server's longest path may end between the two directories.
        let refused = |errno| table::trial_refused(errno) || (remote && table::name_is_long(errno));
        match tried {
            Err(errno) if removed.is_ok() && refused(errno) => Ok(()),
            tried => tried.and(removed),
        }
        .at(Step::Publish)
    }

    /// Makes a file of the destination's name in another directory, and removes it.
    fn try_name_in(&self, dir: Fd, scratch: &CStr) -> crate::sys::Result<()> {
        let (sys, name) = (self.sys, self.to.leaf);
        let inside = Handle::new(sys, sys.enter(dir, scratch)?);
        let made = sys.create_new(inside.fd(), name, 0o600).map(|fd| drop(Handle::new(sys, fd)));
        let removed = retry::once_more(|| sys.unlink(inside.fd(), name)); // also where only the reply was lost
        made.and(removed)
    }

    /// What to report for `error`: of a name that is taken, not that no clone is possible there.
    pub(super) fn explain(&self, error: Error, report: &mut Report) -> Error {
        let refused = self.options.mode == Mode::Always && matches!(error.step, Step::Clone(_));
        if refused && report.reason != Reason::Failure {
            if let Err(taken) = self.look_now() {
                *report = Report::default();
                return taken;
            }
        }
        error
    }

    /// Removes a private name that a call which failed may have made: Landlock lets a file be made that it then refuses to
    /// open, and a server's reply can be lost.
    pub(super) fn remove_if_made(&self, dir: Fd, name: &CStr) {
        let Err(errno) = self.sys.unlink(dir, name) else { return };
        if !table::name_is_free(errno) && self.sys.stat_name(dir, name).is_ok() {
            self.litter.set(Some(PrivateName::of(name)));
        }
    }

    /// Removes a private name that is this copy's own. Tried twice: it would stay for good.
    pub(super) fn remove_own(&self, dir: Fd, name: &CStr) -> crate::sys::Result<()> {
        let removed = retry::once_more(|| self.sys.unlink(dir, name));
        if removed.is_err() {
            self.litter.set(Some(PrivateName::of(name)));
        }
        removed
    }

    /// Whether the copy may take more than about a second.
    pub(super) fn is_long(&self) -> bool {
        self.source.stat.size > LONG
    }

    /// Whether [`Job::mode_given`] must be known: where the umask counts, and the file is not made with the mode that the
    /// umask applies to. A file that is given away is open to nobody until it is, and a clone has its source's mode.
    pub(super) fn needs_mode_given(&self) -> bool {
        let cloned_as_new = S::CLONES_BY_NAME && self.options.mode != Mode::Never;
        self.options.permissions != Permissions::Source && (self.options.preserve.owner || cloned_as_new)
    }

    /// Whether whatever stands under the destination's name is to be replaced.
    pub(super) fn replaces(&self) -> bool {
        self.options.if_exists == IfExists::Replace
    }

    /// Opens the directory that the destination's name is in, for a step of the copy.
    pub(super) fn open_parent(&self, sync: bool, step: Step) -> Result<Handle<'s, S>> {
        let opened = self.to.with_parent(|parent| self.sys.open_directory(self.to.dir, parent, sync));
        Ok(Handle::new(self.sys, opened.at(step)?))
    }
}
