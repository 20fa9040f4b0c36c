//! The C interface of libreflink, for Rust. Most programs want the crate `libreflink-fs`, which is safe to use.
//! What is between the lines that say "make header" is made from the library's own sources.
//!
//! The [manual](https://libreflink.invalid) is that of C. Set `size` of each structure with its `Default`, and leave at 0
//! what has no other value: 0 is the default of each member.

#![no_std]
#![allow(non_camel_case_types)]
#![warn(missing_docs)]
// The comments are those of the C header.
#![allow(rustdoc::all, clippy::doc_markdown)]

#[cfg(feature = "static")]
extern crate libreflink_static as _;

mod layout;

use core::ffi::{c_char, c_int, c_void};

/// An open file or directory: a descriptor; on Windows a HANDLE.
#[cfg(not(windows))]
pub type reflink_handle = c_int;
/// An open file or directory: a descriptor; on Windows a HANDLE.
#[cfg(windows)]
pub type reflink_handle = *mut c_void;

// make header: rust-items
/// Raised when a program must be changed to use the library.
pub const REFLINK_VERSION_MAJOR: u32 = 0;
/// Raised when something is added.
pub const REFLINK_VERSION_MINOR: u32 = 1;
/// Raised when something is fixed.
pub const REFLINK_VERSION_PATCH: u32 = 0;
/// Internal error: a bug in this library. The result is unknown, except that the promises about the
/// destination's name hold.
pub const REFLINK_ERR_PANIC: c_int = -4097;
/// A FIFO, a socket or a device where a regular file is needed. (A directory is -EISDIR.)
pub const REFLINK_ERR_NOT_REGULAR: c_int = -4098;
/// Source and destination are the same file.
pub const REFLINK_ERR_SAME_FILE: c_int = -4099;
/// Both ranges are in one file, and they overlap.
pub const REFLINK_ERR_OVERLAP: c_int = -4100;
/// The destination is open with O_APPEND, so the system would write everything at its end.
pub const REFLINK_ERR_APPEND: c_int = -4101;
/// The system's answers contradict each other. For example, a file's size differs from what was
/// written, or a read returns more bytes than requested. Most likely a bug in a file system.
pub const REFLINK_ERR_INCONSISTENT: c_int = -4102;
/// Of trees: the destination is inside the source, or what would be replaced is the source or contains it.
pub const REFLINK_ERR_INTO_ITSELF: c_int = -4103;
/// Of trees: two names of a directory are one name on the destination, which does not tell upper and lower case, or forms
/// of a letter, apart.
pub const REFLINK_ERR_NAME_CLASH: c_int = -4104;
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

impl Default for reflink_options {
    fn default() -> Self {
        // SAFETY: integers, and pointers that may be NULL.
        Self { size: size_of::<Self>() as u32, ..unsafe { core::mem::zeroed() } }
    }
}

/// No data was copied: there was nothing to do, or the call failed before.
pub const REFLINK_METHOD_NONE: u32 = 0;
/// All of it shares its blocks with the source. This is what the file system reports, and a server may
/// report a clone where it made a copy: see libreflink(7), under "Limits".
pub const REFLINK_METHOD_CLONE: u32 = 1;
/// Part of it was cloned: the middle of a range, or the part of a file before the method changed. After
/// a failure also: a clone stopped in the middle, and at least `bytes_cloned` of it are there.
pub const REFLINK_METHOD_MIXED: u32 = 2;
/// The kernel copied (copy_file_range(2)), at least in part. It may have shared blocks, and does not
/// report whether it did.
pub const REFLINK_METHOD_KERNEL_COPY: u32 = 3;
/// Read and written: nothing is shared.
pub const REFLINK_METHOD_COPY: u32 = 4;
/// Everything was cloned, or the call ended before cloning was tried.
pub const REFLINK_REASON_NONE: u32 = 0;
/// This volume cannot clone, or this kernel does not support it.
pub const REFLINK_REASON_UNSUPPORTED: u32 = 1;
/// Not between these two file systems.
pub const REFLINK_REASON_CROSS_DEVICE: u32 = 2;
/// Not this file or this range: alignment, NOCOW on one side only (Btrfs), a limit, a swap file.
/// Other files may be cloned.
pub const REFLINK_REASON_FILE: u32 = 3;
/// Forbidden, or filtered away by a sandbox (seccomp, SELinux).
pub const REFLINK_REASON_PERMISSION: u32 = 4;
/// Not possible now; it may be later.
pub const REFLINK_REASON_TRANSIENT: u32 = 5;
/// REFLINK_NEVER was asked for.
pub const REFLINK_REASON_NOT_ASKED: u32 = 6;
/// Cloning is possible and failed: no space, no memory, an I/O error.
pub const REFLINK_REASON_FAILURE: u32 = 7;
/// Nothing failed.
pub const REFLINK_STEP_NONE: u32 = 0;
/// Reading the arguments.
pub const REFLINK_STEP_ARGUMENTS: u32 = 1;
/// Opening the source.
pub const REFLINK_STEP_OPEN_SOURCE: u32 = 2;
/// Checking both files before anything is written.
pub const REFLINK_STEP_CHECK: u32 = 3;
/// Making the new file.
pub const REFLINK_STEP_CREATE: u32 = 4;
/// Cloning.
pub const REFLINK_STEP_CLONE: u32 = 5;
/// Copying.
pub const REFLINK_STEP_COPY: u32 = 6;
/// Setting owner, extended attributes, ACL, mode or times.
pub const REFLINK_STEP_METADATA: u32 = 7;
/// Syncing to the device.
pub const REFLINK_STEP_SYNC: u32 = 8;
/// Giving the new file its name.
pub const REFLINK_STEP_PUBLISH: u32 = 9;
/// Closing.
pub const REFLINK_STEP_CLOSE: u32 = 10;
/// The progress function, or `cancel` of the options, stopped the copy.
pub const REFLINK_STEP_PROGRESS: u32 = 11;
/// Of trees: opening or reading a directory.
pub const REFLINK_STEP_WALK: u32 = 12;
/// Of trees: `filter`.
pub const REFLINK_STEP_FILTER: u32 = 13;
/// Of trees: removing the replaced tree, after the name got the new one (REFLINK_PUBLISHED), or an unfinished one. After an
/// earlier failure, that failure is returned.
pub const REFLINK_STEP_CLEANUP: u32 = 14;
/// Asking where the bytes of a file lie.
pub const REFLINK_STEP_MAP: u32 = 15;
/// Comparing two ranges and making them share their blocks.
pub const REFLINK_STEP_DEDUPE: u32 = 16;
/// In `flags` of struct reflink_result or struct reflink_tree_entry: size, mtime or ctime of the source changed during
/// the copy, so the copy may mix old and new content. A clone in one call is of one instant; only its
/// size is checked.
pub const REFLINK_SOURCE_CHANGED: u32 = 0x1;
/// In `flags` of struct reflink_result, struct reflink_tree_result or struct reflink_tree_entry: some metadata could not be
/// set, and REFLINK_BEST_EFFORT_METADATA allowed that. Without that flag: a sandbox forbids asking whether the source
/// has an access control list, and so the copy's group bits are no more than those of others.
pub const REFLINK_METADATA_INCOMPLETE: u32 = 0x2;
/// In `flags` of struct reflink_result or struct reflink_tree_result: the destination's name holds the complete new file
/// or tree; with REFLINK_MERGE, every entry that was not skipped is in place. Also set when something failed after the
/// name was given (REFLINK_STEP_SYNC, REFLINK_STEP_CLOSE, REFLINK_STEP_CLEANUP), or in the call that gave it.
/// reflink_copy_fd() and reflink_copy_range() never set it: they give no names.
pub const REFLINK_PUBLISHED: u32 = 0x4;
/// In `flags` of struct reflink_result or struct reflink_tree_result, after a failure: an existing destination
/// (reflink_copy_fd(), reflink_copy_range(), REFLINK_OVERWRITE, REFLINK_MERGE) was changed, or may have been; or an
/// unfinished tree stands under the name (REFLINK_UNSTAGED). What the result counts is there; more may be. If it is not
/// set, the content of the destination is unchanged.
pub const REFLINK_DESTINATION_CHANGED: u32 = 0x8;
/// In `flags` of a result: something of the library's own, or the replaced tree, was left beside the destination. `litter`
/// has its name.
pub const REFLINK_LITTER: u32 = 0x20;
/// In `flags` of a result or of struct reflink_tree_entry, after a failure: the call that failed was made on the source
/// ("error reading"). Where neither this flag nor REFLINK_AT_DESTINATION is set, the call was made on both files at
/// once, or on none of them.
pub const REFLINK_AT_SOURCE: u32 = 0x100;
/// In `flags` of a result or of struct reflink_tree_entry, after a failure: the call that failed was made on the
/// destination, its name or its directory ("error writing").
pub const REFLINK_AT_DESTINATION: u32 = 0x200;

/// What was done, or why it failed. Every call that accepts this structure fills it, on success and
/// on failure.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reflink_result {
    /// sizeof(struct reflink_result), as REFLINK_RESULT_INIT sets it.
    pub size: u32,
    /// REFLINK_STEP_*: which operation failed.
    pub step: u32,
    /// REFLINK_REASON_*: why not everything was cloned.
    pub reason: u32,
    /// REFLINK_SOURCE_CHANGED, REFLINK_METADATA_INCOMPLETE, REFLINK_PUBLISHED, REFLINK_DESTINATION_CHANGED,
    /// REFLINK_LITTER, REFLINK_AT_SOURCE, REFLINK_AT_DESTINATION.
    pub flags: u32,
    /// The raw error of the operating system behind a failure (errno, positive; on Windows a Win32
    /// code), 0 if none: the library refused it itself.
    pub os_error: i32,
    /// The -errno that refused the clone, 0 if none did.
    pub clone_error: i32,
    /// REFLINK_METHOD_*: how the data was copied.
    pub method: u32,
    /// 0.
    pub reserved: u32,
    /// Bytes that share their blocks with the source, holes between them included.
    pub bytes_cloned: u64,
    /// Bytes copied, by the kernel or by reading and writing.
    pub bytes_copied: u64,
    /// Bytes left as holes. The three add up to the length; after an error, to how far it got at least.
    pub bytes_hole: u64,
    /// Of reflink_copy_range(): where `bytes_cloned` begin, from the range's beginning.
    pub clone_offset: u64,
    /// With REFLINK_LITTER the private name, NUL-terminated; else empty.
    pub litter: [c_char; 32],
}

impl Default for reflink_result {
    fn default() -> Self {
        // SAFETY: integers, and pointers that may be NULL.
        Self { size: size_of::<Self>() as u32, ..unsafe { core::mem::zeroed() } }
    }
}

/// As a length: the rest of the source. It is the largest length that is valid.
pub const REFLINK_TO_EOF: u64 = 0x7fff_ffff_ffff_ffff;

/// What a directory can do, found out by trying. Each answer is 1 (yes), 0 (no) or -1 (unknown).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reflink_capability {
    /// sizeof(struct reflink_capability), as REFLINK_CAPABILITY_INIT sets it.
    pub size: u32,
    /// REFLINK_REASON_*: why files cannot be cloned, or why that is unknown.
    pub reason: u32,
    /// Files can be cloned there.
    pub clone: i32,
    /// The -errno that said so, 0 if none.
    pub clone_error: i32,
    /// Ranges can be cloned.
    pub clone_range: i32,
    /// copy_file_range(2) works there.
    pub kernel_copy: i32,
    /// Equal ranges of two files can be made to share blocks (reflink_dedupe_range()). Found out with files
    /// that were written apart: the same bytes came to share, and a byte that differs kept them from it. -1 for an
    /// empty file as the source.
    pub dedupe: i32,
    /// The -errno that refused to share, 0 if none.
    pub dedupe_error: i32,
    /// Two names can be exchanged in one step: REFLINK_REPLACE of a tree works without
    /// REFLINK_TREE_TWO_RENAMES.
    pub exchange: i32,
    /// A copy can be built without a name (O_TMPFILE); else under a private one.
    pub unnamed_files: i32,
    /// Holes take no space and can be found.
    pub sparse: i32,
    /// 0.
    pub reserved: i32,
    /// The alignment in bytes that range clones were seen to need there, 0 if none was seen to
    /// work.
    pub granularity: u64,
    /// The alignment in bytes in which ranges came to share, 0 if none did, or a smaller file as a whole.
    pub dedupe_granularity: u64,
    /// The file system's name, NUL-terminated: "xfs", "btrfs", "unknown". For people, not for
    /// decisions.
    pub fs_name: [core::ffi::c_char; 32],
}

impl Default for reflink_capability {
    fn default() -> Self {
        // SAFETY: integers, and pointers that may be NULL.
        Self { size: size_of::<Self>() as u32, ..unsafe { core::mem::zeroed() } }
    }
}

/// Do not write the file out first. By default the library writes out the whole file (as fdatasync(2) does, without waiting
/// for the device), since a new or rewritten range has no place until then. With this flag, and only if a part of the
/// file is not written out, bytes that may be concerned are pending or unknown. No answer becomes false. Overlayfs does
/// not say whether all is written out: there, shared blocks and holes are always pending.
pub const REFLINK_MAP_NO_FLUSH: u64 = 0x1000_0000_0000_0000;
/// In `flags` of struct reflink_extents_result: `bytes_exclusive` is exact, since the file system itself counts it. Only
/// APFS does, for a whole file: offset 0, REFLINK_TO_EOF, without REFLINK_MAP_NO_FLUSH.
pub const REFLINK_EXACT: u32 = 0x40;
/// In `flags` of struct reflink_extents_result and struct reflink_shared_result: a file changed during the call, or
/// the file system's answers contradict each other. The sums of reflink_extents() then mix old and new.
/// reflink_shared() reports all bytes as unknown.
pub const REFLINK_MAP_CHANGED: u32 = 0x80;
/// Bytes in blocks.
pub const REFLINK_EXTENT_DATA: u32 = 1;
/// A hole: no blocks, reads as zeros.
pub const REFLINK_EXTENT_HOLE: u32 = 2;
/// Blocks that are reserved and not written yet: they read as zeros.
pub const REFLINK_EXTENT_PREALLOCATED: u32 = 3;
/// Bytes in the metadata of the file system: no blocks.
pub const REFLINK_EXTENT_INLINE: u32 = 4;
/// Bytes without a known place: not written out yet, or the file system does not say where.
pub const REFLINK_EXTENT_PENDING: u32 = 5;
/// In `flags` of struct reflink_extent: something else uses the blocks too (another file, a snapshot, or another
/// place of the same file). On Btrfs this holds for a whole extent as soon as a part of it is used elsewhere, on ReFS as
/// soon as its first cluster is. On XFS the flag can stay for a moment after the other file was removed. On APFS it
/// is set only in a file that shares all of its blocks.
pub const REFLINK_EXTENT_SHARED: u32 = 0x1;
/// In `flags` of struct reflink_extent: compressed or encrypted. `length` is that of the file's bytes, and the blocks
/// may be fewer.
pub const REFLINK_EXTENT_ENCODED: u32 = 0x2;
/// In `flags` of struct reflink_extent: `place` is valid. Two extents on one volume hold the same blocks if both have
/// this flag and REFLINK_EXTENT_SHARED and their places are equal. reflink_shared() makes this comparison safely.
pub const REFLINK_EXTENT_PLACE: u32 = 0x4;
/// In `flags` of struct reflink_extent: beyond the end of the file.
pub const REFLINK_EXTENT_BEYOND_EOF: u32 = 0x8;
/// The file system gives out no map of its files (NFS, FUSE, ZFS, tmpfs, all of FreeBSD), the data are kept elsewhere (in
/// a cloud), or it is forbidden to ask. `reason` and `os_error` say which.
pub const REFLINK_SHARING_UNKNOWN: u32 = 0;
/// The file system gives out a map, which does not say for all bytes whether they are shared. SMB says it for none, APFS
/// for none in a file that shares only a part, ReFS not for an extent longer than a cluster if its first cluster is not
/// shared. `bytes_shared` is then a minimum.
pub const REFLINK_SHARING_UNREPORTED: u32 = 1;
/// The file system says what is shared, or cannot share anything (ext4).
pub const REFLINK_SHARING_KNOWN: u32 = 2;
/// It cannot be told whether any byte is shared.
pub const REFLINK_SHARED_UNKNOWN: u32 = 0;
/// Nothing is shared.
pub const REFLINK_SHARED_NONE: u32 = 1;
/// A part is shared. Unknown bytes may be shared too.
pub const REFLINK_SHARED_PART: u32 = 2;
/// Everything is shared: both ranges end together, nothing is apart, nothing is unknown.
pub const REFLINK_SHARED_ALL: u32 = 3;

/// A piece of a file. This structure has no size and never grows, since it comes in arrays.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reflink_extent {
    /// Where it begins in the file.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// With REFLINK_EXTENT_PLACE: where it lies on the volume, in bytes. A number to compare; it need not be an
    /// address of a device. Else 0.
    pub place: u64,
    /// REFLINK_EXTENT_DATA, REFLINK_EXTENT_HOLE, REFLINK_EXTENT_PREALLOCATED, REFLINK_EXTENT_INLINE or
    /// REFLINK_EXTENT_PENDING.
    pub kind: u32,
    /// REFLINK_EXTENT_SHARED, REFLINK_EXTENT_ENCODED, REFLINK_EXTENT_PLACE, REFLINK_EXTENT_BEYOND_EOF.
    pub flags: u32,
    /// 0.
    pub reserved: u64,
}

/// What a range of a file is made of. Filled on success and on failure. The seven sums from `bytes_shared` to
/// `bytes_pending` add up to `length`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reflink_extents_result {
    /// sizeof(struct reflink_extents_result), as REFLINK_EXTENTS_RESULT_INIT sets it.
    pub size: u32,
    /// REFLINK_STEP_*: which operation failed.
    pub step: u32,
    /// REFLINK_REASON_*: why there is no map (REFLINK_SHARING_UNKNOWN).
    pub reason: u32,
    /// REFLINK_EXACT, REFLINK_MAP_CHANGED, REFLINK_AT_SOURCE.
    pub flags: u32,
    /// The raw error of the operating system behind a failure, or behind REFLINK_SHARING_UNKNOWN. 0 if none.
    pub os_error: i32,
    /// REFLINK_SHARING_UNKNOWN, REFLINK_SHARING_UNREPORTED or REFLINK_SHARING_KNOWN. Only with REFLINK_SHARING_KNOWN
    /// does `bytes_unshared` mean that nothing else uses these bytes.
    pub reported: u32,
    /// Bytes looked at: the range, up to the end of the file. 0 with REFLINK_SHARING_UNKNOWN.
    pub length: u64,
    /// Bytes in blocks that something else uses too.
    pub bytes_shared: u64,
    /// Bytes in blocks that nothing else uses, as far as the file system says.
    pub bytes_unshared: u64,
    /// Bytes that are compressed or encrypted, shared or not.
    pub bytes_encoded: u64,
    /// Bytes in preallocated blocks, up to the end of the file.
    pub bytes_preallocated: u64,
    /// Bytes in holes.
    pub bytes_hole: u64,
    /// Bytes in the metadata of the file system.
    pub bytes_inline: u64,
    /// Bytes without a known place.
    pub bytes_pending: u64,
    /// Of `bytes_encoded`: those that are shared.
    pub bytes_encoded_shared: u64,
    /// Of `bytes_preallocated`: those that are shared (Btrfs). A write to them allocates new blocks.
    pub bytes_preallocated_shared: u64,
    /// Bytes held beyond the end of the file, as far as the range reaches there. The rest of the last block is not
    /// counted.
    pub bytes_beyond_eof: u64,
    /// Bytes that no other file uses: unshared data, and unshared preallocated blocks before and beyond the end of
    /// the file. A minimum, and 0 unless `reported` is REFLINK_SHARING_KNOWN. Exception: with REFLINK_EXACT the number is
    /// exact whatever `reported` is, in whole blocks, as the file system counts them. Removing the file need not free
    /// these bytes: it may be open, have other names, or be in a snapshot that was made later.
    pub bytes_exclusive: u64,
    /// Extents of the file in the range. Holes are not counted.
    pub extents: u64,
}

impl Default for reflink_extents_result {
    fn default() -> Self {
        // SAFETY: integers, and pointers that may be NULL.
        Self { size: size_of::<Self>() as u32, ..unsafe { core::mem::zeroed() } }
    }
}

/// How two ranges relate. Filled on success and on failure. `bytes_same`, `bytes_apart`, `bytes_hole` and
/// `bytes_unknown` add up to `length`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reflink_shared_result {
    /// sizeof(struct reflink_shared_result), as REFLINK_SHARED_RESULT_INIT sets it.
    pub size: u32,
    /// REFLINK_STEP_*: which operation failed.
    pub step: u32,
    /// REFLINK_REASON_CROSS_DEVICE: the files lie on two volumes, which cannot share. Another REFLINK_REASON_*: why
    /// there is no map (REFLINK_SHARING_UNKNOWN).
    pub reason: u32,
    /// REFLINK_MAP_CHANGED, REFLINK_AT_SOURCE (`a`), REFLINK_AT_DESTINATION (`b`).
    pub flags: u32,
    /// The raw error of the operating system behind a failure, or behind REFLINK_SHARING_UNKNOWN. 0 if none.
    pub os_error: i32,
    /// REFLINK_SHARING_UNKNOWN, REFLINK_SHARING_UNREPORTED or REFLINK_SHARING_KNOWN: the lower one of both files.
    pub reported: u32,
    /// REFLINK_SHARED_UNKNOWN, REFLINK_SHARED_NONE, REFLINK_SHARED_PART or REFLINK_SHARED_ALL.
    pub verdict: u32,
    /// 0.
    pub reserved: u32,
    /// Bytes looked at: the range, up to the later of both ends of file.
    pub length: u64,
    /// Bytes that lie at one place in both.
    pub bytes_same: u64,
    /// Bytes that lie at different places, or that only one of both has.
    pub bytes_apart: u64,
    /// Bytes that are holes in both.
    pub bytes_hole: u64,
    /// Bytes about which the file system does not say enough: compressed, or without a place.
    pub bytes_unknown: u64,
    /// The first byte that is apart, counted from the beginning of the ranges; `length` if there is none.
    pub first_apart: u64,
    /// The first byte that is unknown; `length` if there is none.
    pub first_unknown: u64,
}

impl Default for reflink_shared_result {
    fn default() -> Self {
        // SAFETY: integers, and pointers that may be NULL.
        Self { size: size_of::<Self>() as u32, ..unsafe { core::mem::zeroed() } }
    }
}

/// Go on after a difference, and share the whole blocks that are equal there too. Without it the call stops at the first
/// difference.
pub const REFLINK_DEDUPE_CONTINUE: u64 = 0x100_0000_0000_0000;
/// Also ask the system to share what is shared already. Without it the library looks at the maps of both files first, and
/// leaves out what they show to be shared. To look, it writes both files out.
pub const REFLINK_DEDUPE_NO_LOOK: u64 = 0x200_0000_0000_0000;
/// Check afterwards in the maps of both files what is shared, and count it in `bytes_verified`.
pub const REFLINK_DEDUPE_VERIFY: u64 = 0x400_0000_0000_0000;

/// How to make equal files share. NULL instead of a pointer to it means all defaults, and 0 means the default
/// for each member.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reflink_dedupe_options {
    /// sizeof(struct reflink_dedupe_options), as REFLINK_DEDUPE_OPTIONS_INIT sets it.
    pub size: u32,
    /// REFLINK_ATOMIC, or REFLINK_DURABLE: the destination is synced at the end.
    pub durability: u32,
    /// REFLINK_DEDUPE_CONTINUE, REFLINK_DEDUPE_NO_LOOK, REFLINK_DEDUPE_VERIFY.
    pub flags: u64,
    /// Called at the beginning, between steps of at most 16 MiB and at the end, by the thread that called the
    /// library; non-zero cancels with -ECANCELED. `bytes_done` begins again at 0 if a file was written while
    /// the library looked at the maps. It must not throw, longjmp or call pthread_exit.
    pub progress: Option<unsafe extern "C" fn(user: *mut c_void, progress: *const reflink_progress) -> c_int>,
    /// Passed to `progress`.
    pub user: *mut c_void,
    /// NULL, or an int that another thread (atomically) or a signal handler sets: if it is not 0, the call ends with
    /// -ECANCELED at the next step.
    pub cancel: *const c_int,
    /// NULL.
    pub reserved: *mut c_void,
}

impl Default for reflink_dedupe_options {
    fn default() -> Self {
        // SAFETY: integers, and pointers that may be NULL.
        Self { size: size_of::<Self>() as u32, ..unsafe { core::mem::zeroed() } }
    }
}

/// What was compared and shared. Filled on success and on failure. All `bytes_` members except `bytes_verified`
/// add up to `length`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reflink_dedupe_result {
    /// sizeof(struct reflink_dedupe_result), as REFLINK_DEDUPE_RESULT_INIT sets it.
    pub size: u32,
    /// REFLINK_STEP_*: which operation failed.
    pub step: u32,
    /// REFLINK_REASON_*: why bytes were skipped, or what failed. A difference has no reason.
    pub reason: u32,
    /// REFLINK_AT_SOURCE, REFLINK_AT_DESTINATION.
    pub flags: u32,
    /// The raw error of the operating system behind a failure, 0 if none.
    pub os_error: i32,
    /// The -errno by which the system refused to share, 0 if it did not.
    pub dedupe_error: i32,
    /// Bytes of the range, up to the end of the longer file.
    pub length: u64,
    /// Bytes that the system compared, found to be the same, and shared. This is not the space gained:
    /// an extent stays allocated as long as any file or snapshot uses a part of it.
    pub bytes_deduped: u64,
    /// Bytes that were shared before, or holes in both, by the maps of both files. They were not compared.
    pub bytes_already: u64,
    /// Bytes of the blocks in which something differs, and bytes that only one of both files has.
    pub bytes_different: u64,
    /// Bytes that the system could not be asked to share: parts of blocks, a file that cannot be shared, no support,
    /// beyond the limit on file sizes (setrlimit(2)), data in the metadata (Btrfs keeps small files there). Whether they
    /// are equal is unknown.
    pub bytes_skipped: u64,
    /// Bytes after the difference or the error that ended the call. Whether they are equal is unknown.
    pub bytes_not_reached: u64,
    /// With REFLINK_DEDUPE_VERIFY: bytes of `bytes_deduped` and `bytes_already` that the maps show to be shared
    /// afterwards. The rest is unknown: no map, an overlay, compressed (Btrfs), or written to since.
    pub bytes_verified: u64,
    /// The first byte that was found to differ, or that only one of both files has, counted from the beginning
    /// of the range; `length` if none was. Bytes before it that were skipped may differ too.
    pub first_difference: u64,
}

impl Default for reflink_dedupe_result {
    fn default() -> Self {
        // SAFETY: integers, and pointers that may be NULL.
        Self { size: size_of::<Self>() as u32, ..unsafe { core::mem::zeroed() } }
    }
}

/// Of trees: copy into the directory that is there, each entry atomically. Entries that only the destination has stay.
/// An existing directory keeps its mode and owner, and does not get the source's times: its time of modification changes as
/// always when something is added or replaced in it. If exactly one of both entries is a directory, that is -EEXIST for the
/// entry (see `on_error`). An existing symbolic link is replaced, never entered. Other entries are replaced, unless
/// REFLINK_TREE_KEEP_EXISTING is set. After an error, what was copied so far stays: REFLINK_DESTINATION_CHANGED.
pub const REFLINK_MERGE: u32 = 0x40;
/// Of trees: each name of a file becomes a file of its own. Without it, names of one file in the source are names of one
/// file in the copy.
pub const REFLINK_TREE_SPLIT_LINKS: u64 = 0x100_0000_0000;
/// Of trees: leave out FIFOs, sockets and devices, and count them in `specials_left_out`. Without it they are made anew.
/// They are never opened.
pub const REFLINK_TREE_SKIP_SPECIAL: u64 = 0x200_0000_0000;
/// Of trees: do not enter what is mounted below the source. A mount point becomes an empty directory, a mounted file an
/// empty file. Both are counted in `mounts_left_empty`. A Btrfs subvolume is not a mount.
pub const REFLINK_TREE_ONE_MOUNT: u64 = 0x400_0000_0000;
/// Of trees, with REFLINK_REPLACE: where two names cannot be exchanged in one step, rename the old tree away, then give the
/// new one its name. Between the two renames nothing has the name. The old tree is then called ".reflink-old-" and
/// 16 hexadecimal digits. It gets its name back if the second rename fails.
pub const REFLINK_TREE_TWO_RENAMES: u64 = 0x800_0000_0000;
/// Of trees: write the source's file system through to the device first (syncfs(2); -EOPNOTSUPP on systems other than
/// Linux). On XFS, cloning files that were written a moment ago takes many times as long, since each clone writes its file
/// out first. The flush writes other programs' data too.
pub const REFLINK_TREE_FLUSH_SOURCE: u64 = 0x1000_0000_0000;
/// Of trees, with REFLINK_MERGE: do not replace existing entries, and count them in `entries_kept`.
pub const REFLINK_TREE_KEEP_EXISTING: u64 = 0x2000_0000_0000;
/// Of trees, with REFLINK_REPLACE: the old tree stays beside the new one, under the name in `litter`, so that it can be
/// put back or removed later. To put it back, exchange the two names (renameat2(2) with RENAME_EXCHANGE; elsewhere two
/// renames), and remove the new tree by reflink_remove_tree().
pub const REFLINK_TREE_KEEP_REPLACED: u64 = 0x8000_0000_0000;
/// A regular file.
pub const REFLINK_ENTRY_FILE: u32 = 1;
/// A directory.
pub const REFLINK_ENTRY_DIRECTORY: u32 = 2;
/// A symbolic link.
pub const REFLINK_ENTRY_SYMLINK: u32 = 3;
/// A FIFO.
pub const REFLINK_ENTRY_FIFO: u32 = 4;
/// A socket.
pub const REFLINK_ENTRY_SOCKET: u32 = 5;
/// A character device.
pub const REFLINK_ENTRY_CHARACTER_DEVICE: u32 = 6;
/// A block device.
pub const REFLINK_ENTRY_BLOCK_DEVICE: u32 = 7;
/// The mark of a deleted name in overlayfs: the character device 0:0.
pub const REFLINK_ENTRY_WHITEOUT: u32 = 8;
/// From `filter`: copy the entry.
pub const REFLINK_TAKE: c_int = 0;
/// From `filter`: leave the entry out, a directory with all that is in it.
pub const REFLINK_LEAVE_OUT: c_int = 1;
/// From `filter`: make the directory, and leave out what is in it.
pub const REFLINK_TAKE_EMPTY: c_int = 2;
/// From `on_error`: stop, with this error.
pub const REFLINK_STOP: c_int = 0;
/// From `on_error`: leave this entry out and go on.
pub const REFLINK_SKIP: c_int = 1;
/// Copying; or removing, in reflink_remove_tree().
pub const REFLINK_PHASE_COPY: u32 = 1;
/// Writing through to the device.
pub const REFLINK_PHASE_SYNC: u32 = 2;
/// Removing the replaced tree, or the unfinished one. Non-zero from `progress` leaves the rest, REFLINK_LITTER.
pub const REFLINK_PHASE_CLEANUP: u32 = 3;

/// An entry of a tree, for the caller's functions. It is valid during the call only, with all that it points to.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reflink_tree_entry {
    /// sizeof(struct reflink_tree_entry) as the library knows it: see REFLINK_HAS.
    pub size: u32,
    /// REFLINK_ENTRY_*.
    pub kind: u32,
    /// How deep it is: 1 for an entry of the root.
    pub depth: u32,
    /// For `on_error`, REFLINK_STEP_*: which operation failed.
    pub step: u32,
    /// For `on_error`: the error, as functions return it.
    pub code: i32,
    /// For `on_error`: the raw error of the operating system, 0 if none.
    pub os_error: i32,
    /// For `on_done`, REFLINK_METHOD_*: how a file's data was copied.
    pub method: u32,
    /// REFLINK_AT_SOURCE or REFLINK_AT_DESTINATION for `on_error`; REFLINK_SOURCE_CHANGED, REFLINK_METADATA_INCOMPLETE
    /// for `on_done`.
    pub flags: u32,
    /// For `on_done`: the file's length in bytes, also of a further name of it, for which `method` is REFLINK_METHOD_NONE.
    pub bytes: u64,
    /// The path relative to the root, with '/' on every system. It may be longer than PATH_MAX.
    pub path: *const c_char,
    /// The last part of the path.
    pub name: *const c_char,
    /// The length of `path`, without the NUL.
    pub path_length: usize,
    /// For `filter`: the open directory of the source that `name` is in, for fstatat(2) or openat(2). It must not be
    /// closed or read with readdir(3). Else -1.
    pub source_dir: isize,
}

/// How far a copy of a tree is. Valid during the call of the progress function only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reflink_tree_progress {
    /// sizeof(struct reflink_tree_progress) as the library knows it.
    pub size: u32,
    /// REFLINK_PHASE_*.
    pub phase: u32,
    /// Entries that are done.
    pub entries_done: u64,
    /// Entries read from directories so far: the best total there is without a second walk.
    pub entries_seen: u64,
    /// Bytes of files that are done, cloned ones and holes included.
    pub bytes_done: u64,
    /// Directories that are being worked on.
    pub directories_open: u64,
}

/// How to copy a tree. NULL instead of a pointer to it means all defaults, and 0 means the default for each member. The
/// first members, up to `flags`, are those of struct reflink_options; `if_exists` accepts other values, and there are
/// more flags.
///
/// All functions are called by the thread that called the library, one at a time. None may throw, longjmp or call
/// pthread_exit. A function that is NULL is not called.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reflink_tree_options {
    /// sizeof(struct reflink_tree_options), as REFLINK_TREE_OPTIONS_INIT sets it.
    pub size: u32,
    /// REFLINK_AUTO, REFLINK_ALWAYS or REFLINK_NEVER, decided for each file. With REFLINK_ALWAYS, the first file that
    /// cannot be cloned ends the call.
    pub mode: u32,
    /// REFLINK_FAIL, REFLINK_REPLACE or REFLINK_MERGE. REFLINK_REPLACE replaces a directory or a symbolic link.
    pub if_exists: u32,
    /// REFLINK_ATOMIC, REFLINK_DURABLE or REFLINK_UNSTAGED. REFLINK_DURABLE syncs the file system once before the tree
    /// gets its name (Linux), or each file and directory (other systems); with REFLINK_MERGE it syncs each file before that
    /// gets its name. With REFLINK_REPLACE, the replaced tree stays if the sync of the parent directory fails: REFLINK_LITTER.
    pub durability: u32,
    /// REFLINK_PERMISSIONS_*, of files and directories.
    pub permissions: u32,
    /// REFLINK_PRESERVE_* bits, of every entry and of the root.
    pub preserve: u32,
    /// REFLINK_NOFOLLOW, which refuses a symbolic link as the source (one below it is copied and never followed);
    /// REFLINK_BEST_EFFORT_METADATA, REFLINK_TREE_SPLIT_LINKS, REFLINK_TREE_SKIP_SPECIAL, REFLINK_TREE_ONE_MOUNT,
    /// REFLINK_TREE_TWO_RENAMES, REFLINK_TREE_FLUSH_SOURCE, REFLINK_TREE_KEEP_EXISTING, REFLINK_TREE_KEEP_REPLACED.
    pub flags: u64,
    /// Called every 64 entries or more often, and between stretches of a large file that is copied. Non-zero cancels with
    /// -ECANCELED. It is then called again while what was made is removed (REFLINK_PHASE_CLEANUP): return 0 there, unless the
    /// rest is to be left. Each file is still cloned in one system call.
    pub progress:
        Option<unsafe extern "C" fn(user: *mut c_void, progress: *const reflink_tree_progress) -> c_int>,
    /// Passed to each function.
    pub user: *mut c_void,
    /// Points to a number that cancels when it is not 0, as in struct reflink_options. May be NULL.
    pub cancel: *const c_int,
    /// Called for each entry below the root before it is opened. Returns REFLINK_TAKE, REFLINK_LEAVE_OUT or, for a
    /// directory, REFLINK_TAKE_EMPTY. A negative number from -4095 to -1 ends the call with that code, a lower one with
    /// -ECANCELED, another positive one with -EINVAL.
    pub filter: Option<unsafe extern "C" fn(user: *mut c_void, entry: *const reflink_tree_entry) -> c_int>,
    /// Called for each entry that failed. REFLINK_SKIP leaves it out and goes on; anything else ends the call with its
    /// error. (A directory that fails after it was entered, while it is read or gets its metadata, stays with what is in it
    /// by then.) Not asked about -ENOSPC, -EDQUOT, -EROFS, -ENOMEM, -EMFILE and -ENFILE, which end the call, as every failure
    /// does without this function.
    pub on_error: Option<unsafe extern "C" fn(user: *mut c_void, entry: *const reflink_tree_entry) -> c_int>,
    /// Called for each entry that was copied or removed, when it is finished: for a directory after everything in it.
    /// Non-zero cancels with -ECANCELED. Not called any more once something ended the call: what other threads finish then is
    /// only counted.
    pub on_done: Option<unsafe extern "C" fn(user: *mut c_void, entry: *const reflink_tree_entry) -> c_int>,
    /// Receives the path of the entry that ended the call, relative to the root and NUL-terminated, cut to
    /// `failed_path_size`. Empty if that was the root, or if no entry ended the call. May be NULL.
    pub failed_path: *mut c_char,
    /// How many bytes there is room for at `failed_path`.
    pub failed_path_size: usize,
    /// The most threads that work at once, including the calling one. With 0 or 1 that one works alone, and no thread is
    /// made. Threads that are made block all signals, and have ended when the call returns. They pause while files are
    /// copied faster without them, which the library tries now and then. Measured on two cores: on XFS a second thread
    /// takes a third off the time of clones; on Btrfs it gains nothing, since clones there wait for each other.
    pub threads: u32,
    /// 0.
    pub reserved: u32,
}

impl Default for reflink_tree_options {
    fn default() -> Self {
        // SAFETY: integers, and pointers that may be NULL.
        Self { size: size_of::<Self>() as u32, ..unsafe { core::mem::zeroed() } }
    }
}

/// In `flags` of struct reflink_tree_result: entries failed and were skipped, because `on_error` said so.
pub const REFLINK_TREE_INCOMPLETE: u32 = 0x10;

/// What was done with a tree, or why it failed. Filled on success and on failure.
///
/// Every entry below the root that was read is counted once: files + hard_links + directories + symlinks + specials +
/// specials_left_out + mounts_left_empty + entries_left_out + entries_kept + entries_failed + entries_vanished +
/// entries_not_reached. In reflink_remove_tree() the first five count what was removed, each name of a file in `files`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reflink_tree_result {
    /// sizeof(struct reflink_tree_result), as REFLINK_TREE_RESULT_INIT sets it.
    pub size: u32,
    /// REFLINK_STEP_*: which operation failed.
    pub step: u32,
    /// REFLINK_REASON_*: why not every file was cloned, taken from the first one that was not.
    pub reason: u32,
    /// REFLINK_PUBLISHED, REFLINK_TREE_INCOMPLETE, REFLINK_LITTER, REFLINK_METADATA_INCOMPLETE,
    /// REFLINK_DESTINATION_CHANGED, REFLINK_AT_SOURCE, REFLINK_AT_DESTINATION.
    pub flags: u32,
    /// The raw error of the operating system behind a failure, 0 if none.
    pub os_error: i32,
    /// The -errno that refused to clone that file, 0 if none did.
    pub clone_error: i32,
    /// The length of the path that `failed_path` receives, before cutting, without the NUL.
    pub failed_path_length: u64,
    /// Files, each counted once, whatever number of names it has.
    pub files: u64,
    /// Further names of files that were copied.
    pub hard_links: u64,
    /// Directories.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// FIFOs, sockets, devices and whiteouts.
    pub specials: u64,
    /// The same, left out because of REFLINK_TREE_SKIP_SPECIAL.
    pub specials_left_out: u64,
    /// Mount points left empty because of REFLINK_TREE_ONE_MOUNT.
    pub mounts_left_empty: u64,
    /// Left out by `filter`. The entries of a directory that was left out are not counted.
    pub entries_left_out: u64,
    /// Not replaced because of REFLINK_TREE_KEEP_EXISTING.
    pub entries_kept: u64,
    /// Skipped by `on_error`; in a removal also the directories that such an entry is in.
    pub entries_failed: u64,
    /// Gone from the source between reading the directory and opening the entry.
    pub entries_vanished: u64,
    /// Read from a directory, and not done when the call ended.
    pub entries_not_reached: u64,
    /// Of `files`: cloned. This one and the four after it add up to `files`.
    pub files_cloned: u64,
    /// Of `files`: copied by the kernel, which may have shared blocks.
    pub files_kernel_copied: u64,
    /// Of `files`: read and written.
    pub files_copied: u64,
    /// Of `files`: cloned in part.
    pub files_mixed: u64,
    /// Of `files`: empty, so that there was nothing to clone.
    pub files_empty: u64,
    /// Of `files`: changed while they were copied, see REFLINK_SOURCE_CHANGED.
    pub files_changed: u64,
    /// Bytes that share their blocks with the source.
    pub bytes_cloned: u64,
    /// Bytes copied.
    pub bytes_copied: u64,
    /// Bytes left as holes.
    pub bytes_hole: u64,
    /// With REFLINK_LITTER: the name of what was left beside the destination, NUL-terminated. Else empty.
    pub litter: [c_char; 32],
}

impl Default for reflink_tree_result {
    fn default() -> Self {
        // SAFETY: integers, and pointers that may be NULL.
        Self { size: size_of::<Self>() as u32, ..unsafe { core::mem::zeroed() } }
    }
}
// make header: end

unsafe extern "C" {
    // make header: rust-functions
    /// The version of the loaded library. Compare it with REFLINK_VERSION_NUMBER of the header.
    ///
    ///
    /// Returns: major * 65536 + minor * 256 + patch.
    ///
    /// Thread-safe, and safe in a signal handler. Since 0.1.
    pub safe fn reflink_version_number() -> u32;

    /// The version of the loaded library as text: "0.1.0".
    ///
    ///
    /// Returns: Static text, never NULL, not to be freed.
    ///
    /// Thread-safe, and safe in a signal handler. Since 0.1.
    pub safe fn reflink_version_string() -> *const c_char;

    /// Says in English what a code means, for people.
    ///
    /// - `code`: What a function of this library returned. Positive errno values are understood too.
    ///
    /// Returns: Static text, never NULL, not to be freed: "Unknown error" for an unknown code.
    ///
    /// Thread-safe, and safe in a signal handler. Since 0.1.
    pub safe fn reflink_strerror(code: c_int) -> *const c_char;

    /// Names a code: "EXDEV", "REFLINK_ERR_PANIC", "OK".
    ///
    /// - `code`: What a function of this library returned. Positive errno values are understood too.
    ///
    /// Returns: Static text, never NULL, not to be freed: "UNKNOWN" for an unknown code.
    ///
    /// Thread-safe, and safe in a signal handler. Since 0.1.
    pub safe fn reflink_err_name(code: c_int) -> *const c_char;

    /// Copies a file under a new name, sharing its blocks where the file system can.
    ///
    /// Does what reflink_copy_file_at() does, with both names relative to the current directory.
    ///
    /// - `src`: The file to copy. A symbolic link is followed, unless REFLINK_NOFOLLOW is set.
    /// - `dst`: The name to give the copy. A symbolic link there is never followed (see REFLINK_FOLLOW_DESTINATION).
    /// - `options`: How to copy, or NULL for the defaults.
    /// - `result`: Says what was done, on success and on failure. May be NULL.
    ///
    /// Returns: 0, or a negative code: see reflink_copy_file_at().
    ///
    /// Thread-safe. Since 0.1.
    pub fn reflink_copy_file(
        src: *const c_char,
        dst: *const c_char,
        options: *const reflink_options,
        result: *mut reflink_result,
    ) -> c_int;

    /// Copies a file under a new name, both names relative to open directories.
    ///
    /// The copy is built in a file without a name. Where the file system has none, it is built under a
    /// private random name beside the destination: ".reflink-" and 16 hexadecimal digits. It gets its
    /// name in one step, when it is complete. After any error the name holds what it held before.
    /// Exceptions are failures after the name was given: syncing the directory (REFLINK_STEP_SYNC with
    /// REFLINK_DURABLE), closing (REFLINK_STEP_CLOSE), and, on file systems without a rename that does not
    /// replace, removing the private name (REFLINK_STEP_PUBLISH). Then the name holds the complete new
    /// file. No existing file is ever truncated, and none is removed to make room. REFLINK_OVERWRITE is the one exception to this
    /// paragraph: it writes into the file that is there.
    ///
    /// The copy gets the source's permission bits (rwx), whatever the umask, unless `permissions` says otherwise. While
    /// it is made, it never has more than the result.
    ///
    /// - `src_dir`: An open directory that `src` is relative to, or AT_FDCWD of <fcntl.h> (on Windows NULL).
    /// - `src`: The file to copy: any name of a regular file, as bytes.
    /// - `dst_dir`: An open directory that `dst` is relative to, or AT_FDCWD (on Windows NULL).
    /// - `dst`: The name to give the copy.
    /// - `options`: How to copy, or NULL for the defaults.
    /// - `result`: Says what was done, on success and on failure. May be NULL.
    ///
    /// Returns: 0, or a negative code, among others:
    /// - -EINVAL: a NULL name, a value that is unknown or in the wrong member, a structure that is too small; with
    ///   REFLINK_ALWAYS, this file cannot be cloned there (reason REFLINK_REASON_FILE).
    /// - -E2BIG: a structure larger than this library knows, with a nonzero member in the unknown part.
    /// - -ENOENT, -EACCES, -ENOTDIR, -ENAMETOOLONG: the system refuses a name. An empty name
    ///   is -ENOENT.
    /// - -EISDIR: the source is a directory, or the destination's name ends in a slash, "." or "..",
    ///   or, with REFLINK_REPLACE or REFLINK_OVERWRITE, is a directory.
    /// - REFLINK_ERR_NOT_REGULAR: the source is a FIFO, a socket or a device, or REFLINK_REPLACE would
    ///   replace one, or REFLINK_OVERWRITE write to one.
    /// - -ELOOP: the source is a symbolic link, and REFLINK_NOFOLLOW is set; or the destination is one, with REFLINK_OVERWRITE.
    /// - -EEXIST: the destination exists, and neither REFLINK_REPLACE nor REFLINK_OVERWRITE is set.
    /// - REFLINK_ERR_SAME_FILE: with REFLINK_REPLACE or REFLINK_OVERWRITE, source and destination are one file, also by
    ///   different names.
    /// - -EACCES, -EPERM, -ETXTBSY, -EROFS at REFLINK_STEP_CHECK: with REFLINK_OVERWRITE, the file that is there cannot be written.
    /// - -EOPNOTSUPP, -EXDEV: with REFLINK_ALWAYS, no clone is possible there.
    /// - -EFBIG: the copy would be larger than RLIMIT_FSIZE allows; no signal is raised.
    /// - -EPERM, -EOPNOTSUPP at REFLINK_STEP_METADATA: the file system cannot hold the permission bits
    ///   or the metadata asked for; see REFLINK_BEST_EFFORT_METADATA.
    /// - -EOPNOTSUPP, -EPERM, -EINVAL at REFLINK_STEP_PUBLISH: the file system has neither hard links
    ///   nor a rename that does not replace, so that a new name cannot be given safely; REFLINK_UNSTAGED
    ///   or REFLINK_REPLACE can still be used.
    /// - -EIO, -ENOSPC, -EDQUOT, -ENOMEM, -EROFS: a real failure. It is never hidden behind another
    ///   method.
    /// - -ECANCELED: the progress function returned non-zero, or `cancel` pointed to something else than 0.
    /// - REFLINK_ERR_INCONSISTENT, REFLINK_ERR_PANIC: see there.
    ///
    /// Thread-safe. Blocks until done: the time of a clone grows with the number of the file's extents,
    /// that of a copy with its size. Advisory locks on the source are ignored. Since 0.1.
    pub fn reflink_copy_file_at(
        src_dir: reflink_handle,
        src: *const c_char,
        dst_dir: reflink_handle,
        dst: *const c_char,
        options: *const reflink_options,
        result: *mut reflink_result,
    ) -> c_int;

    /// Replaces the whole content of one open file by that of another: the data, then the size.
    ///
    /// This is no copy loop: it ignores the positions of both descriptors, writes the destination from its first byte on,
    /// and cuts it to the source's size. To copy at a position, as to a standard output that may not be at its beginning,
    /// ask for the position with lseek(fd, 0, SEEK_CUR), use reflink_copy_range(), and move the position by the bytes done.
    /// Pipes, sockets and terminals are REFLINK_ERR_NOT_REGULAR: use read(2) and write(2). To replace a file by name, in one
    /// step, use reflink_copy_file() with REFLINK_REPLACE.
    ///
    /// Works in place: the old content of the destination is lost, and an error in the middle (no space,
    /// an I/O error) leaves it partly written. What can be refused is refused before anything is written.
    /// With REFLINK_ALWAYS, a clone that is refused leaves the destination unchanged. A clone that fails in
    /// the middle can have changed it. REFLINK_DESTINATION_CHANGED in the result reports every failure that
    /// changed the destination. A longer destination is cut only when the source's whole blocks are in it.
    ///
    /// The descriptors stay open, and their file offsets stay where they are. Of the options,
    /// `if_exists`, `permissions`, REFLINK_UNSTAGED and REFLINK_NOFOLLOW mean nothing here: -EINVAL. REFLINK_DURABLE
    /// syncs the destination at the end. `preserve` is followed, but the destination keeps its own
    /// permission bits.
    ///
    /// A descriptor that is open with O_DIRECT can be cloned from and to. Where bytes must be copied, its
    /// alignment rules apply, and the system refuses other ranges with -EINVAL.
    ///
    /// - `src`: A regular file, open for reading.
    /// - `dst`: A regular file, open for writing without O_APPEND.
    /// - `options`: How to copy, or NULL for the defaults.
    /// - `result`: Says what was done, on success and on failure. May be NULL.
    ///
    /// Returns: 0, or a negative code, among others:
    /// - -EBADF: a descriptor is closed, or not open for its use (O_PATH counts as neither).
    /// - -EISDIR, REFLINK_ERR_NOT_REGULAR: one of them is not a regular file.
    /// - REFLINK_ERR_APPEND: the destination is open with O_APPEND.
    /// - REFLINK_ERR_SAME_FILE: both are one file.
    /// - -EPERM: the destination is marked immutable or append-only, or sealed (memfd_create(2)).
    /// - and those of reflink_copy_file_at(), except those about names.
    ///
    /// Thread-safe, if nobody else writes the destination during the call. Since 0.1.
    pub fn reflink_copy_fd(
        src: reflink_handle,
        dst: reflink_handle,
        options: *const reflink_options,
        result: *mut reflink_result,
    ) -> c_int;

    /// Copies a range of bytes from one open file into another, sharing the blocks that it covers
    /// completely.
    ///
    /// Takes any offsets and any length. With REFLINK_AUTO, where both offsets are at the same place
    /// within a block (see `granularity` of struct reflink_capability), the whole blocks are cloned and
    /// only the edges are copied. (The kernel's own copy_file_range(2) shares nothing then.) Otherwise
    /// everything is copied. With REFLINK_ALWAYS the range must be aligned, or reach the
    /// source's end and become the destination's end. Otherwise the call fails with -EINVAL and
    /// REFLINK_REASON_FILE, and writes nothing. A clone that fails in the middle can have changed the range;
    /// REFLINK_DESTINATION_CHANGED reports that. Holes of the source become holes. Exception: ranges of up
    /// to 1 MiB of a fully allocated source are copied without looking for holes.
    ///
    /// Stops at the source's end, as pread(2) does: `bytes_cloned + bytes_copied + bytes_hole` of the
    /// result is how much was done, after an error how much from the range's beginning on. Extends the destination where the range goes beyond its end. The same file may be on both
    /// sides, if the ranges are apart.
    ///
    /// REFLINK_SHARE_ONLY shares the whole blocks and writes nothing else.
    ///
    /// The descriptors stay open, and their file offsets stay where they are. Of the options only `mode`, REFLINK_SHARE_ONLY and
    /// REFLINK_DURABLE, which syncs the destination at the end, mean something here; another one is -EINVAL.
    ///
    /// - `src`: A regular file, open for reading.
    /// - `src_offset`: Where the range begins in it, in bytes.
    /// - `dst`: A regular file, open for writing without O_APPEND.
    /// - `dst_offset`: Where the range begins in it, in bytes.
    /// - `length`: The range's length in bytes, or REFLINK_TO_EOF. 0 only checks the descriptors.
    /// - `options`: How to copy, or NULL for the defaults.
    /// - `result`: Says what was done, on success and on failure. May be NULL.
    ///
    /// Returns: 0, or a negative code, among others:
    /// - -EINVAL: an offset or a length beyond 2^63-1; with REFLINK_ALWAYS, the range is not aligned.
    /// - -EFBIG: the range would end beyond 2^63-1 in the destination, or beyond what RLIMIT_FSIZE
    ///   allows.
    /// - REFLINK_ERR_OVERLAP: both are one file, and the ranges overlap.
    /// - and those of reflink_copy_fd(), except REFLINK_ERR_SAME_FILE.
    ///
    /// Thread-safe, if nobody else writes the destination's range during the call. Since 0.1.
    pub fn reflink_copy_range(
        src: reflink_handle,
        src_offset: u64,
        dst: reflink_handle,
        dst_offset: u64,
        length: u64,
        options: *const reflink_options,
        result: *mut reflink_result,
    ) -> c_int;

    /// Finds out whether files can be cloned into a directory, by trying it.
    ///
    /// Makes two files without a name, clones one block of data, makes equal blocks share, and removes both. (Where the
    /// file system has no such files, they get a private random name and lose it at once.) Then makes two empty
    /// directories with private random names, exchanges them, and removes both. Nothing is concluded from
    /// the file system's name or device number. The answer is of that moment; a later copy may still find
    /// otherwise.
    ///
    /// Where the trial is not possible, the call succeeds, `clone` is -1, and `reason` and `clone_error` say
    /// why. This needs no write permission.
    ///
    /// - `src`: A file or a directory that clones are to be made from, or NULL for the directory itself.
    /// - `dst_dir`: The directory that clones are to be made in.
    /// - `capability`: Receives the answer. Unchanged on failure.
    ///
    /// Returns: 0, or a negative code, among others:
    /// - -EINVAL: a NULL `dst_dir` or `capability`, or a structure that is too small; -E2BIG: one that
    ///   is too large.
    /// - -ENOENT, -ENOTDIR, -EACCES: the system refuses a name.
    /// - REFLINK_ERR_NOT_REGULAR: `src` is a FIFO, a socket or a device.
    ///
    /// Thread-safe. Since 0.1.
    pub fn reflink_probe(
        src: *const c_char,
        dst_dir: *const c_char,
        capability: *mut reflink_capability,
    ) -> c_int;

    /// Finds out whether files can be cloned into an open directory, by trying it.
    ///
    /// - `src`: An open file or directory that clones are to be made from, or a negative number (on Windows NULL) for the directory itself.
    /// - `dst_dir`: The open directory that clones are to be made in.
    /// - `capability`: Receives the answer.
    ///
    /// Returns: 0, or a negative code: see reflink_probe(). -EBADF: a descriptor is closed.
    ///
    /// Thread-safe. Since 0.1.
    pub fn reflink_probe_fd(
        src: reflink_handle,
        dst_dir: reflink_handle,
        capability: *mut reflink_capability,
    ) -> c_int;

    /// Gives the errno for a code: for exceptions, exit codes and functions that know only errno.
    ///
    /// A code of the library's own becomes the errno that the system has for the same thing: EINVAL for
    /// REFLINK_ERR_NOT_REGULAR, REFLINK_ERR_SAME_FILE, REFLINK_ERR_OVERLAP and REFLINK_ERR_INTO_ITSELF, EEXIST for
    /// REFLINK_ERR_NAME_CLASH, EBADF for REFLINK_ERR_APPEND, EIO for REFLINK_ERR_PANIC, REFLINK_ERR_INCONSISTENT and
    /// unknown codes.
    ///
    /// - `code`: What a function of this library returned.
    ///
    /// Returns: The errno, a positive number. 0 for 0. A positive number is returned as it is.
    ///
    /// Thread-safe, and safe in a signal handler. Since 0.1.
    pub safe fn reflink_errno(code: c_int) -> c_int;

    /// Says whether a call failed only because a clone was refused: this volume, these two file systems, this file, a
    /// policy or the moment does not allow one. A copy of the bytes (REFLINK_AUTO, REFLINK_NEVER) may still succeed.
    ///
    /// Real failures (no space, an I/O error, a name that is taken) are no refusals. With REFLINK_ALWAYS this tells
    /// "cannot be cloned here" from "failed".
    ///
    /// - `code`: What the function returned.
    /// - `step`: `step` of its result.
    /// - `reason`: `reason` of its result; 0 where there is none to ask.
    ///
    /// Returns: 1: a clone was refused. 0: the call succeeded, or failed for another reason.
    ///
    /// Thread-safe, and safe in a signal handler. Since 0.1.
    pub safe fn reflink_clone_refused(code: c_int, step: u32, reason: u32) -> c_int;

    /// Names a method: "cloned", "copied".
    ///
    /// - `method`: REFLINK_METHOD_*: `method` of a result.
    ///
    /// Returns: Static text, never NULL, not to be freed: "unknown method" for an unknown number.
    ///
    /// Thread-safe, and safe in a signal handler. Since 0.1.
    pub safe fn reflink_method_text(method: u32) -> *const c_char;

    /// Says why not everything was cloned: "this volume cannot clone".
    ///
    /// - `reason`: REFLINK_REASON_*: `reason` of a result, or of a struct reflink_capability.
    ///
    /// Returns: Static text, never NULL, not to be freed: "unknown reason" for an unknown number.
    ///
    /// Thread-safe, and safe in a signal handler. Since 0.1.
    pub safe fn reflink_reason_text(reason: u32) -> *const c_char;

    /// Names a step: "making the file".
    ///
    /// - `step`: REFLINK_STEP_*: `step` of a result.
    ///
    /// Returns: Static text, never NULL, not to be freed: "unknown step" for an unknown number.
    ///
    /// Thread-safe, and safe in a signal handler. Since 0.1.
    pub safe fn reflink_step_text(step: u32) -> *const c_char;

    /// Says in one line what failed, for people: "snapshot.img: making the file: No space left on device".
    ///
    /// The line begins with the name of the file that the failing call was made on: `src` with REFLINK_AT_SOURCE, `dst`
    /// with REFLINK_AT_DESTINATION, else both ("disk.img -> snapshot.img"). The step follows, where there is one, then the
    /// text of reflink_strerror(). There is no newline at the end. The text is English in every locale. Of
    /// reflink_remove_tree(), give the name as `dst`, and NULL as `src`.
    ///
    /// The line is safe to print. Control characters of a name are written as "\ooo" (three octal digits for each byte),
    /// and so are bytes that are not UTF-8, so that the text is UTF-8 whatever the names are. An empty name is written as "".
    ///
    /// Like snprintf(3), writes what fits, always with a NUL at its end, and returns the length of the whole line. A
    /// character that does not fit is left out whole: the text never ends inside a UTF-8 sequence or inside "\ooo".
    ///
    /// - `code`: What the function returned.
    /// - `step`: `step` of its result.
    /// - `flags`: `flags` of its result.
    /// - `src`: The source's name, or NULL: it is left out.
    /// - `dst`: The destination's name, or NULL: it is left out.
    /// - `buffer`: Receives the text. NULL with a size of 0 only measures.
    /// - `size`: The buffer's size in bytes, with room for the NUL.
    ///
    /// Returns: The length of the whole line without NUL, never negative. At `size` and above, the text was cut.
    ///
    /// Thread-safe. Since 0.1.
    pub fn reflink_describe(
        code: c_int,
        step: u32,
        flags: u32,
        src: *const c_char,
        dst: *const c_char,
        buffer: *mut c_char,
        size: usize,
    ) -> c_int;

    /// Finds out what a range of an open file is made of: data, holes, preallocated blocks, and which bytes are shared.
    ///
    /// Reports what the file system says: on Linux by FIEMAP, on macOS by F_LOG2PHYS_EXT and fgetattrlist(2), on Windows by
    /// retrieval pointers and their reference counts. (The last two are compiled, never run.) If the file system says nothing,
    /// the function returns 0 and reports that in `reported` of struct reflink_extents_result. The file is not changed, and its
    /// offset does not move.
    ///
    /// The answer may be out of date at once: another process may write at any time. REFLINK_MAP_CHANGED reports changes that
    /// were noticed during the call. The memory needed does not depend on the file.
    ///
    /// - `fd`: A regular file, open for reading or writing. On Windows, to write out a file on ReFS or a sparse one, it must be open for writing, or the caller be allowed to open it so. Else the answer is REFLINK_SHARING_UNKNOWN, unless REFLINK_MAP_NO_FLUSH is set.
    /// - `offset`: Where the range begins, in bytes.
    /// - `length`: The range's length in bytes, or REFLINK_TO_EOF, which includes blocks beyond the end of the file.
    /// - `flags`: 0 or REFLINK_MAP_NO_FLUSH.
    /// - `result`: Receives the sums, on success and on failure. May be NULL.
    /// - `each`: Called with a batch of extents in order of their offsets, holes included, by the thread that called
    ///   the library; NULL for the sums only. The array is valid during the call. Non-zero cancels with -ECANCELED. It must
    ///   not throw, longjmp or call pthread_exit.
    /// - `user`: Passed to `each`.
    ///
    /// Returns: 0, or a negative code, among others:
    /// - -EINVAL: an unknown flag, an offset or a length beyond 2^63-1, a structure that is too small; -E2BIG: one that is
    ///   too large.
    /// - -EBADF: the descriptor is closed, or open with O_PATH.
    /// - -EISDIR, REFLINK_ERR_NOT_REGULAR: not a regular file.
    /// - -EIO, -ENOSPC, -EDQUOT: writing the file out failed, or reading the map.
    /// - -ECANCELED: `each` returned non-zero.
    /// - REFLINK_ERR_INCONSISTENT, REFLINK_ERR_PANIC: see there.
    ///
    /// Thread-safe. The time grows with the number of extents in the range. Since 0.1.
    pub fn reflink_extents(
        fd: reflink_handle,
        offset: u64,
        length: u64,
        flags: u64,
        result: *mut reflink_extents_result,
        each: Option<
            unsafe extern "C" fn(user: *mut c_void, extents: *const reflink_extent, count: usize) -> c_int,
        >,
        user: *mut c_void,
    ) -> c_int;

    /// Finds out whether two ranges share their blocks: whether their bytes lie at one place on the volume.
    ///
    /// REFLINK_SHARED_ALL in `verdict` is a proof. A byte counts as `bytes_same` only where the file system marks it as
    /// shared in both files, reports the same place for both, and neither file changed during the call. What
    /// cannot be proven is `bytes_unknown`. The following is never proven: compressed data, data in the metadata, files on
    /// overlayfs, on bcachefs, on realtime devices of XFS and on SMB. Snapshots and subvolumes of one Btrfs volume can be compared.
    /// On macOS and Windows nothing is proven of two files except that they are apart: no manual says that a flush writes out
    /// what other programs changed through mappings.
    ///
    /// Compares places and not content: equal bytes at two places are `bytes_apart`. A range compared with itself is
    /// `bytes_same`, also through two names of the file. The files are not changed, and their offsets do not move.
    ///
    /// - `a`: A regular file, open for reading or writing.
    /// - `a_offset`: Where the range begins in it, in bytes.
    /// - `b`: Another regular file, or the same.
    /// - `b_offset`: Where the range begins in `b`. The offsets may differ.
    /// - `length`: The ranges' length in bytes, or REFLINK_TO_EOF. Bytes that only one file has are `bytes_apart`.
    /// - `flags`: 0 or REFLINK_MAP_NO_FLUSH.
    /// - `result`: Receives the answer, on success and on failure. May be NULL.
    ///
    /// Returns: 0, whatever the answer is, or a negative code: see reflink_extents().
    ///
    /// Thread-safe. The time grows with the number of extents in both ranges. Since 0.1.
    pub fn reflink_shared(
        a: reflink_handle,
        a_offset: u64,
        b: reflink_handle,
        b_offset: u64,
        length: u64,
        flags: u64,
        result: *mut reflink_shared_result,
    ) -> c_int;

    /// Makes the equal parts of two open files share their blocks.
    ///
    /// Does what reflink_dedupe_range() does, from the beginning of both files to the end of the longer.
    ///
    /// - `src`: A regular file, open for reading. Its blocks stay.
    /// - `dst`: A regular file, open for reading or writing. Its blocks are replaced by those of `src`.
    /// - `options`: How to do it, or NULL for the defaults.
    /// - `result`: Says what was done, on success and on failure. May be NULL.
    ///
    /// Returns: 0, or a negative code: see reflink_dedupe_range().
    ///
    /// Thread-safe. Since 0.1.
    pub fn reflink_dedupe_fd(
        src: reflink_handle,
        dst: reflink_handle,
        options: *const reflink_dedupe_options,
        result: *mut reflink_dedupe_result,
    ) -> c_int;

    /// Makes ranges of two open files share their blocks where both hold the same bytes, so that they take the space
    /// of one.
    ///
    /// The kernel compares and shares, with both files locked: no other program can write in between. Nothing is
    /// shared that was not compared in this way. Nothing that a file shows changes: not its bytes, its size, its
    /// times of change or its mode. So files in use are safe, also programs that run and files that others write.
    ///
    /// A difference is an answer: the call returns 0, `bytes_different` is not 0, and `first_difference` says where. Equal
    /// blocks before it are shared, and with REFLINK_DEDUPE_CONTINUE those after it too.
    ///
    /// Only whole blocks can be shared, and the part of a block at the end of both files. Other parts of blocks at
    /// the edges of the range are skipped. Where the offsets are not at the same place within a block, nothing can be
    /// shared: the call returns 0, `bytes_skipped` is the length, and `reason` is REFLINK_REASON_FILE. The same holds for a
    /// file that the file system does not share: a swap file, or one of both without copy-on-write (Btrfs).
    ///
    /// Errors of the system that are not about this file end the call with their code. Bytes shared until then stay shared.
    ///
    /// Only Linux can compare and share in one call (Btrfs, XFS, OCFS2,
    /// bcachefs). On other systems the answer is -EOPNOTSUPP. No imitation is safe there. What others write between a
    /// comparison and a clone would be lost, also what they write through mappings. A clone that is renamed over the file has
    /// another inode, its own owner and none of the hard links, and open descriptors keep the old file.
    ///
    /// The system locks both files for each step of at most 16 MiB: other programs wait to write, and on XFS also to read.
    /// To find the first difference the library reads both files around it, which can set their time of last access.
    ///
    /// - `src`: A regular file, open for reading. Its blocks stay.
    /// - `src_offset`: Where the range begins in it, in bytes.
    /// - `dst`: A regular file, open in any way except O_PATH. If it is open only for reading, the caller must own it, be allowed to write to it, or be privileged. (Before Linux 4.19 only the last counts.) If it is open only for writing, the library opens it again to find a difference.
    /// - `dst_offset`: Where the range begins in it, in bytes.
    /// - `length`: The range's length in bytes, or REFLINK_TO_EOF. The range ends at the end of the longer file at the latest. Bytes that only one file has are different. 0 only checks the descriptors.
    /// - `options`: How to do it, or NULL for the defaults.
    /// - `result`: Receives what was done, on success and on failure. May be NULL.
    ///
    /// Returns: 0, or a negative code, among others:
    /// - -EINVAL: an offset or a length beyond 2^63-1, an unknown flag or value, a structure that is too small; -E2BIG:
    ///   one that is too large.
    /// - -EBADF: a descriptor is closed, or not open for its use.
    /// - -EACCES: `dst` is open only for writing, something differs, and the caller may not read it.
    /// - -EISDIR, REFLINK_ERR_NOT_REGULAR: one of them is not a regular file.
    /// - REFLINK_ERR_OVERLAP: both are one file, and the ranges overlap. (A range with itself is shared already: 0.)
    /// - -EOPNOTSUPP, -ENOTTY, -EXDEV: not possible on this file system, or not between these two files.
    /// - -EPERM: not allowed, or the destination is immutable, or one of both lies in a lower layer of an overlay.
    /// - -EROFS: the destination's mount is read-only. (Read-only snapshots of Btrfs can be shared into.)
    /// - -EAGAIN: not possible now (Btrfs, while a snapshot is being sent).
    /// - -EIO, -ENOSPC, -EDQUOT, -ENOMEM: a real failure.
    /// - -ECANCELED: the progress function returned non-zero, or `cancel` points to a number other than 0.
    ///
    /// Thread-safe. Blocks until done: it reads both files. Since 0.1.
    pub fn reflink_dedupe_range(
        src: reflink_handle,
        src_offset: u64,
        dst: reflink_handle,
        dst_offset: u64,
        length: u64,
        options: *const reflink_dedupe_options,
        result: *mut reflink_dedupe_result,
    ) -> c_int;

    /// Copies a directory with all that is in it, sharing the blocks of its files where the file system can.
    ///
    /// Does what reflink_copy_tree_at() does, with both names relative to the current directory.
    ///
    /// - `src`: The directory to copy. A symbolic link is followed, unless REFLINK_NOFOLLOW is set.
    /// - `dst`: The name to give the copy.
    /// - `options`: How to copy, or NULL for the defaults.
    /// - `result`: Says what was done, on success and on failure. May be NULL.
    ///
    /// Returns: 0, or a negative code: see reflink_copy_tree_at().
    ///
    /// Thread-safe. Since 0.1.
    pub fn reflink_copy_tree(
        src: *const c_char,
        dst: *const c_char,
        options: *const reflink_tree_options,
        result: *mut reflink_tree_result,
    ) -> c_int;

    /// Copies a directory with all that is in it, both names relative to open directories.
    ///
    /// The copy is built in a private directory beside the destination, ".reflink-" and 16 hexadecimal digits, which only
    /// its owner may enter. It gets its name in one step, when it is complete. After any error, signal or kill the name holds
    /// what it held before, or the complete new tree. After an error the library removes the private directory; a kill leaves
    /// it. (Exceptions, only on request: REFLINK_MERGE, REFLINK_UNSTAGED, REFLINK_TREE_TWO_RENAMES.) If a step fails after the
    /// copy got its name, REFLINK_PUBLISHED is set.
    ///
    /// Each file is copied as reflink_copy_file_at() does it, and the method is decided for each. Hard links within the tree
    /// stay hard links. Symbolic links are copied byte for byte. FIFOs, sockets, devices and whiteouts are made anew and
    /// never opened. Directories get their permission bits and times last, so that one that forbids writing can be copied.
    /// Files that change during the call are copied as reflink_copy_file_at() says; the copy is no snapshot of one instant.
    ///
    /// Below the two names no symbolic link is followed: each entry is reached by one name from an open directory, so that
    /// swapping entries during the call cannot lead it elsewhere. The depth is not limited, nor is the length of paths. At most 64
    /// descriptors are open, and 4 more for each thread.
    ///
    /// Not copied: inode flags (except NOCOW of directories on Btrfs), project ids, fs-verity, creation times.
    ///
    /// On Windows (run under Wine, where nothing links; never on Windows itself):
    /// - Symbolic links and junctions are copied as they are, and never followed. -EPERM for a symbolic link where the caller may
    ///   make none. REFLINK_MERGE replaces no link to a directory by a file: -EACCES.
    /// - A directory where a volume is mounted is never entered: -EXDEV for that entry, or an empty directory with
    ///   REFLINK_TREE_ONE_MOUNT.
    /// - Other reparse points that stand for something else, and the FIFOs, sockets and devices of the Linux subsystem:
    ///   -EOPNOTSUPP for that entry, unless REFLINK_TREE_SKIP_SPECIAL is set.
    /// - Access control lists are those that the destination's parent hands down, also that of the private directory.
    /// - Two names cannot be exchanged: REFLINK_REPLACE needs REFLINK_TREE_TWO_RENAMES.
    /// - Paths are limited to 32,767 units of UTF-16. A name that UTF-8 cannot represent is -EILSEQ for that entry.
    ///
    /// - `src_dir`: An open directory that `src` is relative to, or AT_FDCWD of <fcntl.h> (on Windows NULL).
    /// - `src`: The directory to copy.
    /// - `dst_dir`: An open directory that `dst` is relative to, or AT_FDCWD (on Windows NULL).
    /// - `dst`: The name to give the copy. Its parent must exist.
    /// - `options`: How to copy, or NULL for the defaults.
    /// - `result`: Says what was done, on success and on failure. May be NULL.
    ///
    /// Returns: 0, or a negative code, among others:
    /// - -EINVAL: a NULL name, a value that is unknown or in the wrong member, a flag without the one it needs
    ///   (REFLINK_TREE_KEEP_EXISTING without REFLINK_MERGE), a `failed_path_size` without `failed_path`.
    /// - -ENOTDIR: the source is not a directory; with REFLINK_REPLACE, the destination is a file. At REFLINK_STEP_CLEANUP: a
    ///   file came there at the last moment, and was moved aside (REFLINK_PUBLISHED, REFLINK_LITTER).
    /// - -ELOOP: the source is a symbolic link, and REFLINK_NOFOLLOW is set.
    /// - -EEXIST: the destination exists, also as an empty directory, and neither REFLINK_REPLACE nor REFLINK_MERGE is set.
    /// - REFLINK_ERR_SAME_FILE: the destination is the source.
    /// - REFLINK_ERR_INTO_ITSELF: the destination is in the source, or it contains the source and would be replaced.
    /// - REFLINK_ERR_NAME_CLASH: two names of one directory are one name on the destination, which does not tell upper and
    ///   lower case or forms of a letter apart.
    /// - -EOPNOTSUPP at REFLINK_STEP_PUBLISH: with REFLINK_REPLACE, two names cannot be exchanged there: see
    ///   REFLINK_TREE_TWO_RENAMES.
    /// - with REFLINK_ALWAYS what reflink_copy_file_at() returns for the first file that cannot be cloned.
    /// - -ECANCELED: a function or `cancel` asked to stop. With REFLINK_PUBLISHED: while the replaced tree was being removed.
    /// - any error of an entry: `failed_path` names the entry.
    ///
    /// Thread-safe. Since 0.1.
    pub fn reflink_copy_tree_at(
        src_dir: reflink_handle,
        src: *const c_char,
        dst_dir: reflink_handle,
        dst: *const c_char,
        options: *const reflink_tree_options,
        result: *mut reflink_tree_result,
    ) -> c_int;

    /// Removes a directory with all that is in it.
    ///
    /// Does what reflink_remove_tree_at() does, with the name relative to the current directory.
    ///
    /// - `name`: The directory to remove.
    /// - `options`: See reflink_remove_tree_at(), or NULL.
    /// - `result`: Says what was done, on success and on failure. May be NULL.
    ///
    /// Returns: 0, or a negative code: see reflink_remove_tree_at().
    ///
    /// Thread-safe. Since 0.1.
    pub fn reflink_remove_tree(
        name: *const c_char,
        options: *const reflink_tree_options,
        result: *mut reflink_tree_result,
    ) -> c_int;

    /// Removes a directory with all that is in it, its name relative to an open directory.
    ///
    /// Each entry is reached by one name from an open directory, and no symbolic link is followed, so that swapping entries
    /// during the call cannot lead it elsewhere. Directories that forbid their owner to write or enter are given these
    /// rights first. A mount point is never entered: -EBUSY for that entry. Entries that others remove during the call are no error.
    /// On Windows a junction is removed as a link is. (Run under Wine, where there are none; never on Windows itself.)
    ///
    /// The options used are `progress`, `cancel`, `on_error`, `on_done` and `failed_path`. `flags`, `filter` and everything from
    /// `mode` to `preserve` must be 0. Any `threads` is accepted, and the calling thread does all the work. An entry that
    /// `on_error` skips stays, with the directories that it is in. After an error, entries removed so far stay removed.
    ///
    /// - `dir`: An open directory that `name` is relative to, or AT_FDCWD of <fcntl.h> (on Windows NULL).
    /// - `name`: The directory to remove: a name or a path. Its last part is not followed.
    /// - `options`: As above, or NULL.
    /// - `result`: Says what was done, on success and on failure. May be NULL.
    ///
    /// Returns: 0, or a negative code, among others:
    /// - -EINVAL: a NULL name, an option that is not used here.
    /// - -ENOTDIR: it is a file or a symbolic link.
    /// - -EBUSY: something is mounted in it.
    /// - -ECANCELED: a function or `cancel` asked to stop.
    /// - any error of an entry: `failed_path` names the entry.
    ///
    /// Thread-safe. Since 0.1.
    pub fn reflink_remove_tree_at(
        dir: reflink_handle,
        name: *const c_char,
        options: *const reflink_tree_options,
        result: *mut reflink_tree_result,
    ) -> c_int;
    // make header: end
}
