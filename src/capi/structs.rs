//! The structures of the C interface, how they are read and written, and asserts on their layout.
//! Each starts with its size and only ever grows at its end: a program and a library of different ages understand each other.

use core::ffi::{c_int, c_void};
use core::mem::{MaybeUninit, offset_of};

use crate::copy::{Durability, IfExists, Mode, Options, Preserve, Report};
use crate::error::{Error, Step};
use crate::probe::Capability;
use crate::sys::errno;

/// An open file or directory: a descriptor, on Windows a HANDLE. Its definition in the header is
/// written by hand.
#[allow(non_camel_case_types)]
pub type reflink_fd = crate::sys::Fd;

/// Clone if possible, else copy. Holes are kept either way. The default.
pub const REFLINK_AUTO: u32 = 0;
/// Clone or fail, and change nothing then.
pub const REFLINK_ALWAYS: u32 = 1;
/// A true second copy: every byte is read and written, nothing is shared. Holes are kept. For
/// backups: blocks that are shared are also lost together. (So copy_file_range(2) is not used
/// either, which may share.)
pub const REFLINK_NEVER: u32 = 2;

/// Fail with -EEXIST where the destination exists, be it a dangling symbolic link. The default.
pub const REFLINK_FAIL: u32 = 0;
/// Replace a regular file or a symbolic link (the link itself, not what it points to) by one
/// rename: other processes see the old file or the complete new one. It is a new file: the old
/// one's other hard links keep the old content, and nothing of its mode or owner stays.
pub const REFLINK_REPLACE: u32 = 1;

/// The destination's name shows the old state or the complete new one, to every other process and
/// after any error, signal or kill. After a power loss nothing is promised: on some file systems (XFS,
/// ext4) the name can then stand for an empty file, also where there was an old one. The default.
pub const REFLINK_ATOMIC: u32 = 0;
/// The same after a power loss too: the file is synced before it gets its name, and the directory
/// after. Once the function has returned 0, the copy is on the device. (A file system that cannot
/// sync directories and says so is taken at its word.)
pub const REFLINK_DURABLE: u32 = 1;
/// For bulk callers that own the directory: the file is made under its own name and removed again
/// on failure; one system call less, and a kill can leave a partial file. With REFLINK_REPLACE, an
/// existing file is replaced as with REFLINK_ATOMIC.
pub const REFLINK_DIRECT: u32 = 2;

/// Preserve the times of last access and last change, to the nanosecond.
pub const REFLINK_PRESERVE_TIMES: u32 = 1;
/// Preserve owner and group, and, once they are seen to be right, the set-user-ID, set-group-ID and
/// sticky bits. Without it these bits are never set. Changing the owner takes privilege: -EPERM
/// without.
pub const REFLINK_PRESERVE_OWNER: u32 = 2;
/// Preserve extended attributes: those of the "user." and "trusted." namespaces, and others that
/// are neither "system." nor "security.". (Labels are given by policy; "security.capability" comes
/// with REFLINK_PRESERVE_OWNER.) What the destination of reflink_copy_fd() has besides stays.
pub const REFLINK_PRESERVE_XATTRS: u32 = 4;
/// Preserve the POSIX access control list. One that the directory's default gave the copy is
/// removed where the source has none. (Without this bit the copy keeps the directory's default, as
/// any new file does.)
pub const REFLINK_PRESERVE_ACL: u32 = 8;

/// A symbolic link as the source is -ELOOP.
pub const REFLINK_NOFOLLOW: u64 = 1;
/// Metadata that the file system refuses, or has no room for, is not an error;
/// REFLINK_METADATA_INCOMPLETE in the result says so. (An I/O error is one all the same.) Needed on
/// file systems that cannot hold the permission bits (vfat, exFAT, NTFS, many SMB mounts), whether
/// they say so or silently keep others: the copy may then be more open than the source is.
pub const REFLINK_BEST_EFFORT_METADATA: u64 = 2;

/// How to copy. NULL instead of a pointer to it means all defaults, and 0 means the default for
/// each member.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct reflink_options {
    /// sizeof(struct reflink_options), as REFLINK_OPTIONS_INIT sets it.
    pub size: usize,
    /// REFLINK_AUTO, REFLINK_ALWAYS or REFLINK_NEVER.
    pub mode: u32,
    /// REFLINK_FAIL or REFLINK_REPLACE.
    pub if_exists: u32,
    /// REFLINK_ATOMIC, REFLINK_DURABLE or REFLINK_DIRECT.
    pub durability: u32,
    /// REFLINK_PRESERVE_* bits. The permission bits (rwx) follow the source in any case.
    pub preserve: u32,
    /// REFLINK_NOFOLLOW, REFLINK_BEST_EFFORT_METADATA.
    pub flags: u64,
    /// Called at the beginning, between stretches and at the end, by the thread that called the
    /// library; non-zero cancels the copy with -ECANCELED. With it a clone is made in steps of at
    /// most 1 GiB, which is no longer one instant of the source; without (NULL) it is one call that
    /// nothing can interrupt but SIGKILL. It must not throw or longjmp.
    pub progress: Option<unsafe extern "C" fn(user: *mut c_void, progress: *const reflink_progress) -> c_int>,
    /// Handed to `progress` as it is.
    pub progress_user: *mut c_void,
}

/// How far a copy is. Valid during the call of the progress function only.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct reflink_progress {
    /// sizeof(struct reflink_progress) as the library knows it.
    pub size: usize,
    /// Bytes done, cloned ones and holes included.
    pub bytes_done: u64,
    /// Bytes in all; never less than `bytes_done`. It grows with it where the source does not know
    /// its size (/proc).
    pub bytes_total: u64,
}

/// No data came over: nothing to do, or it failed before.
pub const REFLINK_METHOD_NONE: u32 = 0;
/// All of it shares its blocks with the source, as far as the file system tells the truth (the README's limits name
/// one that does not).
pub const REFLINK_METHOD_CLONE: u32 = 1;
/// Part of it was cloned: of a range the middle, of a file what came before a change of method.
pub const REFLINK_METHOD_MIXED: u32 = 2;
/// The kernel copied (copy_file_range(2)), at least in part: it may have shared blocks or not, and
/// does not say.
pub const REFLINK_METHOD_KERNEL_COPY: u32 = 3;
/// Read and written: nothing is shared.
pub const REFLINK_METHOD_COPY: u32 = 4;

/// Everything was cloned, or it did not come to that.
pub const REFLINK_REASON_NONE: u32 = 0;
/// This volume cannot clone, or not for this caller's kernel.
pub const REFLINK_REASON_UNSUPPORTED: u32 = 1;
/// Not between these two file systems.
pub const REFLINK_REASON_CROSS_DEVICE: u32 = 2;
/// Not this file or this range: alignment, NOCOW on one side only (Btrfs), a limit, a swap file.
/// Others may do.
pub const REFLINK_REASON_FILE: u32 = 3;
/// Forbidden, or filtered away by a sandbox (seccomp, SELinux).
pub const REFLINK_REASON_PERMISSION: u32 = 4;
/// Not now; later it may.
pub const REFLINK_REASON_TRANSIENT: u32 = 5;
/// REFLINK_NEVER was asked for.
pub const REFLINK_REASON_NOT_ASKED: u32 = 6;
/// Cloning is possible, and went wrong: no space, no memory, an I/O error.
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
/// The progress function.
pub const REFLINK_STEP_PROGRESS: u32 = 11;

/// In `flags` of struct reflink_result: size, mtime or ctime of the source moved while it was
/// copied, so that the copy may mix old and new content. A clone in one call is of one instant and
/// is only checked for its size.
pub const REFLINK_SOURCE_CHANGED: u32 = 1;
/// In `flags` of struct reflink_result: some metadata could not be set, and
/// REFLINK_BEST_EFFORT_METADATA let it pass.
pub const REFLINK_METADATA_INCOMPLETE: u32 = 2;

/// What was done, or why it failed. Filled by every call that gets as far as reading it, on success
/// and on failure.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct reflink_result {
    /// sizeof(struct reflink_result), as REFLINK_RESULT_INIT sets it.
    pub size: usize,
    /// REFLINK_METHOD_*: how the data came over.
    pub method: u32,
    /// REFLINK_REASON_*: why not everything was cloned.
    pub reason: u32,
    /// The -errno that refused the clone, 0 if none did.
    pub clone_error: i32,
    /// The raw error of the operating system behind a failure (errno, positive; on Windows a Win32
    /// code), 0 if none.
    pub os_error: i32,
    /// REFLINK_STEP_*: which operation failed.
    pub step: u32,
    /// REFLINK_SOURCE_CHANGED, REFLINK_METADATA_INCOMPLETE.
    pub flags: u32,
    /// Bytes that share their blocks with the source, holes between them included.
    pub bytes_cloned: u64,
    /// Bytes copied, by the kernel or by reading and writing.
    pub bytes_copied: u64,
    /// Bytes left as holes. The three add up to the length; after an error, to how far it got.
    pub bytes_hole: u64,
}

/// What a directory can do, found out by trying.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct reflink_capability {
    /// sizeof(struct reflink_capability), as REFLINK_CAPABILITY_INIT sets it.
    pub size: usize,
    /// 1: files can be cloned there. 0: they cannot. -1: unknown.
    pub clone: i32,
    /// REFLINK_REASON_*: why not, or why unknown.
    pub reason: u32,
    /// The -errno that said so, 0 if none.
    pub error: i32,
    /// 1: ranges can be cloned.
    pub range: u32,
    /// 1: copy_file_range(2) works there.
    pub kernel_copy: u32,
    /// 1: equal ranges of two files can be made to share blocks (FIDEDUPERANGE). Only tried where
    /// the source is a directory.
    pub dedupe: u32,
    /// 1: a copy can be built without a name (O_TMPFILE); else under a private one.
    pub unnamed_files: u32,
    /// 1: holes take no space and can be found.
    pub sparse: u32,
    /// The alignment in bytes that range clones were seen to need there, 0 if none was seen to
    /// work.
    pub granularity: u64,
    /// The file system's name, NUL-terminated: "xfs", "btrfs", "unknown". For people, not for
    /// decisions.
    pub fs_name: [core::ffi::c_char; 32],
}

// The first release's sizes are the smallest that are accepted, for ever.
const OPTIONS_FIRST: usize = offset_of!(reflink_options, progress_user) + size_of::<*mut c_void>();
const RESULT_FIRST: usize = offset_of!(reflink_result, bytes_hole) + 8;
const CAPABILITY_FIRST: usize = offset_of!(reflink_capability, fs_name) + 32;

/// Nobody's structure is this large: a size beyond it is a stray number, and memory there is not to
/// be looked at.
const NONSENSE: usize = 4096;

/// Layouts: the numbers are the ABI. On 32-bit systems 4 bytes of alignment stand before the first
/// 64-bit member, except where (as on i386) that member needs no such alignment.
mod layout {
    use super::{offset_of, reflink_capability, reflink_options, reflink_progress, reflink_result};

    #[cfg(target_pointer_width = "64")]
    const _: () = {
        assert!(size_of::<reflink_options>() == 48 && size_of::<reflink_progress>() == 24);
        assert!(size_of::<reflink_result>() == 56 && size_of::<reflink_capability>() == 80);
        assert!(offset_of!(reflink_options, mode) == 8 && offset_of!(reflink_options, if_exists) == 12);
        assert!(offset_of!(reflink_options, durability) == 16 && offset_of!(reflink_options, preserve) == 20);
        assert!(offset_of!(reflink_options, flags) == 24 && offset_of!(reflink_options, progress) == 32);
        assert!(offset_of!(reflink_options, progress_user) == 40);
        assert!(
            offset_of!(reflink_progress, bytes_done) == 8 && offset_of!(reflink_progress, bytes_total) == 16
        );
        assert!(offset_of!(reflink_result, method) == 8 && offset_of!(reflink_result, reason) == 12);
        assert!(offset_of!(reflink_result, clone_error) == 16 && offset_of!(reflink_result, os_error) == 20);
        assert!(offset_of!(reflink_result, step) == 24 && offset_of!(reflink_result, flags) == 28);
        assert!(
            offset_of!(reflink_result, bytes_cloned) == 32 && offset_of!(reflink_result, bytes_copied) == 40
        );
        assert!(offset_of!(reflink_result, bytes_hole) == 48);
        assert!(offset_of!(reflink_capability, clone) == 8 && offset_of!(reflink_capability, reason) == 12);
        assert!(offset_of!(reflink_capability, error) == 16 && offset_of!(reflink_capability, range) == 20);
        assert!(
            offset_of!(reflink_capability, kernel_copy) == 24 && offset_of!(reflink_capability, dedupe) == 28
        );
        assert!(
            offset_of!(reflink_capability, unnamed_files) == 32
                && offset_of!(reflink_capability, sparse) == 36
        );
        assert!(
            offset_of!(reflink_capability, granularity) == 40
                && offset_of!(reflink_capability, fs_name) == 48
        );
    };
    /// 32-bit: `size` takes 4 bytes less, and so do both pointers of the options. Where 64-bit members are
    /// aligned to 8 (ARM), 4 bytes of padding stand before the first of them.
    #[cfg(target_pointer_width = "32")]
    #[allow(clippy::arithmetic_side_effects)] // sums that the compiler makes
    const _: () = {
        let padding = align_of::<u64>() - 4;
        assert!(padding == 0 || padding == 4);
        assert!(
            size_of::<reflink_options>() == 36 + padding && size_of::<reflink_progress>() == 20 + padding
        );
        assert!(
            size_of::<reflink_result>() == 52 + padding && size_of::<reflink_capability>() == 76 + padding
        );
        assert!(offset_of!(reflink_options, mode) == 4 && offset_of!(reflink_options, if_exists) == 8);
        assert!(offset_of!(reflink_options, durability) == 12 && offset_of!(reflink_options, preserve) == 16);
        assert!(offset_of!(reflink_options, flags) == 20 + padding);
        assert!(offset_of!(reflink_options, progress) == 28 + padding);
        assert!(offset_of!(reflink_options, progress_user) == 32 + padding);
        assert!(offset_of!(reflink_progress, bytes_done) == 4 + padding);
        assert!(offset_of!(reflink_progress, bytes_total) == 12 + padding);
        assert!(offset_of!(reflink_result, method) == 4 && offset_of!(reflink_result, reason) == 8);
        assert!(offset_of!(reflink_result, clone_error) == 12 && offset_of!(reflink_result, os_error) == 16);
        assert!(offset_of!(reflink_result, step) == 20 && offset_of!(reflink_result, flags) == 24);
        assert!(offset_of!(reflink_result, bytes_cloned) == 28 + padding);
        assert!(offset_of!(reflink_result, bytes_copied) == 36 + padding);
        assert!(offset_of!(reflink_result, bytes_hole) == 44 + padding);
        assert!(offset_of!(reflink_capability, clone) == 4 && offset_of!(reflink_capability, reason) == 8);
        assert!(offset_of!(reflink_capability, error) == 12 && offset_of!(reflink_capability, range) == 16);
        assert!(offset_of!(reflink_capability, kernel_copy) == 20);
        assert!(offset_of!(reflink_capability, dedupe) == 24);
        assert!(offset_of!(reflink_capability, unnamed_files) == 28);
        assert!(offset_of!(reflink_capability, sparse) == 32);
        assert!(offset_of!(reflink_capability, granularity) == 36 + padding);
        assert!(offset_of!(reflink_capability, fs_name) == 44 + padding);
    };
    const _: () = {
        assert!(size_of::<reflink_options>() == super::OPTIONS_FIRST);
        assert!(size_of::<reflink_result>() == super::RESULT_FIRST);
        assert!(size_of::<reflink_capability>() == super::CAPABILITY_FIRST);
    };
}

/// A structure that starts with its size and may be shorter or longer than the one known here.
///
/// # Safety
/// Plain data in C's layout, for which all zeros is a value, with a `usize` of its own size as the
/// first member.
pub unsafe trait Extensible {
    /// The size in the first release.
    const FIRST: usize;
}

// SAFETY: integers, and in the first a function pointer and a pointer that may be NULL, after a
// `usize`.
unsafe impl Extensible for reflink_options {
    const FIRST: usize = OPTIONS_FIRST;
}
// SAFETY: integers after a `usize`.
unsafe impl Extensible for reflink_result {
    const FIRST: usize = RESULT_FIRST;
}
// SAFETY: integers after a `usize`.
unsafe impl Extensible for reflink_capability {
    const FIRST: usize = CAPABILITY_FIRST;
}

const INVALID: c_int = -errno::EINVAL;
const TOO_BIG: c_int = -errno::E2BIG;

/// Checks the size of the structure at `from`: not below the first release's, and nothing in the
/// part that is not known here.
///
/// # Safety
/// `from` points to a structure that is as large as its first member says.
unsafe fn check_size<T: Extensible>(from: *const T) -> Result<usize, c_int> {
    // SAFETY: the caller of this function vouches for it; it need not be aligned.
    let size = unsafe { from.cast::<usize>().read_unaligned() };
    if size < T::FIRST {
        return Err(INVALID);
    }
    if size > NONSENSE {
        return Err(TOO_BIG);
    }
    for at in size_of::<T>()..size {
        // SAFETY: within the size that the caller vouches for.
        if unsafe { from.cast::<u8>().add(at).read() } != 0 {
            return Err(TOO_BIG);
        }
    }
    Ok(size)
}

/// Checks that a structure can be written to later. NULL can: nothing will be.
///
/// # Safety
/// As [`check_size`], or NULL.
pub unsafe fn check_writable<T: Extensible>(to: *const T) -> Result<(), c_int> {
    if to.is_null() {
        return Ok(());
    }
    // SAFETY: not NULL, and the caller of this function vouches for the rest.
    unsafe { check_size(to) }.map(drop)
}

/// Reads a structure as if it were extended with zeros.
///
/// # Safety
/// As [`check_size`].
unsafe fn read<T: Extensible>(from: *const T) -> Result<T, c_int> {
    // SAFETY: the caller of this function vouches for it.
    let size = unsafe { check_size(from) }?;
    let mut known = MaybeUninit::<T>::zeroed();
    // SAFETY: both are at least this long, and cannot overlap: one of them is new.
    unsafe {
        from.cast::<u8>().copy_to_nonoverlapping(known.as_mut_ptr().cast::<u8>(), size.min(size_of::<T>()))
    };
    // SAFETY: all zeros is a value, and what was copied over came from the same type.
    Ok(unsafe { known.assume_init() })
}

/// Writes as much of a structure as the caller has room for; its size stays what the caller said.
///
/// # Safety
/// `to` was checked by [`check_writable`] and is not NULL.
unsafe fn write<T: Extensible>(to: *mut T, value: &T) {
    // SAFETY: checked, as the caller of this function vouches.
    let size = unsafe { to.cast::<usize>().read_unaligned() }.min(size_of::<T>());
    let skip = size_of::<usize>();
    // SAFETY: `value` is one whole T, and `to` has `size` bytes at least. They cannot overlap: one
    // is the library's.
    unsafe {
        let from = core::ptr::from_ref(value).cast::<u8>().add(skip);
        from.copy_to_nonoverlapping(to.cast::<u8>().add(skip), size.saturating_sub(skip));
    }
}

/// The caller's wishes, understood.
pub struct Asked {
    /// What the engine needs to know.
    pub options: Options,
    /// The progress function.
    pub progress: Option<unsafe extern "C" fn(*mut c_void, *const reflink_progress) -> c_int>,
    /// What it is handed.
    pub progress_user: *mut c_void,
}

// Written out, since Rust 1.85 has no default for a pointer.
impl Default for Asked {
    fn default() -> Self {
        Self { options: Options::default(), progress: None, progress_user: core::ptr::null_mut() }
    }
}

/// Reads the options; NULL is all defaults. An unknown value is an error: it asks for something
/// that would not be done.
///
/// # Safety
/// `from` is NULL, or points to a structure that is as large as its first member says.
pub unsafe fn read_options(from: *const reflink_options) -> Result<Asked, c_int> {
    if from.is_null() {
        return Ok(Asked::default());
    }
    // SAFETY: not NULL, and the caller of this function vouches for the rest.
    let raw = unsafe { read(from) }?;
    let all_preserve =
        REFLINK_PRESERVE_TIMES | REFLINK_PRESERVE_OWNER | REFLINK_PRESERVE_XATTRS | REFLINK_PRESERVE_ACL;
    if raw.preserve & !all_preserve != 0
        || raw.flags & !(REFLINK_NOFOLLOW | REFLINK_BEST_EFFORT_METADATA) != 0
    {
        return Err(INVALID);
    }
    let options = Options {
        mode: match raw.mode {
            REFLINK_AUTO => Mode::Auto,
            REFLINK_ALWAYS => Mode::Always,
            REFLINK_NEVER => Mode::Never,
            _ => return Err(INVALID),
        },
        if_exists: match raw.if_exists {
            REFLINK_FAIL => IfExists::Fail,
            REFLINK_REPLACE => IfExists::Replace,
            _ => return Err(INVALID),
        },
        durability: match raw.durability {
            REFLINK_ATOMIC => Durability::Atomic,
            REFLINK_DURABLE => Durability::Durable,
            REFLINK_DIRECT => Durability::Direct,
            _ => return Err(INVALID),
        },
        preserve: Preserve {
            times: raw.preserve & REFLINK_PRESERVE_TIMES != 0,
            owner: raw.preserve & REFLINK_PRESERVE_OWNER != 0,
            attributes: raw.preserve & REFLINK_PRESERVE_XATTRS != 0,
            acl: raw.preserve & REFLINK_PRESERVE_ACL != 0,
        },
        nofollow: raw.flags & REFLINK_NOFOLLOW != 0,
        best_effort_metadata: raw.flags & REFLINK_BEST_EFFORT_METADATA != 0,
    };
    Ok(Asked { options, progress: raw.progress, progress_user: raw.progress_user })
}

/// Tells the caller what was done, if the caller wants to know.
///
/// # Safety
/// `to` was checked by [`check_writable`].
pub unsafe fn write_result(to: *mut reflink_result, report: &Report, error: Option<Error>) {
    if to.is_null() {
        return;
    }
    let changed = if report.source_changed { REFLINK_SOURCE_CHANGED } else { 0 };
    let incomplete = if report.metadata_incomplete { REFLINK_METADATA_INCOMPLETE } else { 0 };
    let value = reflink_result {
        size: 0,
        method: report.method() as u32,
        reason: report.reason as u32,
        clone_error: report.clone_error,
        os_error: error.map_or(0, |error| error.os_error()),
        step: error.map_or(Step::None, |error| error.step) as u32,
        flags: changed | incomplete,
        bytes_cloned: report.cloned,
        bytes_copied: report.copied_any(),
        bytes_hole: report.holes,
    };
    // SAFETY: checked, and not NULL.
    unsafe { write(to, &value) };
}

/// Tells the caller what a directory can do.
///
/// # Safety
/// `to` was checked by [`check_writable`] and is not NULL.
pub unsafe fn write_capability(to: *mut reflink_capability, found: &Capability) {
    let mut fs_name = [0; 32];
    // The last byte stays NUL.
    for (room, byte) in fs_name.iter_mut().take(31).zip(found.fs_name.bytes()) {
        *room = core::ffi::c_char::from_ne_bytes([byte]);
    }
    let value = reflink_capability {
        size: 0,
        clone: found.clone.map_or(-1, i32::from),
        reason: found.reason as u32,
        error: found.error,
        range: found.range.into(),
        kernel_copy: found.kernel_copy.into(),
        dedupe: found.dedupe.into(),
        unnamed_files: found.unnamed_files.into(),
        sparse: found.sparse.into(),
        granularity: found.granularity,
        fs_name,
    };
    // SAFETY: checked, and not NULL.
    unsafe { write(to, &value) };
}
