"""Fixtures: directories on real file systems (see ../../with-filesystems.sh), and who shares which blocks."""

from __future__ import annotations

import array
import fcntl
import os
import pathlib
import shutil
import signal
import struct
import tempfile

import pytest

CLONING = ("xfs", "btrfs")
COPYING = ("ext4", "tmpfs")

_FS_IOC_FIEMAP = 0xC020660B
_EXTENT = struct.Struct("=QQQ16xL12x")
_SHARED, _LAST = 0x2000, 0x1

# A shell without job control (a script, a CI job) lets what it starts with "&" ignore SIGINT: no test of it could end.
signal.signal(signal.SIGINT, signal.default_int_handler)


def mounted(name: str) -> pathlib.Path:
    where = os.environ.get("REFLINK_TEST_" + name.upper())
    if where is None:
        pytest.skip(f"no {name} here: run by bindings/with-filesystems.sh, as root")
    return pathlib.Path(where)


def _scratch(name: str):
    path = pathlib.Path(tempfile.mkdtemp(dir=mounted(name)))
    yield path
    left = [entry for entry in os.listdir(path) if entry.startswith(".reflink-")]
    shutil.rmtree(path)
    assert left == []  # the private names that a copy may use are gone, whatever happened


@pytest.fixture(params=CLONING)
def cow(request):
    """A directory on a file system that clones."""
    yield from _scratch(request.param)


@pytest.fixture(params=COPYING)
def plain(request):
    """A directory on a file system that does not."""
    yield from _scratch(request.param)


@pytest.fixture(params=CLONING + COPYING)
def anywhere(request):
    yield from _scratch(request.param)


@pytest.fixture
def xfs():
    yield from _scratch("xfs")


@pytest.fixture
def xfs2():
    yield from _scratch("xfs2")


@pytest.fixture
def ext4():
    yield from _scratch("ext4")


@pytest.fixture
def tmpfs():
    yield from _scratch("tmpfs")


def shared_bytes(path) -> int:
    """Bytes of the file that the file system says are shared with another, by FIEMAP."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        total, start = 0, 0
        while True:
            request = array.array("B", struct.pack("=QQLLLL", start, 2**64 - 1 - start, 1, 0, 64, 0) + bytes(64 * 56))
            fcntl.ioctl(file.fileno(), _FS_IOC_FIEMAP, request)
            mapped = struct.unpack_from("=L", request, 20)[0]
            for index in range(mapped):
                logical, _physical, length, flags = _EXTENT.unpack_from(request, 32 + index * 56)
                total += length if flags & _SHARED else 0
                start = logical + length
            if mapped == 0 or flags & _LAST:
                return total


@pytest.fixture
def make():
    """Make a file of random bytes that is on disk, and return them."""

    def make(path, size: int) -> bytes:
        data = os.urandom(size)
        with open(path, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return data

    return make
