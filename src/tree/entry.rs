//! Symbolic links, FIFOs, sockets and devices, made anew; further names of a file; and how each gets its name.
//! None of them is ever opened or followed: what there is to do with them goes by their name in an open directory.

use core::ffi::CStr;

use super::directory::Directory;
use super::file::{Copier, Fate, Outcome};
use crate::copy::metadata::limit_by_acl;
use crate::copy::name::with_private_name;
use crate::copy::{self, Permissions, table};
use crate::error::{At, Result, Side, Step};
use crate::sys::errno::EEXIST;
use crate::sys::{Errno, Fd, Kind, Stat, Sys, posix_acl, read_whole};

impl<S: Sys> Copier<'_, '_, S> {
    /// Makes anew what is neither a directory nor a regular file.
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
            (Ok(_), Some(key)) => self.links.made(key, &directory.place, name),
            (_, None) => {}
        }
        match made {
            Ok(fate) => Outcome::Done(fate, report),
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
        let target = directory.target.fd();
        if stat.kind == Kind::Symlink {
            let says = match self.sys.read_symlink(directory.source.fd(), name) {
                Err(errno) if table::name_is_free(errno) => return Ok(Fate::Vanished),
                says => says.at(Step::OpenSource)?,
            };
            self.put(
                target,
                name,
                |name| self.sys.make_symlink(&says, target, name),
                |name| self.dress(target, name, stat, report),
            )?;
            return Ok(Fate::Symlink);
        }
        let source = directory.source.fd();
        let like = Stat { mode: self.mode_of_special((source, name), stat, report)?, ..*stat };
        self.put(
            target,
            name,
            |name| self.sys.make_special(target, name, &like),
            |name| self.dress(target, name, &like, report),
        )?;
        Ok(Fate::Special)
    }

    /// The mode to make a special file with. Its ACL does not come along.
    fn mode_of_special(
        &self,
        (dir, name): (Fd, &CStr),
        stat: &Stat,
        report: &mut copy::Report,
    ) -> Result<u32> {
        let files = &self.options.files;
        if files.permissions == Permissions::New {
            return Ok(0o666);
        }
        let read = |buffer: &mut [u8]| self.sys.get_name_attribute(dir, name, posix_acl::NAME, buffer);
        let ask = || match read_whole(read) {
            Ok(list) => Ok(Some(posix_acl::group_entry(&list))),
            Err(errno) if table::acl_missing(errno) => Ok(None),
            Err(errno) => Err(errno),
        };
        limit_by_acl(stat.mode, ask, files, report)
    }

    /// Gives a new name its metadata: owner, then mode, then times.
    fn dress(&self, dir: Fd, name: &CStr, source: &Stat, report: &mut copy::Report) -> Result<()> {
        let files = &self.options.files;
        let mut allow = |outcome: crate::sys::Result<()>| match outcome {
            Err(errno) if files.best_effort_metadata && table::metadata_refused(errno) => {
                report.metadata_incomplete = true;
                Ok(())
            }
            outcome => outcome.at(Step::Metadata(Side::Destination)),
        };
        if files.preserve.owner {
            allow(self.sys.set_name_owner(dir, name, Some(source.owner), source.group))?;
        }
        if source.kind != Kind::Symlink && files.permissions == Permissions::Source {
            // Without PRESERVE_OWNER set-id and sticky bits are somebody else's; with it they mean nothing here.
            let wanted = source.mode & 0o777;
            if self.sys.stat_name(dir, name).at(Step::Metadata(Side::Destination))?.mode != wanted {
                allow(self.sys.set_name_mode(dir, name, wanted))?;
            }
        }
        if files.preserve.times {
            allow(self.sys.set_name_times(dir, name, source.accessed, source.modified))?;
        }
        Ok(())
    }

    /// Makes something and gives it `name`. In a tree of our own at once; where two are merged, under a private name
    /// first, so that nobody sees it unfinished and what is there is replaced in one step.
    pub(super) fn put(
        &self,
        dir: Fd,
        name: &CStr,
        make: impl Fn(&CStr) -> crate::sys::Result<()>,
        dress: impl FnOnce(&CStr) -> Result<()>,
    ) -> Result<()> {
        if !self.merges() {
            make(name).at(Step::Create).map_err(|error| self.explain(error))?;
            return dress(name).inspect_err(|_| _ = self.sys.unlink(dir, name));
        }
        let ((), private) = with_private_name(self.sys, make).at(Step::Create)?;
        let private = private.as_c_str();
        let named = dress(private).and_then(|()| self.publish(dir, private, name));
        // Also where it went well: of two names of one file, rename(2) leaves both.
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

    /// Makes an empty file, for one that is mounted where mounts are left empty.
    pub(super) fn empty_file(&self, directory: &Directory<S>, name: &CStr) -> Result<Fate> {
        let target = directory.target.fd();
        let make = |name: &CStr| self.sys.create_new(target, name, 0o600).and_then(|fd| self.sys.close(fd));
        self.put(target, name, make, |_| Ok(()))?;
        Ok(Fate::MountLeftEmpty)
    }

    /// Gives the copy that is called `first` a further name. `None`: no more names are possible, and a file of its own is
    /// what can be had.
    pub(super) fn link(
        &self,
        (from, first): (Fd, &CStr),
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
                .link(from, first, target, name)
                .inspect_err(|errno| refused.set(table::further_name_refused(*errno)))
        };
        match self.put(target, name, link, |_| Ok(())) {
            Err(_) if refused.get() => Ok(None),
            Err(error) if self.came_first(directory, name, &error) => Ok(Some(Fate::Kept)),
            outcome => outcome.map(|()| Some(Fate::HardLink)),
        }
    }
}
