//! The systems whose calls the model can make. Each differs from Linux in how it clones, and has a file of its own for that.
//! A volume says which system it is mounted on; the scenarios choose the calls by it.

use core::ffi::CStr;

use super::disk::Ino;
use super::{About, Call, Model, Result, World};
use crate::sys::errno::EOPNOTSUPP;
use crate::sys::{Errno, Fd};

/// What a volume is mounted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    Linux,
    Windows,
    /// Before macOS 12 the kernel does not know CLONE_ACL, and always brings the ACL along.
    Apple {
        knows_acl_flag: bool,
    },
    /// Before FreeBSD 15 the kernel does not know COPY_FILE_RANGE_CLONE.
    FreeBsd {
        knows_flag: bool,
    },
}

/// The calls of Linux.
pub struct Linux;
/// Of Windows.
pub struct Windows;
/// Of macOS.
pub struct Apple;
/// Of FreeBSD.
pub struct FreeBsd;

/// How a system clones.
pub trait Cloning: Sized {
    const CLONES_BY_NAME: bool = false;
    const CARRIES_ATTRIBUTES: bool = true;
    const CARRIES_OWNER: bool = true;
    const CLOSE_TELLS: bool = true;

    fn clone_file(model: &Model<Self>, src: Fd, dst: Fd) -> Result<()>;
    fn clone_range(
        model: &Model<Self>,
        src: Fd,
        src_offset: u64,
        length: u64,
        dst: Fd,
        dst_offset: u64,
    ) -> Result<()>;
    fn clone_nothing(model: &Model<Self>, src: Fd, src_size: u64, dst: Fd) -> Result<()>;
    fn clone_new(_: &Model<Self>, _src: Fd, _dir: Fd, _name: &CStr, _acl: bool) -> Result<Fd> {
        Err(Errno(EOPNOTSUPP))
    }
    fn forget_source(_: &Model<Self>, _fd: Fd, _times: bool, _attributes: bool) -> Result<()> {
        Ok(())
    }
    fn is_users(_name: &CStr) -> bool {
        true
    }
    /// The group bits are the group's own.
    fn group_entry(_: &Model<Self>, _fd: Fd) -> Option<Result<Option<u32>>> {
        Some(Ok(None))
    }
    fn copy_acl(_: &Model<Self>, _src: Fd, _dst: Fd) -> Option<Result<()>> {
        None
    }
}

/// What Windows keeps of a mode: whether the file is read-only.
pub fn read_only_bit(mode: u32) -> u32 {
    if mode & 0o222 == 0 { 0o444 } else { 0o666 }
}

impl<K> Model<K> {
    /// An ACL that is no extended attribute (macOS, FreeBSD).
    pub(super) fn copy_acl_list(&self, src: Fd, dst: Fd) -> Result<()> {
        self.call(Call::CopyAcl, About::fds(src, dst), |world, _| {
            let (from, to) = (world.open_file(src)?.ino, world.to_change(dst)?);
            let list = world.disk.inodes[from].acl.clone();
            if list.is_some() && !world.disk.traits(to).attributes {
                return Err(Errno(EOPNOTSUPP));
            }
            let entry = world.disk.inodes[from].group_entry;
            world.disk.change_meta(to, |inode| (inode.acl, inode.group_entry) = (list, entry));
            Ok(())
        })
    }

    /// The same of FreeBSD, where it is POSIX's.
    pub(super) fn group_entry_of_list(&self, fd: Fd) -> Result<Option<u32>> {
        self.call(Call::GroupEntry, About::fd(fd), |world, _| {
            let inode = &world.disk.inodes[world.open_file(fd)?.ino];
            Ok(inode.acl.is_some().then_some(inode.group_entry))
        })
    }
}

impl World {
    /// A part of a clone, and then an error: what a fault may leave.
    pub(super) fn share_first_block(&mut self, from: (Ino, u64), to: (Ino, u64)) {
        let source = self.disk.data(from.0).clone();
        let length = source.unit.min(source.size.saturating_sub(from.1));
        if length > 0 {
            self.share_blocks(&source, from.1, to, length);
        }
    }

    pub(super) fn share_blocks(
        &mut self,
        source: &super::data::Data,
        from: u64,
        to: (Ino, u64),
        length: u64,
    ) {
        self.written(to.0, to.1, length);
        self.disk.change(to.0, |data| data.share(source, from, to.1, length));
    }
}
