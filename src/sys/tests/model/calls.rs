//! The trait of system calls over the model's world: each method does what its manual page says, errors in its order.
//! What would cost a real caller its process or another's file (SIGXFSZ, a write past a mark) fails the test at once.

use core::ffi::CStr;

use super::data::Data;
use super::disk::{Disk, Found, Ino, KernelCopy, What};
use super::fault::Odd;
use super::system::{self, Cloning, System};
use super::{About, Call, Errno, Model, Open, Result, World};
use crate::sys::errno::{
    EACCES, EBADF, EEXIST, EINVAL, EISDIR, ELOOP, ENODATA, ENOENT, ENOTDIR, ENXIO, EOPNOTSUPP, EOVERFLOW,
    EPERM, ERANGE, ESPIPE, EXDEV,
};
use crate::sys::{Access, Common, Dedupe, Extensions, Fd, Seals, Stat, Sys, Time, Volume};

/// The most that a short read, write or kernel copy moves: no multiple of a block.
const SHORT: usize = 301;

const ACL: &[u8] = b"system.posix_acl_access";
const DEFAULT_ACL: &[u8] = b"system.posix_acl_default";

impl World {
    /// Before the content of a file is changed by the engine.
    pub(super) fn written(&self, ino: Ino, offset: u64, length: u64) {
        let inode = &self.disk.inodes[ino];
        if inode.immutable {
            self.violated("a change of a file marked immutable");
        }
        if offset.saturating_add(length) > self.limit {
            self.violated("a write beyond RLIMIT_FSIZE: SIGXFSZ");
        }
        self.owned(ino);
    }

    /// A close of any descriptor, or what stands for it.
    fn flushed(&mut self, ino: Ino) {
        if self.disk.traits(ino).stamps_at_flush && std::mem::take(&mut self.disk.inodes[ino].dirty) {
            self.disk.inodes[ino].modified = self.disk.tick();
        }
    }

    /// Only what the engine made, and the caller's destination, may be changed.
    pub(super) fn owned(&self, ino: Ino) {
        let callers = self.watch.callers.as_ref().is_some_and(|callers| callers.ino == ino);
        if !self.disk.inodes[ino].engines && !callers {
            self.violated("a file that is not the copy was changed");
        }
    }

    pub(super) fn writable(&self, fd: Fd) -> Result<Ino> {
        let open = self.open_file(fd)?;
        if !open.write {
            return Err(Errno(EBADF));
        }
        if open.append {
            self.violated("a write to a descriptor that appends");
        }
        Ok(open.ino)
    }

    fn create(&mut self, directory: Ino, name: Option<Found>, mode: u32, read: bool) -> Result<Fd> {
        let traits = *self.disk.traits(directory);
        let default_acl = self.disk.inodes[directory].default_acl.clone();
        let mode = match default_acl {
            _ if !traits.modes => 0o755,
            _ if traits.system == System::Windows => system::read_only_bit(mode),
            Some(_) => mode,
            None => mode & !self.umask,
        };
        let ino = self.disk.new_inode(
            self.disk.inodes[directory].volume,
            What::File(Data::new(traits.block)),
            mode,
        );
        self.disk.inodes[ino].engines = true;
        self.disk.inodes[ino].acl = default_acl;
        self.disk.inodes[ino].nocow = self.disk.inodes[directory].nocow;
        if let Some(found) = name {
            self.may_change(directory)?;
            self.disk.add_name(ino, &found)?;
        }
        Ok(self.open_ino(Open { ino, read, write: true, append: false, offset: 0, engines: true }))
    }

    fn create_named(&mut self, dir: Fd, name: &CStr, mode: u32, read: bool) -> Result<Fd> {
        let found = self.disk.walk(self.directory(dir)?, name.to_bytes(), false)?;
        if found.ino.is_some() {
            return Err(Errno(EEXIST));
        }
        self.disk.name_to_make(&found)?;
        self.create(found.directory, Some(found), mode, read)
    }

    /// Opens a file that is there, to read it or to write to it.
    fn open_file_there(&mut self, dir: Fd, name: &CStr, follow: bool, write: bool) -> Result<Fd> {
        let found = self.disk.walk(self.directory(dir)?, name.to_bytes(), follow)?;
        let ino = found.ino.ok_or(Errno(ENOENT))?;
        match self.disk.inodes[ino].what {
            What::Symlink(_) => Err(Errno(ELOOP)),
            What::Fifo | What::Special(..) => Err(Errno(ENXIO)), // not opened: the backends look at the type first
            What::Directory(_) if write => Err(Errno(EISDIR)),
            _ if write && self.disk.inodes[ino].mode & 0o200 == 0 => Err(Errno(EACCES)),
            _ => {
                Ok(self.open_ino(Open { ino, read: !write, write, append: false, offset: 0, engines: true }))
            }
        }
    }

    fn create_without_name(&mut self, dir: Fd, path: &CStr, mode: u32, read: bool) -> Result<Fd> {
        let directory = self.find_directory(dir, path)?;
        if !self.disk.traits(directory).unnamed {
            return Err(Errno(EOPNOTSUPP));
        }
        self.create(directory, None, mode, read)
    }

    fn find_directory(&self, dir: Fd, path: &CStr) -> Result<Ino> {
        let found = self.disk.walk(self.directory(dir)?, path.to_bytes(), true)?;
        let ino = found.ino.ok_or(Errno(ENOENT))?;
        match self.disk.inodes[ino].what {
            What::Directory(_) => Ok(ino),
            _ => Err(Errno(ENOTDIR)),
        }
    }

    /// The kernel shortens a copy to the limit, and sends the signal only where nothing fits.
    pub(super) fn copy_in_kernel(
        &mut self,
        (src, src_offset): (Fd, u64),
        (dst, dst_offset): (Fd, u64),
        length: u64,
        odd: Option<Odd>,
    ) -> Result<u64> {
        let (from, to) = (self.open_file(src)?.clone(), self.open_file(dst)?.clone());
        if !from.read || !to.write || to.append {
            return Err(Errno(EBADF));
        }
        let traits = *self.disk.traits(to.ino);
        match (&self.disk.inodes[from.ino].what, traits.kernel_copy) {
            (_, KernelCopy::Refuses(errno)) => return Err(Errno(errno)),
            (What::Pseudo { .. }, _) => return Ok(0), // Linux 5.3 to 5.18
            _ => {}
        }
        if self.disk.inodes[to.ino].immutable {
            return Err(Errno(EPERM));
        }
        if self.disk.traits(from.ino).pool != traits.pool {
            return Err(Errno(EXDEV));
        }
        if src_offset.checked_add(length).is_none() || dst_offset.checked_add(length).is_none() {
            return Err(Errno(EOVERFLOW));
        }
        let source = self.disk.data(from.ino).clone();
        if src_offset >= source.size || odd == Some(Odd::Zero) {
            return Ok(0);
        }
        if dst_offset >= self.limit {
            self.violated("a kernel copy at or beyond RLIMIT_FSIZE: SIGXFSZ");
        }
        let most = length.min(source.size - src_offset).min(traits.most).min(self.limit - dst_offset);
        let moved = if odd == Some(Odd::Short) { most.min(SHORT as u64) } else { most };
        if from.ino == to.ino && src_offset.abs_diff(dst_offset) < moved {
            return Err(Errno(EINVAL));
        }
        self.written(to.ino, dst_offset, moved);
        self.disk.change(to.ino, |data| match traits.kernel_copy {
            KernelCopy::Shares => copy_sharing(data, &source, src_offset, dst_offset, moved),
            _ => data.write(dst_offset, &source.bytes(src_offset, moved)),
        });
        Ok(if odd == Some(Odd::TooMuch) { length + 1 } else { moved })
    }

    fn read(&self, fd: Fd, buffer: &mut [u8], offset: u64, odd: Option<Odd>) -> Result<usize> {
        let open = self.open_file(fd)?;
        if !open.read {
            return Err(Errno(EBADF));
        }
        let most = (self.disk.traits(open.ino).most as usize).min(buffer.len());
        let asked = buffer.len();
        let window = match odd {
            Some(Odd::Zero) => return Ok(0),
            Some(Odd::Short) => &mut buffer[..most.min(SHORT)],
            _ => &mut buffer[..most],
        };
        let read = match &self.disk.inodes[open.ino].what {
            What::File(data) => data.read(offset, window),
            What::Pseudo { content, .. } => {
                let rest = content.get(offset as usize..).unwrap_or_default();
                let length = rest.len().min(window.len());
                window[..length].copy_from_slice(&rest[..length]);
                length
            }
            What::Directory(_) => return Err(Errno(EISDIR)),
            _ => return Err(Errno(EINVAL)),
        };
        Ok(if odd == Some(Odd::TooMuch) { asked + 1 } else { read })
    }

    fn write(&mut self, fd: Fd, bytes: &[u8], offset: u64, odd: Option<Odd>) -> Result<usize> {
        let ino = self.writable(fd)?;
        let traits = *self.disk.traits(ino);
        if traits.in_order != 0 && ![0, self.disk.inodes[ino].written_to].contains(&offset) {
            return Err(Errno(traits.in_order));
        }
        let most = match odd {
            Some(Odd::Zero) => return Ok(0),
            Some(Odd::Short) => bytes.len().min(SHORT),
            _ => bytes.len().min(traits.most as usize),
        };
        self.written(ino, offset, bytes.len() as u64);
        self.disk.change(ino, |data| {
            let size = data.size;
            data.write(offset, &bytes[..most]);
            if !traits.has_holes {
                data.allocate(size.min(offset), data.size);
            }
        });
        self.disk.inodes[ino].written_to = offset + most as u64;
        Ok(if odd == Some(Odd::TooMuch) { bytes.len() + 1 } else { most })
    }

    /// Fails where the file cannot be read or written at an offset.
    fn positioned(&self, fd: Fd) -> Result<()> {
        let open = self.open_file(fd)?;
        if self.disk.traits(open.ino).positions { Ok(()) } else { Err(Errno(ESPIPE)) }
    }

    /// Where a descriptor stands, which must not be one of the caller's.
    fn stands_at(&self, fd: Fd) -> Result<u64> {
        let open = self.open_file(fd)?;
        if !open.engines {
            self.violated("the offset of a descriptor of the caller's was moved");
        }
        Ok(open.offset)
    }

    fn moved_on(&mut self, fd: Fd, moved: usize) {
        if let Some(open) = self.open.get_mut(&fd) {
            open.offset += moved as u64;
        }
    }

    fn seek(&mut self, fd: Fd, offset: u64, odd: Option<Odd>, hole: bool) -> Result<u64> {
        self.positioned(fd)?;
        let found = self.look_for(fd, offset, odd, hole)?;
        self.open.get_mut(&fd).expect("it is open").offset = found;
        Ok(found)
    }

    fn look_for(&self, fd: Fd, offset: u64, odd: Option<Odd>, hole: bool) -> Result<u64> {
        let open = self.open_file(fd)?;
        if !open.engines {
            self.violated("the offset of a descriptor of the caller's was moved");
        }
        let inode = &self.disk.inodes[open.ino];
        let What::File(data) = &inode.what else { return Err(Errno(EINVAL)) };
        if offset >= data.size || (inode.hides_data && !hole) {
            return Err(Errno(ENXIO));
        }
        let tells = self.disk.traits(open.ino).tells_holes;
        match (odd, hole, tells) {
            (Some(Odd::Backwards), ..) => Ok(0),
            (_, true, true) => Ok(data.next_hole(offset)),
            (_, true, false) => Ok(data.size),
            (_, false, true) => data.next_data(offset).ok_or(Errno(ENXIO)),
            (_, false, false) => Ok(offset),
        }
    }

    /// The inode of a descriptor whose metadata the engine changes.
    pub(super) fn to_change(&self, fd: Fd) -> Result<Ino> {
        let ino = self.open_file(fd)?.ino;
        self.owned(ino);
        Ok(ino)
    }

    pub(super) fn attribute(&self, ino: Ino, name: &[u8]) -> Result<Vec<u8>> {
        if self.disk.traits(ino).no_attributes != 0 {
            return Err(Errno(self.disk.traits(ino).no_attributes));
        }
        if !self.disk.traits(ino).attributes {
            return Err(Errno(EOPNOTSUPP));
        }
        let inode = &self.disk.inodes[ino];
        if name == ACL {
            let named = inode.acl.as_ref().ok_or(Errno(ENODATA))?;
            return Ok(acl_value(inode.mode, inode.group_entry, named));
        }
        inode.attributes.get(name).cloned().ok_or(Errno(ENODATA))
    }

    pub(super) fn attribute_names(&self, ino: Ino) -> Result<Vec<u8>> {
        if !self.disk.traits(ino).attributes {
            return Err(Errno(EOPNOTSUPP));
        }
        let inode = &self.disk.inodes[ino];
        let acl = inode.acl.is_some() && self.disk.traits(ino).system == System::Linux;
        let mut names = if acl { [ACL, b"\0"].concat() } else { Vec::new() };
        for name in inode.attributes.keys() {
            names.extend(name);
            names.push(0);
        }
        Ok(names)
    }

    pub(super) fn take_attribute(&mut self, ino: Ino, name: &[u8]) -> Result<()> {
        if name == DEFAULT_ACL && self.disk.inodes[ino].default_acl.is_some() {
            self.disk.change_meta(ino, |inode| inode.default_acl = None);
            return Ok(());
        }
        self.attribute(ino, name)?;
        self.disk.change_meta(ino, |inode| {
            inode.attributes.remove(name);
            if name == ACL {
                inode.acl = None;
            }
        });
        Ok(())
    }

    pub(super) fn put_attribute(&mut self, ino: Ino, name: &[u8], value: &[u8]) -> Result<()> {
        if !self.disk.traits(ino).attributes {
            return Err(Errno(EOPNOTSUPP));
        }
        if name != ACL {
            self.disk.change_meta(ino, |inode| drop(inode.attributes.insert(name.to_vec(), value.to_vec())));
            return Ok(());
        }
        let of_tag = |tag: u8| {
            let entries = value[4..].chunks_exact(8).filter(move |entry| entry[0] == tag);
            entries.map(|entry| (entry[4], entry[2])).collect::<Vec<(u8, u8)>>()
        };
        let [user, group, mask, other] = [1, 4, 16, 32].map(|tag| u32::from(of_tag(tag)[0].1));
        self.disk.change_meta(ino, |inode| {
            inode.mode = inode.mode & 0o7000 | user << 6 | mask << 3 | other;
            (inode.acl, inode.group_entry) = (Some(of_tag(2)), group);
        });
        Ok(())
    }

    fn remove_name(&mut self, found: &Found) -> Result<()> {
        let ino = found.ino.ok_or(Errno(ENOENT))?;
        if matches!(self.disk.inodes[ino].what, What::Directory(_)) {
            return Err(Errno(EISDIR));
        }
        self.may_change(found.directory)?;
        self.not_mounted(ino)?;
        if self.disk.inodes[ino].immutable {
            return Err(Errno(EPERM));
        }
        if !self.disk.inodes[ino].engines {
            self.violated("somebody else's file was removed");
        }
        self.disk.inodes[ino].unlocked()?;
        let written = self.open.values().any(|open| open.ino == ino && open.write);
        if written && !self.disk.traits(ino).unlinks_open {
            return Err(Errno(EPERM));
        }
        self.disk.set_name(found.directory, &found.leaf, None);
        Ok(())
    }

    fn rename(&mut self, from: (Fd, &CStr), to: (Fd, &CStr), replace: bool) -> Result<()> {
        let old = self.disk.walk(self.directory(from.0)?, from.1.to_bytes(), false)?;
        let ino = old.ino.ok_or(Errno(ENOENT))?;
        let new = self.disk.walk(self.directory(to.0)?, to.1.to_bytes(), false)?;
        if new.ino.is_some() && !replace {
            return Err(Errno(EEXIST));
        }
        if !replace && !self.disk.traits(old.directory).rename_new {
            return Err(Errno(EINVAL));
        }
        if self.disk.inodes[ino].volume != self.disk.inodes[new.directory].volume {
            return Err(Errno(EXDEV));
        }
        if new.ino == Some(ino) {
            return Ok(()); // two names of one file: nothing happens (rename(2))
        }
        self.may_take_place(ino, &new)?;
        self.disk.name_to_make(&new)?;
        self.may_change(old.directory)?;
        self.may_change(new.directory)?;
        self.disk.inodes[ino].unlocked()?;
        self.disk.set_name(old.directory, &old.leaf, None);
        self.disk.set_name(new.directory, &new.leaf, Some(ino));
        self.disk.inodes[ino].stored_as = Some((new.directory, new.leaf));
        self.disk.inodes[ino].changed = self.disk.tick();
        Ok(())
    }

    fn shut(&mut self, fd: Fd) -> Result<()> {
        match self.open.get(&fd) {
            None => Err(Errno(EBADF)),
            Some(open) if !open.engines => {
                self.violated("a descriptor of the caller's was closed");
                Ok(())
            }
            Some(open) => {
                let (ino, write) = (open.ino, open.write);
                self.flushed(ino);
                if let (true, true, Some((directory, leaf))) =
                    (write, self.disk.traits(ino).stores_at_close, self.disk.inodes[ino].stored_as.clone())
                {
                    self.disk.names_mut(directory).entry(leaf).or_insert(ino);
                }
                self.open.remove(&fd);
                self.closed.insert(fd);
                Ok(())
            }
        }
    }
}

/// Whole blocks are shared, holes stay holes, the rest is copied.
fn copy_sharing(data: &mut Data, source: &Data, src_offset: u64, dst_offset: u64, length: u64) {
    let unit = data.unit;
    let aligned = src_offset % unit == 0 && dst_offset % unit == 0 && source.unit == unit;
    let whole = if aligned { length / unit * unit } else { 0 };
    if whole > 0 {
        data.share(source, src_offset, dst_offset, whole);
    }
    data.write(dst_offset + whole, &source.bytes(src_offset + whole, length - whole));
}

/// The ACL as Linux gives it out (linux/posix_acl_xattr.h).
fn acl_value(mode: u32, group_entry: u32, named: &[(u8, u8)]) -> Vec<u8> {
    let entry = |tag: u8, bits: u32, id: u8| [tag, 0, (bits & 7) as u8, 0, id, 0, 0, 0];
    let mut value = vec![2, 0, 0, 0];
    value.extend(entry(1, mode >> 6, 0));
    value.extend(named.iter().flat_map(|(id, bits)| entry(2, (*bits).into(), *id)));
    value.extend(
        entry(4, group_entry, 0).into_iter().chain(entry(16, mode >> 3, 0)).chain(entry(32, mode, 0)),
    );
    value
}

/// Gives out a value as the attribute calls do: its length for an empty buffer, ERANGE for a short
/// one.
pub(super) fn give(value: &[u8], buffer: &mut [u8]) -> Result<usize> {
    if !buffer.is_empty() {
        buffer.get_mut(..value.len()).ok_or(Errno(ERANGE))?.copy_from_slice(value);
    }
    Ok(value.len())
}

#[deny(clippy::missing_trait_methods)] // the tests must see every call
impl<K: Cloning> Sys for Model<K> {
    const CARRIES_OWNER: bool = K::CARRIES_OWNER;
    const CLOSE_TELLS: bool = K::CLOSE_TELLS;

    fn open_source(&self, dir: Fd, name: &CStr, follow: bool) -> Result<Fd> {
        self.call(Call::OpenSource, About::name(dir, name), |world, _| {
            world.open_file_there(dir, name, follow, false)
        })
    }

    fn open_to_overwrite(&self, dir: Fd, name: &CStr, follow: bool) -> Result<Fd> {
        self.call(Call::OpenToOverwrite, About::name(dir, name), |world, _| {
            world.open_file_there(dir, name, follow, true)
        })
    }

    fn create_scratch(&self, dir: Fd, name: Option<&CStr>) -> Result<Fd> {
        self.call(Call::CreateScratch, About::name(dir, name.unwrap_or_default()), |world, _| match name {
            None => world.create_without_name(dir, c".", 0o600, true),
            Some(name) => world.create_named(dir, name, 0o600, true),
        })
    }

    fn flush(&self, fd: Fd) -> Result<()> {
        self.call(Call::Flush, About::fd(fd), |world, _| {
            let ino = world.open_file(fd)?.ino;
            world.flushed(ino);
            Ok(())
        })
    }

    fn stat(&self, fd: Fd) -> Result<Stat> {
        self.call(Call::Stat, About::fd(fd), |world, _| {
            world.open_file(fd).map(|open| world.disk.stat(open.ino))
        })
    }

    fn stat_name(&self, dir: Fd, name: &CStr) -> Result<Stat> {
        self.call(Call::StatName, About::name(dir, name), |world, _| {
            let found = world.disk.walk(world.directory(dir)?, name.to_bytes(), false)?;
            Ok(world.disk.stat(found.ino.ok_or(Errno(ENOENT))?))
        })
    }

    fn protected(&self, fd: Fd) -> Result<bool> {
        self.call(Call::Protected, About::fd(fd), |world, _| {
            Ok(world.disk.inodes[world.open_file(fd)?.ino].immutable)
        })
    }

    fn size_limit(&self) -> u64 {
        self.world().limit
    }

    fn volume(&self, fd: Fd) -> Result<Volume> {
        self.call(Call::Volume, About::fd(fd), |world, _| {
            let traits = world.disk.traits(world.open_file(fd)?.ino);
            Ok(Volume { block_size: traits.told_block, remote: traits.remote, name: traits.name })
        })
    }

    fn random(&self) -> u64 {
        let mut world = self.world_mut();
        world.drawn += 1;
        if world.random.is_empty() { world.drawn } else { world.random.remove(0) }
    }

    fn now(&self) -> std::time::Instant {
        std::time::Instant::now()
    }

    fn sync(&self, fd: Fd) -> Result<()> {
        self.call(Call::Sync, About::fd(fd), |world, _| {
            let open = world.open_file(fd)?;
            let directory = matches!(world.disk.inodes[open.ino].what, What::Directory(_));
            if directory && !open.read {
                return Err(Errno(EBADF)); // O_PATH
            }
            let syncs = !directory || world.disk.traits(open.ino).syncs_directories;
            if syncs { Ok(()) } else { Err(Errno(EINVAL)) }
        })
    }

    fn times(&self, fd: Fd) -> Result<(Time, Time)> {
        self.stat(fd).map(|now| (now.accessed, now.modified))
    }

    fn set_times(&self, fd: Fd, accessed: Time, modified: Time) -> Result<()> {
        self.call(Call::SetTimes, About::fd(fd), |world, _| {
            let ino = world.to_change(fd)?;
            let kept = |time| world.disk.traits(ino).kept(time);
            let times = (kept(accessed), kept(modified));
            world.disk.change_meta(ino, |inode| (inode.accessed, inode.modified) = times);
            Ok(())
        })
    }
}

#[deny(clippy::missing_trait_methods)] // the tests must see every call
impl<K: Cloning> Common for Model<K> {
    fn open_directory(&self, dir: Fd, name: &CStr, sync: bool) -> Result<Fd> {
        let about = About::name(dir, name).numbers(u64::from(sync), 0, 0);
        self.call(Call::OpenDirectory, about, |world, _| {
            let ino = world.find_directory(dir, name)?;
            // O_PATH, which fsync refuses, where it is not to be synced.
            Ok(world.open_to_read(ino, sync))
        })
    }

    fn create_new(&self, dir: Fd, name: &CStr, mode: u32) -> Result<Fd> {
        let about = About::name(dir, name).numbers(mode.into(), 0, 0);
        self.call(Call::CreateNew, about, |world, _| world.create_named(dir, name, mode, false))
    }

    fn close(&self, fd: Fd) -> Result<()> {
        self.call(Call::Close, About::fd(fd), |world, _| world.shut(fd))
    }

    fn access(&self, fd: Fd) -> Result<Access> {
        self.call(Call::Access, About::fd(fd), |world, _| {
            let Open { read, write, append, .. } = *world.open_file(fd)?;
            Ok(Access { read, write, append })
        })
    }

    fn read_at(&self, fd: Fd, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let about = About::fd(fd).numbers(offset, buffer.len() as u64, 0);
        self.call(Call::ReadAt, about, |world, odd| {
            world.positioned(fd)?;
            world.read(fd, buffer, offset, odd)
        })
    }

    fn write_at(&self, fd: Fd, buffer: &[u8], offset: u64) -> Result<usize> {
        let about = About::fd(fd).numbers(offset, buffer.len() as u64, 0);
        self.call(Call::WriteAt, about, |world, odd| {
            world.positioned(fd)?;
            world.write(fd, buffer, offset, odd)
        })
    }

    fn read_next(&self, fd: Fd, buffer: &mut [u8]) -> Result<usize> {
        let about = About::fd(fd).numbers(0, buffer.len() as u64, 0);
        self.call(Call::ReadNext, about, |world, odd| {
            let read = world.read(fd, buffer, world.stands_at(fd)?, odd)?;
            world.moved_on(fd, read);
            Ok(read)
        })
    }

    fn write_next(&self, fd: Fd, buffer: &[u8]) -> Result<usize> {
        let about = About::fd(fd).numbers(0, buffer.len() as u64, 0);
        self.call(Call::WriteNext, about, |world, odd| {
            let written = world.write(fd, buffer, world.stands_at(fd)?, odd)?;
            world.moved_on(fd, written);
            Ok(written)
        })
    }

    fn seek_data(&self, fd: Fd, offset: u64) -> Result<u64> {
        let about = About::fd(fd).numbers(offset, 0, 0);
        self.call(Call::SeekData, about, |world, odd| world.seek(fd, offset, odd, false))
    }

    fn seek_hole(&self, fd: Fd, offset: u64) -> Result<u64> {
        let about = About::fd(fd).numbers(offset, 0, 0);
        self.call(Call::SeekHole, about, |world, odd| world.seek(fd, offset, odd, true))
    }

    fn set_size(&self, fd: Fd, size: u64) -> Result<()> {
        self.call(Call::SetSize, About::fd(fd).numbers(size, 0, 0), |world, _| {
            // EINVAL, not EBADF (ftruncate(2)).
            let ino = world.writable(fd).map_err(|_| Errno(EINVAL))?;
            let (now, has_holes) = (world.disk.data(ino).size, world.disk.traits(ino).has_holes);
            if size > now && world.disk.traits(ino).no_extend != 0 {
                return Err(Errno(world.disk.traits(ino).no_extend));
            }
            world.written(ino, 0, if size > now { size } else { 0 });
            world.disk.inodes[ino].sparse |= size > now; // of Windows: what is left out is to be a hole
            world.disk.change(ino, |data| {
                data.set_size(size);
                if !has_holes {
                    data.allocate(now.min(size), size);
                }
            });
            Ok(())
        })
    }

    fn set_mode(&self, fd: Fd, mode: u32) -> Result<()> {
        self.call(Call::SetMode, About::fd(fd).numbers(mode.into(), 0, 0), |world, _| {
            let ino = world.to_change(fd)?;
            let traits = world.disk.traits(ino);
            if !traits.modes {
                return if traits.says_no_modes { Err(Errno(EPERM)) } else { Ok(()) };
            }
            let windows = traits.system == System::Windows;
            let mode = if windows { system::read_only_bit(mode) } else { mode };
            world.disk.change_meta(ino, |inode| inode.mode = mode);
            Ok(())
        })
    }

    fn set_owner(&self, fd: Fd, owner: Option<u32>, group: u32) -> Result<()> {
        let about = About::fd(fd).numbers(owner.unwrap_or(u32::MAX).into(), group.into(), 0);
        self.call(Call::SetOwner, about, |world, _| {
            let ino = world.to_change(fd)?;
            if !world.disk.traits(ino).owners {
                return Ok(());
            }
            world.disk.change_meta(ino, |inode| {
                inode.owner = owner.unwrap_or(inode.owner);
                inode.group = group;
                inode.mode &= !0o6000; // chown(2)
                inode.attributes.remove(b"security.capability".as_slice());
            });
            Ok(())
        })
    }

    fn rename_over(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        let about = About { fds: [from_dir, to_dir], ..About::name(to_dir, to) };
        self.call(Call::RenameOver, about, |world, _| world.rename((from_dir, from), (to_dir, to), true))
    }

    fn link(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        self.call(Call::Link, About { fds: [from_dir, to_dir], ..About::name(to_dir, to) }, |world, _| {
            let old = world.disk.walk(world.directory(from_dir)?, from.to_bytes(), false)?;
            let ino = old.ino.ok_or(Errno(ENOENT))?;
            let found = world.disk.walk(world.directory(to_dir)?, to.to_bytes(), false)?;
            can_link(&world.disk, ino, &found)?;
            world.may_change(found.directory)?;
            world.disk.add_name(ino, &found)
        })
    }

    fn unlink(&self, dir: Fd, name: &CStr) -> Result<()> {
        self.call(Call::Unlink, About::name(dir, name), |world, _| {
            let found = world.disk.walk(world.directory(dir)?, name.to_bytes(), false)?;
            world.remove_name(&found)
        })
    }
}

#[deny(clippy::missing_trait_methods)] // the tests must see every call
impl<K: Cloning> Extensions for Model<K> {
    const CLONES_BY_NAME: bool = K::CLONES_BY_NAME;
    const CARRIES_ATTRIBUTES: bool = K::CARRIES_ATTRIBUTES;

    fn reopen_source(&self, fd: Fd) -> Result<Fd> {
        self.call(Call::ReopenSource, About::fd(fd), |world, _| {
            let ino = world.open_file(fd)?.ino;
            if !world.procfs {
                return Err(Errno(ENOENT));
            }
            Ok(world.open_to_read(ino, true))
        })
    }

    fn create_unnamed(&self, dir: Fd, directory: &CStr, mode: u32) -> Result<Fd> {
        let about = About::name(dir, directory).numbers(mode.into(), 0, 0);
        self.call(Call::CreateUnnamed, about, |world, _| {
            world.create_without_name(dir, directory, mode, false)
        })
    }

    fn seals(&self, fd: Fd) -> Seals {
        let world = self.world();
        world.open_file(fd).map(|open| world.disk.inodes[open.ino].seals).unwrap_or_default()
    }

    fn clone_file(&self, src: Fd, dst: Fd) -> Result<()> {
        K::clone_file(self, src, dst)
    }

    fn clone_new(&self, src: Fd, dir: Fd, name: &CStr, acl: bool) -> Result<Fd> {
        K::clone_new(self, src, dir, name, acl)
    }

    fn forget_source(&self, fd: Fd, keep_times: bool, keep_attributes: bool) -> Result<()> {
        K::forget_source(self, fd, keep_times, keep_attributes)
    }

    fn clone_range(&self, src: Fd, src_offset: u64, length: u64, dst: Fd, dst_offset: u64) -> Result<()> {
        if length == 0 {
            self.world().violated("a range clone of length 0, which the kernel takes for the whole file");
        }
        K::clone_range(self, src, src_offset, length, dst, dst_offset)
    }

    fn clone_nothing(&self, src: Fd, src_size: u64, dst: Fd) -> Result<()> {
        K::clone_nothing(self, src, src_size, dst)
    }

    fn dedupe(&self, src: Fd, src_offset: u64, dst: Fd, dst_offset: u64, length: u64) -> Result<Dedupe> {
        let about = About::fds(src, dst).numbers(src_offset, dst_offset, length);
        self.call(Call::Dedupe, about, |world, odd| {
            world.dedupe_range((src, src_offset), (dst, dst_offset), length, odd)
        })
    }

    /// Advice has no answer, and no failure to show.
    fn read_ahead(&self, _fd: Fd, _offset: u64, _length: u64) {}

    fn kernel_copy_usable(&self) -> bool {
        self.world().kernel_copy_usable
    }

    fn kernel_copy(&self, src: Fd, src_offset: u64, dst: Fd, dst_offset: u64, length: u64) -> Result<u64> {
        let about = About::fds(src, dst).numbers(src_offset, dst_offset, length);
        self.call(Call::KernelCopy, about, |world, odd| {
            world.copy_in_kernel((src, src_offset), (dst, dst_offset), length, odd)
        })
    }

    fn punch_hole(&self, fd: Fd, offset: u64, length: u64) -> Result<()> {
        let about = About::fd(fd).numbers(offset, length, 0);
        self.call(Call::PunchHole, about, |world, _| {
            let ino = world.writable(fd)?;
            if length == 0 {
                return Err(Errno(EINVAL));
            }
            if !world.disk.traits(ino).punches {
                return Err(Errno(EOPNOTSUPP));
            }
            world.written(ino, offset, 0);
            world.disk.inodes[ino].sparse = true; // of Windows: first of all
            world.disk.change(ino, |data| data.punch(offset, length));
            Ok(())
        })
    }

    fn list_attributes(&self, fd: Fd, buffer: &mut [u8]) -> Result<usize> {
        self.call(Call::ListAttributes, About::fd(fd), |world, _| {
            let names = world.attribute_names(world.open_file(fd)?.ino)?;
            give(&names, buffer)
        })
    }

    fn get_attribute(&self, fd: Fd, name: &CStr, buffer: &mut [u8]) -> Result<usize> {
        self.call(Call::GetAttribute, About::name(fd, name), |world, _| {
            let value = world.attribute(world.open_file(fd)?.ino, name.to_bytes())?;
            give(&value, buffer)
        })
    }

    fn set_attribute(&self, fd: Fd, name: &CStr, value: &[u8]) -> Result<()> {
        self.call(Call::SetAttribute, About::name(fd, name), |world, _| {
            let ino = world.to_change(fd)?;
            world.put_attribute(ino, name.to_bytes(), value)
        })
    }

    fn is_users(name: &CStr) -> bool {
        K::is_users(name)
    }

    fn group_entry(&self, fd: Fd) -> Option<Result<Option<u32>>> {
        K::group_entry(self, fd)
    }

    fn overflow_ids(&self) -> [u32; 2] {
        [65534; 2]
    }

    fn copy_acl(&self, src: Fd, dst: Fd) -> Option<Result<()>> {
        K::copy_acl(self, src, dst)
    }

    fn remove_attribute(&self, fd: Fd, name: &CStr) -> Result<()> {
        self.call(Call::RemoveAttribute, About::name(fd, name), |world, _| {
            let ino = world.to_change(fd)?;
            world.take_attribute(ino, name.to_bytes())
        })
    }

    fn link_unnamed(&self, fd: Fd, dir: Fd, name: &CStr) -> Result<()> {
        self.call(Call::LinkUnnamed, About { fds: [fd, dir], ..About::name(fd, name) }, |world, _| {
            let ino = world.open_file(fd)?.ino;
            let found = world.disk.walk(world.directory(dir)?, name.to_bytes(), false)?;
            can_link(&world.disk, ino, &found)?;
            if !world.disk.traits(ino).links_unnamed {
                return Err(Errno(EOPNOTSUPP));
            }
            world.disk.add_name(ino, &found)
        })
    }

    fn rename_new(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        let about = About { fds: [from_dir, to_dir], ..About::name(to_dir, to) };
        self.call(Call::RenameNew, about, |world, _| world.rename((from_dir, from), (to_dir, to), false))
    }
}

/// The kernel looks at the new name before it asks the file system whether it has links at all.
fn can_link(disk: &Disk, ino: Ino, found: &Found) -> Result<()> {
    if found.ino.is_some() {
        return Err(Errno(EEXIST));
    }
    let traits = disk.traits(ino);
    if traits.links { Ok(()) } else { Err(Errno(traits.no_link)) }
}
