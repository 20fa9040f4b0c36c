"""copyfile_range and copyfd: descriptors, file objects and what Python holds in its buffers."""

from __future__ import annotations

import errno
import io
import os
import shutil
import tempfile

import pytest
from conftest import shared_bytes

import libreflink

BLOCK = 4096


def test_the_blocks_inside_an_odd_range_are_shared(cow, make):
    data = make(cow / "a", 40 * BLOCK)
    make(cow / "b", 40 * BLOCK)
    before = (cow / "b").read_bytes()
    with open(cow / "a", "rb") as src, open(cow / "b", "r+b") as dst:
        result = libreflink.copyfile_range(src, dst, 20 * BLOCK, 100, 8 * BLOCK + 100)
        assert (src.tell(), dst.tell()) == (0, 0)
    assert result.method is libreflink.Method.MIXED
    assert result.bytes_cloned == 19 * BLOCK
    assert result.length == 20 * BLOCK
    start, end = 8 * BLOCK + 100, 28 * BLOCK + 100
    assert (cow / "b").read_bytes() == before[:start] + data[100 : 100 + 20 * BLOCK] + before[end:]
    assert shared_bytes(cow / "b") == 19 * BLOCK


def test_only_whole_blocks_are_shared(cow, make):
    data = make(cow / "a", 40 * BLOCK)
    before = make(cow / "b", 40 * BLOCK)
    with open(cow / "a", "rb") as src, open(cow / "b", "r+b") as dst:
        result = libreflink.copyfile_range(src, dst, 20 * BLOCK, 100, 8 * BLOCK + 100, share_only=True)
        nothing = libreflink.copyfile_range(src, dst, 20 * BLOCK, 1, 0, share_only=True)
    assert (nothing.length, nothing.reason) == (0, libreflink.Reason.FILE)
    assert (result.method, result.reason) == (libreflink.Method.MIXED, libreflink.Reason.FILE)
    assert (result.clone_offset, result.bytes_cloned, result.length) == (BLOCK - 100, 19 * BLOCK, 19 * BLOCK)
    start, end = 9 * BLOCK, 28 * BLOCK
    assert (cow / "b").read_bytes() == before[:start] + data[BLOCK : 20 * BLOCK] + before[end:]


def test_nothing_is_shared_where_nothing_can_be(plain, make):
    make(plain / "a", 4 * BLOCK)
    before = make(plain / "b", 4 * BLOCK)
    with open(plain / "a", "rb") as src, open(plain / "b", "r+b") as dst:
        result = libreflink.copyfile_range(src, dst, share_only=True)
        assert (result.length, result.reason) == (0, libreflink.Reason.UNSUPPORTED)
        with pytest.raises(libreflink.NotCloneable):
            libreflink.copyfile_range(src, dst, share_only=True, mode="always")
    assert (plain / "b").read_bytes() == before


def test_always_refuses_an_odd_range(cow, make):
    make(cow / "a", 4 * BLOCK)
    make(cow / "b", 4 * BLOCK)
    before = (cow / "b").read_bytes()
    with open(cow / "a", "rb") as src, open(cow / "b", "r+b") as dst:
        with pytest.raises(libreflink.NotCloneable) as caught:
            libreflink.copyfile_range(src, dst, BLOCK, 1, 1, mode="always")
        assert (caught.value.errno, caught.value.reason) == (errno.EINVAL, libreflink.Reason.FILE)
        assert (caught.value.filename, caught.value.filename2) == (str(cow / "a"), str(cow / "b"))
        assert libreflink.copyfile_range(src, dst, BLOCK, 0, BLOCK, mode="always").cloned
    assert (cow / "b").read_bytes()[2 * BLOCK :] == before[2 * BLOCK :]


def test_to_the_end_and_beyond_it(anywhere, make):
    data = make(anywhere / "a", 10_000)
    with open(anywhere / "a", "rb") as src, open(anywhere / "b", "wb") as dst:
        assert libreflink.copyfile_range(src, dst, offset_src=BLOCK).length == 10_000 - BLOCK
        assert libreflink.copyfile_range(src, dst, 1 << 40, 9_000, 9_000).length == 1_000
        assert libreflink.copyfile_range(src, dst, 0).length == 0
        assert libreflink.copyfile_range(src, dst, 5, 20_000).length == 0
    assert (anywhere / "b").read_bytes()[: 10_000 - BLOCK] == data[BLOCK:]


def test_what_python_has_not_yet_written_is_copied_too(anywhere):
    with open(anywhere / "a", "w+b") as src, open(anywhere / "b", "w+b") as dst:
        src.write(b"still in the buffer")
        dst.write(b"0123456789" * 3)
        assert libreflink.copyfile_range(src, dst, offset_dst=5).length == 19
        dst.seek(0)
        assert dst.read() == b"01234still in the buffer456789"


def test_a_spooled_file(anywhere):
    """It has no descriptor before it is asked for one, and a full buffer right after."""
    with tempfile.SpooledTemporaryFile(1 << 20, dir=anywhere) as src, open(anywhere / "b", "wb") as dst:
        src.write(b"in memory so far")
        assert libreflink.copyfile_range(src, dst).length == 16
    assert (anywhere / "b").read_bytes() == b"in memory so far"


def test_what_python_has_read_ahead_is_not_shown_again(anywhere):
    (anywhere / "a").write_bytes(b"new new new")
    (anywhere / "b").write_bytes(b"old old old")
    with open(anywhere / "a", "rb") as src, open(anywhere / "b", "r+b") as dst:
        assert dst.read(1) == b"o"
        libreflink.copyfile_range(src, dst)
        assert dst.read() == b"ew new new"


def test_descriptors_and_raw_files(anywhere, make):
    data = make(anywhere / "a", 10_000)
    src, dst = os.open(anywhere / "a", os.O_RDONLY), os.open(anywhere / "b", os.O_WRONLY | os.O_CREAT)
    try:
        libreflink.copyfile_range(src, dst)
    finally:
        os.close(src)
        os.close(dst)
    assert (anywhere / "b").read_bytes() == data
    with open(anywhere / "a", "rb", buffering=0) as raw, open(anywhere / "c", "wb", buffering=0) as out:
        libreflink.copyfile_range(raw, out)
    assert (anywhere / "c").read_bytes() == data


def test_what_cannot_be_copied_from_or_to(anywhere, make):
    make(anywhere / "a", 10_000)
    with open(anywhere / "a", "rb") as src:
        with open(anywhere / "b", "ab") as appending, pytest.raises(OSError) as caught:
            libreflink.copyfile_range(src, appending)
        assert (caught.value.errno, caught.value.code) == (errno.EBADF, -4101)
        with pytest.raises(OSError) as caught:
            libreflink.copyfile_range(src, src, 10)
        assert caught.value.errno == errno.EBADF
        reader, writer = os.pipe()
        with open(reader, "rb") as pipe, open(writer, "wb"), pytest.raises(shutil.SpecialFileError):
            libreflink.copyfile_range(pipe, src)
    with pytest.raises(ValueError, match="closed"):
        libreflink.copyfile_range(src, src)
    with pytest.raises(OSError) as caught:
        libreflink.copyfile_range(-1, -1)
    assert caught.value.errno == errno.EBADF
    with pytest.raises(io.UnsupportedOperation):
        libreflink.copyfile_range(io.BytesIO(b"x"), io.BytesIO())


def test_ranges_of_one_file(cow, make):
    data = make(cow / "a", 8 * BLOCK)
    with open(cow / "a", "r+b") as file:
        assert libreflink.copyfile_range(file, file, 2 * BLOCK, 0, 4 * BLOCK).cloned
        with pytest.raises(OSError) as caught:
            libreflink.copyfile_range(file, file, 2 * BLOCK, 0, BLOCK)
    assert (caught.value.errno, caught.value.code) == (errno.EINVAL, -4100)
    assert (cow / "a").read_bytes() == data[: 4 * BLOCK] + data[: 2 * BLOCK] + data[6 * BLOCK :]


@pytest.mark.parametrize(
    "wrong", [{"count": -1}, {"offset_src": -1}, {"offset_dst": -1}, {"count": 2**63}, {"offset_dst": 2**64}]
)
def test_numbers_are_checked(tmp_path, wrong):
    with open(tmp_path / "a", "w+b") as file, pytest.raises((ValueError, OverflowError)):
        libreflink.copyfile_range(file, file, **wrong)


def test_copyfd_makes_the_content_equal(cow, make):
    data = make(cow / "a", 10_000)
    make(cow / "b", 50_000)
    with open(cow / "a", "rb") as src, open(cow / "b", "r+b") as dst:
        result = libreflink.copyfd(src, dst, durable=True)
        assert result.length == 10_000
        with pytest.raises(shutil.SameFileError):
            libreflink.copyfd(dst, dst)
    assert (cow / "b").read_bytes() == data
