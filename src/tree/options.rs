//! What a tree copy is asked to do.
//! Read from the caller's structure by `capi`; each field's default is the zero of the C interface.

use crate::copy;

/// What to do where the destination's name exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfExists {
    /// Fail, also where it is an empty directory.
    #[default]
    Fail,
    /// Replace a directory or a symbolic link in one step.
    Replace,
    /// Copy into the directory that is there, each entry atomically.
    Merge,
}

/// What the caller asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How each file is copied: mode, durability, permissions, metadata. `nofollow` is about the source's root: a link
    /// below it is never followed. Its `if_exists` does not count: the one below does.
    pub files: copy::Options,
    /// What to do where the destination exists.
    pub if_exists: IfExists,
    /// Each name of a file becomes a file of its own.
    pub split_links: bool,
    /// FIFOs, sockets and devices are left out.
    pub skip_special: bool,
    /// What is mounted below the source's root becomes an empty directory, or an empty file.
    pub one_mount: bool,
    /// Where two names cannot be exchanged, the old tree is renamed away first.
    pub two_renames: bool,
    /// The source's file system is synced first.
    pub flush_source: bool,
    /// Merge: existing entries are not replaced.
    pub keep_existing: bool,
    /// Replace: the old tree stays, under the name in [`super::Report::litter`].
    pub keep_replaced: bool,
    /// At most so many threads, including the calling one. 0 and 1: that one alone.
    pub threads: u32,
}
