"""Equal files that come to share their blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from ._copy import _DEDUPE_CONTINUE, _DEDUPE_NO_LOOK, _DEDUPE_VERIFY, _DURABLE, _descriptor, _name, _Watcher
from ._errors import from_code
from ._native import ffi, lib
from ._sharing import _length, _sums
from ._types import Reason

if TYPE_CHECKING:
    from ._copy import FileOrFd, Progress


@dataclass(frozen=True)
class Deduped:
    """What was compared and shared. The sums from ``bytes_deduped`` to ``bytes_not_reached`` add up to ``length``."""

    #: Why bytes were skipped. A difference has no reason.
    reason: Reason
    #: The errno that refused to share, or None.
    dedupe_errno: Optional[int]
    #: Bytes of the range, up to the end of the longer file.
    length: int
    #: Bytes that the system compared, found to be the same, and shared.
    bytes_deduped: int
    #: Bytes that were shared before.
    bytes_already: int
    #: Bytes of the blocks in which something differs, and bytes that only one file has.
    bytes_different: int
    #: Bytes that could not be asked for.
    bytes_skipped: int
    #: Bytes behind the difference that ended the call.
    bytes_not_reached: int
    #: With ``verify``: bytes of the first two that the maps show to be shared.
    bytes_verified: int
    #: The first byte that was found to differ, from the beginning of the range, or None.
    first_difference: Optional[int]

    def __bool__(self) -> bool:
        """Whether everything is shared now."""
        return self.bytes_deduped + self.bytes_already == self.length


_BYTES = _sums(Deduped, "length")


def dedupe(
    src: FileOrFd,
    dst: FileOrFd,
    count: Optional[int] = None,
    offset_src: int = 0,
    offset_dst: int = 0,
    *,
    past_differences: bool = False,
    look: bool = True,
    verify: bool = False,
    durable: bool = False,
    progress: Optional[Progress] = None,
) -> Deduped:
    """Make ``count`` bytes (None: to the end) of two open files share their blocks where they are the same.

    The system compares them under a lock: nothing that a file shows ever changes, whoever writes to it. A
    difference is an answer; the result is true if everything is shared. ``dst`` need not be open for writing.

    past_differences
        Go on behind a difference, instead of stopping there.
    look
        If false, ask for what the maps of both files show to be shared, too.
    verify
        Look at the maps afterwards.
    durable
        Sync ``dst`` at the end.
    progress
        Called with the bytes done and the bytes in all, every 16 MiB. What it raises is raised here.
    """
    length = _length(count, offset_src, offset_dst)
    options = ffi.new("struct reflink_dedupe_options *")
    options.size = ffi.sizeof("struct reflink_dedupe_options")
    options.durability = _DURABLE if durable else 0
    options.flags = (
        (_DEDUPE_CONTINUE if past_differences else 0)
        | (0 if look else _DEDUPE_NO_LOOK)
        | (_DEDUPE_VERIFY if verify else 0)
    )
    raw = ffi.new("struct reflink_dedupe_result *")
    raw.size = ffi.sizeof("struct reflink_dedupe_result")
    watcher = None if progress is None else _Watcher(progress)
    if watcher is not None:
        options.progress = watcher.callback
    fds: tuple[Any, Any] = _descriptor(src), _descriptor(dst)
    code = lib.reflink_dedupe_range(fds[0], offset_src, fds[1], offset_dst, length, options, raw)
    if watcher is not None:
        raised, watcher.callback, watcher.raised = watcher.raised, None, None  # both would be cycles
        if raised is not None:
            raise raised
    result = Deduped(
        reason=Reason(raw.reason),
        dedupe_errno=-raw.dedupe_error or None,
        first_difference=raw.first_difference if raw.bytes_different else None,
        **{name: getattr(raw, name) for name in _BYTES},
    )
    if code < 0:
        error = from_code(code, _name(src), _name(dst))
        error.result = result  # type: ignore[attr-defined]
        raise error
    return result
