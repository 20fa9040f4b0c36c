"""Whole trees: copies and removal. The numbers are made from the library's sources ("make header")."""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from . import _copy, _types
from ._copy import StrPath, encode
from ._errors import from_code
from ._native import ffi, lib
from ._types import Method, Reason, Step, _Number

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Literal

    from ._copy import Mode, Permissions, Preserve

# make header: python-values REFLINK_MERGE REFLINK_LITTER REFLINK_TREE_*
_MERGE = 0x40
_LITTER = 0x20
_SPLIT_LINKS = 0x10000000000
_SKIP_SPECIAL = 0x20000000000
_ONE_MOUNT = 0x40000000000
_TWO_RENAMES = 0x80000000000
_FLUSH_SOURCE = 0x100000000000
_KEEP_EXISTING = 0x200000000000
_KEEP_REPLACED = 0x800000000000
_INCOMPLETE = 0x10
# make header: end
# make header: python-values REFLINK_TAKE REFLINK_LEAVE_OUT REFLINK_TAKE_EMPTY REFLINK_STOP REFLINK_SKIP
_TAKE = 0
_LEAVE_OUT = 1
_TAKE_EMPTY = 2
_STOP = 0
_SKIP = 1
# make header: end
_CANCEL = 1

# As os.fsdecode has them, which asks first what it was given.
_ENCODING, _ERRORS = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()

#: Room for the path of the entry that failed. A longer path is cut.
_PATH_ROOM = 1 << 16

_OPTIONS, _RESULT = ffi.typeof("struct reflink_tree_options *"), ffi.typeof("struct reflink_tree_result *")
_ON_ENTRY = "int(void *, const struct reflink_tree_entry *)"
_ON_PROGRESS = "int(void *, const struct reflink_tree_progress *)"


class EntryKind(_Number):
    """What an entry of a tree is."""

    UNKNOWN = -1
    # make header: python-enum REFLINK_ENTRY_*
    #: A regular file.
    FILE = 1
    #: A directory.
    DIRECTORY = 2
    #: A symbolic link.
    SYMLINK = 3
    #: A FIFO.
    FIFO = 4
    #: A socket.
    SOCKET = 5
    #: A character device.
    CHARACTER_DEVICE = 6
    #: A block device.
    BLOCK_DEVICE = 7
    #: The mark of a deleted name in overlayfs: the character device 0:0.
    WHITEOUT = 8
    # make header: end


_KINDS = EntryKind.table()


class Phase(_Number):
    """What a call is doing."""

    UNKNOWN = -1
    # make header: python-enum REFLINK_PHASE_*
    #: Copying; or removing, in reflink_remove_tree().
    COPY = 1
    #: Writing through to the device.
    SYNC = 2
    #: Removing the replaced tree, or the unfinished one.
    CLEANUP = 3
    # make header: end


@dataclass(frozen=True)
class Entry:
    """An entry of a tree, for the caller's functions."""

    #: What it is.
    kind: EntryKind
    #: The path relative to the root: bytes where the source was named in bytes.
    path: Union[str, bytes]
    #: How deep it is: 1 is in the root.
    depth: int
    #: For ``filter``: the open directory of the source that holds it. Only for calls that take names in it
    #: (``os.stat(name, dir_fd=...)``): it must not be closed or read.
    source_dir: Optional[int] = None
    #: For ``on_error``: what went wrong, with the names of the entry.
    error: Optional[OSError] = None
    #: For ``on_error``: which operation failed.
    step: Step = Step.NONE
    #: For ``on_done``: how a file's data was copied.
    method: Method = Method.NONE
    #: For ``on_done``: the file's length in bytes.
    length: int = 0
    #: For ``on_done``: the file was written while it was copied.
    source_changed: bool = False
    #: For ``on_done``: some metadata could not be set, and ``best_effort_metadata`` let it pass.
    metadata_incomplete: bool = False

    @property
    def name(self) -> Union[str, bytes]:
        """The last part of the path."""
        return os.path.basename(self.path)


@dataclass(frozen=True)
class TreeProgress:
    """How far a call is."""

    #: What it is doing.
    phase: Phase
    #: Entries that are done.
    entries_done: int
    #: Entries read from directories so far: the best total there is without a second walk.
    entries_seen: int
    #: Bytes of files that are done, cloned ones and holes included.
    bytes_done: int
    #: Directories that are being worked on.
    directories_open: int


@dataclass(frozen=True)
class TreeResult:
    """What was done with a tree. An exception raised by a call has it too, as its attribute ``result``.

    Every entry below the root that was read is counted once, from ``files`` to ``entries_not_reached``.
    """

    #: Which operation failed; ``Step.NONE`` after a success.
    step: Step
    #: Why the first file that was not cloned was not.
    reason: Reason
    #: The errno that refused that clone, or None.
    clone_errno: Optional[int]
    #: The operating system's own error behind a failure, or None.
    os_error: Optional[int]
    #: The path of the entry that ended the call, relative to the root. Empty where it was the root, or none did.
    failed_path: Union[str, bytes]
    #: The name holds the complete new tree, also after an error.
    published: bool
    #: Entries failed and were skipped, because ``on_error`` said so.
    incomplete: bool
    #: Some metadata could not be set, and ``best_effort_metadata`` let it pass.
    metadata_incomplete: bool
    #: After an error, the directory that was there was changed, or may have been (``merge``).
    destination_changed: bool
    #: The call that failed was made on the source.
    at_source: bool
    #: The call that failed was made on the destination.
    at_destination: bool
    #: The name of what was left beside the destination, or None.
    litter: Optional[str]
    #: Files, each counted once, whatever number of names it has.
    files: int
    #: Further names of files that were copied.
    hard_links: int
    #: Directories.
    directories: int
    #: Symbolic links.
    symlinks: int
    #: FIFOs, sockets, devices and whiteouts.
    specials: int
    #: The same, left out because of ``skip_special``.
    specials_left_out: int
    #: Mount points left empty because of ``one_mount``.
    mounts_left_empty: int
    #: Left out by ``filter``. What is in a directory that was left out is not counted.
    entries_left_out: int
    #: Not replaced because of ``keep_existing``.
    entries_kept: int
    #: Skipped by ``on_error``.
    entries_failed: int
    #: Gone from the source between reading the directory and opening the entry.
    entries_vanished: int
    #: Read from a directory, and not done when the call ended.
    entries_not_reached: int
    #: Of ``files``: cloned. This one and the four after it add up to ``files``.
    files_cloned: int
    #: Of ``files``: copied by the kernel, which may have shared blocks.
    files_kernel_copied: int
    #: Of ``files``: read and written.
    files_copied: int
    #: Of ``files``: cloned in part.
    files_mixed: int
    #: Of ``files``: empty, so that there was nothing to clone.
    files_empty: int
    #: Of ``files``: changed while they were copied.
    files_changed: int
    #: Bytes that share their blocks with the source.
    bytes_cloned: int
    #: Bytes copied.
    bytes_copied: int
    #: Bytes left as holes.
    bytes_hole: int

    @property
    def cloned(self) -> bool:
        """Whether every file that has data shares all of it with the source."""
        return self.files_cloned + self.files_empty == self.files

    @classmethod
    def from_c(cls, raw: Any, failed_path: Union[str, bytes]) -> TreeResult:
        """Take over a ``struct reflink_tree_result``."""
        flags = raw.flags
        return cls(
            step=Step(raw.step),
            reason=Reason(raw.reason),
            clone_errno=-raw.clone_error or None,
            os_error=raw.os_error or None,
            failed_path=failed_path,
            published=bool(flags & _types._PUBLISHED),
            incomplete=bool(flags & _INCOMPLETE),
            metadata_incomplete=bool(flags & _types._METADATA_INCOMPLETE),
            destination_changed=bool(flags & _types._DESTINATION_CHANGED),
            at_source=bool(flags & _types._AT_SOURCE),
            at_destination=bool(flags & _types._AT_DESTINATION),
            litter=ffi.string(raw.litter).decode() if flags & _LITTER else None,
            **{name: getattr(raw, name) for name in _COUNTS},
        )


_COUNTS = [name for name in TreeResult.__dataclass_fields__ if name.startswith(("files", "bytes_", "entries_"))]
_COUNTS += ["hard_links", "directories", "symlinks", "specials", "specials_left_out", "mounts_left_empty"]


def _like(name: Any, path: bytes) -> Union[str, bytes]:
    """Give a path the type that the caller's name has."""
    return path if isinstance(name, bytes) else os.fsdecode(path)


def _below(root: Any, path: bytes) -> Any:
    return os.path.join(root, _like(root, path)) if root is not None and path else root


class _Watch:
    """Calls the caller's functions, and keeps what one of them raises until the library has cleaned up.

    After that, none of them is called again: the cleaning up reports progress, too.
    """

    def __init__(self, src: Any, dst: Any, **functions: Optional[Callable[[Any], Any]]) -> None:
        self._names = src, dst
        self._functions = {name: function for name, function in functions.items() if function is not None}
        self.raised: Optional[BaseException] = None
        # This one always: a signal's handler runs on the way into it, so that Ctrl-C ends each call.
        self._callbacks = {"progress": ffi.callback(_ON_PROGRESS, self._progress, error=_CANCEL, onerror=self._keep)}
        for name, call, error in (
            ("filter", self._filter, -errno.ECANCELED),
            ("on_error", self._on_error, _STOP),
            ("on_done", self._on_done, _CANCEL),
        ):
            if name in self._functions:
                self._callbacks[name] = ffi.callback(_ON_ENTRY, call, error=error, onerror=self._keep)

    def set(self, options: Any) -> None:
        """Put the functions into the library's options."""
        for name, callback in self._callbacks.items():
            setattr(options, name, callback)

    def end(self) -> None:
        """Let go of what would be cycles."""
        self.raised = None
        self._callbacks.clear()

    def _keep(self, _kind: Any, error: BaseException, _traceback: Any) -> None:
        self.raised = error

    def _entry(self, raw: Any, **members: Any) -> Entry:
        path = ffi.string(raw.path)
        members["kind"] = _KINDS[raw.kind]
        members["path"] = path if isinstance(self._names[0], bytes) else path.decode(_ENCODING, _ERRORS)
        members["depth"] = raw.depth
        # The __init__ of a frozen dataclass sets one member at a time, by a call for each. What the function is not
        # about has its default, since each look into the structure costs a call, too.
        entry = Entry.__new__(Entry)
        object.__setattr__(entry, "__dict__", members)
        return entry

    def _progress(self, _user: Any, now: Any) -> int:
        if self.raised is None and "progress" in self._functions:
            done = now.entries_done, now.entries_seen, now.bytes_done, now.directories_open
            self._functions["progress"](TreeProgress(Phase(now.phase), *done))
        return 0

    def _filter(self, _user: Any, raw: Any) -> int:
        answer = self._functions["filter"](self._entry(raw, source_dir=raw.source_dir))
        if answer is True:
            return _TAKE
        if answer is False:
            return _LEAVE_OUT
        if answer == "empty":
            return _TAKE_EMPTY
        raise TypeError(f"filter must return True, False or 'empty', not {answer!r}")

    def _on_error(self, _user: Any, raw: Any) -> int:
        path = ffi.string(raw.path)
        error = from_code(raw.code, *(_below(name, path) for name in self._names))
        entry = self._entry(raw, error=error, step=_types._STEPS[raw.step])
        return _SKIP if self._functions["on_error"](entry) is True else _STOP

    def _on_done(self, _user: Any, raw: Any) -> int:
        flags = raw.flags
        entry = self._entry(
            raw,
            method=_types._METHODS[raw.method],
            length=raw.bytes,
            source_changed=flags & _types._SOURCE_CHANGED != 0,
            metadata_incomplete=flags & _types._METADATA_INCOMPLETE != 0,
        )
        self._functions["on_done"](entry)
        return 0


def _perform(call: Callable[[Any, Any], int], options: Any, watch: _Watch, src: Any, dst: Any) -> TreeResult:
    raw = ffi.new(_RESULT)
    raw.size = ffi.sizeof(raw[0])
    room = ffi.new("char[]", _PATH_ROOM)
    options.failed_path, options.failed_path_size = room, _PATH_ROOM
    watch.set(options)
    try:
        code = call(options, raw)
        failed = ffi.string(room)
        result = TreeResult.from_c(raw, _like(src, failed))
        names = _below(src, failed), _below(dst, failed)
        if watch.raised is not None and result.litter:
            # What is left on the disk must not be lost with the library's own error.
            raise watch.raised from from_code(code, *names, result)
        if watch.raised is not None:
            raise watch.raised
        if code < 0:
            raise from_code(code, *names, result)
        return result
    finally:
        watch.end()


def _options(threads: int) -> Any:
    options = ffi.new(_OPTIONS)
    options.size = ffi.sizeof(options[0])
    options.threads = threads
    return options


def _directory(fd: Optional[int]) -> int:
    return _copy._AT_FDCWD if fd is None else fd


def copy_tree(
    src: StrPath,
    dst: StrPath,
    *,
    mode: Mode = "auto",
    follow_symlinks: bool = True,
    replace: bool = False,
    keep_replaced: bool = False,
    two_renames: bool = False,
    merge: bool = False,
    keep_existing: bool = False,
    unstaged: bool = False,
    durable: bool = False,
    permissions: Permissions = "source",
    preserve: Collection[Preserve] = (),
    best_effort_metadata: bool = False,
    split_links: bool = False,
    skip_special: bool = False,
    one_mount: bool = False,
    flush_source: bool = False,
    filter: Optional[Callable[[Entry], Union[bool, Literal["empty"]]]] = None,  # noqa: A002 - the library's name
    on_error: Optional[Callable[[Entry], object]] = None,
    on_done: Optional[Callable[[Entry], object]] = None,
    progress: Optional[Callable[[TreeProgress], object]] = None,
    threads: int = 1,
    src_dir_fd: Optional[int] = None,
    dst_dir_fd: Optional[int] = None,
) -> TreeResult:
    """Copy the directory ``src`` with all that is in it under the new name ``dst``, whose parent must exist.

    The name ``dst`` shows its old state or the complete copy, never a part of it, whatever goes wrong (unless
    ``merge``, ``unstaged`` or ``two_renames`` is set). Symbolic links below ``src`` are copied and never followed;
    hard links stay hard links. Ctrl-C removes what was made, and KeyboardInterrupt is raised.

    mode
        "auto", "always" or "never", as of `copyfile`, decided for each file. With "always", the first file that
        cannot be cloned ends the call with `NotCloneable`.
    follow_symlinks
        If false, a symbolic link as ``src`` is an error (ELOOP).
    replace
        Replace an existing directory or symbolic link ``dst`` in one step. The old tree is then removed, unless
        ``keep_replaced`` leaves it beside the new one, under the name ``litter`` of the result. ``two_renames``
        allows a moment without the name, where two names cannot be exchanged.
    merge
        Copy into an existing directory ``dst``, each entry in one step. Files there are replaced, unless
        ``keep_existing`` is set. After an error what was done so far stays.
    unstaged
        Build the copy under its name, for file systems that cannot rename a directory.
    durable
        Return only when the copy and its name are on the device.
    permissions, preserve, best_effort_metadata
        As of `copyfile`, of every entry and of ``src`` itself.
    split_links
        Make each name of a file a file of its own.
    skip_special
        Leave out FIFOs, sockets and devices instead of making them anew.
    one_mount
        Leave what is mounted below ``src`` empty.
    flush_source
        Write the source's file system to the device first: on XFS, files written a moment ago are slow to clone.
    filter
        Called with each `Entry` before it is opened. Returns True to copy it, False to leave it out, or "empty" to
        make a directory and leave out what is in it.
    on_error
        Called with each `Entry` that failed, and its ``error``. Returns True to leave it out and go on. Anything
        else ends the call with that error, as every failure does without this function.
    on_done
        Called with each `Entry` that is finished.
    progress
        Called with a `TreeProgress` every 64 entries or more often.
    threads
        The most threads that work at once, the calling one among them.
    src_dir_fd, dst_dir_fd
        Open directories that ``src`` and ``dst`` are relative to.

    The calling thread calls these functions. What one raises ends the call and is raised here, after what was made is
    removed. Each costs a call into Python for each entry, except ``progress``.
    """
    if replace and merge:
        raise ValueError("replace and merge are two ways")
    if durable and unstaged:
        raise ValueError("durable and unstaged are two ways")
    if (keep_replaced or two_renames) and not replace:
        raise ValueError("keep_replaced and two_renames say how to replace: they need replace=True")
    if keep_existing and not merge:
        raise ValueError("keep_existing says how to merge: it needs merge=True")
    options = _options(threads)
    options.mode = _copy._one_of(_copy._MODES, "mode", mode)
    options.if_exists = _copy._REPLACE if replace else _MERGE if merge else _copy._FAIL
    options.durability = _copy._DURABLE if durable else _copy._UNSTAGED if unstaged else _copy._ATOMIC
    options.permissions = _copy._one_of(_copy._PERMISSIONS, "permissions", permissions)
    options.preserve = _copy._bits(preserve, _copy._PRESERVE)
    for wanted, flag in (
        (not follow_symlinks, _copy._NOFOLLOW),
        (best_effort_metadata, _copy._BEST_EFFORT_METADATA),
        (split_links, _SPLIT_LINKS),
        (skip_special, _SKIP_SPECIAL),
        (one_mount, _ONE_MOUNT),
        (two_renames, _TWO_RENAMES),
        (flush_source, _FLUSH_SOURCE),
        (keep_existing, _KEEP_EXISTING),
        (keep_replaced, _KEEP_REPLACED),
    ):
        options.flags |= flag if wanted else 0
    names = encode(src), encode(dst)
    sys.audit("libreflink.copy_tree", src, dst)

    def call(options: Any, result: Any) -> int:
        at = _directory(src_dir_fd), _directory(dst_dir_fd)
        code: int = lib.reflink_copy_tree_at(at[0], names[0], at[1], names[1], options, result)
        return code

    src, dst = os.fspath(src), os.fspath(dst)
    watch = _Watch(src, dst, filter=filter, on_error=on_error, on_done=on_done, progress=progress)
    return _perform(call, options, watch, src, dst)


def remove_tree(
    path: StrPath,
    *,
    on_error: Optional[Callable[[Entry], object]] = None,
    on_done: Optional[Callable[[Entry], object]] = None,
    progress: Optional[Callable[[TreeProgress], object]] = None,
    dir_fd: Optional[int] = None,
) -> TreeResult:
    """Remove the directory ``path`` with all that is in it. No symbolic link is followed, also not ``path``.

    Directories that forbid their owner to write or enter are removed, too. What is mounted is not entered (EBUSY).
    After an error what was removed so far stays removed. The functions are those of `copy_tree`; an entry that
    ``on_error`` skips stays, with the directories that it is in. ``dir_fd`` is an open directory that ``path`` is
    relative to.
    """
    name = encode(path)
    sys.audit("libreflink.remove_tree", path)

    def call(options: Any, result: Any) -> int:
        code: int = lib.reflink_remove_tree_at(_directory(dir_fd), name, options, result)
        return code

    path = os.fspath(path)
    watch = _Watch(path, None, on_error=on_error, on_done=on_done, progress=progress)
    return _perform(call, _options(1), watch, path, None)
