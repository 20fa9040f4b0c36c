//! FreeBSD: ZFS and UFS, and copy_file_range with COPY_FILE_RANGE_CLONE as the kernels of 15 and of 14 take it. There is no clone ioctl.
//! Sources: copy_file_range(2) of August 16, 2025 and of December 28, 2023 ("the flags argument must be 0"), pathconf(2).

use super::disk::{KernelCopy, Traits};
use super::fault::Odd;
use super::system::{Cloning, FreeBsd, System};
use super::{About, Call, Errno, Model, Result, World};
use crate::sys::Fd;
use crate::sys::errno::{EBADF, EINVAL, EOPNOTSUPP};
use crate::sys::freebsd::clone_flag::{self, COPY_FILE_RANGE_CLONE, CloneFlagCalls};

impl Traits {
    /// FreeBSD 15.
    pub const ZFS: Self = Self {
        name: "zfs",
        system: System::FreeBsd { knows_flag: true },
        unnamed: false,
        rename_new: false,
        pool: 41,
        ..Self::XFS
    };

    /// FreeBSD 14: what is the same file system cannot be told to clone.
    pub const ZFS_14: Self = Self { system: System::FreeBsd { knows_flag: false }, ..Self::ZFS };

    /// It cannot clone.
    pub const UFS: Self =
        Self { name: "ufs", clones: false, kernel_copy: KernelCopy::Fills, pool: 42, ..Self::ZFS };
}

impl Cloning for FreeBsd {
    fn clone_file(model: &Model<Self>, src: Fd, dst: Fd) -> Result<()> {
        clone_flag::clone_file(model, src, dst)
    }

    fn clone_range(
        model: &Model<Self>,
        src: Fd,
        src_offset: u64,
        length: u64,
        dst: Fd,
        dst_offset: u64,
    ) -> Result<()> {
        clone_flag::clone_range(model, src, src_offset, length, dst, dst_offset)
    }

    fn clone_nothing(model: &Model<Self>, src: Fd, _: u64, dst: Fd) -> Result<()> {
        clone_flag::clone_nothing(model, src, dst)
    }

    fn group_entry(model: &Model<Self>, fd: Fd) -> Option<Result<Option<u32>>> {
        Some(model.group_entry_of_list(fd))
    }

    fn copy_acl(model: &Model<Self>, src: Fd, dst: Fd) -> Option<Result<()>> {
        Some(model.copy_acl_list(src, dst))
    }
}

impl CloneFlagCalls for Model<FreeBsd> {
    fn copy_file_range(
        &self,
        src: Fd,
        src_offset: u64,
        dst: Fd,
        dst_offset: u64,
        length: u64,
        flags: u32,
    ) -> Result<u64> {
        let about = About::fds(src, dst).numbers(src_offset, dst_offset, length);
        self.call(Call::CloneByFlag, about, |world, odd| {
            let known = world.disk.volumes[0].system == System::FreeBsd { knows_flag: true };
            if flags != COPY_FILE_RANGE_CLONE || !known {
                return Err(Errno(EINVAL));
            }
            world.copy_by_cloning((src, src_offset), (dst, dst_offset), length, odd)
        })
    }

    fn clone_block_size(&self, fd: Fd) -> u64 {
        let world = self.world();
        let Ok(open) = world.open_file(fd) else { return 0 };
        let traits = world.disk.traits(open.ino);
        let asked = traits.clones && traits.system == System::FreeBsd { knows_flag: true };
        if asked { traits.clone_unit.max(traits.preferred) } else { 0 }
    }

    fn end_of_file(&self, fd: Fd) -> Result<u64> {
        self.call(Call::EndOfFile, About::fd(fd), |world, _| world.size_of(fd))
    }

    fn set_end_of_file(&self, fd: Fd, end: u64) -> Result<()> {
        self.call(Call::SetEndOfFile, About::fd(fd).numbers(end, 0, 0), |world, _| {
            let ino = world.writable(fd)?;
            world.written(ino, 0, 0);
            world.disk.change(ino, |data| data.set_size(end));
            Ok(())
        })
    }
}

impl World {
    fn copy_by_cloning(
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
        if length == 0 {
            return Ok(0);
        }
        if from.ino == to.ino && src_offset.abs_diff(dst_offset) < length {
            return Err(Errno(EINVAL));
        }
        let traits = *self.disk.traits(to.ino);
        let source = self.disk.data(from.ino).clone();
        if src_offset >= source.size || odd == Some(Odd::Zero) {
            return Ok(0);
        }
        let unit = traits.clone_unit;
        let length = length.min(source.size - src_offset);
        let at_both_ends =
            src_offset + length == source.size && dst_offset + length >= self.disk.data(to.ino).size;
        let aligned =
            src_offset % unit == 0 && dst_offset % unit == 0 && (length % unit == 0 || at_both_ends);
        if !traits.clones || self.disk.traits(from.ino).pool != traits.pool || !aligned {
            return Err(Errno(EOPNOTSUPP));
        }
        if let Some(Odd::DirtyClone(errno)) = odd {
            self.share_first_block((from.ino, src_offset), (to.ino, dst_offset));
            return Err(Errno(errno));
        }
        let most = if odd == Some(Odd::Short) { unit } else { traits.most.next_multiple_of(unit) };
        let moved = length.min(most);
        self.share_blocks(&source, src_offset, (to.ino, dst_offset), moved);
        Ok(if odd == Some(Odd::TooMuch) { length + 1 } else { moved })
    }
}
