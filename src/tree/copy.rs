//! Copies a tree: looks at both names, makes the directory that the copy is built in, has it filled, and publishes it.
//! After any error the destination's name holds what it held before, or (after publishing) the complete new tree.

use core::ffi::CStr;
use std::ffi::CString;

use super::directory::Look;
use super::file::Copier;
use super::groups::Groups;
use super::into_itself::{check_outside, is_same};
use super::metadata::{self, PRIVATE};
use super::own::Own;
use super::pool::{self, Pool};
use super::publish::Staging;
use super::remove::without_slashes;
use super::walk::Walk;
use super::{IfExists, Options, Report, Watch};
use crate::copy::metadata::check_carried;
use crate::copy::name::{Destination, is_separator, with_private_name};
use crate::copy::{Durability, Permissions, table};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::errno::{EEXIST, ENOTDIR, EPERM};
use crate::sys::{Errno, Fd, Handle, Kind, Stat, Sys};

/// A limit above what any machine gains from: each thread opens up to four files.
const HELPERS_AT_MOST: u32 = 127;

/// A copy of a tree.
pub struct Request<'a> {
    /// The directory that `src` is relative to.
    pub src_dir: Fd,
    /// The source.
    pub src: &'a CStr,
    /// The directory that `dst` is relative to.
    pub dst_dir: Fd,
    /// The destination.
    pub dst: &'a CStr,
    /// How to copy.
    pub options: &'a Options,
}

/// One copy under way: what every part of it needs to know.
pub(super) struct Job<'s, 'j, S: Sys> {
    pub(super) sys: &'s S,
    pub(super) options: &'j Options,
    /// The directory that the destination is in.
    pub(super) parent: Handle<'s, S>,
    /// The destination's name there.
    pub(super) leaf: &'j CStr,
}

/// The root of the copy, and where it stands.
struct Root<'s, S: Sys> {
    staging: Staging,
    target: Handle<'s, S>,
    look: Look,
}

/// Copies a tree with the calling thread alone. Fills `report`, on success and on failure.
pub fn copy<S: Sys>(sys: &S, request: &Request, watch: &mut dyn Watch, report: &mut Report) -> Result<()> {
    run(sys, request, watch, report, |copier, watch, report, roots, look| {
        Walk::run(copier, None, watch, report, roots, look)
    })
}

/// Copies a tree with as many threads as the options allow. All of them end before it returns.
pub fn copy_with_threads<S: Sys + Sync>(
    sys: &S,
    request: &Request,
    watch: &mut dyn Watch,
    report: &mut Report,
) -> Result<()> {
    let helpers = request.options.threads.saturating_sub(1).min(HELPERS_AT_MOST);
    if helpers == 0 {
        return copy(sys, request, watch, report);
    }
    run(sys, request, watch, report, |copier, watch, report, roots, look| {
        let groups = Groups::ask(sys, roots.0.fd(), roots.1.fd());
        let (pool, asked) = (Pool::new(helpers, groups), watch.wants().errors);
        pool::with_helpers(&pool, helpers, copier, asked, || {
            Walk::run(copier, Some(&pool), watch, report, roots, look)
        })
    })
}

fn run<'s, S: Sys>(
    sys: &'s S,
    request: &Request,
    watch: &mut dyn Watch,
    report: &mut Report,
    walk: impl for<'c> FnOnce(
        &'c Copier<'s, 'c, S>,
        &'c mut dyn Watch,
        &'c mut Report,
        (Handle<'s, S>, Handle<'s, S>),
        Look,
    ) -> Result<()>,
) -> Result<()> {
    let options = request.options;
    check_carried::<S>(&options.files)?;
    let (source, stat) = open_source(sys, request)?;
    let mut leaf = CString::default();
    let parent = open_parent(sys, request, &mut leaf)?;
    let job = Job { sys, options, parent, leaf: &leaf };
    let there = job.look()?;
    job.check_apart(source.fd(), there.as_ref())?;
    if options.flush_source {
        sys.sync_volume(source.fd()).at(Step::Sync)?;
    }

    let Root { mut staging, target, look } = job.make_root(&stat, there.is_some())?;
    let filled = job.prepare(target.fd(), &look).and_then(|given| {
        let copier =
            Copier::new(sys, options, matches!(staging, Staging::Merged), given, (target.fd(), &look.target));
        walk(&copier, watch, report, (source, target), Look { given, ..look })
    });
    let outcome = filled.and_then(|()| job.publish(&mut staging, &look, watch, report));
    if outcome.is_err() && !report.published {
        job.clean_up(&staging, &look.target, watch, report);
    }
    outcome
}

/// Opens the source's root. Follows a symbolic link to it, unless the options forbid that.
fn open_source<'s, S: Sys>(sys: &'s S, request: &Request) -> Result<(Handle<'s, S>, Stat)> {
    let fd = match sys.open_source(request.src_dir, request.src, !request.options.files.nofollow) {
        Err(errno) if table::opens_no_file(errno) => return Err(Errno::own(ENOTDIR)).at(Step::OpenSource),
        fd => fd.at(Step::OpenSource)?,
    };
    let source = Handle::new(sys, fd);
    let stat = sys.stat(source.fd()).at(Step::OpenSource)?;
    if stat.kind != Kind::Directory {
        return Err(Errno::own(ENOTDIR)).at(Step::OpenSource);
    }
    Ok((source, stat))
}

/// Opens the directory that the destination is in, and sets `leaf` to the destination's name there. Exception: ".", ".."
/// and "/" have no such name, but a tree can be merged into them. They are opened themselves, and `leaf` is ".".
fn open_parent<'s, S: Sys>(sys: &'s S, request: &Request, leaf: &mut CString) -> Result<Handle<'s, S>> {
    let durable = request.options.files.durability == Durability::Durable;
    let last = request.dst.to_bytes().rsplit(|byte| is_separator(*byte)).find(|part| !part.is_empty());
    let has_no_name = match last {
        Some(last) => matches!(last, b"." | b".."),
        None => !request.dst.is_empty(),
    };
    let opened = if has_no_name && request.options.if_exists != IfExists::Replace {
        *leaf = c".".into();
        sys.open_directory(request.dst_dir, request.dst, durable)
    } else {
        let path = without_slashes(request.dst)?;
        let to = Destination::new(request.dst_dir, &path)?;
        *leaf = to.leaf.into();
        to.with_parent(|parent| sys.open_directory(to.dir, parent, durable))
    };
    Ok(Handle::new(sys, opened.at(Step::Create)?))
}

impl<'s, S: Sys> Job<'s, '_, S> {
    pub(super) fn replaces(&self) -> bool {
        self.options.if_exists == IfExists::Replace
    }

    /// Looks at what has the destination's name now. Fails if the options do not let the copy go there.
    pub(super) fn look(&self) -> Result<Option<Stat>> {
        let there = match self.sys.stat_name(self.parent.fd(), self.leaf) {
            Ok(there) => there,
            Err(errno) if table::name_is_free(errno) => return Ok(None),
            Err(errno) => return Err(errno).at(Step::Check(Side::Destination)),
        };
        let refused = match (self.options.if_exists, there.kind) {
            (IfExists::Fail, _) => EEXIST,
            (IfExists::Merge, kind) if kind != Kind::Directory => EEXIST,
            (IfExists::Replace, kind) if kind != Kind::Directory && kind != Kind::Symlink => ENOTDIR,
            _ => return Ok(Some(there)),
        };
        Err(Errno::own(refused)).at(Step::Publish)
    }

    /// Refuses to copy a tree into itself, or to replace a tree that the source is in.
    fn check_apart(&self, source: Fd, there: Option<&Stat>) -> Result<()> {
        let sys = self.sys;
        check_outside(sys, self.parent.fd(), || sys.stat(source), Side::Destination)?;
        if there.is_none_or(|there| there.kind != Kind::Directory) {
            return Ok(());
        }
        let look = || sys.stat_name(self.parent.fd(), self.leaf);
        if is_same(sys, source, look).at(Step::Check(Side::Destination))? {
            return Err(Error::new(Step::Check(Side::Neither), Cause::SameFile));
        }
        if self.replaces() { check_outside(sys, source, look, Side::Source) } else { Ok(()) }
    }

    /// Makes the directory that the copy is built in, or opens the one that it is merged into.
    fn make_root(&self, source: &Stat, there: bool) -> Result<Root<'s, S>> {
        let (sys, parent) = (self.sys, self.parent.fd());
        let make = |name: &CStr| sys.make_directory(parent, name, PRIVATE);
        let (staging, opened) = if there && self.options.if_exists == IfExists::Merge {
            let entered = sys.enter(parent, self.leaf).map(|fd| Handle::new(sys, fd));
            (Staging::Merged, entered.and_then(|target| sys.stat(target.fd()).map(|stat| (target, stat))))
        } else if self.options.files.durability == Durability::Unstaged && !there {
            make(self.leaf).at(Step::Create)?;
            (Staging::Final, metadata::enter_made(sys, parent, self.leaf))
        } else {
            if sys.is_append_only(parent) {
                return Err(Errno::own(EPERM)).at(Step::Create); // what is made there keeps its private name for ever
            }
            let ((), name) = with_private_name(sys, make).at(Step::Create)?;
            let opened = metadata::enter_made(sys, parent, name.as_c_str());
            (Staging::Private(name), opened)
        };
        let made = !matches!(staging, Staging::Merged);
        let checked = opened.at(Step::Create).and_then(|(target, stat)| {
            if made {
                Own::default().check(sys, parent, target.fd(), &stat)?; // before anything counts as this call's
            }
            Ok((target, stat))
        });
        match checked {
            Ok((target, stat)) => {
                Ok(Root { staging, target, look: Look { source: *source, target: stat, made, given: None } })
            }
            Err(error) => {
                if let Some(name) = staging.name(self.leaf) {
                    let _ = sys.remove_directory(parent, name); // it is empty, or not ours
                }
                Err(error)
            }
        }
    }

    /// Removes what a new root inherited if the source's access control lists are copied. Returns the permission bits of a new
    /// directory, if the options need them and they are the same in the whole copy.
    fn prepare(&self, target: Fd, look: &Look) -> Result<Option<u32>> {
        let sys = self.sys;
        if look.made {
            metadata::forget_inherited(sys, target, self.options)?;
        }
        let counts = look.made && self.options.files.permissions != Permissions::Source;
        if counts { metadata::mode_given(sys, target).map(Some) } else { Ok(None) }
    }
}

#[cfg(all(test, unix))]
#[path = "tests/copying.rs"]
mod tests;
