"""What is shared, as the library reports it, against what was done."""

from __future__ import annotations

import errno
import os

import pytest

import libreflink
from libreflink import ExtentKind, Sharing, Verdict

SIZE = 65536


def twice(where, mode):
    (where / "from").write_bytes(os.urandom(SIZE))
    libreflink.copyfile(where / "from", where / "to", mode=mode)
    return open(where / "from", "rb"), open(where / "to", "rb")


def test_a_clone_is_shared(cow):
    a, b = twice(cow, "always")
    with a, b:
        found = libreflink.shared(a, b)
        assert found
        assert (found.verdict, found.bytes_same, found.first_apart) == (Verdict.ALL, SIZE, None)
        sums = libreflink.extents(b)
        assert (sums.reported, sums.bytes_shared, sums.bytes_exclusive) == (Sharing.KNOWN, SIZE, 0)


def test_a_copy_is_not(cow):
    a, b = twice(cow, "never")
    with a, b:
        found = libreflink.shared(a, b)
        assert not found
        assert (found.verdict, found.bytes_apart, found.first_apart) == (Verdict.NONE, SIZE, 0)
        sums = libreflink.extents(b)
        assert (sums.bytes_unshared, sums.bytes_exclusive) == (SIZE, SIZE)


def test_each_extent(cow):
    a, b = twice(cow, "always")
    with a, b:
        os.truncate(a.name, 2 * SIZE)
        seen = []
        sums = libreflink.extents(a, each=seen.append)
        assert seen[0].shared
        assert seen[0].place is not None
        assert (seen[-1].kind, seen[-1].length) == (ExtentKind.HOLE, sums.bytes_hole)
        assert sum(extent.length for extent in seen) == sums.length == 2 * SIZE


def test_what_the_callers_function_raises_is_raised(cow):
    a, b = twice(cow, "always")
    with a, b:

        def each(_extent):
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            libreflink.extents(a, each=each)


def test_nobody_says(tmpfs):
    a, b = twice(tmpfs, "auto")
    with a, b:
        sums = libreflink.extents(a, flush=False)
        assert (sums.reported, sums.os_error, sums.length) == (Sharing.UNKNOWN, errno.EOPNOTSUPP, 0)
        found = libreflink.shared(a, b, flush=False)
        assert (found.verdict, found.bytes_unknown) == (Verdict.UNKNOWN, SIZE)


def test_bad_arguments(tmp_path):
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(IsADirectoryError):
            libreflink.extents(directory)
        with pytest.raises(IsADirectoryError):
            libreflink.shared(directory, directory)
        with pytest.raises(ValueError, match="negative"):
            libreflink.extents(directory, -1)
        with pytest.raises(OverflowError):
            libreflink.shared(directory, directory, count=1 << 63)
    finally:
        os.close(directory)
