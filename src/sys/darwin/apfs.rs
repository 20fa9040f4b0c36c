//! Clones on APFS: which flags fclonefileat(2) is given, what is asked of older systems, and what a clone must not keep.
//! Sources: clonefile(2) of macOS 10.12 and of macOS 12, chflags(2), <sys/stat.h> and <sys/xattr.h> of XNU.

use core::ffi::CStr;

use crate::sys::api::{Fd, Handle, Result, Sys};
use crate::sys::errno::{EINVAL, ELOOP, ENODATA, EPERM};
use crate::sys::read_whole::read_whole;

/// A symbolic link is not followed, at the destination's name neither (GNU cp found that out).
pub const CLONE_NOFOLLOW: u32 = 1;
/// The clone is the caller's also where the caller could give it away.
pub const CLONE_NOOWNERCOPY: u32 = 2;
/// The source's ACL is copied. Systems before macOS 12 do not know the flag, and always copy it.
pub const CLONE_ACL: u32 = 4;

/// The flags that a file's owner may change (chflags(2)).
pub const UF_SETTABLE: u32 = 0x0000_ffff;
/// Those that only root may change.
pub const SF_SETTABLE: u32 = 0x3fff_0000;
/// The content lies compressed in an attribute or in the resource fork.
pub const UF_COMPRESSED: u32 = 0x0000_0020;

/// What these rules need besides the calls that every backend has. Each is one system call.
pub trait ApfsCalls: Sys {
    /// fclonefileat(2).
    fn fclonefileat(&self, src: Fd, dir: Fd, name: &CStr, flags: u32) -> Result<()>;
    /// Opens the clone just made, to read it: neither following a link nor waiting for a FIFO. ELOOP
    /// where it is no regular file with this one name: somebody who may write to the directory may have put
    /// something in its place, which the library must not change or remove.
    fn open_clone(&self, dir: Fd, name: &CStr) -> Result<Fd>;
    /// Removes every entry of the ACL.
    fn remove_acl(&self, fd: Fd) -> Result<()>;
    /// `st_flags`.
    fn flags(&self, fd: Fd) -> Result<u32>;
    /// fchflags(2).
    fn set_flags(&self, fd: Fd, flags: u32) -> Result<()>;
    /// Sets the times of last access and change, and of creation, to now.
    fn set_times_to_now(&self, fd: Fd) -> Result<()>;
}

/// [`crate::sys::Extensions::clone_new`]. After an error there is no clone.
pub fn clone_new<C: ApfsCalls>(calls: &C, src: Fd, dir: Fd, name: &CStr, acl: bool) -> Result<Fd> {
    let flags = CLONE_NOFOLLOW | CLONE_NOOWNERCOPY;
    let mut made = calls.fclonefileat(src, dir, name, if acl { flags | CLONE_ACL } else { flags });
    if acl && made.is_err_and(|errno| errno.is(EINVAL)) {
        made = calls.fclonefileat(src, dir, name, flags); // unknown to it: it copies the ACL in any case
    }
    made?;
    open_without_acl(calls, dir, name, acl).inspect_err(|errno| {
        if !errno.is(ELOOP) {
            // Once more if need be: what stays behind would stay for good.
            let _ = calls.unlink(dir, name).or_else(|_| calls.unlink(dir, name));
        }
    })
}

/// Opens the clone, and removes what would keep it from being changed or removed, and an ACL that was copied
/// without being asked for: in this order, since an immutable file takes no other change.
fn open_without_acl<C: ApfsCalls>(calls: &C, dir: Fd, name: &CStr, acl: bool) -> Result<Fd> {
    let clone = Handle::new(calls, calls.open_clone(dir, name)?);
    let unlock = || drop_flags(calls, clone.fd(), calls.flags(clone.fd())?);
    unlock().inspect_err(|_| {
        let _ = unlock(); // what stays locked cannot be removed
    })?;
    if !acl && !knows_acl_flag(calls) {
        calls.remove_acl(clone.fd())?;
    }
    let fd = clone.fd();
    core::mem::forget(clone); // the caller's from here on
    Ok(fd)
}

/// Whether the system knows CLONE_ACL: XNU looks at the flags before it looks at the descriptors.
fn knows_acl_flag<C: ApfsCalls>(calls: &C) -> bool {
    !calls.fclonefileat(-1, -1, c"", CLONE_ACL).is_err_and(|errno| errno.is(EINVAL))
}

/// [`crate::sys::Extensions::forget_source`]: the flags first, since an immutable file takes no other change.
pub fn forget_source<C: ApfsCalls>(calls: &C, fd: Fd, keep_times: bool, keep_attributes: bool) -> Result<()> {
    let flags = calls.flags(fd)?;
    drop_flags(calls, fd, flags)?;
    if !keep_attributes {
        drop_attributes(calls, fd, flags & UF_COMPRESSED != 0)?;
    }
    if keep_times { Ok(()) } else { calls.set_times_to_now(fd) }
}

fn drop_flags<C: ApfsCalls>(calls: &C, fd: Fd, flags: u32) -> Result<()> {
    let [all, owners] = flags_that_stay(flags);
    if all == flags {
        return Ok(());
    }
    match calls.set_flags(fd, all) {
        // One of root's: it came with a right that this process has not.
        Err(errno) if errno.is(EPERM) && owners != all => {
            if owners == flags {
                Ok(())
            } else {
                calls.set_flags(fd, owners)
            }
        }
        outcome => outcome,
    }
}

/// What a clone keeps of its source's flags: that it is compressed, which is a fact about its data, and
/// what nobody can set. In the second place, what it keeps where root's cannot be changed.
pub fn flags_that_stay(flags: u32) -> [u32; 2] {
    let owners = flags & (UF_COMPRESSED | !UF_SETTABLE);
    [owners & !SF_SETTABLE, owners]
}

fn drop_attributes<C: ApfsCalls>(calls: &C, fd: Fd, compressed: bool) -> Result<()> {
    let names = read_whole(|buffer| calls.list_attributes(fd, buffer))?;
    for name in names.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        if !attribute_stays(name.to_bytes(), compressed) {
            match calls.remove_attribute(fd, name) {
                Err(errno) if errno.is(ENODATA) => {} // removed by somebody else
                outcome => outcome?,
            }
        }
    }
    Ok(())
}

/// Whether an extended attribute stays on a clone though attributes are not asked for: the labels of
/// the system's policies (a download must not lose its quarantine by being copied; "macl" is under
/// System Integrity Protection, and cannot be removed), and where a compressed file has its data.
pub fn attribute_stays(name: &[u8], compressed: bool) -> bool {
    match name {
        b"com.apple.quarantine" | b"com.apple.provenance" | b"com.apple.macl" | b"com.apple.decmpfs" => true,
        b"com.apple.ResourceFork" => compressed,
        _ => false,
    }
}
