"""probe: what a directory can do, and what the library itself says of it."""

from __future__ import annotations

import errno
import os
import shutil

import pytest

import libreflink


def test_where_clones_work(cow):
    found = libreflink.probe(cow)
    assert found.clone is True
    assert found
    assert (found.reason, found.errno) == (libreflink.Reason.NONE, None)
    assert found.range
    assert found.granularity == 4096
    assert found.exchange is True
    assert found.fs_name in str(cow)
    assert os.listdir(cow) == []


def test_where_they_do_not(plain):
    found = libreflink.probe(plain)
    assert found.clone is False
    assert not found
    assert (found.reason, found.errno) == (libreflink.Reason.UNSUPPORTED, errno.EOPNOTSUPP)
    assert found.granularity is None
    assert os.listdir(plain) == []


def test_pairs(xfs, xfs2, make):
    make(xfs / "a", 10_000)
    assert libreflink.probe(xfs, xfs / "a").clone is True
    found = libreflink.probe(xfs2, source=xfs / "a")
    assert (found.clone, found.reason) == (False, libreflink.Reason.CROSS_DEVICE)
    assert libreflink.probe(bytes(xfs2), bytes(xfs)).clone is False


def test_descriptors(xfs, make):
    make(xfs / "a", 10_000)
    directory, file = os.open(xfs, os.O_RDONLY), os.open(xfs / "a", os.O_RDONLY)
    try:
        assert libreflink.probe(directory).clone is True
        assert libreflink.probe(directory, file).clone is True
        with pytest.raises(TypeError):
            libreflink.probe(directory, xfs)
        with pytest.raises(ValueError):
            libreflink.probe(directory, -1)
        with pytest.raises(NotADirectoryError):
            libreflink.probe(file)
    finally:
        os.close(directory)
        os.close(file)


def test_unknown_is_neither_yes_nor_no():
    found = libreflink.probe("/proc")
    assert found.clone is None
    assert not found
    assert found.errno is not None


def test_errors(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        libreflink.probe(tmp_path / "missing")
    assert caught.value.filename == str(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        libreflink.probe(tmp_path / "file")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(shutil.SpecialFileError):
        libreflink.probe(tmp_path, tmp_path / "fifo")
    with pytest.raises(ValueError, match="null byte"):
        libreflink.probe("a\0b")
