"""Finds libreflink and loads it: the one bundled with the wheel, else the system's."""

from __future__ import annotations

import os
import sys
from typing import Any

from ._cffi import ffi

#: What the loader looks for, and what is bundled. Only Linux's was ever loaded.
if sys.platform == "darwin":
    _NAME = "libreflink.0.dylib"
elif sys.platform == "win32":
    _NAME = "reflink.dll"
else:
    _NAME = "libreflink.so.0"

#: The first release has all that this package calls.
_OLDEST = (0, 1, 0)


def _candidates() -> list[str]:
    override = None if sys.flags.ignore_environment else os.environ.get("LIBREFLINK")
    if override:
        return [override]
    bundled = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_lib", _NAME)
    return [bundled, _NAME] if os.path.exists(bundled) else [_NAME]


def _version_of(lib: Any) -> tuple[int, int, int]:
    number = int(lib.reflink_version_number())
    return number >> 16, number >> 8 & 0xFF, number & 0xFF


def _load() -> tuple[Any, str]:
    refused = []
    for candidate in _candidates():
        try:
            lib = ffi.dlopen(candidate)
            found = _version_of(lib)
        except (OSError, AttributeError) as error:
            refused.append(f"{candidate}: {error}")
            continue
        if found >= _OLDEST:
            return lib, candidate
        refused.append(f"{candidate}: version {found}, at least {_OLDEST} is needed")
    raise ImportError(
        f"{_NAME} (libreflink) is neither bundled with this package nor installed on the system; "
        "install it, or set LIBREFLINK to its path. Tried: " + "; ".join(refused)
    )


lib, _path = _load()

__all__ = ["ffi", "lib", "library_path", "library_version", "text"]


def library_version() -> tuple[int, int, int]:
    """Version of the C library in use, as (major, minor, patch)."""
    return _version_of(lib)


def library_path() -> str:
    """Path of the C library in use, or the bare name that the system's loader resolved."""
    return _path


def text(function: str, code: int) -> str:
    """Call one of the functions that explain a code."""
    raw = ffi.string(getattr(lib, function)(code))
    return raw.decode() if isinstance(raw, bytes) else str(raw)
