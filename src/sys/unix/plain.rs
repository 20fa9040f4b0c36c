//! Systems with nothing beyond POSIX that is of use here: NetBSD, OpenBSD, DragonFly (compiled, never run), and the stand-in on Linux.
//! All answers are those of [`Extensions`], except for access control lists.

use crate::sys::api::{Extensions, Fd, Result, unsupported};
use crate::sys::posix::Native;

impl Extensions for Native {
    /// OpenBSD and DragonFly have no such lists: there is nothing to copy.
    fn copy_acl(&self, _src: Fd, _dst: Fd) -> Option<Result<()>> {
        Some(if cfg!(any(target_os = "openbsd", target_os = "dragonfly")) { Ok(()) } else { unsupported() })
    }
}
