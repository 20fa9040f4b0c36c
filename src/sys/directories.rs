//! What a tree needs of an operating system: the trait [`Directories`]. Every object is reached by one name relative to an open
//! directory, and no symbolic link is followed.

use core::ffi::CStr;

use super::api::{Errno, Fd, Kind, Result, Stat, Time, unsupported};
use super::errno;
#[cfg(any(reflink_unix, reflink_portable))]
use super::unix::Stream;

/// What a symbolic link says.
#[cfg(not(windows))]
pub type Link = std::ffi::CString;
/// The same, borrowed.
#[cfg(not(windows))]
pub type LinkStr = CStr;
#[cfg(windows)]
pub use super::windows::{Link, Link as LinkStr};

/// Directories and what is in them, regular files aside. The bodies here are the answers of a system that has none of it;
/// the model of the tests must have its own for each (clippy::missing_trait_methods).
pub trait Directories {
    // ── Opening ──

    /// Opens the directory of that name to read it. Anything else, a symbolic link too, is ENOTDIR (or ELOOP).
    fn enter(&self, _dir: Fd, _name: &CStr) -> Result<Fd> {
        unsupported()
    }
    /// The same, and EXDEV where another mount begins at the name.
    fn enter_same_mount(&self, _dir: Fd, _name: &CStr) -> Result<Fd> {
        unsupported()
    }
    /// The same, for a directory that is to be removed: one that its owner may not read gets all rights for its owner
    /// first.
    fn enter_to_remove(&self, _dir: Fd, _name: &CStr) -> Result<Fd> {
        unsupported()
    }
    /// Opens the directory that `dir` is in now, which need not be the one it was found in.
    fn enter_parent(&self, _dir: Fd) -> Result<Fd> {
        unsupported()
    }
    /// Opens the directory at the end of several names, shorter than PATH_MAX together. None of them may be a
    /// symbolic link or "..".
    fn enter_below(&self, _dir: Fd, _path: &CStr) -> Result<Fd> {
        unsupported()
    }
    /// Opens, to read, an entry that its directory lists as a regular file: [`super::Sys::open_source`] without its look at
    /// the type. What has taken its place since may be opened, without waiting.
    fn open_listed(&self, _dir: Fd, _name: &CStr) -> Result<Fd> {
        unsupported()
    }
    /// How many names an open file has, where [`super::Sys::stat`] does not tell that; else `None`.
    fn links(&self, _fd: Fd) -> Option<u64> {
        None
    }
    /// Whether another mount begins at the name of a directory or a file.
    fn is_mount_point(&self, _dir: Fd, _name: &CStr) -> Result<bool> {
        unsupported()
    }

    // ── Reading ──

    /// Reads the next names of a directory into `listing`. `false`: there are no more.
    fn read_entries(&self, _dir: Fd, _listing: &mut Listing) -> Result<bool> {
        unsupported()
    }
    /// What a symbolic link says, whatever its length.
    fn read_symlink(&self, _dir: Fd, _name: &CStr) -> Result<Link> {
        unsupported()
    }

    // ── Making and removing ──

    /// Makes a directory; the umask, or a default ACL of `dir`, applies to the mode.
    fn make_directory(&self, _dir: Fd, _name: &CStr, _mode: u32) -> Result<()> {
        unsupported()
    }
    /// Makes a symbolic link that says `target`.
    fn make_symlink(&self, _target: &LinkStr, _dir: Fd, _name: &CStr) -> Result<()> {
        unsupported()
    }
    /// Makes a FIFO, a socket or a device (a whiteout of overlayfs is the character device 0) of `like`'s kind and
    /// number. To its permission bits the umask, or a default ACL, applies.
    fn make_special(&self, _dir: Fd, _name: &CStr, _like: &Stat) -> Result<()> {
        unsupported()
    }
    /// Removes an empty directory.
    fn remove_directory(&self, _dir: Fd, _name: &CStr) -> Result<()> {
        unsupported()
    }
    /// Exchanges two existing names in one step.
    fn exchange(&self, _one_dir: Fd, _one: &CStr, _other_dir: Fd, _other: &CStr) -> Result<()> {
        unsupported()
    }

    // ── Metadata ──

    /// Sets the permission bits of a FIFO, socket or device. Of a symbolic link: EOPNOTSUPP.
    fn set_name_mode(&self, _dir: Fd, _name: &CStr, _mode: u32) -> Result<()> {
        unsupported()
    }
    /// Sets owner and group of a name, of a symbolic link its own; `None` leaves one as it is.
    fn set_name_owner(&self, _dir: Fd, _name: &CStr, _owner: Option<u32>, _group: u32) -> Result<()> {
        unsupported()
    }
    /// Sets the times of last access and change of a name, of a symbolic link its own.
    fn set_name_times(&self, _dir: Fd, _name: &CStr, _accessed: Time, _modified: Time) -> Result<()> {
        unsupported()
    }
    /// Lists the names of extended attributes of a name, of a symbolic link its own: as [`super::Extensions::list_attributes`].
    fn list_name_attributes(&self, _dir: Fd, _name: &CStr, _buffer: &mut [u8]) -> Result<usize> {
        unsupported()
    }
    /// Reads an extended attribute of a name.
    fn get_name_attribute(
        &self,
        _dir: Fd,
        _name: &CStr,
        _attribute: &CStr,
        _buffer: &mut [u8],
    ) -> Result<usize> {
        unsupported()
    }
    /// Sets an extended attribute of a name.
    fn set_name_attribute(&self, _dir: Fd, _name: &CStr, _attribute: &CStr, _value: &[u8]) -> Result<()> {
        unsupported()
    }
    /// Removes an extended attribute of a name.
    fn remove_name_attribute(&self, _dir: Fd, _name: &CStr, _attribute: &CStr) -> Result<()> {
        unsupported()
    }
    /// Whether names can be added to this directory, and none renamed or removed (chattr(1), "a").
    fn is_append_only(&self, _dir: Fd) -> bool {
        false
    }
    /// Whether the file system writes this file or directory in place (Btrfs: NOCOW). Such a file clones only with its
    /// like, and what is made in such a directory becomes like it. `None`: it has no such mark.
    fn no_cow(&self, _fd: Fd) -> Result<Option<bool>> {
        Ok(None)
    }
    /// Marks a directory, or an empty file, to be written in place, or not to be.
    fn set_no_cow(&self, _fd: Fd, _on: bool) -> Result<()> {
        unsupported()
    }
    /// By how many bits to shift an inode number of the directory's volume to get the number of its allocation group. `None`:
    /// there are no such groups, or they are unknown.
    fn allocation_group_shift(&self, _dir: Fd) -> Option<u32> {
        None
    }
    /// Whether the system has [`Directories::sync_volume`]. If not, files and directories of a durable tree are synced one by
    /// one.
    fn syncs_volumes(&self) -> bool {
        false
    }
    /// Writes the whole file system of an open file through to the device.
    fn sync_volume(&self, _fd: Fd) -> Result<()> {
        unsupported()
    }
}

/// One name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'l> {
    /// The name: never "." or "..", and without a slash.
    pub name: &'l CStr,
    /// The inode number as the directory has it: of a mount point, that of what is under the mount.
    pub inode: u64,
    /// What it is. `None`: the directory does not say, or something unusual.
    pub kind: Option<Kind>,
}

/// Larger buffers win nothing (getdents64 of 4, 32 and 256 KiB took the same time).
const ROOM: usize = 32 << 10;

/// Room for a record with the longest name of any system, 1023 bytes (macOS).
#[cfg(any(reflink_unix, reflink_portable, test))]
const LONGEST_RECORD: usize = NAME_AT + 1024 + 8;

/// What Linux's `struct linux_dirent64` has before the name: the inode number, an offset, the record's length, the type.
/// The other systems' entries are written in the same form.
const LENGTH_AT: usize = 16;
const TYPE_AT: usize = 18;
const NAME_AT: usize = 19;

/// Names read from a directory, one buffer at a time. It serves one directory after another.
pub struct Listing {
    buffer: Vec<u8>,
    filled: usize,
    /// Where the system reads directories by a stream.
    #[cfg(any(reflink_unix, reflink_portable))]
    pub(super) stream: Option<Stream>,
}

impl Listing {
    /// An empty one.
    pub fn new() -> Result<Self> {
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(ROOM).map_err(|_| Errno(errno::ENOMEM))?;
        buffer.resize(ROOM, 0);
        Ok(Self {
            buffer,
            filled: 0,
            #[cfg(any(reflink_unix, reflink_portable))]
            stream: None,
        })
    }

    /// Forgets what was read: the next directory is read from its beginning.
    pub fn begin(&mut self) {
        self.filled = 0;
        #[cfg(any(reflink_unix, reflink_portable))]
        drop(self.stream.take());
    }

    /// The names of the last read.
    pub fn entries(&self) -> Entries<'_> {
        Entries { rest: self.buffer.get(..self.filled).unwrap_or_default() }
    }

    /// Where the system writes its records.
    #[cfg(all(reflink_linux, not(reflink_portable)))]
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.filled = 0;
        &mut self.buffer
    }

    /// How much it wrote there.
    #[cfg(all(reflink_linux, not(reflink_portable)))]
    pub(super) fn set_filled(&mut self, filled: usize) {
        self.filled = filled.min(self.buffer.len());
    }

    /// Whether one more record fits.
    #[cfg(any(reflink_unix, reflink_portable, test))]
    pub(super) fn has_room(&self) -> bool {
        self.buffer.len().saturating_sub(self.filled) >= LONGEST_RECORD
    }

    /// Takes over one entry, of a type as <dirent.h> numbers it; 0 is "unknown".
    #[cfg(any(reflink_unix, reflink_portable, windows, test))]
    pub(super) fn push(&mut self, name: &CStr, inode: u64, kind: u8) {
        let name = name.to_bytes_with_nul();
        let length = NAME_AT.saturating_add(name.len()).next_multiple_of(8);
        let end = self.filled.saturating_add(length);
        let (Ok(told), Some(record)) = (u16::try_from(length), self.buffer.get_mut(self.filled..end)) else {
            return; // callers look for room first, and no name is that long
        };
        record.fill(0);
        let [number, told] = [&inode.to_ne_bytes()[..], &told.to_ne_bytes()[..]];
        for (at, bytes) in [(0, number), (LENGTH_AT, told), (TYPE_AT, &[kind]), (NAME_AT, name)] {
            let place = record.get_mut(at..at.saturating_add(bytes.len()));
            place.unwrap_or_default().copy_from_slice(bytes);
        }
        self.filled = end;
    }
}

/// The entries of a [`Listing`], in the directory's order.
pub struct Entries<'l> {
    rest: &'l [u8],
}

impl<'l> Iterator for Entries<'l> {
    type Item = Entry<'l>;

    fn next(&mut self) -> Option<Entry<'l>> {
        loop {
            let length = self.rest.get(LENGTH_AT..TYPE_AT)?.try_into().map(u16::from_ne_bytes).ok()?;
            let (record, rest) = self.rest.split_at_checked(length.into())?;
            let name = CStr::from_bytes_until_nul(record.get(NAME_AT..)?).ok()?;
            self.rest = rest;
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let inode = u64::from_ne_bytes(record.get(..8)?.try_into().ok()?);
            let kind = kind_of(record.get(TYPE_AT).copied()?);
            return Some(Entry { name, inode, kind });
        }
    }
}

/// The kind that a `d_type` stands for: the numbers are one for all systems that have them (<dirent.h>).
const fn kind_of(d_type: u8) -> Option<Kind> {
    match d_type {
        1 => Some(Kind::Fifo),
        2 => Some(Kind::CharacterDevice),
        4 => Some(Kind::Directory),
        6 => Some(Kind::BlockDevice),
        8 => Some(Kind::Regular),
        10 => Some(Kind::Symlink),
        12 => Some(Kind::Socket),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use super::*;

    #[test]
    fn what_is_written_into_a_listing_is_read_from_it() {
        let mut listing = Listing::new().unwrap();
        assert_eq!(listing.entries().next(), None);
        let long = CString::new(vec![b'x'; 255]).unwrap();
        let kinds = [(4, Some(Kind::Directory)), (8, Some(Kind::Regular)), (0, None), (14, None)];
        for (name, (raw, _)) in [c"a", c"\xff\n", &long, c"..."].into_iter().zip(kinds) {
            listing.push(c".", 1, 4);
            listing.push(name, u64::MAX - u64::from(raw), raw);
            listing.push(c"..", 1, 4);
        }
        let read: Vec<Entry> = listing.entries().collect();
        assert_eq!(read.len(), 4);
        for (entry, (name, (raw, kind))) in
            read.iter().zip([c"a", c"\xff\n", &long, c"..."].into_iter().zip(kinds))
        {
            assert_eq!((entry.name, entry.kind), (name, kind));
            assert_eq!(entry.inode, u64::MAX - u64::from(raw));
        }
        listing.begin();
        assert_eq!(listing.entries().next(), None);
    }

    #[test]
    fn a_listing_is_full_before_a_name_is_lost() {
        let mut listing = Listing::new().unwrap();
        let longest = CString::new(vec![b'x'; 1023]).unwrap();
        let mut pushed = 0;
        while listing.has_room() {
            listing.push(&longest, 7, 8);
            pushed += 1;
        }
        assert!(pushed > 20);
        assert_eq!(listing.entries().count(), pushed);
    }
}
