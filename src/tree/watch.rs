//! The caller's functions: they are told of each entry, and may leave it out, skip its failure, or stop the call.
//! The thread that called the library calls them, one at a time.

use core::ffi::CStr;

use crate::copy;
use crate::error::{Error, Result};
use crate::sys::{Fd, Kind, Stat};

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// overlayfs's mark of a deleted name: the character device 0:0.
    Whiteout,
}

impl EntryKind {
    /// Translates the system's kind. A kind that has no name here counts as a file.
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Directory => Self::Directory,
            Kind::Symlink => Self::Symlink,
            Kind::Fifo => Self::Fifo,
            Kind::Socket => Self::Socket,
            Kind::CharacterDevice => Self::CharacterDevice,
            Kind::BlockDevice => Self::BlockDevice,
            Kind::Regular | Kind::Other => Self::File,
        }
    }

    /// Translates what stat(2) says, which alone tells a whiteout from another device.
    pub(super) const fn of_stat(stat: &Stat) -> Self {
        match (stat.kind, stat.device_number) {
            (Kind::CharacterDevice, 0) => Self::Whiteout,
            (kind, _) => Self::of(kind),
        }
    }
}

/// An entry below the root.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'e> {
    /// What it is.
    pub kind: EntryKind,
    /// How deep it is: 1 for an entry of the root.
    pub depth: u32,
    /// Its path relative to the root, with `/` on every system.
    pub path: &'e CStr,
}

impl Entry<'_> {
    /// The last part of its path.
    pub fn name(&self) -> &CStr {
        let path = self.path.to_bytes_with_nul();
        let at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash.saturating_add(1));
        path.get(at..).and_then(|name| CStr::from_bytes_with_nul(name).ok()).unwrap_or_default()
    }
}

/// What a filter decides about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// It is copied.
    Whole,
    /// It is left out, with all that is in it.
    LeaveOut,
    /// The directory is made, and its entries are left out.
    Empty,
}

/// What the call is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Copying, or removing what the caller asked to remove.
    Copy,
    /// Writing through to the device.
    Sync,
    /// Removing what was replaced, or what is unfinished.
    Cleanup,
}

/// How far the call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What the call is doing.
    pub phase: Phase,
    /// Entries done.
    pub entries_done: u64,
    /// Entries read from directories so far.
    pub entries_seen: u64,
    /// Bytes done.
    pub bytes_done: u64,
    /// Directories that are being worked on.
    pub directories_open: u64,
}

/// Which functions the caller gave. Nothing is prepared for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// [`Watch::filter`].
    pub filter: bool,
    /// [`Watch::on_error`].
    pub errors: bool,
    /// [`Watch::on_done`].
    pub done: bool,
    /// [`Watch::progress`].
    pub progress: bool,
}

/// The caller's functions. The bodies here are those of a caller who gave none.
pub trait Watch {
    /// Which functions the caller gave.
    fn wants(&self) -> Wants {
        Wants::default()
    }
    /// Decides about an entry before it is opened. `source_dir` is the open directory of the source that has it. An
    /// error ends the call.
    fn filter(&mut self, _entry: &Entry, _source_dir: Fd) -> Result<Take> {
        Ok(Take::Whole)
    }
    /// Is told of an entry that failed; `true` skips it. Not called for an error after which nothing can succeed.
    fn on_error(&mut self, _entry: &Entry, _error: &Error) -> bool {
        false
    }
    /// Is told of a finished entry, and of a file's length and how its data was copied. For a further name of a file the
    /// report is empty. `false` cancels.
    fn on_done(&mut self, _entry: &Entry, _length: u64, _report: &copy::Report) -> bool {
        true
    }
    /// Is told how far the call is; `false` cancels.
    fn progress(&mut self, _progress: &Progress) -> bool {
        true
    }
    /// Whether the caller's flag asks to stop.
    fn cancelled(&self) -> bool {
        false
    }
}

/// A caller who gave no functions.
pub struct Silent;

impl Watch for Silent {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_last_part_of_its_path() {
        for (path, name) in [(c"a", c"a"), (c"a/b", c"b"), (c"a/b/..c", c"..c")] {
            let entry = Entry { kind: EntryKind::File, depth: 1, path };
            assert_eq!(entry.name(), name);
        }
    }
}
