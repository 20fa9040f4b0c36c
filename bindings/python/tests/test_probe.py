"""probe: what a directory can do, and what the library itself says of it."""

from __future__ import annotations

import errno
import os
import shutil

import pytest

import reflink


def test_where_clones_work(cow):
    found = reflink.probe(cow)
    assert found.clone is True
    assert found
    assert (found.reason, found.errno) == (reflink.Reason.NONE, None)
    assert found.range
    assert found.granularity == 4096
    assert found.fs_name in str(cow)
    assert os.listdir(cow) == []


def test_where_they_do_not(plain):
    found = reflink.probe(plain)
    assert found.clone is False
    assert not found
    assert (found.reason, found.errno) == (reflink.Reason.UNSUPPORTED, errno.EOPNOTSUPP)
    assert found.granularity is None
    assert os.listdir(plain) == []


def test_pairs(xfs, xfs2, make):
    make(xfs / "a", 10_000)
    assert reflink.probe(xfs, xfs / "a").clone is True
    found = reflink.probe(xfs2, source=xfs / "a")
    assert (found.clone, found.reason) == (False, reflink.Reason.CROSS_DEVICE)
    assert reflink.probe(bytes(xfs2), bytes(xfs)).clone is False


def test_descriptors(xfs, make):
    make(xfs / "a", 10_000)
    directory, file = os.open(xfs, os.O_RDONLY), os.open(xfs / "a", os.O_RDONLY)
    try:
        assert reflink.probe(directory).clone is True
        assert reflink.probe(directory, file).clone is True
        with pytest.raises(TypeError):
            reflink.probe(directory, xfs)
        with pytest.raises(ValueError):
            reflink.probe(directory, -1)
        with pytest.raises(NotADirectoryError):
            reflink.probe(file)
    finally:
        os.close(directory)
        os.close(file)


def test_unknown_is_neither_yes_nor_no():
    found = reflink.probe("/proc")
    assert found.clone is None
    assert not found
    assert found.errno is not None


def test_errors(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        reflink.probe(tmp_path / "missing")
    assert caught.value.filename == str(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        reflink.probe(tmp_path / "file")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(shutil.SpecialFileError):
        reflink.probe(tmp_path, tmp_path / "fifo")
    with pytest.raises(ValueError, match="null byte"):
        reflink.probe("a\0b")
