//! What a file system says of itself on the Unixes that are not Linux: its name, its block size, whether a server is behind it.
//! Each system has its own call for this. The others use POSIX's statvfs, which reports no name.

use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;

use crate::sys::api::{Fd, Result, Volume};
use crate::sys::posix::done;

/// The names that are reported, as the systems spell them (mount(8) of each).
const KNOWN: &[&str] = &[
    "apfs", "hfs", "exfat", "msdos", "msdosfs", "pcfs", "ntfs", "udf", "udfs", "cd9660", "hsfs", "ufs",
    "ffs", "lfs", "zfs", "hammer", "hammer2", "ext2fs", "tmpfs", "mfs", "nullfs", "null", "lofs", "unionfs",
    "union", "fusefs", "fuse", "macfuse", "osxfuse", "puffs", "nfs", "nfs3", "nfs4", "smbfs", "afpfs",
    "webdav", "acfs", "autofs", "devfs", "procfs", "virtiofs",
];

/// The name in a buffer of the system's, if it is a known one.
fn known(name: &[c_char]) -> &'static str {
    // SAFETY: c_char and u8 have the same size, and every value of one is a value of the other.
    let bytes = unsafe { core::slice::from_raw_parts(name.as_ptr().cast::<u8>(), name.len()) };
    let said = CStr::from_bytes_until_nul(bytes).unwrap_or_default().to_bytes();
    KNOWN.iter().find(|known| known.as_bytes() == said).copied().unwrap_or(Volume::UNKNOWN)
}

/// What the file system of a file says of itself.
pub fn ask(fd: Fd) -> Result<Volume> {
    let volume = ask_system(fd)?;
    #[cfg(target_os = "freebsd")]
    let volume = match crate::sys::freebsd::clone_unit(fd) {
        Some(block_size) => Volume { block_size, ..volume },
        None => volume,
    };
    Ok(volume)
}

#[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "dragonfly", target_os = "openbsd"))]
#[allow(clippy::unnecessary_cast, clippy::cast_sign_loss)] // the types of struct statfs differ
fn ask_system(fd: Fd) -> Result<Volume> {
    let mut raw = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the system fills the structure when the call succeeds.
    done(|| unsafe { libc::fstatfs(fd, raw.as_mut_ptr()) })?;
    // SAFETY: numbers and characters, for which all zeros is a value too.
    let raw = unsafe { raw.assume_init_ref() };
    let remote = raw.f_flags as u64 & libc::MNT_LOCAL as u64 == 0;
    Ok(Volume { block_size: raw.f_bsize as u64, remote, name: known(&raw.f_fstypename) })
}

#[cfg(target_os = "netbsd")]
#[allow(clippy::unnecessary_cast, clippy::cast_sign_loss)] // c_ulong is not 64 bits wide everywhere
fn ask_system(fd: Fd) -> Result<Volume> {
    let raw = posix(fd)?;
    let remote = raw.f_flag as u64 & libc::MNT_LOCAL as u64 == 0;
    Ok(Volume { block_size: raw.f_frsize as u64, remote, name: known(&raw.f_fstypename) })
}

#[cfg(reflink_solaris)]
fn ask_system(fd: Fd) -> Result<Volume> {
    let raw = posix(fd)?;
    let name = known(&raw.f_basetype);
    // The versions of NFS are file systems of their own here (<sys/mntent.h>).
    let remote = matches!(name, "nfs" | "nfs3" | "nfs4" | "smbfs" | "autofs");
    Ok(Volume { block_size: raw.f_frsize, remote, name })
}

/// The stand-in on Linux: only what POSIX asks for.
#[cfg(target_os = "linux")]
#[allow(clippy::unnecessary_cast)] // c_ulong is not 64 bits wide everywhere
fn ask_system(fd: Fd) -> Result<Volume> {
    let raw = posix(fd)?;
    Ok(Volume { block_size: raw.f_frsize as u64, remote: false, name: known(&[]) })
}

#[cfg(any(target_os = "netbsd", reflink_solaris, target_os = "linux"))]
fn posix(fd: Fd) -> Result<libc::statvfs> {
    let mut raw = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the system fills the structure when the call succeeds.
    done(|| unsafe { libc::fstatvfs(fd, raw.as_mut_ptr()) })?;
    // SAFETY: numbers and characters, for which all zeros is a value too.
    Ok(unsafe { raw.assume_init() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_if_it_is_known_and_ended() {
        let of = |bytes: &[u8]| known(&bytes.iter().map(|byte| *byte as c_char).collect::<Vec<_>>());
        assert_eq!((of(b"apfs\0junk"), of(b"zfs\0")), ("apfs", "zfs"));
        for other in [&b"zfs"[..], b"", b"\0", b"somethingnew\0", b"\xff\xfe\0"] {
            assert_eq!(of(other), "unknown");
        }
        for (at, one) in KNOWN.iter().enumerate() {
            assert!(one.len() < 32 && KNOWN.iter().skip(at + 1).all(|other| other != one), "{one}");
        }
    }
}
