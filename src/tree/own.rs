//! Whether a directory that was made and then opened is this process's own. No system call does both, and whoever may rename
//! in the directory above could put another in its place meanwhile, and look into what is copied there.

use core::ffi::CStr;

use crate::copy::name::with_private_name;
use crate::copy::table;
use crate::error::{At, Cause, Error, Result, Step};
use crate::sys::{self, Fd, Handle, Stat, Sys};

/// The bits by which others may do something.
const OTHERS: u32 = 0o077;

/// Bits that no new file has by itself.
const UNUSUAL: u32 = 0o604;

/// What this process's own is like on a file system: seen on a new file, by its descriptor, which nobody can exchange.
#[derive(Clone, Copy)]
struct Seen {
    device: u64,
    owner: u32,
    /// The bits that a directory may have. All, where the file system keeps none.
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
    /// Fails where `made`, which is open as `target`, is another's, or open to others. It was made with no rights for them.
    pub(super) fn check<S: Sys>(&mut self, sys: &S, target: Fd, made: &Stat) -> Result<()> {
        if self.0.is_some_and(|seen| seen.device == made.device && seen.fits(made)) {
            return Ok(());
        }
        let seen = look(sys, target, made).at(Step::Create)?;
        self.0 = Some(seen);
        if seen.fits(made) { Ok(()) } else { Err(Error::new(Step::Create, Cause::Inconsistent)) }
    }
}

/// Makes a file in a directory: one without a name, else one that is removed at once.
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

/// Where `made` has more rights than the file, and a mode that is set does not stay, there are no modes: a mount option says
/// what files show, and another one what directories do (vfat: fmask, dmask).
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

/// Removes what was made to be looked at, if need be by a second call. The replies to both may be lost.
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
