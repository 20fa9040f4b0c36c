//! Whole trees: a builder for copies and removal, what the caller's functions are told, and what was done.
//! The numbers are made from the library's sources ("make header").

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI32;

use libreflink_sys as sys;

use crate::native_tree as native;
use crate::options::{Durability, Mode, Permissions};
use crate::report::{Method, Reason, Step};

/// What an entry of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    // make header: rust-variants REFLINK_ENTRY_*
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
    /// The mark of a deleted name in overlayfs: the character device 0:0.
    Whiteout,
    // make header: end
    /// A number of a newer library.
    Unknown(u32),
}

impl From<u32> for EntryKind {
    fn from(number: u32) -> Self {
        match number {
            // make header: rust-numbers REFLINK_ENTRY_*
            sys::REFLINK_ENTRY_FILE => Self::File,
            sys::REFLINK_ENTRY_DIRECTORY => Self::Directory,
            sys::REFLINK_ENTRY_SYMLINK => Self::Symlink,
            sys::REFLINK_ENTRY_FIFO => Self::Fifo,
            sys::REFLINK_ENTRY_SOCKET => Self::Socket,
            sys::REFLINK_ENTRY_CHARACTER_DEVICE => Self::CharacterDevice,
            sys::REFLINK_ENTRY_BLOCK_DEVICE => Self::BlockDevice,
            sys::REFLINK_ENTRY_WHITEOUT => Self::Whiteout,
            // make header: end
            other => Self::Unknown(other),
        }
    }
}

/// What a call is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    // make header: rust-variants REFLINK_PHASE_*
    /// Copying; or removing, in reflink_remove_tree().
    Copy,
    /// Writing through to the device.
    Sync,
    /// Removing the replaced tree, or the unfinished one.
    Cleanup,
    // make header: end
    /// A number of a newer library.
    Unknown(u32),
}

impl From<u32> for Phase {
    fn from(number: u32) -> Self {
        match number {
            // make header: rust-numbers REFLINK_PHASE_*
            sys::REFLINK_PHASE_COPY => Self::Copy,
            sys::REFLINK_PHASE_SYNC => Self::Sync,
            sys::REFLINK_PHASE_CLEANUP => Self::Cleanup,
            // make header: end
            other => Self::Unknown(other),
        }
    }
}

/// What to do where the destination of a tree exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum TreeIfExists {
    /// Fail, also where it is an empty directory.
    #[default]
    Fail = sys::REFLINK_FAIL,
    /// Replace a directory or a symbolic link in one step.
    Replace = sys::REFLINK_REPLACE,
    /// Copy into the directory that is there, each entry in one step. After an error what was done so far stays.
    Merge = sys::REFLINK_MERGE,
}

/// What to do with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Take {
    /// Copy it.
    Whole = sys::REFLINK_TAKE,
    /// Leave it out, a directory with all that is in it.
    LeaveOut = sys::REFLINK_LEAVE_OUT,
    /// Make the directory, and leave out what is in it.
    Empty = sys::REFLINK_TAKE_EMPTY,
}

/// What to do after an entry failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum OnError {
    /// End the call with this error.
    Stop = sys::REFLINK_STOP,
    /// Leave the entry out and go on.
    Skip = sys::REFLINK_SKIP,
}

/// An entry of a tree, for the caller's functions.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Entry<'a> {
    /// What it is.
    pub kind: EntryKind,
    /// The path relative to the root.
    pub path: &'a Path,
    /// How deep it is: 1 is in the root.
    pub depth: u32,
    /// For [`Tree::on_done`]: how a file's data was copied.
    pub method: Method,
    /// For [`Tree::on_done`]: the file's length in bytes.
    pub length: u64,
    /// For [`Tree::on_done`]: the file was written while it was copied.
    pub source_changed: bool,
    /// For [`Tree::on_done`]: some metadata could not be set, and [`Tree::best_effort_metadata`] allowed that.
    pub metadata_incomplete: bool,
    /// For [`Tree::filter`]: the open directory of the source that holds it. For calls that take names in it, such as
    /// fstatat(2); it must not be read.
    #[cfg(unix)]
    pub source_dir: Option<std::os::fd::BorrowedFd<'a>>,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeProgress {
    /// What it is doing.
    pub phase: Phase,
    /// Entries that are done.
    pub entries_done: u64,
    /// Entries read from directories so far: the best total there is without a second walk.
    pub entries_seen: u64,
    /// Bytes of files that are done, cloned ones and holes included.
    pub bytes_done: u64,
    /// Directories that are being worked on.
    pub directories_open: u64,
}

/// What was done with a tree, or how far it got. Every entry below the root that was read is counted once, from `files` to
/// `entries_not_reached`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeReport {
    /// The operation that failed.
    pub step: Step,
    /// Why the first file that was not cloned was not.
    pub reason: Reason,
    /// The errno that refused that clone.
    pub clone_error: Option<i32>,
    /// The system's own error behind a failure.
    pub os_error: Option<i32>,
    /// The path of the entry that ended the call, relative to the root. Empty where it was the root, or none did.
    pub failed_path: PathBuf,
    /// The name holds the complete new tree, also after an error.
    pub published: bool,
    /// Entries failed and were skipped.
    pub incomplete: bool,
    /// Some metadata could not be set, and [`Tree::best_effort_metadata`] allowed that.
    pub metadata_incomplete: bool,
    /// After an error, the directory that was there was changed, or may have been.
    pub destination_changed: bool,
    /// The name of what was left beside the destination.
    pub litter: Option<String>,
    /// Files, each counted once, whatever number of names it has.
    pub files: u64,
    /// Further names of files that were copied.
    pub hard_links: u64,
    /// Directories.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// FIFOs, sockets, devices and whiteouts.
    pub specials: u64,
    /// The same, left out because of [`Tree::skip_special`].
    pub specials_left_out: u64,
    /// Mount points left empty because of [`Tree::one_mount`].
    pub mounts_left_empty: u64,
    /// Left out by [`Tree::filter`].
    pub entries_left_out: u64,
    /// Not replaced because of [`Tree::keep_existing`].
    pub entries_kept: u64,
    /// Skipped by [`Tree::on_error`].
    pub entries_failed: u64,
    /// Gone from the source between reading the directory and opening the entry.
    pub entries_vanished: u64,
    /// Read from a directory, and not done when the call ended.
    pub entries_not_reached: u64,
    /// Of `files`: cloned. This one and the four after it add up to `files`.
    pub files_cloned: u64,
    /// Of `files`: copied by the kernel, which may have shared blocks.
    pub files_kernel_copied: u64,
    /// Of `files`: read and written.
    pub files_copied: u64,
    /// Of `files`: cloned in part.
    pub files_mixed: u64,
    /// Of `files`: empty, so that there was nothing to clone.
    pub files_empty: u64,
    /// Of `files`: changed while they were copied.
    pub files_changed: u64,
    /// Bytes that share their blocks with the source.
    pub bytes_cloned: u64,
    /// Bytes copied.
    pub bytes_copied: u64,
    /// Bytes left as holes.
    pub bytes_hole: u64,
}

type Errors<'a> = Option<Box<dyn FnMut(&Entry<'_>, &io::Error) -> OnError + 'a>>;
type Answers<'a, R> = Option<Box<dyn FnMut(&Entry<'_>) -> R + 'a>>;

/// The caller's functions.
#[derive(Default)]
pub struct Functions<'a> {
    pub filter: Answers<'a, ControlFlow<(), Take>>,
    pub on_error: Errors<'a>,
    pub on_done: Answers<'a, ControlFlow<()>>,
    pub progress: Option<Box<dyn FnMut(TreeProgress) -> ControlFlow<()> + 'a>>,
}

/// How to copy or remove a tree, and both. Each default is that of the C library.
///
/// ```
/// use std::ops::ControlFlow::Continue;
/// use libreflink_fs::{Take, Tree};
/// # fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("libreflink-tree-{}", std::process::id()));
/// # let (src, dst) = (dir.join("src"), dir.join("dst"));
/// # std::fs::create_dir_all(src.join(".git"))?;
/// let leave_out = |name: &str| if name == ".git" { Take::LeaveOut } else { Take::Whole };
/// let report = Tree::new()
///     .threads(2)
///     .filter(|entry| Continue(leave_out(&entry.path.to_string_lossy())))
///     .copy(&src, &dst)?;
/// assert_eq!(report.entries_left_out, 1);
/// Tree::new().remove(&dir)?;
/// # Ok(())
/// # }
/// ```
///
/// The functions run in the thread that called. A `Break` cancels, and a panic continues when what was made is removed.
#[derive(Default)]
#[must_use]
pub struct Tree<'a> {
    pub(crate) mode: Mode,
    pub(crate) if_exists: TreeIfExists,
    pub(crate) durability: Durability,
    pub(crate) permissions: Permissions,
    pub(crate) preserve: u32,
    pub(crate) flags: u64,
    pub(crate) threads: u32,
    pub(crate) cancel: Option<&'a AtomicI32>,
    pub(crate) functions: Functions<'a>,
}

impl<'a> Tree<'a> {
    /// The defaults: clone each file if possible, fail if the name exists, and preserve only permission bits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to clone, decided for each file. With [`Mode::Always`], the first file that cannot be cloned ends the call.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// What to do where the destination exists.
    pub fn if_exists(mut self, if_exists: TreeIfExists) -> Self {
        self.if_exists = if_exists;
        self
    }

    /// What the destination's name shows after a kill or a power loss.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Which permission bits new files and directories get.
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    /// Preserves the times of last access and last change, of every entry and of the root.
    pub fn preserve_times(self, preserve: bool) -> Self {
        self.preserve(sys::REFLINK_PRESERVE_TIMES, preserve)
    }

    /// Preserves owner and group, and the set-user-ID, set-group-ID and sticky bits.
    pub fn preserve_owner(self, preserve: bool) -> Self {
        self.preserve(sys::REFLINK_PRESERVE_OWNER, preserve)
    }

    /// Preserves extended attributes.
    pub fn preserve_xattrs(self, preserve: bool) -> Self {
        self.preserve(sys::REFLINK_PRESERVE_XATTRS, preserve)
    }

    /// Preserves POSIX access control lists.
    pub fn preserve_acl(self, preserve: bool) -> Self {
        self.preserve(sys::REFLINK_PRESERVE_ACL, preserve)
    }

    /// Refuses a symbolic link as the source. One below it is copied and never followed.
    pub fn nofollow(self, nofollow: bool) -> Self {
        self.flag(sys::REFLINK_NOFOLLOW, nofollow)
    }

    /// Succeeds where the file system refuses metadata; [`TreeReport::metadata_incomplete`] says so.
    pub fn best_effort_metadata(self, best_effort: bool) -> Self {
        self.flag(sys::REFLINK_BEST_EFFORT_METADATA, best_effort)
    }

    /// Makes each name of a file a file of its own.
    pub fn split_links(self, split: bool) -> Self {
        self.flag(sys::REFLINK_TREE_SPLIT_LINKS, split)
    }

    /// Leaves out FIFOs, sockets and devices.
    pub fn skip_special(self, skip: bool) -> Self {
        self.flag(sys::REFLINK_TREE_SKIP_SPECIAL, skip)
    }

    /// Leaves what is mounted below the source empty.
    pub fn one_mount(self, one: bool) -> Self {
        self.flag(sys::REFLINK_TREE_ONE_MOUNT, one)
    }

    /// With [`TreeIfExists::Replace`]: allows a moment without the name, where two names cannot be exchanged in one step.
    pub fn two_renames(self, allow: bool) -> Self {
        self.flag(sys::REFLINK_TREE_TWO_RENAMES, allow)
    }

    /// Writes the source's file system to the device first: on XFS, files written a moment ago are slow to clone.
    pub fn flush_source(self, flush: bool) -> Self {
        self.flag(sys::REFLINK_TREE_FLUSH_SOURCE, flush)
    }

    /// With [`TreeIfExists::Merge`]: leaves what is there as it is.
    pub fn keep_existing(self, keep: bool) -> Self {
        self.flag(sys::REFLINK_TREE_KEEP_EXISTING, keep)
    }

    /// With [`TreeIfExists::Replace`]: leaves the old tree beside the new one, under the name [`TreeReport::litter`]. To put it
    /// back, exchange both names: on Linux renameat2(2) with `RENAME_EXCHANGE`, which std does not have; else two renames.
    pub fn keep_replaced(self, keep: bool) -> Self {
        self.flag(sys::REFLINK_TREE_KEEP_REPLACED, keep)
    }

    /// The most threads that work at once, the calling one among them.
    pub fn threads(mut self, most: u32) -> Self {
        self.threads = most;
        self
    }

    /// Cancels once the flag is not 0, which another thread or a signal handler sets: no function need be called for that.
    pub fn cancel(mut self, flag: &'a AtomicI32) -> Self {
        self.cancel = Some(flag);
        self
    }

    /// Is called for each entry before it is opened.
    pub fn filter(mut self, filter: impl FnMut(&Entry<'_>) -> ControlFlow<(), Take> + 'a) -> Self {
        self.functions.filter = Some(Box::new(filter));
        self
    }

    /// Is called for each entry that failed, with a [`CopyError`](crate::CopyError) inside the error. Not asked about failures
    /// after which nothing can succeed, such as no space.
    pub fn on_error(mut self, on_error: impl FnMut(&Entry<'_>, &io::Error) -> OnError + 'a) -> Self {
        self.functions.on_error = Some(Box::new(on_error));
        self
    }

    /// Is called for each entry that is finished.
    pub fn on_done(mut self, on_done: impl FnMut(&Entry<'_>) -> ControlFlow<()> + 'a) -> Self {
        self.functions.on_done = Some(Box::new(on_done));
        self
    }

    /// Is called every 64 entries or more often; not while what a function or [`cancel`](Self::cancel) stopped is removed.
    pub fn progress(mut self, progress: impl FnMut(TreeProgress) -> ControlFlow<()> + 'a) -> Self {
        self.functions.progress = Some(Box::new(progress));
        self
    }

    fn preserve(mut self, bit: u32, on: bool) -> Self {
        self.preserve = if on { self.preserve | bit } else { self.preserve & !bit };
        self
    }

    fn flag(mut self, bit: u64, on: bool) -> Self {
        self.flags = if on { self.flags | bit } else { self.flags & !bit };
        self
    }

    /// Copies a directory with all that is in it under a new name, whose parent must exist. The name shows its old state or
    /// the complete copy, never a part of it.
    ///
    /// # Errors
    /// An [`io::Error`] with a [`CopyError`](crate::CopyError) in it: [`CopyError::tree`](crate::CopyError::tree) has the report.
    ///
    /// # Panics
    /// With what a function of the caller's panicked.
    pub fn copy(&mut self, src: impl AsRef<Path>, dst: impl AsRef<Path>) -> io::Result<TreeReport> {
        native::copy(self, src.as_ref(), dst.as_ref())
    }

    /// The same, with both names relative to open directories. An absolute name does not look at its directory.
    ///
    /// # Errors
    /// As [`copy`](Self::copy).
    ///
    /// # Panics
    /// As [`copy`](Self::copy).
    pub fn copy_at(
        &mut self,
        src_dir: &File,
        src: impl AsRef<Path>,
        dst_dir: &File,
        dst: impl AsRef<Path>,
    ) -> io::Result<TreeReport> {
        native::copy_at(self, (src_dir, src.as_ref()), (dst_dir, dst.as_ref()))
    }

    /// Removes a directory with all that is in it. No symbolic link is followed, and what is mounted is not entered. After an
    /// error what was removed so far stays removed. Only functions other than [`filter`](Self::filter) and
    /// [`threads`](Self::threads) may be set.
    ///
    /// # Errors
    /// As [`copy`](Self::copy).
    ///
    /// # Panics
    /// With what a function of the caller's panicked.
    pub fn remove(&mut self, name: impl AsRef<Path>) -> io::Result<TreeReport> {
        native::remove(self, name.as_ref())
    }

    /// The same, with the name relative to an open directory.
    ///
    /// # Errors
    /// As [`copy`](Self::copy).
    ///
    /// # Panics
    /// With what a function of the caller's panicked.
    pub fn remove_at(&mut self, dir: &File, name: impl AsRef<Path>) -> io::Result<TreeReport> {
        native::remove_at(self, dir, name.as_ref())
    }
}
