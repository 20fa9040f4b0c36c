//! APFS, and a volume of macOS that cannot clone beside it: fclonefileat as its manual says, on systems with and without CLONE_ACL.
//! Sources: clonefile(2) of macOS 10.12 (leancrew.com/all-this/man/man2/clonefile.html has that of macOS 12), chflags(2); the
//! order of the checks (flags first) is XNU's own, bsd/vfs/vfs_syscalls.c.

use core::ffi::CStr;

use super::disk::{Ino, Inode, KernelCopy, Traits, What};
use super::fault::Odd;
use super::system::{Apple, Cloning, System};
use super::{About, Call, Errno, Model, Result, World};
use crate::sys::Fd;
use crate::sys::darwin::apfs::{self, ApfsCalls, CLONE_ACL, CLONE_NOFOLLOW, CLONE_NOOWNERCOPY};
use crate::sys::errno::{EEXIST, EINVAL, ELOOP, ENOENT, ENOSYS, EOPNOTSUPP, EPERM, EXDEV};

/// <sys/stat.h>: the file is locked.
pub const UF_IMMUTABLE: u32 = 2;

impl Traits {
    /// On a system that knows CLONE_ACL.
    pub const APFS: Self = Self {
        name: "apfs",
        system: System::Apple { knows_acl_flag: true },
        kernel_copy: KernelCopy::Refuses(ENOSYS),
        unnamed: false,
        tells_holes: false,
        pool: 31,
        ..Self::XFS
    };

    /// On one that does not.
    pub const OLD_APFS: Self = Self { system: System::Apple { knows_acl_flag: false }, ..Self::APFS };

    /// HFS+: no clones; and a rename that does not replace is not everywhere (SMB, exFAT).
    pub const HFS: Self = Self { name: "hfs", clones: false, has_holes: false, pool: 32, ..Self::APFS };
}

impl Inode {
    /// A file that its owner locked takes no change but of that, and keeps its names (chflags(2)).
    pub(super) fn unlocked(&self) -> Result<()> {
        if self.flags & UF_IMMUTABLE == 0 { Ok(()) } else { Err(Errno(EPERM)) }
    }
}

impl Cloning for Apple {
    const CLONES_BY_NAME: bool = true;

    fn clone_file(_: &Model<Self>, _: Fd, _: Fd) -> Result<()> {
        Err(Errno(EOPNOTSUPP))
    }

    fn clone_range(_: &Model<Self>, _: Fd, _: u64, _: u64, _: Fd, _: u64) -> Result<()> {
        Err(Errno(EOPNOTSUPP))
    }

    fn clone_nothing(_: &Model<Self>, _: Fd, _: u64, _: Fd) -> Result<()> {
        Err(Errno(EOPNOTSUPP))
    }

    fn clone_new(model: &Model<Self>, src: Fd, dir: Fd, name: &CStr, acl: bool) -> Result<Fd> {
        apfs::clone_new(model, src, dir, name, acl)
    }

    fn forget_source(model: &Model<Self>, fd: Fd, times: bool, attributes: bool) -> Result<()> {
        apfs::forget_source(model, fd, times, attributes)
    }

    fn copy_acl(model: &Model<Self>, src: Fd, dst: Fd) -> Option<Result<()>> {
        Some(model.copy_acl_list(src, dst))
    }
}

impl ApfsCalls for Model<Apple> {
    fn fclonefileat(&self, src: Fd, dir: Fd, name: &CStr, flags: u32) -> Result<()> {
        let about = About { fds: [src, dir], ..About::name(dir, name) }.numbers(flags.into(), 0, 0);
        self.call(Call::CloneNew, about, |world, odd| world.clone_to_name(src, dir, name, flags, odd))
    }

    fn open_clone(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        self.call(Call::OpenClone, About::name(dir, name), |world, _| {
            let found = world.disk.walk(world.directory(dir)?, name.to_bytes(), false)?;
            let ino = found.ino.ok_or(Errno(ENOENT))?;
            let file = matches!(world.disk.inodes[ino].what, What::File(_));
            if !file || world.disk.links(ino) != 1 {
                return Err(Errno(ELOOP));
            }
            Ok(world.open_to_read(ino, true))
        })
    }

    fn remove_acl(&self, fd: Fd) -> Result<()> {
        self.call(Call::RemoveAcl, About::fd(fd), |world, _| {
            let ino = world.to_change(fd)?;
            world.disk.inodes[ino].unlocked()?;
            world.disk.change_meta(ino, |inode| inode.acl = None);
            Ok(())
        })
    }

    fn flags(&self, fd: Fd) -> Result<u32> {
        self.call(
            Call::Flags,
            About::fd(fd),
            |world, _| Ok(world.disk.inodes[world.open_file(fd)?.ino].flags),
        )
    }

    fn set_flags(&self, fd: Fd, flags: u32) -> Result<()> {
        self.call(Call::SetFlags, About::fd(fd).numbers(flags.into(), 0, 0), |world, _| {
            let ino = world.to_change(fd)?;
            world.disk.change_meta(ino, |inode| inode.flags = flags);
            Ok(())
        })
    }

    fn set_times_to_now(&self, fd: Fd) -> Result<()> {
        self.call(Call::SetTimesToNow, About::fd(fd), |world, _| {
            let ino = world.to_change(fd)?;
            world.disk.inodes[ino].unlocked()?;
            let now = world.disk.tick();
            world.disk.change_meta(ino, |inode| (inode.accessed, inode.modified) = (now, now));
            Ok(())
        })
    }
}

impl World {
    fn clone_to_name(&mut self, src: Fd, dir: Fd, name: &CStr, flags: u32, odd: Option<Odd>) -> Result<()> {
        let system = self.disk.volumes[0].system;
        let known = match system {
            System::Apple { knows_acl_flag: true } => CLONE_NOFOLLOW | CLONE_NOOWNERCOPY | CLONE_ACL,
            _ => CLONE_NOFOLLOW | CLONE_NOOWNERCOPY,
        };
        if flags & !known != 0 {
            return Err(Errno(EINVAL));
        }
        let from = self.open_file(src)?.ino;
        if flags & CLONE_NOFOLLOW == 0 || flags & CLONE_NOOWNERCOPY == 0 {
            self.violated("a clone that would follow a link, or be given away");
        }
        if !matches!(self.disk.inodes[from].what, What::File(_)) {
            self.violated("a clone of what is no regular file");
        }
        let found = self.disk.walk(self.directory(dir)?, name.to_bytes(), false)?;
        if found.ino.is_some() {
            return Err(Errno(EEXIST));
        }
        let traits = *self.disk.traits(found.directory);
        if self.disk.traits(from).pool != traits.pool {
            return Err(Errno(EXDEV));
        }
        if !traits.clones {
            return Err(Errno(EOPNOTSUPP));
        }
        let acl = flags & CLONE_ACL != 0 || known & CLONE_ACL == 0;
        let made = self.cloned_inode(from, found.directory, acl);
        if odd == Some(Odd::ShortClone) {
            self.disk.change(made, |data| data.set_size(data.size.saturating_sub(1)));
        }
        self.disk.add_name(made, &found)
    }

    /// Everything of the source's, but for the owner and the set-id bits; the ACL that the directory gives,
    /// and where `acl` the source's too.
    fn cloned_inode(&mut self, from: Ino, directory: Ino, acl: bool) -> Ino {
        let source = self.disk.inodes[from].clone();
        let inherited = self.disk.inodes[directory].default_acl.clone();
        let made = self.disk.new_inode(source.volume, source.what, source.mode & !0o6000);
        let inode = &mut self.disk.inodes[made];
        inode.volume = source.volume;
        (inode.accessed, inode.modified) = (source.accessed, source.modified);
        (inode.attributes, inode.flags) = (source.attributes, source.flags);
        inode.acl = match (inherited, source.acl.filter(|_| acl)) {
            (Some(one), Some(other)) => Some([other, one].concat()),
            (one, other) => other.or(one),
        };
        inode.engines = true;
        made
    }
}
