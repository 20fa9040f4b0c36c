//! How to copy a tree: the options, their values, and what the caller's functions are told.
//! The first members are those of a file's options, and mean the same for each file of the tree.

use core::ffi::{c_char, c_int, c_void};
use core::mem::offset_of;

use crate::capi::sized::Extensible;

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
#[allow(non_camel_case_types)]
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
#[allow(non_camel_case_types)]
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
#[allow(non_camel_case_types)]
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

// SAFETY: integers, and pointers and functions that may be NULL.
unsafe impl Extensible for reflink_tree_options {
    const FIRST: usize = offset_of!(reflink_tree_options, reserved) + size_of::<u32>();
}
