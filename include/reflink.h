/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * reflink.h - copy-on-write (reflink) copies of files
 *
 * Where the file system can, a copy shares its blocks with the source and takes no space until one of both is
 * written; where it cannot, the bytes are copied, correctly. Either way the caller is told what was done.
 *
 *     struct reflink_options options = REFLINK_OPTIONS_INIT;
 *     struct reflink_result result = REFLINK_RESULT_INIT;
 *     options.if_exists = REFLINK_REPLACE;
 *     int code = reflink_copy_file("disk.img", "snapshot.img", &options, &result);
 *     if (code < 0)
 *         fprintf(stderr, "disk.img: %s\n", reflink_strerror(code));
 *     else if (result.method == REFLINK_METHOD_CLONE)
 *         printf("%" PRIu64 " bytes shared\n", result.bytes_cloned);
 *
 * Return values.  Functions that can fail return 0, or a negative number: from -4095 to -1 it is -errno of
 * <errno.h>; at and below -4097 it is one of REFLINK_ERR_*. errno itself is left as it was found.
 *
 * Structures.  Each starts with its size. Set it, and everything else to 0, with the REFLINK_..._INIT macros.
 * Members are only ever added at the end: a program built with an older or a newer header runs with this
 * library. One that is shorter than the library's is read as if it went on with zeros, and filled as far as it goes; one
 * that is longer is accepted while what the library does not know is 0, else -E2BIG; one that is shorter than in
 * the first release is -EINVAL. An unknown flag or value is -EINVAL.
 *
 * Ownership.  Nothing that the library returns is to be freed, and nothing of the caller's is kept after a call.
 * Strings that are returned are static.
 *
 * Names are bytes that end in NUL, as the system takes them; on Windows they are UTF-8.
 *
 * Threads and signals.  There is no global state: every function may be called from any thread at any time, and
 * after fork(). A copy runs in the thread that asks for it. The library sets no signal handlers and changes
 * neither umask, working directory, nor limits. A copy is not async-signal-safe; one that a signal interrupts goes on.
 * A thread that pthread_cancel(3) strikes during a call is cancelled after it, not in it; one whose cancellation is
 * asynchronous must not call, and neither longjmp nor pthread_exit may leave the progress function.
 * Each descriptor that it opens is close-on-exec and above 2. No exception leaves it; none may be thrown through it.
 * Like any opening and closing of a file, a copy ends the record locks (fcntl(2), F_SETLK) that the calling process itself holds
 * on the source: lock by open file description (F_OFD_SETLK, flock(2)) what is copied meanwhile.
 *
 * Systems.  This is written for Linux; the project's docs/platforms.md says where the library was run and where it was only
 * compiled. Where ENOTSUP and EOPNOTSUPP differ, -EOPNOTSUPP stands for both, and os_error is the system's own number.
 *
 * macOS, iOS: APFS clones whole files, under new names; ranges and reflink_copy_fd() are copied, with REFLINK_REASON_UNSUPPORTED.
 * Holes are found by reading, so that `sparse` is 0. The labels com.apple.quarantine, .provenance and .macl stay on a clone. With
 * REFLINK_PRESERVE_OWNER, what the directory's group could read meanwhile is copied (REFLINK_REASON_PERMISSION). With
 * REFLINK_PRESERVE_ACL, entries that the directory hands down are on the file until the ACL is set.
 *
 * Windows: ReFS clones whole clusters. Descriptors are HANDLEs; NULL in the place of AT_FDCWD is the current directory. errno is that
 * of <errno.h>, os_error the Win32 code behind it (0 where the library itself said no); GetLastError() is left as it was found.
 * Names take / and \, and may be long without \\?\; a name of a stream, or one that ends in a dot or a space, is -EINVAL, one of a
 * device REFLINK_ERR_NOT_REGULAR. The only permission bit is the right to write: the read-only attribute. Access control comes from
 * the directory; streams (the mark of the web), encryption and compression do not come along. Of REFLINK_PRESERVE_* there is
 * REFLINK_PRESERVE_TIMES, in steps of 100 ns; the others are -EOPNOTSUPP. REFLINK_REPLACE of a file that others hold open needs NTFS
 * of Windows 10 1809 and their FILE_SHARE_DELETE, else it is -EACCES or -EBUSY.
 *
 * FreeBSD: copy_file_range(2) with COPY_FILE_RANGE_CLONE, from the release that has it; ranges within one file are copied. Extended
 * attributes are those of the namespace "user"; REFLINK_PRESERVE_ACL is -EOPNOTSUPP.
 *
 * Other systems copy, and keep holes where the system tells them; REFLINK_PRESERVE_XATTRS is -EOPNOTSUPP there, and, where there
 * are ACLs, REFLINK_PRESERVE_ACL too. On all but Linux, macOS and Windows a kill can leave the private name beside the finished copy.
 *
 * Link with -lreflink (pkg-config libreflink).
 *
 * This file is made by cbindgen from src/capi: do not edit it, run "make header".
 */


#ifndef REFLINK_H
#define REFLINK_H

#include <stddef.h>
#include <stdint.h>

/* Compile-time version, to be compared with reflink_version_number() of the library that is loaded. */
#define REFLINK_VERSION_NUMBER \
  ((REFLINK_VERSION_MAJOR << 16) | (REFLINK_VERSION_MINOR << 8) | REFLINK_VERSION_PATCH)

/* An open file or directory: a descriptor; on Windows a HANDLE. */
#ifdef _WIN32
typedef void *reflink_fd;
#else
typedef int reflink_fd;
#endif

/* As a length: the rest of the source. */
#define REFLINK_TO_EOF UINT64_MAX

/* Initializers: the size, and 0 for everything else, which is the default. */
#define REFLINK_OPTIONS_INIT { sizeof(struct reflink_options), 0, 0, 0, 0, 0, NULL, NULL }
#define REFLINK_RESULT_INIT { sizeof(struct reflink_result), 0, 0, 0, 0, 0, 0, 0, 0, 0 }
#define REFLINK_CAPABILITY_INIT { sizeof(struct reflink_capability), 0, 0, 0, 0, 0, 0, 0, 0, 0, { 0 } }

/* A result that is ignored is a failed copy taken for a good one. */
#if defined(__GNUC__) || defined(__clang__)
#define REFLINK_NODISCARD __attribute__((warn_unused_result))
#else
#define REFLINK_NODISCARD
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The version ---- */

/** Raised when a program must be changed to use the library. */
#define REFLINK_VERSION_MAJOR 0
/** Raised when something is added. */
#define REFLINK_VERSION_MINOR 1
/** Raised when something is mended. */
#define REFLINK_VERSION_PATCH 0

/**
 * The version of the library that is loaded, to be compared with REFLINK_VERSION_NUMBER, which was
 * compiled in.
 *
 * @return major * 65536 + minor * 256 + patch.
 *
 * Thread-safe, and safe in a signal handler. Since 0.1.
 */
uint32_t reflink_version_number(void);

/**
 * The version of the library that is loaded, as text: "0.1.0".
 *
 * @return Static text, never NULL, not to be freed.
 *
 * Thread-safe, and safe in a signal handler. Since 0.1.
 */
const char *reflink_version_string(void);

/* ---- What functions return ---- */

/**
 * A defect of this library: it panicked. Nothing is known of the copy, but that the promises about
 * the destination's name hold.
 */
#define REFLINK_ERR_PANIC -4097
/** A FIFO, a socket or a device where a regular file is needed. (A directory is -EISDIR.) */
#define REFLINK_ERR_NOT_REGULAR -4098
/** Source and destination are the same file. */
#define REFLINK_ERR_SAME_FILE -4099
/** Both ranges are in one file, and they overlap. */
#define REFLINK_ERR_OVERLAP -4100
/** The destination is open with O_APPEND: the system would write everything at its end. */
#define REFLINK_ERR_APPEND -4101
/**
 * The system's answers contradict each other: a size that is not what was written, more bytes than
 * were asked for, an end of file where there is none. A defect of a file system, most likely.
 */
#define REFLINK_ERR_INCONSISTENT -4102

/**
 * Says in English what a code means, for people.
 *
 * @param code  What a function of this library returned. Positive errno values are understood too.
 * @return Static text, never NULL, not to be freed. For a code that nobody knows it says so.
 *
 * Thread-safe, and safe in a signal handler. Since 0.1.
 */
const char *reflink_strerror(int code);

/**
 * Names a code: "EXDEV", "REFLINK_ERR_PANIC", "OK".
 *
 * @param code  What a function of this library returned. Positive errno values are understood too.
 * @return Static text, never NULL, not to be freed: "UNKNOWN" for a code that nobody knows.
 *
 * Thread-safe, and safe in a signal handler. Since 0.1.
 */
const char *reflink_err_name(int code);

/* ---- How to copy ---- */

/** Clone if possible, else copy. Holes are kept either way. The default. */
#define REFLINK_AUTO 0
/** Clone or fail, and change nothing then. */
#define REFLINK_ALWAYS 1
/**
 * A true second copy: every byte is read and written, nothing is shared. Holes are kept. For
 * backups: blocks that are shared are also lost together. (So copy_file_range(2) is not used
 * either, which may share.)
 */
#define REFLINK_NEVER 2

/** Fail with -EEXIST where the destination exists, be it a dangling symbolic link. The default. */
#define REFLINK_FAIL 0
/**
 * Replace a regular file or a symbolic link (the link itself, not what it points to) by one
 * rename: other processes see the old file or the complete new one. It is a new file: the old
 * one's other hard links keep the old content, and nothing of its mode or owner stays.
 */
#define REFLINK_REPLACE 1

/**
 * The destination's name shows the old state or the complete new one, to every other process and
 * after any error, signal or kill. After a power loss nothing is promised: on some file systems (XFS,
 * ext4) the name can then stand for an empty file, also where there was an old one. The default.
 */
#define REFLINK_ATOMIC 0
/**
 * The same after a power loss too: the file is synced before it gets its name, and the directory
 * after. Once the function has returned 0, the copy is on the device. (A file system that cannot
 * sync directories and says so is taken at its word.)
 */
#define REFLINK_DURABLE 1
/**
 * For bulk callers that own the directory: the file is made under its own name and removed again
 * on failure; one system call less, and a kill can leave a partial file. With REFLINK_REPLACE, an
 * existing file is replaced as with REFLINK_ATOMIC.
 */
#define REFLINK_DIRECT 2

/**
 * Preserve the times of last access and last change, to the nanosecond, or as near as a file system
 * comes that keeps them in steps below a microsecond. Coarser times, and years that a file system
 * does not know, are -EOPNOTSUPP (see REFLINK_BEST_EFFORT_METADATA). Of reflink_copy_fd(): a FUSE
 * server may stamp the file anew when the caller closes it.
 */
#define REFLINK_PRESERVE_TIMES 1
/**
 * Preserve owner and group, and, once they are seen to be right, the set-user-ID, set-group-ID and
 * sticky bits. Without it these bits are never set. Changing the owner takes privilege: -EPERM
 * without. Ids that are not mapped into the user namespace all look alike and are never seen to be
 * right: -EPERM where there are such bits or a capability.
 */
#define REFLINK_PRESERVE_OWNER 2
/**
 * Preserve extended attributes: on Linux those of the "user." and "trusted." namespaces (and "osx.",
 * "os2."), but for what a file system keeps there for itself (trusted.overlay, trusted.SGI_ACL_FILE
 * and the like; btrfs, lustre and their like have namespaces of their own, which stay behind too).
 * Labels are given by policy; "security.capability" comes with REFLINK_PRESERVE_OWNER, once the owner is
 * seen to be right. What the destination of reflink_copy_fd() has besides stays.
 */
#define REFLINK_PRESERVE_XATTRS 4
/**
 * Preserve the POSIX access control list. One that the directory's default gave the copy is
 * removed where the source has none, and so is that of reflink_copy_fd()'s destination. Without this
 * bit the copy keeps the directory's default, as any new file does; and where the source has one, so
 * that the group bits of its mode are the list's mask, the copy's are those of the list's own group
 * entry, as far as the mask lets them.
 */
#define REFLINK_PRESERVE_ACL 8

/** A symbolic link as the source is -ELOOP. */
#define REFLINK_NOFOLLOW 1
/**
 * Metadata that the file system refuses to take or to tell, or has no room for, is not an error;
 * REFLINK_METADATA_INCOMPLETE in the result says so. (An I/O error is one all the same.) Needed on
 * file systems that cannot hold the permission bits (vfat, exFAT, NTFS, many SMB mounts), whether
 * they say so or silently keep others: the copy may then be more open than the source is.
 */
#define REFLINK_BEST_EFFORT_METADATA 2

/** How far a copy is. Valid during the call of the progress function only. */
struct reflink_progress {
  /** sizeof(struct reflink_progress) as the library knows it. */
  size_t size;
  /** Bytes done, cloned ones and holes included. */
  uint64_t bytes_done;
  /**
   * Bytes in all; never less than `bytes_done`. It grows with it where the source does not know
   * its size (/proc).
   */
  uint64_t bytes_total;
};

/**
 * How to copy. NULL instead of a pointer to it means all defaults, and 0 means the default for
 * each member.
 */
struct reflink_options {
  /** sizeof(struct reflink_options), as REFLINK_OPTIONS_INIT sets it. */
  size_t size;
  /** REFLINK_AUTO, REFLINK_ALWAYS or REFLINK_NEVER. */
  uint32_t mode;
  /** REFLINK_FAIL or REFLINK_REPLACE. */
  uint32_t if_exists;
  /** REFLINK_ATOMIC, REFLINK_DURABLE or REFLINK_DIRECT. */
  uint32_t durability;
  /** REFLINK_PRESERVE_* bits. The permission bits (rwx) follow the source in any case. */
  uint32_t preserve;
  /** REFLINK_NOFOLLOW, REFLINK_BEST_EFFORT_METADATA. */
  uint64_t flags;
  /**
   * Called at the beginning, between stretches and at the end, by the thread that called the
   * library; non-zero cancels the copy with -ECANCELED. With it a clone is made in steps of at
   * most 1 GiB, which is no longer one instant of the source; without (NULL) it is one call that
   * nothing can interrupt but SIGKILL. It must not throw, longjmp or call pthread_exit, and its
   * thread is not cancelled in it either.
   */
  int (*progress)(void *user,
                  const struct reflink_progress *progress);
  /** Handed to `progress` as it is. */
  void *progress_user;
};

/* ---- What was done ---- */

/** No data came over: nothing to do, or it failed before. */
#define REFLINK_METHOD_NONE 0
/**
 * All of it shares its blocks with the source, as far as the file system tells the truth (the README's limits name
 * one that does not).
 */
#define REFLINK_METHOD_CLONE 1
/** Part of it was cloned: of a range the middle, of a file what came before a change of method. */
#define REFLINK_METHOD_MIXED 2
/**
 * The kernel copied (copy_file_range(2)), at least in part: it may have shared blocks or not, and
 * does not say.
 */
#define REFLINK_METHOD_KERNEL_COPY 3
/** Read and written: nothing is shared. */
#define REFLINK_METHOD_COPY 4

/** Everything was cloned, or it did not come to that. */
#define REFLINK_REASON_NONE 0
/** This volume cannot clone, or not for this caller's kernel. */
#define REFLINK_REASON_UNSUPPORTED 1
/** Not between these two file systems. */
#define REFLINK_REASON_CROSS_DEVICE 2
/**
 * Not this file or this range: alignment, NOCOW on one side only (Btrfs), a limit, a swap file.
 * Others may do.
 */
#define REFLINK_REASON_FILE 3
/** Forbidden, or filtered away by a sandbox (seccomp, SELinux). */
#define REFLINK_REASON_PERMISSION 4
/** Not now; later it may. */
#define REFLINK_REASON_TRANSIENT 5
/** REFLINK_NEVER was asked for. */
#define REFLINK_REASON_NOT_ASKED 6
/** Cloning is possible, and went wrong: no space, no memory, an I/O error. */
#define REFLINK_REASON_FAILURE 7

/** Nothing failed. */
#define REFLINK_STEP_NONE 0
/** Reading the arguments. */
#define REFLINK_STEP_ARGUMENTS 1
/** Opening the source. */
#define REFLINK_STEP_OPEN_SOURCE 2
/** Checking both files before anything is written. */
#define REFLINK_STEP_CHECK 3
/** Making the new file. */
#define REFLINK_STEP_CREATE 4
/** Cloning. */
#define REFLINK_STEP_CLONE 5
/** Copying. */
#define REFLINK_STEP_COPY 6
/** Setting owner, extended attributes, ACL, mode or times. */
#define REFLINK_STEP_METADATA 7
/** Syncing to the device. */
#define REFLINK_STEP_SYNC 8
/** Giving the new file its name. */
#define REFLINK_STEP_PUBLISH 9
/** Closing. */
#define REFLINK_STEP_CLOSE 10
/** The progress function. */
#define REFLINK_STEP_PROGRESS 11

/**
 * In `flags` of struct reflink_result: size, mtime or ctime of the source moved while it was
 * copied, so that the copy may mix old and new content. A clone in one call is of one instant and
 * is only checked for its size.
 */
#define REFLINK_SOURCE_CHANGED 1
/**
 * In `flags` of struct reflink_result: some metadata could not be set, and
 * REFLINK_BEST_EFFORT_METADATA let it pass.
 */
#define REFLINK_METADATA_INCOMPLETE 2

/**
 * What was done, or why it failed. Filled by every call that gets as far as reading it, on success
 * and on failure.
 */
struct reflink_result {
  /** sizeof(struct reflink_result), as REFLINK_RESULT_INIT sets it. */
  size_t size;
  /** REFLINK_METHOD_*: how the data came over. */
  uint32_t method;
  /** REFLINK_REASON_*: why not everything was cloned. */
  uint32_t reason;
  /** The -errno that refused the clone, 0 if none did. */
  int32_t clone_error;
  /**
   * The raw error of the operating system behind a failure (errno, positive; on Windows a Win32
   * code), 0 if none.
   */
  int32_t os_error;
  /** REFLINK_STEP_*: which operation failed. */
  uint32_t step;
  /** REFLINK_SOURCE_CHANGED, REFLINK_METADATA_INCOMPLETE. */
  uint32_t flags;
  /** Bytes that share their blocks with the source, holes between them included. */
  uint64_t bytes_cloned;
  /** Bytes copied, by the kernel or by reading and writing. */
  uint64_t bytes_copied;
  /** Bytes left as holes. The three add up to the length; after an error, to how far it got. */
  uint64_t bytes_hole;
};

/* ---- Copies ---- */

/**
 * Copies a file under a new name, sharing its blocks where the file system can.
 *
 * The same as reflink_copy_file_at() with both names relative to the current directory.
 *
 * @param src      The file to copy. A symbolic link is followed, unless REFLINK_NOFOLLOW is set.
 * @param dst      The name to give the copy. A symbolic link there is never followed.
 * @param options  How to copy, or NULL for the defaults.
 * @param result   Says what was done, on success and on failure. May be NULL.
 * @return 0, or a negative code: see reflink_copy_file_at().
 *
 * Thread-safe. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_copy_file(const char *src,
                      const char *dst,
                      const struct reflink_options *options,
                      struct reflink_result *result);

/**
 * Copies a file under a new name, both names relative to open directories.
 *
 * The copy is built where nobody sees it (a file without a name, or one with a private random name
 * beside the destination, ".reflink-" and 16 hexadecimal digits, where the file system has none)
 * and gets its name in one step when all of it is there. After any error the name holds what it
 * held before. The exception is what can fail after the name was given: syncing the directory
 * (REFLINK_STEP_SYNC with REFLINK_DURABLE), closing (REFLINK_STEP_CLOSE), and, on file systems
 * without a rename that does not replace, removing the private name (REFLINK_STEP_PUBLISH); the name
 * holds the complete new file then. No existing file is ever truncated, and none is removed to make
 * room.
 *
 * The copy gets the source's permission bits (rwx), whatever the umask. It is never open to more
 * than that while it is made.
 *
 * @param src_dir  An open directory that `src` is relative to, or AT_FDCWD of <fcntl.h> (on Windows NULL).
 * @param src      The file to copy: any name of a regular file, as bytes.
 * @param dst_dir  An open directory that `dst` is relative to, or AT_FDCWD (on Windows NULL).
 * @param dst      The name to give the copy.
 * @param options  How to copy, or NULL for the defaults.
 * @param result   Says what was done, on success and on failure. May be NULL.
 * @return 0, or a negative code, among others:
 * - -EINVAL: a NULL name, an unknown flag or value, a structure that is too small; with
 *   REFLINK_ALWAYS, this file cannot be cloned there (reason REFLINK_REASON_FILE).
 * - -E2BIG: a structure that is larger than this library knows, with something in the part it does
 *   not know.
 * - -ENOENT, -EACCES, -ENOTDIR, -ENAMETOOLONG: what the system says of the names. An empty name
 *   is -ENOENT.
 * - -EISDIR: the source is a directory, or the destination's name ends in a slash, "." or "..",
 *   or, with REFLINK_REPLACE, is a directory.
 * - REFLINK_ERR_NOT_REGULAR: the source is a FIFO, a socket or a device, or REFLINK_REPLACE would
 *   replace one.
 * - -ELOOP: the source is a symbolic link, and REFLINK_NOFOLLOW is set.
 * - -EEXIST: the destination exists, and REFLINK_REPLACE is not asked for.
 * - REFLINK_ERR_SAME_FILE: with REFLINK_REPLACE, source and destination are one file, by whatever
 *   names.
 * - -EOPNOTSUPP, -EXDEV: with REFLINK_ALWAYS, no clone is possible there.
 * - -EFBIG: the copy would be larger than RLIMIT_FSIZE allows; no signal is raised.
 * - -EPERM, -EOPNOTSUPP at REFLINK_STEP_METADATA: the file system cannot hold the permission bits
 *   or the metadata asked for; see REFLINK_BEST_EFFORT_METADATA.
 * - -EOPNOTSUPP, -EPERM, -EINVAL at REFLINK_STEP_PUBLISH: the file system has neither hard links
 *   nor a rename that does not replace, so that a new name cannot be given safely; REFLINK_DIRECT
 *   or REFLINK_REPLACE can still be used.
 * - -EIO, -ENOSPC, -EDQUOT, -ENOMEM, -EROFS: a real failure. It is never hidden behind another
 *   method.
 * - -ECANCELED: the progress function returned non-zero.
 * - REFLINK_ERR_INCONSISTENT, REFLINK_ERR_PANIC: see there.
 *
 * Thread-safe. Blocks until done: a clone takes time in the number of the file's extents, a copy
 * in its size. Advisory locks on the source are not consulted. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_copy_file_at(reflink_fd src_dir,
                         const char *src,
                         reflink_fd dst_dir,
                         const char *dst,
                         const struct reflink_options *options,
                         struct reflink_result *result);

/**
 * Makes the content of one open file equal to that of another: the data, then the size.
 *
 * Works in place: what the destination held is lost, and an error in the middle (no space, an I/O
 * error) leaves it partly written. What can be refused is refused before anything is written. With
 * REFLINK_ALWAYS a clone that is not possible leaves the destination as it was.
 *
 * The descriptors stay open, and their file offsets stay where they are. Of the options,
 * `if_exists`, REFLINK_DIRECT and REFLINK_NOFOLLOW mean nothing here and are ignored;
 * REFLINK_DURABLE syncs the destination at the end; `preserve` is honoured, while the destination
 * keeps its own permission bits.
 *
 * A descriptor that is open with O_DIRECT can be cloned from and to; where bytes must be copied, its
 * rules of alignment hold, and -EINVAL is what the system says of the rest.
 *
 * @param src      A regular file, open for reading.
 * @param dst      A regular file, open for writing without O_APPEND.
 * @param options  How to copy, or NULL for the defaults.
 * @param result   Says what was done, on success and on failure. May be NULL.
 * @return 0, or a negative code, among others:
 * - -EBADF: a descriptor is closed, or not open for its use (O_PATH counts as neither).
 * - -EISDIR, REFLINK_ERR_NOT_REGULAR: one of them is not a regular file.
 * - REFLINK_ERR_APPEND: the destination is open with O_APPEND.
 * - REFLINK_ERR_SAME_FILE: both are one file.
 * - -EPERM: the destination is marked immutable or append-only, or sealed (memfd_create(2)).
 * - and those of reflink_copy_file_at() that are not about names.
 *
 * Thread-safe, if nobody else writes the destination meanwhile. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_copy_fd(reflink_fd src,
                    reflink_fd dst,
                    const struct reflink_options *options,
                    struct reflink_result *result);

/**
 * Copies a range of bytes from one open file into another, sharing the blocks that lie whole in
 * it.
 *
 * Any offsets and any length will do. With REFLINK_AUTO, where both offsets are at the same place
 * within a block (see `granularity` of struct reflink_capability), the whole blocks are cloned and
 * only the edges are copied: the kernel's own copy_file_range(2) shares nothing then. Where they
 * are not, everything is copied. With REFLINK_ALWAYS the range must be aligned, or reach the
 * source's end and become the destination's end; else it is -EINVAL with REFLINK_REASON_FILE, and
 * nothing is written. Holes of the source become holes; only of a source with as many blocks as bytes
 * they are not looked for in a range of up to 1 MiB.
 *
 * Stops at the source's end, as pread(2) does: `bytes_cloned + bytes_copied + bytes_hole` of the
 * result say how much was done, and after an error how much was done from the range's beginning
 * on. Extends the destination where the range goes beyond its end. The same file may be on both
 * sides, if the ranges are apart.
 *
 * The descriptors stay open, and their file offsets stay where they are. Of the options,
 * `if_exists`, REFLINK_DIRECT, REFLINK_NOFOLLOW and REFLINK_BEST_EFFORT_METADATA mean nothing here
 * and are ignored; `preserve` must be 0; REFLINK_DURABLE syncs the destination at the end.
 *
 * @param src         A regular file, open for reading.
 * @param src_offset  Where the range begins in it, in bytes.
 * @param dst         A regular file, open for writing without O_APPEND.
 * @param dst_offset  Where the range begins in it, in bytes.
 * @param length      The range's length in bytes, or REFLINK_TO_EOF. 0 does nothing but check the descriptors.
 * @param options     How to copy, or NULL for the defaults.
 * @param result      Says what was done, on success and on failure. May be NULL.
 * @return 0, or a negative code, among others:
 * - -EINVAL: an offset or a length beyond 2^63-1; `preserve` is not 0; with REFLINK_ALWAYS, the
 *   range is not aligned.
 * - -EFBIG: the range would end beyond 2^63-1 in the destination, or beyond what RLIMIT_FSIZE
 *   allows.
 * - REFLINK_ERR_OVERLAP: both are one file, and the ranges overlap.
 * - and those of reflink_copy_fd(), but REFLINK_ERR_SAME_FILE.
 *
 * Thread-safe, if nobody else writes the destination's range meanwhile. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_copy_range(reflink_fd src,
                       uint64_t src_offset,
                       reflink_fd dst,
                       uint64_t dst_offset,
                       uint64_t length,
                       const struct reflink_options *options,
                       struct reflink_result *result);

/* ---- What a directory can do ---- */

/** What a directory can do, found out by trying. */
struct reflink_capability {
  /** sizeof(struct reflink_capability), as REFLINK_CAPABILITY_INIT sets it. */
  size_t size;
  /** 1: files can be cloned there. 0: they cannot. -1: unknown. */
  int32_t clone;
  /** REFLINK_REASON_*: why not, or why unknown. */
  uint32_t reason;
  /** The -errno that said so, 0 if none. */
  int32_t error;
  /** 1: ranges can be cloned. */
  uint32_t range;
  /** 1: copy_file_range(2) works there. */
  uint32_t kernel_copy;
  /**
   * 1: equal ranges of two files can be made to share blocks (FIDEDUPERANGE). Only tried where
   * the source is a directory.
   */
  uint32_t dedupe;
  /** 1: a copy can be built without a name (O_TMPFILE); else under a private one. */
  uint32_t unnamed_files;
  /** 1: holes take no space and can be found. */
  uint32_t sparse;
  /**
   * The alignment in bytes that range clones were seen to need there, 0 if none was seen to
   * work.
   */
  uint64_t granularity;
  /**
   * The file system's name, NUL-terminated: "xfs", "btrfs", "unknown". For people, not for
   * decisions.
   */
  char fs_name[32];
};

/**
 * Finds out whether files can be cloned into a directory, by trying it.
 *
 * Two files without a name are made (on a file system that has none, files with a private random
 * name that lose it at once), one block of data is cloned, and both are gone again. Nothing is
 * concluded from the file system's name or device number. The answer holds for that moment: the
 * copy itself remains the authority.
 *
 * That something could not be tried is an answer too: `clone` is -1 then, and `reason` and `error`
 * say why. No right to write is needed to be told so.
 *
 * @param src         A file or a directory that clones are to be made from, or NULL for the directory itself.
 * @param dst_dir     The directory that clones are to be made in.
 * @param capability  Receives the answer. Left as it is on failure.
 * @return 0, or a negative code, among others:
 * - -EINVAL: a NULL `dst_dir` or `capability`, or a structure that is too small; -E2BIG: one that
 *   is too large.
 * - -ENOENT, -ENOTDIR, -EACCES: what the system says of the names.
 * - REFLINK_ERR_NOT_REGULAR: `src` is a FIFO, a socket or a device.
 *
 * Thread-safe. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_probe(const char *src,
                  const char *dst_dir,
                  struct reflink_capability *capability);

/**
 * Finds out whether files can be cloned into an open directory, by trying it.
 *
 * @param src         An open file or directory that clones are to be made from, or a negative number (on Windows NULL) for the directory itself.
 * @param dst_dir     The open directory that clones are to be made in.
 * @param capability  Receives the answer.
 * @return 0, or a negative code: see reflink_probe(). -EBADF: a descriptor is closed.
 *
 * Thread-safe. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_probe_fd(reflink_fd src,
                     reflink_fd dst_dir,
                     struct reflink_capability *capability);

#ifdef __cplusplus
}
#endif

#endif /* REFLINK_H */
