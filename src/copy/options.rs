//! What a copy is asked to do.
//! Read from the caller's structure by `capi`; each field's default is the zero of the C interface.

/// Whether to clone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Clone, else copy.
    #[default]
    Auto,
    /// Clone or fail.
    Always,
    /// Copy every byte, share nothing.
    Never,
}

/// What to do where the destination's name exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfExists {
    /// Fail.
    #[default]
    Fail,
    /// Replace it in one step.
    Replace,
    /// Write into the file that is there; where none is, make one as [`IfExists::Fail`] does.
    Overwrite,
}

/// What must hold of the destination's name when something stops the copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The old state or the complete new one, to other processes and after a kill.
    #[default]
    Atomic,
    /// The same after a power loss.
    Durable,
    /// The file grows under its own name; a kill can leave a part of it.
    Unstaged,
}

/// Which permission bits a new file gets. The system applies the umask when the file is made: to read it, a process must
/// change it, for all of its threads (umask(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Permissions {
    /// The source's, whatever the umask.
    #[default]
    Source,
    /// The source's without those of the umask, as cp gives them.
    Umask,
    /// Those of any new file, as open(2) gives them.
    New,
}

/// Which metadata to take over besides the permission bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preserve {
    /// Times of last access and change.
    pub times: bool,
    /// Owner, group, and with them the set-id and sticky bits.
    pub owner: bool,
    /// Extended attributes.
    pub attributes: bool,
    /// The POSIX access control list.
    pub acl: bool,
}

/// What the caller asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether to clone.
    pub mode: Mode,
    /// What to do where the destination exists.
    pub if_exists: IfExists,
    /// What must survive.
    pub durability: Durability,
    /// The permission bits of a new file.
    pub permissions: Permissions,
    /// Metadata to take over.
    pub preserve: Preserve,
    /// A symbolic link as the source is an error.
    pub nofollow: bool,
    /// What a symbolic link at the destination points to is overwritten.
    pub follow_destination: bool,
    /// Of a range, the whole blocks are cloned, and nothing else is written.
    pub share_only: bool,
    /// Metadata that cannot be set is not an error.
    pub best_effort_metadata: bool,
}
