"""What README.md says of FICLONE, FICLONERANGE, os.copy_file_range, os.sendfile, shutil and pathlib, measured."""

from __future__ import annotations

import errno
import fcntl
import os
import pathlib
import shutil
import stat
import struct
import sys
import tempfile

import pytest
from conftest import mounted, shared_bytes

import libreflink

BLOCK = 4096
SIZE = 40 * BLOCK
FICLONE, FICLONERANGE = 0x40049409, 0x4020940D  # of x86 and Arm; others have other numbers
MOST_AT_ONCE = 0x7FFFF000

pytestmark = pytest.mark.skipif(os.uname().machine not in {"x86_64", "aarch64"}, reason="other ioctl numbers")


@pytest.fixture
def pair(cow, make):
    """A source of random bytes, and both files open."""
    make(cow / "a", SIZE)
    with open(cow / "a", "rb", buffering=0) as src, open(cow / "b", "w+b", buffering=0) as dst:
        yield src, dst


def test_ficlone_shares(pair):
    src, dst = pair
    fcntl.ioctl(dst, FICLONE, src.fileno())
    assert shared_bytes(dst.name) == SIZE


def test_ficlone_does_not_truncate_nor_set_the_mode(pair):
    src, dst = pair
    os.chmod(src.name, 0o751)
    os.truncate(dst.name, 2 * SIZE)
    fcntl.ioctl(dst, FICLONE, src.fileno())
    assert os.stat(dst.name).st_size == 2 * SIZE
    assert stat.S_IMODE(os.stat(dst.name).st_mode) != 0o751
    libreflink.copyfd(src, dst)
    assert os.stat(dst.name).st_size == SIZE


def test_ficlone_leaves_everything_else_to_the_caller(plain, make):
    make(plain / "a", SIZE)
    with open(plain / "a", "rb") as src, open(plain / "b", "wb") as dst:
        with pytest.raises(OSError) as caught:
            fcntl.ioctl(dst, FICLONE, src.fileno())
        assert caught.value.errno == errno.EOPNOTSUPP


def test_ficlonerange_takes_whole_blocks_only(pair):
    src, dst = pair
    with pytest.raises(OSError) as caught:
        fcntl.ioctl(dst, FICLONERANGE, struct.pack("=qQQQ", src.fileno(), 100, 20 * BLOCK, 100))
    assert caught.value.errno == errno.EINVAL
    fcntl.ioctl(dst, FICLONERANGE, struct.pack("=qQQQ", src.fileno(), BLOCK, 20 * BLOCK, 0))
    assert shared_bytes(dst.name) == 20 * BLOCK


def test_copy_file_range_shares_whole_blocks_and_says_nothing_of_it(pair):
    src, dst = pair
    assert os.copy_file_range(src.fileno(), dst.fileno(), SIZE, 0, 0) == SIZE
    assert shared_bytes(dst.name) == SIZE


def test_copy_file_range_shares_nothing_of_an_odd_range(pair):
    src, dst = pair
    assert os.copy_file_range(src.fileno(), dst.fileno(), 20 * BLOCK, 100, 100) == 20 * BLOCK
    assert shared_bytes(dst.name) == 0
    result = libreflink.copyfile_range(src, dst, 20 * BLOCK, 100, 100)
    assert (result.bytes_cloned, shared_bytes(dst.name)) == (19 * BLOCK, 19 * BLOCK)


def test_copy_file_range_must_be_looped_over(pair):
    src, dst = pair
    os.truncate(src.name, 3 << 30)
    assert os.copy_file_range(src.fileno(), dst.fileno(), 3 << 30, 0, 0) == MOST_AT_ONCE


def test_copy_file_range_between_file_systems(xfs, ext4, make):
    make(xfs / "a", SIZE)
    with open(xfs / "a", "rb") as src, open(ext4 / "b", "wb") as dst:
        with pytest.raises(OSError) as caught:
            os.copy_file_range(src.fileno(), dst.fileno(), SIZE)
        assert caught.value.errno == errno.EXDEV


def test_sendfile_shares_nothing(pair):
    src, dst = pair
    assert os.sendfile(dst.fileno(), src.fileno(), 0, SIZE) == SIZE
    assert shared_bytes(dst.name) == 0


@pytest.mark.parametrize("function", [shutil.copyfile, shutil.copy, shutil.copy2])
def test_shutil_shares_since_python_3_14(cow, make, function):
    make(cow / "a", SIZE)
    function(cow / "a", cow / "b")
    assert shared_bytes(cow / "b") == (SIZE if sys.version_info >= (3, 14) else 0)


def test_shutil_fills_holes_where_it_copies(plain):
    with open(plain / "a", "wb") as file:
        file.truncate(64 << 20)
    shutil.copyfile(plain / "a", plain / "theirs")
    libreflink.copyfile(plain / "a", plain / "ours")
    assert os.stat(plain / "theirs").st_blocks * 512 >= 64 << 20
    assert os.stat(plain / "ours").st_blocks * 512 < 1 << 20


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Path.copy came with Python 3.14")
def test_pathlib_shares(cow, make):
    make(cow / "a", SIZE)
    pathlib.Path(cow / "a").copy(cow / "b")
    assert shared_bytes(cow / "b") == SIZE


def test_sharing_is_by_block(cow, make):
    make(cow / "a", SIZE)
    libreflink.copyfile(cow / "a", cow / "b")
    with open(cow / "b", "r+b") as file:
        file.seek(10 * BLOCK)
        file.write(b"one block is written anew")
    assert shared_bytes(cow / "b") == SIZE - BLOCK


@pytest.fixture
def without_cow(make):
    """A Btrfs directory whose files are made with NOCOW, and a source beside it that is not."""
    get_flags, set_flags, nocow = 0x80086601, 0x40086602, 0x00800000
    root = pathlib.Path(tempfile.mkdtemp(dir=mounted("btrfs")))
    (root / "nocow").mkdir()
    directory = os.open(root / "nocow", os.O_RDONLY)
    flags = struct.unpack("=L", fcntl.ioctl(directory, get_flags, bytes(4)))[0]
    fcntl.ioctl(directory, set_flags, struct.pack("=L", flags | nocow))
    os.close(directory)
    make(root / "a", SIZE)
    yield root / "a", root / "nocow" / "b"
    shutil.rmtree(root)


def test_a_file_with_nocow_is_copied(without_cow):
    src, dst = without_cow
    with open(src, "rb") as one, open(dst, "wb") as other:
        with pytest.raises(OSError) as caught:
            fcntl.ioctl(other, FICLONE, one.fileno())
        assert caught.value.errno == errno.EINVAL
    result = libreflink.copyfile(src, dst, replace=True)
    assert (result.bytes_copied, result.reason, result.clone_errno) == (SIZE, libreflink.Reason.FILE, errno.EINVAL)
    assert dst.read_bytes() == src.read_bytes()
    with pytest.raises(libreflink.NotCloneable) as caught:
        libreflink.copyfile(src, dst, replace=True, mode="always")
    assert caught.value.reason is libreflink.Reason.FILE


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Path.copy came with Python 3.14")
def test_pathlib_does_not_copy_a_file_with_nocow(without_cow):
    src, dst = without_cow
    with pytest.raises(OSError) as caught:
        src.copy(dst)
    assert caught.value.errno == errno.EINVAL
