//! ReFS, and NTFS beside it, by the documented rules of block cloning; which error goes with which rule as far as that is documented.
//! Sources: "Block cloning on ReFS" (learn.microsoft.com/windows-server/storage/refs/block-cloning), "Block Cloning"
//! (.../windows/win32/fileio/block-cloning), FSCTL_SET_INTEGRITY_INFORMATION and FSCTL_SET_SPARSE (.../windows/win32/api/winioctl),
//! [MS-FSCC] 2.3.8 (the errors), 2.3.20 and 2.3.73 (integrity).

use super::disk::{KernelCopy, Traits};
use super::fault::Odd;
use super::system::{Cloning, System, Windows};
use super::{About, Call, Errno, Model, Result, World};
use crate::sys::Fd;
use crate::sys::errno::{ENOSYS, EOPNOTSUPP};
use crate::sys::windows::errors::errno_of;
use crate::sys::windows::refs::{self, Integrity, RefsCalls, RefsVolume};

/// "The cloned region must be less than 4GB in length."
const TOO_LONG: u64 = 4 << 30;

impl Traits {
    /// Clusters of 1 KiB, to have several in a small file (the real ones are of 4 or 64).
    pub const REFS: Self = Self {
        name: "ReFS",
        system: System::Windows,
        references: 8175,
        kernel_copy: KernelCopy::Refuses(ENOSYS),
        unnamed: false,
        attributes: false,
        pool: 21,
        ..Self::XFS
    };

    /// It clones nothing, and has only success to say of that.
    pub const NTFS: Self = Self { name: "NTFS", clones: false, pool: 22, ..Self::REFS };
}

impl Cloning for Windows {
    const CARRIES_ATTRIBUTES: bool = false;
    const CARRIES_OWNER: bool = false;
    const CLOSE_TELLS: bool = false;

    fn clone_file(model: &Model<Self>, src: Fd, dst: Fd) -> Result<()> {
        refs::clone_file(model, src, dst)
    }

    fn clone_range(
        model: &Model<Self>,
        src: Fd,
        src_offset: u64,
        length: u64,
        dst: Fd,
        dst_offset: u64,
    ) -> Result<()> {
        refs::clone_range(model, src, src_offset, length, dst, dst_offset)
    }

    fn clone_nothing(model: &Model<Self>, src: Fd, _: u64, dst: Fd) -> Result<()> {
        refs::clone_nothing(model, src, dst)
    }

    fn copy_acl(_: &Model<Self>, _: Fd, _: Fd) -> Option<Result<()>> {
        Some(Err(Errno(EOPNOTSUPP)))
    }
}

impl RefsCalls for Model<Windows> {
    fn volume_of(&self, fd: Fd) -> Result<RefsVolume> {
        self.call(Call::VolumeOf, About::fd(fd), |world, _| {
            let traits = world.disk.traits(world.open_file(fd)?.ino);
            Ok(RefsVolume { cluster: traits.clone_unit, clones: traits.clones })
        })
    }

    fn same_volume(&self, one: Fd, other: Fd) -> Result<bool> {
        self.call(Call::SameVolume, About::fds(one, other), |world, _| {
            let (one, other) = (world.open_file(one)?.ino, world.open_file(other)?.ino);
            Ok(world.disk.traits(one).pool == world.disk.traits(other).pool)
        })
    }

    fn integrity(&self, fd: Fd) -> Result<Integrity> {
        self.call(Call::Integrity, About::fd(fd), |world, _| {
            let ino = world.open_file(fd)?.ino;
            if world.disk.traits(ino).clones {
                Ok(world.disk.inodes[ino].integrity)
            } else {
                Err(errno_of(1))
            }
        })
    }

    fn set_integrity(&self, fd: Fd, integrity: Integrity) -> Result<()> {
        let about = About::fd(fd).numbers(integrity.algorithm.into(), integrity.flags.into(), 0);
        self.call(Call::SetIntegrity, about, |world, _| {
            let ino = world.to_change(fd)?;
            // Enforcement cannot be off where there is nothing to enforce, and only empty files can be changed.
            let odd = integrity.algorithm == 0 && integrity.flags != 0;
            if odd || world.disk.data(ino).size > 0 {
                return Err(errno_of(87));
            }
            world.disk.change_meta(ino, |inode| inode.integrity = integrity);
            Ok(())
        })
    }

    fn is_sparse(&self, fd: Fd) -> Result<bool> {
        self.call(Call::IsSparse, About::fd(fd), |world, _| {
            Ok(world.disk.inodes[world.open_file(fd)?.ino].sparse)
        })
    }

    fn set_sparse(&self, fd: Fd, sparse: bool) -> Result<()> {
        self.call(Call::SetSparse, About::fd(fd).numbers(sparse.into(), 0, 0), |world, _| {
            let ino = world.to_change(fd)?;
            if !sparse {
                // "Unsparsing" allocates all that is not.
                world.disk.change(ino, |data| data.allocate(0, data.size));
            }
            world.disk.change_meta(ino, |inode| inode.sparse = sparse);
            Ok(())
        })
    }

    fn end_of_file(&self, fd: Fd) -> Result<u64> {
        self.call(Call::EndOfFile, About::fd(fd), |world, _| world.size_of(fd))
    }

    fn set_end_of_file(&self, fd: Fd, end: u64) -> Result<()> {
        self.call(Call::SetEndOfFile, About::fd(fd).numbers(end, 0, 0), |world, _| {
            let ino = world.writable(fd)?;
            let (now, sparse) = (world.disk.data(ino).size, world.disk.inodes[ino].sparse);
            world.written(ino, 0, if end > now { end } else { 0 });
            world.disk.change(ino, |data| {
                data.set_size(end);
                if !sparse {
                    data.allocate(now.min(end), end);
                }
            });
            Ok(())
        })
    }

    fn duplicate_extents(
        &self,
        src: Fd,
        src_offset: u64,
        dst: Fd,
        dst_offset: u64,
        length: u64,
    ) -> Result<()> {
        let about = About::fds(src, dst).numbers(src_offset, dst_offset, length);
        self.call(Call::DuplicateExtents, about, |world, odd| {
            world.duplicate((src, src_offset), (dst, dst_offset), length, odd)
        })
    }
}

impl World {
    pub(super) fn size_of(&self, fd: Fd) -> Result<u64> {
        Ok(self.disk.stat(self.open_file(fd)?.ino).size)
    }

    fn duplicate(
        &mut self,
        (src, src_offset): (Fd, u64),
        (dst, dst_offset): (Fd, u64),
        length: u64,
        odd: Option<Odd>,
    ) -> Result<()> {
        let (from, to) = (self.open_file(src)?.clone(), self.open_file(dst)?.clone());
        if !from.read || !to.write {
            return Err(errno_of(5));
        }
        let traits = *self.disk.traits(to.ino);
        if length == 0 {
            return Ok(()); // on any volume (seen on NTFS by git-lfs)
        }
        let refused = |code| Err(errno_of(code));
        if !traits.clones {
            return refused(1);
        }
        if self.disk.traits(from.ino).pool != traits.pool {
            return refused(87);
        }
        if length >= TOO_LONG {
            return refused(534);
        }
        if [src_offset, dst_offset, length].iter().any(|offset| offset % traits.clone_unit != 0) {
            return refused(87);
        }
        let (source, target) = (&self.disk.inodes[from.ino], &self.disk.inodes[to.ino]);
        // Which error that is, and that of the destination's end, is not documented.
        if source.integrity.algorithm != target.integrity.algorithm {
            return refused(87);
        }
        if source.sparse && !target.sparse {
            return refused(50);
        }
        if from.ino == to.ino && src_offset.abs_diff(dst_offset) < length {
            return refused(50);
        }
        let ends = |size: u64| size.next_multiple_of(traits.clone_unit);
        let (data, old_size) = (source.data().clone(), target.data().size);
        if src_offset + length > ends(data.size) {
            return refused(50);
        }
        if dst_offset + length > ends(old_size) {
            return refused(87);
        }
        // One of them is the copy made here to look at.
        if source.data().most_references(src_offset, length) > traits.references {
            return refused(347);
        }
        if let Some(Odd::DirtyClone(errno)) = odd {
            self.share_whole(&data, src_offset, (to.ino, dst_offset), traits.clone_unit, old_size);
            return Err(Errno(errno));
        }
        self.share_whole(&data, src_offset, (to.ino, dst_offset), length, old_size);
        Ok(())
    }

    /// What lies behind the end of the file in its last cluster is shared too, and the end stays.
    fn share_whole(
        &mut self,
        source: &super::data::Data,
        from: u64,
        to: (super::disk::Ino, u64),
        length: u64,
        size: u64,
    ) {
        self.written(to.0, to.1, length.min(size.saturating_sub(to.1)));
        self.disk.change(to.0, |data| {
            data.share(source, from, to.1, length);
            data.size = size;
        });
    }
}
