"""What a copy and a probe answer with. The numbers are made from the library's sources ("make header")."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Union

from ._native import text

if TYPE_CHECKING:
    from ._tree import TreeResult

# make header: python-values result.flags
_SOURCE_CHANGED = 0x1
_METADATA_INCOMPLETE = 0x2
_PUBLISHED = 0x4
_DESTINATION_CHANGED = 0x8
_LITTER = 0x20
_AT_SOURCE = 0x100
_AT_DESTINATION = 0x200
# make header: end


class _Table(dict[int, Any]):
    """The members of an enum by number."""

    unknown: Any

    def __missing__(self, number: int) -> Any:
        return self.unknown


class _Number(enum.IntEnum):
    @classmethod
    def _missing_(cls, value: object) -> Any:
        # A library newer than this package may know more.
        return cls.__members__["UNKNOWN"]

    @classmethod
    def table(cls) -> _Table:
        """Make a table of the members by number: a call of the class takes ten times as long as a look into it."""
        table = _Table((member.value, member) for member in cls)
        table.unknown = cls.__members__["UNKNOWN"]
        return table

    @property
    def text(self) -> str:
        """What it means, in English: "cloned", "this volume cannot clone", "making the file"."""
        return text(f"reflink_{type(self).__name__.lower()}_text", self & 0xFFFFFFFF)


class Method(_Number):
    """How the data was copied."""

    UNKNOWN = -1
    # make header: python-enum REFLINK_METHOD_*
    #: No data was copied: there was nothing to do, or the call failed before.
    NONE = 0
    #: All of it shares its blocks with the source.
    CLONE = 1
    #: Part of it was cloned: the middle of a range, or the part of a file before the method
    #: changed.
    MIXED = 2
    #: The kernel copied (copy_file_range(2)), at least in part.
    KERNEL_COPY = 3
    #: Read and written: nothing is shared.
    COPY = 4
    # make header: end


class Reason(_Number):
    """Why not everything was cloned."""

    UNKNOWN = -1
    # make header: python-enum REFLINK_REASON_*
    #: Everything was cloned, or the call ended before cloning was tried.
    NONE = 0
    #: This volume cannot clone, or this kernel does not support it.
    UNSUPPORTED = 1
    #: Not between these two file systems.
    CROSS_DEVICE = 2
    #: Not this file or this range: alignment, NOCOW on one side only (Btrfs), a limit, a swap file.
    FILE = 3
    #: Forbidden, or filtered away by a sandbox (seccomp, SELinux).
    PERMISSION = 4
    #: Not possible now; it may be later.
    TRANSIENT = 5
    #: REFLINK_NEVER was asked for.
    NOT_ASKED = 6
    #: Cloning is possible and failed: no space, no memory, an I/O error.
    FAILURE = 7
    # make header: end


class Step(_Number):
    """Which operation failed."""

    UNKNOWN = -1
    # make header: python-enum REFLINK_STEP_*
    #: Nothing failed.
    NONE = 0
    #: Reading the arguments.
    ARGUMENTS = 1
    #: Opening the source.
    OPEN_SOURCE = 2
    #: Checking both files before anything is written.
    CHECK = 3
    #: Making the new file.
    CREATE = 4
    #: Cloning.
    CLONE = 5
    #: Copying.
    COPY = 6
    #: Setting owner, extended attributes, ACL, mode or times.
    METADATA = 7
    #: Syncing to the device.
    SYNC = 8
    #: Giving the new file its name.
    PUBLISH = 9
    #: Closing.
    CLOSE = 10
    #: The progress function, or `cancel` of the options, stopped the copy.
    PROGRESS = 11
    #: Of trees: opening or reading a directory.
    WALK = 12
    #: Of trees: `filter`.
    FILTER = 13
    #: Of trees: removing the replaced tree, after the name got the new one (REFLINK_PUBLISHED), or
    #: an unfinished one.
    CLEANUP = 14
    #: Asking where the bytes of a file lie.
    MAP = 15
    #: Comparing two ranges and making them share their blocks.
    DEDUPE = 16
    # make header: end


_METHODS, _REASONS, _STEPS = Method.table(), Reason.table(), Step.table()


@dataclass(frozen=True)
class Result:
    """What a copy did. An exception raised by one has it too, as its attribute ``result``."""

    #: How the data was copied.
    method: Method
    #: Why not everything was cloned.
    reason: Reason
    #: The errno that refused the clone, or None.
    clone_errno: Optional[int]
    #: The operating system's own error behind a failure, or None.
    os_error: Optional[int]
    #: Which operation failed; ``Step.NONE`` after a success.
    step: Step
    #: Bytes that share their blocks with the source.
    bytes_cloned: int
    #: Where these begin, from the range's beginning.
    clone_offset: int
    #: Bytes copied.
    bytes_copied: int
    #: Bytes left as holes.
    bytes_hole: int
    #: The source was written while it was copied: old and new content may be mixed.
    source_changed: bool
    #: Some metadata could not be set, and ``best_effort_metadata`` let it pass.
    metadata_incomplete: bool
    #: The destination's name holds the complete new file, also after an error.
    published: bool
    #: After an error, the open destination was changed, or may have been.
    destination_changed: bool
    #: The call that failed was made on the source ("error reading").
    at_source: bool
    #: The call that failed was made on the destination, its name or its directory ("error writing").
    at_destination: bool
    #: The private name that could not be removed beside the destination, or None.
    litter: Optional[str]

    @property
    def cloned(self) -> bool:
        """Whether all of it shares its blocks with the source."""
        return self.method is Method.CLONE

    @property
    def length(self) -> int:
        """Bytes dealt with, in whichever way."""
        return self.bytes_cloned + self.bytes_copied + self.bytes_hole

    @classmethod
    def from_c(cls, raw: Any) -> Result:
        """Take over a ``struct reflink_result``."""
        result = cls.__new__(cls)
        flags = raw.flags  # each look into the structure costs a call
        # The __init__ of a frozen dataclass sets one member at a time, by a call for each.
        result.__dict__.update(
            method=_METHODS[raw.method],
            reason=_REASONS[raw.reason],
            clone_errno=-raw.clone_error or None,
            os_error=raw.os_error or None,
            step=_STEPS[raw.step],
            bytes_cloned=raw.bytes_cloned,
            clone_offset=raw.clone_offset,
            bytes_copied=raw.bytes_copied,
            bytes_hole=raw.bytes_hole,
            source_changed=flags & _SOURCE_CHANGED != 0,
            metadata_incomplete=flags & _METADATA_INCOMPLETE != 0,
            published=flags & _PUBLISHED != 0,
            destination_changed=flags & _DESTINATION_CHANGED != 0,
            at_source=flags & _AT_SOURCE != 0,
            at_destination=flags & _AT_DESTINATION != 0,
            litter=bytes(raw.litter).rstrip(b"\0").decode() if flags & _LITTER else None,
        )
        return result


@dataclass(frozen=True)
class Capability:
    """What a directory can do, found out by trying it. The copy itself remains the authority."""

    #: Whether files can be cloned there; None where that could not be found out.
    clone: Optional[bool]
    #: Why not, or why unknown.
    reason: Reason
    #: The errno that said so, or None.
    errno: Optional[int]
    #: Ranges can be cloned.
    range: bool
    #: copy_file_range(2) works there.
    kernel_copy: bool
    #: Equal ranges of two files can be made to share blocks; None where that could not be found out.
    dedupe: Optional[bool]
    #: The errno that refused to, or None.
    dedupe_errno: Optional[int]
    #: The alignment in bytes in which ranges came to share, or None.
    dedupe_granularity: Optional[int]
    #: Two names can be exchanged, and so ``replace`` of `copy_tree` works without ``two_renames``; None if unknown.
    exchange: Optional[bool]
    #: A copy can be built without a name.
    unnamed_files: bool
    #: Holes take no space and can be found.
    sparse: bool
    #: The alignment in bytes that range clones were seen to need, or None.
    granularity: Optional[int]
    #: The file system's name. For people, not for decisions.
    fs_name: str

    def __bool__(self) -> bool:
        """Whether files can be cloned there: unknown counts as no."""
        return bool(self.clone)

    @classmethod
    def from_c(cls, raw: Any, fs_name: str) -> Capability:
        """Take over a ``struct reflink_capability``."""
        return cls(
            clone=None if raw.clone < 0 else bool(raw.clone),
            reason=Reason(raw.reason),
            errno=-raw.clone_error or None,
            range=raw.clone_range == 1,
            kernel_copy=raw.kernel_copy == 1,
            dedupe=None if raw.dedupe < 0 else bool(raw.dedupe),
            dedupe_errno=-raw.dedupe_error or None,
            dedupe_granularity=raw.dedupe_granularity or None,
            exchange=None if raw.exchange < 0 else bool(raw.exchange),
            unnamed_files=raw.unnamed_files == 1,
            sparse=raw.sparse == 1,
            granularity=raw.granularity or None,
            fs_name=fs_name,
        )


class NotCloneable(OSError):  # noqa: N818 - an answer as much as an error
    """``mode="always"``, and no clone is possible. Nothing was changed, except by a tree copy with ``merge``.

    ``reason`` says whether it is this file, this volume, this pair of volumes, a permission, or the moment;
    ``result`` is the whole answer.
    """

    reason: Reason = Reason.NONE
    result: Optional[Union[Result, TreeResult]] = None
