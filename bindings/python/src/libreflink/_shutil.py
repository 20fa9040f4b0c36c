"""shutil's copyfile, copy, copy2 and copytree, so that these and move clone: its signatures and exceptions.

Where they differ from shutil, README.md lists it; tests/test_shutil.py runs CPython's own tests over them.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, Union

from ._copy import StrPath, copyfd, copyfile
from ._errors import from_code
from ._tree import EntryKind, copy_tree

if TYPE_CHECKING:
    from collections.abc import Collection, Container
    from typing import Callable, Optional

    from ._copy import Mode, Preserve
    from ._tree import Entry, TreeProgress

    Ignore = Callable[[Any, list[Any]], Container[Any]]

_NOT_REGULAR = -4098
_SAME_FILE = -4099
_INTO_ITSELF = -4103

#: What shutil's own copying of attributes lets pass.
_REFUSALS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENODATA, errno.EINVAL, errno.EACCES})

_Dst = TypeVar("_Dst", bound=StrPath)


def copy(src: StrPath, dst: _Dst, *, follow_symlinks: bool = True) -> Union[_Dst, str, bytes]:
    """Copy data and permission bits, as `shutil.copy` does. Return the destination's name.

    ``dst`` may be a directory. If ``follow_symlinks`` is false, a symbolic link is copied as a link. An
    existing file is replaced in one step, not written into.
    """
    copied: Union[_Dst, str, bytes] = _copy(src, dst, follow_symlinks, (), shutil.copymode)
    return copied


def copy2(src: StrPath, dst: _Dst, *, follow_symlinks: bool = True) -> Union[_Dst, str, bytes]:
    """Copy data, permission bits, times, extended attributes and ACL, as `shutil.copy2` does.

    As `copy` in everything else. For ``copy_function`` of `shutil.copytree` and `shutil.move`.
    """
    copied: Union[_Dst, str, bytes] = _copy(src, dst, follow_symlinks, ("times", "xattrs", "acl"), shutil.copystat)
    return copied


def copytree(
    src: StrPath,
    dst: _Dst,
    symlinks: bool = True,
    ignore: Optional[Ignore] = None,
    copy_function: Optional[Callable[..., object]] = None,
    ignore_dangling_symlinks: bool = False,
    dirs_exist_ok: bool = False,
    *,
    mode: Mode = "auto",
    preserve: Collection[Preserve] = ("times", "xattrs", "acl"),
    durable: bool = False,
    progress: Optional[Callable[[TreeProgress], object]] = None,
    threads: int = 1,
) -> _Dst:
    """Copy a directory with all that is in it, as ``shutil.copytree(src, dst, symlinks=True)`` does. Return ``dst``.

    ``dst`` shows nothing or the complete copy, unless ``dirs_exist_ok`` is set; its missing parents are made first.

    symlinks
        Only True: symbolic links are copied, and never followed.
    ignore
        As of shutil: called with each directory and the names in it, returns those to leave out.
    copy_function
        Only `copy2`, also shutil's: the library copies the files itself, with the metadata that ``preserve`` names.
    ignore_dangling_symlinks
        Means nothing, as with ``symlinks=True`` of shutil: a link to nothing is copied like any other.
    dirs_exist_ok
        Copy into an existing directory ``dst``, replacing the files there, each in one step. (`copy_tree` can
        replace the whole directory instead.)
    mode, preserve, durable, progress, threads
        As of `copy_tree`. Metadata that the file system refuses is skipped, as shutil does.

    Entries that fail are left out, and `shutil.Error` lists them at the end, as shutil does. A full disk, a read-only
    one and missing memory end the call at once with an OSError, and so does ``mode="always"`` with `NotCloneable`.
    """
    if not symlinks:
        raise ValueError("symbolic links are copied, not followed: symlinks=False is only shutil.copytree's")
    if copy_function not in (None, shutil.copy2, copy2, shutil_copy2):
        raise ValueError("the library copies the files: a copy_function other than copy2 is only shutil.copytree's")
    sys.audit("shutil.copytree", src, dst)
    errors: list[tuple[Any, Any, str]] = []

    def gather(entry: Entry) -> bool:
        error: Any = entry.error
        errors.append((error.filename, error.filename2, str(error)))
        return True

    _make_parents(src, dst)
    copy_tree(
        src,
        dst,
        mode=mode,
        merge=dirs_exist_ok,
        durable=durable,
        preserve=preserve,
        best_effort_metadata=True,
        filter=None if ignore is None else _Ignoring(os.fspath(src), ignore),
        on_error=gather,
        progress=progress,
        threads=threads,
    )
    if errors:
        raise shutil.Error(errors)
    return dst


def _make_parents(src: StrPath, dst: StrPath) -> None:
    head, tail = os.path.split(os.fspath(dst))
    if not tail:  # "dst/"
        head = os.path.dirname(head)
    if head and os.path.isdir(src) and not os.path.isdir(head):
        source, parent = (os.path.realpath(os.fsencode(name)) for name in (src, head))
        if os.path.commonpath((source, parent)) == source:
            # Before a directory is made in the source; that the library refuses the copy would be too late.
            raise from_code(_INTO_ITSELF, os.fspath(src), os.fspath(dst))
        os.makedirs(head, exist_ok=True)


class _Ignoring:
    """A filter made of shutil's function, which is asked for each directory when it is met, also for an empty one."""

    def __init__(self, src: Any, ignore: Ignore) -> None:
        self._src = src
        self._separator: Any = b"/" if isinstance(src, bytes) else "/"
        self._ignore = ignore
        self._answers: dict[Any, Container[Any]] = {}
        self._meet(src[:0], src, os.O_RDONLY)

    def __call__(self, entry: Entry) -> bool:
        parent, _, name = entry.path.rpartition(self._separator)
        if parent not in self._answers:  # it could not be read when it was met
            self._ask(parent, self._names(".", os.O_RDONLY, entry.source_dir))
        if name in self._answers[parent]:
            return False
        if entry.kind is EntryKind.DIRECTORY:
            # By a name in an open directory: by a path, deep directories would be out of reach.
            self._meet(entry.path, name, os.O_RDONLY | os.O_NOFOLLOW, entry.source_dir)
        return True

    def _meet(self, path: Any, name: Any, flags: int, dir_fd: Optional[int] = None) -> None:
        try:
            names = self._names(name, flags, dir_fd)
        except OSError:
            return  # the copy says what is wrong with it
        self._ask(path, names)

    def _ask(self, path: Any, names: list[Any]) -> None:
        self._answers[path] = self._ignore(os.path.join(self._src, path) if path else self._src, names)

    def _names(self, name: Any, flags: int, dir_fd: Optional[int] = None) -> list[Any]:
        directory = os.open(name, flags | os.O_DIRECTORY, dir_fd=dir_fd)
        try:
            names = os.listdir(directory)
        finally:
            os.close(directory)
        return [os.fsencode(name) for name in names] if isinstance(self._src, bytes) else names


def shutil_copyfile(src: StrPath, dst: _Dst, *, follow_symlinks: bool = True) -> _Dst:
    """Copy the data alone, written into the file ``dst``, as `shutil.copyfile` does. Return ``dst``.

    An existing file keeps its inode, hard links, owner and mode; a symbolic link as ``dst`` is followed; a new
    file gets the mode that `open` gives. An error in the middle leaves ``dst`` partly written: `copyfile` and
    `copy` never do. May stand in for `shutil.copyfile`, which `shutil.copy` and the others then call.
    """
    sys.audit("shutil.copyfile", src, dst)
    _refuse_same(src, dst)
    _refuse_named_pipes(src, dst)
    if not follow_symlinks and os.path.islink(src):
        _copy_link(src, dst)
    else:
        _write_into(src, dst)
    return dst


def shutil_copy(src: StrPath, dst: _Dst, *, follow_symlinks: bool = True) -> Union[_Dst, str, bytes]:
    """Copy data and permission bits with `shutil.copy`'s own semantics: `shutil_copyfile`, then `shutil.copymode`."""
    copied: Union[_Dst, str, bytes] = _copy_in_place(src, dst, follow_symlinks, shutil.copymode)
    return copied


def shutil_copy2(src: StrPath, dst: _Dst, *, follow_symlinks: bool = True) -> Union[_Dst, str, bytes]:
    """Copy data and metadata with `shutil.copy2`'s own semantics: `shutil_copyfile`, then `shutil.copystat`.

    For ``copy_function`` of `shutil.copytree` and `shutil.move`, where existing files must stay the same files.
    """
    copied: Union[_Dst, str, bytes] = _copy_in_place(src, dst, follow_symlinks, shutil.copystat)
    return copied


def _copy_in_place(src: Any, dst: Any, follow: bool, metadata: Any) -> Any:
    if os.path.isdir(dst):
        dst = os.path.join(dst, os.path.basename(src))
    shutil_copyfile(src, dst, follow_symlinks=follow)
    metadata(src, dst, follow_symlinks=follow)
    return dst


def _write_into(src: StrPath, dst: StrPath) -> None:
    try:
        with open(src, "rb", buffering=0) as source, open(dst, "wb", buffering=0, opener=_untruncated) as target:
            copyfd(source, target)
    except IsADirectoryError as error:
        _explain_directory(src, dst, error)


def _untruncated(path: str, flags: int) -> int:
    # The library cuts the file when its data is there. Until then a failure leaves the old content.
    return os.open(path, flags & ~os.O_TRUNC, 0o666)


def _copy(src: Any, dst: Any, follow: bool, preserve: Collection[Preserve], link_metadata: Any) -> Any:
    there = os.path.lexists(dst)  # mostly it is not, and no other question need be asked
    if there and os.path.isdir(dst):
        dst = os.path.join(dst, os.path.basename(src))
        there = os.path.lexists(dst)
    if not follow and os.path.islink(src):
        _copy_link(src, dst)
        link_metadata(src, dst, follow_symlinks=False)
        return dst
    if there and os.path.islink(dst):
        # The library would put a copy in the link's place, which harms nobody; shutil refuses.
        _refuse_same(src, dst)
    _replace(src, dst, preserve)
    return dst


def _replace(src: StrPath, dst: StrPath, preserve: Collection[Preserve]) -> None:
    """Copy over whatever file ``dst`` is, with shutil's exceptions."""
    try:
        # shutil, too, lets pass what a file system cannot hold: attributes on tmpfs, modes on vfat.
        result = copyfile(src, dst, replace=True, preserve=preserve, best_effort_metadata=True)
    except IsADirectoryError as error:
        _explain_directory(src, dst, error)
    except shutil.SpecialFileError:
        _refuse_named_pipes(src, dst)
        raise
    if result.metadata_incomplete and preserve:
        _insist_on_attributes(src, dst)


def _refuse_named_pipes(src: StrPath, dst: StrPath) -> None:
    """Raise what shutil raises for a named pipe, word for word: `shutil.copytree` lists the words."""
    for name in (src, dst):
        try:
            mode = os.stat(name).st_mode
        except OSError:
            continue  # a destination that is not there yet; the copy says what is wrong with the source
        if stat.S_ISFIFO(mode):
            error = shutil.SpecialFileError(f"`{os.fspath(name)!s}` is a named pipe")
            error.errno = errno.EINVAL  # with strerror or filename, too, str() would no longer be those words
            error.code = _NOT_REGULAR  # type: ignore[attr-defined]
            error.result = None  # type: ignore[attr-defined]
            raise error


def _explain_directory(src: StrPath, dst: StrPath, error: IsADirectoryError) -> NoReturn:
    # As shutil since Python 3.10 (bpo-43219): "name/" that does not exist is missing, not a directory.
    if os.path.exists(src) and not os.path.isdir(src) and not os.path.exists(dst):
        raise FileNotFoundError(errno.ENOENT, "Directory does not exist", os.fspath(dst)) from error
    raise error


def _insist_on_attributes(src: StrPath, dst: StrPath) -> None:
    """Try again what was let pass: to the library, no space for an attribute is no failure; to shutil it is."""
    for name in os.listxattr(src):
        if name.startswith("security."):
            continue
        try:
            os.setxattr(dst, name, os.getxattr(src, name))
        except OSError as error:
            if error.errno not in _REFUSALS:
                raise from_code(-(error.errno or errno.EIO), os.fspath(src), os.fspath(dst)) from error


def _copy_link(src: Any, dst: Any) -> None:
    os.symlink(os.readlink(src), dst)  # as shutil does; a link has no blocks to share


def _refuse_same(src: Any, dst: Any) -> None:
    try:
        same = os.path.samefile(src, dst)
    except OSError:
        return
    if same:
        raise from_code(_SAME_FILE, os.fspath(src), os.fspath(dst))
