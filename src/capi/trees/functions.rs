//! The functions that copy and remove trees: their arguments are checked, the engine is called, and the result is filled.
//! What they promise is in their comments, which are the text of the C header.

use core::ffi::{c_char, c_int};

use super::asked::{self, Asked, Purpose};
use super::options::reflink_tree_options;
use super::result::{self, reflink_tree_result};
use crate::capi::options::reflink_handle;
use crate::capi::{codes, guard, name, sized};
use crate::error::{Cause, Error, Result, Side, Step};
use crate::sys::{CWD, Errno, Native};
use crate::tree::{self, Report, Request, remove};

/// Runs one call: reads the options, has it done, and writes the result whether or not it succeeded.
///
/// # Safety
/// `options` and `result` are NULL or point to structures of the size that their first member says.
unsafe fn run(
    options: *const reflink_tree_options,
    purpose: Purpose,
    result: *mut reflink_tree_result,
    work: impl FnOnce(&mut Asked, &mut Report) -> Result<()>,
) -> c_int {
    guard(|| {
        // SAFETY: the caller of this function vouches for it.
        if let Err(code) = unsafe { sized::check_writable(result) } {
            return code;
        }
        let mut report = Report::default();
        // SAFETY: as above.
        let outcome = match unsafe { asked::read(options, purpose) } {
            Ok(mut asked) => {
                let outcome = work(&mut asked, &mut report);
                // SAFETY: the caller's room, which the caller vouches for.
                unsafe { asked.failed_path.write(&report.failed_path) };
                outcome.map_err(|error| (error, codes::of(&error)))
            }
            Err(code) => Err((Error::new(Step::Arguments(Side::Neither), Cause::System(Errno(0))), code)),
        };
        // SAFETY: checked above.
        unsafe { result::write(result, &report, outcome.err().map(|(error, _)| error)) };
        outcome.err().map_or(0, |(_, code)| code)
    })
}

/// Copies a directory with all that is in it, sharing the blocks of its files where the file system can.
///
/// Does what reflink_copy_tree_at() does, with both names relative to the current directory.
///
/// @param src      The directory to copy. A symbolic link is followed, unless REFLINK_NOFOLLOW is set.
/// @param dst      The name to give the copy.
/// @param options  How to copy, or NULL for the defaults.
/// @param result   Says what was done, on success and on failure. May be NULL.
/// @return 0, or a negative code: see reflink_copy_tree_at().
///
/// Thread-safe. Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reflink_copy_tree(
    src: *const c_char,
    dst: *const c_char,
    options: *const reflink_tree_options,
    result: *mut reflink_tree_result,
) -> c_int {
    // SAFETY: the arguments are passed on as they came, with the same promises.
    unsafe { reflink_copy_tree_at(CWD, src, CWD, dst, options, result) }
}

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
/// @param src_dir  An open directory that `src` is relative to, or AT_FDCWD of <fcntl.h> (on Windows NULL).
/// @param src      The directory to copy.
/// @param dst_dir  An open directory that `dst` is relative to, or AT_FDCWD (on Windows NULL).
/// @param dst      The name to give the copy. Its parent must exist.
/// @param options  How to copy, or NULL for the defaults.
/// @param result   Says what was done, on success and on failure. May be NULL.
/// @return 0, or a negative code, among others:
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
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reflink_copy_tree_at(
    src_dir: reflink_handle,
    src: *const c_char,
    dst_dir: reflink_handle,
    dst: *const c_char,
    options: *const reflink_tree_options,
    result: *mut reflink_tree_result,
) -> c_int {
    let copy = |asked: &mut Asked, report: &mut Report| {
        // SAFETY: the caller passes NULL or NUL-terminated strings, as the header says.
        let (src, dst) = unsafe { (name(src)?, name(dst)?) };
        let request = Request { src_dir, src, dst_dir, dst, options: &asked.options };
        tree::copy_with_threads(&Native, &request, &mut asked.callbacks, report)
    };
    // SAFETY: the caller passes NULL or structures of the size that they say, as the header says.
    unsafe { run(options, Purpose::Copy, result, copy) }
}

/// Removes a directory with all that is in it.
///
/// Does what reflink_remove_tree_at() does, with the name relative to the current directory.
///
/// @param name     The directory to remove.
/// @param options  See reflink_remove_tree_at(), or NULL.
/// @param result   Says what was done, on success and on failure. May be NULL.
/// @return 0, or a negative code: see reflink_remove_tree_at().
///
/// Thread-safe. Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reflink_remove_tree(
    name: *const c_char,
    options: *const reflink_tree_options,
    result: *mut reflink_tree_result,
) -> c_int {
    // SAFETY: the arguments are passed on as they came, with the same promises.
    unsafe { reflink_remove_tree_at(CWD, name, options, result) }
}

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
/// @param dir      An open directory that `name` is relative to, or AT_FDCWD of <fcntl.h> (on Windows NULL).
/// @param name     The directory to remove: a name or a path. Its last part is not followed.
/// @param options  As above, or NULL.
/// @param result   Says what was done, on success and on failure. May be NULL.
/// @return 0, or a negative code, among others:
/// - -EINVAL: a NULL name, an option that is not used here.
/// - -ENOTDIR: it is a file or a symbolic link.
/// - -EBUSY: something is mounted in it.
/// - -ECANCELED: a function or `cancel` asked to stop.
/// - any error of an entry: `failed_path` names the entry.
///
/// Thread-safe. Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reflink_remove_tree_at(
    dir: reflink_handle,
    name: *const c_char,
    options: *const reflink_tree_options,
    result: *mut reflink_tree_result,
) -> c_int {
    let remove = |asked: &mut Asked, report: &mut Report| {
        // SAFETY: the caller passes NULL or a NUL-terminated string, as the header says.
        let name = unsafe { crate::capi::name(name)? };
        remove::remove(&Native, dir, name, &mut asked.callbacks, report)
    };
    // SAFETY: the caller passes NULL or structures of the size that they say, as the header says.
    unsafe { run(options, Purpose::Remove, result, remove) }
}
