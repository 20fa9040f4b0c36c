"""shutil's copy and copy2, so that copytree and move clone: its signatures, the library's promises.

Where the two differ, README.md lists it; tests/test_shutil_conformance.py runs CPython's own tests over it.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, TypeVar, Union

from ._copy import StrPath, copyfile
from ._errors import from_code

if TYPE_CHECKING:
    from collections.abc import Collection

    from ._copy import Preserve

_SAME_FILE = -4099

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


def _copy(src: Any, dst: Any, follow: bool, preserve: Collection[Preserve], link_metadata: Any) -> Any:
    if os.path.isdir(dst):
        dst = os.path.join(dst, os.path.basename(src))
    if not follow and os.path.islink(src):
        os.symlink(os.readlink(src), dst)  # as shutil does; a link has no blocks to share
        link_metadata(src, dst, follow_symlinks=False)
    else:
        replace(src, dst, preserve)
    return dst


def replace(src: StrPath, dst: StrPath, preserve: Collection[Preserve] = ()) -> None:
    """Copy over whatever file ``dst`` is, with shutil's exceptions."""
    if os.path.islink(dst) and _same(src, dst):
        # The library would put a copy in the link's place, which harms nobody; shutil refuses.
        raise from_code(_SAME_FILE, os.fspath(src), os.fspath(dst))
    try:
        # shutil, too, lets pass what a file system cannot hold: attributes on tmpfs, modes on vfat.
        result = copyfile(src, dst, replace=True, preserve=preserve, best_effort_metadata=True)
    except IsADirectoryError as error:
        # As shutil since Python 3.10 (bpo-43219): "name/" that does not exist is missing, not a directory.
        if os.path.exists(src) and not os.path.isdir(src) and not os.path.exists(dst):
            raise FileNotFoundError(errno.ENOENT, "Directory does not exist", os.fspath(dst)) from error
        raise
    if result.metadata_incomplete and preserve:
        _insist_on_attributes(src, dst)


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


def _same(src: StrPath, dst: StrPath) -> bool:
    try:
        return os.path.samefile(src, dst)
    except OSError:
        return False


def shutil_copyfile(src: Any, dst: Any, *, follow_symlinks: bool = True) -> Any:
    """`shutil.copyfile` in its own signature, to run CPython's tests of shutil with it."""
    sys.audit("shutil.copyfile", src, dst)
    if not follow_symlinks and os.path.islink(src):
        os.symlink(os.readlink(src), dst)
    else:
        replace(src, dst)
    return dst
