//! What a copy needs of an operating system: the trait [`Sys`], the only door to system calls.
//! Its parts are what all Unixes do alike, what some systems lack, and what trees need, so that each system writes only what is its own.

use core::ffi::CStr;
use std::time::Instant;

use super::directories::Directories;
use super::errno;
use super::maps::Maps;

/// An open file, or a directory that names are relative to.
#[cfg(not(windows))]
pub type Fd = core::ffi::c_int;
/// An open file, or a directory that names are relative to: a HANDLE.
#[cfg(windows)]
pub type Fd = *mut core::ffi::c_void;

/// An error of the operating system: an errno of `<errno.h>`, which 16 bits hold. Where the system said
/// another number (a Win32 code, Darwin's ENOTSUP), that stands in the upper half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

/// In the place of the system's word where it said none.
const OWN: i32 = -1;

impl Errno {
    /// An errno that stands for `raw`, which is what the system said.
    pub const fn standing_for(raw: i32, number: i32) -> Self {
        Self(raw << 16 | number)
    }

    /// An errno by which this library refuses something itself: no system call failed with it.
    pub const fn own(number: i32) -> Self {
        Self::standing_for(OWN, number)
    }

    /// The errno.
    pub const fn number(self) -> i32 {
        self.0 & 0xffff
    }

    /// What the system said. On Windows, an errno without a Win32 code was produced by this library.
    pub const fn raw(self) -> i32 {
        match self.0 >> 16 {
            0 if cfg!(windows) => 0,
            0 => self.0,
            OWN => 0,
            raw => raw,
        }
    }

    /// Whether it is that errno.
    pub const fn is(self, number: i32) -> bool {
        self.number() == number
    }
}

/// The result of one system call.
pub type Result<T> = core::result::Result<T, Errno>;

/// The answer of a system that does not have what is asked for.
pub const fn unsupported<T>() -> Result<T> {
    Err(Errno(errno::EOPNOTSUPP))
}

/// What kind of file a descriptor or a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link (only ever seen by [`Sys::stat_name`]).
    Symlink,
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// A character device; the one of number 0 is a whiteout of overlayfs.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// What only one system has: a door of Solaris, a name surrogate of Windows.
    Other,
}

impl Kind {
    /// Whether it is none of those that hold data, names or a name: to open one does something.
    pub const fn is_special(self) -> bool {
        !matches!(self, Self::Regular | Self::Directory | Self::Symlink)
    }
}

/// A point in time, as the file system keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    /// Seconds since the epoch.
    pub seconds: i64,
    /// Nanoseconds within the second.
    pub nanoseconds: i64,
}

impl Time {
    /// Whether both can be one instant. fstat(2) and fstatat(2) do not tell fractions of a second alike everywhere
    /// (qemu's emulation of s390x leaves them out of one).
    fn may_be(self, other: Self) -> bool {
        let fractions = [self.nanoseconds, other.nanoseconds];
        self.seconds == other.seconds && (self == other || fractions.contains(&0))
    }
}

/// What the system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The device number; with `inode`, the file's identity.
    pub device: u64,
    /// The inode number.
    pub inode: u64,
    /// The type.
    pub kind: Kind,
    /// How many names it has.
    pub links: u64,
    /// The number of the device that it stands for, if it is one.
    pub device_number: u64,
    /// The permission bits, set-id and sticky bits among them (07777).
    pub mode: u32,
    /// The owner.
    pub owner: u32,
    /// The group.
    pub group: u32,
    /// The size in bytes.
    pub size: u64,
    /// Bytes allocated on disk.
    pub allocated: u64,
    /// The preferred unit of I/O in bytes.
    pub block_size: u64,
    /// Last access.
    pub accessed: Time,
    /// Last change of the content.
    pub modified: Time,
    /// Last change of content or metadata.
    pub changed: Time,
}

impl Stat {
    /// Whether both are the same file.
    pub fn same_file(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }

    /// What tells it from other files, its numbers, names and times of access aside.
    pub const fn looks(&self) -> Looks {
        let Self { kind, mode, owner, group, size, modified, changed, .. } = *self;
        Looks { kind, mode, owner, group, size, modified, changed }
    }

    /// Whether nothing tells the two files apart.
    pub fn looks_like(&self, other: &Self) -> bool {
        self.looks().can_be(&other.looks())
    }

    /// Whether size, content or metadata moved between two looks at one file.
    pub fn moved_since(&self, earlier: &Self) -> bool {
        self.size != earlier.size || self.modified != earlier.modified || self.changed != earlier.changed
    }
}

/// See [`Stat::looks`]: less than half of it, to keep it for many files.
#[derive(Clone, Copy, Debug)]
pub struct Looks {
    /// The type.
    pub kind: Kind,
    /// The size in bytes.
    pub size: u64,
    mode: u32,
    owner: u32,
    group: u32,
    modified: Time,
    changed: Time,
}

impl Looks {
    /// Whether both can be of one file.
    pub fn can_be(&self, other: &Self) -> bool {
        let metadata = |looks: &Self| (looks.kind, looks.mode, looks.owner, looks.group, looks.size);
        let times = [(self.modified, other.modified), (self.changed, other.changed)];
        metadata(self) == metadata(other) && times.iter().all(|(one, other)| one.may_be(*other))
    }
}

/// How a descriptor was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// It can be read.
    pub read: bool,
    /// It can be written.
    pub write: bool,
    /// Every write goes to the end of the file.
    pub append: bool,
}

/// What the seals of a file forbid (memfd_create(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seals {
    /// To write to it.
    pub write: bool,
    /// To make it longer.
    pub grow: bool,
    /// To make it shorter.
    pub shrink: bool,
}

/// What the file system of a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The block size in bytes: the first guess at what a range clone must be aligned to.
    pub block_size: u64,
    /// A server answers behind it (NFS, SMB, FUSE, …), whose errors may be the server's lack of a
    /// feature.
    pub remote: bool,
    /// Its name, for people.
    pub name: &'static str,
}

impl Volume {
    /// The name of a file system that is not known.
    pub const UNKNOWN: &'static str = "unknown";

    /// Whether surely no server is behind it.
    pub fn is_local(&self) -> bool {
        !self.remote && self.name != Self::UNKNOWN
    }
}

/// What the system answers when two ranges are to share their blocks if they hold the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dedupe {
    /// They hold the same bytes: this many from the beginning on share their blocks now, says the system.
    Shared(u64),
    /// They differ somewhere, and nothing was shared.
    Differs,
}

/// What all Unixes do with the same calls, which `posix.rs` makes for them.
pub trait Common {
    /// Opens a directory to create names in; with `sync`, so that it can also be given to [`Sys::sync`].
    fn open_directory(&self, dir: Fd, name: &CStr, sync: bool) -> Result<Fd>;
    /// Makes a file of that name, for writing, and fails where the name exists.
    fn create_new(&self, dir: Fd, name: &CStr, mode: u32) -> Result<Fd>;
    /// Closes a descriptor, and reports errors of writes that were not reported before.
    fn close(&self, fd: Fd) -> Result<()>;
    /// How a descriptor was opened.
    fn access(&self, fd: Fd) -> Result<Access>;
    /// Reads at an offset; 0 is the end of the file.
    fn read_at(&self, fd: Fd, buffer: &mut [u8], offset: u64) -> Result<usize>;
    /// Writes at an offset.
    fn write_at(&self, fd: Fd, buffer: &[u8], offset: u64) -> Result<usize>;
    /// Reads where the descriptor stands, and moves it on: for files that cannot be read at an offset.
    fn read_next(&self, _fd: Fd, _buffer: &mut [u8]) -> Result<usize> {
        unsupported()
    }
    /// Writes where the descriptor stands, and moves it on.
    fn write_next(&self, _fd: Fd, _buffer: &[u8]) -> Result<usize> {
        unsupported()
    }
    /// The first byte of data at or after `offset`.
    fn seek_data(&self, fd: Fd, offset: u64) -> Result<u64>;
    /// The first byte of a hole at or after `offset`.
    fn seek_hole(&self, fd: Fd, offset: u64) -> Result<u64>;
    /// Sets the size.
    fn set_size(&self, fd: Fd, size: u64) -> Result<()>;
    /// Sets the permission bits.
    fn set_mode(&self, fd: Fd, mode: u32) -> Result<()>;
    /// Sets owner and group; `None` leaves one as it is.
    fn set_owner(&self, fd: Fd, owner: Option<u32>, group: u32) -> Result<()>;
    /// Renames, replacing what the new name stood for.
    fn rename_over(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()>;
    /// Gives a file a second name, which must not exist yet.
    fn link(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()>;
    /// Removes a name.
    fn unlink(&self, dir: Fd, name: &CStr) -> Result<()>;
}

/// What not every system has. The bodies here are the answers of a system that has none of it; the model of the tests
/// must have its own for each (clippy::missing_trait_methods).
pub trait Extensions {
    /// A clone is a call that makes a file, [`Extensions::clone_new`] (macOS): [`Extensions::clone_file`] and
    /// [`Extensions::clone_range`] are not possible there.
    const CLONES_BY_NAME: bool = false;
    /// Extended attributes can be copied. Where not, asking for them is an error.
    const CARRIES_ATTRIBUTES: bool = false;

    // ── Opening ──

    /// Opens the file behind a descriptor once more, so that its offset can be moved without the
    /// owner's noticing.
    fn reopen_source(&self, _fd: Fd) -> Result<Fd> {
        unsupported()
    }
    /// Makes a file without a name, for writing, that [`Extensions::link_unnamed`] can give one.
    fn create_unnamed(&self, _dir: Fd, _directory: &CStr, _mode: u32) -> Result<Fd> {
        unsupported()
    }

    /// What the seals of a file forbid. The system will say so too, but only once something was written.
    fn seals(&self, _fd: Fd) -> Seals {
        Seals::default()
    }

    // ── Data ──

    /// Makes the whole of `dst` share the blocks of `src`.
    fn clone_file(&self, _src: Fd, _dst: Fd) -> Result<()> {
        unsupported()
    }
    /// Makes a file of that name that shares the blocks of `src`, with all of its metadata but owner
    /// and set-id bits, and with its ACL if `acl`; fails where the name exists.
    fn clone_new(&self, _src: Fd, _dir: Fd, _name: &CStr, _acl: bool) -> Result<Fd> {
        unsupported()
    }
    /// Removes from a file that [`Extensions::clone_new`] made what it has from its source and is not to stay: flags in
    /// any case, times and extended attributes unless they are to be kept.
    fn forget_source(&self, _fd: Fd, _keep_times: bool, _keep_attributes: bool) -> Result<()> {
        Ok(())
    }
    /// Makes a range of `dst` share the blocks of `src`; length 0 is "to the end" for the kernel
    /// and never asked for.
    fn clone_range(
        &self,
        _src: Fd,
        _src_offset: u64,
        _length: u64,
        _dst: Fd,
        _dst_offset: u64,
    ) -> Result<()> {
        unsupported()
    }
    /// Asks whether `dst` could take a clone of `src` without changing either: a clone of nothing
    /// at the source's end.
    fn clone_nothing(&self, _src: Fd, _src_size: u64, _dst: Fd) -> Result<()> {
        unsupported()
    }
    /// Compares two ranges, and makes that of `dst` share the blocks of `src` where they hold the same bytes, all
    /// while nobody can write to either. A length of 0 asks whether the two files may share at all.
    fn dedupe(&self, _src: Fd, _src_offset: u64, _dst: Fd, _dst_offset: u64, _length: u64) -> Result<Dedupe> {
        unsupported()
    }
    /// Has the system read a range into its cache, where that is faster than reading it when it is needed.
    fn read_ahead(&self, _fd: Fd, _offset: u64, _length: u64) {}
    /// Whether the system's own copy call can be trusted at all.
    fn kernel_copy_usable(&self) -> bool {
        false
    }
    /// The system's own copy call: may share blocks, may not, and never says.
    fn kernel_copy(
        &self,
        _src: Fd,
        _src_offset: u64,
        _dst: Fd,
        _dst_offset: u64,
        _length: u64,
    ) -> Result<u64> {
        unsupported()
    }
    /// Frees the blocks of a range, which then reads as zeros; the size stays.
    fn punch_hole(&self, _fd: Fd, _offset: u64, _length: u64) -> Result<()> {
        unsupported()
    }

    // ── Metadata ──

    /// Lists the names of extended attributes, each ended by a NUL; the length needed where
    /// `buffer` is empty.
    fn list_attributes(&self, _fd: Fd, _buffer: &mut [u8]) -> Result<usize> {
        unsupported()
    }
    /// Reads an extended attribute; the length needed where `buffer` is empty.
    fn get_attribute(&self, _fd: Fd, _name: &CStr, _buffer: &mut [u8]) -> Result<usize> {
        unsupported()
    }
    /// Sets an extended attribute.
    fn set_attribute(&self, _fd: Fd, _name: &CStr, _value: &[u8]) -> Result<()> {
        unsupported()
    }
    /// Removes an extended attribute.
    fn remove_attribute(&self, _fd: Fd, _name: &CStr) -> Result<()> {
        unsupported()
    }
    /// Whether an extended attribute is its user's, and not the system's or a file system's own.
    fn is_users(_name: &CStr) -> bool {
        true
    }
    /// What the owning group may do where an access control list makes the group bits of the mode a mask;
    /// else nothing. `None`: the list is an extended attribute here, and says so.
    fn group_entry(&self, _fd: Fd) -> Option<Result<Option<u32>>> {
        Some(Ok(None))
    }
    /// What is shown as owner and as group where the real one cannot be (user_namespaces(7)).
    fn overflow_ids(&self) -> [u32; 2] {
        [65534; 2]
    }
    /// Makes the access control list of `dst` that of `src`. `None`: it is an extended attribute here. Where there are
    /// such lists and this library cannot copy them, asking for it must be an error.
    fn copy_acl(&self, _src: Fd, _dst: Fd) -> Option<Result<()>> {
        Some(unsupported())
    }

    // ── Names ──

    /// Gives an unnamed file a name that must not exist yet.
    fn link_unnamed(&self, _fd: Fd, _dir: Fd, _name: &CStr) -> Result<()> {
        unsupported()
    }
    /// Renames, and fails where the new name exists.
    fn rename_new(&self, _from_dir: Fd, _from: &CStr, _to_dir: Fd, _to: &CStr) -> Result<()> {
        unsupported()
    }
}

/// The system calls of a copy: what each system does in its own way, and all of the above.
///
/// Names are relative to a directory's descriptor and are never followed at their last component,
/// except the source's when the caller allows it. Offsets and lengths are explicit: no call moves a
/// descriptor's own offset but [`Common::seek_data`], [`Common::seek_hole`], [`Common::read_next`] and
/// [`Common::write_next`]. Every descriptor that comes out is close-on-exec and above 2.
pub trait Sys: Common + Extensions + Directories + Maps {
    /// Closing reports errors of data not yet written (NFS, SMB, FUSE): [`Sys::flush`] is needed only where
    /// something must happen between the two.
    const CLOSE_TELLS: bool = true;
    /// Owner and group can be copied. Where not, asking for them is an error.
    const CARRIES_OWNER: bool = true;

    /// Opens a file to read it, without ever blocking on a FIFO or taking a terminal: what is neither a file nor a
    /// directory is not opened at all, and ENXIO.
    fn open_source(&self, dir: Fd, name: &CStr, follow: bool) -> Result<Fd>;
    /// Opens a file that is there to write to it, as [`Sys::open_source`] does to read it, and changes nothing.
    fn open_to_overwrite(&self, dir: Fd, name: &CStr, follow: bool) -> Result<Fd>;
    /// Makes a scratch file to try things on, for reading and writing: unnamed, or of a new name.
    fn create_scratch(&self, dir: Fd, name: Option<&CStr>) -> Result<Fd>;
    /// Has the system report what [`Common::close`] would (NFS, SMB and FUSE report write errors there),
    /// without closing.
    fn flush(&self, fd: Fd) -> Result<()>;
    /// What an open file is.
    fn stat(&self, fd: Fd) -> Result<Stat>;
    /// What a name stands for, symbolic links not followed.
    fn stat_name(&self, dir: Fd, name: &CStr) -> Result<Stat>;
    /// Whether the file is marked immutable or append-only.
    fn protected(&self, fd: Fd) -> Result<bool>;
    /// The largest size that this process may give a file (RLIMIT_FSIZE).
    fn size_limit(&self) -> u64;
    /// What the file system says of itself.
    fn volume(&self, fd: Fd) -> Result<Volume>;
    /// 64 bits that nobody can guess.
    fn random(&self) -> u64;
    /// The present time, to measure by. Tests have a clock of their own.
    fn now(&self) -> Instant {
        Instant::now()
    }
    /// Writes data and metadata through to the device.
    fn sync(&self, fd: Fd) -> Result<()>;
    /// Sets the times of last access and change.
    fn set_times(&self, fd: Fd, accessed: Time, modified: Time) -> Result<()>;
    /// The times of last access and last change.
    fn times(&self, fd: Fd) -> Result<(Time, Time)> {
        self.stat(fd).map(|now| (now.accessed, now.modified))
    }
}

/// A descriptor of our own: closed when dropped, unless [`Handle::close`] already did and said how
/// it went.
pub struct Handle<'s, S: Sys> {
    sys: &'s S,
    fd: Fd,
    open: bool,
}

// SAFETY: a HANDLE means the same to all threads of a process, as a descriptor does, whose number has this anyway.
#[cfg(windows)]
unsafe impl<S: Sys + Sync> Send for Handle<'_, S> {}
// SAFETY: as above.
#[cfg(windows)]
unsafe impl<S: Sys + Sync> Sync for Handle<'_, S> {}

impl<'s, S: Sys> Handle<'s, S> {
    /// Takes over a descriptor.
    pub const fn new(sys: &'s S, fd: Fd) -> Self {
        Self { sys, fd, open: true }
    }

    /// The descriptor itself.
    pub const fn fd(&self) -> Fd {
        self.fd
    }

    /// Gives the descriptor up, open.
    pub fn keep(mut self) -> Fd {
        self.open = false;
        self.fd
    }

    /// Closes, and reports what the system says. Never tried twice: after an error the number may
    /// be another file's.
    pub fn close(mut self) -> Result<()> {
        self.open = false;
        self.sys.close(self.fd)
    }
}

impl<S: Sys> Drop for Handle<'_, S> {
    fn drop(&mut self) {
        if self.open {
            // Only on the way out of an error, which is the one to report, or of a file that was
            // only read.
            let _ = self.sys.close(self.fd);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(modified: i64, changed: i64) -> Stat {
        let time = |nanoseconds| Time { seconds: 7, nanoseconds };
        let (modified, changed) = (time(modified), time(changed));
        let ids = (1, 2, Kind::Regular, 0o644, 3, 4);
        let (device, inode, kind, mode, owner, group) = ids;
        let (links, device_number, size, allocated, block_size, accessed) = (1, 0, 5, 512, 4096, time(0));
        Stat {
            device,
            inode,
            kind,
            links,
            device_number,
            mode,
            owner,
            group,
            size,
            allocated,
            block_size,
            accessed,
            modified,
            changed,
        }
    }

    #[test]
    fn a_look_without_fractions_of_a_second_can_be_of_one_file() {
        assert!(stat(1, 2).looks_like(&stat(1, 2)) && stat(1, 2).looks_like(&stat(0, 0)));
        assert!(stat(0, 2).looks_like(&stat(1, 2)));
        assert!(!stat(1, 2).looks_like(&stat(3, 2)) && !stat(1, 2).looks_like(&stat(1, 3)));
        assert!(!stat(1, 2).looks_like(&Stat { size: 6, ..stat(0, 0) }));
        let later = Time { seconds: 8, nanoseconds: 0 };
        assert!(!stat(1, 2).looks_like(&Stat { modified: later, ..stat(1, 2) }));
    }
}
