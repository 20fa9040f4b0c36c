//! How to copy: a builder in the manner of `std::fs::OpenOptions`, and the copies that it makes.
//! The values are made from the library's sources ("make header").

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use libreflink_sys as sys;

use crate::native;
use crate::report::{Progress, Report};

/// Whether to clone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum Mode {
    // make header: rust-option options.mode
    /// Clone if possible, else copy.
    #[default]
    Auto = sys::REFLINK_AUTO,
    /// Clone or fail.
    Always = sys::REFLINK_ALWAYS,
    /// Read and write every byte, so that nothing is shared.
    Never = sys::REFLINK_NEVER,
    // make header: end
}

/// What to do where the destination exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum IfExists {
    // make header: rust-option options.if_exists
    /// Fail with -EEXIST where the destination exists, also as a dangling symbolic link.
    #[default]
    Fail = sys::REFLINK_FAIL,
    /// Replace a regular file or a symbolic link (the link itself, not what it points to) by one
    /// rename: other processes see the old file or the complete new one.
    Replace = sys::REFLINK_REPLACE,
    /// Write into the existing regular file, as cp does.
    Overwrite = sys::REFLINK_OVERWRITE,
    // make header: end
}

/// What the destination's name shows after a kill or a power loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum Durability {
    // make header: rust-option options.durability
    /// The destination's name shows the old state or the complete new one, to every other process
    /// and after any error, signal or kill.
    #[default]
    Atomic = sys::REFLINK_ATOMIC,
    /// As REFLINK_ATOMIC, and also after a power loss: the file is synced before it gets its name,
    /// and the directory after.
    Durable = sys::REFLINK_DURABLE,
    /// For bulk callers that own the directory: the file is made under its own name and removed
    /// again on failure; one system call less, and a kill can leave a partial file.
    Unstaged = sys::REFLINK_UNSTAGED,
    // make header: end
}

/// Which permission bits a new file gets. No umask is read or changed: the system applies it when the file is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum Permissions {
    // make header: rust-option REFLINK_PERMISSIONS_*
    /// The permission bits (rwx) of the source, whatever the umask: under umask 077, a copy of a
    /// file that all may read can be read by all.
    #[default]
    Source = sys::REFLINK_PERMISSIONS_SOURCE,
    /// The permission bits of the source without those of the umask, as cp gives them.
    Umask = sys::REFLINK_PERMISSIONS_UMASK,
    /// 0666, or 0777 for a directory of a tree, without the bits of the umask, as open(2) and
    /// mkdir(2) give them.
    New = sys::REFLINK_PERMISSIONS_NEW,
    // make header: end
}

/// Options for a copy, and the copies themselves. Each default is that of the C library.
///
/// ```no_run
/// use libreflink_fs::CopyOptions;
/// # fn main() -> std::io::Result<()> {
/// CopyOptions::new().preserve_times(true).preserve_xattrs(true).copy("a", "b")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct CopyOptions {
    pub(crate) mode: Mode,
    pub(crate) if_exists: IfExists,
    pub(crate) durability: Durability,
    pub(crate) permissions: Permissions,
    pub(crate) preserve: u32,
    pub(crate) flags: u64,
}

impl CopyOptions {
    /// The defaults: clone if possible, fail if the name exists, and preserve only the permission bits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to clone.
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// What to do where the destination exists.
    pub const fn if_exists(mut self, if_exists: IfExists) -> Self {
        self.if_exists = if_exists;
        self
    }

    /// What the destination's name shows after a kill or a power loss.
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Which permission bits a new file gets.
    pub const fn permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    /// Preserves the times of last access and last change.
    pub const fn preserve_times(self, preserve: bool) -> Self {
        self.preserve(sys::REFLINK_PRESERVE_TIMES, preserve)
    }

    /// Preserves owner and group, and the set-user-ID, set-group-ID and sticky bits. Changing the owner needs privilege.
    pub const fn preserve_owner(self, preserve: bool) -> Self {
        self.preserve(sys::REFLINK_PRESERVE_OWNER, preserve)
    }

    /// Preserves extended attributes.
    pub const fn preserve_xattrs(self, preserve: bool) -> Self {
        self.preserve(sys::REFLINK_PRESERVE_XATTRS, preserve)
    }

    /// Preserves the POSIX access control list.
    pub const fn preserve_acl(self, preserve: bool) -> Self {
        self.preserve(sys::REFLINK_PRESERVE_ACL, preserve)
    }

    /// Refuses a symbolic link as the source. Without it, such a link is followed.
    pub const fn nofollow(self, nofollow: bool) -> Self {
        self.flag(sys::REFLINK_NOFOLLOW, nofollow)
    }

    /// Succeeds where the file system refuses metadata; [`Report::metadata_incomplete`] says so. Needed on file systems
    /// that cannot hold permission bits. The copy may then be more open than the source.
    pub const fn best_effort_metadata(self, best_effort: bool) -> Self {
        self.flag(sys::REFLINK_BEST_EFFORT_METADATA, best_effort)
    }

    /// With [`IfExists::Overwrite`]: writes into the file that a symbolic link at the destination leads to. Without it, such a
    /// link is refused.
    pub const fn follow_destination(self, follow: bool) -> Self {
        self.flag(sys::REFLINK_FOLLOW_DESTINATION, follow)
    }

    /// Has [`copy_range`](Self::copy_range) share the whole blocks that both files' block boundaries allow, and write nothing
    /// else. [`Report::clone_offset`] and [`Report::bytes_cloned`] say what is shared at least.
    pub const fn share_only(self, share_only: bool) -> Self {
        self.flag(sys::REFLINK_SHARE_ONLY, share_only)
    }

    const fn preserve(mut self, bit: u32, on: bool) -> Self {
        self.preserve = if on { self.preserve | bit } else { self.preserve & !bit };
        self
    }

    const fn flag(mut self, bit: u64, on: bool) -> Self {
        self.flags = if on { self.flags | bit } else { self.flags & !bit };
        self
    }

    /// Copies a file under a new name. The name never shows a partial file.
    ///
    /// # Errors
    /// An [`io::Error`] with a [`CopyError`](crate::CopyError) in it. Unless [`Report::published`] is set, the name then holds
    /// what it held before.
    pub fn copy(&self, src: impl AsRef<Path>, dst: impl AsRef<Path>) -> io::Result<Report> {
        native::copy(self, src.as_ref(), dst.as_ref(), None)
    }

    /// The same, with both names relative to open directories. An absolute name does not look at its directory.
    ///
    /// # Errors
    /// As [`copy`](Self::copy).
    pub fn copy_at(
        &self,
        src_dir: &File,
        src: impl AsRef<Path>,
        dst_dir: &File,
        dst: impl AsRef<Path>,
    ) -> io::Result<Report> {
        native::copy_at(self, (src_dir, src.as_ref()), (dst_dir, dst.as_ref()))
    }

    /// Copies a file under a new name, and calls `progress` at the beginning, between stretches and at the end. `Break` cancels the copy.
    /// A clone of more than 1 GiB is then made in steps, so that it is no longer of one instant of the source.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// # let dir = std::env::temp_dir();
    /// # let (src, dst) = (dir.join(format!("from-{}", std::process::id())), dir.join("never-made"));
    /// # std::fs::write(&src, "data").unwrap();
    /// let copied = libreflink_fs::CopyOptions::new().copy_with_progress(&src, &dst, |_| ControlFlow::Break(()));
    /// assert!(copied.is_err() && !dst.exists());
    /// # std::fs::remove_file(&src).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`copy`](Self::copy). The code of a copy that was cancelled is `-ECANCELED`.
    ///
    /// # Panics
    /// A panic of `progress` stops the copy, and continues once the library has removed the unfinished file.
    pub fn copy_with_progress(
        &self,
        src: impl AsRef<Path>,
        dst: impl AsRef<Path>,
        mut progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> io::Result<Report> {
        native::copy(self, src.as_ref(), dst.as_ref(), Some(&mut progress))
    }

    /// Replaces the whole content of one open file by that of another, in place, and cuts it to the other's size. Ignores
    /// the positions of both, which do not move: to copy at a position use [`copy_range`](Self::copy_range), and
    /// [`std::io::copy`] for pipes.
    ///
    /// # Errors
    /// As [`copy`](Self::copy). An error in the middle leaves the destination partly written:
    /// [`Report::destination_changed`] reports it.
    pub fn copy_content(&self, src: &File, dst: &File) -> io::Result<Report> {
        native::copy_content(self, src, dst)
    }

    /// Copies `length` bytes of one open file into another, or all up to its end (`None`), and shares the blocks that the
    /// range covers. Stops at the source's end: [`Report::length`] is how much was done.
    ///
    /// # Errors
    /// As [`copy_content`](Self::copy_content).
    pub fn copy_range(
        &self,
        src: &File,
        src_offset: u64,
        dst: &File,
        dst_offset: u64,
        length: Option<u64>,
    ) -> io::Result<Report> {
        native::copy_range(self, (src, src_offset), (dst, dst_offset), length)
    }
}
