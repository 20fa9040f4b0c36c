// SPDX-License-Identifier: MIT OR Apache-2.0
//
// libreflink.hpp - libreflink for C++17: std::filesystem::path in, std::error_code or an exception
// out
//
//     libreflink::options options;
//     options.if_exists = libreflink::if_exists::replace;
//     const libreflink::result result = libreflink::copy_file("disk.img", "snapshot.img", options);
//     if (result.method == libreflink::method::clone)
//         std::cout << result.bytes_cloned << " bytes shared\n";
//
//     const libreflink::tree_result tree = libreflink::copy_tree("src", "dst");
//     std::cout << tree.files << " files, " << tree.files_cloned << " of them cloned\n";
//     libreflink::remove_tree("dst");
//
//     if (libreflink::shared(one, 0, other, 0).verdict == libreflink::verdict::all) // open files
//         std::cout << "both lie at one place\n"; // of a tree: examples-c/clone_tree.cpp
//     std::cout << libreflink::extents(one).bytes_exclusive << " bytes of no other file\n";
//     libreflink::dedupe_fd(one, other); // equal blocks are shared from now on
//
// Errors.  Each function has two forms, as those of std::filesystem have: one throws
// libreflink::error, which is a std::filesystem::filesystem_error; the other takes a
// std::error_code and sets it. A code of the system is in std::generic_category(), so that it
// compares with std::errc; one of the library's own is in libreflink::category().
//
// Ownership.  There is nothing to be closed or freed. File descriptors stay the caller's.
//
// What each call does, and each of its errors, is written in libreflink.h. This file is all inline:
// no symbol is added to the library, and its ABI stays that of C.

#ifndef LIBREFLINK_HPP
#define LIBREFLINK_HPP

#include <libreflink.h>

#if !defined(__cplusplus) ||                                                                       \
    (__cplusplus < 201703L && !(defined(_MSVC_LANG) && _MSVC_LANG >= 201703L))
#error "libreflink.hpp needs C++17; libreflink.h does with C++11"
#endif

#include <cerrno>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

/// libreflink for C++. (Not "reflink": some systems have a function of that name in <unistd.h>.)
namespace libreflink
{

/// As a length: the rest of the source.
inline constexpr std::uint64_t to_eof = REFLINK_TO_EOF;

/// The library's own errors. The system's are those of std::errc.
enum class errc : int {
    // make header: cpp REFLINK_ERR_*
    /// Internal error: a bug in this library.
    panic = REFLINK_ERR_PANIC,
    /// A FIFO, a socket or a device where a regular file is needed.
    not_regular = REFLINK_ERR_NOT_REGULAR,
    /// Source and destination are the same file.
    same_file = REFLINK_ERR_SAME_FILE,
    /// Both ranges are in one file, and they overlap.
    overlap = REFLINK_ERR_OVERLAP,
    /// The destination is open with O_APPEND, so the system would write everything at its end.
    append = REFLINK_ERR_APPEND,
    /// The system's answers contradict each other.
    inconsistent = REFLINK_ERR_INCONSISTENT,
    /// Of trees: the destination is inside the source, or what would be replaced is the source or
    /// contains it.
    into_itself = REFLINK_ERR_INTO_ITSELF,
    /// Of trees: two names of a directory are one name on the destination, which does not tell
    /// upper and lower case, or forms of a letter, apart.
    name_clash = REFLINK_ERR_NAME_CLASH,
    // make header: end
};

/// How to copy the data.
enum class mode : std::uint32_t {
    // make header: cpp options.mode
    /// Clone if possible, else copy.
    automatic = REFLINK_AUTO,
    /// Clone or fail.
    always = REFLINK_ALWAYS,
    /// Read and write every byte, so that nothing is shared.
    never = REFLINK_NEVER,
    // make header: end
};

/// What to do where the destination exists.
enum class if_exists : std::uint32_t {
    // make header: cpp options.if_exists
    /// Fail with -EEXIST where the destination exists, also as a dangling symbolic link.
    fail = REFLINK_FAIL,
    /// Replace a regular file or a symbolic link (the link itself, not what it points to) by one
    /// rename: other processes see the old file or the complete new one.
    replace = REFLINK_REPLACE,
    /// Write into the existing regular file, as cp does.
    overwrite = REFLINK_OVERWRITE,
    // make header: end
};

/// What the destination's name is safe against.
enum class durability : std::uint32_t {
    // make header: cpp options.durability
    /// The destination's name shows the old state or the complete new one, to every other process
    /// and after any error, signal or kill.
    atomic = REFLINK_ATOMIC,
    /// As REFLINK_ATOMIC, and also after a power loss: the file is synced before it gets its name,
    /// and the directory after.
    durable = REFLINK_DURABLE,
    /// For bulk callers that own the directory: the file is made under its own name and removed
    /// again on failure; one system call less, and a kill can leave a partial file.
    unstaged = REFLINK_UNSTAGED,
    // make header: end
};

/// Which permission bits a new file gets.
enum class permissions : std::uint32_t {
    // make header: cpp REFLINK_PERMISSIONS_*
    /// The permission bits (rwx) of the source, whatever the umask: under umask 077, a copy of a
    /// file that all may read can be read by all.
    source = REFLINK_PERMISSIONS_SOURCE,
    /// The permission bits of the source without those of the umask, as cp gives them.
    umask = REFLINK_PERMISSIONS_UMASK,
    /// 0666, or 0777 for a directory of a tree, without the bits of the umask, as open(2) and
    /// mkdir(2) give them.
    new_file = REFLINK_PERMISSIONS_NEW,
    // make header: end
};

/// Metadata to be preserved: a set, made with |.
enum class preserve : std::uint32_t {
    nothing = 0,
    // make header: cpp REFLINK_PRESERVE_*
    /// Preserve the times of last access and last change, to the nanosecond, or to the file
    /// system's step where that is below a microsecond.
    times = REFLINK_PRESERVE_TIMES,
    /// Preserve owner and group, and the set-user-ID, set-group-ID and sticky bits.
    owner = REFLINK_PRESERVE_OWNER,
    /// Preserve extended attributes, on Linux those of the "user.", "trusted.", "osx." and "os2."
    /// namespaces.
    xattrs = REFLINK_PRESERVE_XATTRS,
    /// Preserve the POSIX access control list.
    acl = REFLINK_PRESERVE_ACL,
    // make header: end
};

/// Further wishes: a set, made with |.
enum class flags : std::uint64_t {
    none = 0,
    // make header: cpp options.flags
    /// Refuse a symbolic link as the source, with -ELOOP.
    nofollow = REFLINK_NOFOLLOW,
    /// Succeed where the file system refuses to read or to set metadata, or has no room for it.
    best_effort_metadata = REFLINK_BEST_EFFORT_METADATA,
    /// With reflink_copy_range(): share the whole blocks of the range that both files' block
    /// boundaries allow, and write nothing else.
    share_only = REFLINK_SHARE_ONLY,
    /// With REFLINK_OVERWRITE: follow a symbolic link at the destination, and write into the file
    /// that it leads to.
    follow_destination = REFLINK_FOLLOW_DESTINATION,
    // make header: end
};

/// How the data was copied. A newer library may report a value that is not listed.
enum class method : std::uint32_t {
    // make header: cpp REFLINK_METHOD_*
    /// No data was copied: there was nothing to do, or the call failed before.
    none = REFLINK_METHOD_NONE,
    /// All of it shares its blocks with the source.
    clone = REFLINK_METHOD_CLONE,
    /// Part of it was cloned: the middle of a range, or the part of a file before the method
    /// changed.
    mixed = REFLINK_METHOD_MIXED,
    /// The kernel copied (copy_file_range(2)), at least in part.
    kernel_copy = REFLINK_METHOD_KERNEL_COPY,
    /// Read and written: nothing is shared.
    copy = REFLINK_METHOD_COPY,
    // make header: end
};

/// Why not everything was cloned. A newer library may report a value that is not listed.
enum class reason : std::uint32_t {
    // make header: cpp REFLINK_REASON_*
    /// Everything was cloned, or the call ended before cloning was tried.
    none = REFLINK_REASON_NONE,
    /// This volume cannot clone, or this kernel does not support it.
    unsupported = REFLINK_REASON_UNSUPPORTED,
    /// Not between these two file systems.
    cross_device = REFLINK_REASON_CROSS_DEVICE,
    /// Not this file or this range: alignment, NOCOW on one side only (Btrfs), a limit, a swap
    /// file.
    file = REFLINK_REASON_FILE,
    /// Forbidden, or filtered away by a sandbox (seccomp, SELinux).
    permission = REFLINK_REASON_PERMISSION,
    /// Not possible now; it may be later.
    transient = REFLINK_REASON_TRANSIENT,
    /// REFLINK_NEVER was asked for.
    not_asked = REFLINK_REASON_NOT_ASKED,
    /// Cloning is possible and failed: no space, no memory, an I/O error.
    failure = REFLINK_REASON_FAILURE,
    // make header: end
};

/// Which operation failed. A newer library may report a value that is not listed.
enum class step : std::uint32_t {
    // make header: cpp REFLINK_STEP_*
    /// Nothing failed.
    none = REFLINK_STEP_NONE,
    /// Reading the arguments.
    arguments = REFLINK_STEP_ARGUMENTS,
    /// Opening the source.
    open_source = REFLINK_STEP_OPEN_SOURCE,
    /// Checking both files before anything is written.
    check = REFLINK_STEP_CHECK,
    /// Making the new file.
    create = REFLINK_STEP_CREATE,
    /// Cloning.
    clone = REFLINK_STEP_CLONE,
    /// Copying.
    copy = REFLINK_STEP_COPY,
    /// Setting owner, extended attributes, ACL, mode or times.
    metadata = REFLINK_STEP_METADATA,
    /// Syncing to the device.
    sync = REFLINK_STEP_SYNC,
    /// Giving the new file its name.
    publish = REFLINK_STEP_PUBLISH,
    /// Closing.
    close = REFLINK_STEP_CLOSE,
    /// The progress function, or `cancel` of the options, stopped the copy.
    progress = REFLINK_STEP_PROGRESS,
    /// Of trees: opening or reading a directory.
    walk = REFLINK_STEP_WALK,
    /// Of trees: `filter`.
    filter = REFLINK_STEP_FILTER,
    /// Of trees: removing the replaced tree, after the name got the new one (REFLINK_PUBLISHED), or
    /// an unfinished one.
    cleanup = REFLINK_STEP_CLEANUP,
    /// Asking where the bytes of a file lie.
    map = REFLINK_STEP_MAP,
    /// Comparing two ranges and making them share their blocks.
    dedupe = REFLINK_STEP_DEDUPE,
    // make header: end
};

/// Whether the file system says what is shared. A newer library may report a value that is not
/// listed.
enum class sharing : std::uint32_t {
    // make header: cpp REFLINK_SHARING_*
    /// The file system gives out no map of its files (NFS, FUSE, ZFS, tmpfs, all of FreeBSD), the
    /// data are kept elsewhere (in a cloud), or it is forbidden to ask.
    unknown = REFLINK_SHARING_UNKNOWN,
    /// The file system gives out a map, which does not say for all bytes whether they are shared.
    unreported = REFLINK_SHARING_UNREPORTED,
    /// The file system says what is shared, or cannot share anything (ext4).
    known = REFLINK_SHARING_KNOWN,
    // make header: end
};

/// What two ranges share. A newer library may report a value that is not listed.
enum class verdict : std::uint32_t {
    // make header: cpp REFLINK_SHARED_*
    /// It cannot be told whether any byte is shared.
    unknown = REFLINK_SHARED_UNKNOWN,
    /// Nothing is shared.
    none = REFLINK_SHARED_NONE,
    /// A part is shared.
    part = REFLINK_SHARED_PART,
    /// Everything is shared: both ranges end together, nothing is apart, nothing is unknown.
    all = REFLINK_SHARED_ALL,
    // make header: end
};

/// What a piece of a file is made of. A newer library may report a value that is not listed.
enum class extent_kind : std::uint32_t {
    // make header: cpp extent.kind
    /// Bytes in blocks.
    data = REFLINK_EXTENT_DATA,
    /// A hole: no blocks, reads as zeros.
    hole = REFLINK_EXTENT_HOLE,
    /// Blocks that are reserved and not written yet: they read as zeros.
    preallocated = REFLINK_EXTENT_PREALLOCATED,
    /// Bytes in the metadata of the file system: no blocks.
    inlined = REFLINK_EXTENT_INLINE,
    /// Bytes without a known place: not written out yet, or the file system does not say where.
    pending = REFLINK_EXTENT_PENDING,
    // make header: end
};

/// How to look: a set of one.
enum class map_flags : std::uint64_t {
    none = 0,
    /// Do not write out what is not written yet: more is pending or unknown, nothing false.
    no_flush = REFLINK_MAP_NO_FLUSH,
};

/// What a copy of a tree does where the destination exists.
enum class tree_if_exists : std::uint32_t {
    // make header: cpp tree_options.if_exists
    /// Fail with -EEXIST where the destination exists, also as a dangling symbolic link.
    fail = REFLINK_FAIL,
    /// Replace a regular file or a symbolic link (the link itself, not what it points to) by one
    /// rename: other processes see the old file or the complete new one.
    replace = REFLINK_REPLACE,
    /// Of trees: copy into the directory that is there, each entry atomically.
    merge = REFLINK_MERGE,
    // make header: end
};

/// Further wishes for a tree: a set, made with |.
enum class tree_flags : std::uint64_t {
    none = 0,
    // make header: cpp tree_options.flags
    /// Refuse a symbolic link as the source, with -ELOOP.
    nofollow = REFLINK_NOFOLLOW,
    /// Succeed where the file system refuses to read or to set metadata, or has no room for it.
    best_effort_metadata = REFLINK_BEST_EFFORT_METADATA,
    /// Of trees: each name of a file becomes a file of its own.
    tree_split_links = REFLINK_TREE_SPLIT_LINKS,
    /// Of trees: leave out FIFOs, sockets and devices, and count them in `specials_left_out`.
    tree_skip_special = REFLINK_TREE_SKIP_SPECIAL,
    /// Of trees: do not enter what is mounted below the source.
    tree_one_mount = REFLINK_TREE_ONE_MOUNT,
    /// Of trees, with REFLINK_REPLACE: where two names cannot be exchanged in one step, rename the
    /// old tree away, then give the new one its name.
    tree_two_renames = REFLINK_TREE_TWO_RENAMES,
    /// Of trees: write the source's file system through to the device first (syncfs(2); -EOPNOTSUPP
    /// on systems other than Linux).
    tree_flush_source = REFLINK_TREE_FLUSH_SOURCE,
    /// Of trees, with REFLINK_MERGE: do not replace existing entries, and count them in
    /// `entries_kept`.
    tree_keep_existing = REFLINK_TREE_KEEP_EXISTING,
    /// Of trees, with REFLINK_REPLACE: the old tree stays beside the new one, under the name in
    /// `litter`, so that it can be put back or removed later.
    tree_keep_replaced = REFLINK_TREE_KEEP_REPLACED,
    // make header: end
};

/// What an entry of a tree is.
enum class entry_kind : std::uint32_t {
    // make header: cpp REFLINK_ENTRY_*
    /// A regular file.
    file = REFLINK_ENTRY_FILE,
    /// A directory.
    directory = REFLINK_ENTRY_DIRECTORY,
    /// A symbolic link.
    symlink = REFLINK_ENTRY_SYMLINK,
    /// A FIFO.
    fifo = REFLINK_ENTRY_FIFO,
    /// A socket.
    socket = REFLINK_ENTRY_SOCKET,
    /// A character device.
    character_device = REFLINK_ENTRY_CHARACTER_DEVICE,
    /// A block device.
    block_device = REFLINK_ENTRY_BLOCK_DEVICE,
    /// The mark of a deleted name in overlayfs: the character device 0:0.
    whiteout = REFLINK_ENTRY_WHITEOUT,
    // make header: end
};

/// What the call is doing.
enum class phase : std::uint32_t {
    // make header: cpp REFLINK_PHASE_*
    /// Copying; or removing, in reflink_remove_tree().
    copy = REFLINK_PHASE_COPY,
    /// Writing through to the device.
    sync = REFLINK_PHASE_SYNC,
    /// Removing the replaced tree, or the unfinished one.
    cleanup = REFLINK_PHASE_CLEANUP,
    // make header: end
};

/// What a filter decides of an entry.
enum class take : int {
    whole = REFLINK_TAKE,          ///< It is copied.
    leave_out = REFLINK_LEAVE_OUT, ///< It is left out, with all that is in it.
    empty = REFLINK_TAKE_EMPTY,    ///< A directory without what is in it.
};

/// Both sets together.
constexpr preserve operator|(preserve left, preserve right) noexcept
{
    return static_cast<preserve>(static_cast<std::uint32_t>(left) |
                                 static_cast<std::uint32_t>(right));
}

/// Both sets together.
constexpr flags operator|(flags left, flags right) noexcept
{
    return static_cast<flags>(static_cast<std::uint64_t>(left) | static_cast<std::uint64_t>(right));
}

/// Both sets together.
constexpr tree_flags operator|(tree_flags left, tree_flags right) noexcept
{
    return static_cast<tree_flags>(static_cast<std::uint64_t>(left) |
                                   static_cast<std::uint64_t>(right));
}

/// How far a copy is.
struct progress {
    std::uint64_t bytes_done;  ///< Cloned bytes and holes included.
    std::uint64_t bytes_total; ///< Never less than `bytes_done`.
};

/// How to copy. As it is made, it holds the defaults.
struct options {
    libreflink::mode mode = libreflink::mode::automatic;
    libreflink::if_exists if_exists = libreflink::if_exists::fail;
    libreflink::durability durability = libreflink::durability::atomic;
    libreflink::permissions permissions = libreflink::permissions::source;
    libreflink::preserve preserve = libreflink::preserve::nothing;
    libreflink::flags flags = libreflink::flags::none;
    /// Called between stretches of at most 1 GiB; false cancels with std::errc::operation_canceled.
    /// What it throws cancels too, and is thrown on by the function that copies, in both of its
    /// forms, once the copy is undone.
    std::function<bool(const libreflink::progress &)> progress{};
    /// An int that another thread (atomically) or a signal handler sets: if it is not 0, the copy
    /// ends with std::errc::operation_canceled.
    const volatile int *cancel = nullptr;
};

/// What was done, or why it failed.
struct result {
    libreflink::method method = libreflink::method::none;
    libreflink::reason reason = libreflink::reason::none;
    libreflink::step step = libreflink::step::none; ///< Which operation failed.
    std::error_code clone_error{};                  ///< What refused the clone.
    int os_error = 0; ///< The raw error of the operating system behind a failure, 0 if none.
    bool source_changed =
        false; ///< The source was written while it was copied: old and new may be mixed.
    bool metadata_incomplete = false; ///< Some metadata could not be set, and was let pass.
    bool published = false; ///< The name holds the complete new file, also after an error.
    bool destination_changed =
        false;              ///< After an error: the open destination was changed, or may have been.
    bool at_source = false; ///< The call that failed was made on the source.
    bool at_destination =
        false; ///< The call that failed was made on the destination, its name or its directory.
    std::uint64_t bytes_cloned = 0; ///< Bytes that share their blocks with the source.
    std::uint64_t clone_offset = 0; ///< Where these begin, from the range's beginning.
    std::uint64_t bytes_copied = 0; ///< Bytes copied.
    std::uint64_t bytes_hole = 0;   ///< Bytes left as holes.
    std::string litter{}; ///< The private name that could not be removed beside the destination.
};

/// How to make equal files share. As it is made, it holds the defaults.
struct dedupe_options {
    bool past_differences = false; ///< Go on behind a difference (REFLINK_DEDUPE_CONTINUE).
    bool no_look = false; ///< Ask for what is shared already, too (REFLINK_DEDUPE_NO_LOOK).
    bool verify = false;  ///< Look afterwards at the maps (REFLINK_DEDUPE_VERIFY).
    bool durable = false; ///< Sync the destination at the end.
    /// Called between steps of at most 16 MiB; as libreflink::options::progress.
    std::function<bool(const libreflink::progress &)> progress{};
    const volatile int *cancel = nullptr; ///< As libreflink::options::cancel.
};

/// What was compared and shared. The first five numbers of bytes add up to `length`.
struct dedupe_result {
    libreflink::step step = libreflink::step::none;       ///< Which operation failed.
    libreflink::reason reason = libreflink::reason::none; ///< Why bytes were skipped.
    std::error_code dedupe_error{};                       ///< What refused to share.
    int os_error = 0;       ///< The raw error of the operating system behind a failure, 0 if none.
    bool at_source = false; ///< The call that failed was made on the source.
    bool at_destination = false;         ///< The call that failed was made on the destination.
    std::uint64_t length = 0;            ///< Bytes up to the end of the longer file.
    std::uint64_t bytes_deduped = 0;     ///< Bytes compared by the system, and shared.
    std::uint64_t bytes_already = 0;     ///< Bytes that were shared before.
    std::uint64_t bytes_different = 0;   ///< Bytes of blocks that differ, or of one file only.
    std::uint64_t bytes_skipped = 0;     ///< Bytes that could not be asked for.
    std::uint64_t bytes_not_reached = 0; ///< Bytes behind what ended the call.
    std::uint64_t bytes_verified = 0;   ///< Bytes of the first two that the maps show to be shared.
    std::uint64_t first_difference = 0; ///< `length` where none was found.
};

/// An entry of a tree, for the caller's functions. What it refers to is gone when the function
/// returns.
struct tree_entry {
    entry_kind kind = entry_kind::file;       ///< What it is.
    std::uint32_t depth = 0;                  ///< 1 is in the root.
    std::string_view path{};                  ///< Relative to the root, with '/'.
    std::string_view name{};                  ///< The last part of it.
    std::intptr_t source_dir = -1;            ///< For `filter`: the open directory that it is in.
    std::error_code error{};                  ///< For `on_error`; describe() makes a line of it.
    int os_error = 0;                         ///< For `on_error`: the raw error of the system.
    libreflink::step step = step::none;       ///< For `on_error`: which operation failed.
    bool at_source = false;                   ///< For `on_error`: it was made on the source.
    bool at_destination = false;              ///< For `on_error`: it was made on the destination.
    bool source_changed = false;              ///< For `on_done`: written during the copy.
    bool metadata_incomplete = false;         ///< For `on_done`: some metadata could not be set.
    libreflink::method method = method::none; ///< For `on_done`: how a file's data was copied.
    std::uint64_t bytes = 0;                  ///< For `on_done`: the file's length.
};

/// How far a copy of a tree is.
struct tree_progress {
    libreflink::phase phase{};
    std::uint64_t entries_done;
    std::uint64_t entries_seen; ///< Read from directories so far: the best total there is.
    std::uint64_t bytes_done;   ///< Cloned bytes and holes included.
    std::uint64_t directories_open;
};

/// How to copy a tree. As it is made, it holds the defaults. The functions are called by the thread
/// that called the library; what one throws ends the call, and is thrown on once it is undone.
struct tree_options {
    libreflink::mode mode = libreflink::mode::automatic;
    libreflink::tree_if_exists if_exists = libreflink::tree_if_exists::fail;
    libreflink::durability durability = libreflink::durability::atomic;
    libreflink::permissions permissions = libreflink::permissions::source;
    libreflink::preserve preserve = libreflink::preserve::nothing;
    libreflink::tree_flags flags = libreflink::tree_flags::none;
    std::uint32_t threads = 0; ///< 0 and 1: the calling one alone.
    /// false cancels. Not called while what was cancelled, by it or by `cancel`, is removed.
    std::function<bool(const tree_progress &)> progress{};
    std::function<take(const tree_entry &)> filter{};   ///< Not for the removal.
    std::function<bool(const tree_entry &)> on_error{}; ///< true leaves the entry out and goes on.
    std::function<bool(const tree_entry &)> on_done{};  ///< false cancels.
    const volatile int *cancel = nullptr;               ///< As libreflink::options::cancel.
};

/// What was done with a tree, or why it failed. The counts are those of struct reflink_tree_result.
struct tree_result {
    libreflink::reason reason = libreflink::reason::none;
    libreflink::step step = libreflink::step::none; ///< Which operation failed.
    std::error_code clone_error{};                  ///< What refused the first clone.
    int os_error = 0;                 ///< The raw error of the operating system, 0 if none.
    bool published = false;           ///< The name holds the new tree, also after an error.
    bool incomplete = false;          ///< Entries failed, and `on_error` left them out.
    bool destination_changed = false; ///< After an error: what was there was changed.
    bool metadata_incomplete = false; ///< Some metadata could not be set, and was let pass.
    bool at_source = false;           ///< The call that failed was made on the source.
    bool at_destination = false;      ///< The call that failed was made on the destination.
    std::string failed_path{};        ///< The entry that ended the call, cut to 65535 bytes.
    std::string litter{};             ///< The name of what was left beside the destination.
    std::uint64_t files = 0;
    std::uint64_t hard_links = 0;
    std::uint64_t directories = 0;
    std::uint64_t symlinks = 0;
    std::uint64_t specials = 0;
    std::uint64_t specials_left_out = 0;
    std::uint64_t mounts_left_empty = 0;
    std::uint64_t entries_left_out = 0;
    std::uint64_t entries_kept = 0;
    std::uint64_t entries_failed = 0;
    std::uint64_t entries_vanished = 0;
    std::uint64_t entries_not_reached = 0;
    std::uint64_t files_cloned = 0;
    std::uint64_t files_kernel_copied = 0;
    std::uint64_t files_copied = 0;
    std::uint64_t files_mixed = 0;
    std::uint64_t files_empty = 0;
    std::uint64_t files_changed = 0;
    std::uint64_t bytes_cloned = 0;
    std::uint64_t bytes_copied = 0;
    std::uint64_t bytes_hole = 0;
};

/// Whether clones are possible somewhere.
enum class answer : std::int32_t { unknown = -1, no = 0, yes = 1 };

/// What a directory can do, found out by trying.
struct capability {
    answer clone = answer::unknown;    ///< Whether files can be cloned there.
    answer exchange = answer::unknown; ///< Whether a tree can be replaced in one step.
    libreflink::reason reason = libreflink::reason::none; ///< Why not, or why unknown.
    std::error_code error{};                              ///< What said so.
    bool range = false;                                   ///< Ranges can be cloned.
    bool kernel_copy = false;                             ///< copy_file_range(2) works there.
    answer dedupe = answer::unknown;      ///< Whether equal ranges can be made to share blocks.
    std::error_code dedupe_error{};       ///< What refused to.
    std::uint64_t dedupe_granularity = 0; ///< The alignment in which they were, 0 if not known.
    bool unnamed_files = false;           ///< A copy can be built without a name.
    bool sparse = false;                  ///< Holes take no space and can be found.
    std::uint64_t granularity = 0;        ///< The alignment of range clones, 0 if not known.
    std::string fs_name{};                ///< For people, not for decisions.
};

/// A piece of a file.
struct extent {
    std::uint64_t offset = 0; ///< Where it begins in the file.
    std::uint64_t length = 0; ///< Its length in bytes.
    std::uint64_t place = 0;  ///< Where it lies on the volume, if `has_place`.
    extent_kind kind = extent_kind::hole;
    bool shared = false;     ///< Something else uses the blocks too.
    bool encoded = false;    ///< Compressed or encrypted.
    bool has_place = false;  ///< `place` is valid.
    bool beyond_eof = false; ///< Behind the end of the file.
};

/// What a range of a file is made of. The seven sums from `bytes_shared` to `bytes_pending` add up
/// to `length`.
struct extents_result {
    sharing reported = sharing::unknown; ///< Whether the file system says what is shared.
    libreflink::reason reason = libreflink::reason::none; ///< Why there is no map.
    libreflink::step step = libreflink::step::none;       ///< Which operation failed.
    int os_error = 0;         ///< The raw error of the system behind a failure, or a missing map.
    bool map_changed = false; ///< The file changed during the call.
    bool exact = false;       ///< `bytes_exclusive` is exact, and not a minimum.
    std::uint64_t length = 0; ///< Bytes looked at, up to the end of the file.
    std::uint64_t bytes_shared = 0;              ///< Something else uses them too.
    std::uint64_t bytes_unshared = 0;            ///< Nothing else uses them, as far as is said.
    std::uint64_t bytes_encoded = 0;             ///< Compressed or encrypted, shared or not.
    std::uint64_t bytes_preallocated = 0;        ///< Reserved blocks.
    std::uint64_t bytes_hole = 0;                ///< Holes.
    std::uint64_t bytes_inline = 0;              ///< In the metadata.
    std::uint64_t bytes_pending = 0;             ///< Without a known place.
    std::uint64_t bytes_encoded_shared = 0;      ///< Those of `bytes_encoded`.
    std::uint64_t bytes_preallocated_shared = 0; ///< Those of `bytes_preallocated`.
    std::uint64_t bytes_beyond_eof = 0;          ///< Held behind the end of the file.
    std::uint64_t bytes_exclusive = 0;           ///< Of no other file, at least.
    std::uint64_t extents = 0;                   ///< Extents, holes not counted.
};

/// How two ranges relate. `bytes_same`, `bytes_apart`, `bytes_hole` and `bytes_unknown` add up to
/// `length`.
struct shared_result {
    libreflink::verdict verdict = libreflink::verdict::unknown;
    sharing reported = sharing::unknown;                  ///< The least of both files.
    libreflink::reason reason = libreflink::reason::none; ///< Two volumes, or why there is no map.
    libreflink::step step = libreflink::step::none;       ///< Which operation failed.
    int os_error = 0;         ///< The raw error of the system behind a failure, or a missing map.
    bool map_changed = false; ///< A file changed during the call.
    bool at_source = false;   ///< The call that failed was made on the first file.
    bool at_destination = false;     ///< The call that failed was made on the second file.
    std::uint64_t length = 0;        ///< Bytes looked at, up to the later of both ends.
    std::uint64_t bytes_same = 0;    ///< At one place in both.
    std::uint64_t bytes_apart = 0;   ///< At different places, or only in one file.
    std::uint64_t bytes_hole = 0;    ///< Holes in both.
    std::uint64_t bytes_unknown = 0; ///< Of which the file system does not say enough.
    std::uint64_t first_apart = 0;   ///< The first that is apart, `length` if there is none.
    std::uint64_t first_unknown = 0; ///< The first that is unknown, `length` if there is none.
};

namespace detail
{

class category final : public std::error_category
{
  public:
    const char *name() const noexcept override
    {
        return "reflink";
    }

    std::string message(int code) const override
    {
        return ::reflink_strerror(code);
    }

    std::error_condition default_error_condition(int code) const noexcept override
    {
        return std::error_condition(::reflink_errno(code), std::generic_category());
    }
};

} // namespace detail

/// The category of libreflink::errc. Its name is "reflink"; where they have one, its codes compare
/// equal to the std::errc of reflink_errno(): errc::same_file == std::errc::invalid_argument.
inline const std::error_category &category() noexcept
{
    static const detail::category instance;
    return instance;
}

/// So that an errc is a std::error_code.
inline std::error_code make_error_code(errc code) noexcept
{
    return std::error_code(static_cast<int>(code), category());
}

/// What a function of libreflink.h returned, as a std::error_code.
inline std::error_code make_error_code(int code) noexcept
{
    if (code >= 0)
        return std::error_code();
    // The system's codes end at -4095.
    return code > -4096 ? std::error_code(-code, std::generic_category())
                        : std::error_code(code, category());
}

namespace detail
{

/// A code as the functions of libreflink.h return it.
inline int number(const std::error_code &code) noexcept
{
    return code.category() == libreflink::category() ? code.value() : -code.value();
}

} // namespace detail

/// The name of a code, for logs: "EXDEV", "REFLINK_ERR_PANIC". Static text, never NULL.
inline const char *name(const std::error_code &code) noexcept
{
    return ::reflink_err_name(detail::number(code));
}

/// A method, a reason or a step in words, in English. Static text, never NULL.
inline const char *text(method number) noexcept
{
    return ::reflink_method_text(static_cast<std::uint32_t>(number));
}

inline const char *text(reason number) noexcept
{
    return ::reflink_reason_text(static_cast<std::uint32_t>(number));
}

inline const char *text(step number) noexcept
{
    return ::reflink_step_text(static_cast<std::uint32_t>(number));
}

/// Whether a call failed only because a clone was refused: reflink_clone_refused().
inline bool clone_refused(const std::error_code &code, const result &result) noexcept
{
    return ::reflink_clone_refused(detail::number(code), static_cast<std::uint32_t>(result.step),
                                   static_cast<std::uint32_t>(result.reason)) == 1;
}

/// The same of a tree.
inline bool clone_refused(const std::error_code &code, const tree_result &result) noexcept
{
    return ::reflink_clone_refused(detail::number(code), static_cast<std::uint32_t>(result.step),
                                   static_cast<std::uint32_t>(result.reason)) == 1;
}

namespace detail
{

/// An entry of a tree, or the tree itself where the path is empty.
inline std::filesystem::path below(const std::filesystem::path &root, const std::string &path)
{
    if (root.empty() || path.empty())
        return root;
#ifdef _WIN32
    return root / std::filesystem::u8path(path);
#else
    return root / path;
#endif
}

} // namespace detail

/// What the functions without a std::error_code throw: what(), code() and the paths are the base's.
/// Of a tree, the paths are those of the entry that ended the call.
class error : public std::filesystem::filesystem_error
{
  public:
    error(const char *what, std::error_code code, const libreflink::result &result)
        : filesystem_error(what, code), result_(result)
    {
    }

    error(const char *what, std::error_code code, const libreflink::dedupe_result &from)
        : filesystem_error(what, code)
    {
        result_.step = from.step;
        result_.reason = from.reason;
        result_.os_error = from.os_error;
        result_.at_source = from.at_source;
        result_.at_destination = from.at_destination;
    }

    error(const char *what, const std::filesystem::path &path1, const std::filesystem::path &path2,
          std::error_code code, const libreflink::tree_result &from)
        : filesystem_error(what, detail::below(path1, from.failed_path),
                           detail::below(path2, from.failed_path), code),
          tree_(std::make_shared<const libreflink::tree_result>(from))
    {
        result_.step = from.step;
        result_.reason = from.reason;
        result_.clone_error = from.clone_error;
        result_.os_error = from.os_error;
        result_.published = from.published;
        result_.destination_changed = from.destination_changed;
        result_.at_source = from.at_source;
        result_.at_destination = from.at_destination;
    }

    error(const char *what, const std::filesystem::path &path1, const std::filesystem::path &path2,
          std::error_code code, const libreflink::result &result)
        : filesystem_error(what, path1, path2, code), result_(result)
    {
    }

    /// How far it got, which operation failed, and the raw error of the system.
    const libreflink::result &details() const noexcept
    {
        return result_;
    }

    /// Of copy_tree() and remove_tree(): the whole result, with the counts, the entry that ended
    /// the call and what was left. Else NULL.
    const libreflink::tree_result *tree() const noexcept
    {
        return tree_.get();
    }

  private:
    std::shared_ptr<const libreflink::tree_result> tree_{};
    libreflink::result result_{};
};

namespace detail
{

/// A name as the C functions take it. One with a NUL inside would be cut short by them and mean
/// another file.
class native_name
{
  public:
    explicit native_name(const std::filesystem::path &path)
#ifdef _WIN32
    {
        const auto utf8 = path.u8string();
        text_.assign(utf8.begin(), utf8.end());
    }
#else
        : text_(path.native())
    {
    }
#endif

    bool valid() const noexcept
    {
        return text_.find('\0') == std::string::npos;
    }
    const char *get() const noexcept
    {
        return text_.c_str();
    }

  private:
    std::string text_{};
};

/// The options for C, and the exception that the progress function threw, if it did.
class call
{
  public:
    explicit call(const libreflink::options &from) : from_(from)
    {
        to_.mode = static_cast<std::uint32_t>(from.mode);
        to_.if_exists = static_cast<std::uint32_t>(from.if_exists);
        to_.durability = static_cast<std::uint32_t>(from.durability);
        to_.permissions = static_cast<std::uint32_t>(from.permissions);
        to_.preserve = static_cast<std::uint32_t>(from.preserve);
        to_.flags = static_cast<std::uint64_t>(from.flags);
        to_.cancel = from.cancel;
        if (from.progress) {
            to_.progress = &call::step;
            to_.user = this;
        }
    }

    call(const call &) = delete;
    call &operator=(const call &) = delete;

    const ::reflink_options *options() const noexcept
    {
        return &to_;
    }
    ::reflink_result *result() noexcept
    {
        return &result_;
    }

    /// Ends the call: throws on what the progress function threw, else says what came of it.
    libreflink::result finish(int code, std::error_code &error) const
    {
        if (thrown_)
            std::rethrow_exception(thrown_);
        error = make_error_code(code);
        libreflink::result result;
        result.method = static_cast<libreflink::method>(result_.method);
        result.reason = static_cast<libreflink::reason>(result_.reason);
        result.step = static_cast<libreflink::step>(result_.step);
        result.clone_error = make_error_code(result_.clone_error);
        result.os_error = result_.os_error;
        result.source_changed = (result_.flags & REFLINK_SOURCE_CHANGED) != 0;
        result.metadata_incomplete = (result_.flags & REFLINK_METADATA_INCOMPLETE) != 0;
        result.published = (result_.flags & REFLINK_PUBLISHED) != 0;
        result.destination_changed = (result_.flags & REFLINK_DESTINATION_CHANGED) != 0;
        result.at_source = (result_.flags & REFLINK_AT_SOURCE) != 0;
        result.at_destination = (result_.flags & REFLINK_AT_DESTINATION) != 0;
        result.bytes_cloned = result_.bytes_cloned;
        result.clone_offset = result_.clone_offset;
        result.bytes_copied = result_.bytes_copied;
        result.bytes_hole = result_.bytes_hole;
        if ((result_.flags & REFLINK_LITTER) != 0)
            result.litter = result_.litter;
        return result;
    }

    /// A name that no file can have.
    static libreflink::result refuse(std::error_code &error)
    {
        error = std::make_error_code(std::errc::invalid_argument);
        libreflink::result result;
        result.step = libreflink::step::arguments;
        return result;
    }

  private:
    /// No exception may pass through the library, so it waits here for the end of the call.
    static int step(void *user, const ::reflink_progress *at) noexcept
    {
        call *self = static_cast<call *>(user);
        try {
            return self->from_.progress(libreflink::progress{at->bytes_done, at->bytes_total}) ? 0
                                                                                               : 1;
        } catch (...) {
            self->thrown_ = std::current_exception();
            return 1;
        }
    }

    const libreflink::options &from_;
    ::reflink_options to_ = REFLINK_OPTIONS_INIT;
    ::reflink_result result_ = REFLINK_RESULT_INIT;
    std::exception_ptr thrown_{};
};

/// The same for dedupe.
class dedupe_call
{
  public:
    explicit dedupe_call(const libreflink::dedupe_options &from) : from_(from)
    {
        to_.durability = from.durable ? REFLINK_DURABLE : REFLINK_ATOMIC;
        to_.flags = (from.past_differences ? REFLINK_DEDUPE_CONTINUE : 0) |
                    (from.no_look ? REFLINK_DEDUPE_NO_LOOK : 0) |
                    (from.verify ? REFLINK_DEDUPE_VERIFY : 0);
        to_.cancel = from.cancel;
        if (from.progress) {
            to_.progress = &dedupe_call::step;
            to_.user = this;
        }
    }

    dedupe_call(const dedupe_call &) = delete;
    dedupe_call &operator=(const dedupe_call &) = delete;

    const ::reflink_dedupe_options *options() const noexcept
    {
        return &to_;
    }
    ::reflink_dedupe_result *result() noexcept
    {
        return &result_;
    }

    libreflink::dedupe_result finish(int code, std::error_code &error) const
    {
        if (thrown_)
            std::rethrow_exception(thrown_);
        error = make_error_code(code);
        libreflink::dedupe_result result;
        result.step = static_cast<libreflink::step>(result_.step);
        result.reason = static_cast<libreflink::reason>(result_.reason);
        result.dedupe_error = make_error_code(result_.dedupe_error);
        result.os_error = result_.os_error;
        result.at_source = (result_.flags & REFLINK_AT_SOURCE) != 0;
        result.at_destination = (result_.flags & REFLINK_AT_DESTINATION) != 0;
        result.length = result_.length;
        result.bytes_deduped = result_.bytes_deduped;
        result.bytes_already = result_.bytes_already;
        result.bytes_different = result_.bytes_different;
        result.bytes_skipped = result_.bytes_skipped;
        result.bytes_not_reached = result_.bytes_not_reached;
        result.bytes_verified = result_.bytes_verified;
        result.first_difference = result_.first_difference;
        return result;
    }

  private:
    static int step(void *user, const ::reflink_progress *at) noexcept
    {
        dedupe_call *self = static_cast<dedupe_call *>(user);
        try {
            return self->from_.progress(libreflink::progress{at->bytes_done, at->bytes_total}) ? 0
                                                                                               : 1;
        } catch (...) {
            self->thrown_ = std::current_exception();
            return 1;
        }
    }

    const libreflink::dedupe_options &from_;
    ::reflink_dedupe_options to_ = REFLINK_DEDUPE_OPTIONS_INIT;
    ::reflink_dedupe_result result_ = REFLINK_DEDUPE_RESULT_INIT;
    std::exception_ptr thrown_{};
};

/// The same for trees.
class tree_call
{
  public:
    explicit tree_call(const libreflink::tree_options &from) : from_(from)
    {
        to_.mode = static_cast<std::uint32_t>(from.mode);
        to_.if_exists = static_cast<std::uint32_t>(from.if_exists);
        to_.durability = static_cast<std::uint32_t>(from.durability);
        to_.permissions = static_cast<std::uint32_t>(from.permissions);
        to_.preserve = static_cast<std::uint32_t>(from.preserve);
        to_.flags = static_cast<std::uint64_t>(from.flags);
        to_.threads = from.threads;
        to_.cancel = from.cancel;
        to_.progress = from.progress ? &tree_call::progress : nullptr;
        to_.filter = from.filter ? &tree_call::filter : nullptr;
        to_.on_error = from.on_error ? &tree_call::on_error : nullptr;
        to_.on_done = from.on_done ? &tree_call::on_done : nullptr;
        to_.user = this;
        to_.failed_path = &failed_path_[0];
        to_.failed_path_size = failed_path_.size();
    }

    tree_call(const tree_call &) = delete;
    tree_call &operator=(const tree_call &) = delete;

    const ::reflink_tree_options *options() const noexcept
    {
        return &to_;
    }
    ::reflink_tree_result *result() noexcept
    {
        return &result_;
    }

    libreflink::tree_result finish(int code, std::error_code &error) const
    {
        if (thrown_)
            std::rethrow_exception(thrown_);
        error = make_error_code(code);
        libreflink::tree_result result;
        result.reason = static_cast<libreflink::reason>(result_.reason);
        result.step = static_cast<libreflink::step>(result_.step);
        result.clone_error = make_error_code(result_.clone_error);
        result.os_error = result_.os_error;
        result.published = (result_.flags & REFLINK_PUBLISHED) != 0;
        result.incomplete = (result_.flags & REFLINK_TREE_INCOMPLETE) != 0;
        result.destination_changed = (result_.flags & REFLINK_DESTINATION_CHANGED) != 0;
        result.metadata_incomplete = (result_.flags & REFLINK_METADATA_INCOMPLETE) != 0;
        result.at_source = (result_.flags & REFLINK_AT_SOURCE) != 0;
        result.at_destination = (result_.flags & REFLINK_AT_DESTINATION) != 0;
        result.failed_path = failed_path_.c_str();
        if ((result_.flags & REFLINK_LITTER) != 0)
            result.litter = result_.litter;
        result.files = result_.files;
        result.hard_links = result_.hard_links;
        result.directories = result_.directories;
        result.symlinks = result_.symlinks;
        result.specials = result_.specials;
        result.specials_left_out = result_.specials_left_out;
        result.mounts_left_empty = result_.mounts_left_empty;
        result.entries_left_out = result_.entries_left_out;
        result.entries_kept = result_.entries_kept;
        result.entries_failed = result_.entries_failed;
        result.entries_vanished = result_.entries_vanished;
        result.entries_not_reached = result_.entries_not_reached;
        result.files_cloned = result_.files_cloned;
        result.files_kernel_copied = result_.files_kernel_copied;
        result.files_copied = result_.files_copied;
        result.files_mixed = result_.files_mixed;
        result.files_empty = result_.files_empty;
        result.files_changed = result_.files_changed;
        result.bytes_cloned = result_.bytes_cloned;
        result.bytes_copied = result_.bytes_copied;
        result.bytes_hole = result_.bytes_hole;
        return result;
    }

    /// A name that no directory can have.
    static libreflink::tree_result refuse(std::error_code &error)
    {
        error = std::make_error_code(std::errc::invalid_argument);
        libreflink::tree_result result;
        result.step = libreflink::step::arguments;
        return result;
    }

  private:
    /// No exception may pass through the library, so it waits here for the end of the call.
    template <class Ask> static int guarded(void *user, int otherwise, const Ask &ask) noexcept
    {
        tree_call *self = static_cast<tree_call *>(user);
        int answer = otherwise;
        try {
            answer = ask(self->from_);
        } catch (...) {
            self->thrown_ = std::current_exception();
        }
        if (answer == otherwise)
            self->stopped_ = true;
        return answer;
    }

    static libreflink::tree_entry entry(const ::reflink_tree_entry &from)
    {
        libreflink::tree_entry to;
        to.kind = static_cast<entry_kind>(from.kind);
        to.depth = from.depth;
        to.path = std::string_view(from.path, from.path_length);
        to.name = from.name;
        to.source_dir = from.source_dir;
        to.error = make_error_code(from.code);
        to.os_error = from.os_error;
        to.at_source = (from.flags & REFLINK_AT_SOURCE) != 0;
        to.at_destination = (from.flags & REFLINK_AT_DESTINATION) != 0;
        to.source_changed = (from.flags & REFLINK_SOURCE_CHANGED) != 0;
        to.metadata_incomplete = (from.flags & REFLINK_METADATA_INCOMPLETE) != 0;
        to.step = static_cast<libreflink::step>(from.step);
        to.method = static_cast<libreflink::method>(from.method);
        to.bytes = from.bytes;
        return to;
    }

    static int progress(void *user, const ::reflink_tree_progress *at) noexcept
    {
        // What a function or `cancel` stopped is being removed, and that must not be stopped too.
        const tree_call *self = static_cast<const tree_call *>(user);
        const bool cancelled = self->from_.cancel != nullptr && *self->from_.cancel != 0;
        if (self->stopped_ || (cancelled && at->phase == REFLINK_PHASE_CLEANUP))
            return 0;
        return guarded(user, 1, [at](const libreflink::tree_options &options) {
            const libreflink::tree_progress now{static_cast<libreflink::phase>(at->phase),
                                                at->entries_done, at->entries_seen, at->bytes_done,
                                                at->directories_open};
            return options.progress(now) ? 0 : 1;
        });
    }

    static int filter(void *user, const ::reflink_tree_entry *at) noexcept
    {
        return guarded(user, -ECANCELED, [at](const libreflink::tree_options &options) {
            return static_cast<int>(options.filter(entry(*at)));
        });
    }

    static int on_error(void *user, const ::reflink_tree_entry *at) noexcept
    {
        return guarded(user, REFLINK_STOP, [at](const libreflink::tree_options &options) {
            return options.on_error(entry(*at)) ? REFLINK_SKIP : REFLINK_STOP;
        });
    }

    static int on_done(void *user, const ::reflink_tree_entry *at) noexcept
    {
        return guarded(user, 1, [at](const libreflink::tree_options &options) {
            return options.on_done(entry(*at)) ? 0 : 1;
        });
    }

    const libreflink::tree_options &from_;
    ::reflink_tree_options to_ = REFLINK_TREE_OPTIONS_INIT;
    ::reflink_tree_result result_ = REFLINK_TREE_RESULT_INIT;
    std::string failed_path_ = std::string(1 << 16, '\0');
    bool stopped_ = false;
    std::exception_ptr thrown_{};
};

inline libreflink::capability converted(const ::reflink_capability &from)
{
    libreflink::capability to;
    const auto told = [](std::int32_t number) {
        return number == 1 ? answer::yes : number == 0 ? answer::no : answer::unknown;
    };
    to.clone = told(from.clone);
    to.reason = static_cast<libreflink::reason>(from.reason);
    to.error = make_error_code(from.clone_error);
    to.range = from.clone_range == 1;
    to.kernel_copy = from.kernel_copy == 1;
    to.dedupe = told(from.dedupe);
    to.dedupe_error = make_error_code(from.dedupe_error);
    to.dedupe_granularity = from.dedupe_granularity;
    to.exchange = told(from.exchange);
    to.unnamed_files = from.unnamed_files == 1;
    to.sparse = from.sparse == 1;
    to.granularity = from.granularity;
    to.fs_name = from.fs_name;
    return to;
}

} // namespace detail

namespace detail
{

/// What describe() says of `from`, which is a result or an entry.
template <class From>
std::string line(const std::error_code &code, const From &from, const char *src, const char *dst)
{
    const auto step = static_cast<std::uint32_t>(from.step);
    const std::uint32_t flags = (from.at_source ? REFLINK_AT_SOURCE : 0) |
                                (from.at_destination ? REFLINK_AT_DESTINATION : 0);
    const auto write = [&](char *buffer, std::size_t size) {
        return static_cast<std::size_t>(
            ::reflink_describe(number(code), step, flags, src, dst, buffer, size));
    };
    std::string text(write(nullptr, 0), '\0');
    write(&text[0], text.size() + 1);
    return text;
}

} // namespace detail

/// One line that says what failed, for people: "snapshot.img: making the file: No space left on
/// device". `result` is a result or a tree_result. An empty name is left out. See
/// reflink_describe().
template <class Result>
std::string describe(const std::error_code &code, const Result &result,
                     const std::filesystem::path &src, const std::filesystem::path &dst)
{
    const detail::native_name from(src), to(dst);
    return detail::line(code, result, src.empty() ? nullptr : from.get(),
                        dst.empty() ? nullptr : to.get());
}

/// The same of an entry that failed, for `on_error`, with the names that the call was given: the
/// entry is named in the source or in the copy.
inline std::string describe(const tree_entry &entry, const std::filesystem::path &src,
                            const std::filesystem::path &dst)
{
    const std::string path(entry.path);
    return describe(entry.error, entry, detail::below(src, path), detail::below(dst, path));
}

/// The same with the path below them only.
inline std::string describe(const tree_entry &entry)
{
    const std::string path(entry.path);
    return detail::line(entry.error, entry, entry.at_source ? path.c_str() : nullptr,
                        entry.at_source ? nullptr : path.c_str());
}

/// The same of what a function threw.
inline std::string describe(const error &error)
{
    if (error.path2().empty() && !error.details().at_source) // the removal has one name
        return describe(error.code(), error.details(), error.path2(), error.path1());
    return describe(error.code(), error.details(), error.path1(), error.path2());
}

/// Copies a file under a new name, both names relative to open directories: reflink_copy_file_at().
///
/// @param src_dir  An open directory that `src` is relative to, or AT_FDCWD of <fcntl.h>.
/// @param src      The file to copy.
/// @param dst_dir  An open directory that `dst` is relative to, or AT_FDCWD.
/// @param dst      The name to give the copy.
/// @param options  How to copy.
/// @param error    Cleared on success, set on failure.
/// @return What was done, or how far it got. A name with a NUL inside is
/// std::errc::invalid_argument.
inline result copy_file_at(reflink_handle src_dir, const std::filesystem::path &src,
                           reflink_handle dst_dir, const std::filesystem::path &dst,
                           const options &options, std::error_code &error)
{
    const detail::native_name from(src), to(dst);
    if (!from.valid() || !to.valid())
        return detail::call::refuse(error);
    detail::call call(options);
    const int code = ::reflink_copy_file_at(src_dir, from.get(), dst_dir, to.get(), call.options(),
                                            call.result());
    return call.finish(code, error);
}

/// The same, and throws libreflink::error.
inline result copy_file_at(reflink_handle src_dir, const std::filesystem::path &src,
                           reflink_handle dst_dir, const std::filesystem::path &dst,
                           const options &options = {})
{
    std::error_code code;
    const result result = copy_file_at(src_dir, src, dst_dir, dst, options, code);
    if (code)
        throw error("libreflink::copy_file_at", src, dst, code, result);
    return result;
}

/// Copies a file under a new name, sharing its blocks where the file system can:
/// reflink_copy_file().
///
/// @param src      The file to copy. A symbolic link is followed, unless flags::nofollow is set.
/// @param dst      The name to give the copy. A symbolic link there is never followed.
/// @param options  How to copy.
/// @param error    Cleared on success, set on failure.
/// @return What was done, or how far it got. A name with a NUL inside is
/// std::errc::invalid_argument.
inline result copy_file(const std::filesystem::path &src, const std::filesystem::path &dst,
                        const options &options, std::error_code &error)
{
    const detail::native_name from(src), to(dst);
    if (!from.valid() || !to.valid())
        return detail::call::refuse(error);
    detail::call call(options);
    const int code = ::reflink_copy_file(from.get(), to.get(), call.options(), call.result());
    return call.finish(code, error);
}

/// The same, with the defaults.
inline result copy_file(const std::filesystem::path &src, const std::filesystem::path &dst,
                        std::error_code &error)
{
    return copy_file(src, dst, options(), error);
}

/// The same, and throws libreflink::error.
inline result copy_file(const std::filesystem::path &src, const std::filesystem::path &dst,
                        const options &options = {})
{
    std::error_code code;
    const result result = copy_file(src, dst, options, code);
    if (code)
        throw error("libreflink::copy_file", src, dst, code, result);
    return result;
}

/// Copies a directory with all that is in it, both names relative to open directories:
/// reflink_copy_tree_at().
///
/// @param src_dir  An open directory that `src` is relative to, or AT_FDCWD of <fcntl.h>.
/// @param src      The directory to copy.
/// @param dst_dir  An open directory that `dst` is relative to, or AT_FDCWD.
/// @param dst      The name to give the copy.
/// @param options  How to copy.
/// @param error    Cleared on success, set on failure.
/// @return What was done, or how far it got.
inline tree_result copy_tree_at(reflink_handle src_dir, const std::filesystem::path &src,
                                reflink_handle dst_dir, const std::filesystem::path &dst,
                                const tree_options &options, std::error_code &error)
{
    const detail::native_name from(src), to(dst);
    if (!from.valid() || !to.valid())
        return detail::tree_call::refuse(error);
    detail::tree_call call(options);
    const int code = ::reflink_copy_tree_at(src_dir, from.get(), dst_dir, to.get(), call.options(),
                                            call.result());
    return call.finish(code, error);
}

/// The same, and throws libreflink::error.
inline tree_result copy_tree_at(reflink_handle src_dir, const std::filesystem::path &src,
                                reflink_handle dst_dir, const std::filesystem::path &dst,
                                const tree_options &options = {})
{
    std::error_code code;
    const tree_result result = copy_tree_at(src_dir, src, dst_dir, dst, options, code);
    if (code)
        throw error("libreflink::copy_tree_at", src, dst, code, result);
    return result;
}

/// Copies a directory with all that is in it: reflink_copy_tree(). As above.
inline tree_result copy_tree(const std::filesystem::path &src, const std::filesystem::path &dst,
                             const tree_options &options, std::error_code &error)
{
    const detail::native_name from(src), to(dst);
    if (!from.valid() || !to.valid())
        return detail::tree_call::refuse(error);
    detail::tree_call call(options);
    const int code = ::reflink_copy_tree(from.get(), to.get(), call.options(), call.result());
    return call.finish(code, error);
}

/// The same, with the defaults.
inline tree_result copy_tree(const std::filesystem::path &src, const std::filesystem::path &dst,
                             std::error_code &error)
{
    return copy_tree(src, dst, tree_options(), error);
}

/// The same, and throws libreflink::error.
inline tree_result copy_tree(const std::filesystem::path &src, const std::filesystem::path &dst,
                             const tree_options &options = {})
{
    std::error_code code;
    const tree_result result = copy_tree(src, dst, options, code);
    if (code)
        throw error("libreflink::copy_tree", src, dst, code, result);
    return result;
}

/// Removes a directory with all that is in it, its name relative to an open directory:
/// reflink_remove_tree_at(). Of the options these mean something: `progress`, `on_error`,
/// `on_done`, `cancel` and `threads`.
inline tree_result remove_tree_at(reflink_handle dir, const std::filesystem::path &name,
                                  const tree_options &options, std::error_code &error)
{
    const detail::native_name native(name);
    if (!native.valid())
        return detail::tree_call::refuse(error);
    detail::tree_call call(options);
    const int code = ::reflink_remove_tree_at(dir, native.get(), call.options(), call.result());
    return call.finish(code, error);
}

/// The same, and throws libreflink::error.
inline tree_result remove_tree_at(reflink_handle dir, const std::filesystem::path &name,
                                  const tree_options &options = {})
{
    std::error_code code;
    const tree_result result = remove_tree_at(dir, name, options, code);
    if (code)
        throw error("libreflink::remove_tree_at", name, std::filesystem::path(), code, result);
    return result;
}

/// Removes a directory with all that is in it: reflink_remove_tree(). As above.
inline tree_result remove_tree(const std::filesystem::path &name, const tree_options &options,
                               std::error_code &error)
{
    const detail::native_name native(name);
    if (!native.valid())
        return detail::tree_call::refuse(error);
    detail::tree_call call(options);
    return call.finish(::reflink_remove_tree(native.get(), call.options(), call.result()), error);
}

/// The same, with the defaults.
inline tree_result remove_tree(const std::filesystem::path &name, std::error_code &error)
{
    return remove_tree(name, tree_options(), error);
}

/// The same, and throws libreflink::error.
inline tree_result remove_tree(const std::filesystem::path &name, const tree_options &options = {})
{
    std::error_code code;
    const tree_result result = remove_tree(name, options, code);
    if (code)
        throw error("libreflink::remove_tree", name, std::filesystem::path(), code, result);
    return result;
}

/// Replaces the whole content of one open file by that of another, whatever their positions are:
/// reflink_copy_fd().
///
/// @param src      A regular file, open for reading.
/// @param dst      A regular file, open for writing without O_APPEND.
/// @param options  How to copy.
/// @param error    Cleared on success, set on failure.
/// @return What was done, or how far it got.
inline result copy_fd(reflink_handle src, reflink_handle dst, const options &options,
                      std::error_code &error)
{
    detail::call call(options);
    return call.finish(::reflink_copy_fd(src, dst, call.options(), call.result()), error);
}

/// The same, and throws libreflink::error.
inline result copy_fd(reflink_handle src, reflink_handle dst, const options &options = {})
{
    std::error_code code;
    const result result = copy_fd(src, dst, options, code);
    if (code)
        throw error("libreflink::copy_fd", code, result);
    return result;
}

/// Copies a range of bytes from one open file into another: reflink_copy_range().
///
/// @param src         A regular file, open for reading.
/// @param src_offset  Where the range begins in it, in bytes.
/// @param dst         A regular file, open for writing without O_APPEND.
/// @param dst_offset  Where the range begins in it, in bytes.
/// @param length      The range's length in bytes, or libreflink::to_eof.
/// @param options     How to copy.
/// @param error       Cleared on success, set on failure.
/// @return What was done, or how far it got.
inline result copy_range(reflink_handle src, std::uint64_t src_offset, reflink_handle dst,
                         std::uint64_t dst_offset, std::uint64_t length, const options &options,
                         std::error_code &error)
{
    detail::call call(options);
    const int code = ::reflink_copy_range(src, src_offset, dst, dst_offset, length, call.options(),
                                          call.result());
    return call.finish(code, error);
}

/// The same, and throws libreflink::error.
inline result copy_range(reflink_handle src, std::uint64_t src_offset, reflink_handle dst,
                         std::uint64_t dst_offset, std::uint64_t length,
                         const options &options = {})
{
    std::error_code code;
    const result result = copy_range(src, src_offset, dst, dst_offset, length, options, code);
    if (code)
        throw error("libreflink::copy_range", code, result);
    return result;
}

/// Makes ranges of two open files share their blocks where both hold the same bytes:
/// reflink_dedupe_range(). Nothing that a file shows changes.
///
/// @param src         A regular file, open for reading. Its blocks stay.
/// @param src_offset  Where the range begins in it, in bytes.
/// @param dst         A regular file, open for reading or writing.
/// @param dst_offset  Where the range begins in it, in bytes.
/// @param length      The range's length in bytes, or libreflink::to_eof.
/// @param options     How to do it.
/// @param error       Cleared on success, set on failure. A difference is no failure.
/// @return What was compared and shared, or how far it got.
inline dedupe_result dedupe_range(reflink_handle src, std::uint64_t src_offset, reflink_handle dst,
                                  std::uint64_t dst_offset, std::uint64_t length,
                                  const dedupe_options &options, std::error_code &error)
{
    detail::dedupe_call call(options);
    const int code = ::reflink_dedupe_range(src, src_offset, dst, dst_offset, length,
                                            call.options(), call.result());
    return call.finish(code, error);
}

/// The same, and throws libreflink::error.
inline dedupe_result dedupe_range(reflink_handle src, std::uint64_t src_offset, reflink_handle dst,
                                  std::uint64_t dst_offset, std::uint64_t length,
                                  const dedupe_options &options = {})
{
    std::error_code code;
    const dedupe_result result =
        dedupe_range(src, src_offset, dst, dst_offset, length, options, code);
    if (code)
        throw error("libreflink::dedupe_range", code, result);
    return result;
}

/// The same from the beginning of both files to the end of the longer: reflink_dedupe_fd().
inline dedupe_result dedupe_fd(reflink_handle src, reflink_handle dst,
                               const dedupe_options &options, std::error_code &error)
{
    detail::dedupe_call call(options);
    return call.finish(::reflink_dedupe_fd(src, dst, call.options(), call.result()), error);
}

/// The same, and throws libreflink::error.
inline dedupe_result dedupe_fd(reflink_handle src, reflink_handle dst,
                               const dedupe_options &options = {})
{
    std::error_code code;
    const dedupe_result result = dedupe_fd(src, dst, options, code);
    if (code)
        throw error("libreflink::dedupe_fd", code, result);
    return result;
}

/// Finds out whether files can be cloned into a directory, by trying it: reflink_probe().
///
/// @param src      A file or a directory that clones are to be made from; an empty path for the
/// directory itself.
/// @param dst_dir  The directory that clones are to be made in.
/// @param error    Cleared on success, set on failure. That something cannot be cloned is no
/// failure.
/// @return The answer.
[[nodiscard]] inline capability probe(const std::filesystem::path &src,
                                      const std::filesystem::path &dst_dir, std::error_code &error)
{
    const detail::native_name from(src), to(dst_dir);
    ::reflink_capability capability = REFLINK_CAPABILITY_INIT;
    if (from.valid() && to.valid())
        error = make_error_code(
            ::reflink_probe(src.empty() ? nullptr : from.get(), to.get(), &capability));
    else
        error = std::make_error_code(std::errc::invalid_argument);
    return error ? libreflink::capability() : detail::converted(capability);
}

/// The same, and throws libreflink::error.
[[nodiscard]] inline capability probe(const std::filesystem::path &src,
                                      const std::filesystem::path &dst_dir)
{
    std::error_code code;
    capability capability = probe(src, dst_dir, code);
    if (code)
        throw error("libreflink::probe", src, dst_dir, code, result());
    return capability;
}

/// Finds out whether files can be cloned inside a directory, and throws libreflink::error.
[[nodiscard]] inline capability probe(const std::filesystem::path &dst_dir)
{
    return probe(std::filesystem::path(), dst_dir);
}

/// Finds out whether files can be cloned into an open directory, by trying it: reflink_probe_fd().
///
/// @param src      An open file or directory that clones are to be made from, or -1 for the
/// directory itself.
/// @param dst_dir  The open directory that clones are to be made in.
/// @param error    Cleared on success, set on failure. That something cannot be cloned is no
/// failure.
/// @return The answer.
[[nodiscard]] inline capability probe_fd(reflink_handle src, reflink_handle dst_dir,
                                         std::error_code &error)
{
    ::reflink_capability capability = REFLINK_CAPABILITY_INIT;
    error = make_error_code(::reflink_probe_fd(src, dst_dir, &capability));
    return error ? libreflink::capability() : detail::converted(capability);
}

/// The same, and throws libreflink::error.
[[nodiscard]] inline capability probe_fd(reflink_handle src, reflink_handle dst_dir)
{
    std::error_code code;
    capability capability = probe_fd(src, dst_dir, code);
    if (code)
        throw error("libreflink::probe_fd", code, result());
    return capability;
}

namespace detail
{

/// The caller's function for extents, and the exception that it threw.
struct extents_call {
    const std::function<bool(const libreflink::extent &)> &each;
    std::exception_ptr thrown;

    /// No exception may pass through the library, so it waits here for the end of the call.
    static int give(void *user, const ::reflink_extent *extents, std::size_t count) noexcept
    {
        extents_call *self = static_cast<extents_call *>(user);
        try {
            for (std::size_t at = 0; at < count; at++) {
                if (!self->each(converted(extents[at])))
                    return 1;
            }
            return 0;
        } catch (...) {
            self->thrown = std::current_exception();
            return 1;
        }
    }

    static libreflink::extent converted(const ::reflink_extent &from)
    {
        libreflink::extent to;
        to.offset = from.offset;
        to.length = from.length;
        to.place = from.place;
        to.kind = static_cast<extent_kind>(from.kind);
        to.shared = (from.flags & REFLINK_EXTENT_SHARED) != 0;
        to.encoded = (from.flags & REFLINK_EXTENT_ENCODED) != 0;
        to.has_place = (from.flags & REFLINK_EXTENT_PLACE) != 0;
        to.beyond_eof = (from.flags & REFLINK_EXTENT_BEYOND_EOF) != 0;
        return to;
    }
};

inline libreflink::extents_result converted(const ::reflink_extents_result &from)
{
    libreflink::extents_result to;
    to.reported = static_cast<sharing>(from.reported);
    to.reason = static_cast<libreflink::reason>(from.reason);
    to.step = static_cast<libreflink::step>(from.step);
    to.os_error = from.os_error;
    to.map_changed = (from.flags & REFLINK_MAP_CHANGED) != 0;
    to.exact = (from.flags & REFLINK_EXACT) != 0;
    to.length = from.length;
    to.bytes_shared = from.bytes_shared;
    to.bytes_unshared = from.bytes_unshared;
    to.bytes_encoded = from.bytes_encoded;
    to.bytes_preallocated = from.bytes_preallocated;
    to.bytes_hole = from.bytes_hole;
    to.bytes_inline = from.bytes_inline;
    to.bytes_pending = from.bytes_pending;
    to.bytes_encoded_shared = from.bytes_encoded_shared;
    to.bytes_preallocated_shared = from.bytes_preallocated_shared;
    to.bytes_beyond_eof = from.bytes_beyond_eof;
    to.bytes_exclusive = from.bytes_exclusive;
    to.extents = from.extents;
    return to;
}

inline libreflink::shared_result converted(const ::reflink_shared_result &from)
{
    libreflink::shared_result to;
    to.verdict = static_cast<libreflink::verdict>(from.verdict);
    to.reported = static_cast<sharing>(from.reported);
    to.reason = static_cast<libreflink::reason>(from.reason);
    to.step = static_cast<libreflink::step>(from.step);
    to.os_error = from.os_error;
    to.map_changed = (from.flags & REFLINK_MAP_CHANGED) != 0;
    to.at_source = (from.flags & REFLINK_AT_SOURCE) != 0;
    to.at_destination = (from.flags & REFLINK_AT_DESTINATION) != 0;
    to.length = from.length;
    to.bytes_same = from.bytes_same;
    to.bytes_apart = from.bytes_apart;
    to.bytes_hole = from.bytes_hole;
    to.bytes_unknown = from.bytes_unknown;
    to.first_apart = from.first_apart;
    to.first_unknown = from.first_unknown;
    return to;
}

} // namespace detail

/// Finds out what a range of an open file is made of: reflink_extents().
///
/// @param fd      A regular file, open for reading or writing.
/// @param offset  Where the range begins, in bytes.
/// @param length  The range's length in bytes, or libreflink::to_eof.
/// @param flags   map_flags::none or map_flags::no_flush.
/// @param each    Called with each extent in order, holes included; empty for the sums only. False
/// cancels with std::errc::operation_canceled; what it throws is thrown on.
/// @param error   Cleared on success, set on failure. That nobody says what is shared is no
/// failure.
/// @return The sums, after a failure those of what was seen.
inline extents_result extents(reflink_handle fd, std::uint64_t offset, std::uint64_t length,
                              map_flags flags, const std::function<bool(const extent &)> &each,
                              std::error_code &error)
{
    ::reflink_extents_result result = REFLINK_EXTENTS_RESULT_INIT;
    detail::extents_call call{each, nullptr};
    error = make_error_code(::reflink_extents(fd, offset, length, static_cast<std::uint64_t>(flags),
                                              &result, each ? &detail::extents_call::give : nullptr,
                                              &call));
    if (call.thrown)
        std::rethrow_exception(call.thrown);
    return detail::converted(result);
}

/// The same, and throws libreflink::error.
inline extents_result extents(reflink_handle fd, std::uint64_t offset = 0,
                              std::uint64_t length = to_eof, map_flags flags = map_flags::none,
                              const std::function<bool(const extent &)> &each = nullptr)
{
    std::error_code code;
    const extents_result found = extents(fd, offset, length, flags, each, code);
    if (code) {
        result details;
        details.step = found.step;
        details.os_error = found.os_error;
        throw error("libreflink::extents", code, details);
    }
    return found;
}

/// Finds out whether two ranges share their blocks: reflink_shared(). verdict::all is a proof.
///
/// @param a         A regular file, open for reading or writing.
/// @param a_offset  Where the range begins in it, in bytes.
/// @param b         Another one, or the same.
/// @param b_offset  Where the range begins in it, in bytes.
/// @param length    The ranges' length in bytes, or libreflink::to_eof.
/// @param flags     map_flags::none or map_flags::no_flush.
/// @param error     Cleared on success, set on failure. No answer is a failure.
/// @return The answer.
[[nodiscard]] inline shared_result shared(reflink_handle a, std::uint64_t a_offset,
                                          reflink_handle b, std::uint64_t b_offset,
                                          std::uint64_t length, map_flags flags,
                                          std::error_code &error)
{
    ::reflink_shared_result result = REFLINK_SHARED_RESULT_INIT;
    error = make_error_code(::reflink_shared(a, a_offset, b, b_offset, length,
                                             static_cast<std::uint64_t>(flags), &result));
    return detail::converted(result);
}

/// The same, and throws libreflink::error.
[[nodiscard]] inline shared_result shared(reflink_handle a, std::uint64_t a_offset,
                                          reflink_handle b, std::uint64_t b_offset,
                                          std::uint64_t length = to_eof,
                                          map_flags flags = map_flags::none)
{
    std::error_code code;
    const shared_result found = shared(a, a_offset, b, b_offset, length, flags, code);
    if (code) {
        result details;
        details.step = found.step;
        details.os_error = found.os_error;
        details.at_source = found.at_source;
        details.at_destination = found.at_destination;
        throw error("libreflink::shared", code, details);
    }
    return found;
}

/// The version of the library that is loaded, to be compared with REFLINK_VERSION_NUMBER, which was
/// compiled in.
inline std::uint32_t version_number() noexcept
{
    return ::reflink_version_number();
}

/// The version of the library that is loaded, as text: "0.1.0".
inline const char *version_string() noexcept
{
    return ::reflink_version_string();
}

} // namespace libreflink

namespace std
{
template <> struct is_error_code_enum<libreflink::errc> : true_type {
};
} // namespace std

#endif // LIBREFLINK_HPP
