"""Turns the library's codes into exceptions: always an OSError, of the class that shutil and os would raise."""

from __future__ import annotations

import errno
import shutil
from typing import TYPE_CHECKING, Any, Optional

from ._native import text
from ._types import NotCloneable, Reason, Result, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

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

#: The errno to show for codes that are the library's own: what the kernel would say of the same thing.
_ERRNO: Mapping[int, int] = {
    _PANIC: errno.EIO,
    _NOT_REGULAR: errno.EINVAL,
    _SAME_FILE: errno.EINVAL,
    _OVERLAP: errno.EINVAL,
    _APPEND: errno.EBADF,
    _INCONSISTENT: errno.EIO,
}

_IMPOSSIBLE = frozenset(
    {
        # make header: python-refused REFLINK_REASON_*
        Reason.UNSUPPORTED,
        Reason.CROSS_DEVICE,
        Reason.FILE,
        Reason.PERMISSION,
        Reason.TRANSIENT,
        # make header: end
        Reason.UNKNOWN,
    }
)


def _same_file(number: int, message: str, src: Any, dst: Any) -> OSError:
    # shutil.copytree takes args[0] of a shutil.Error for a sequence and extends its list with it: with
    # an errno there, as an OSError has it, it would raise TypeError. So it is built as shutil builds it.
    error = shutil.SameFileError(f"{src!r} and {dst!r} are the same file")
    error.errno, error.strerror, error.filename, error.filename2 = number, message, src, dst
    return error


def from_code(code: int, src: Any = None, dst: Any = None, result: Optional[Result] = None) -> OSError:
    """Make the exception for ``code``; ``result`` is the library's report."""
    number = _ERRNO.get(code, -code)
    message = text("reflink_strerror", code)
    error: OSError
    if result is not None and result.step is Step.CLONE and result.reason in _IMPOSSIBLE:
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
