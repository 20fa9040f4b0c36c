//! The calls that a file's map is made of on macOS and iOS, for the rules of `extents`. Compiled, never run.
//! Only APFS and HFS+ are asked: a network file system may give out addresses of its own making.

use core::mem::MaybeUninit;
use core::ptr;

use super::extents::{self, ATTR_CMNEXT_EXT_FLAGS, ATTR_CMNEXT_PRIVATESIZE, Attributes, ExtentCalls, Look};
use crate::sys::api::{Fd, Result, Stat, Sys, unsupported};
use crate::sys::maps::{Base, Batch, Maps, Said};
use crate::sys::posix::{self, Native, done, offset, raw_stat};

/// The file system's name, where its maps are understood.
fn name(fd: Fd) -> Option<&'static str> {
    Native.volume(fd).ok().map(|volume| volume.name).filter(|name| matches!(*name, "apfs" | "hfs"))
}

/// Whether a snapshot is mounted: it shares blocks with its volume, and has another device number.
fn is_snapshot(fd: Fd) -> bool {
    let mut raw = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the system fills the structure when the call succeeds.
    let asked = done(|| unsafe { libc::fstatfs(fd, raw.as_mut_ptr()) });
    // SAFETY: numbers and characters, for which all zeros is a value too.
    let flags = unsafe { raw.assume_init_ref() }.f_flags;
    #[allow(clippy::cast_sign_loss)] // a bit
    let snapshot = flags & libc::MNT_SNAPSHOT as u32 != 0;
    asked.is_err() || snapshot
}

impl Maps for Native {
    fn map(&self, fd: Fd, offset: u64, length: u64, flush: bool, batch: &mut Batch) -> Result<()> {
        name(fd).map_or_else(unsupported, |_| extents::map(self, fd, offset, length, flush, batch))
    }

    /// HFS+ cannot share.
    fn said(&self, fd: Fd) -> Said {
        match name(fd) {
            Some("apfs") => Said::ByRecord,
            Some(_) => Said::Always,
            None => Said::Never,
        }
    }

    fn base(&self, fd: Fd, stat: &Stat) -> Option<Base> {
        name(fd).filter(|_| !is_snapshot(fd)).map(|_| Base::Device(stat.device))
    }

    /// fsync(2) does not say that it writes what was changed through mappings. msync(2) does, and XNU leaves out what is
    /// mapped for reading only (vm_map_msync).
    fn flush_is_complete(&self) -> bool {
        false
    }

    fn exclusive(&self, fd: Fd) -> Option<u64> {
        self.attributes(fd).private
    }
}

impl ExtentCalls for Native {
    fn look(&self, fd: Fd) -> Result<Look> {
        let Stat { size, allocated, .. } = posix::stat(fd)?;
        Ok(Look { size, allocated, flags: raw_stat(fd)?.st_flags })
    }

    fn attributes(&self, fd: Fd) -> Attributes {
        let mut wanted = libc::attrlist {
            bitmapcount: libc::ATTR_BIT_MAP_COUNT,
            reserved: 0,
            commonattr: libc::ATTR_CMN_RETURNED_ATTRS,
            volattr: 0,
            dirattr: 0,
            fileattr: 0,
            forkattr: ATTR_CMNEXT_PRIVATESIZE | ATTR_CMNEXT_EXT_FLAGS,
        };
        let mut reply = [0_u8; 64];
        let (wanted_at, reply_at) = (ptr::from_mut(&mut wanted).cast(), reply.as_mut_ptr().cast());
        let asked = done(|| {
            // SAFETY: the system reads the list, and writes at most the reply's length.
            unsafe { libc::fgetattrlist(fd, wanted_at, reply_at, reply.len(), libc::FSOPT_ATTR_CMN_EXTENDED) }
        });
        // Before macOS 10.13 the attributes are unknown, and EINVAL.
        asked.map_or_else(|_| Attributes::default(), |()| Attributes::decode(&reply))
    }

    fn write_out(&self, fd: Fd) -> Result<()> {
        posix::sync(fd)
    }

    fn physical(&self, fd: Fd, from: u64, length: u64) -> Result<(i64, i64)> {
        let mut asked =
            libc::log2phys { l2p_flags: 0, l2p_contigbytes: offset(length)?, l2p_devoffset: offset(from)? };
        // SAFETY: the system reads and writes one such structure.
        done(|| unsafe { libc::fcntl(fd, libc::F_LOG2PHYS_EXT, ptr::from_mut(&mut asked)) })?;
        Ok((asked.l2p_devoffset, asked.l2p_contigbytes))
    }
}
