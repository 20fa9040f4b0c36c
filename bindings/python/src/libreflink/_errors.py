"""Turns the library's codes into exceptions: always an OSError, of the class that shutil and os would raise."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Optional, Union

from ._native import lib, text
from ._types import NotCloneable, Result

if TYPE_CHECKING:
    from ._tree import TreeResult

# make header: python-values REFLINK_ERR_*
_PANIC = -4097
_NOT_REGULAR = -4098
_SAME_FILE = -4099
_OVERLAP = -4100
_APPEND = -4101
_INCONSISTENT = -4102
_INTO_ITSELF = -4103
_NAME_CLASH = -4104
# make header: end

#: What UNKNOWN, which is -1, is in C.
_UINT32 = 0xFFFFFFFF


def _same_file(number: int, message: str, src: Any, dst: Any) -> OSError:
    # shutil.copytree takes args[0] of a shutil.Error for a sequence and extends its list with it: with
    # an errno there, as an OSError has it, it would raise TypeError. So it is built as shutil builds it.
    error = shutil.SameFileError(f"{src!r} and {dst!r} are the same file")
    error.errno, error.strerror, error.filename, error.filename2 = number, message, src, dst
    return error


def from_code(
    code: int, src: Any = None, dst: Any = None, result: Optional[Union[Result, TreeResult]] = None
) -> OSError:
    """Make the exception for ``code``; ``result`` is the library's report."""
    number = lib.reflink_errno(code)
    message = text("reflink_strerror", code)
    error: OSError
    if result is not None and lib.reflink_clone_refused(code, result.step & _UINT32, result.reason & _UINT32):
        error = NotCloneable(number, message, src, None, dst)
        error.reason = result.reason
    elif code == _SAME_FILE:
        error = _same_file(number, message, src, dst)
    elif code == _NOT_REGULAR:
        error = shutil.SpecialFileError(number, message, src, None, dst)
    else:
        error = OSError(number, message, src, None, dst)
    error.code = code  # type: ignore[attr-defined]
    error.result = result  # type: ignore[attr-defined]
    return error
