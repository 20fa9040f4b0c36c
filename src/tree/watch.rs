//! The caller's functions: who is told of each entry, and who may leave one out, skip a failure, or stop.
//! All of them are called by the thread that called the library, one at a time.

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
    /// The kind as the system calls it. What has no name here counts as a file.
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

    /// The same of what was looked at, which tells a whiteout.
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
    /// How deep: 1 is in the root.
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

/// What a filter decides of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// It is copied.
    Whole,
    /// It is left out, with all that is in it.
    LeaveOut,
    /// A directory without what is in it.
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

/// How far it is.
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

/// Which of the functions are there. What nobody listens to is not prepared.
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

/// The caller's functions. The bodies here are those of a caller who has none.
pub trait Watch {
    /// Which of them are there.
    fn wants(&self) -> Wants {
        Wants::default()
    }
    /// Decides of an entry before it is opened. `source_dir` is the directory of the source that it is in. An error
    /// stops the call with that error.
    fn filter(&mut self, _entry: &Entry, _source_dir: Fd) -> Result<Take> {
        Ok(Take::Whole)
    }
    /// Is told of an entry that failed; `true` skips it. Not asked where nothing after it can succeed.
    fn on_error(&mut self, _entry: &Entry, _error: &Error) -> bool {
        false
    }
    /// Is told of an entry that is finished, of a file's length, and of what was done with its data: with that of a further
    /// name nothing. `false` cancels.
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

/// A caller who is told of nothing.
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
