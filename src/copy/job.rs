//! One copy from name to name: what every step of it needs to know, the source among it.
//! And what stands under the destination's name, which is looked at more than once.

use core::ffi::CStr;

use super::check::check_regular;
use super::name::Destination;
use super::source::Source;
use super::{IfExists, Options, table};
use crate::error::{At, Cause, Error, Result, Step};
use crate::sys::{Fd, Handle, Kind, Sys};

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
    /// The largest size this process may give a file.
    pub(super) limit: u64,
}

impl<'s, S: Sys> Job<'s, '_, S> {
    /// Whether the destination exists and may be replaced. Only a regular file or a symbolic link
    /// may (the link itself: it is never followed); a device or a directory stays.
    pub(super) fn check_replaceable(&self) -> Result<bool> {
        let there = match self.sys.stat_name(self.to.dir, self.to.path) {
            Ok(there) => there,
            Err(errno) if table::name_is_free(errno) => return Ok(false),
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
