//! Directories of the model: each method does what its manual page says, permission bits for an ordinary user among it.
//! Names come a few at a time and in an order that can be turned round, so that no reader relies on either.

use core::ffi::CStr;
use core::ops::Bound;
use std::ffi::CString;

use super::calls::give;
use super::disk::{Found, Ino, What};
use super::system::Cloning;
use super::{About, Call, Errno, Model, Open, Result, World};
use crate::sys::errno::{
    EACCES, EBADF, EBUSY, EEXIST, EINVAL, EISDIR, ELOOP, ENOENT, ENOTDIR, ENOTEMPTY, EOPNOTSUPP, EPERM, EXDEV,
};
use crate::sys::{Directories, Fd, Kind, Listing, Stat, Time};

impl World {
    /// Whether the owner's bits of a directory allow what is asked for, where they count.
    fn allowed(&self, directory: Ino, bits: u32) -> Result<()> {
        let denied = self.ordinary_user && self.disk.inodes[directory].mode & bits != bits;
        if denied { Err(Errno(EACCES)) } else { Ok(()) }
    }

    /// Names may be made and removed in it.
    pub(super) fn may_change(&self, directory: Ino) -> Result<()> {
        self.allowed(directory, 0o300)
    }

    /// What is mounted somewhere keeps its name.
    pub(super) fn not_mounted(&self, ino: Ino) -> Result<()> {
        if self.disk.inodes[ino].mounted { Err(Errno(EBUSY)) } else { Ok(()) }
    }

    /// Whether something may be renamed to a name, over what stands there (rename(2)).
    pub(super) fn may_take_place(&self, ino: Ino, new: &Found) -> Result<()> {
        self.not_mounted(ino)?;
        let is_directory = |ino: Ino| matches!(self.disk.inodes[ino].what, What::Directory(_));
        if is_directory(ino) && self.disk.is_below(new.directory, ino) {
            return Err(Errno(EINVAL));
        }
        let Some(there) = new.ino else { return Ok(()) };
        self.not_mounted(there)?;
        match (is_directory(ino), is_directory(there)) {
            (false, true) => Err(Errno(EISDIR)),
            (true, false) => Err(Errno(ENOTDIR)),
            (true, true) if !self.disk.names(there).is_empty() => Err(Errno(ENOTEMPTY)),
            _ => Ok(()),
        }
    }

    /// A name in an open directory, which an ordinary user must be allowed to search.
    fn name_in(&self, dir: Fd, name: &CStr) -> Result<Found> {
        let directory = self.directory(dir)?;
        self.allowed(directory, 0o100)?;
        self.disk.walk(directory, name.to_bytes(), false)
    }

    fn existing(&self, dir: Fd, name: &CStr) -> Result<Ino> {
        self.name_in(dir, name)?.ino.ok_or(Errno(ENOENT))
    }

    /// A name where something new is to be made.
    fn free(&self, dir: Fd, name: &CStr) -> Result<Found> {
        let found = self.name_in(dir, name)?;
        if found.ino.is_some() {
            return Err(Errno(EEXIST));
        }
        self.may_change(found.directory)?;
        Ok(found)
    }

    /// A directory below another one: nothing is followed.
    fn subdirectory(&self, dir: Fd, name: &CStr) -> Result<Ino> {
        let ino = self.existing(dir, name)?;
        if matches!(self.disk.inodes[ino].what, What::Directory(_)) { Ok(ino) } else { Err(Errno(ENOTDIR)) }
    }

    fn enter(&mut self, ino: Ino) -> Result<Fd> {
        self.allowed(ino, 0o400)?;
        Ok(self.open_to_read(ino, true))
    }

    fn same_mount(&self, ino: Ino) -> Result<Ino> {
        if self.disk.inodes[ino].mounted { Err(Errno(EXDEV)) } else { Ok(ino) }
    }

    fn make(&mut self, found: &Found, what: What, mode: u32) -> Ino {
        let parent = self.disk.inodes[found.directory].clone();
        let mode = if parent.default_acl.is_some() { mode } else { mode & !self.umask };
        let ino = self.disk.new_inode(parent.volume, what, mode);
        let made = &mut self.disk.inodes[ino];
        (made.engines, made.acl) = (true, parent.default_acl.clone());
        if let What::Directory(_) = made.what {
            (made.default_acl, made.nocow) = (parent.default_acl, parent.nocow);
            made.mode |= parent.mode & 0o2000;
        }
        if parent.mode & 0o2000 != 0 {
            made.group = parent.group;
        }
        self.disk.set_name(found.directory, &found.leaf, Some(ino));
        ino
    }

    /// The next names of a directory behind the last one that was read.
    fn read_names(&mut self, dir: Fd, listing: &mut Listing) -> Result<bool> {
        let open = self.open_file(dir)?;
        if !open.read {
            return Err(Errno(EBADF)); // O_PATH
        }
        let directory = open.ino;
        if directory != super::ROOT && self.disk.parent(directory).is_none() {
            return Err(Errno(ENOENT)); // it is removed
        }
        let last = self.listed.get(&dir).map(Vec::as_slice);
        let (from, to) = match (last, self.backwards) {
            (None, _) => (Bound::Unbounded, Bound::Unbounded),
            (Some(last), false) => (Bound::Excluded(last), Bound::Unbounded),
            (Some(last), true) => (Bound::Unbounded, Bound::Excluded(last)),
        };
        let range = self.disk.names(directory).range::<[u8], _>((from, to));
        let take = self.names_at_once;
        let names: Vec<(Vec<u8>, Ino)> = if self.backwards {
            range.rev().take(take).map(|(name, ino)| (name.clone(), *ino)).collect()
        } else {
            range.take(take).map(|(name, ino)| (name.clone(), *ino)).collect()
        };
        listing.begin();
        listing.push(c".", directory as u64, 4);
        for (name, ino) in &names {
            let told = self.disk.traits(*ino).tells_kinds;
            let kind = if told { d_type(self.disk.stat(*ino).kind) } else { 0 };
            listing.push(&CString::new(name.as_slice()).expect("a name"), *ino as u64, kind);
        }
        match names.last() {
            Some((last, _)) => drop(self.listed.insert(dir, last.clone())),
            None => listing.begin(),
        }
        Ok(!names.is_empty())
    }

    /// A name whose metadata the engine changes.
    fn name_to_change(&self, dir: Fd, name: &CStr) -> Result<Ino> {
        let ino = self.existing(dir, name)?;
        self.owned(ino);
        Ok(ino)
    }
}

/// As <dirent.h> numbers the kinds.
const fn d_type(kind: Kind) -> u8 {
    match kind {
        Kind::Fifo => 1,
        Kind::CharacterDevice => 2,
        Kind::Directory => 4,
        Kind::BlockDevice => 6,
        Kind::Regular => 8,
        Kind::Symlink => 10,
        Kind::Socket => 12,
        Kind::Other => 0,
    }
}

#[deny(clippy::missing_trait_methods)] // the tests must see every call
impl<K: Cloning> Directories for Model<K> {
    fn enter(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        self.call(Call::Enter, About::name(dir, name), |world, _| {
            let ino = world.subdirectory(dir, name)?;
            world.enter(ino)
        })
    }

    fn enter_same_mount(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        self.call(Call::EnterSameMount, About::name(dir, name), |world, _| {
            let ino = world.same_mount(world.subdirectory(dir, name)?)?;
            world.enter(ino)
        })
    }

    fn enter_to_remove(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        self.call(Call::EnterToRemove, About::name(dir, name), |world, _| {
            let ino = world.same_mount(world.subdirectory(dir, name)?)?;
            if world.allowed(ino, 0o400).is_err() {
                world.owned(ino);
                world.disk.change_meta(ino, |inode| inode.mode = 0o700);
            }
            world.enter(ino)
        })
    }

    fn enter_parent(&self, dir: Fd) -> Result<Fd> {
        self.call(Call::EnterParent, About::fd(dir), |world, _| {
            let ino = world.directory(dir)?;
            world.allowed(ino, 0o100)?;
            // Of a removed directory it still opens (path_resolution(7)); which one is not worth a memory here.
            let parent = world.disk.parent(ino).unwrap_or(super::ROOT);
            world.enter(parent)
        })
    }

    fn enter_below(&self, dir: Fd, path: &CStr) -> Result<Fd> {
        self.call(Call::EnterBelow, About::name(dir, path), |world, _| {
            let mut at = world.directory(dir)?;
            for part in
                path.to_bytes().split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."))
            {
                world.allowed(at, 0o100)?;
                let next = world.disk.lookup(at, part).ok_or(Errno(ENOENT))?;
                at = match world.disk.inodes[next].what {
                    What::Directory(_) => next,
                    What::Symlink(_) => return Err(Errno(ELOOP)),
                    _ => return Err(Errno(ENOTDIR)),
                };
            }
            world.enter(at)
        })
    }

    fn open_listed(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        self.call(Call::OpenListed, About::name(dir, name), |world, _| {
            let ino = world.existing(dir, name)?;
            match world.disk.inodes[ino].what {
                What::Symlink(_) => Err(Errno(ELOOP)),
                _ => Ok(world.open_to_read(ino, true)),
            }
        })
    }

    fn links(&self, fd: Fd) -> Option<u64> {
        let world = self.world();
        let ino = world.open_file(fd).ok()?.ino;
        world.disk.traits(ino).hides_links.then(|| world.disk.links(ino) as u64)
    }

    fn is_mount_point(&self, dir: Fd, name: &CStr) -> Result<bool> {
        self.call(Call::IsMountPoint, About::name(dir, name), |world, _| {
            Ok(world.disk.inodes[world.existing(dir, name)?].mounted)
        })
    }

    fn read_entries(&self, dir: Fd, listing: &mut Listing) -> Result<bool> {
        self.call(Call::ReadEntries, About::fd(dir), |world, _| world.read_names(dir, listing))
    }

    fn read_symlink(&self, dir: Fd, name: &CStr) -> Result<CString> {
        self.call(Call::ReadSymlink, About::name(dir, name), |world, _| {
            match &world.disk.inodes[world.existing(dir, name)?].what {
                What::Symlink(target) => Ok(CString::new(target.clone()).expect("a target")),
                _ => Err(Errno(EINVAL)),
            }
        })
    }

    fn get_name_attribute(&self, dir: Fd, name: &CStr, attribute: &CStr, buffer: &mut [u8]) -> Result<usize> {
        self.call(Call::GetNameAttribute, About::name(dir, name), |world, _| {
            let value = world.attribute(world.existing(dir, name)?, attribute.to_bytes())?;
            give(&value, buffer)
        })
    }

    fn list_name_attributes(&self, dir: Fd, name: &CStr, buffer: &mut [u8]) -> Result<usize> {
        self.call(Call::ListNameAttributes, About::name(dir, name), |world, _| {
            let names = world.attribute_names(world.existing(dir, name)?)?;
            give(&names, buffer)
        })
    }

    fn set_name_attribute(&self, dir: Fd, name: &CStr, attribute: &CStr, value: &[u8]) -> Result<()> {
        self.call(Call::SetNameAttribute, About::name(dir, name), |world, _| {
            let ino = world.name_to_change(dir, name)?;
            world.put_attribute(ino, attribute.to_bytes(), value)
        })
    }

    fn remove_name_attribute(&self, dir: Fd, name: &CStr, attribute: &CStr) -> Result<()> {
        self.call(Call::RemoveNameAttribute, About::name(dir, name), |world, _| {
            let ino = world.name_to_change(dir, name)?;
            world.take_attribute(ino, attribute.to_bytes())
        })
    }

    fn make_directory(&self, dir: Fd, name: &CStr, mode: u32) -> Result<()> {
        let about = About::name(dir, name).numbers(mode.into(), 0, 0);
        self.call(Call::MakeDirectory, about, |world, _| {
            let found = world.free(dir, name)?;
            world.make(&found, What::Directory(Default::default()), mode);
            Ok(())
        })
    }

    fn make_symlink(&self, target: &CStr, dir: Fd, name: &CStr) -> Result<()> {
        self.call(Call::MakeSymlink, About::name(dir, name), |world, _| {
            let found = world.free(dir, name)?;
            let ino = world.make(&found, What::Symlink(target.to_bytes().to_vec()), 0o777);
            world.disk.inodes[ino].mode = 0o777;
            Ok(())
        })
    }

    fn make_special(&self, dir: Fd, name: &CStr, like: &Stat) -> Result<()> {
        self.call(Call::MakeSpecial, About::name(dir, name), |world, _| {
            let what = match (like.kind, like.device_number) {
                (Kind::Fifo, _) => What::Fifo,
                (Kind::Socket, _) => What::Special(Kind::Socket, 0),
                (Kind::CharacterDevice, 0) => What::Special(Kind::CharacterDevice, 0),
                (Kind::CharacterDevice | Kind::BlockDevice, _) if world.ordinary_user => {
                    return Err(Errno(EPERM));
                }
                (Kind::CharacterDevice | Kind::BlockDevice, number) => What::Special(like.kind, number),
                _ => return Err(Errno(EINVAL)),
            };
            let found = world.free(dir, name)?;
            world.make(&found, what, like.mode & 0o777);
            Ok(())
        })
    }

    fn remove_directory(&self, dir: Fd, name: &CStr) -> Result<()> {
        self.call(Call::RemoveDirectory, About::name(dir, name), |world, _| {
            let ino = world.subdirectory(dir, name)?;
            let found = world.name_in(dir, name)?;
            world.may_change(found.directory)?;
            world.not_mounted(ino)?;
            if !world.disk.names(ino).is_empty() {
                return Err(Errno(ENOTEMPTY));
            }
            if !world.disk.inodes[ino].engines {
                world.violated("somebody else's directory was removed");
            }
            world.disk.set_name(found.directory, &found.leaf, None);
            Ok(())
        })
    }

    fn exchange(&self, one_dir: Fd, one: &CStr, other_dir: Fd, other: &CStr) -> Result<()> {
        let about = About { fds: [one_dir, other_dir], ..About::name(other_dir, other) };
        self.call(Call::Exchange, about, |world, _| {
            let (first, second) = (world.name_in(one_dir, one)?, world.name_in(other_dir, other)?);
            let (Some(a), Some(b)) = (first.ino, second.ino) else { return Err(Errno(ENOENT)) };
            if !world.disk.traits(first.directory).exchanges {
                return Err(Errno(EINVAL));
            }
            if world.disk.inodes[a].volume != world.disk.inodes[b].volume {
                return Err(Errno(EXDEV));
            }
            if world.disk.is_below(second.directory, a) || world.disk.is_below(first.directory, b) {
                return Err(Errno(EINVAL));
            }
            for (ino, directory) in [(a, first.directory), (b, second.directory)] {
                world.not_mounted(ino)?;
                world.may_change(directory)?;
            }
            world.disk.set_name(first.directory, &first.leaf, Some(b));
            world.disk.set_name(second.directory, &second.leaf, Some(a));
            Ok(())
        })
    }

    fn set_name_mode(&self, dir: Fd, name: &CStr, mode: u32) -> Result<()> {
        let about = About::name(dir, name).numbers(mode.into(), 0, 0);
        self.call(Call::SetNameMode, about, |world, _| {
            let ino = world.name_to_change(dir, name)?;
            if let What::Symlink(_) = world.disk.inodes[ino].what {
                return Err(Errno(EOPNOTSUPP));
            }
            world.disk.change_meta(ino, |inode| inode.mode = mode);
            Ok(())
        })
    }

    fn set_name_owner(&self, dir: Fd, name: &CStr, owner: Option<u32>, group: u32) -> Result<()> {
        let about = About::name(dir, name).numbers(owner.unwrap_or(u32::MAX).into(), group.into(), 0);
        self.call(Call::SetNameOwner, about, |world, _| {
            let ino = world.name_to_change(dir, name)?;
            if !world.disk.traits(ino).owners {
                return Ok(());
            }
            world.disk.change_meta(ino, |inode| {
                (inode.owner, inode.group) = (owner.unwrap_or(inode.owner), group);
                if !matches!(inode.what, What::Symlink(_)) {
                    inode.mode &= !0o6000; // chown(2)
                }
            });
            Ok(())
        })
    }

    fn set_name_times(&self, dir: Fd, name: &CStr, accessed: Time, modified: Time) -> Result<()> {
        self.call(Call::SetNameTimes, About::name(dir, name), |world, _| {
            let ino = world.name_to_change(dir, name)?;
            let kept = |time| world.disk.traits(ino).kept(time);
            let times = (kept(accessed), kept(modified));
            world.disk.change_meta(ino, |inode| (inode.accessed, inode.modified) = times);
            Ok(())
        })
    }

    fn is_append_only(&self, _: Fd) -> bool {
        false
    }

    fn no_cow(&self, fd: Fd) -> Result<Option<bool>> {
        self.call(Call::NoCow, About::fd(fd), |world, _| {
            Ok(Some(world.disk.inodes[world.open_file(fd)?.ino].nocow))
        })
    }

    fn set_no_cow(&self, fd: Fd, on: bool) -> Result<()> {
        self.call(Call::SetNoCow, About::fd(fd), |world, _| {
            let ino = world.to_change(fd)?;
            world.disk.change_meta(ino, |inode| inode.nocow = on);
            Ok(())
        })
    }

    fn allocation_group_shift(&self, dir: Fd) -> Option<u32> {
        self.world().open_file(dir).ok()?;
        None
    }

    fn syncs_volumes(&self) -> bool {
        self.world().syncs_volumes
    }

    fn sync_volume(&self, fd: Fd) -> Result<()> {
        self.call(Call::SyncVolume, About::fd(fd), |world, _| {
            let Open { read, write, .. } = *world.open_file(fd)?;
            if read || write { Ok(()) } else { Err(Errno(EBADF)) } // O_PATH
        })
    }
}
