"""copyfile: what it shares, what it promises of the name, and how it fails."""

from __future__ import annotations

import errno
import os
import pathlib
import pickle
import shutil
import socket
import stat

import pytest
from conftest import shared_bytes

import libreflink

SIZE = 1_000_000  # not a whole number of blocks


def test_clones_where_the_file_system_can(cow, make):
    data = make(cow / "a", SIZE)
    result = libreflink.copyfile(cow / "a", cow / "b")
    assert (cow / "b").read_bytes() == data
    assert result.method is libreflink.Method.CLONE
    assert result.cloned
    assert (result.bytes_cloned, result.bytes_copied, result.length) == (SIZE, 0, SIZE)
    assert (result.reason, result.step) == (libreflink.Reason.NONE, libreflink.Step.NONE)
    assert (result.clone_errno, result.os_error) == (None, None)
    assert shared_bytes(cow / "b") >= SIZE


def test_copies_where_it_cannot(plain, make):
    data = make(plain / "a", SIZE)
    result = libreflink.copyfile(plain / "a", plain / "b")
    assert (plain / "b").read_bytes() == data
    assert not result.cloned
    assert result.bytes_copied == SIZE
    assert (result.reason, result.clone_errno) == (libreflink.Reason.UNSUPPORTED, errno.EOPNOTSUPP)


def test_never_shares_nothing(cow, make):
    data = make(cow / "a", SIZE)
    result = libreflink.copyfile(cow / "a", cow / "b", mode="never")
    assert (cow / "b").read_bytes() == data
    assert (result.method, result.reason) == (libreflink.Method.COPY, libreflink.Reason.NOT_ASKED)
    assert shared_bytes(cow / "b") == 0


def test_always_says_why_not(plain, make):
    make(plain / "a", SIZE)
    (plain / "b").write_text("old")
    with pytest.raises(libreflink.NotCloneable) as caught:
        libreflink.copyfile(plain / "a", plain / "b", mode="always", replace=True)
    error = caught.value
    assert isinstance(error, OSError)
    assert (error.errno, error.reason) == (errno.EOPNOTSUPP, libreflink.Reason.UNSUPPORTED)
    assert error.result.step is libreflink.Step.CLONE
    assert (error.filename, error.filename2) == (str(plain / "a"), str(plain / "b"))
    assert (plain / "b").read_text() == "old"
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.errno, again.reason) == (libreflink.NotCloneable, error.errno, error.reason)


def test_always_between_two_file_systems(xfs, xfs2, make):
    make(xfs / "a", SIZE)
    with pytest.raises(libreflink.NotCloneable) as caught:
        libreflink.copyfile(xfs / "a", xfs2 / "b", mode="always")
    assert (caught.value.errno, caught.value.reason) == (errno.EXDEV, libreflink.Reason.CROSS_DEVICE)
    assert os.listdir(xfs2) == []
    assert libreflink.copyfile(xfs / "a", xfs2 / "b").reason is libreflink.Reason.CROSS_DEVICE


def test_a_real_failure_is_not_called_not_cloneable(cow):
    with pytest.raises(FileNotFoundError) as caught:
        libreflink.copyfile(cow / "missing", cow / "b", mode="always")
    assert not isinstance(caught.value, libreflink.NotCloneable)
    assert caught.value.result.step is libreflink.Step.OPEN_SOURCE


def test_an_existing_name_is_kept_or_replaced_in_one_step(anywhere, make):
    data = make(anywhere / "a", SIZE)
    (anywhere / "b").write_text("old")
    os.link(anywhere / "b", anywhere / "other")
    with pytest.raises(FileExistsError) as caught:
        libreflink.copyfile(anywhere / "a", anywhere / "b")
    assert (caught.value.filename, caught.value.filename2) == (str(anywhere / "a"), str(anywhere / "b"))
    assert (anywhere / "b").read_text() == "old"
    libreflink.copyfile(anywhere / "a", anywhere / "b", replace=True)
    assert (anywhere / "b").read_bytes() == data
    assert (anywhere / "other").read_text() == "old"


def test_symbolic_links(anywhere, make):
    data = make(anywhere / "a", 10)
    os.symlink("a", anywhere / "link")
    libreflink.copyfile(anywhere / "link", anywhere / "b")
    assert (anywhere / "b").read_bytes() == data
    with pytest.raises(OSError) as caught:
        libreflink.copyfile(anywhere / "link", anywhere / "c", follow_symlinks=False)
    assert caught.value.errno == errno.ELOOP
    os.symlink("nowhere", anywhere / "dangling")
    with pytest.raises(FileExistsError):
        libreflink.copyfile(anywhere / "a", anywhere / "dangling")
    libreflink.copyfile(anywhere / "a", anywhere / "dangling", replace=True)
    assert not (anywhere / "dangling").is_symlink()
    assert not (anywhere / "nowhere").exists()


def test_same_file(anywhere, make):
    make(anywhere / "a", 10)
    os.link(anywhere / "a", anywhere / "hard")
    with pytest.raises(shutil.SameFileError) as caught:
        libreflink.copyfile(anywhere / "a", anywhere / "hard", replace=True)
    error = caught.value
    assert (error.errno, error.code) == (errno.EINVAL, -4099)
    assert (error.filename, error.filename2) == (str(anywhere / "a"), str(anywhere / "hard"))


def test_special_files_are_refused_without_waiting(anywhere):
    os.mkfifo(anywhere / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(anywhere / "socket"))
        for name in (anywhere / "fifo", anywhere / "socket", "/dev/zero"):
            with pytest.raises(shutil.SpecialFileError) as caught:
                libreflink.copyfile(name, anywhere / "b")
            assert (caught.value.errno, caught.value.code) == (errno.EINVAL, -4098)
    assert not (anywhere / "b").exists()


@pytest.mark.parametrize(
    ("src", "dst", "expected"),
    [
        ("missing", "b", FileNotFoundError),
        ("a", "no/such/dir", FileNotFoundError),
        ("a", "a/b", NotADirectoryError),
        (".", "b", IsADirectoryError),
        ("a", "b/", IsADirectoryError),
        ("a", "", FileNotFoundError),
        ("a", "x" * 300, OSError),
    ],
)
def test_errors_are_those_of_os(anywhere, make, monkeypatch, src, dst, expected):
    make(anywhere / "a", 10)
    monkeypatch.chdir(anywhere)
    with pytest.raises(expected) as caught:
        libreflink.copyfile(src, dst)
    assert (caught.value.filename, caught.value.filename2) == (src, dst)
    assert caught.value.errno > 0
    assert caught.value.strerror
    assert os.listdir(".") == ["a"]


def test_a_full_file_system_is_told_and_leaves_nothing(make, ext4):
    make(ext4 / "a", 40 << 20)
    stats = os.statvfs(ext4)
    with open(ext4 / "filler", "wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, stats.f_bfree * stats.f_frsize - (20 << 20))
    with pytest.raises(OSError) as caught:
        libreflink.copyfile(ext4 / "a", ext4 / "b")
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.result.step is libreflink.Step.COPY
    assert sorted(os.listdir(ext4)) == ["a", "filler"]


@pytest.mark.parametrize("name", ["ascii", "ümlaut", "\udcff\udcfe not utf-8"])
@pytest.mark.parametrize("kind", [str, os.fsencode, pathlib.Path])
def test_kinds_of_names(anywhere, name, kind):
    src, dst = os.path.join(anywhere, name), os.path.join(anywhere, name + "2")
    with open(src, "w") as file:
        file.write("content")
    result = libreflink.copyfile(kind(src), kind(dst))
    assert result.length == 7
    with open(dst) as file:
        assert file.read() == "content"
    with pytest.raises(FileExistsError) as caught:
        libreflink.copyfile(kind(src), kind(dst))
    assert os.fsencode(caught.value.filename2) == os.fsencode(dst)


def test_names_that_cannot_be(anywhere):
    (anywhere / "a").write_text("x")
    with pytest.raises(ValueError, match="null byte"):
        libreflink.copyfile(anywhere / "a", str(anywhere / "b") + "\0tail")
    with pytest.raises(TypeError):
        libreflink.copyfile(anywhere / "a", 3)
    assert os.listdir(anywhere) == ["a"]


def test_arguments_are_checked(tmp_path):
    (tmp_path / "a").write_text("x")
    for wrong in ({"mode": "maybe"}, {"preserve": ("time",)}):
        with pytest.raises(ValueError):
            libreflink.copyfile(tmp_path / "a", tmp_path / "b", **wrong)
    with pytest.raises(TypeError, match="collection"):
        libreflink.copyfile(tmp_path / "a", tmp_path / "b", preserve="times")
    with pytest.raises(TypeError):
        libreflink.copyfile(tmp_path / "a", tmp_path / "b", "always")
    assert os.listdir(tmp_path) == ["a"]


def test_metadata(xfs, make):
    make(xfs / "a", 10)
    os.setxattr(xfs / "a", "user.note", b"kept")
    os.chown(xfs / "a", 12, 34)
    os.chmod(xfs / "a", 0o4751)
    os.utime(xfs / "a", ns=(1_000_000_001, 2_000_000_002))
    libreflink.copyfile(xfs / "a", xfs / "plain")
    plain = os.stat(xfs / "plain")
    assert stat.S_IMODE(plain.st_mode) == 0o751
    assert plain.st_uid == 0
    assert os.listxattr(xfs / "plain") == []
    libreflink.copyfile(xfs / "a", xfs / "full", preserve={"times", "owner", "xattrs", "acl"}, durable=True)
    full = os.stat(xfs / "full")
    assert stat.S_IMODE(full.st_mode) == 0o4751
    assert (full.st_uid, full.st_gid, full.st_mtime_ns) == (12, 34, 2_000_000_002)
    assert os.getxattr(xfs / "full", "user.note") == b"kept"


def test_relative_to_open_directories(cow, make):
    (cow / "one").mkdir()
    (cow / "two").mkdir()
    data = make(cow / "one" / "a", SIZE)
    one, two = os.open(cow / "one", os.O_RDONLY), os.open(cow / "two", os.O_PATH)
    try:
        assert libreflink.copyfile("a", "b", src_dir_fd=one, dst_dir_fd=two).cloned
    finally:
        os.close(one)
        os.close(two)
    assert (cow / "two" / "b").read_bytes() == data


def test_an_empty_file(anywhere):
    (anywhere / "a").touch()
    assert libreflink.copyfile(anywhere / "a", anywhere / "b").length == 0
    assert (anywhere / "b").stat().st_size == 0


def test_holes_stay(plain):
    with open(plain / "a", "wb") as file:
        file.seek(50 << 20)
        file.write(b"end")
    result = libreflink.copyfile(plain / "a", plain / "b")
    assert result.bytes_hole > 40 << 20
    assert result.length == (50 << 20) + 3
    assert (plain / "b").stat().st_blocks * 512 < 1 << 20


def test_results_are_frozen(tmp_path):
    (tmp_path / "a").touch()
    result = libreflink.copyfile(tmp_path / "a", tmp_path / "b")
    with pytest.raises(AttributeError):
        result.method = libreflink.Method.COPY
    assert pickle.loads(pickle.dumps(result)) == result
    assert hash(result) == hash(pickle.loads(pickle.dumps(result)))


def test_a_file_that_is_there_is_overwritten(anywhere, make):
    data = make(anywhere / "a", SIZE)
    make(anywhere / "b", 2 * SIZE)
    (anywhere / "b").chmod(0o604)
    os.link(anywhere / "b", anywhere / "other")
    before = (anywhere / "b").stat()
    result = libreflink.copyfile(anywhere / "a", anywhere / "b", overwrite=True)
    assert result.published
    after = (anywhere / "b").stat()
    assert (after.st_ino, after.st_mode, after.st_nlink) == (before.st_ino, before.st_mode, 2)
    assert (anywhere / "other").read_bytes() == data


def test_a_link_is_overwritten_only_where_that_is_asked(anywhere, make):
    data = make(anywhere / "a", SIZE)
    make(anywhere / "b", 10)
    os.symlink("b", anywhere / "link")
    with pytest.raises(OSError) as caught:
        libreflink.copyfile(anywhere / "a", anywhere / "link", overwrite=True)
    assert caught.value.errno == errno.ELOOP
    libreflink.copyfile(anywhere / "a", anywhere / "link", overwrite=True, follow_destination=True)
    assert (anywhere / "link").is_symlink()
    assert (anywhere / "b").read_bytes() == data
    with pytest.raises(ValueError, match="two ways"):
        libreflink.copyfile(anywhere / "a", anywhere / "b", overwrite=True, replace=True)


@pytest.mark.parametrize(("permissions", "expected"), [("source", 0o666), ("umask", 0o640), ("new", 0o640)])
def test_permissions_are_the_callers_choice(anywhere, make, permissions, expected):
    make(anywhere / "a", SIZE)
    (anywhere / "a").chmod(0o666)
    mask = os.umask(0o027)
    try:
        libreflink.copyfile(anywhere / "a", anywhere / "b", permissions=permissions)
    finally:
        assert os.umask(mask) == 0o027
    assert stat.S_IMODE((anywhere / "b").stat().st_mode) == expected


def test_unknown_permissions_are_refused(tmp_path):
    with pytest.raises(ValueError, match="permissions 'all' is none of source, umask, new"):
        libreflink.copyfile(tmp_path / "a", tmp_path / "b", permissions="all")
