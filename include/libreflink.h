/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * libreflink.h - copy-on-write (reflink) copies of files
 *
 * Where the file system can, a copy shares its blocks with the source and takes no extra space until either file is
 * written. Where it cannot, the bytes are copied. The result reports which of the two was done.
 *
 *     struct reflink_options options = REFLINK_OPTIONS_INIT;
 *     struct reflink_result result = REFLINK_RESULT_INIT;
 *     options.if_exists = REFLINK_REPLACE;
 *     int code = reflink_copy_file("disk.img", "snapshot.img", &options, &result);
 *     char line[1024];
 *     if (code < 0) {
 *         reflink_describe(code, result.step, result.flags, "disk.img", "snapshot.img", line, sizeof line);
 *         fprintf(stderr, "%s\n", line);
 *     } else {
 *         printf("snapshot.img: %s\n", reflink_method_text(result.method));
 *     }
 *
 * Return values.  Functions that can fail return 0 or a negative number: from -4095 to -1 it is -errno of <errno.h>,
 * from -4097 down it is one of REFLINK_ERR_*. errno is not changed.
 *
 * Structures.  Each starts with its size. Set it, and everything else to 0, with the REFLINK_..._INIT macros. New members
 * are only added at the end, so a program built with an older or a newer header runs with this library. A smaller (older)
 * structure is read as if its missing members were 0, and only its own members are written. A larger (newer) one is
 * accepted if the members this library does not know are 0, and refused with -E2BIG otherwise. One that is smaller than
 * in the first release is refused with -EINVAL, and so is an unknown flag or value, or one in the wrong member.
 *
 * Ownership.  The library returns nothing that must be freed, and keeps no pointer after a call. Strings that it returns
 * are static.
 *
 * Names are bytes that end in NUL, as the system takes them; on Windows they are UTF-8.
 *
 * Threads and signals.  There is no global state: every function may be called from any thread at any time, and after
 * fork(). A copy runs in the thread that calls. The library sets no signal handlers and does not change umask, working
 * directory or limits. Copies are not async-signal-safe. A copy interrupted by a signal continues. A thread that
 * pthread_cancel(3) cancels during a call is cancelled after the call. A thread with asynchronous cancellation must not
 * call the library. Neither longjmp nor pthread_exit may leave the progress function. Each descriptor that the library
 * opens is close-on-exec and above 2. No exception leaves the library, and none may be thrown through it. Copying a file
 * drops the fcntl(2) locks (F_SETLK) that the calling process holds on the source: POSIX drops them when any descriptor
 * of the file is closed. Locks by open file description (F_OFD_SETLK) and flock(2) are not affected.
 *
 * What other systems than Linux do differently is in libreflink(7), under "Systems".
 *
 * Link with -lreflink (pkg-config libreflink).
 *
 * This file is made by cbindgen from src/capi: do not edit it, run "make header".
 */


#ifndef LIBREFLINK_H
#define LIBREFLINK_H

#include <stddef.h>
#include <stdint.h>

/* The version of this header. Compare it with reflink_version_number(), the version of the loaded library. */
#define REFLINK_VERSION_NUMBER \
  ((REFLINK_VERSION_MAJOR << 16) | (REFLINK_VERSION_MINOR << 8) | REFLINK_VERSION_PATCH)

/* An open file or directory: a descriptor; on Windows a HANDLE. */
#ifdef _WIN32
typedef void *reflink_handle;
#else
typedef int reflink_handle;
#endif

/* Whether a structure that the library gave to a function of yours has a member. The library fills it with its own
 * size, which may be that of an older version: a member that is newer than the first release is only there if
 * REFLINK_HAS(entry, struct reflink_tree_entry, member). */
#define REFLINK_HAS(pointer, type, member) \
  ((pointer)->size >= offsetof(type, member) + sizeof((pointer)->member))

/* Initializers: the size, and 0 for everything else, which is the default. */
#define REFLINK_OPTIONS_INIT { sizeof(struct reflink_options), 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL }
#define REFLINK_RESULT_INIT { sizeof(struct reflink_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, { 0 } }
#define REFLINK_CAPABILITY_INIT { sizeof(struct reflink_capability), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, { 0 } }
#define REFLINK_EXTENTS_RESULT_INIT \
  { sizeof(struct reflink_extents_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
#define REFLINK_SHARED_RESULT_INIT { sizeof(struct reflink_shared_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
#define REFLINK_DEDUPE_OPTIONS_INIT { sizeof(struct reflink_dedupe_options), 0, 0, NULL, NULL, NULL, NULL }
#define REFLINK_DEDUPE_RESULT_INIT { sizeof(struct reflink_dedupe_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
#define REFLINK_TREE_OPTIONS_INIT \
  { sizeof(struct reflink_tree_options), 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0 }
#define REFLINK_TREE_RESULT_INIT \
  { sizeof(struct reflink_tree_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, { 0 } }

/* A caller that ignores the result takes a failed copy for a good one. */
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
/** Raised when something is fixed. */
#define REFLINK_VERSION_PATCH 0

/**
 * The version of the loaded library. Compare it with REFLINK_VERSION_NUMBER of the header.
 *
 * @return major * 65536 + minor * 256 + patch.
 *
 * Thread-safe, and safe in a signal handler. Since 0.1.
 */
uint32_t reflink_version_number(void);

/**
 * The version of the loaded library as text: "0.1.0".
 *
 * @return Static text, never NULL, not to be freed.
 *
 * Thread-safe, and safe in a signal handler. Since 0.1.
 */
const char *reflink_version_string(void);

/* ---- What functions return ---- */

/**
 * Internal error: a bug in this library. The result is unknown, except that the promises about the
 * destination's name hold.
 */
#define REFLINK_ERR_PANIC -4097
/** A FIFO, a socket or a device where a regular file is needed. (A directory is -EISDIR.) */
#define REFLINK_ERR_NOT_REGULAR -4098
/** Source and destination are the same file. */
#define REFLINK_ERR_SAME_FILE -4099
/** Both ranges are in one file, and they overlap. */
#define REFLINK_ERR_OVERLAP -4100
/** The destination is open with O_APPEND, so the system would write everything at its end. */
#define REFLINK_ERR_APPEND -4101
/**
 * The system's answers contradict each other. For example, a file's size differs from what was
 * written, or a read returns more bytes than requested. Most likely a bug in a file system.
 */
#define REFLINK_ERR_INCONSISTENT -4102
/** Of trees: the destination is inside the source, or what would be replaced is the source or contains it. */
#define REFLINK_ERR_INTO_ITSELF -4103
/**
 * Of trees: two names of a directory are one name on the destination, which does not tell upper and lower case, or forms
 * of a letter, apart.
 */
#define REFLINK_ERR_NAME_CLASH -4104

/**
 * Says in English what a code means, for people.
 *
 * @param code  What a function of this library returned. Positive errno values are understood too.
 * @return Static text, never NULL, not to be freed: "Unknown error" for an unknown code.
 *
 * Thread-safe, and safe in a signal handler. Since 0.1.
 */
const char *reflink_strerror(int code);

/**
 * Names a code: "EXDEV", "REFLINK_ERR_PANIC", "OK".
 *
 * @param code  What a function of this library returned. Positive errno values are understood too.
 * @return Static text, never NULL, not to be freed: "UNKNOWN" for an unknown code.
 *
 * Thread-safe, and safe in a signal handler. Since 0.1.
 */
const char *reflink_err_name(int code);

/* ---- How to copy ---- */

/** Clone if possible, else copy. Holes are kept either way. The default. */
#define REFLINK_AUTO 0
/**
 * Clone or fail. A clone that is refused changes nothing. Into a file that is open already, a clone that
 * fails in the middle (no space, an I/O error) can have changed it: REFLINK_DESTINATION_CHANGED.
 */
#define REFLINK_ALWAYS 0x1
/**
 * Read and write every byte, so that nothing is shared. Holes are kept. For backups: shared blocks
 * are lost together. (copy_file_range(2) is not used either, since it may share.)
 */
#define REFLINK_NEVER 0x2

/** Fail with -EEXIST where the destination exists, also as a dangling symbolic link. The default. */
#define REFLINK_FAIL 0
/**
 * Replace a regular file or a symbolic link (the link itself, not what it points to) by one
 * rename: other processes see the old file or the complete new one. It is a new file: the old
 * one's other hard links keep the old content, and nothing of its mode or owner stays.
 */
#define REFLINK_REPLACE 0x10
/**
 * Write into the existing regular file, as cp does. It keeps its inode, and with it mode, owner and hard links.
 * This is not atomic: the old content is lost, and after a failure the file can hold a part of both
 * (REFLINK_DESTINATION_CHANGED). Refuses what reflink_copy_fd() refuses, before anything is written, and follows `preserve`
 * in the same way. If no file exists, a new one is made as with REFLINK_FAIL: another one that appears in that moment is
 * -EEXIST. A symbolic link is -ELOOP (see REFLINK_FOLLOW_DESTINATION). A FIFO, a socket or a device is never opened.
 * `durability` and `permissions` must be 0. Where cloning makes new files (macOS), bytes are copied.
 */
#define REFLINK_OVERWRITE 0x20

/**
 * The destination's name shows the old state or the complete new one, to every other process and
 * after any error, signal or kill. After a power loss nothing is promised: on some file systems (XFS,
 * ext4) the name can then hold an empty file, also where there was an old one. The default.
 */
#define REFLINK_ATOMIC 0
/**
 * As REFLINK_ATOMIC, and also after a power loss: the file is synced before it gets its name, and the directory
 * after. Once the function has returned 0, the copy is on the device. (Exception: a file system that
 * reports that it cannot sync directories.)
 */
#define REFLINK_DURABLE 0x100
/**
 * For bulk callers that own the directory: the file is made under its own name and removed again
 * on failure; one system call less, and a kill can leave a partial file. With REFLINK_REPLACE, an
 * existing file is replaced as with REFLINK_ATOMIC.
 */
#define REFLINK_UNSTAGED 0x200

/**
 * The permission bits (rwx) of the source, whatever the umask: under umask 077, a copy of a file that all may read can
 * be read by all. The default.
 */
#define REFLINK_PERMISSIONS_SOURCE 0
/** The permission bits of the source without those of the umask, as cp gives them. */
#define REFLINK_PERMISSIONS_UMASK 0x1000
/**
 * 0666, or 0777 for a directory of a tree, without the bits of the umask, as open(2) and mkdir(2) give them.
 *
 * With both of these the system applies the umask when the file is made, so that it is neither read nor changed. Where
 * the directory has a default access control list, that list counts and the umask does not, as for any
 * new file. With REFLINK_PRESERVE_ACL both are -EINVAL. The set-user-ID, set-group-ID and sticky bits are as REFLINK_PRESERVE_OWNER
 * says, and never those of REFLINK_PERMISSIONS_NEW. On macOS, where a clone has its source's permissions at
 * first, a file is copied whose source is more open than the umask allows; with REFLINK_ALWAYS that is -EPERM.
 * Windows has no umask.
 */
#define REFLINK_PERMISSIONS_NEW 0x2000

/**
 * Preserve the times of last access and last change, to the nanosecond, or to the file system's step
 * where that is below a microsecond. Where the file system stores coarser times, or cannot store the
 * year, the copy fails with -EOPNOTSUPP (see REFLINK_BEST_EFFORT_METADATA). Exception: a FUSE server
 * may set new times when the caller of reflink_copy_fd() closes the file.
 */
#define REFLINK_PRESERVE_TIMES 0x10000
/**
 * Preserve owner and group, and the set-user-ID, set-group-ID and sticky bits. These bits are set
 * after checking that owner and group were really set, and never without REFLINK_PRESERVE_OWNER.
 * Changing the owner needs privilege; without it the copy fails with -EPERM. Ids without a mapping
 * in the user namespace all look alike and cannot be checked: -EPERM where the source has one of
 * these bits, or a capability that REFLINK_PRESERVE_XATTRS asks for.
 */
#define REFLINK_PRESERVE_OWNER 0x20000
/**
 * Preserve extended attributes, on Linux those of the "user.", "trusted.", "osx." and "os2."
 * namespaces. Exception: attributes that a file system keeps for itself are not copied
 * (trusted.overlay, trusted.SGI_ACL_FILE and the like, the namespaces of btrfs, lustre and others).
 * Security labels are not copied: the system's policy assigns them. "security.capability" is copied only
 * with REFLINK_PRESERVE_OWNER, after checking that the owner was really set. reflink_copy_fd() keeps
 * attributes that only the destination has.
 */
#define REFLINK_PRESERVE_XATTRS 0x40000
/**
 * Preserve the POSIX access control list. Where the source has none, the copy gets none: a list that
 * it inherited from its directory is removed, and so is that of reflink_copy_fd()'s destination.
 * Without this bit, the copy keeps the list that it inherits from its directory, as any new file does. The
 * group bits of a source with a list are the list's mask (acl(5)). On Linux the copy then gets the
 * rights of the list's own group entry, limited by the mask. Other systems with such lists copy the
 * group bits unchanged: see libreflink(7), under "Systems".
 */
#define REFLINK_PRESERVE_ACL 0x80000

/** Refuse a symbolic link as the source, with -ELOOP. */
#define REFLINK_NOFOLLOW 0x100000000ULL
/**
 * Succeed where the file system refuses to read or to set metadata, or has no room for it.
 * REFLINK_METADATA_INCOMPLETE in the result reports that. An I/O error is still an error. Needed on
 * file systems that cannot store the permission bits (vfat, exFAT, NTFS, many SMB mounts), whether
 * they report that or silently keep other bits. The copy may then be more open than the source.
 */
#define REFLINK_BEST_EFFORT_METADATA 0x200000000ULL
/**
 * With reflink_copy_range(): share the whole blocks of the range that both files' block boundaries allow, and write
 * nothing else. For a destination that holds the bytes already, or will get the others from elsewhere. `clone_offset` and
 * `bytes_cloned` of the result say what is shared at least; the method is REFLINK_METHOD_MIXED where something
 * was left out. Where nothing can be shared, REFLINK_AUTO succeeds with 0 bytes and the reason (offsets at different
 * places within a block: REFLINK_REASON_FILE), and REFLINK_ALWAYS fails. With REFLINK_NEVER: -EINVAL.
 */
#define REFLINK_SHARE_ONLY 0x400000000ULL
/**
 * With REFLINK_OVERWRITE: follow a symbolic link at the destination, and write into the file that it leads to. One that
 * leads nowhere is -ENOENT: nothing is made through it.
 */
#define REFLINK_FOLLOW_DESTINATION 0x800000000ULL

/** How far a copy is. Valid during the call of the progress function only. */
struct reflink_progress {
  /** sizeof(struct reflink_progress) as the library knows it. */
  uint32_t size;
  /** 0. */
  uint32_t reserved;
  /** Bytes done, cloned ones and holes included. */
  uint64_t bytes_done;
  /**
   * Bytes in all, never less than `bytes_done`. Where the source does not know its size (/proc),
   * this number grows with `bytes_done`.
   */
  uint64_t bytes_total;
};

/**
 * How to copy. NULL instead of a pointer to it means all defaults, and 0 means the default for
 * each member. Every other value belongs to one member, and in another one it is refused with -EINVAL. So
 * is a value that means nothing to the function called: nothing is ignored.
 */
struct reflink_options {
  /** sizeof(struct reflink_options), as REFLINK_OPTIONS_INIT sets it. */
  uint32_t size;
  /** REFLINK_AUTO, REFLINK_ALWAYS or REFLINK_NEVER. */
  uint32_t mode;
  /** REFLINK_FAIL, REFLINK_REPLACE or REFLINK_OVERWRITE. Of functions that give a name. */
  uint32_t if_exists;
  /** REFLINK_ATOMIC, REFLINK_DURABLE or REFLINK_UNSTAGED. */
  uint32_t durability;
  /** REFLINK_PERMISSIONS_SOURCE, REFLINK_PERMISSIONS_UMASK or REFLINK_PERMISSIONS_NEW. Of functions that give a name. */
  uint32_t permissions;
  /** REFLINK_PRESERVE_* bits. */
  uint32_t preserve;
  /** REFLINK_NOFOLLOW, REFLINK_BEST_EFFORT_METADATA, REFLINK_SHARE_ONLY, REFLINK_FOLLOW_DESTINATION. */
  uint64_t flags;
  /**
   * Called at the beginning, between stretches and at the end, by the thread that called the
   * library; non-zero cancels the copy with -ECANCELED. With it a clone is made in steps of at
   * most 1 GiB, so that it is no longer of one instant of the source. Without (NULL) a clone is one call,
   * which only SIGKILL interrupts. `bytes_done` begins again at 0 where all data must be copied a second
   * time (a file without a name cannot be linked, a clone came out short). It must not throw, longjmp or call pthread_exit, and its
   * thread is not cancelled in it either.
   */
  int (*progress)(void *user,
                  const struct reflink_progress *progress);
  /** Passed to `progress`. */
  void *user;
  /**
   * NULL, or points to a number. Once that is not 0, the copy ends with -ECANCELED, as if `progress` had said so. Another
   * thread (atomically) or a signal handler sets it. The library looks at it between the steps that
   * `progress` divides the work into, also if `progress` is NULL, and before the copy gets its name.
   */
  const volatile int *cancel;
  /** NULL. */
  void *reserved;
};

/* ---- What was done ---- */

/** No data was copied: there was nothing to do, or the call failed before. */
#define REFLINK_METHOD_NONE 0
/**
 * All of it shares its blocks with the source. This is what the file system reports, and a server may
 * report a clone where it made a copy: see libreflink(7), under "Limits".
 */
#define REFLINK_METHOD_CLONE 1
/**
 * Part of it was cloned: the middle of a range, or the part of a file before the method changed. After
 * a failure also: a clone stopped in the middle, and at least `bytes_cloned` of it are there.
 */
#define REFLINK_METHOD_MIXED 2
/**
 * The kernel copied (copy_file_range(2)), at least in part. It may have shared blocks, and does not
 * report whether it did.
 */
#define REFLINK_METHOD_KERNEL_COPY 3
/** Read and written: nothing is shared. */
#define REFLINK_METHOD_COPY 4

/** Everything was cloned, or the call ended before cloning was tried. */
#define REFLINK_REASON_NONE 0
/** This volume cannot clone, or this kernel does not support it. */
#define REFLINK_REASON_UNSUPPORTED 1
/** Not between these two file systems. */
#define REFLINK_REASON_CROSS_DEVICE 2
/**
 * Not this file or this range: alignment, NOCOW on one side only (Btrfs), a limit, a swap file.
 * Other files may be cloned.
 */
#define REFLINK_REASON_FILE 3
/** Forbidden, or filtered away by a sandbox (seccomp, SELinux). */
#define REFLINK_REASON_PERMISSION 4
/** Not possible now; it may be later. */
#define REFLINK_REASON_TRANSIENT 5
/** REFLINK_NEVER was asked for. */
#define REFLINK_REASON_NOT_ASKED 6
/** Cloning is possible and failed: no space, no memory, an I/O error. */
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
/** The progress function, or `cancel` of the options, stopped the copy. */
#define REFLINK_STEP_PROGRESS 11
/** Of trees: opening or reading a directory. */
#define REFLINK_STEP_WALK 12
/** Of trees: `filter`. */
#define REFLINK_STEP_FILTER 13
/**
 * Of trees: removing the replaced tree, after the name got the new one (REFLINK_PUBLISHED), or an unfinished one. After an
 * earlier failure, that failure is returned.
 */
#define REFLINK_STEP_CLEANUP 14
/** Asking where the bytes of a file lie. */
#define REFLINK_STEP_MAP 15
/** Comparing two ranges and making them share their blocks. */
#define REFLINK_STEP_DEDUPE 16

/**
 * In `flags` of struct reflink_result or struct reflink_tree_entry: size, mtime or ctime of the source changed during
 * the copy, so the copy may mix old and new content. A clone in one call is of one instant; only its
 * size is checked.
 */
#define REFLINK_SOURCE_CHANGED 0x1
/**
 * In `flags` of struct reflink_result, struct reflink_tree_result or struct reflink_tree_entry: some metadata could not be
 * set, and REFLINK_BEST_EFFORT_METADATA allowed that. Without that flag: a sandbox forbids asking whether the source
 * has an access control list, and so the copy's group bits are no more than those of others.
 */
#define REFLINK_METADATA_INCOMPLETE 0x2
/**
 * In `flags` of struct reflink_result or struct reflink_tree_result: the destination's name holds the complete new file
 * or tree; with REFLINK_MERGE, every entry that was not skipped is in place. Also set when something failed after the
 * name was given (REFLINK_STEP_SYNC, REFLINK_STEP_CLOSE, REFLINK_STEP_CLEANUP), or in the call that gave it.
 * reflink_copy_fd() and reflink_copy_range() never set it: they give no names.
 */
#define REFLINK_PUBLISHED 0x4
/**
 * In `flags` of struct reflink_result or struct reflink_tree_result, after a failure: an existing destination
 * (reflink_copy_fd(), reflink_copy_range(), REFLINK_OVERWRITE, REFLINK_MERGE) was changed, or may have been; or an
 * unfinished tree stands under the name (REFLINK_UNSTAGED). What the result counts is there; more may be. If it is not
 * set, the content of the destination is unchanged.
 */
#define REFLINK_DESTINATION_CHANGED 0x8
/**
 * In `flags` of a result: something of the library's own, or the replaced tree, was left beside the destination. `litter`
 * has its name.
 */
#define REFLINK_LITTER 0x20
/**
 * In `flags` of a result or of struct reflink_tree_entry, after a failure: the call that failed was made on the source
 * ("error reading"). Where neither this flag nor REFLINK_AT_DESTINATION is set, the call was made on both files at
 * once, or on none of them.
 */
#define REFLINK_AT_SOURCE 0x100
/**
 * In `flags` of a result or of struct reflink_tree_entry, after a failure: the call that failed was made on the
 * destination, its name or its directory ("error writing").
 */
#define REFLINK_AT_DESTINATION 0x200

/**
 * What was done, or why it failed. Every call that accepts this structure fills it, on success and
 * on failure.
 */
struct reflink_result {
  /** sizeof(struct reflink_result), as REFLINK_RESULT_INIT sets it. */
  uint32_t size;
  /** REFLINK_STEP_*: which operation failed. */
  uint32_t step;
  /** REFLINK_REASON_*: why not everything was cloned. */
  uint32_t reason;
  /**
   * REFLINK_SOURCE_CHANGED, REFLINK_METADATA_INCOMPLETE, REFLINK_PUBLISHED, REFLINK_DESTINATION_CHANGED,
   * REFLINK_LITTER, REFLINK_AT_SOURCE, REFLINK_AT_DESTINATION.
   */
  uint32_t flags;
  /**
   * The raw error of the operating system behind a failure (errno, positive; on Windows a Win32
   * code), 0 if none: the library refused it itself.
   */
  int32_t os_error;
  /** The -errno that refused the clone, 0 if none did. */
  int32_t clone_error;
  /** REFLINK_METHOD_*: how the data was copied. */
  uint32_t method;
  /** 0. */
  uint32_t reserved;
  /** Bytes that share their blocks with the source, holes between them included. */
  uint64_t bytes_cloned;
  /** Bytes copied, by the kernel or by reading and writing. */
  uint64_t bytes_copied;
  /** Bytes left as holes. The three add up to the length; after an error, to how far it got at least. */
  uint64_t bytes_hole;
  /** Of reflink_copy_range(): where `bytes_cloned` begin, from the range's beginning. */
  uint64_t clone_offset;
  /** With REFLINK_LITTER the private name, NUL-terminated; else empty. */
  char litter[32];
};

/* ---- Copies ---- */

/** As a length: the rest of the source. It is the largest length that is valid. */
#define REFLINK_TO_EOF 0x7fffffffffffffffULL

/**
 * Copies a file under a new name, sharing its blocks where the file system can.
 *
 * Does what reflink_copy_file_at() does, with both names relative to the current directory.
 *
 * @param src      The file to copy. A symbolic link is followed, unless REFLINK_NOFOLLOW is set.
 * @param dst      The name to give the copy. A symbolic link there is never followed (see REFLINK_FOLLOW_DESTINATION).
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
 * The copy is built in a file without a name. Where the file system has none, it is built under a
 * private random name beside the destination: ".reflink-" and 16 hexadecimal digits. It gets its
 * name in one step, when it is complete. After any error the name holds what it held before.
 * Exceptions are failures after the name was given: syncing the directory (REFLINK_STEP_SYNC with
 * REFLINK_DURABLE), closing (REFLINK_STEP_CLOSE), and, on file systems without a rename that does not
 * replace, removing the private name (REFLINK_STEP_PUBLISH). Then the name holds the complete new
 * file. No existing file is ever truncated, and none is removed to make room. REFLINK_OVERWRITE is the one exception to this
 * paragraph: it writes into the file that is there.
 *
 * The copy gets the source's permission bits (rwx), whatever the umask, unless `permissions` says otherwise. While
 * it is made, it never has more than the result.
 *
 * @param src_dir  An open directory that `src` is relative to, or AT_FDCWD of <fcntl.h> (on Windows NULL).
 * @param src      The file to copy: any name of a regular file, as bytes.
 * @param dst_dir  An open directory that `dst` is relative to, or AT_FDCWD (on Windows NULL).
 * @param dst      The name to give the copy.
 * @param options  How to copy, or NULL for the defaults.
 * @param result   Says what was done, on success and on failure. May be NULL.
 * @return 0, or a negative code, among others:
 * - -EINVAL: a NULL name, a value that is unknown or in the wrong member, a structure that is too small; with
 *   REFLINK_ALWAYS, this file cannot be cloned there (reason REFLINK_REASON_FILE).
 * - -E2BIG: a structure larger than this library knows, with a nonzero member in the unknown part.
 * - -ENOENT, -EACCES, -ENOTDIR, -ENAMETOOLONG: the system refuses a name. An empty name
 *   is -ENOENT.
 * - -EISDIR: the source is a directory, or the destination's name ends in a slash, "." or "..",
 *   or, with REFLINK_REPLACE or REFLINK_OVERWRITE, is a directory.
 * - REFLINK_ERR_NOT_REGULAR: the source is a FIFO, a socket or a device, or REFLINK_REPLACE would
 *   replace one, or REFLINK_OVERWRITE write to one.
 * - -ELOOP: the source is a symbolic link, and REFLINK_NOFOLLOW is set; or the destination is one, with REFLINK_OVERWRITE.
 * - -EEXIST: the destination exists, and neither REFLINK_REPLACE nor REFLINK_OVERWRITE is set.
 * - REFLINK_ERR_SAME_FILE: with REFLINK_REPLACE or REFLINK_OVERWRITE, source and destination are one file, also by
 *   different names.
 * - -EACCES, -EPERM, -ETXTBSY, -EROFS at REFLINK_STEP_CHECK: with REFLINK_OVERWRITE, the file that is there cannot be written.
 * - -EOPNOTSUPP, -EXDEV: with REFLINK_ALWAYS, no clone is possible there.
 * - -EFBIG: the copy would be larger than RLIMIT_FSIZE allows; no signal is raised.
 * - -EPERM, -EOPNOTSUPP at REFLINK_STEP_METADATA: the file system cannot hold the permission bits
 *   or the metadata asked for; see REFLINK_BEST_EFFORT_METADATA.
 * - -EOPNOTSUPP, -EPERM, -EINVAL at REFLINK_STEP_PUBLISH: the file system has neither hard links
 *   nor a rename that does not replace, so that a new name cannot be given safely; REFLINK_UNSTAGED
 *   or REFLINK_REPLACE can still be used.
 * - -EIO, -ENOSPC, -EDQUOT, -ENOMEM, -EROFS: a real failure. It is never hidden behind another
 *   method.
 * - -ECANCELED: the progress function returned non-zero, or `cancel` pointed to something else than 0.
 * - REFLINK_ERR_INCONSISTENT, REFLINK_ERR_PANIC: see there.
 *
 * Thread-safe. Blocks until done: the time of a clone grows with the number of the file's extents,
 * that of a copy with its size. Advisory locks on the source are ignored. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_copy_file_at(reflink_handle src_dir,
                         const char *src,
                         reflink_handle dst_dir,
                         const char *dst,
                         const struct reflink_options *options,
                         struct reflink_result *result);

/**
 * Replaces the whole content of one open file by that of another: the data, then the size.
 *
 * This is no copy loop: it ignores the positions of both descriptors, writes the destination from its first byte on,
 * and cuts it to the source's size. To copy at a position, as to a standard output that may not be at its beginning,
 * ask for the position with lseek(fd, 0, SEEK_CUR), use reflink_copy_range(), and move the position by the bytes done.
 * Pipes, sockets and terminals are REFLINK_ERR_NOT_REGULAR: use read(2) and write(2). To replace a file by name, in one
 * step, use reflink_copy_file() with REFLINK_REPLACE.
 *
 * Works in place: the old content of the destination is lost, and an error in the middle (no space,
 * an I/O error) leaves it partly written. What can be refused is refused before anything is written.
 * With REFLINK_ALWAYS, a clone that is refused leaves the destination unchanged. A clone that fails in
 * the middle can have changed it. REFLINK_DESTINATION_CHANGED in the result reports every failure that
 * changed the destination. A longer destination is cut only when the source's whole blocks are in it.
 *
 * The descriptors stay open, and their file offsets stay where they are. Of the options,
 * `if_exists`, `permissions`, REFLINK_UNSTAGED and REFLINK_NOFOLLOW mean nothing here: -EINVAL. REFLINK_DURABLE
 * syncs the destination at the end. `preserve` is followed, but the destination keeps its own
 * permission bits.
 *
 * A descriptor that is open with O_DIRECT can be cloned from and to. Where bytes must be copied, its
 * alignment rules apply, and the system refuses other ranges with -EINVAL.
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
 * - and those of reflink_copy_file_at(), except those about names.
 *
 * Thread-safe, if nobody else writes the destination during the call. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_copy_fd(reflink_handle src,
                    reflink_handle dst,
                    const struct reflink_options *options,
                    struct reflink_result *result);

/**
 * Copies a range of bytes from one open file into another, sharing the blocks that it covers
 * completely.
 *
 * Takes any offsets and any length. With REFLINK_AUTO, where both offsets are at the same place
 * within a block (see `granularity` of struct reflink_capability), the whole blocks are cloned and
 * only the edges are copied. (The kernel's own copy_file_range(2) shares nothing then.) Otherwise
 * everything is copied. With REFLINK_ALWAYS the range must be aligned, or reach the
 * source's end and become the destination's end. Otherwise the call fails with -EINVAL and
 * REFLINK_REASON_FILE, and writes nothing. A clone that fails in the middle can have changed the range;
 * REFLINK_DESTINATION_CHANGED reports that. Holes of the source become holes. Exception: ranges of up
 * to 1 MiB of a fully allocated source are copied without looking for holes.
 *
 * Stops at the source's end, as pread(2) does: `bytes_cloned + bytes_copied + bytes_hole` of the
 * result is how much was done, after an error how much from the range's beginning on. Extends the destination where the range goes beyond its end. The same file may be on both
 * sides, if the ranges are apart.
 *
 * REFLINK_SHARE_ONLY shares the whole blocks and writes nothing else.
 *
 * The descriptors stay open, and their file offsets stay where they are. Of the options only `mode`, REFLINK_SHARE_ONLY and
 * REFLINK_DURABLE, which syncs the destination at the end, mean something here; another one is -EINVAL.
 *
 * @param src         A regular file, open for reading.
 * @param src_offset  Where the range begins in it, in bytes.
 * @param dst         A regular file, open for writing without O_APPEND.
 * @param dst_offset  Where the range begins in it, in bytes.
 * @param length      The range's length in bytes, or REFLINK_TO_EOF. 0 only checks the descriptors.
 * @param options     How to copy, or NULL for the defaults.
 * @param result      Says what was done, on success and on failure. May be NULL.
 * @return 0, or a negative code, among others:
 * - -EINVAL: an offset or a length beyond 2^63-1; with REFLINK_ALWAYS, the range is not aligned.
 * - -EFBIG: the range would end beyond 2^63-1 in the destination, or beyond what RLIMIT_FSIZE
 *   allows.
 * - REFLINK_ERR_OVERLAP: both are one file, and the ranges overlap.
 * - and those of reflink_copy_fd(), except REFLINK_ERR_SAME_FILE.
 *
 * Thread-safe, if nobody else writes the destination's range during the call. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_copy_range(reflink_handle src,
                       uint64_t src_offset,
                       reflink_handle dst,
                       uint64_t dst_offset,
                       uint64_t length,
                       const struct reflink_options *options,
                       struct reflink_result *result);

/* ---- What a directory can do ---- */

/** What a directory can do, found out by trying. Each answer is 1 (yes), 0 (no) or -1 (unknown). */
struct reflink_capability {
  /** sizeof(struct reflink_capability), as REFLINK_CAPABILITY_INIT sets it. */
  uint32_t size;
  /** REFLINK_REASON_*: why files cannot be cloned, or why that is unknown. */
  uint32_t reason;
  /** Files can be cloned there. */
  int32_t clone;
  /** The -errno that said so, 0 if none. */
  int32_t clone_error;
  /** Ranges can be cloned. */
  int32_t clone_range;
  /** copy_file_range(2) works there. */
  int32_t kernel_copy;
  /**
   * Equal ranges of two files can be made to share blocks (reflink_dedupe_range()). Found out with files
   * that were written apart: the same bytes came to share, and a byte that differs kept them from it. -1 for an
   * empty file as the source.
   */
  int32_t dedupe;
  /** The -errno that refused to share, 0 if none. */
  int32_t dedupe_error;
  /**
   * Two names can be exchanged in one step: REFLINK_REPLACE of a tree works without
   * REFLINK_TREE_TWO_RENAMES.
   */
  int32_t exchange;
  /** A copy can be built without a name (O_TMPFILE); else under a private one. */
  int32_t unnamed_files;
  /** Holes take no space and can be found. */
  int32_t sparse;
  /** 0. */
  int32_t reserved;
  /**
   * The alignment in bytes that range clones were seen to need there, 0 if none was seen to
   * work.
   */
  uint64_t granularity;
  /** The alignment in bytes in which ranges came to share, 0 if none did, or a smaller file as a whole. */
  uint64_t dedupe_granularity;
  /**
   * The file system's name, NUL-terminated: "xfs", "btrfs", "unknown". For people, not for
   * decisions.
   */
  char fs_name[32];
};

/**
 * Finds out whether files can be cloned into a directory, by trying it.
 *
 * Makes two files without a name, clones one block of data, makes equal blocks share, and removes both. (Where the
 * file system has no such files, they get a private random name and lose it at once.) Then makes two empty
 * directories with private random names, exchanges them, and removes both. Nothing is concluded from
 * the file system's name or device number. The answer is of that moment; a later copy may still find
 * otherwise.
 *
 * Where the trial is not possible, the call succeeds, `clone` is -1, and `reason` and `clone_error` say
 * why. This needs no write permission.
 *
 * @param src         A file or a directory that clones are to be made from, or NULL for the directory itself.
 * @param dst_dir     The directory that clones are to be made in.
 * @param capability  Receives the answer. Unchanged on failure.
 * @return 0, or a negative code, among others:
 * - -EINVAL: a NULL `dst_dir` or `capability`, or a structure that is too small; -E2BIG: one that
 *   is too large.
 * - -ENOENT, -ENOTDIR, -EACCES: the system refuses a name.
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
int reflink_probe_fd(reflink_handle src,
                     reflink_handle dst_dir,
                     struct reflink_capability *capability);

/* ---- In words ---- */

/**
 * Gives the errno for a code: for exceptions, exit codes and functions that know only errno.
 *
 * A code of the library's own becomes the errno that the system has for the same thing: EINVAL for
 * REFLINK_ERR_NOT_REGULAR, REFLINK_ERR_SAME_FILE, REFLINK_ERR_OVERLAP and REFLINK_ERR_INTO_ITSELF, EEXIST for
 * REFLINK_ERR_NAME_CLASH, EBADF for REFLINK_ERR_APPEND, EIO for REFLINK_ERR_PANIC, REFLINK_ERR_INCONSISTENT and
 * unknown codes.
 *
 * @param code  What a function of this library returned.
 * @return The errno, a positive number. 0 for 0. A positive number is returned as it is.
 *
 * Thread-safe, and safe in a signal handler. Since 0.1.
 */
int reflink_errno(int code);

/**
 * Says whether a call failed only because a clone was refused: this volume, these two file systems, this file, a
 * policy or the moment does not allow one. A copy of the bytes (REFLINK_AUTO, REFLINK_NEVER) may still succeed.
 *
 * Real failures (no space, an I/O error, a name that is taken) are no refusals. With REFLINK_ALWAYS this tells
 * "cannot be cloned here" from "failed".
 *
 * @param code    What the function returned.
 * @param step    `step` of its result.
 * @param reason  `reason` of its result; 0 where there is none to ask.
 * @return 1: a clone was refused. 0: the call succeeded, or failed for another reason.
 *
 * Thread-safe, and safe in a signal handler. Since 0.1.
 */
int reflink_clone_refused(int code,
                          uint32_t step,
                          uint32_t reason);

/**
 * Names a method: "cloned", "copied".
 *
 * @param method  REFLINK_METHOD_*: `method` of a result.
 * @return Static text, never NULL, not to be freed: "unknown method" for an unknown number.
 *
 * Thread-safe, and safe in a signal handler. Since 0.1.
 */
const char *reflink_method_text(uint32_t method);

/**
 * Says why not everything was cloned: "this volume cannot clone".
 *
 * @param reason  REFLINK_REASON_*: `reason` of a result, or of a struct reflink_capability.
 * @return Static text, never NULL, not to be freed: "unknown reason" for an unknown number.
 *
 * Thread-safe, and safe in a signal handler. Since 0.1.
 */
const char *reflink_reason_text(uint32_t reason);

/**
 * Names a step: "making the file".
 *
 * @param step  REFLINK_STEP_*: `step` of a result.
 * @return Static text, never NULL, not to be freed: "unknown step" for an unknown number.
 *
 * Thread-safe, and safe in a signal handler. Since 0.1.
 */
const char *reflink_step_text(uint32_t step);

/**
 * Says in one line what failed, for people: "snapshot.img: making the file: No space left on device".
 *
 * The line begins with the name of the file that the failing call was made on: `src` with REFLINK_AT_SOURCE, `dst`
 * with REFLINK_AT_DESTINATION, else both ("disk.img -> snapshot.img"). The step follows, where there is one, then the
 * text of reflink_strerror(). There is no newline at the end. The text is English in every locale. Of
 * reflink_remove_tree(), give the name as `dst`, and NULL as `src`.
 *
 * The line is safe to print. Control characters of a name are written as "\ooo" (three octal digits for each byte),
 * and so are bytes that are not UTF-8, so that the text is UTF-8 whatever the names are. An empty name is written as "".
 *
 * Like snprintf(3), writes what fits, always with a NUL at its end, and returns the length of the whole line. A
 * character that does not fit is left out whole: the text never ends inside a UTF-8 sequence or inside "\ooo".
 *
 * @param code    What the function returned.
 * @param step    `step` of its result.
 * @param flags   `flags` of its result.
 * @param src     The source's name, or NULL: it is left out.
 * @param dst     The destination's name, or NULL: it is left out.
 * @param buffer  Receives the text. NULL with a size of 0 only measures.
 * @param size    The buffer's size in bytes, with room for the NUL.
 * @return The length of the whole line without NUL, never negative. At `size` and above, the text was cut.
 *
 * Thread-safe. Since 0.1.
 */
int reflink_describe(int code,
                     uint32_t step,
                     uint32_t flags,
                     const char *src,
                     const char *dst,
                     char *buffer,
                     size_t size);

/* ---- What is shared ---- */

/**
 * Do not write the file out first. By default the library writes out the whole file (as fdatasync(2) does, without waiting
 * for the device), since a new or rewritten range has no place until then. With this flag, and only if a part of the
 * file is not written out, bytes that may be concerned are pending or unknown. No answer becomes false. Overlayfs does
 * not say whether all is written out: there, shared blocks and holes are always pending.
 */
#define REFLINK_MAP_NO_FLUSH 0x1000000000000000ULL

/**
 * In `flags` of struct reflink_extents_result: `bytes_exclusive` is exact, since the file system itself counts it. Only
 * APFS does, for a whole file: offset 0, REFLINK_TO_EOF, without REFLINK_MAP_NO_FLUSH.
 */
#define REFLINK_EXACT 0x40
/**
 * In `flags` of struct reflink_extents_result and struct reflink_shared_result: a file changed during the call, or
 * the file system's answers contradict each other. The sums of reflink_extents() then mix old and new.
 * reflink_shared() reports all bytes as unknown.
 */
#define REFLINK_MAP_CHANGED 0x80

/** Bytes in blocks. */
#define REFLINK_EXTENT_DATA 1
/** A hole: no blocks, reads as zeros. */
#define REFLINK_EXTENT_HOLE 2
/** Blocks that are reserved and not written yet: they read as zeros. */
#define REFLINK_EXTENT_PREALLOCATED 3
/** Bytes in the metadata of the file system: no blocks. */
#define REFLINK_EXTENT_INLINE 4
/** Bytes without a known place: not written out yet, or the file system does not say where. */
#define REFLINK_EXTENT_PENDING 5

/**
 * In `flags` of struct reflink_extent: something else uses the blocks too (another file, a snapshot, or another
 * place of the same file). On Btrfs this holds for a whole extent as soon as a part of it is used elsewhere, on ReFS as
 * soon as its first cluster is. On XFS the flag can stay for a moment after the other file was removed. On APFS it
 * is set only in a file that shares all of its blocks.
 */
#define REFLINK_EXTENT_SHARED 0x1
/**
 * In `flags` of struct reflink_extent: compressed or encrypted. `length` is that of the file's bytes, and the blocks
 * may be fewer.
 */
#define REFLINK_EXTENT_ENCODED 0x2
/**
 * In `flags` of struct reflink_extent: `place` is valid. Two extents on one volume hold the same blocks if both have
 * this flag and REFLINK_EXTENT_SHARED and their places are equal. reflink_shared() makes this comparison safely.
 */
#define REFLINK_EXTENT_PLACE 0x4
/** In `flags` of struct reflink_extent: beyond the end of the file. */
#define REFLINK_EXTENT_BEYOND_EOF 0x8

/**
 * The file system gives out no map of its files (NFS, FUSE, ZFS, tmpfs, all of FreeBSD), the data are kept elsewhere (in
 * a cloud), or it is forbidden to ask. `reason` and `os_error` say which.
 */
#define REFLINK_SHARING_UNKNOWN 0
/**
 * The file system gives out a map, which does not say for all bytes whether they are shared. SMB says it for none, APFS
 * for none in a file that shares only a part, ReFS not for an extent longer than a cluster if its first cluster is not
 * shared. `bytes_shared` is then a minimum.
 */
#define REFLINK_SHARING_UNREPORTED 1
/** The file system says what is shared, or cannot share anything (ext4). */
#define REFLINK_SHARING_KNOWN 2

/** It cannot be told whether any byte is shared. */
#define REFLINK_SHARED_UNKNOWN 0
/** Nothing is shared. */
#define REFLINK_SHARED_NONE 1
/** A part is shared. Unknown bytes may be shared too. */
#define REFLINK_SHARED_PART 2
/** Everything is shared: both ranges end together, nothing is apart, nothing is unknown. */
#define REFLINK_SHARED_ALL 3

/** A piece of a file. This structure has no size and never grows, since it comes in arrays. */
struct reflink_extent {
  /** Where it begins in the file. */
  uint64_t offset;
  /** Its length in bytes. */
  uint64_t length;
  /**
   * With REFLINK_EXTENT_PLACE: where it lies on the volume, in bytes. A number to compare; it need not be an
   * address of a device. Else 0.
   */
  uint64_t place;
  /**
   * REFLINK_EXTENT_DATA, REFLINK_EXTENT_HOLE, REFLINK_EXTENT_PREALLOCATED, REFLINK_EXTENT_INLINE or
   * REFLINK_EXTENT_PENDING.
   */
  uint32_t kind;
  /** REFLINK_EXTENT_SHARED, REFLINK_EXTENT_ENCODED, REFLINK_EXTENT_PLACE, REFLINK_EXTENT_BEYOND_EOF. */
  uint32_t flags;
  /** 0. */
  uint64_t reserved;
};

/**
 * What a range of a file is made of. Filled on success and on failure. The seven sums from `bytes_shared` to
 * `bytes_pending` add up to `length`.
 */
struct reflink_extents_result {
  /** sizeof(struct reflink_extents_result), as REFLINK_EXTENTS_RESULT_INIT sets it. */
  uint32_t size;
  /** REFLINK_STEP_*: which operation failed. */
  uint32_t step;
  /** REFLINK_REASON_*: why there is no map (REFLINK_SHARING_UNKNOWN). */
  uint32_t reason;
  /** REFLINK_EXACT, REFLINK_MAP_CHANGED, REFLINK_AT_SOURCE. */
  uint32_t flags;
  /** The raw error of the operating system behind a failure, or behind REFLINK_SHARING_UNKNOWN. 0 if none. */
  int32_t os_error;
  /**
   * REFLINK_SHARING_UNKNOWN, REFLINK_SHARING_UNREPORTED or REFLINK_SHARING_KNOWN. Only with REFLINK_SHARING_KNOWN
   * does `bytes_unshared` mean that nothing else uses these bytes.
   */
  uint32_t reported;
  /** Bytes looked at: the range, up to the end of the file. 0 with REFLINK_SHARING_UNKNOWN. */
  uint64_t length;
  /** Bytes in blocks that something else uses too. */
  uint64_t bytes_shared;
  /** Bytes in blocks that nothing else uses, as far as the file system says. */
  uint64_t bytes_unshared;
  /** Bytes that are compressed or encrypted, shared or not. */
  uint64_t bytes_encoded;
  /** Bytes in preallocated blocks, up to the end of the file. */
  uint64_t bytes_preallocated;
  /** Bytes in holes. */
  uint64_t bytes_hole;
  /** Bytes in the metadata of the file system. */
  uint64_t bytes_inline;
  /** Bytes without a known place. */
  uint64_t bytes_pending;
  /** Of `bytes_encoded`: those that are shared. */
  uint64_t bytes_encoded_shared;
  /** Of `bytes_preallocated`: those that are shared (Btrfs). A write to them allocates new blocks. */
  uint64_t bytes_preallocated_shared;
  /**
   * Bytes held beyond the end of the file, as far as the range reaches there. The rest of the last block is not
   * counted.
   */
  uint64_t bytes_beyond_eof;
  /**
   * Bytes that no other file uses: unshared data, and unshared preallocated blocks before and beyond the end of
   * the file. A minimum, and 0 unless `reported` is REFLINK_SHARING_KNOWN. Exception: with REFLINK_EXACT the number is
   * exact whatever `reported` is, in whole blocks, as the file system counts them. Removing the file need not free
   * these bytes: it may be open, have other names, or be in a snapshot that was made later.
   */
  uint64_t bytes_exclusive;
  /** Extents of the file in the range. Holes are not counted. */
  uint64_t extents;
};

/**
 * How two ranges relate. Filled on success and on failure. `bytes_same`, `bytes_apart`, `bytes_hole` and
 * `bytes_unknown` add up to `length`.
 */
struct reflink_shared_result {
  /** sizeof(struct reflink_shared_result), as REFLINK_SHARED_RESULT_INIT sets it. */
  uint32_t size;
  /** REFLINK_STEP_*: which operation failed. */
  uint32_t step;
  /**
   * REFLINK_REASON_CROSS_DEVICE: the files lie on two volumes, which cannot share. Another REFLINK_REASON_*: why
   * there is no map (REFLINK_SHARING_UNKNOWN).
   */
  uint32_t reason;
  /** REFLINK_MAP_CHANGED, REFLINK_AT_SOURCE (`a`), REFLINK_AT_DESTINATION (`b`). */
  uint32_t flags;
  /** The raw error of the operating system behind a failure, or behind REFLINK_SHARING_UNKNOWN. 0 if none. */
  int32_t os_error;
  /** REFLINK_SHARING_UNKNOWN, REFLINK_SHARING_UNREPORTED or REFLINK_SHARING_KNOWN: the lower one of both files. */
  uint32_t reported;
  /** REFLINK_SHARED_UNKNOWN, REFLINK_SHARED_NONE, REFLINK_SHARED_PART or REFLINK_SHARED_ALL. */
  uint32_t verdict;
  /** 0. */
  uint32_t reserved;
  /** Bytes looked at: the range, up to the later of both ends of file. */
  uint64_t length;
  /** Bytes that lie at one place in both. */
  uint64_t bytes_same;
  /** Bytes that lie at different places, or that only one of both has. */
  uint64_t bytes_apart;
  /** Bytes that are holes in both. */
  uint64_t bytes_hole;
  /** Bytes about which the file system does not say enough: compressed, or without a place. */
  uint64_t bytes_unknown;
  /** The first byte that is apart, counted from the beginning of the ranges; `length` if there is none. */
  uint64_t first_apart;
  /** The first byte that is unknown; `length` if there is none. */
  uint64_t first_unknown;
};

/**
 * Finds out what a range of an open file is made of: data, holes, preallocated blocks, and which bytes are shared.
 *
 * Reports what the file system says: on Linux by FIEMAP, on macOS by F_LOG2PHYS_EXT and fgetattrlist(2), on Windows by
 * retrieval pointers and their reference counts. (The last two are compiled, never run.) If the file system says nothing,
 * the function returns 0 and reports that in `reported` of struct reflink_extents_result. The file is not changed, and its
 * offset does not move.
 *
 * The answer may be out of date at once: another process may write at any time. REFLINK_MAP_CHANGED reports changes that
 * were noticed during the call. The memory needed does not depend on the file.
 *
 * @param fd      A regular file, open for reading or writing. On Windows, to write out a file on ReFS or a sparse one, it must be open for writing, or the caller be allowed to open it so. Else the answer is REFLINK_SHARING_UNKNOWN, unless REFLINK_MAP_NO_FLUSH is set.
 * @param offset  Where the range begins, in bytes.
 * @param length  The range's length in bytes, or REFLINK_TO_EOF, which includes blocks beyond the end of the file.
 * @param flags   0 or REFLINK_MAP_NO_FLUSH.
 * @param result  Receives the sums, on success and on failure. May be NULL.
 * @param each    Called with a batch of extents in order of their offsets, holes included, by the thread that called
 *   the library; NULL for the sums only. The array is valid during the call. Non-zero cancels with -ECANCELED. It must
 *   not throw, longjmp or call pthread_exit.
 * @param user    Passed to `each`.
 * @return 0, or a negative code, among others:
 * - -EINVAL: an unknown flag, an offset or a length beyond 2^63-1, a structure that is too small; -E2BIG: one that is
 *   too large.
 * - -EBADF: the descriptor is closed, or open with O_PATH.
 * - -EISDIR, REFLINK_ERR_NOT_REGULAR: not a regular file.
 * - -EIO, -ENOSPC, -EDQUOT: writing the file out failed, or reading the map.
 * - -ECANCELED: `each` returned non-zero.
 * - REFLINK_ERR_INCONSISTENT, REFLINK_ERR_PANIC: see there.
 *
 * Thread-safe. The time grows with the number of extents in the range. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_extents(reflink_handle fd,
                    uint64_t offset,
                    uint64_t length,
                    uint64_t flags,
                    struct reflink_extents_result *result,
                    int (*each)(void *user,
                                const struct reflink_extent *extents,
                                size_t count),
                    void *user);

/**
 * Finds out whether two ranges share their blocks: whether their bytes lie at one place on the volume.
 *
 * REFLINK_SHARED_ALL in `verdict` is a proof. A byte counts as `bytes_same` only where the file system marks it as
 * shared in both files, reports the same place for both, and neither file changed during the call. What
 * cannot be proven is `bytes_unknown`. The following is never proven: compressed data, data in the metadata, files on
 * overlayfs, on bcachefs, on realtime devices of XFS and on SMB. Snapshots and subvolumes of one Btrfs volume can be compared.
 * On macOS and Windows nothing is proven of two files except that they are apart: no manual says that a flush writes out
 * what other programs changed through mappings.
 *
 * Compares places and not content: equal bytes at two places are `bytes_apart`. A range compared with itself is
 * `bytes_same`, also through two names of the file. The files are not changed, and their offsets do not move.
 *
 * @param a         A regular file, open for reading or writing.
 * @param a_offset  Where the range begins in it, in bytes.
 * @param b         Another regular file, or the same.
 * @param b_offset  Where the range begins in `b`. The offsets may differ.
 * @param length    The ranges' length in bytes, or REFLINK_TO_EOF. Bytes that only one file has are `bytes_apart`.
 * @param flags     0 or REFLINK_MAP_NO_FLUSH.
 * @param result    Receives the answer, on success and on failure. May be NULL.
 * @return 0, whatever the answer is, or a negative code: see reflink_extents().
 *
 * Thread-safe. The time grows with the number of extents in both ranges. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_shared(reflink_handle a,
                   uint64_t a_offset,
                   reflink_handle b,
                   uint64_t b_offset,
                   uint64_t length,
                   uint64_t flags,
                   struct reflink_shared_result *result);

/* ---- Equal files that share ---- */

/**
 * Go on after a difference, and share the whole blocks that are equal there too. Without it the call stops at the first
 * difference.
 */
#define REFLINK_DEDUPE_CONTINUE 0x100000000000000ULL

/**
 * Also ask the system to share what is shared already. Without it the library looks at the maps of both files first, and
 * leaves out what they show to be shared. To look, it writes both files out.
 */
#define REFLINK_DEDUPE_NO_LOOK 0x200000000000000ULL
/** Check afterwards in the maps of both files what is shared, and count it in `bytes_verified`. */
#define REFLINK_DEDUPE_VERIFY 0x400000000000000ULL

/**
 * How to make equal files share. NULL instead of a pointer to it means all defaults, and 0 means the default
 * for each member.
 */
struct reflink_dedupe_options {
  /** sizeof(struct reflink_dedupe_options), as REFLINK_DEDUPE_OPTIONS_INIT sets it. */
  uint32_t size;
  /** REFLINK_ATOMIC, or REFLINK_DURABLE: the destination is synced at the end. */
  uint32_t durability;
  /** REFLINK_DEDUPE_CONTINUE, REFLINK_DEDUPE_NO_LOOK, REFLINK_DEDUPE_VERIFY. */
  uint64_t flags;
  /**
   * Called at the beginning, between steps of at most 16 MiB and at the end, by the thread that called the
   * library; non-zero cancels with -ECANCELED. `bytes_done` begins again at 0 if a file was written while
   * the library looked at the maps. It must not throw, longjmp or call pthread_exit.
   */
  int (*progress)(void *user,
                  const struct reflink_progress *progress);
  /** Passed to `progress`. */
  void *user;
  /**
   * NULL, or an int that another thread (atomically) or a signal handler sets: if it is not 0, the call ends with
   * -ECANCELED at the next step.
   */
  const volatile int *cancel;
  /** NULL. */
  void *reserved;
};

/**
 * What was compared and shared. Filled on success and on failure. All `bytes_` members except `bytes_verified`
 * add up to `length`.
 */
struct reflink_dedupe_result {
  /** sizeof(struct reflink_dedupe_result), as REFLINK_DEDUPE_RESULT_INIT sets it. */
  uint32_t size;
  /** REFLINK_STEP_*: which operation failed. */
  uint32_t step;
  /** REFLINK_REASON_*: why bytes were skipped, or what failed. A difference has no reason. */
  uint32_t reason;
  /** REFLINK_AT_SOURCE, REFLINK_AT_DESTINATION. */
  uint32_t flags;
  /** The raw error of the operating system behind a failure, 0 if none. */
  int32_t os_error;
  /** The -errno by which the system refused to share, 0 if it did not. */
  int32_t dedupe_error;
  /** Bytes of the range, up to the end of the longer file. */
  uint64_t length;
  /**
   * Bytes that the system compared, found to be the same, and shared. This is not the space gained:
   * an extent stays allocated as long as any file or snapshot uses a part of it.
   */
  uint64_t bytes_deduped;
  /** Bytes that were shared before, or holes in both, by the maps of both files. They were not compared. */
  uint64_t bytes_already;
  /** Bytes of the blocks in which something differs, and bytes that only one of both files has. */
  uint64_t bytes_different;
  /**
   * Bytes that the system could not be asked to share: parts of blocks, a file that cannot be shared, no support,
   * beyond the limit on file sizes (setrlimit(2)), data in the metadata (Btrfs keeps small files there). Whether they
   * are equal is unknown.
   */
  uint64_t bytes_skipped;
  /** Bytes after the difference or the error that ended the call. Whether they are equal is unknown. */
  uint64_t bytes_not_reached;
  /**
   * With REFLINK_DEDUPE_VERIFY: bytes of `bytes_deduped` and `bytes_already` that the maps show to be shared
   * afterwards. The rest is unknown: no map, an overlay, compressed (Btrfs), or written to since.
   */
  uint64_t bytes_verified;
  /**
   * The first byte that was found to differ, or that only one of both files has, counted from the beginning
   * of the range; `length` if none was. Bytes before it that were skipped may differ too.
   */
  uint64_t first_difference;
};

/**
 * Makes the equal parts of two open files share their blocks.
 *
 * Does what reflink_dedupe_range() does, from the beginning of both files to the end of the longer.
 *
 * @param src      A regular file, open for reading. Its blocks stay.
 * @param dst      A regular file, open for reading or writing. Its blocks are replaced by those of `src`.
 * @param options  How to do it, or NULL for the defaults.
 * @param result   Says what was done, on success and on failure. May be NULL.
 * @return 0, or a negative code: see reflink_dedupe_range().
 *
 * Thread-safe. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_dedupe_fd(reflink_handle src,
                      reflink_handle dst,
                      const struct reflink_dedupe_options *options,
                      struct reflink_dedupe_result *result);

/**
 * Makes ranges of two open files share their blocks where both hold the same bytes, so that they take the space
 * of one.
 *
 * The kernel compares and shares, with both files locked: no other program can write in between. Nothing is
 * shared that was not compared in this way. Nothing that a file shows changes: not its bytes, its size, its
 * times of change or its mode. So files in use are safe, also programs that run and files that others write.
 *
 * A difference is an answer: the call returns 0, `bytes_different` is not 0, and `first_difference` says where. Equal
 * blocks before it are shared, and with REFLINK_DEDUPE_CONTINUE those after it too.
 *
 * Only whole blocks can be shared, and the part of a block at the end of both files. Other parts of blocks at
 * the edges of the range are skipped. Where the offsets are not at the same place within a block, nothing can be
 * shared: the call returns 0, `bytes_skipped` is the length, and `reason` is REFLINK_REASON_FILE. The same holds for a
 * file that the file system does not share: a swap file, or one of both without copy-on-write (Btrfs).
 *
 * Errors of the system that are not about this file end the call with their code. Bytes shared until then stay shared.
 *
 * Only Linux can compare and share in one call (Btrfs, XFS, OCFS2,
 * bcachefs). On other systems the answer is -EOPNOTSUPP. No imitation is safe there. What others write between a
 * comparison and a clone would be lost, also what they write through mappings. A clone that is renamed over the file has
 * another inode, its own owner and none of the hard links, and open descriptors keep the old file.
 *
 * The system locks both files for each step of at most 16 MiB: other programs wait to write, and on XFS also to read.
 * To find the first difference the library reads both files around it, which can set their time of last access.
 *
 * @param src         A regular file, open for reading. Its blocks stay.
 * @param src_offset  Where the range begins in it, in bytes.
 * @param dst         A regular file, open in any way except O_PATH. If it is open only for reading, the caller must own it, be allowed to write to it, or be privileged. (Before Linux 4.19 only the last counts.) If it is open only for writing, the library opens it again to find a difference.
 * @param dst_offset  Where the range begins in it, in bytes.
 * @param length      The range's length in bytes, or REFLINK_TO_EOF. The range ends at the end of the longer file at the latest. Bytes that only one file has are different. 0 only checks the descriptors.
 * @param options     How to do it, or NULL for the defaults.
 * @param result      Receives what was done, on success and on failure. May be NULL.
 * @return 0, or a negative code, among others:
 * - -EINVAL: an offset or a length beyond 2^63-1, an unknown flag or value, a structure that is too small; -E2BIG:
 *   one that is too large.
 * - -EBADF: a descriptor is closed, or not open for its use.
 * - -EACCES: `dst` is open only for writing, something differs, and the caller may not read it.
 * - -EISDIR, REFLINK_ERR_NOT_REGULAR: one of them is not a regular file.
 * - REFLINK_ERR_OVERLAP: both are one file, and the ranges overlap. (A range with itself is shared already: 0.)
 * - -EOPNOTSUPP, -ENOTTY, -EXDEV: not possible on this file system, or not between these two files.
 * - -EPERM: not allowed, or the destination is immutable, or one of both lies in a lower layer of an overlay.
 * - -EROFS: the destination's mount is read-only. (Read-only snapshots of Btrfs can be shared into.)
 * - -EAGAIN: not possible now (Btrfs, while a snapshot is being sent).
 * - -EIO, -ENOSPC, -EDQUOT, -ENOMEM: a real failure.
 * - -ECANCELED: the progress function returned non-zero, or `cancel` points to a number other than 0.
 *
 * Thread-safe. Blocks until done: it reads both files. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_dedupe_range(reflink_handle src,
                         uint64_t src_offset,
                         reflink_handle dst,
                         uint64_t dst_offset,
                         uint64_t length,
                         const struct reflink_dedupe_options *options,
                         struct reflink_dedupe_result *result);

/* ---- Trees: how to copy ---- */

/**
 * Of trees: copy into the directory that is there, each entry atomically. Entries that only the destination has stay.
 * An existing directory keeps its mode and owner, and does not get the source's times: its time of modification changes as
 * always when something is added or replaced in it. If exactly one of both entries is a directory, that is -EEXIST for the
 * entry (see `on_error`). An existing symbolic link is replaced, never entered. Other entries are replaced, unless
 * REFLINK_TREE_KEEP_EXISTING is set. After an error, what was copied so far stays: REFLINK_DESTINATION_CHANGED.
 */
#define REFLINK_MERGE 0x40

/**
 * Of trees: each name of a file becomes a file of its own. Without it, names of one file in the source are names of one
 * file in the copy.
 */
#define REFLINK_TREE_SPLIT_LINKS 0x10000000000ULL
/**
 * Of trees: leave out FIFOs, sockets and devices, and count them in `specials_left_out`. Without it they are made anew.
 * They are never opened.
 */
#define REFLINK_TREE_SKIP_SPECIAL 0x20000000000ULL
/**
 * Of trees: do not enter what is mounted below the source. A mount point becomes an empty directory, a mounted file an
 * empty file. Both are counted in `mounts_left_empty`. A Btrfs subvolume is not a mount.
 */
#define REFLINK_TREE_ONE_MOUNT 0x40000000000ULL
/**
 * Of trees, with REFLINK_REPLACE: where two names cannot be exchanged in one step, rename the old tree away, then give the
 * new one its name. Between the two renames nothing has the name. The old tree is then called ".reflink-old-" and
 * 16 hexadecimal digits. It gets its name back if the second rename fails.
 */
#define REFLINK_TREE_TWO_RENAMES 0x80000000000ULL
/**
 * Of trees: write the source's file system through to the device first (syncfs(2); -EOPNOTSUPP on systems other than
 * Linux). On XFS, cloning files that were written a moment ago takes many times as long, since each clone writes its file
 * out first. The flush writes other programs' data too.
 */
#define REFLINK_TREE_FLUSH_SOURCE 0x100000000000ULL
/** Of trees, with REFLINK_MERGE: do not replace existing entries, and count them in `entries_kept`. */
#define REFLINK_TREE_KEEP_EXISTING 0x200000000000ULL
/**
 * Of trees, with REFLINK_REPLACE: the old tree stays beside the new one, under the name in `litter`, so that it can be
 * put back or removed later. To put it back, exchange the two names (renameat2(2) with RENAME_EXCHANGE; elsewhere two
 * renames), and remove the new tree by reflink_remove_tree().
 */
#define REFLINK_TREE_KEEP_REPLACED 0x800000000000ULL

/** A regular file. */
#define REFLINK_ENTRY_FILE 1
/** A directory. */
#define REFLINK_ENTRY_DIRECTORY 2
/** A symbolic link. */
#define REFLINK_ENTRY_SYMLINK 3
/** A FIFO. */
#define REFLINK_ENTRY_FIFO 4
/** A socket. */
#define REFLINK_ENTRY_SOCKET 5
/** A character device. */
#define REFLINK_ENTRY_CHARACTER_DEVICE 6
/** A block device. */
#define REFLINK_ENTRY_BLOCK_DEVICE 7
/** The mark of a deleted name in overlayfs: the character device 0:0. */
#define REFLINK_ENTRY_WHITEOUT 8

/** From `filter`: copy the entry. */
#define REFLINK_TAKE 0
/** From `filter`: leave the entry out, a directory with all that is in it. */
#define REFLINK_LEAVE_OUT 1
/** From `filter`: make the directory, and leave out what is in it. */
#define REFLINK_TAKE_EMPTY 2

/** From `on_error`: stop, with this error. */
#define REFLINK_STOP 0
/** From `on_error`: leave this entry out and go on. */
#define REFLINK_SKIP 1

/** Copying; or removing, in reflink_remove_tree(). */
#define REFLINK_PHASE_COPY 1
/** Writing through to the device. */
#define REFLINK_PHASE_SYNC 2
/** Removing the replaced tree, or the unfinished one. Non-zero from `progress` leaves the rest, REFLINK_LITTER. */
#define REFLINK_PHASE_CLEANUP 3

/** An entry of a tree, for the caller's functions. It is valid during the call only, with all that it points to. */
struct reflink_tree_entry {
  /** sizeof(struct reflink_tree_entry) as the library knows it: see REFLINK_HAS. */
  uint32_t size;
  /** REFLINK_ENTRY_*. */
  uint32_t kind;
  /** How deep it is: 1 for an entry of the root. */
  uint32_t depth;
  /** For `on_error`, REFLINK_STEP_*: which operation failed. */
  uint32_t step;
  /** For `on_error`: the error, as functions return it. */
  int32_t code;
  /** For `on_error`: the raw error of the operating system, 0 if none. */
  int32_t os_error;
  /** For `on_done`, REFLINK_METHOD_*: how a file's data was copied. */
  uint32_t method;
  /**
   * REFLINK_AT_SOURCE or REFLINK_AT_DESTINATION for `on_error`; REFLINK_SOURCE_CHANGED, REFLINK_METADATA_INCOMPLETE
   * for `on_done`.
   */
  uint32_t flags;
  /** For `on_done`: the file's length in bytes, also of a further name of it, for which `method` is REFLINK_METHOD_NONE. */
  uint64_t bytes;
  /** The path relative to the root, with '/' on every system. It may be longer than PATH_MAX. */
  const char *path;
  /** The last part of the path. */
  const char *name;
  /** The length of `path`, without the NUL. */
  size_t path_length;
  /**
   * For `filter`: the open directory of the source that `name` is in, for fstatat(2) or openat(2). It must not be
   * closed or read with readdir(3). Else -1.
   */
  intptr_t source_dir;
};

/** How far a copy of a tree is. Valid during the call of the progress function only. */
struct reflink_tree_progress {
  /** sizeof(struct reflink_tree_progress) as the library knows it. */
  uint32_t size;
  /** REFLINK_PHASE_*. */
  uint32_t phase;
  /** Entries that are done. */
  uint64_t entries_done;
  /** Entries read from directories so far: the best total there is without a second walk. */
  uint64_t entries_seen;
  /** Bytes of files that are done, cloned ones and holes included. */
  uint64_t bytes_done;
  /** Directories that are being worked on. */
  uint64_t directories_open;
};

/**
 * How to copy a tree. NULL instead of a pointer to it means all defaults, and 0 means the default for each member. The
 * first members, up to `flags`, are those of struct reflink_options; `if_exists` accepts other values, and there are
 * more flags.
 *
 * All functions are called by the thread that called the library, one at a time. None may throw, longjmp or call
 * pthread_exit. A function that is NULL is not called.
 */
struct reflink_tree_options {
  /** sizeof(struct reflink_tree_options), as REFLINK_TREE_OPTIONS_INIT sets it. */
  uint32_t size;
  /**
   * REFLINK_AUTO, REFLINK_ALWAYS or REFLINK_NEVER, decided for each file. With REFLINK_ALWAYS, the first file that
   * cannot be cloned ends the call.
   */
  uint32_t mode;
  /** REFLINK_FAIL, REFLINK_REPLACE or REFLINK_MERGE. REFLINK_REPLACE replaces a directory or a symbolic link. */
  uint32_t if_exists;
  /**
   * REFLINK_ATOMIC, REFLINK_DURABLE or REFLINK_UNSTAGED. REFLINK_DURABLE syncs the file system once before the tree
   * gets its name (Linux), or each file and directory (other systems); with REFLINK_MERGE it syncs each file before that
   * gets its name. With REFLINK_REPLACE, the replaced tree stays if the sync of the parent directory fails: REFLINK_LITTER.
   */
  uint32_t durability;
  /** REFLINK_PERMISSIONS_*, of files and directories. */
  uint32_t permissions;
  /** REFLINK_PRESERVE_* bits, of every entry and of the root. */
  uint32_t preserve;
  /**
   * REFLINK_NOFOLLOW, which refuses a symbolic link as the source (one below it is copied and never followed);
   * REFLINK_BEST_EFFORT_METADATA, REFLINK_TREE_SPLIT_LINKS, REFLINK_TREE_SKIP_SPECIAL, REFLINK_TREE_ONE_MOUNT,
   * REFLINK_TREE_TWO_RENAMES, REFLINK_TREE_FLUSH_SOURCE, REFLINK_TREE_KEEP_EXISTING, REFLINK_TREE_KEEP_REPLACED.
   */
  uint64_t flags;
  /**
   * Called every 64 entries or more often, and between stretches of a large file that is copied. Non-zero cancels with
   * -ECANCELED. It is then called again while what was made is removed (REFLINK_PHASE_CLEANUP): return 0 there, unless the
   * rest is to be left. Each file is still cloned in one system call.
   */
  int (*progress)(void *user,
                  const struct reflink_tree_progress *progress);
  /** Passed to each function. */
  void *user;
  /** Points to a number that cancels when it is not 0, as in struct reflink_options. May be NULL. */
  const volatile int *cancel;
  /**
   * Called for each entry below the root before it is opened. Returns REFLINK_TAKE, REFLINK_LEAVE_OUT or, for a
   * directory, REFLINK_TAKE_EMPTY. A negative number from -4095 to -1 ends the call with that code, a lower one with
   * -ECANCELED, another positive one with -EINVAL.
   */
  int (*filter)(void *user,
                const struct reflink_tree_entry *entry);
  /**
   * Called for each entry that failed. REFLINK_SKIP leaves it out and goes on; anything else ends the call with its
   * error. (A directory that fails after it was entered, while it is read or gets its metadata, stays with what is in it
   * by then.) Not asked about -ENOSPC, -EDQUOT, -EROFS, -ENOMEM, -EMFILE and -ENFILE, which end the call, as every failure
   * does without this function.
   */
  int (*on_error)(void *user,
                  const struct reflink_tree_entry *entry);
  /**
   * Called for each entry that was copied or removed, when it is finished: for a directory after everything in it.
   * Non-zero cancels with -ECANCELED. Not called any more once something ended the call: what other threads finish then is
   * only counted.
   */
  int (*on_done)(void *user,
                 const struct reflink_tree_entry *entry);
  /**
   * Receives the path of the entry that ended the call, relative to the root and NUL-terminated, cut to
   * `failed_path_size`. Empty if that was the root, or if no entry ended the call. May be NULL.
   */
  char *failed_path;
  /** How many bytes there is room for at `failed_path`. */
  size_t failed_path_size;
  /**
   * The most threads that work at once, including the calling one. With 0 or 1 that one works alone, and no thread is
   * made. Threads that are made block all signals, and have ended when the call returns. They pause while files are
   * copied faster without them, which the library tries now and then. Measured on two cores: on XFS a second thread
   * takes a third off the time of clones; on Btrfs it gains nothing, since clones there wait for each other.
   */
  uint32_t threads;
  /** 0. */
  uint32_t reserved;
};

/* ---- Trees: what was done ---- */

/** In `flags` of struct reflink_tree_result: entries failed and were skipped, because `on_error` said so. */
#define REFLINK_TREE_INCOMPLETE 0x10

/**
 * What was done with a tree, or why it failed. Filled on success and on failure.
 *
 * Every entry below the root that was read is counted once: files + hard_links + directories + symlinks + specials +
 * specials_left_out + mounts_left_empty + entries_left_out + entries_kept + entries_failed + entries_vanished +
 * entries_not_reached. In reflink_remove_tree() the first five count what was removed, each name of a file in `files`.
 */
struct reflink_tree_result {
  /** sizeof(struct reflink_tree_result), as REFLINK_TREE_RESULT_INIT sets it. */
  uint32_t size;
  /** REFLINK_STEP_*: which operation failed. */
  uint32_t step;
  /** REFLINK_REASON_*: why not every file was cloned, taken from the first one that was not. */
  uint32_t reason;
  /**
   * REFLINK_PUBLISHED, REFLINK_TREE_INCOMPLETE, REFLINK_LITTER, REFLINK_METADATA_INCOMPLETE,
   * REFLINK_DESTINATION_CHANGED, REFLINK_AT_SOURCE, REFLINK_AT_DESTINATION.
   */
  uint32_t flags;
  /** The raw error of the operating system behind a failure, 0 if none. */
  int32_t os_error;
  /** The -errno that refused to clone that file, 0 if none did. */
  int32_t clone_error;
  /** The length of the path that `failed_path` receives, before cutting, without the NUL. */
  uint64_t failed_path_length;
  /** Files, each counted once, whatever number of names it has. */
  uint64_t files;
  /** Further names of files that were copied. */
  uint64_t hard_links;
  /** Directories. */
  uint64_t directories;
  /** Symbolic links. */
  uint64_t symlinks;
  /** FIFOs, sockets, devices and whiteouts. */
  uint64_t specials;
  /** The same, left out because of REFLINK_TREE_SKIP_SPECIAL. */
  uint64_t specials_left_out;
  /** Mount points left empty because of REFLINK_TREE_ONE_MOUNT. */
  uint64_t mounts_left_empty;
  /** Left out by `filter`. The entries of a directory that was left out are not counted. */
  uint64_t entries_left_out;
  /** Not replaced because of REFLINK_TREE_KEEP_EXISTING. */
  uint64_t entries_kept;
  /** Skipped by `on_error`; in a removal also the directories that such an entry is in. */
  uint64_t entries_failed;
  /** Gone from the source between reading the directory and opening the entry. */
  uint64_t entries_vanished;
  /** Read from a directory, and not done when the call ended. */
  uint64_t entries_not_reached;
  /** Of `files`: cloned. This one and the four after it add up to `files`. */
  uint64_t files_cloned;
  /** Of `files`: copied by the kernel, which may have shared blocks. */
  uint64_t files_kernel_copied;
  /** Of `files`: read and written. */
  uint64_t files_copied;
  /** Of `files`: cloned in part. */
  uint64_t files_mixed;
  /** Of `files`: empty, so that there was nothing to clone. */
  uint64_t files_empty;
  /** Of `files`: changed while they were copied, see REFLINK_SOURCE_CHANGED. */
  uint64_t files_changed;
  /** Bytes that share their blocks with the source. */
  uint64_t bytes_cloned;
  /** Bytes copied. */
  uint64_t bytes_copied;
  /** Bytes left as holes. */
  uint64_t bytes_hole;
  /** With REFLINK_LITTER: the name of what was left beside the destination, NUL-terminated. Else empty. */
  char litter[32];
};

/* ---- Trees: copies and removal ---- */

/**
 * Copies a directory with all that is in it, sharing the blocks of its files where the file system can.
 *
 * Does what reflink_copy_tree_at() does, with both names relative to the current directory.
 *
 * @param src      The directory to copy. A symbolic link is followed, unless REFLINK_NOFOLLOW is set.
 * @param dst      The name to give the copy.
 * @param options  How to copy, or NULL for the defaults.
 * @param result   Says what was done, on success and on failure. May be NULL.
 * @return 0, or a negative code: see reflink_copy_tree_at().
 *
 * Thread-safe. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_copy_tree(const char *src,
                      const char *dst,
                      const struct reflink_tree_options *options,
                      struct reflink_tree_result *result);

/**
 * Copies a directory with all that is in it, both names relative to open directories.
 *
 * The copy is built in a private directory beside the destination, ".reflink-" and 16 hexadecimal digits, which only
 * its owner may enter. It gets its name in one step, when it is complete. After any error, signal or kill the name holds
 * what it held before, or the complete new tree. After an error the library removes the private directory; a kill leaves
 * it. (Exceptions, only on request: REFLINK_MERGE, REFLINK_UNSTAGED, REFLINK_TREE_TWO_RENAMES.) If a step fails after the
 * copy got its name, REFLINK_PUBLISHED is set.
 *
 * Each file is copied as reflink_copy_file_at() does it, and the method is decided for each. Hard links within the tree
 * stay hard links. Symbolic links are copied byte for byte. FIFOs, sockets, devices and whiteouts are made anew and
 * never opened. Directories get their permission bits and times last, so that one that forbids writing can be copied.
 * Files that change during the call are copied as reflink_copy_file_at() says; the copy is no snapshot of one instant.
 *
 * Below the two names no symbolic link is followed: each entry is reached by one name from an open directory, so that
 * swapping entries during the call cannot lead it elsewhere. The depth is not limited, nor is the length of paths. At most 64
 * descriptors are open, and 4 more for each thread.
 *
 * Not copied: inode flags (except NOCOW of directories on Btrfs), project ids, fs-verity, creation times.
 *
 * On Windows (run under Wine, where nothing links; never on Windows itself):
 * - Symbolic links and junctions are copied as they are, and never followed. -EPERM for a symbolic link where the caller may
 *   make none. REFLINK_MERGE replaces no link to a directory by a file: -EACCES.
 * - A directory where a volume is mounted is never entered: -EXDEV for that entry, or an empty directory with
 *   REFLINK_TREE_ONE_MOUNT.
 * - Other reparse points that stand for something else, and the FIFOs, sockets and devices of the Linux subsystem:
 *   -EOPNOTSUPP for that entry, unless REFLINK_TREE_SKIP_SPECIAL is set.
 * - Access control lists are those that the destination's parent hands down, also that of the private directory.
 * - Two names cannot be exchanged: REFLINK_REPLACE needs REFLINK_TREE_TWO_RENAMES.
 * - Paths are limited to 32,767 units of UTF-16. A name that UTF-8 cannot represent is -EILSEQ for that entry.
 *
 * @param src_dir  An open directory that `src` is relative to, or AT_FDCWD of <fcntl.h> (on Windows NULL).
 * @param src      The directory to copy.
 * @param dst_dir  An open directory that `dst` is relative to, or AT_FDCWD (on Windows NULL).
 * @param dst      The name to give the copy. Its parent must exist.
 * @param options  How to copy, or NULL for the defaults.
 * @param result   Says what was done, on success and on failure. May be NULL.
 * @return 0, or a negative code, among others:
 * - -EINVAL: a NULL name, a value that is unknown or in the wrong member, a flag without the one it needs
 *   (REFLINK_TREE_KEEP_EXISTING without REFLINK_MERGE), a `failed_path_size` without `failed_path`.
 * - -ENOTDIR: the source is not a directory; with REFLINK_REPLACE, the destination is a file. At REFLINK_STEP_CLEANUP: a
 *   file came there at the last moment, and was moved aside (REFLINK_PUBLISHED, REFLINK_LITTER).
 * - -ELOOP: the source is a symbolic link, and REFLINK_NOFOLLOW is set.
 * - -EEXIST: the destination exists, also as an empty directory, and neither REFLINK_REPLACE nor REFLINK_MERGE is set.
 * - REFLINK_ERR_SAME_FILE: the destination is the source.
 * - REFLINK_ERR_INTO_ITSELF: the destination is in the source, or it contains the source and would be replaced.
 * - REFLINK_ERR_NAME_CLASH: two names of one directory are one name on the destination, which does not tell upper and
 *   lower case or forms of a letter apart.
 * - -EOPNOTSUPP at REFLINK_STEP_PUBLISH: with REFLINK_REPLACE, two names cannot be exchanged there: see
 *   REFLINK_TREE_TWO_RENAMES.
 * - with REFLINK_ALWAYS what reflink_copy_file_at() returns for the first file that cannot be cloned.
 * - -ECANCELED: a function or `cancel` asked to stop. With REFLINK_PUBLISHED: while the replaced tree was being removed.
 * - any error of an entry: `failed_path` names the entry.
 *
 * Thread-safe. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_copy_tree_at(reflink_handle src_dir,
                         const char *src,
                         reflink_handle dst_dir,
                         const char *dst,
                         const struct reflink_tree_options *options,
                         struct reflink_tree_result *result);

/**
 * Removes a directory with all that is in it.
 *
 * Does what reflink_remove_tree_at() does, with the name relative to the current directory.
 *
 * @param name     The directory to remove.
 * @param options  See reflink_remove_tree_at(), or NULL.
 * @param result   Says what was done, on success and on failure. May be NULL.
 * @return 0, or a negative code: see reflink_remove_tree_at().
 *
 * Thread-safe. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_remove_tree(const char *name,
                        const struct reflink_tree_options *options,
                        struct reflink_tree_result *result);

/**
 * Removes a directory with all that is in it, its name relative to an open directory.
 *
 * Each entry is reached by one name from an open directory, and no symbolic link is followed, so that swapping entries
 * during the call cannot lead it elsewhere. Directories that forbid their owner to write or enter are given these
 * rights first. A mount point is never entered: -EBUSY for that entry. Entries that others remove during the call are no error.
 * On Windows a junction is removed as a link is. (Run under Wine, where there are none; never on Windows itself.)
 *
 * The options used are `progress`, `cancel`, `on_error`, `on_done` and `failed_path`. `flags`, `filter` and everything from
 * `mode` to `preserve` must be 0. Any `threads` is accepted, and the calling thread does all the work. An entry that
 * `on_error` skips stays, with the directories that it is in. After an error, entries removed so far stay removed.
 *
 * @param dir      An open directory that `name` is relative to, or AT_FDCWD of <fcntl.h> (on Windows NULL).
 * @param name     The directory to remove: a name or a path. Its last part is not followed.
 * @param options  As above, or NULL.
 * @param result   Says what was done, on success and on failure. May be NULL.
 * @return 0, or a negative code, among others:
 * - -EINVAL: a NULL name, an option that is not used here.
 * - -ENOTDIR: it is a file or a symbolic link.
 * - -EBUSY: something is mounted in it.
 * - -ECANCELED: a function or `cancel` asked to stop.
 * - any error of an entry: `failed_path` names the entry.
 *
 * Thread-safe. Since 0.1.
 */
REFLINK_NODISCARD
int reflink_remove_tree_at(reflink_handle dir,
                           const char *name,
                           const struct reflink_tree_options *options,
                           struct reflink_tree_result *result);

#ifdef __cplusplus
}
#endif

#endif /* LIBREFLINK_H */
