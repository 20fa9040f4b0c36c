"""What files are made of and what they share. The numbers are made from the library's sources ("make header")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Optional

from ._copy import FileOrFd, _descriptor, _name
from ._errors import from_code
from ._native import ffi, lib
from ._types import Reason, _Number

# make header: python-values REFLINK_MAP_NO_FLUSH extents_result.flags extent.flags REFLINK_TO_EOF
_MAP_NO_FLUSH = 0x1000000000000000
_AT_SOURCE = 0x100
_EXACT = 0x40
_MAP_CHANGED = 0x80
_SHARED = 0x1
_ENCODED = 0x2
_PLACE = 0x4
_BEYOND_EOF = 0x8
_TO_EOF = 0x7FFFFFFFFFFFFFFF
# make header: end
_STOP = 1


class Sharing(_Number):
    """Whether the file system says what is shared."""

    # make header: python-enum REFLINK_SHARING_*
    #: The file system gives out no map of its files (NFS, FUSE, ZFS, tmpfs, all of FreeBSD), the
    #: data are kept elsewhere (in a cloud), or it is forbidden to ask.
    UNKNOWN = 0
    #: The file system gives out a map, which does not say for all bytes whether they are shared.
    UNREPORTED = 1
    #: The file system says what is shared, or cannot share anything (ext4).
    KNOWN = 2
    # make header: end


class Verdict(_Number):
    """What two ranges share."""

    # make header: python-enum REFLINK_SHARED_*
    #: It cannot be told whether any byte is shared.
    UNKNOWN = 0
    #: Nothing is shared.
    NONE = 1
    #: A part is shared.
    PART = 2
    #: Everything is shared: both ranges end together, nothing is apart, nothing is unknown.
    ALL = 3
    # make header: end


class ExtentKind(_Number):
    """What a piece of a file is made of."""

    UNKNOWN = -1
    # make header: python-enum extent.kind
    #: Bytes in blocks.
    DATA = 1
    #: A hole: no blocks, reads as zeros.
    HOLE = 2
    #: Blocks that are reserved and not written yet: they read as zeros.
    PREALLOCATED = 3
    #: Bytes in the metadata of the file system: no blocks.
    INLINE = 4
    #: Bytes without a known place: not written out yet, or the file system does not say where.
    PENDING = 5
    # make header: end


@dataclass(frozen=True)
class Extent:
    """A piece of a file."""

    #: Where it begins in the file.
    offset: int
    #: Its length in bytes.
    length: int
    #: Where it lies on the volume, a number to compare; None if that is not known.
    place: Optional[int]
    #: What it is made of.
    kind: ExtentKind
    #: Something else uses the blocks too: another file, a snapshot, another place of this file.
    shared: bool
    #: Compressed or encrypted.
    encoded: bool
    #: Behind the end of the file.
    beyond_eof: bool


@dataclass(frozen=True)
class Extents:
    """What a range of a file is made of. The sums from ``bytes_shared`` to ``bytes_pending`` add up to ``length``."""

    #: Whether the file system says what is shared. Only ``Sharing.KNOWN`` makes ``bytes_unshared`` a fact.
    reported: Sharing
    #: Why there is no map (``Sharing.UNKNOWN``).
    reason: Reason
    #: The operating system's own error behind that, or None.
    os_error: Optional[int]
    #: The file changed during the call.
    changed: bool
    #: ``bytes_exclusive`` is exact, and not a minimum.
    exact: bool
    #: Bytes looked at, up to the end of the file.
    length: int
    #: Bytes that something else uses too.
    bytes_shared: int
    #: Bytes that nothing else uses, as far as the file system says.
    bytes_unshared: int
    #: Bytes that are compressed or encrypted, shared or not.
    bytes_encoded: int
    #: Bytes in reserved blocks.
    bytes_preallocated: int
    #: Bytes in holes.
    bytes_hole: int
    #: Bytes in the metadata.
    bytes_inline: int
    #: Bytes without a known place.
    bytes_pending: int
    #: Those of ``bytes_encoded`` that are shared.
    bytes_encoded_shared: int
    #: Those of ``bytes_preallocated`` that are shared.
    bytes_preallocated_shared: int
    #: Bytes held behind the end of the file.
    bytes_beyond_eof: int
    #: Bytes of no other file, at least.
    bytes_exclusive: int
    #: Extents of the file; holes are not counted.
    extents: int


@dataclass(frozen=True)
class Comparison:
    """How two ranges relate. The sums from ``bytes_same`` to ``bytes_unknown`` add up to ``length``."""

    #: The one word for it. ``Verdict.ALL`` is a proof.
    verdict: Verdict
    #: Whether the file system says what is shared: the least of both files.
    reported: Sharing
    #: ``Reason.CROSS_DEVICE`` for two volumes, else why there is no map.
    reason: Reason
    #: The operating system's own error behind a missing map, or None.
    os_error: Optional[int]
    #: A file changed during the call, and so nothing is known.
    changed: bool
    #: Bytes looked at, up to the later of both ends.
    length: int
    #: Bytes at one place in both.
    bytes_same: int
    #: Bytes at different places, or only in one file.
    bytes_apart: int
    #: Bytes that are holes in both.
    bytes_hole: int
    #: Bytes of which the file system does not say enough.
    bytes_unknown: int
    #: The first byte that is apart, from the ranges' beginning; None if there is none.
    first_apart: Optional[int]
    #: The first byte that is unknown.
    first_unknown: Optional[int]

    def __bool__(self) -> bool:
        """Whether everything is shared, for certain."""
        return self.verdict is Verdict.ALL


def _sums(of: Any, *others: str) -> list[str]:
    """Name the members that are C's under the same names."""
    return [*others, *(name for name in of.__dataclass_fields__ if name.startswith("bytes_"))]


_SUMS, _COMPARED = _sums(Extents, "length", "extents"), _sums(Comparison, "length")


def _length(count: Optional[int], *offsets: int) -> int:
    if min(0 if count is None else count, *offsets) < 0:
        raise ValueError("count and offsets must not be negative")
    if max(0 if count is None else count, *offsets) >= 1 << 63:
        raise OverflowError("count and offsets must be less than 2**63")
    return _TO_EOF if count is None else count


def _extent(raw: Any) -> Extent:
    flags = raw.flags
    return Extent(
        offset=raw.offset,
        length=raw.length,
        place=raw.place if flags & _PLACE else None,
        kind=ExtentKind(raw.kind),
        shared=bool(flags & _SHARED),
        encoded=bool(flags & _ENCODED),
        beyond_eof=bool(flags & _BEYOND_EOF),
    )


class _Receiver:
    """Calls the caller's function for each extent, and keeps what it raises until the library has returned."""

    def __init__(self, each: Callable[[Extent], object]) -> None:
        self._each = each
        self.raised: Optional[BaseException] = None
        self.callback: Any = ffi.callback(
            "int(void *, const struct reflink_extent *, size_t)", self._call, error=_STOP, onerror=self._keep
        )

    def _call(self, _user: Any, extents: Any, count: int) -> int:
        for at in range(count):
            self._each(_extent(extents[at]))
        return 0

    def _keep(self, _kind: Any, error: BaseException, _traceback: Any) -> int:
        self.raised = error
        return _STOP


def extents(
    file: FileOrFd,
    offset: int = 0,
    count: Optional[int] = None,
    *,
    flush: bool = True,
    each: Optional[Callable[[Extent], object]] = None,
) -> Extents:
    """Find out what ``count`` bytes (None: to the end) of an open file are made of, and what of it is shared.

    That nobody says what is shared is an answer: see ``reported``.

    flush
        If false, what is not written yet is not written out first: more is pending, and nothing false.
    each
        Called with each `Extent` in order, holes included. What it raises ends the call and is raised here.
    """
    length = _length(count, offset)
    raw = ffi.new("struct reflink_extents_result *")
    raw.size = ffi.sizeof("struct reflink_extents_result")
    receiver = None if each is None else _Receiver(each)
    callback = ffi.NULL if receiver is None else receiver.callback
    flags = 0 if flush else _MAP_NO_FLUSH
    code = lib.reflink_extents(_descriptor(file), offset, length, flags, raw, callback, ffi.NULL)
    if receiver is not None:
        raised, receiver.callback, receiver.raised = receiver.raised, None, None  # both would be cycles
        if raised is not None:
            raise raised
    if code < 0:
        raise from_code(code, _name(file))
    return Extents(
        reported=Sharing(raw.reported),
        reason=Reason(raw.reason),
        os_error=raw.os_error or None,
        changed=bool(raw.flags & _MAP_CHANGED),
        exact=bool(raw.flags & _EXACT),
        **{name: getattr(raw, name) for name in _SUMS},
    )


def shared(
    a: FileOrFd,
    b: FileOrFd,
    a_offset: int = 0,
    b_offset: int = 0,
    count: Optional[int] = None,
    *,
    flush: bool = True,
) -> Comparison:
    """Find out whether ``count`` bytes (None: to the end) of two open files lie at one place on the volume.

    The answer is true if everything does, for certain. ``flush`` as of `extents`.
    """
    length = _length(count, a_offset, b_offset)
    raw = ffi.new("struct reflink_shared_result *")
    raw.size = ffi.sizeof("struct reflink_shared_result")
    flags = 0 if flush else _MAP_NO_FLUSH
    code = lib.reflink_shared(_descriptor(a), a_offset, _descriptor(b), b_offset, length, flags, raw)
    if code < 0:
        raise from_code(code, _name(a), _name(b))
    return Comparison(
        verdict=Verdict(raw.verdict),
        reported=Sharing(raw.reported),
        reason=Reason(raw.reason),
        os_error=raw.os_error or None,
        changed=bool(raw.flags & _MAP_CHANGED),
        first_apart=raw.first_apart if raw.bytes_apart else None,
        first_unknown=raw.first_unknown if raw.bytes_unknown else None,
        **{name: getattr(raw, name) for name in _COMPARED},
    )
