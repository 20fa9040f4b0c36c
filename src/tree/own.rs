//! Checks that a directory that was made and then opened is the same one. No system call does both: whoever may rename in
//! its parent could put another directory in its place in between, to read what is copied into it, or to have it opened to all.

use core::ffi::CStr;

use crate::copy::name::with_private_name;
use crate::copy::table;
use crate::error::{At, Cause, Error, Result, Step};
use crate::sys::{self, Fd, Handle, Listing, Stat, Sys};

/// The bits by which others may do something.
const OTHERS: u32 = 0o077;

/// A mode that no new file has by itself.
const UNUSUAL: u32 = 0o604;

/// What this process's own files look like on a file system. Seen on a new file, through its descriptor, which nobody can
/// exchange.
#[derive(Clone, Copy)]
struct Seen {
    device: u64,
    owner: u32,
    /// The permission bits that a directory may have: all, if the file system keeps no modes.
    mode: u32,
}

impl Seen {
    fn fits(&self, made: &Stat) -> bool {
        self.owner == made.owner && made.mode & OTHERS & !self.mode == 0
    }
}

/// What was seen last.
#[derive(Default)]
pub(super) struct Own(Option<Seen>);

impl Own {
    /// Fails if `made`, which is open as `target`, cannot be what was just made in `parent`: it is another mount (a user's own
    /// FUSE server says what it likes), has entries, belongs to another user, or gives others rights.
    pub(super) fn check<S: Sys>(&mut self, sys: &S, parent: Fd, target: Fd, made: &Stat) -> Result<()> {
        let is_new = self.is_new(sys, parent, target, made).at(Step::Create)?;
        if is_new { Ok(()) } else { Err(Error::new(Step::Create, Cause::Inconsistent)) }
    }

    fn is_new<S: Sys>(&mut self, sys: &S, parent: Fd, target: Fd, made: &Stat) -> sys::Result<bool> {
        if sys.stat(parent)?.device != made.device || has_entries(sys, target)? {
            return Ok(false);
        }
        if self.0.is_some_and(|seen| seen.device == made.device && seen.fits(made)) {
            return Ok(true);
        }
        let seen = look(sys, target, made)?;
        self.0 = Some(seen);
        Ok(seen.fits(made))
    }
}

/// Whether a directory has entries that somebody made. Some servers list snapshots in every directory, also in a new one.
fn has_entries<S: Sys>(sys: &S, dir: Fd) -> sys::Result<bool> {
    let mut listing = Listing::new()?;
    listing.begin();
    while sys.read_entries(dir, &mut listing)? {
        if listing.entries().next().is_some() {
            return Ok(sys.volume(dir)?.is_local());
        }
    }
    Ok(false)
}

/// Looks at a new file in the directory: one without a name, else one that is removed at once.
fn look<S: Sys>(sys: &S, target: Fd, made: &Stat) -> sys::Result<Seen> {
    match sys.create_unnamed(target, c".", 0o600) {
        Err(errno) if table::unnamed_unsupported(errno) => {}
        file => return look_at(&Handle::new(sys, file?), sys, made),
    }
    let (file, name) = with_private_name(sys, |name| sys.create_new(target, name, 0o600))?;
    let seen = look_at(&Handle::new(sys, file), sys, made);
    remove_scratch(sys, target, name.as_c_str(), &|name| sys.unlink(target, name))?;
    seen
}

/// If `made` gives more rights than the new file, the file system may keep no modes: one mount option says what files show,
/// another what directories show (vfat: fmask, dmask). Then a mode that is set does not stay.
fn look_at<S: Sys>(file: &Handle<S>, sys: &S, made: &Stat) -> sys::Result<Seen> {
    let own = sys.stat(file.fd())?;
    let mut mode = own.mode;
    if made.mode & OTHERS & !mode != 0 {
        let set = sys.set_mode(file.fd(), UNUSUAL);
        let kept = set.is_ok() && sys.stat(file.fd())?.mode == UNUSUAL;
        mode = if kept { mode } else { OTHERS };
    }
    Ok(Seen { device: made.device, owner: own.owner, mode })
}

/// Removes what was made only to look at it. Tries twice, and then looks for the name: replies can be lost.
pub(super) fn remove_scratch<S: Sys>(
    sys: &S,
    dir: Fd,
    name: &CStr,
    remove: &dyn Fn(&CStr) -> sys::Result<()>,
) -> sys::Result<()> {
    let Err(first) = remove(name) else { return Ok(()) };
    let removed = remove(name).is_ok() || sys.stat_name(dir, name).is_err_and(table::name_is_free);
    if removed { Ok(()) } else { Err(first) }
}
