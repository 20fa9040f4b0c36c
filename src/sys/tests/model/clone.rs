//! FICLONE, FICLONERANGE and FIDEDUPERANGE by the kernel's own rules (fs/remap_range.c, ioctl_ficlonerange(2)).
//! In the order in which Linux makes the checks, since the order decides which error comes out.

use core::ffi::CStr;

use super::disk::{Ino, What};
use super::fault::Odd;
use super::system::{Cloning, Linux, System};
use super::{About, Call, Errno, Model, Open, Result, World};
use crate::sys::errno::{EBADF, EINVAL, EISDIR, EOPNOTSUPP, EPERM, ETXTBSY, EXDEV};
use crate::sys::{Dedupe, Fd, linux_attributes};

impl Cloning for Linux {
    fn is_users(name: &CStr) -> bool {
        linux_attributes::is_users(name.to_bytes())
    }

    /// In the ACL's attribute.
    fn group_entry(_: &Model<Self>, _: Fd) -> Option<Result<Option<u32>>> {
        None
    }

    fn clone_file(model: &Model<Self>, src: Fd, dst: Fd) -> Result<()> {
        let about = About::fds(src, dst);
        model.call(Call::CloneFile, about, |world, odd| world.remap((src, 0), (dst, 0), 0, odd))
    }

    fn clone_range(
        model: &Model<Self>,
        src: Fd,
        src_offset: u64,
        length: u64,
        dst: Fd,
        dst_offset: u64,
    ) -> Result<()> {
        let about = About::fds(src, dst).numbers(src_offset, dst_offset, length);
        model.call(Call::CloneRange, about, |world, odd| {
            world.remap((src, src_offset), (dst, dst_offset), length, odd)
        })
    }

    fn clone_nothing(model: &Model<Self>, src: Fd, src_size: u64, dst: Fd) -> Result<()> {
        let about = About::fds(src, dst).numbers(src_size, 0, 0);
        model.call(Call::CloneNothing, about, |world, odd| world.remap((src, src_size), (dst, 0), 0, odd))
    }
}

impl World {
    /// `length` 0 is "to the end of the source", as in the kernel.
    fn remap(
        &mut self,
        (src, src_offset): (Fd, u64),
        (dst, dst_offset): (Fd, u64),
        length: u64,
        odd: Option<Odd>,
    ) -> Result<()> {
        let (from, to) = (self.open_file(src)?.clone(), self.open_file(dst)?.clone());
        self.check_pair(from.ino, to.ino)?;
        if !from.read || !to.write || to.append {
            return Err(Errno(EBADF));
        }
        let traits = *self.disk.traits(to.ino);
        if !traits.clones {
            return Err(Errno(EOPNOTSUPP));
        }
        let (source, target) = (&self.disk.inodes[from.ino], &self.disk.inodes[to.ino]);
        if source.nocow != target.nocow {
            return Err(Errno(EINVAL));
        }
        if target.immutable {
            return Err(Errno(EPERM));
        }
        if source.swap || target.swap {
            return Err(Errno(ETXTBSY));
        }
        let size = source.data().size;
        if length == 0 && src_offset >= size {
            return match odd {
                Some(Odd::DirtyClone(errno)) => Err(Errno(errno)),
                _ if src_offset == size => Ok(()),
                _ => Err(Errno(EINVAL)),
            };
        }
        let (explicit, length) = if length == 0 { (false, size - src_offset) } else { (true, length) };
        self.check_range((from.ino, src_offset), (to.ino, dst_offset), length, traits.clone_unit)?;
        if traits.clones_only_nothing {
            return Err(Errno(EOPNOTSUPP));
        }
        self.written(to.ino, dst_offset, length);
        self.share((from.ino, src_offset), (to.ino, dst_offset), length, odd)?;
        // XFS counts whole blocks, in a signed number: too many are less than was asked for.
        let overflows = length.next_multiple_of(traits.clone_unit) > i64::MAX as u64;
        if explicit && overflows { Err(Errno(EINVAL)) } else { Ok(()) }
    }

    fn check_pair(&self, from: Ino, to: Ino) -> Result<()> {
        for ino in [from, to] {
            match self.disk.inodes[ino].what {
                What::File(_) => {}
                What::Directory(_) => return Err(Errno(EISDIR)),
                What::Pseudo { .. } => return Err(Errno(EXDEV)),
                _ => return Err(Errno(EINVAL)),
            }
        }
        if self.disk.traits(from).pool != self.disk.traits(to).pool {
            return Err(Errno(EXDEV));
        }
        Ok(())
    }

    /// generic_remap_checks() and generic_remap_check_len().
    fn check_range(
        &self,
        (from, src_offset): (Ino, u64),
        (to, dst_offset): (Ino, u64),
        length: u64,
        unit: u64,
    ) -> Result<()> {
        let invalid = Err(Errno(EINVAL));
        if src_offset % unit != 0 || dst_offset % unit != 0 {
            return invalid;
        }
        let (Some(src_end), Some(dst_end)) = (src_offset.checked_add(length), dst_offset.checked_add(length))
        else {
            return invalid;
        };
        let (src_size, dst_size) = (self.disk.data(from).size, self.disk.data(to).size);
        if src_end > src_size || src_end > i64::MAX as u64 || dst_end > i64::MAX as u64 {
            return invalid;
        }
        if dst_offset >= self.limit {
            self.violated("a clone at or beyond RLIMIT_FSIZE: SIGXFSZ");
        }
        if dst_end > self.limit {
            return invalid; // shortened, which a clone cannot be
        }
        let rounded = if src_end == src_size { length.next_multiple_of(unit) } else { length };
        if rounded % unit != 0 {
            return invalid;
        }
        if from == to && dst_offset + rounded > src_offset && dst_offset < src_offset + rounded {
            return invalid;
        }
        if length % unit != 0 && dst_end < dst_size {
            return invalid; // the source's last partial block would land inside the destination
        }
        Ok(())
    }

    fn share(
        &mut self,
        (from, src_offset): (Ino, u64),
        (to, dst_offset): (Ino, u64),
        length: u64,
        odd: Option<Odd>,
    ) -> Result<()> {
        let source = self.disk.data(from).clone();
        let unit = source.unit;
        let (length, outcome) = match odd {
            Some(Odd::ShortClone) => ((length - 1) / unit * unit, Ok(())),
            Some(Odd::DirtyClone(errno)) => (length.min(unit), Err(Errno(errno))),
            _ => (length, Ok(())),
        };
        if length > 0 {
            self.disk.change(to, |data| data.share(&source, src_offset, dst_offset, length));
        }
        outcome
    }

    /// vfs_dedupe_file_range() and what it calls, in its order: the source, the pair, the range.
    pub(super) fn dedupe_range(
        &mut self,
        (src, src_offset): (Fd, u64),
        (dst, dst_offset): (Fd, u64),
        length: u64,
        odd: Option<Odd>,
    ) -> Result<Dedupe> {
        let (from, to) = (self.open_file(src)?.clone(), self.open_file(dst)?.clone());
        let traits = *self.disk.traits(to.ino);
        if traits.system != System::Linux || !self.disk.traits(from.ino).clones {
            return Err(Errno(EOPNOTSUPP));
        }
        if !from.read {
            return Err(Errno(EINVAL));
        }
        if !self.may_be_shared_into(&to) {
            return Err(Errno(EPERM));
        }
        self.check_pair(from.ino, to.ino)?;
        if !traits.clones {
            return Err(Errno(EINVAL));
        }
        if length == 0 {
            return Ok(Dedupe::Shared(0));
        }
        self.check_marks(from.ino, to.ino)?;
        let compared =
            self.compared_of((from.ino, src_offset), (to.ino, dst_offset), length, traits.clone_unit)?;
        let (one, other) = (self.disk.data(from.ino).clone(), self.disk.data(to.ino));
        match odd {
            Some(Odd::Zero) => return Ok(Dedupe::Shared(0)),
            Some(Odd::SaysShared) => return Ok(Dedupe::Shared(length)),
            Some(Odd::SaysDiffers) => return Ok(Dedupe::Differs),
            _ if !one.same_stretch(src_offset, other, dst_offset, compared) => return Ok(Dedupe::Differs),
            _ => {}
        }
        let shared = if odd == Some(Odd::Short) { compared.min(traits.clone_unit) } else { compared };
        if shared > 0 {
            self.disk.share_equal(to.ino, |data| data.share(&one, src_offset, dst_offset, shared));
        }
        Ok(Dedupe::Shared(match odd {
            Some(Odd::Short) => shared,
            Some(Odd::TooMuch) => length + 1,
            _ => length, // of what was asked, not of what was compared
        }))
    }

    /// allow_file_dedupe(): root, whoever opened the file to write, its owner, or who may write to it.
    fn may_be_shared_into(&self, to: &Open) -> bool {
        let (me, inode) = (self.disk.maker.0, &self.disk.inodes[to.ino]);
        me == 0 || to.write || inode.owner == me || inode.mode & 0o002 != 0
    }

    fn check_marks(&self, from: Ino, to: Ino) -> Result<()> {
        let (source, target) = (&self.disk.inodes[from], &self.disk.inodes[to]);
        if target.immutable {
            return Err(Errno(EPERM));
        }
        if source.swap || target.swap {
            return Err(Errno(ETXTBSY));
        }
        if source.nocow != target.nocow { Err(Errno(EINVAL)) } else { Ok(()) }
    }

    /// generic_remap_checks() of a dedupe: how much of the request is compared. What is left out is left out in silence.
    fn compared_of(
        &self,
        (from, src_offset): (Ino, u64),
        (to, dst_offset): (Ino, u64),
        length: u64,
        unit: u64,
    ) -> Result<u64> {
        let (src_size, dst_size) = (self.disk.data(from).size, self.disk.data(to).size);
        let inside = |offset: u64, size: u64| offset.checked_add(length).is_some_and(|end| end <= size);
        if src_offset % unit != 0
            || dst_offset % unit != 0
            || !inside(src_offset, src_size)
            || !inside(dst_offset, dst_size)
        {
            return Err(Errno(EINVAL));
        }
        if dst_offset >= self.limit {
            self.violated("a dedupe at or beyond RLIMIT_FSIZE: SIGXFSZ");
        }
        let length = length.min(self.limit - dst_offset).min(1 << 30);
        let ends_both = src_offset + length == src_size && dst_offset + length == dst_size;
        let compared = if ends_both { length } else { length / unit * unit };
        if from == to && src_offset.abs_diff(dst_offset) < compared {
            return Err(Errno(EINVAL));
        }
        Ok(compared)
    }
}
