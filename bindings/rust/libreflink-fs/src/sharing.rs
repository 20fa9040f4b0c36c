//! What files are made of and what they share: answers, and the two functions that look.
//! The numbers are made from the library's sources ("make header"); one of a newer library is `Other`.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;

use libreflink_sys as sys;

use crate::native;
use crate::report::Reason;

/// Whether the file system says what is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sharing {
    // make header: rust-variants REFLINK_SHARING_*
    /// The file system gives out no map of its files (NFS, FUSE, ZFS, tmpfs, all of FreeBSD), the
    /// data are kept elsewhere (in a cloud), or it is forbidden to ask.
    Unknown,
    /// The file system gives out a map, which does not say for all bytes whether they are shared.
    Unreported,
    /// The file system says what is shared, or cannot share anything (ext4).
    Known,
    // make header: end
    /// A number of a newer library.
    Other(u32),
}

impl From<u32> for Sharing {
    fn from(number: u32) -> Self {
        match number {
            // make header: rust-numbers REFLINK_SHARING_*
            sys::REFLINK_SHARING_UNKNOWN => Self::Unknown,
            sys::REFLINK_SHARING_UNREPORTED => Self::Unreported,
            sys::REFLINK_SHARING_KNOWN => Self::Known,
            // make header: end
            other => Self::Other(other),
        }
    }
}

/// What two ranges share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    // make header: rust-variants REFLINK_SHARED_*
    /// It cannot be told whether any byte is shared.
    Unknown,
    /// Nothing is shared.
    None,
    /// A part is shared.
    Part,
    /// Everything is shared: both ranges end together, nothing is apart, nothing is unknown.
    All,
    // make header: end
    /// A number of a newer library.
    Other(u32),
}

impl From<u32> for Verdict {
    fn from(number: u32) -> Self {
        match number {
            // make header: rust-numbers REFLINK_SHARED_*
            sys::REFLINK_SHARED_UNKNOWN => Self::Unknown,
            sys::REFLINK_SHARED_NONE => Self::None,
            sys::REFLINK_SHARED_PART => Self::Part,
            sys::REFLINK_SHARED_ALL => Self::All,
            // make header: end
            other => Self::Other(other),
        }
    }
}

/// What a piece of a file is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExtentKind {
    // make header: rust-variants extent.kind
    /// Bytes in blocks.
    Data,
    /// A hole: no blocks, reads as zeros.
    Hole,
    /// Blocks that are reserved and not written yet: they read as zeros.
    Preallocated,
    /// Bytes in the metadata of the file system: no blocks.
    Inline,
    /// Bytes without a known place: not written out yet, or the file system does not say where.
    Pending,
    // make header: end
    /// A number of a newer library.
    Other(u32),
}

impl From<u32> for ExtentKind {
    fn from(number: u32) -> Self {
        match number {
            // make header: rust-numbers extent.kind
            sys::REFLINK_EXTENT_DATA => Self::Data,
            sys::REFLINK_EXTENT_HOLE => Self::Hole,
            sys::REFLINK_EXTENT_PREALLOCATED => Self::Preallocated,
            sys::REFLINK_EXTENT_INLINE => Self::Inline,
            sys::REFLINK_EXTENT_PENDING => Self::Pending,
            // make header: end
            other => Self::Other(other),
        }
    }
}

/// A piece of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extent {
    /// Where it begins in the file.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Where it lies on the volume: a number to compare. `None` if that is not known.
    pub place: Option<u64>,
    /// What it is made of.
    pub kind: ExtentKind,
    /// Something else uses the blocks too: another file, a snapshot, another place of this file.
    pub shared: bool,
    /// Compressed or encrypted.
    pub encoded: bool,
    /// Behind the end of the file.
    pub beyond_eof: bool,
}

impl Extent {
    pub(crate) fn new(raw: &sys::reflink_extent) -> Self {
        let is = |flag| raw.flags & flag != 0;
        Self {
            offset: raw.offset,
            length: raw.length,
            place: is(sys::REFLINK_EXTENT_PLACE).then_some(raw.place),
            kind: raw.kind.into(),
            shared: is(sys::REFLINK_EXTENT_SHARED),
            encoded: is(sys::REFLINK_EXTENT_ENCODED),
            beyond_eof: is(sys::REFLINK_EXTENT_BEYOND_EOF),
        }
    }
}

/// What a range of a file is made of. The seven sums from `bytes_shared` to `bytes_pending` add up to `length`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extents {
    /// Whether the file system says what is shared. Only with [`Sharing::Known`] is `bytes_unshared` a fact.
    pub reported: Sharing,
    /// Why there is no map ([`Sharing::Unknown`]).
    pub reason: Reason,
    /// The system's own error behind that.
    pub os_error: Option<i32>,
    /// The file changed during the call.
    pub changed: bool,
    /// `bytes_exclusive` is exact, and not a minimum.
    pub exact: bool,
    /// Bytes looked at, up to the end of the file.
    pub length: u64,
    /// Bytes that something else uses too.
    pub bytes_shared: u64,
    /// Bytes that nothing else uses, as far as the file system says.
    pub bytes_unshared: u64,
    /// Bytes that are compressed or encrypted, shared or not.
    pub bytes_encoded: u64,
    /// Bytes in reserved blocks.
    pub bytes_preallocated: u64,
    /// Bytes in holes.
    pub bytes_hole: u64,
    /// Bytes in the metadata.
    pub bytes_inline: u64,
    /// Bytes without a known place.
    pub bytes_pending: u64,
    /// Those of `bytes_encoded` that are shared.
    pub bytes_encoded_shared: u64,
    /// Those of `bytes_preallocated` that are shared.
    pub bytes_preallocated_shared: u64,
    /// Bytes held behind the end of the file.
    pub bytes_beyond_eof: u64,
    /// Bytes of no other file, at least.
    pub bytes_exclusive: u64,
    /// Extents of the file; holes are not counted.
    pub extents: u64,
}

/// How two ranges relate. `bytes_same`, `bytes_apart`, `bytes_hole` and `bytes_unknown` add up to `length`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Comparison {
    /// The one word for it. [`Verdict::All`] is a proof.
    pub verdict: Verdict,
    /// Whether the file system says what is shared: the least of both files.
    pub reported: Sharing,
    /// [`Reason::CrossDevice`] for two volumes, else why there is no map.
    pub reason: Reason,
    /// The system's own error behind a missing map.
    pub os_error: Option<i32>,
    /// A file changed during the call, and so nothing is known.
    pub changed: bool,
    /// Bytes looked at, up to the later of both ends.
    pub length: u64,
    /// Bytes at one place in both.
    pub bytes_same: u64,
    /// Bytes at different places, or only in one file.
    pub bytes_apart: u64,
    /// Bytes that are holes in both.
    pub bytes_hole: u64,
    /// Bytes of which the file system does not say enough.
    pub bytes_unknown: u64,
    /// The first byte that is apart, from the ranges' beginning.
    pub first_apart: Option<u64>,
    /// The first byte that is unknown.
    pub first_unknown: Option<u64>,
}

impl Comparison {
    /// Everything is shared, for certain.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.verdict == Verdict::All
    }
}

/// A look at open files. As it is made, it looks at all of them, and writes out what is not written yet.
///
/// ```no_run
/// use std::fs::File;
/// # fn main() -> std::io::Result<()> {
/// let (a, b) = (File::open("disk.img")?, File::open("snapshot.img")?);
/// if libreflink_fs::Look::new().shared(&a, &b)?.is_all() {
///     println!("one set of blocks holds both");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct Look {
    pub(crate) offsets: [u64; 2],
    pub(crate) length: Option<u64>,
    pub(crate) flags: u64,
}

impl Look {
    /// At whole files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the range begins, in the second file too.
    pub const fn offset(self, offset: u64) -> Self {
        self.offsets(offset, offset)
    }

    /// Where the range begins in each of two files.
    pub const fn offsets(mut self, a: u64, b: u64) -> Self {
        self.offsets = [a, b];
        self
    }

    /// The range's length.
    pub const fn length(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    /// Does not write out what is not written yet: more is pending or unknown, and nothing false.
    pub const fn no_flush(mut self) -> Self {
        self.flags = sys::REFLINK_MAP_NO_FLUSH;
        self
    }

    /// Finds out what the range is made of.
    ///
    /// # Errors
    /// The system's, with a [`CopyError`](crate::CopyError) inside. That nobody says what is shared is none.
    pub fn extents(&self, file: &File) -> io::Result<Extents> {
        native::extents(self, file, None)
    }

    /// The same, and `each` is called with each extent in order, holes included, until it breaks.
    ///
    /// # Errors
    /// As [`Look::extents`]; and the errno is ECANCELED after a break.
    pub fn each_extent(
        &self,
        file: &File,
        mut each: impl FnMut(Extent) -> ControlFlow<()>,
    ) -> io::Result<Extents> {
        native::extents(self, file, Some(&mut each))
    }

    /// Finds out whether two ranges lie at one place on the volume.
    ///
    /// # Errors
    /// The system's, with a [`CopyError`](crate::CopyError) inside. No answer is an error.
    pub fn shared(&self, a: &File, b: &File) -> io::Result<Comparison> {
        native::shared(self, a, b)
    }
}
