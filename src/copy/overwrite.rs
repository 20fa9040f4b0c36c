//! Copies by name into the file that is there, as cp does: it keeps its inode, mode, owner and hard links. Not atomic.
//! The file is opened without changing it (never O_TRUNC); the rest is the copy between descriptors.

use super::check::is_source;
use super::name::Destination;
use super::source::Source;
use super::{Options, Progress, descriptor, table};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::{Handle, Sys};

/// Looking at what stands under the name.
const LOOK: Step = Step::Check(Side::Destination);

/// Does it. `false`: nothing stands under the name.
pub fn copy<S: Sys>(
    sys: &S,
    source: &Source<S>,
    to: &Destination,
    options: &Options,
    progress: &mut Progress,
) -> Result<bool> {
    let Some(there) = open(sys, source, to, options.follow_destination)? else { return Ok(false) };
    descriptor::copy(sys, (source.file.fd(), there.fd()), options, progress)?;
    let closed = there.close().at(Step::Close);
    (progress.report.published, progress.report.destination_changed) = (closed.is_ok(), closed.is_err());
    closed.map(|()| true)
}

/// Opens what stands under the name, to write to it. That it is the source is reported before anything else is wrong with it.
fn open<'s, S: Sys>(
    sys: &'s S,
    source: &Source<S>,
    to: &Destination,
    follow: bool,
) -> Result<Option<Handle<'s, S>>> {
    match sys.open_to_overwrite(to.dir, to.path, follow) {
        Ok(fd) => Ok(Some(Handle::new(sys, fd))),
        Err(errno) if table::name_is_free(errno) => {
            if follow && is_link_to_nothing(sys, to)? {
                Err(errno).at(LOOK)
            } else {
                Ok(None)
            }
        }
        Err(_) if names_source(sys, source, to, follow)? => {
            Err(Error::new(Step::Check(Side::Neither), Cause::SameFile))
        }
        Err(errno) if table::opens_no_file(errno) => Err(Error::new(LOOK, Cause::NotRegular)),
        Err(errno) => Err(errno).at(LOOK),
    }
}

/// Whether a name that leads to nothing exists itself. Nothing is made through such a link.
fn is_link_to_nothing<S: Sys>(sys: &S, to: &Destination) -> Result<bool> {
    match sys.stat_name(to.dir, to.path) {
        Ok(_) => Ok(true),
        Err(errno) if table::name_is_free(errno) => Ok(false),
        Err(errno) => Err(errno).at(LOOK),
    }
}

/// Whether a name that cannot be opened for writing is the source's.
fn names_source<S: Sys>(sys: &S, source: &Source<S>, to: &Destination, follow: bool) -> Result<bool> {
    let Ok(there) = Source::open(sys, to.dir, to.path, follow, LOOK) else { return Ok(false) };
    let now = sys.stat(source.file.fd()).at(Step::Check(Side::Source))?;
    Ok(is_source(&source.stat, &there.stat, &now))
}
