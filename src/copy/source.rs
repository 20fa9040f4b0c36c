//! The source of a copy: opened once, and what it was before the first byte moved.
//! Everything after goes by the descriptor, whatever becomes of the name.

use core::ffi::CStr;

use super::table;
use crate::error::{At, Cause, Error, Result, Step};
use crate::sys::{Fd, Handle, Stat, Sys};

/// A source that was opened by name.
pub struct Source<'s, S: Sys> {
    /// Open for reading.
    pub file: Handle<'s, S>,
    /// What it was then.
    pub stat: Stat,
}

impl<'s, S: Sys> Source<'s, S> {
    /// Opens it. `follow`: a symbolic link is followed.
    pub fn open(sys: &'s S, dir: Fd, name: &CStr, follow: bool, step: Step) -> Result<Self> {
        let file = match sys.open_source(dir, name, follow) {
            Ok(fd) => Handle::new(sys, fd),
            Err(errno) if table::opens_no_file(errno) => return Err(Error::new(step, Cause::NotRegular)),
            Err(errno) => return Err(errno).at(step),
        };
        let stat = sys.stat(file.fd()).at(step)?;
        Ok(Self { file, stat })
    }
}
