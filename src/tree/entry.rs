//! Makes symbolic links, FIFOs, sockets and devices anew, gives files further names, and publishes each in a merge.
//! None of them is ever opened or followed: each call takes an open directory and a name in it.

use core::ffi::CStr;

use super::directory::Directory;
use super::file::{Copier, Fate, Outcome};
use super::links::Made;
use crate::copy::metadata::{NEW_FILE, Target, Transfer, mode_without_acl};
use crate::copy::name::with_private_name;
use crate::copy::node::Node;
use crate::copy::{self, Permissions, Preserve, table};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::errno::{EEXIST, ESTALE};
use crate::sys::{Errno, Fd, Handle, Kind, Stat, Sys};

impl<S: Sys> Copier<'_, '_, S> {
    /// Copies an entry that is neither a directory nor a regular file.
    pub(super) fn node(&self, directory: &Directory<S>, name: &CStr) -> Outcome {
        let stat = match self.sys.stat_name(directory.source.fd(), name) {
            Ok(stat) => stat,
            Err(errno) if table::name_is_free(errno) => {
                return Outcome::without_data(Ok(Fate::Vanished));
            }
            Err(errno) => return Outcome::without_data(Err(errno).at(Step::OpenSource)),
        };
        match stat.kind {
            Kind::Regular | Kind::Directory => Outcome::Changed,
            _ => self.node_of(directory, name, &stat),
        }
    }

    fn node_of(&self, directory: &Directory<S>, name: &CStr, stat: &Stat) -> Outcome {
        if stat.kind.is_special() && self.options.skip_special {
            return Outcome::without_data(Ok(Fate::SpecialLeftOut));
        }
        match self.look(directory, name) {
            Ok(false) => {}
            Ok(true) => return Outcome::without_data(Ok(Fate::Kept)),
            Err(error) => return Outcome::without_data(Err(error)),
        }
        let key = match self.ask_for_link(stat) {
            Ok(key) => key,
            Err(key) => return Outcome::Further(key),
        };
        let mut report = copy::Report::default();
        let made = self.make_node(directory, name, stat, &mut report);
        match (&made, key) {
            (Ok(Fate::Vanished) | Err(_), Some(key)) => self.links.failed(key),
            (Ok(_), Some(key)) => self.links.made(key, &directory.place, name, 0),
            (_, None) => {}
        }
        match made {
            Ok(fate) => {
                self.note_made(directory, name);
                Outcome::Done(fate, report)
            }
            Err(Error { step: Step::Metadata(Side::Source), cause: Cause::System(errno) })
                if table::name_is_free(errno) =>
            {
                Outcome::without_data(Ok(Fate::Vanished))
            }
            Err(Error { step: Step::OpenSource, cause: Cause::System(errno) })
                if table::is_no_symlink(errno) =>
            {
                Outcome::Changed
            }
            Err(error) if self.came_first(directory, name, &error) => Outcome::without_data(Ok(Fate::Kept)),
            Err(error) => Outcome::Failed(error, report),
        }
    }

    fn make_node(
        &self,
        directory: &Directory<S>,
        name: &CStr,
        stat: &Stat,
        report: &mut copy::Report,
    ) -> Result<Fate> {
        let (source, target) = (directory.source.fd(), directory.target.fd());
        let from = Node::Named(source, name);
        if stat.kind == Kind::Symlink {
            let says = match self.sys.read_symlink(source, name) {
                Err(errno) if table::name_is_free(errno) => return Ok(Fate::Vanished),
                says => says.at(Step::OpenSource)?,
            };
            let make = |name: &CStr| self.sys.make_symlink(&says, target, name);
            self.put(directory, name, make, |name| {
                self.copy_metadata((from, stat), Node::Named(target, name), report)
            })?;
            return Ok(Fate::Symlink);
        }
        let files = &self.options.files;
        let mode = match files.permissions {
            Permissions::New => NEW_FILE,
            _ => mode_without_acl(self.sys, (from, stat), files, report)?,
        };
        let like = Stat { mode, ..*stat };
        let make = |name: &CStr| self.sys.make_special(target, name, &like);
        let source = if files.preserve.acl { stat } else { &like };
        self.put(directory, name, make, |name| {
            self.copy_metadata((from, source), Node::Named(target, name), report)
        })?;
        Ok(Fate::Special)
    }

    /// Copies the metadata of an entry to its new name: of a symbolic link, only what the options ask for.
    fn copy_metadata(&self, from: (Node, &Stat), to: Node, report: &mut copy::Report) -> Result<()> {
        let files = &self.options.files;
        if from.1.kind == Kind::Symlink && files.preserve == Preserve::default() {
            return Ok(());
        }
        let made = to.stat(self.sys).at(Step::Metadata(Side::Destination))?;
        Transfer::between(self.sys, from, to, files, report)
            .in_tree(self.in_tree())
            .apply(&made, Target::New { given: self.mode_given() })
    }

    /// Makes an entry called `name`. In a new tree directly; in a merge under a private name first, so that nobody sees it
    /// unfinished, and an existing entry is replaced in one step.
    pub(super) fn put(
        &self,
        directory: &Directory<S>,
        name: &CStr,
        make: impl Fn(&CStr) -> crate::sys::Result<()>,
        finish: impl FnOnce(&CStr) -> Result<()>,
    ) -> Result<()> {
        let dir = directory.target.fd();
        if !self.merges() {
            make(name).at(Step::Create).map_err(|error| self.explain(error))?;
            return finish(name).inspect_err(|_| _ = self.sys.unlink(dir, name));
        }
        self.check_names_change(directory).at(Step::Create)?;
        let ((), private) = with_private_name(self.sys, make).at(Step::Create)?;
        let private = private.as_c_str();
        let named = finish(private).and_then(|()| self.publish(dir, private, name));
        // Also after success: if both are names of one file, rename(2) does nothing.
        let _ = self.sys.unlink(dir, private);
        named
    }

    fn publish(&self, dir: Fd, private: &CStr, name: &CStr) -> Result<()> {
        if self.options.keep_existing {
            let renamed = match self.sys.rename_new(dir, private, dir, name) {
                Err(errno) if table::rename_new_unsupported(errno) => self.sys.link(dir, private, dir, name),
                outcome => outcome,
            };
            return renamed.map_err(table::no_new_name).at(Step::Publish);
        }
        match self.sys.rename_over(dir, private, dir, name) {
            Err(errno) if table::is_a_directory(errno) => Err(Errno::own(EEXIST)).at(Step::Publish),
            outcome => outcome.at(Step::Publish),
        }
    }

    /// Makes the empty file that stands for a mounted one, where mounts are left empty.
    pub(super) fn empty_file(&self, directory: &Directory<S>, name: &CStr) -> Result<Fate> {
        if self.look(directory, name)? {
            return Ok(Fate::Kept);
        }
        let target = directory.target.fd();
        let make = |name: &CStr| {
            let file = Handle::new(self.sys, self.sys.create_new(target, name, 0o600)?);
            if self.syncs_each {
                self.sys.sync(file.fd())?;
            }
            file.close()
        };
        match self.put(directory, name, make, |_| Ok(())) {
            Err(error) if self.came_first(directory, name, &error) => return Ok(Fate::Kept),
            outcome => outcome?,
        }
        self.note_made(directory, name);
        Ok(Fate::MountLeftEmpty)
    }

    /// Gives a copy that has a name in `from` a further name. `None`: it can have no more names, or somebody put another file in
    /// its place, so the entry must become a file of its own.
    pub(super) fn link(
        &self,
        (from, made): (Fd, &Made),
        directory: &Directory<S>,
        name: &CStr,
    ) -> Result<Option<Fate>> {
        if self.look(directory, name)? {
            return Ok(Some(Fate::Kept));
        }
        let target = directory.target.fd();
        let refused = core::cell::Cell::new(false);
        let link = |name: &CStr| {
            self.sys
                .link(from, &made.name, target, name)
                .inspect_err(|errno| refused.set(self.refuses_further_names(target, *errno)))?;
            let is_linked = self.is_linked(target, name, made.inode);
            if is_linked == Ok(true) {
                return Ok(());
            }
            let _ = self.sys.unlink(target, name);
            refused.set(is_linked.is_ok());
            is_linked.and(Err(Errno::own(ESTALE)))
        };
        match self.put(directory, name, link, |_| Ok(())) {
            Err(_) if refused.get() => Ok(None),
            Err(error) if self.came_first(directory, name, &error) => Ok(Some(Fate::Kept)),
            outcome => outcome.map(|()| {
                self.note_made(directory, name);
                Some(Fate::HardLink)
            }),
        }
    }

    /// Whether a new name is that of the file that was copied. In a merge, others who may write in the directory of the first
    /// name, but not in this one, could have exchanged the file.
    fn is_linked(&self, dir: Fd, name: &CStr, inode: u64) -> crate::sys::Result<bool> {
        Ok(!self.merges() || inode == 0 || self.sys.stat_name(dir, name)?.inode == inode)
    }

    /// Whether the file system refuses further names. Some servers answer EIO. A real EIO shows again when the file is copied.
    fn refuses_further_names(&self, target: Fd, errno: Errno) -> bool {
        let may_lack = || table::server_may_lack(errno) && self.sys.volume(target).is_ok_and(|at| at.remote);
        table::further_name_refused(errno) || may_lack()
    }
}
