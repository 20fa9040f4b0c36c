//! The one table of which error means what: for each errno and each operation, whether the next method is tried, the
//! call is made again, or the copy stops. No other file compares an errno to decide.

use crate::error::{Reason, Side};
use crate::sys::Errno;
use crate::sys::errno::*;

/// An operation that can be refused while the copy itself is still possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// FICLONE and FICLONERANGE.
    Clone,
    /// copy_file_range.
    KernelCopy,
    /// read and write: the authority, after which there is no other method.
    ReadWrite,
}

/// What an error of an operation means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not possible here: try the next method from the same offset.
    Next,
    /// A real failure: stop.
    Stop,
    /// A signal came in between: make the call again.
    Again,
    /// Not yet: make the call again a few times, then [`Verdict::Next`] (or stop, where there is no
    /// next).
    Later,
    /// Not yet: try the next method; but where this is the only one, have the source written to disk and
    /// make the call again a few times, then stop.
    WaitIfOnlyMethod,
    /// Not possible here if the operation never worked before in this copy; a real failure if it did.
    NextAtStart,
    /// Stop if the destination is marked immutable or append-only, else [`Verdict::Next`]. The
    /// kernel checks the mark when it clones, but not in every write to a file that was open before
    /// the mark: the fallback would get past it.
    StopIfProtected,
    /// Stop if a descriptor is really not open for its use, else [`Verdict::Next`]: FUSE servers
    /// answer EBADF for good ones.
    StopIfBadDescriptor,
    /// A server's lack of the call where one answers and nothing has moved yet (CIFS before Linux
    /// 5.3), else stop.
    NextIfRemote,
}

use Verdict::{
    Again, Later, Next, NextAtStart, NextIfRemote, Stop, StopIfBadDescriptor, StopIfProtected,
    WaitIfOnlyMethod,
};

/// One errno's row: what it means to each operation, and why a clone that it refused was not
/// possible.
struct Row {
    errno: i32,
    clone: Verdict,
    kernel_copy: Verdict,
    read_write: Verdict,
    reason: Reason,
}

const fn row(errno: i32, clone: Verdict, kernel_copy: Verdict, read_write: Verdict, reason: Reason) -> Row {
    Row { errno, clone, kernel_copy, read_write, reason }
}

/// The table. Columns: errno, clone, copy_file_range, read/write, reason.
///
/// Sources: ioctl_ficlonerange(2), copy_file_range(2), the fallback lists of GNU coreutils, Go,
/// libuv and Rust's standard library where they agree with what Linux 6.18 was seen to answer on
/// XFS, Btrfs, ext4, tmpfs and overlayfs.
const TABLE: &[Row] = &[
    // Not here.
    row(EOPNOTSUPP, Next, Next, Stop, Reason::Unsupported),
    row(ENOTTY, Next, Next, Stop, Reason::Unsupported),
    row(ENOSYS, Next, Next, Stop, Reason::Unsupported),
    row(EXDEV, Next, Next, Stop, Reason::CrossDevice),
    // Not this file: alignment, NOCOW on one side only (Btrfs), a limit; eCryptfs, old ZFS and CIFS
    // for copy_file_range.
    row(EINVAL, Next, Next, Stop, Reason::File),
    row(ETXTBSY, Next, Next, Stop, Reason::File),
    row(ENODATA, Next, Next, Stop, Reason::File),
    row(EFBIG, Next, Next, Stop, Reason::File),
    row(EOVERFLOW, Stop, Next, Stop, Reason::File),
    // OCFS2 of a small file, which it keeps in the inode, onto a longer one (Linux 6.1, 6.12).
    row(ERANGE, Next, Next, Stop, Reason::File),
    row(ENOENT, Next, Next, Stop, Reason::Unsupported),
    row(EBADF, StopIfBadDescriptor, StopIfBadDescriptor, Stop, Reason::Unsupported),
    // Forbidden: by a mark on the file, or by a sandbox that knows nothing of clones.
    row(EPERM, StopIfProtected, StopIfProtected, Stop, Reason::Permission),
    row(EACCES, Next, Next, Stop, Reason::Permission),
    // Not now. ZFS answers EAGAIN while the source's blocks are not on disk
    // (zfs_bclone_wait_dirty=0).
    row(EINTR, Again, Again, Again, Reason::Transient),
    row(EAGAIN, WaitIfOnlyMethod, Later, Later, Reason::Transient),
    // More references to one block than the file system counts.
    row(EMLINK, Next, Next, Stop, Reason::File),
    // Real failures. coreutils 7.5 to 9.1 hid them behind a fallback (bugs.gnu.org/60489).
    row(EIO, Stop, NextIfRemote, Stop, Reason::Failure),
    // Damage that was found: EFSCORRUPTED and EFSBADCRC of XFS, ext4, Btrfs and f2fs; EBADE is ZFS's ECKSUM. A copy by
    // another method would only hide it.
    row(EUCLEAN, Stop, Stop, Stop, Reason::Failure),
    row(EBADMSG, Stop, Stop, Stop, Reason::Failure),
    row(EBADE, Stop, Stop, Stop, Reason::Failure),
    row(EHWPOISON, Stop, Stop, Stop, Reason::Failure),
    row(ENOTRECOVERABLE, Stop, Stop, Stop, Reason::Failure),
    // A device that failed (block/blk-core.c: integrity, transport and time limit) or went away.
    row(EILSEQ, Stop, Stop, Stop, Reason::Failure),
    row(ENOLINK, Stop, Stop, Stop, Reason::Failure),
    row(ETIME, Stop, Stop, Stop, Reason::Failure),
    row(ENOMEDIUM, Stop, Stop, Stop, Reason::Failure),
    row(ESHUTDOWN, Stop, Stop, Stop, Reason::Failure),
    row(ENOSPC, Stop, Stop, Stop, Reason::Failure),
    row(EDQUOT, Stop, Stop, Stop, Reason::Failure),
    row(ENOMEM, Stop, Stop, Stop, Reason::Failure),
    row(EROFS, Stop, Stop, Stop, Reason::Permission),
    row(EISDIR, Stop, Stop, Stop, Reason::File),
    row(ENOTDIR, Stop, Stop, Stop, Reason::File),
    row(ELOOP, Stop, Stop, Stop, Reason::Failure),
    row(ENAMETOOLONG, Stop, Stop, Stop, Reason::Failure),
    row(EMFILE, Stop, Stop, Stop, Reason::Transient),
    row(ENFILE, Stop, Stop, Stop, Reason::Transient),
    row(EFAULT, Stop, Stop, Stop, Reason::Failure),
    row(ESPIPE, Stop, Next, Stop, Reason::File), // a file that cannot be positioned, which may be read and written in order
    row(ESTALE, Stop, Stop, Stop, Reason::Failure),
    row(EREMOTEIO, Stop, Stop, Stop, Reason::Failure),
    row(ENETDOWN, Stop, Stop, Stop, Reason::Failure),
    row(EHOSTDOWN, Stop, Stop, Stop, Reason::Failure),
    row(ENETUNREACH, Stop, Stop, Stop, Reason::Failure),
    row(EHOSTUNREACH, Stop, Stop, Stop, Reason::Failure),
    row(ECONNABORTED, Stop, Stop, Stop, Reason::Failure),
    row(ECONNRESET, Stop, Stop, Stop, Reason::Failure),
    row(ETIMEDOUT, Stop, Stop, Stop, Reason::Failure),
    row(ENOTCONN, Stop, Stop, Stop, Reason::Failure),
    row(ENODEV, Stop, Stop, Stop, Reason::Failure),
    row(ENXIO, Stop, Stop, Stop, Reason::Failure),
];

/// An errno that no row names: an oddity of one file system, which read and write then decide on.
const OTHERS: Row = row(0, NextAtStart, NextAtStart, Stop, Reason::Unsupported);

/// What Windows says that no errno says as exactly: the rows of Win32 codes, which come before those of their errnos.
const WIN32: &[Row] = &[
    // Somebody has the file or a part of it locked: a copy would meet the same lock, or what it guards.
    row(Errno::standing_for(32, EBUSY).0, Stop, Stop, Stop, Reason::Transient), // SHARING_VIOLATION
    row(Errno::standing_for(33, EBUSY).0, Stop, Stop, Stop, Reason::Transient), // LOCK_VIOLATION
];

fn row_of(errno: Errno) -> &'static Row {
    let exactly = WIN32.iter().find(|row| row.errno == errno.0);
    exactly.or_else(|| TABLE.iter().find(|row| row.errno == errno.number())).unwrap_or(&OTHERS)
}

/// What `errno` means to `operation`.
pub fn verdict(operation: Operation, errno: Errno) -> Verdict {
    let row = row_of(errno);
    match operation {
        Operation::Clone => row.clone,
        Operation::KernelCopy => row.kernel_copy,
        Operation::ReadWrite => row.read_write,
    }
}

/// Why a clone that `errno` refused was not possible.
pub fn reason(errno: Errno) -> Reason {
    row_of(errno).reason
}

/// On which side a call failed that works on both files at once: only where the errno can mean nothing but the writing.
pub fn side(errno: Errno) -> Side {
    match errno.number() {
        ENOSPC | EDQUOT | EROFS | EFBIG => Side::Destination,
        _ => Side::Neither,
    }
}

/// Whether a clone that failed with `errno` was only refused: a copy would not meet the same, as it would a real failure or
/// a lock of Windows.
pub fn refuses_clone(errno: Errno) -> bool {
    let locked = WIN32.iter().any(|row| errno.is(Errno(row.errno).number()));
    // A name that is taken, or a caller who stopped it.
    let other = matches!(errno.number(), EEXIST | ECANCELED);
    !locked && !other && row_of(errno).clone != Stop
}

/// Whether a clone may have been refused for its alignment, so that larger blocks are worth a try.
pub fn alignment_refused(errno: Errno) -> bool {
    errno.is(EINVAL)
}

/// Whether the error of opening a source says that it is a socket, or a device that nothing drives.
pub fn opens_no_file(errno: Errno) -> bool {
    errno.is(ENXIO)
}

/// Whether the error of opening a directory says that it is something else.
pub fn not_a_directory(errno: Errno) -> bool {
    errno.is(ENOTDIR)
}

/// Whether the error of reading a symbolic link says that the entry is no longer one.
pub fn is_no_symlink(errno: Errno) -> bool {
    errno.is(EINVAL)
}

/// Whether the error of unlinking a name says that it is a directory. (EPERM, as POSIX has it, may mean anything.)
pub fn is_a_directory(errno: Errno) -> bool {
    errno.is(EISDIR)
}

/// Whether the error of removing a directory says that something is in it (XFS, POSIX: EEXIST).
pub fn not_empty(errno: Errno) -> bool {
    matches!(errno.number(), ENOTEMPTY | EEXIST)
}

/// Whether permission bits forbid it, which the owner can change.
pub fn access_denied(errno: Errno) -> bool {
    errno.is(EACCES)
}

/// Whether permission bits cannot be changed because the file is somebody else's.
pub fn is_anothers(errno: Errno) -> bool {
    matches!(errno.number(), EPERM | EACCES)
}

/// What a removal calls the error of entering another mount: EBUSY, as rmdir(2) does.
pub fn busy_mount(errno: Errno) -> Errno {
    if errno.is(EXDEV) { Errno::standing_for(errno.raw(), EBUSY) } else { errno }
}

/// Whether nothing after this error can succeed in a tree: no caller is asked whether to go on.
pub fn ends_a_tree(errno: Errno) -> bool {
    matches!(errno.number(), ENOSPC | EDQUOT | EROFS | ENOMEM | EMFILE | ENFILE)
}

/// Whether nothing stands under a name.
pub fn name_is_free(errno: Errno) -> bool {
    errno.is(ENOENT)
}

/// Whether a filter, and not the file system, says that a name cannot be looked at: the name itself may be good.
pub fn look_refused(errno: Errno) -> bool {
    matches!(errno.number(), ENOSYS | EPERM)
}

/// Whether something stands already under a name that was to be new.
pub fn name_is_taken(errno: Errno) -> bool {
    errno.is(EEXIST)
}

/// Whether the error of making a file says that nothing can have that name on this file system (vfat: EINVAL of "a:b").
pub fn name_cannot_be(errno: Errno) -> bool {
    matches!(errno.number(), EINVAL | EILSEQ) || name_is_long(errno)
}

/// Whether a name could not be tried: no directory may be made there, or somebody removed it. No failure of the device.
pub fn trial_refused(errno: Errno) -> bool {
    let refused = [EPERM, EACCES, EOPNOTSUPP, ENOSYS, ENOTTY, EMLINK, EXDEV, EEXIST, ENOENT, ENOTDIR, ELOOP];
    refused.contains(&errno.number())
}

/// Whether it is only too long, by itself or in its path.
pub fn name_is_long(errno: Errno) -> bool {
    errno.is(ENAMETOOLONG)
}

/// Whether `O_TMPFILE`'s error says that files without a name are not to be had here: overlayfs
/// before 6.x, NFS, FUSE, vfat and others (EOPNOTSUPP), kernels before 3.11 (EISDIR: they see the
/// O_DIRECTORY in it), odd servers (the rest).
pub fn unnamed_unsupported(errno: Errno) -> bool {
    matches!(errno.number(), EOPNOTSUPP | EISDIR | EINVAL | ENOSYS | ENOTTY)
}

/// Whether the error of making a file says that nothing can be made under that name, by whichever
/// call.
pub fn name_refused(errno: Errno) -> bool {
    matches!(errno.number(), EEXIST | ENOENT | ENOTDIR | EISDIR | ELOOP | ENAMETOOLONG | EROFS)
}

/// Whether the error of linking an unnamed file says that it cannot be given a name that way,
/// though another file could: no hard links here (EPERM, EOPNOTSUPP, EMLINK), no procfs (ENOENT), a
/// parent that now lies elsewhere (EXDEV).
pub fn link_unsupported(errno: Errno) -> bool {
    matches!(errno.number(), EPERM | EOPNOTSUPP | ENOSYS | EINVAL | EMLINK | ENOENT | EXDEV | EACCES)
}

/// What link(2) says where RENAME_NOREPLACE is unknown too, in the words of the header: this file system has no safe way
/// to give a new name. EIO is what FUSE servers answer that do not know the call (rclone).
pub fn no_new_name(errno: Errno) -> Errno {
    let unusual = [EIO, EREMOTEIO, ENOSYS, ENOTTY, EACCES, EXDEV, EMLINK];
    if unusual.contains(&errno.number()) { Errno::standing_for(errno.raw(), EOPNOTSUPP) } else { errno }
}

/// Whether a name may not be removed only for as long as its file is open somewhere: a server closes it a moment after
/// close(2).
pub fn still_open(errno: Errno) -> bool {
    matches!(errno.number(), EPERM | EACCES | EBUSY | ETXTBSY)
}

/// Whether RENAME_NOREPLACE is what the kernel (before 3.15) or the file system does not know.
pub fn rename_new_unsupported(errno: Errno) -> bool {
    matches!(errno.number(), EINVAL | ENOSYS | EOPNOTSUPP | EPERM)
}

/// Whether SEEK_DATA or SEEK_HOLE is unknown to this file, which then counts as one stretch of data
/// (coreutils does the same).
pub fn seek_unsupported(errno: Errno) -> bool {
    matches!(errno.number(), EINVAL | EOPNOTSUPP | ENOSYS | ENOTTY | ESPIPE)
}

/// Whether SEEK_DATA says that no data follows, or SEEK_HOLE that the file has ended.
pub fn no_data_follows(errno: Errno) -> bool {
    errno.is(ENXIO)
}

/// Whether holes cannot be punched here, and zeros must be written.
pub fn punch_unsupported(errno: Errno) -> bool {
    matches!(errno.number(), EOPNOTSUPP | ENOSYS | EINVAL | ENOTTY | EPERM)
}

/// Whether a hole cannot be left here, and zeros must be written: a file cannot be made longer otherwise (rclone: EPERM), or
/// takes writes only in order (rclone: ESPIPE, mountpoint-s3: EINVAL). A real failure repeats itself in that write.
pub fn hole_unsupported(errno: Errno) -> bool {
    matches!(errno.number(), EPERM | EACCES | EOPNOTSUPP | ENOSYS | ENOTTY | EINVAL | ESPIPE)
}

/// Whether a file cannot be read or written at an offset at all (FUSE's FOPEN_NONSEEKABLE).
pub fn position_refused(errno: Errno) -> bool {
    errno.is(ESPIPE)
}

/// Whether a server may only mean that it does not know the call: EIO is what rclone and others made with bazil.org/fuse
/// answer.
pub fn server_may_lack(errno: Errno) -> bool {
    errno.is(EIO)
}

/// Whether this file system keeps no extended attributes (or not these).
pub fn attributes_unsupported(errno: Errno) -> bool {
    matches!(errno.number(), EOPNOTSUPP | ENOSYS)
}

/// Whether a file does not have the attribute that was asked for.
pub fn attribute_missing(errno: Errno) -> bool {
    errno.is(ENODATA)
}

/// Whether a filter (seccomp) or a policy lets nobody ask for an ACL that may be there. A copy that asks for none must not
/// fail for it.
pub fn acl_hidden(errno: Errno) -> bool {
    matches!(errno.number(), ENOSYS | EPERM | EACCES)
}

/// Whether a file has no ACL, or its file system has none at all: FUSE servers that do not know ACLs say EINVAL. ENOSYS is
/// what a filter says (Linux turns a server's into EOPNOTSUPP), and no answer to that.
pub fn acl_missing(errno: Errno) -> bool {
    matches!(errno.number(), EINVAL | ENODATA | EOPNOTSUPP)
}

/// Whether a file system refuses metadata, or has no room for it beside the file: what best effort
/// lets pass. An I/O error, or a system short of memory, is a real failure here too.
pub fn metadata_refused(errno: Errno) -> bool {
    matches!(
        errno.number(),
        EPERM
            | EACCES
            | EOPNOTSUPP
            | ENOSYS
            | ENOTTY
            | EINVAL
            | ENOSPC
            | EDQUOT
            | E2BIG
            | ERANGE
            | EOVERFLOW
            | ENODATA
    )
}

/// The error to report for an owner that only looks the same, since it has no number in this user namespace (chown(2): EINVAL):
/// the file cannot be given to it.
pub fn no_such_owner(errno: Errno) -> Errno {
    if errno.is(EINVAL) { Errno::own(EPERM) } else { errno }
}

/// Whether a name is no longer what its directory said of it, when it is opened: a symbolic link (ELOOP), a file in the
/// place of a directory (ENOTDIR), a socket or a device (ENXIO).
pub fn not_as_listed(errno: Errno) -> bool {
    matches!(errno.number(), ELOOP | ENOTDIR | ENXIO)
}

/// Whether another mount begins at a name that was to be opened within one.
pub fn is_other_mount(errno: Errno) -> bool {
    errno.is(EXDEV)
}

/// Whether a clone was refused in a way that holds for each file of this pair of file systems.
pub fn refuses_each_clone(errno: Errno) -> bool {
    matches!(errno.number(), EXDEV | EOPNOTSUPP | ENOTTY)
}

/// Whether a file can get no further name: as many as there can be (EMLINK), none on this file system (EPERM,
/// EOPNOTSUPP; ENOSYS of a FUSE server without links, or of a filter), not from that directory (EXDEV: Btrfs's subvolumes,
/// project quotas).
pub fn further_name_refused(errno: Errno) -> bool {
    matches!(errno.number(), EMLINK | EPERM | EOPNOTSUPP | ENOSYS | EXDEV)
}

/// Whether two names cannot change places here: not on this kernel or file system, or not these (overlayfs says EXDEV of a
/// directory in a lower layer).
pub fn exchange_unsupported(errno: Errno) -> bool {
    matches!(errno.number(), EINVAL | ENOSYS | EOPNOTSUPP | EXDEV)
}

/// Whether a directory cannot be synced here at all: several network and FUSE file systems say
/// EINVAL.
pub fn directory_sync_unsupported(errno: Errno) -> bool {
    matches!(errno.number(), EINVAL | ENOSYS | EOPNOTSUPP)
}

/// Whether nobody says where the bytes of a file lie: the file system does not, or a filter forbids asking.
pub fn map_unsupported(errno: Errno) -> bool {
    matches!(errno.number(), EOPNOTSUPP | ENOTTY | ENOSYS | EINVAL | EPERM | EACCES)
}

/// Whether a map was asked for beyond the largest size that a file can have there.
pub fn map_ends(errno: Errno) -> bool {
    errno.is(EFBIG)
}

#[cfg(test)]
mod tests;
