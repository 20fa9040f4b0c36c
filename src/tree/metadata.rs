//! A directory's metadata: what is prepared before anything is made in it, and what is set when it is finished.
//! Its mode and times come last: nothing could be made in a 0555 directory, and each new name changes the times.

use core::ffi::CStr;

use super::Options;
use super::directory::{Directory, Look};
use super::file::Copier;
use super::own::remove_scratch;
use crate::copy::metadata::{SET_GID, Target, Transfer, mode_without_acl};
use crate::copy::name::with_private_name;
use crate::copy::node::Node;
use crate::copy::{self, Permissions, table};
use crate::error::{At, Result, Side, Step};
use crate::sys::{Fd, Handle, Stat, Sys, posix_acl, read_whole};

/// The list that new files in a directory begin with (acl(5)).
const DEFAULT_ACL: &CStr = c"system.posix_acl_default";

/// The mode of a directory while it is being filled: nobody else can look in or change it.
pub(super) const PRIVATE: u32 = 0o700;

/// Opens a directory that was just made, and looks at it. A umask, or the parent's default ACL, may leave its owner without
/// the rights that filling it takes.
pub(super) fn enter_made<'s, S: Sys>(
    sys: &'s S,
    parent: Fd,
    name: &CStr,
) -> crate::sys::Result<(Handle<'s, S>, Stat)> {
    let (entered, wanted) = match sys.enter(parent, name) {
        Err(errno) if table::access_denied(errno) => {
            let inherited = sys.stat_name(parent, name)?.mode & SET_GID;
            (sys.enter_to_remove(parent, name), PRIVATE | inherited) // sets the mode to 0700
        }
        entered => (entered, PRIVATE),
    };
    let made = Handle::new(sys, entered?);
    let stat = sys.stat(made.fd())?;
    // Some file systems keep no modes: what is not possible there shows when something is made.
    if stat.mode & wanted == wanted || sys.set_mode(made.fd(), stat.mode | wanted).is_err() {
        return Ok((made, stat));
    }
    let stat = sys.stat(made.fd())?;
    Ok((made, stat))
}

/// The permission bits that the system gives a new directory in `dir`. Seen on one that is removed at once, since a process can
/// read its umask only by changing it.
pub(super) fn mode_given<S: Sys>(sys: &S, dir: Fd) -> Result<u32> {
    let ((), name) = with_private_name(sys, |name| sys.make_directory(dir, name, 0o777)).at(Step::Create)?;
    let made = sys.stat_name(dir, name.as_c_str()).at(Step::Create);
    remove_scratch(sys, dir, name.as_c_str(), &|name| sys.remove_directory(dir, name)).at(Step::Create)?;
    Ok(made?.mode)
}

/// Marks a new directory as NOCOW (Btrfs) exactly if its source is. New files inherit the mark, and a file clones only to one
/// with the same mark. The new directory itself inherited its parent's mark.
pub(super) fn prepare<S: Sys>(sys: &S, directory: &Directory<S>) -> Result<()> {
    let (source, target) = (directory.source.fd(), directory.target.fd());
    let Some(wanted) = sys.no_cow(source).at(Step::Metadata(Side::Source))? else { return Ok(()) };
    if sys.no_cow(target).at(Step::Metadata(Side::Destination))? == Some(wanted) {
        return Ok(());
    }
    match sys.set_no_cow(target, wanted) {
        Err(errno) if !table::metadata_refused(errno) => Err(errno).at(Step::Metadata(Side::Destination)),
        _ => Ok(()), // another file system, where files are copied and not cloned
    }
}

/// Removes the ACLs that a new directory inherited from its parent, if those of the source are copied.
pub(super) fn forget_inherited<S: Sys>(sys: &S, target: Fd, options: &Options) -> Result<()> {
    if !options.files.preserve.acl || sys.group_entry(target).is_some() {
        return Ok(());
    }
    for name in [DEFAULT_ACL, posix_acl::NAME] {
        match sys.remove_attribute(target, name) {
            Err(errno) if !table::acl_missing(errno) => {
                return Err(errno).at(Step::Metadata(Side::Destination));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Gives a directory its source's metadata, after all its entries were made.
pub(super) fn finish<S: Sys>(
    copier: &Copier<S>,
    directory: &Directory<S>,
    look: &Look,
    report: &mut copy::Report,
) -> Result<()> {
    let (sys, options) = (copier.sys, copier.options);
    let (source, target) = (directory.source.fd(), directory.target.fd());
    let mut wanted = look.source;
    let files = &options.files;
    if files.preserve.acl {
        default_acl(sys, source, target, options, report)?;
    } else if files.permissions != Permissions::New {
        wanted.mode = mode_without_acl(sys, (Node::Open(source), &wanted), files, report)?;
    }
    Transfer::new(sys, (source, &wanted), target, files, report)
        .in_tree(copier.in_tree())
        .apply(&look.target, Target::New { given: look.given })
}

/// Copies the default ACL, which new files inherit.
fn default_acl<S: Sys>(
    sys: &S,
    source: Fd,
    target: Fd,
    options: &Options,
    report: &mut copy::Report,
) -> Result<()> {
    if sys.group_entry(source).is_some() {
        return Ok(()); // no extended attribute here: the list of the directory has it
    }
    let outcome = match read_whole(|buffer| sys.get_attribute(source, DEFAULT_ACL, buffer)) {
        Err(errno) if table::acl_missing(errno) => return Ok(()),
        Err(errno) => Err(errno),
        Ok(list) => sys.set_attribute(target, DEFAULT_ACL, &list),
    };
    match outcome {
        Err(errno) if options.files.best_effort_metadata && table::metadata_refused(errno) => {
            report.metadata_incomplete = true;
            Ok(())
        }
        outcome => outcome.at(Step::Metadata(Side::Destination)),
    }
}
