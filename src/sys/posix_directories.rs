//! [`Directories`] of Linux and of all other Unixes. What they do with the same calls is made here.
//! What each does in its own way is in `linux/directories.rs` and `unix/directories.rs`.

use core::ffi::{CStr, c_char, c_int};
use std::ffi::CString;

use super::api::{Errno, Fd, Kind, Result, Stat, Time};
use super::directories::{Directories, Listing};
use super::errno;
#[cfg(all(reflink_linux, not(reflink_portable)))]
use super::linux::{attributes, directories as own, groups};
use super::posix::{Native, count, done, open};
#[cfg(any(reflink_unix, reflink_portable))]
use super::unix::directories as own;

/// How a directory is opened to be read. O_NONBLOCK: only for file systems that would block.
pub const READ: c_int = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_NONBLOCK;

/// The first guess at the length of a symbolic link, and the most that is believed: file systems stop at 4 KiB, and a
/// server may say what it likes.
const LINK: usize = 256;
const LONGEST_LINK: usize = 1 << 20;

/// What mknod(2) calls a kind of file. `None`: not a special file.
const fn type_bits(kind: Kind) -> Option<libc::mode_t> {
    match kind {
        Kind::Fifo => Some(libc::S_IFIFO),
        Kind::Socket => Some(libc::S_IFSOCK),
        Kind::CharacterDevice => Some(libc::S_IFCHR),
        Kind::BlockDevice => Some(libc::S_IFBLK),
        _ => None,
    }
}

/// The permission bits as the system takes them.
#[allow(clippy::unnecessary_fallible_conversions, clippy::useless_conversion)] // 16 bits wide on some systems
pub fn mode_t(mode: u32) -> Result<libc::mode_t> {
    libc::mode_t::try_from(mode & 0o7777).map_err(|_| Errno(errno::EINVAL))
}

/// A device number as the system takes it.
#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)] // narrower, or signed, on some systems
fn dev_t(number: u64) -> Result<libc::dev_t> {
    #[cfg(target_vendor = "apple")]
    let number = number as i32; // 32 bits, signed: as `Stat` has it
    libc::dev_t::try_from(number).map_err(|_| Errno(errno::EINVAL))
}

impl Directories for Native {
    fn enter(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        open(dir, name, READ, 0)
    }

    fn enter_same_mount(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        own::enter_same_mount(dir, name)
    }

    fn enter_to_remove(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        own::enter_to_remove(dir, name)
    }

    fn enter_parent(&self, dir: Fd) -> Result<Fd> {
        open(dir, c"..", READ, 0)
    }

    fn enter_below(&self, dir: Fd, path: &CStr) -> Result<Fd> {
        own::enter_below(dir, path)
    }

    fn open_listed(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        own::open_listed(dir, name)
    }

    fn links(&self, fd: Fd) -> Option<u64> {
        own::links(fd)
    }

    fn is_mount_point(&self, dir: Fd, name: &CStr) -> Result<bool> {
        own::is_mount_point(dir, name)
    }

    fn read_entries(&self, dir: Fd, listing: &mut Listing) -> Result<bool> {
        own::read_entries(dir, listing)
    }

    fn read_symlink(&self, dir: Fd, name: &CStr) -> Result<CString> {
        let mut target = Vec::new();
        let mut room = LINK;
        while room <= LONGEST_LINK {
            target.try_reserve_exact(room).map_err(|_| Errno(errno::ENOMEM))?;
            target.resize(room, 0);
            let buffer = target.as_mut_ptr().cast::<c_char>();
            // SAFETY: `name` is NUL-terminated; the system writes at most `room` bytes into a buffer of that length.
            let length: usize = count(|| unsafe { libc::readlinkat(dir, name.as_ptr(), buffer, room) })?;
            if length < room {
                target.truncate(length);
                return CString::new(target).map_err(|_| Errno(errno::EIO)); // no link has a NUL in it
            }
            target.clear();
            room = room.saturating_mul(4);
        }
        Err(Errno(errno::ENAMETOOLONG))
    }

    #[cfg(all(reflink_linux, not(reflink_portable)))]
    fn list_name_attributes(&self, dir: Fd, name: &CStr, buffer: &mut [u8]) -> Result<usize> {
        attributes::list_name_attributes(dir, name, buffer)
    }

    #[cfg(all(reflink_linux, not(reflink_portable)))]
    fn get_name_attribute(&self, dir: Fd, name: &CStr, attribute: &CStr, buffer: &mut [u8]) -> Result<usize> {
        attributes::get_name_attribute(dir, name, attribute, buffer)
    }

    #[cfg(all(reflink_linux, not(reflink_portable)))]
    fn set_name_attribute(&self, dir: Fd, name: &CStr, attribute: &CStr, value: &[u8]) -> Result<()> {
        attributes::set_name_attribute(dir, name, attribute, value)
    }

    #[cfg(all(reflink_linux, not(reflink_portable)))]
    fn remove_name_attribute(&self, dir: Fd, name: &CStr, attribute: &CStr) -> Result<()> {
        attributes::remove_name_attribute(dir, name, attribute)
    }

    fn make_directory(&self, dir: Fd, name: &CStr, mode: u32) -> Result<()> {
        let mode = mode_t(mode)?;
        // SAFETY: `name` is NUL-terminated.
        done(|| unsafe { libc::mkdirat(dir, name.as_ptr(), mode) })
    }

    fn make_symlink(&self, target: &CStr, dir: Fd, name: &CStr) -> Result<()> {
        // SAFETY: both are NUL-terminated.
        done(|| unsafe { libc::symlinkat(target.as_ptr(), dir, name.as_ptr()) })
    }

    fn make_special(&self, dir: Fd, name: &CStr, like: &Stat) -> Result<()> {
        let bits = type_bits(like.kind).ok_or(Errno(errno::EINVAL))?;
        let device = matches!(like.kind, Kind::CharacterDevice | Kind::BlockDevice);
        let number = if device { dev_t(like.device_number)? } else { 0 };
        own::make_node(dir, name, bits | mode_t(like.mode & 0o777)?, number)
    }

    fn remove_directory(&self, dir: Fd, name: &CStr) -> Result<()> {
        // SAFETY: `name` is NUL-terminated.
        done(|| unsafe { libc::unlinkat(dir, name.as_ptr(), libc::AT_REMOVEDIR) })
    }

    fn exchange(&self, one_dir: Fd, one: &CStr, other_dir: Fd, other: &CStr) -> Result<()> {
        own::exchange(one_dir, one, other_dir, other)
    }

    fn set_name_mode(&self, dir: Fd, name: &CStr, mode: u32) -> Result<()> {
        own::set_name_mode(dir, name, mode_t(mode)?)
    }

    fn set_name_owner(&self, dir: Fd, name: &CStr, owner: Option<u32>, group: u32) -> Result<()> {
        let owner = owner.unwrap_or(u32::MAX); // chown's "leave it"
        // SAFETY: `name` is NUL-terminated.
        done(|| unsafe { libc::fchownat(dir, name.as_ptr(), owner, group, libc::AT_SYMLINK_NOFOLLOW) })
    }

    fn set_name_times(&self, dir: Fd, name: &CStr, accessed: Time, modified: Time) -> Result<()> {
        own::set_name_times(dir, name, accessed, modified)
    }

    fn is_append_only(&self, dir: Fd) -> bool {
        own::is_append_only(dir)
    }

    fn no_cow(&self, fd: Fd) -> Result<Option<bool>> {
        own::no_cow(fd)
    }

    fn set_no_cow(&self, fd: Fd, on: bool) -> Result<()> {
        own::set_no_cow(fd, on)
    }

    #[cfg(all(reflink_linux, not(reflink_portable)))]
    fn allocation_group_shift(&self, dir: Fd) -> Option<u32> {
        groups::allocation_group_shift(dir)
    }

    fn syncs_volumes(&self) -> bool {
        cfg!(all(reflink_linux, not(reflink_portable)))
    }

    fn sync_volume(&self, fd: Fd) -> Result<()> {
        own::sync_volume(fd)
    }
}

/// Opens directories one after another, for a system that does not do that in one call.
pub fn enter_one_by_one(dir: Fd, path: &CStr) -> Result<Fd> {
    use super::api::Handle;
    let mut at: Option<Handle<Native>> = None;
    for part in path.to_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".") {
        if part == b".." {
            return Err(Errno(errno::EXDEV)); // as openat2(2) says it
        }
        let name = CString::new(part).map_err(|_| Errno(errno::EINVAL))?;
        let from = at.as_ref().map_or(dir, Handle::fd);
        at = Some(Handle::new(&Native, open(from, &name, READ, 0)?));
    }
    at.map_or_else(|| open(dir, c".", READ, 0), |at| Ok(at.keep()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::sys::{CWD, Common, Handle, Sys};

    struct Directory(PathBuf, fs::File);

    impl Directory {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("reflink-directories-{}-{name}", std::process::id()));
            fs::create_dir(&path).unwrap();
            let opened = fs::File::open(&path).unwrap();
            Self(path, opened)
        }

        fn fd(&self) -> Fd {
            self.1.as_raw_fd()
        }

        fn metadata(&self, name: &str) -> fs::Metadata {
            fs::symlink_metadata(self.0.join(name)).unwrap()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn read(dir: Fd, listing: &mut Listing) -> BTreeMap<CString, (u64, Option<Kind>)> {
        let mut all = BTreeMap::new();
        listing.begin();
        while Native.read_entries(dir, listing).unwrap() {
            all.extend(listing.entries().map(|entry| (entry.name.into(), (entry.inode, entry.kind))));
        }
        all
    }

    #[test]
    fn a_directory_is_read_whole_and_a_listing_serves_the_next() {
        let (there, other) = (Directory::new("read"), Directory::new("read-other"));
        let mut listing = Listing::new().unwrap();
        assert_eq!(read(there.fd(), &mut listing).len(), 0);
        let name = |number: usize| format!("{number:0>200}"); // more than two buffers
        for number in 0..500 {
            fs::write(there.0.join(name(number)), "").unwrap();
        }
        fs::create_dir(other.0.join("only")).unwrap();
        let again = Handle::new(&Native, Native.enter(there.fd(), c".").unwrap());
        assert!(Native.read_entries(again.fd(), &mut listing).unwrap()); // and left there
        assert_eq!(read(other.fd(), &mut listing).into_keys().collect::<Vec<_>>(), [CString::from(c"only")]);
        let again = Handle::new(&Native, Native.enter(there.fd(), c".").unwrap());
        let all = read(again.fd(), &mut listing);
        assert_eq!(all.len(), 500);
        for number in 0..500 {
            let (inode, kind) = all[&CString::new(name(number)).unwrap()];
            assert_eq!((inode, kind), (there.metadata(&name(number)).ino(), Some(Kind::Regular)));
        }
    }

    #[test]
    fn nothing_is_followed_on_the_way_down() {
        let there = Directory::new("enter");
        fs::create_dir_all(there.0.join("a/b/c")).unwrap();
        std::os::unix::fs::symlink("a", there.0.join("link")).unwrap();
        std::os::unix::fs::symlink("b", there.0.join("a/link")).unwrap();
        fs::write(there.0.join("file"), "").unwrap();
        let b = Handle::new(&Native, Native.enter_below(there.fd(), c"a/b").unwrap());
        assert_eq!(Native.stat(b.fd()).unwrap().inode, there.metadata("a/b").ino());
        let a = Handle::new(&Native, Native.enter_parent(b.fd()).unwrap());
        assert_eq!(Native.stat(a.fd()).unwrap().inode, there.metadata("a").ino());
        for enter in [Native.enter_same_mount(a.fd(), c"b"), Native.enter_to_remove(a.fd(), c"b")] {
            let entered = Handle::new(&Native, enter.unwrap());
            assert_eq!(Native.stat(entered.fd()).unwrap().inode, there.metadata("a/b").ino());
        }
        let refused =
            |entered: Result<Fd>| [libc::ENOTDIR, libc::ELOOP].contains(&entered.unwrap_err().number());
        for name in [c"link", c"file"] {
            assert!(refused(Native.enter(there.fd(), name)), "{name:?}");
            assert!(refused(Native.enter_same_mount(there.fd(), name)), "{name:?}");
            assert!(refused(Native.enter_to_remove(there.fd(), name)), "{name:?}");
            assert!(refused(Native.enter_below(there.fd(), name)), "{name:?}");
        }
        assert!(refused(Native.enter_below(there.fd(), c"a/link/c")));
        assert_eq!(Native.enter_below(b.fd(), c"../b"), Err(Errno(errno::EXDEV)));
        assert_eq!(enter_one_by_one(b.fd(), c"../b"), Err(Errno(errno::EXDEV)));
        let c = Handle::new(&Native, enter_one_by_one(there.fd(), c"a//b/./c/").unwrap());
        assert_eq!(Native.stat(c.fd()).unwrap().inode, there.metadata("a/b/c").ino());
    }

    #[test]
    fn symbolic_links_are_made_and_read_byte_for_byte() {
        let there = Directory::new("links");
        for (name, length) in [(c"short", 1), (c"guess", LINK), (c"more", LINK + 1), (c"longest", 4095)] {
            let target = CString::new(vec![b'\xfe'; length]).unwrap();
            Native.make_symlink(&target, there.fd(), name).unwrap();
            assert_eq!(Native.read_symlink(there.fd(), name), Ok(target));
        }
        assert_eq!(Native.make_symlink(c"x", there.fd(), c"short"), Err(Errno(errno::EEXIST)));
        fs::write(there.0.join("file"), "").unwrap();
        assert_eq!(Native.read_symlink(there.fd(), c"file"), Err(Errno(errno::EINVAL)));
    }

    #[test]
    fn special_files_are_made_with_kind_and_number() {
        let there = Directory::new("special");
        let like =
            Stat { kind: Kind::Fifo, mode: 0o7640, device_number: 0, ..Native.stat(there.fd()).unwrap() };
        let makes = [
            (c"fifo", Stat { device_number: 77, ..like }), // a FIFO has none, whatever is told
            (c"socket", Stat { kind: Kind::Socket, ..like }),
            (c"whiteout", Stat { kind: Kind::CharacterDevice, ..like }),
            (
                c"null",
                Stat { kind: Kind::CharacterDevice, device_number: libc::makedev(1, 3) as u64, ..like },
            ),
            (c"block", Stat { kind: Kind::BlockDevice, device_number: libc::makedev(7, 300) as u64, ..like }),
        ];
        for (name, like) in makes {
            match Native.make_special(there.fd(), name, &like) {
                Err(said) if said.is(errno::EPERM) && like.device_number != 0 => continue, // no privilege
                made => made.unwrap(),
            }
            let made = Native.stat_name(there.fd(), name).unwrap();
            let number = if like.kind == Kind::Fifo { 0 } else { like.device_number };
            assert_eq!((made.kind, made.device_number), (like.kind, number), "{name:?}");
            assert_eq!(made.mode & !0o640, 0, "{name:?}");
            Native.set_name_mode(there.fd(), name, 0o622).unwrap();
            assert_eq!(Native.stat_name(there.fd(), name).unwrap().mode, 0o622, "{name:?}");
        }
        assert!(
            there.metadata("fifo").file_type().is_fifo() && there.metadata("socket").file_type().is_socket()
        );
        for kind in [Kind::Regular, Kind::Directory, Kind::Symlink, Kind::Other] {
            let made = Native.make_special(there.fd(), c"none", &Stat { kind, ..like });
            assert_eq!(made, Err(Errno(errno::EINVAL)));
        }
    }

    #[test]
    fn metadata_of_a_link_is_its_own() {
        let there = Directory::new("names");
        fs::write(there.0.join("file"), "").unwrap();
        fs::set_permissions(there.0.join("file"), fs::Permissions::from_mode(0o600)).unwrap();
        Native.make_symlink(c"file", there.fd(), c"link").unwrap();
        let before = there.metadata("file");
        let (accessed, modified) = (
            Time { seconds: 1_000_000_000, nanoseconds: 0 },
            Time { seconds: 4_100_000_000, nanoseconds: 9000 },
        );
        Native.set_name_times(there.fd(), c"link", accessed, modified).unwrap();
        let link = Native.stat_name(there.fd(), c"link").unwrap();
        assert_eq!((link.accessed, link.modified), (accessed, modified));
        assert_eq!(Native.set_name_owner(there.fd(), c"link", None, link.group), Ok(()));
        if link.owner == 0 {
            Native.set_name_owner(there.fd(), c"link", Some(7), 8).unwrap();
            let link = there.metadata("link");
            assert_eq!((link.uid(), link.gid()), (7, 8));
        }
        let said = Native.set_name_mode(there.fd(), c"link", 0o666);
        let after = there.metadata("file");
        assert_eq!((after.mode(), after.mtime(), after.uid()), (before.mode(), before.mtime(), before.uid()));
        assert!(said == Err(Errno(errno::EOPNOTSUPP)) || said == Ok(()), "{said:?}");
    }

    #[test]
    fn directories_are_made_exchanged_and_removed() {
        let there = Directory::new("make");
        Native.make_directory(there.fd(), c"new", 0o700).unwrap();
        assert_eq!(there.metadata("new").mode() & 0o7777, 0o700);
        assert_eq!(Native.make_directory(there.fd(), c"new", 0o700), Err(Errno(errno::EEXIST)));
        fs::write(there.0.join("new/file"), "x").unwrap();
        fs::write(there.0.join("other"), "y").unwrap();
        match Native.exchange(there.fd(), c"new", there.fd(), c"other") {
            Err(said) if said.is(errno::EOPNOTSUPP) || said.is(errno::EINVAL) => {} // not here
            exchanged => {
                exchanged.unwrap();
                assert_eq!(fs::read(there.0.join("other/file")).unwrap(), b"x");
                Native.exchange(there.fd(), c"new", there.fd(), c"other").unwrap();
            }
        }
        let full = Native.remove_directory(there.fd(), c"new").unwrap_err();
        assert!(full.is(errno::ENOTEMPTY) || full.is(errno::EEXIST), "{full:?}");
        assert_eq!(Native.remove_directory(there.fd(), c"other"), Err(Errno(errno::ENOTDIR)));
        fs::remove_file(there.0.join("new/file")).unwrap();
        Native.remove_directory(there.fd(), c"new").unwrap();
        assert!(!there.0.join("new").exists());
    }

    #[test]
    fn a_listed_file_is_opened_without_a_look_and_never_blocks() {
        let there = Directory::new("listed");
        fs::write(there.0.join("file"), "text").unwrap();
        Native.make_symlink(c"file", there.fd(), c"link").unwrap();
        let file = Handle::new(&Native, Native.open_listed(there.fd(), c"file").unwrap());
        let mut text = [0; 8];
        assert_eq!(Native.read_at(file.fd(), &mut text, 0), Ok(4));
        assert!(Native.open_listed(there.fd(), c"link").is_err());
        let like = Stat { kind: Kind::Fifo, ..Native.stat(file.fd()).unwrap() };
        Native.make_special(there.fd(), c"fifo", &like).unwrap();
        let fifo = Handle::new(&Native, Native.open_listed(there.fd(), c"fifo").unwrap());
        assert_eq!(Native.stat(fifo.fd()).unwrap().kind, Kind::Fifo);
    }

    #[test]
    fn mounts_are_seen() {
        let root = Handle::new(&Native, Native.open_directory(CWD, c"/", true).unwrap());
        let there = Directory::new("mounts");
        fs::create_dir(there.0.join("plain")).unwrap();
        fs::write(there.0.join("file"), "").unwrap();
        assert_eq!(Native.is_mount_point(there.fd(), c"plain"), Ok(false));
        assert_eq!(Native.is_mount_point(there.fd(), c"file"), Ok(false));
        assert_eq!(Native.is_mount_point(root.fd(), c"proc"), Ok(true));
        assert_eq!(Native.enter_same_mount(root.fd(), c"proc"), Err(Errno(errno::EXDEV)));
        assert_eq!(Native.enter_to_remove(root.fd(), c"proc"), Err(Errno(errno::EXDEV)));
        assert!(Native.enter(root.fd(), c"proc").map(|fd| Handle::new(&Native, fd)).is_ok());
    }

    #[test]
    fn names_need_not_be_text() {
        let there = Directory::new("bytes");
        let name = std::ffi::OsStr::from_bytes(b"\xff\xfe \n");
        fs::write(there.0.join(name), "").unwrap();
        let all = read(there.fd(), &mut Listing::new().unwrap());
        assert_eq!(all.into_keys().collect::<Vec<_>>(), [CString::new(name.as_bytes()).unwrap()]);
    }
}
