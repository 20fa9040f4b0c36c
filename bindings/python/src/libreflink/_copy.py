"""The library's own functions: files by name, open files, ranges of them, and the probe."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Callable, Optional, Protocol, Union

from ._errors import from_code
from ._native import ffi, lib
from ._types import Capability, Result

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Literal

    Mode = Literal["auto", "always", "never"]
    Permissions = Literal["source", "umask", "new"]
    Preserve = Literal["times", "owner", "xattrs", "acl"]
    Progress = Callable[[int, int], object]


class HasFileno(Protocol):
    """An open file."""

    def fileno(self) -> int:
        """Its descriptor."""


StrPath = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
FileOrFd = Union[int, HasFileno]

_MODES = {
    # make header: python-names options.mode
    "auto": 0,
    "always": 0x1,
    "never": 0x2,
    # make header: end
}
_PERMISSIONS = {
    # make header: python-names REFLINK_PERMISSIONS_*
    "source": 0,
    "umask": 0x1000,
    "new": 0x2000,
    # make header: end
}
_PRESERVE = {
    # make header: python-names REFLINK_PRESERVE_*
    "times": 0x10000,
    "owner": 0x20000,
    "xattrs": 0x40000,
    "acl": 0x80000,
    # make header: end
}
# make header: python-values options.if_exists options.durability options.flags dedupe_options.flags REFLINK_TO_EOF
_FAIL = 0
_REPLACE = 0x10
_OVERWRITE = 0x20
_ATOMIC = 0
_DURABLE = 0x100
_UNSTAGED = 0x200
_NOFOLLOW = 0x100000000
_BEST_EFFORT_METADATA = 0x200000000
_SHARE_ONLY = 0x400000000
_FOLLOW_DESTINATION = 0x800000000
_DEDUPE_CONTINUE = 0x100000000000000
_DEDUPE_NO_LOOK = 0x200000000000000
_DEDUPE_VERIFY = 0x400000000000000
_TO_EOF = 0x7FFFFFFFFFFFFFFF
# make header: end
_AT_FDCWD = -100 if sys.platform != "darwin" else -2
_CANCEL = 1
_ENCODING, _ENCODE_ERRORS = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()

# Looked up once: by name, each costs a call.
_OPTIONS, _RESULT = ffi.typeof("struct reflink_options *"), ffi.typeof("struct reflink_result *")
_OPTIONS_SIZE, _RESULT_SIZE = ffi.sizeof("struct reflink_options"), ffi.sizeof("struct reflink_result")


def encode(path: StrPath) -> bytes:
    """Encode a path as the system takes it. A NUL in it would silently end the name in C."""
    # What os.fsencode does with most names, without its own three calls.
    raw = path.encode(_ENCODING, _ENCODE_ERRORS) if type(path) is str else os.fsencode(path)
    if b"\0" in raw:
        raise ValueError("embedded null byte")
    return raw


def _bits(names: Collection[str], known: dict[str, int]) -> int:
    if isinstance(names, (str, bytes)):
        raise TypeError(f"a collection of names is needed, such as ({names!r},)")
    bits = 0
    for name in names:
        if name not in known:
            raise ValueError(f"{name!r} is none of {', '.join(known)}")
        bits |= known[name]
    return bits


def _one_of(names: dict[str, int], what: str, name: str) -> int:
    if name not in names:
        raise ValueError(f"{what} {name!r} is none of {', '.join(names)}")
    return names[name]


def _options(
    mode: str,
    *,
    durable: bool,
    preserve: Collection[str] = (),
    if_exists: int = 0,
    permissions: str = "source",
    flags: int = 0,
) -> Any:
    # In the order of the structure, since each member set by its name costs a call.
    members = (
        _OPTIONS_SIZE,
        _one_of(_MODES, "mode", mode),
        if_exists,
        _DURABLE if durable else 0,
        _one_of(_PERMISSIONS, "permissions", permissions),
        _bits(preserve, _PRESERVE) if preserve else 0,
        flags,
    )
    return ffi.new(_OPTIONS, members)


class _Watcher:
    """Calls the caller's progress function, and keeps what it raises until the library has cleaned up."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.raised: Optional[BaseException] = None
        # Whatever is raised on the way into the function (a signal's handler runs there) goes to _keep and
        # cancels, too: nothing is lost. ctypes would print it and go on.
        self.callback: Any = ffi.callback(
            "int(void *, const struct reflink_progress *)", self._call, error=_CANCEL, onerror=self._keep
        )

    def _call(self, _user: Any, now: Any) -> int:
        self._progress(now.bytes_done, now.bytes_total)
        return 0

    def _keep(self, _kind: Any, error: BaseException, _traceback: Any) -> int:
        self.raised = error
        return _CANCEL


def _perform(call: Callable[[Any, Any], int], options: Any, progress: Optional[Progress], src: Any, dst: Any) -> Result:
    watcher = None if progress is None else _Watcher(progress)
    if watcher is not None:
        options.progress = watcher.callback
    raw = ffi.new(_RESULT, (_RESULT_SIZE,))
    try:
        code = call(options, raw)
        if watcher is not None and watcher.raised is not None:
            raise watcher.raised
    finally:
        if watcher is not None:
            watcher.callback = watcher.raised = None  # both would be cycles
    result = Result.from_c(raw)
    if code < 0:
        src, dst = (name if name is None else os.fspath(name) for name in (src, dst))
        raise from_code(code, src, dst, result)
    return result


def copyfile(
    src: StrPath,
    dst: StrPath,
    *,
    mode: Mode = "auto",
    follow_symlinks: bool = True,
    replace: bool = False,
    overwrite: bool = False,
    follow_destination: bool = False,
    durable: bool = False,
    permissions: Permissions = "source",
    preserve: Collection[Preserve] = (),
    progress: Optional[Progress] = None,
    best_effort_metadata: bool = False,
    src_dir_fd: Optional[int] = None,
    dst_dir_fd: Optional[int] = None,
) -> Result:
    """Copy the file ``src`` under the new name ``dst``, sharing its blocks where the file system can.

    The name ``dst`` shows its old state or the complete copy, never a part of it, whatever goes wrong (unless
    ``overwrite`` is set). The copy has the permission bits (rwx) of ``src``, whatever the umask: see ``permissions``.

    mode
        "auto" clones, or copies where that is not possible. "always" clones or raises `NotCloneable`.
        "never" makes a true second copy that shares nothing.
    follow_symlinks
        If false, a symbolic link as ``src`` is an error (ELOOP).
    replace
        Replace an existing file or symbolic link ``dst`` in one step, instead of raising FileExistsError.
    overwrite
        Write into an existing file ``dst``, as cp does: it keeps its inode, mode, owner and hard links. Not atomic:
        an error in the middle leaves it partly written. A symbolic link ``dst`` is an error (ELOOP).
    follow_destination
        With ``overwrite``, write into the file that a symbolic link ``dst`` leads to.
    durable
        Return only when the copy and its name are on the device.
    permissions
        Of a new file: "source" gives it those of ``src``, "umask" the same without the bits of the umask, as
        cp, "new" those of any new file, as `open`. No umask is read or changed: the system applies it.
    preserve
        Any of "times", "owner", "xattrs" and "acl".
    progress
        Called with the bytes done and the bytes in all, every 16 MiB copied or 1 GiB cloned. What it raises
        cancels the copy and is raised here. With it, a clone of more than 1 GiB is not of one instant.
    best_effort_metadata
        Do not fail where the file system cannot hold the metadata; the result says so.
    src_dir_fd, dst_dir_fd
        Open directories that ``src`` and ``dst`` are relative to.
    """
    if replace and overwrite:
        raise ValueError("replace and overwrite are two ways")
    flags = (0 if follow_symlinks else _NOFOLLOW) | (_BEST_EFFORT_METADATA if best_effort_metadata else 0)
    if follow_destination:
        flags |= _FOLLOW_DESTINATION
    if_exists = _REPLACE if replace else _OVERWRITE if overwrite else _FAIL
    options = _options(
        mode, durable=durable, preserve=preserve, if_exists=if_exists, permissions=permissions, flags=flags
    )
    names = encode(src), encode(dst)
    at = _AT_FDCWD if src_dir_fd is None else src_dir_fd, _AT_FDCWD if dst_dir_fd is None else dst_dir_fd
    sys.audit("libreflink.copyfile", src, dst)

    def call(options: Any, result: Any) -> int:
        code: int = lib.reflink_copy_file_at(at[0], names[0], at[1], names[1], options, result)
        return code

    return _perform(call, options, progress, src, dst)


def _descriptor(file: FileOrFd) -> int:
    """Find the descriptor of an open file; what Python still holds in its buffers is written out first."""
    if isinstance(file, int):
        return file
    descriptor = file.fileno()  # first: a SpooledTemporaryFile only now gets one, and a buffer
    flush = getattr(file, "flush", None)
    if flush is not None:
        flush()  # of a file open for reading and writing, it also drops what was read ahead
    return descriptor


def _name(file: FileOrFd) -> Any:
    name = getattr(file, "name", None)
    return name if isinstance(name, (str, bytes, os.PathLike)) else None


def copyfd(
    src: FileOrFd,
    dst: FileOrFd,
    *,
    mode: Mode = "auto",
    durable: bool = False,
    preserve: Collection[Preserve] = (),
    progress: Optional[Progress] = None,
    best_effort_metadata: bool = False,
) -> Result:
    """Replace the whole content of the open file ``dst`` by that of ``src``: the data, then the size.

    Ignores the positions of both: writes ``dst`` from its first byte on, and cuts it to the size of ``src``.
    To copy at a position use `copyfile_range`; for pipes, `shutil.copyfileobj`. Both are descriptors, or file
    objects, which are flushed first. Works in place: an error in the middle leaves ``dst`` partly written.
    Positions and permission bits stay as they are.
    """
    flags = _BEST_EFFORT_METADATA if best_effort_metadata else 0
    options = _options(mode, durable=durable, preserve=preserve, flags=flags)
    fds = _descriptor(src), _descriptor(dst)

    def call(options: Any, result: Any) -> int:
        code: int = lib.reflink_copy_fd(fds[0], fds[1], options, result)
        return code

    return _perform(call, options, progress, _name(src), _name(dst))


def copyfile_range(
    src: FileOrFd,
    dst: FileOrFd,
    count: Optional[int] = None,
    offset_src: int = 0,
    offset_dst: int = 0,
    *,
    mode: Mode = "auto",
    share_only: bool = False,
    durable: bool = False,
    progress: Optional[Progress] = None,
) -> Result:
    """Copy ``count`` bytes (None: to the end) from one open file into another, sharing the blocks in it.

    Both are descriptors, or file objects, which are flushed first; positions stay where they are. Any
    offsets will do: where both are at the same place within a block, the whole blocks are cloned and only
    the edges are copied. Stops at the end of ``src``; ``length`` of the result says how much was done.

    With ``mode="always"`` the range must fall on whole blocks (or end at the end of both files), else
    `NotCloneable` is raised and nothing is written. Without it an error in the middle leaves the range
    partly written.

    With ``share_only`` the whole blocks are shared where they can be, and nothing else is written: of the result,
    ``clone_offset`` and ``bytes_cloned`` say what is shared at least. ``mode="always"`` then raises `NotCloneable`
    only where nothing can be shared.
    """
    if min(0 if count is None else count, offset_src, offset_dst) < 0:
        raise ValueError("count and offsets must not be negative")
    if max(0 if count is None else count, offset_src, offset_dst) >= 1 << 63:
        raise OverflowError("count and offsets must be less than 2**63")
    options = _options(mode, durable=durable, flags=_SHARE_ONLY if share_only else 0)
    fds = _descriptor(src), _descriptor(dst)
    length = _TO_EOF if count is None else count

    def call(options: Any, result: Any) -> int:
        code: int = lib.reflink_copy_range(fds[0], offset_src, fds[1], offset_dst, length, options, result)
        return code

    return _perform(call, options, progress, _name(src), _name(dst))


def probe(path: Union[StrPath, int], source: Union[StrPath, int, None] = None) -> Capability:
    """Find out, by trying it, whether files can be cloned into the directory ``path``.

    ``source`` is a file or a directory that they are to be cloned from; None asks about files of the
    directory itself. Both may be open descriptors instead of names. Nothing is ever visible in the
    directory, and nothing is left in it.
    """
    raw = ffi.new("struct reflink_capability *")
    raw.size = ffi.sizeof("struct reflink_capability")
    if isinstance(path, int) and (source is None or isinstance(source, int)):
        if isinstance(source, int) and source < 0:
            raise ValueError("a descriptor must not be negative")  # to the library it would mean "none"
        code = lib.reflink_probe_fd(-1 if source is None else source, path, raw)
        names: tuple[Any, Any] = (None, None)
    elif isinstance(path, int) or isinstance(source, int):
        raise TypeError("path and source must both be names or both be descriptors")
    else:
        names = (os.fspath(path), None if source is None else os.fspath(source))
        code = lib.reflink_probe(ffi.NULL if source is None else encode(source), encode(path), raw)
    if code < 0:
        raise from_code(code, *names)
    fs_name = ffi.string(raw.fs_name)
    return Capability.from_c(raw, fs_name.decode("ascii", "replace") if isinstance(fs_name, bytes) else fs_name)
