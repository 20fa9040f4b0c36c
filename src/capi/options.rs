//! How to copy: the options, their values, and how the engine is asked for them.
//! An unknown value is an error: it asks for something that would not be done.

use core::ffi::{c_int, c_void};
use core::mem::offset_of;

use super::accepted::Accepted;
use super::sized::{self, Extensible, INVALID};
use crate::copy::{Durability, IfExists, Mode, Options, Permissions, Preserve};

/// An open file or directory: a descriptor, on Windows a HANDLE. Its definition in the header is
/// written by hand.
#[allow(non_camel_case_types)]
pub type reflink_handle = crate::sys::Fd;

/// Clone if possible, else copy. Holes are kept either way. The default.
pub const REFLINK_AUTO: u32 = 0;
/// Clone or fail. A clone that is refused changes nothing. Into a file that is open already, a clone that
/// fails in the middle (no space, an I/O error) can have changed it: REFLINK_DESTINATION_CHANGED.
pub const REFLINK_ALWAYS: u32 = 0x1;
/// Read and write every byte, so that nothing is shared. Holes are kept. For backups: shared blocks
/// are lost together. (copy_file_range(2) is not used either, since it may share.)
pub const REFLINK_NEVER: u32 = 0x2;

/// Fail with -EEXIST where the destination exists, also as a dangling symbolic link. The default.
pub const REFLINK_FAIL: u32 = 0;
/// Replace a regular file or a symbolic link (the link itself, not what it points to) by one
/// rename: other processes see the old file or the complete new one. It is a new file: the old
/// one's other hard links keep the old content, and nothing of its mode or owner stays.
pub const REFLINK_REPLACE: u32 = 0x10;
/// Write into the existing regular file, as cp does. It keeps its inode, and with it mode, owner and hard links.
/// This is not atomic: the old content is lost, and after a failure the file can hold a part of both
/// (REFLINK_DESTINATION_CHANGED). Refuses what reflink_copy_fd() refuses, before anything is written, and follows `preserve`
/// in the same way. If no file exists, a new one is made as with REFLINK_FAIL: another one that appears in that moment is
/// -EEXIST. A symbolic link is -ELOOP (see REFLINK_FOLLOW_DESTINATION). A FIFO, a socket or a device is never opened.
/// `durability` and `permissions` must be 0. Where cloning makes new files (macOS), bytes are copied.
pub const REFLINK_OVERWRITE: u32 = 0x20;

/// The destination's name shows the old state or the complete new one, to every other process and
/// after any error, signal or kill. After a power loss nothing is promised: on some file systems (XFS,
/// ext4) the name can then hold an empty file, also where there was an old one. The default.
pub const REFLINK_ATOMIC: u32 = 0;
/// As REFLINK_ATOMIC, and also after a power loss: the file is synced before it gets its name, and the directory
/// after. Once the function has returned 0, the copy is on the device. (Exception: a file system that
/// reports that it cannot sync directories.)
pub const REFLINK_DURABLE: u32 = 0x100;
/// For bulk callers that own the directory: the file is made under its own name and removed again
/// on failure; one system call less, and a kill can leave a partial file. With REFLINK_REPLACE, an
/// existing file is replaced as with REFLINK_ATOMIC.
pub const REFLINK_UNSTAGED: u32 = 0x200;

/// The permission bits (rwx) of the source, whatever the umask: under umask 077, a copy of a file that all may read can
/// be read by all. The default.
pub const REFLINK_PERMISSIONS_SOURCE: u32 = 0;
/// The permission bits of the source without those of the umask, as cp gives them.
pub const REFLINK_PERMISSIONS_UMASK: u32 = 0x1000;
/// 0666, or 0777 for a directory of a tree, without the bits of the umask, as open(2) and mkdir(2) give them.
///
/// With both of these the system applies the umask when the file is made, so that it is neither read nor changed. Where
/// the directory has a default access control list, that list counts and the umask does not, as for any
/// new file. With REFLINK_PRESERVE_ACL both are -EINVAL. The set-user-ID, set-group-ID and sticky bits are as REFLINK_PRESERVE_OWNER
/// says, and never those of REFLINK_PERMISSIONS_NEW. On macOS, where a clone has its source's permissions at
/// first, a file is copied whose source is more open than the umask allows; with REFLINK_ALWAYS that is -EPERM.
/// Windows has no umask.
pub const REFLINK_PERMISSIONS_NEW: u32 = 0x2000;

/// Preserve the times of last access and last change, to the nanosecond, or to the file system's step
/// where that is below a microsecond. Where the file system stores coarser times, or cannot store the
/// year, the copy fails with -EOPNOTSUPP (see REFLINK_BEST_EFFORT_METADATA). Exception: a FUSE server
/// may set new times when the caller of reflink_copy_fd() closes the file.
pub const REFLINK_PRESERVE_TIMES: u32 = 0x1_0000;
/// Preserve owner and group, and the set-user-ID, set-group-ID and sticky bits. These bits are set
/// after checking that owner and group were really set, and never without REFLINK_PRESERVE_OWNER.
/// Changing the owner needs privilege; without it the copy fails with -EPERM. Ids without a mapping
/// in the user namespace all look alike and cannot be checked: -EPERM where the source has one of
/// these bits, or a capability that REFLINK_PRESERVE_XATTRS asks for.
pub const REFLINK_PRESERVE_OWNER: u32 = 0x2_0000;
/// Preserve extended attributes, on Linux those of the "user.", "trusted.", "osx." and "os2."
/// namespaces. Exception: attributes that a file system keeps for itself are not copied
/// (trusted.overlay, trusted.SGI_ACL_FILE and the like, the namespaces of btrfs, lustre and others).
/// Security labels are not copied: the system's policy assigns them. "security.capability" is copied only
/// with REFLINK_PRESERVE_OWNER, after checking that the owner was really set. reflink_copy_fd() keeps
/// attributes that only the destination has.
pub const REFLINK_PRESERVE_XATTRS: u32 = 0x4_0000;
/// Preserve the POSIX access control list. Where the source has none, the copy gets none: a list that
/// it inherited from its directory is removed, and so is that of reflink_copy_fd()'s destination.
/// Without this bit, the copy keeps the list that it inherits from its directory, as any new file does. The
/// group bits of a source with a list are the list's mask (acl(5)). On Linux the copy then gets the
/// rights of the list's own group entry, limited by the mask. Other systems with such lists copy the
/// group bits unchanged: see libreflink(7), under "Systems".
pub const REFLINK_PRESERVE_ACL: u32 = 0x8_0000;

/// Refuse a symbolic link as the source, with -ELOOP.
pub const REFLINK_NOFOLLOW: u64 = 0x1_0000_0000;
/// Succeed where the file system refuses to read or to set metadata, or has no room for it.
/// REFLINK_METADATA_INCOMPLETE in the result reports that. An I/O error is still an error. Needed on
/// file systems that cannot store the permission bits (vfat, exFAT, NTFS, many SMB mounts), whether
/// they report that or silently keep other bits. The copy may then be more open than the source.
pub const REFLINK_BEST_EFFORT_METADATA: u64 = 0x2_0000_0000;
/// With reflink_copy_range(): share the whole blocks of the range that both files' block boundaries allow, and write
/// nothing else. For a destination that holds the bytes already, or will get the others from elsewhere. `clone_offset` and
/// `bytes_cloned` of the result say what is shared at least; the method is REFLINK_METHOD_MIXED where something
/// was left out. Where nothing can be shared, REFLINK_AUTO succeeds with 0 bytes and the reason (offsets at different
/// places within a block: REFLINK_REASON_FILE), and REFLINK_ALWAYS fails. With REFLINK_NEVER: -EINVAL.
pub const REFLINK_SHARE_ONLY: u64 = 0x4_0000_0000;
/// With REFLINK_OVERWRITE: follow a symbolic link at the destination, and write into the file that it leads to. One that
/// leads nowhere is -ENOENT: nothing is made through it.
pub const REFLINK_FOLLOW_DESTINATION: u64 = 0x8_0000_0000;

/// How far a copy is. Valid during the call of the progress function only.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct reflink_progress {
    /// sizeof(struct reflink_progress) as the library knows it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Bytes done, cloned ones and holes included.
    pub bytes_done: u64,
    /// Bytes in all, never less than `bytes_done`. Where the source does not know its size (/proc),
    /// this number grows with `bytes_done`.
    pub bytes_total: u64,
}

/// How to copy. NULL instead of a pointer to it means all defaults, and 0 means the default for
/// each member. Every other value belongs to one member, and in another one it is refused with -EINVAL. So
/// is a value that means nothing to the function called: nothing is ignored.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct reflink_options {
    /// sizeof(struct reflink_options), as REFLINK_OPTIONS_INIT sets it.
    pub size: u32,
    /// REFLINK_AUTO, REFLINK_ALWAYS or REFLINK_NEVER.
    pub mode: u32,
    /// REFLINK_FAIL, REFLINK_REPLACE or REFLINK_OVERWRITE. Of functions that give a name.
    pub if_exists: u32,
    /// REFLINK_ATOMIC, REFLINK_DURABLE or REFLINK_UNSTAGED.
    pub durability: u32,
    /// REFLINK_PERMISSIONS_SOURCE, REFLINK_PERMISSIONS_UMASK or REFLINK_PERMISSIONS_NEW. Of functions that give a name.
    pub permissions: u32,
    /// REFLINK_PRESERVE_* bits.
    pub preserve: u32,
    /// REFLINK_NOFOLLOW, REFLINK_BEST_EFFORT_METADATA, REFLINK_SHARE_ONLY, REFLINK_FOLLOW_DESTINATION.
    pub flags: u64,
    /// Called at the beginning, between stretches and at the end, by the thread that called the
    /// library; non-zero cancels the copy with -ECANCELED. With it a clone is made in steps of at
    /// most 1 GiB, so that it is no longer of one instant of the source. Without (NULL) a clone is one call,
    /// which only SIGKILL interrupts. `bytes_done` begins again at 0 where all data must be copied a second
    /// time (a file without a name cannot be linked, a clone came out short). It must not throw, longjmp or call pthread_exit, and its
    /// thread is not cancelled in it either.
    pub progress: Option<unsafe extern "C" fn(user: *mut c_void, progress: *const reflink_progress) -> c_int>,
    /// Passed to `progress`.
    pub user: *mut c_void,
    /// NULL, or points to a number. Once that is not 0, the copy ends with -ECANCELED, as if `progress` had said so. Another
    /// thread (atomically) or a signal handler sets it. The library looks at it between the steps that
    /// `progress` divides the work into, also if `progress` is NULL, and before the copy gets its name.
    pub cancel: *const c_int,
    /// NULL.
    pub reserved: *mut c_void,
}

// SAFETY: integers, and after them a function pointer and pointers that may be NULL.
unsafe impl Extensible for reflink_options {
    const FIRST: usize = offset_of!(reflink_options, reserved) + size_of::<*mut c_void>();
}

/// The caller's options, checked.
pub struct Asked {
    /// What the engine needs to know.
    pub options: Options,
    /// The progress function.
    pub progress: Option<unsafe extern "C" fn(*mut c_void, *const reflink_progress) -> c_int>,
    /// The argument of the progress function.
    pub user: *mut c_void,
    /// NULL, or what asks to stop once it is not 0.
    pub cancel: *const c_int,
}

// Written out, since Rust 1.85 has no default for a pointer.
impl Default for Asked {
    fn default() -> Self {
        Self {
            options: Options::default(),
            progress: None,
            user: core::ptr::null_mut(),
            cancel: core::ptr::null(),
        }
    }
}

/// Reads the options; NULL is all defaults. A value that is unknown, or that the function does not accept, is an error: it
/// asks for something that would not be done.
///
/// # Safety
/// `from` is NULL, or points to a structure that is as large as its first member says.
pub unsafe fn read(from: *const reflink_options, accepted: &Accepted) -> Result<Asked, c_int> {
    if from.is_null() {
        return Ok(Asked::default());
    }
    // SAFETY: not NULL, and the caller of this function vouches for the rest.
    let raw = unsafe { sized::read(from) }?;
    let options = checked(&raw, accepted)?;
    Ok(Asked { options, progress: raw.progress, user: raw.user, cancel: raw.cancel })
}

/// What the engine is asked for. A value that is unknown, or that the function does not accept, is an error.
pub fn checked(raw: &reflink_options, accepted: &Accepted) -> Result<Options, c_int> {
    accepted.check(raw)?;
    Ok(Options {
        mode: match raw.mode {
            REFLINK_AUTO => Mode::Auto,
            REFLINK_ALWAYS => Mode::Always,
            REFLINK_NEVER => Mode::Never,
            _ => return Err(INVALID),
        },
        if_exists: match raw.if_exists {
            REFLINK_FAIL => IfExists::Fail,
            REFLINK_REPLACE => IfExists::Replace,
            REFLINK_OVERWRITE => IfExists::Overwrite,
            _ => return Err(INVALID),
        },
        durability: match raw.durability {
            REFLINK_ATOMIC => Durability::Atomic,
            REFLINK_DURABLE => Durability::Durable,
            REFLINK_UNSTAGED => Durability::Unstaged,
            _ => return Err(INVALID),
        },
        permissions: match raw.permissions {
            REFLINK_PERMISSIONS_SOURCE => Permissions::Source,
            REFLINK_PERMISSIONS_UMASK => Permissions::Umask,
            REFLINK_PERMISSIONS_NEW => Permissions::New,
            _ => return Err(INVALID),
        },
        preserve: Preserve {
            times: raw.preserve & REFLINK_PRESERVE_TIMES != 0,
            owner: raw.preserve & REFLINK_PRESERVE_OWNER != 0,
            attributes: raw.preserve & REFLINK_PRESERVE_XATTRS != 0,
            acl: raw.preserve & REFLINK_PRESERVE_ACL != 0,
        },
        nofollow: raw.flags & REFLINK_NOFOLLOW != 0,
        follow_destination: raw.flags & REFLINK_FOLLOW_DESTINATION != 0,
        share_only: raw.flags & REFLINK_SHARE_ONLY != 0,
        best_effort_metadata: raw.flags & REFLINK_BEST_EFFORT_METADATA != 0,
    })
}
