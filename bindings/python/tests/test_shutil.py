"""copy and copy2 under copytree and move, and CPython's own tests of shutil with parts of it replaced."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys

import pytest
from conftest import shared_bytes

import libreflink

SIZE = 100_000


@pytest.fixture
def tree(anywhere, make):
    """A tree of files, links and attributes, and what is in it."""
    root = anywhere / "tree"
    (root / "sub" / "empty").mkdir(parents=True)
    make(root / "data", SIZE)
    make(root / "sub" / "more", SIZE)
    (root / "nothing").touch()
    os.symlink("data", root / "link")
    os.setxattr(root / "data", "user.note", b"kept")
    os.chmod(root / "data", 0o640)
    os.utime(root / "data", ns=(1_000_000_001, 2_000_000_002))
    return root


def contents(root: pathlib.Path):
    return {
        str(path.relative_to(root)): (
            path.read_bytes() if path.is_file() else None,
            path.is_symlink(),
            stat.S_IMODE(os.lstat(path).st_mode),
            os.stat(path).st_mtime_ns if path.is_file() else None,
        )
        for path in root.rglob("*")
    }


@pytest.mark.parametrize("symlinks", [False, True])
def test_copytree(tree, symlinks):
    theirs, ours = tree.with_name("theirs"), tree.with_name("ours")
    shutil.copytree(tree, theirs, symlinks=symlinks)
    shutil.copytree(tree, ours, symlinks=symlinks, copy_function=libreflink.copy2)
    assert contents(ours) == contents(theirs)
    assert os.getxattr(ours / "data", "user.note") == b"kept"
    if "xfs" in str(ours) or "btrfs" in str(ours):
        assert shared_bytes(ours / "data") >= SIZE


def test_copytree_over_an_existing_one(tree):
    shutil.copytree(tree, tree.with_name("b"), copy_function=libreflink.copy)
    (tree / "data").write_text("changed")
    shutil.copytree(tree, tree.with_name("b"), copy_function=libreflink.copy2, dirs_exist_ok=True)
    assert (tree.with_name("b") / "data").read_text() == "changed"


def test_copytree_collects_errors_as_with_shutil(tree):
    os.mkfifo(tree / "pipe")
    lists = []
    for copy in (shutil.copy2, libreflink.copy2):
        with pytest.raises(shutil.Error) as caught:
            shutil.copytree(tree, tree.with_name("b"), copy_function=copy)
        lists.append(caught.value.args[0])
        assert (tree.with_name("b") / "sub" / "more").exists()
        shutil.rmtree(tree.with_name("b"))
    assert lists[0] == lists[1] == [(str(tree / "pipe"), str(tree.with_name("b") / "pipe"), lists[0][0][2])]
    assert "is a named pipe" in lists[0][0][2]


@pytest.mark.parametrize("kind", [str, os.fsencode, pathlib.Path])
@pytest.mark.parametrize("names", [("pipe", "b"), ("data", "pipe")])
def test_a_named_pipe_is_called_so_in_shutils_words(tree, kind, names):
    os.mkfifo(tree / "pipe")
    src, dst = (kind(tree / name) for name in names)
    words = set()
    for function in (shutil.copyfile, shutil.copy2, libreflink.copy, libreflink.copy2, libreflink.shutil_copyfile):
        with pytest.raises(shutil.SpecialFileError) as caught:
            function(src, dst)
        words.add(str(caught.value))
        if function.__module__.startswith("libreflink"):
            assert (caught.value.errno, caught.value.code) == (errno.EINVAL, -4098)
    assert len(words) == 1
    assert not (tree / "b").exists()


def test_copytree_onto_itself_raises_shutils_error(tree):
    with pytest.raises(shutil.Error):
        shutil.copytree(tree, tree, copy_function=libreflink.copy2, dirs_exist_ok=True)
    assert (tree / "data").stat().st_size == SIZE


def test_move_between_file_systems(tree, xfs2):
    before = contents(tree)
    shutil.move(str(tree), str(xfs2 / "moved"), copy_function=libreflink.copy2)
    assert not tree.exists()
    assert contents(xfs2 / "moved") == before


@pytest.mark.parametrize("kind", [str, os.fsencode, pathlib.Path])
@pytest.mark.parametrize("function", [libreflink.copy, libreflink.copy2])
def test_the_destination_may_be_a_directory(tree, kind, function):
    (tree / "into").mkdir()
    assert os.fsencode(function(kind(tree / "data"), kind(tree / "into"))) == os.fsencode(tree / "into" / "data")
    assert (tree / "into" / "data").stat().st_size == SIZE
    target = kind(tree / "name")
    assert function(kind(tree / "data"), target) is target


@pytest.mark.parametrize("function", [libreflink.copy, libreflink.copy2])
def test_links_can_be_copied_as_links(tree, function):
    function(tree / "link", tree / "link2", follow_symlinks=False)
    assert os.readlink(tree / "link2") == "data"
    function(tree / "link", tree / "file")
    assert not (tree / "file").is_symlink()


def test_it_may_stand_in_for_shutils_own(tree, monkeypatch):
    monkeypatch.setattr(shutil, "copy", libreflink.copy)
    monkeypatch.setattr(shutil, "copy2", libreflink.copy2)
    shutil.copy(tree / "link", tree / "link2", follow_symlinks=False)
    shutil.copy2(tree / "link", tree / "link3", follow_symlinks=False)
    assert os.readlink(tree / "link3") == "data"


def test_what_differs_an_existing_file_is_replaced_not_written_into(tree):
    """README, "What differs from shutil": 1 and 2."""
    for copy, kept in ((shutil.copy, True), (libreflink.copy, False)):
        (tree / "old").write_text("old")
        os.link(tree / "old", tree / "other")
        os.symlink("old", tree / "to-old")
        number = os.stat(tree / "old").st_ino
        copy(tree / "data", tree / "old")
        assert ((tree / "other").read_bytes() != b"old") is kept
        assert (os.stat(tree / "old").st_ino == number) is kept
        copy(tree / "nothing", tree / "to-old")
        assert (tree / "to-old").is_symlink() is kept
        assert ((tree / "old").stat().st_size == 0) is kept
        for name in ("old", "other", "to-old"):
            (tree / name).unlink()


def test_what_differs_set_id_bits_stay_behind(tree):
    """README, "What differs from shutil": 3."""
    os.chmod(tree / "data", 0o4755)
    theirs, ours = (shutil.copy, shutil.copy2), (libreflink.copy, libreflink.copy2)
    for copy, mode in [(copy, 0o4755) for copy in theirs] + [(copy, 0o755) for copy in ours]:
        copy(tree / "data", tree / "b")
        assert stat.S_IMODE(os.stat(tree / "b").st_mode) == mode
        (tree / "b").unlink()


def test_what_differs_devices_are_refused(tree):
    """README, "What differs from shutil": 4."""
    # A node of its own: shutil.copy gives it the source's mode, which /dev/null must never get.
    null = tree / "null"
    os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    shutil.copy(tree / "data", null)
    with pytest.raises(shutil.SpecialFileError):
        libreflink.copy(tree / "data", null)
    assert stat.S_ISCHR(os.stat(null).st_mode)
    assert stat.S_IMODE(os.stat("/dev/null").st_mode) == 0o666


def test_no_space_for_an_attribute_is_raised(xfs, ext4):
    (xfs / "a").touch()
    os.setxattr(xfs / "a", "user.large", b"x" * 3900)  # a block of its own, on ext4
    with open(ext4 / "filler", "wb", buffering=0) as filler:
        size = 1 << 20
        while size >= 1024:
            try:
                filler.write(bytes(size))
            except OSError:
                size //= 2
    for function in (shutil.copy2, libreflink.copy2):
        with pytest.raises(OSError) as caught:
            function(xfs / "a", ext4 / function.__module__)
        assert caught.value.errno == errno.ENOSPC


def test_same_file_by_whatever_name(tree):
    for function in (shutil.copy, libreflink.copy, shutil.copy2, libreflink.copy2):
        with pytest.raises(shutil.SameFileError) as caught:
            function(tree / "data", tree / "link")
        assert "are the same file" in caught.value.args[0]
    assert (tree / "link").is_symlink()


def test_a_directory_that_is_not_there(tree):
    for function in (shutil.copy, libreflink.copy):
        with pytest.raises((FileNotFoundError, IsADirectoryError)) as caught:
            function(tree / "data", str(tree / "missing") + "/")
        expected = errno.EISDIR if function is shutil.copy and sys.version_info < (3, 10) else None
        assert caught.value.errno in {expected, None, errno.ENOENT}


# --- CPython's own tests -------------------------------------------------------------------------------------------

#: The tests whose outcome is another one with parts of shutil replaced, and why.
INTERNALS = "puts a mock in the place of shutil's own open(), os.sendfile or os.copy_file_range"
NO_FUNCTION = "gives a copy_function of its own, which libreflink.copytree refuses"
NO_FOLLOWING = "sees that symbolic links are followed"
SPECIALS = "sees that a named pipe is refused"
DIFFERENT = {
    "copyfile": {
        "TestCopyFile.test_w_dest_close_fails": INTERNALS,
        "TestCopyFile.test_w_dest_open_fails": INTERNALS,
        "TestCopyFile.test_w_source_close_fails": INTERNALS,
        "TestZeroCopySendfile.test_blocksize_arg": INTERNALS,
        "TestZeroCopySendfile.test_unhandled_exception": INTERNALS,
        "TestZeroCopyCopyFileRange.test_blocksize_arg": INTERNALS,
        "TestZeroCopyCopyFileRange.test_unhandled_exception": INTERNALS,
    },
    "in-place": {},
    "copy": {},
    "copytree": {
        "TestCopyTree.test_copytree_custom_copy_function": NO_FUNCTION,
        "TestCopyTree.test_copytree_dangling_symlinks": NO_FOLLOWING,
        "TestCopyTree.test_copytree_named_pipe": SPECIALS,
        "TestCopyTree.test_copytree_special_func": NO_FUNCTION,
        "TestCopyTree.test_copytree_subdirectory": "copies a tree into itself",
        "TestCopyTree.test_copytree_symlink_dir": NO_FOLLOWING,
        "TestCopyTree.test_copytree_winerror": "puts a mock in the place of shutil.copystat",
        "TestMove.test_move_dir_special_function": NO_FUNCTION,
    },
}


def outcomes(what: str, where: pathlib.Path, user: str | None) -> dict[str, str]:
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shutil_conformance.py")
    where = where / what
    where.mkdir()
    where.chmod(0o777)
    as_user = {} if user is None else {"user": user, "group": "nogroup", "extra_groups": []}
    done = subprocess.run(
        [sys.executable, program, what],
        cwd=where,
        env={**os.environ, "TMPDIR": str(where), "HOME": str(where), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        **as_user,
    )
    if "No module named 'test" in done.stderr:
        pytest.skip("this Python has no test.test_shutil (Debian: libpython3.x-testsuite)")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def readable_by_all(path: str) -> bool:
    resolved = pathlib.Path(path).resolve()
    if not resolved.stat().st_mode & stat.S_IROTH:
        return False
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in resolved.parents)


@pytest.mark.parametrize("user", [None, "nobody"])
@pytest.mark.parametrize("what", ["copyfile", "in-place", "copy", "copytree"])
def test_cpythons_own_tests_of_shutil(anywhere, what, user):
    anywhere.chmod(0o777)
    if user is not None:
        here = [sys.executable, libreflink.__file__, __file__, os.__file__]
        if os.getuid() != 0 or sys.version_info < (3, 9) or not all(map(readable_by_all, here)):
            pytest.skip("this Python cannot be run as another user")
    original = outcomes("original", anywhere, user)
    replaced = outcomes(what, anywhere, user)
    assert len(original) > 100
    assert set(original) == set(replaced)
    # Some of archives and terminals fail as it is, on some machines; none that copies does.
    assert [name for name, outcome in original.items() if short(outcome) == "failed" and COPIES.match(name)] == []
    differing = {name: replaced[name] for name in original if short(original[name]) != short(replaced[name])}
    known = {name for name in DIFFERENT[what] if original.get(name) == "ok"}
    assert set(differing) - known == set(), differing
    assert known - set(differing) == set(), "these are the same now: they must come off the list"


COPIES = re.compile(r"Test(Copy|Move|ZeroCopy|RmTree)")


def short(outcome: str) -> str:
    return outcome if outcome in {"ok", "skipped"} else "failed"


# --- shutil_copyfile -----------------------------------------------------------------------------------------------


def test_shutil_copyfile_shares(cow, make):
    data = make(cow / "a", SIZE)
    for before in (0, 2 * SIZE):
        make(cow / "b", before)
        assert libreflink.shutil_copyfile(cow / "a", cow / "b") == cow / "b"
        assert (cow / "b").read_bytes() == data
        assert shared_bytes(cow / "b") >= SIZE


def facts(root: pathlib.Path):
    """What two copying functions are compared by. The count of names says whether a file is still the same one."""
    return {
        path.name: (path.is_symlink(), path.read_bytes(), stat.S_IMODE(path.stat().st_mode), path.stat().st_nlink)
        for path in sorted(root.iterdir())
    }


def test_shutil_copyfile_writes_into_the_file_as_shutil_does(tree):
    seen = []
    for function in (shutil.copyfile, libreflink.shutil_copyfile):
        root = tree / function.__name__
        root.mkdir()
        (root / "old").write_bytes(b"old" * SIZE)
        (root / "old").chmod(0o4604)
        os.link(root / "old", root / "other")
        os.symlink("old", root / "to-old")
        os.symlink("made", root / "dangling")
        mask = os.umask(0o027)
        try:
            for name in ("to-old", "dangling", "new"):
                assert function(tree / "data", root / name) == root / name
        finally:
            os.umask(mask)
        seen.append(facts(root))
    assert seen[0] == seen[1]
    assert seen[0]["other"][1] == (tree / "data").read_bytes()
    assert (seen[0]["new"][2], seen[0]["made"][2]) == (0o640, 0o640)


@pytest.mark.parametrize(
    ("src", "dst"),
    [
        ("missing", "b"),
        ("data", "data"),
        ("data", "link"),
        ("sub", "b"),
        ("data", "sub"),
        ("data", "missing/b"),
        ("data", "sub/more/b"),
        ("data", "b/"),
        ("data", ""),
    ],
)
def test_shutil_copyfile_fails_as_shutil_does(tree, monkeypatch, src, dst):
    monkeypatch.chdir(tree)
    caught = []
    for function in (shutil.copyfile, libreflink.shutil_copyfile):
        with pytest.raises(OSError) as error:
            function(src, dst)
        caught.append(error.value)
    if sys.version_info >= (3, 10) or dst != "b/":
        assert type(caught[0]) is type(caught[1])
    assert (tree / "data").stat().st_size == SIZE
    assert not (tree / "b").exists()


@pytest.mark.parametrize("name", ["copy", "copy2"])
def test_shutil_copy_writes_into_the_file_as_shutil_does(tree, name):
    seen = []
    for module, function in ((shutil, name), (libreflink, "shutil_" + name)):
        root = tree / module.__name__
        (root / "directory").mkdir(parents=True)
        (root / "old").write_bytes(b"old" * SIZE)
        os.link(root / "old", root / "other")
        os.symlink("old", root / "to-old")
        copy = getattr(module, function)
        for target in ("to-old", "new"):
            assert copy(tree / "data", root / target) == root / target
        assert copy(tree / "data", root / "directory") == str(root / "directory" / "data")
        copy(tree / "link", root / "link", follow_symlinks=False)
        (root / "directory" / "data").rename(root / "in-directory")
        (root / "directory").rmdir()
        (root / "link").unlink()
        seen.append((facts(root), (root / "old").stat().st_mtime_ns == (tree / "data").stat().st_mtime_ns))
    assert seen[0] == seen[1]
    assert seen[1][1] == (name == "copy2")


def test_shutil_copyfile_keeps_what_it_cannot_replace(tree):
    """shutil has cut the file before it finds out. A directory's content cannot be read."""
    (tree / "old").write_text("old")
    for src in (tree / "missing", tree / "sub", "/dev/zero"):
        with pytest.raises(OSError):
            libreflink.shutil_copyfile(src, tree / "old")
        assert (tree / "old").read_text() == "old"


def test_shutil_copyfile_copies_links_as_links(tree):
    libreflink.shutil_copyfile(tree / "link", tree / "link2", follow_symlinks=False)
    assert os.readlink(tree / "link2") == "data"
    for function in (shutil.copyfile, libreflink.shutil_copyfile):
        with pytest.raises(shutil.SameFileError):
            function(tree / "link", tree / "data", follow_symlinks=False)
    libreflink.shutil_copyfile(tree / "data", tree / "file", follow_symlinks=False)
    assert (tree / "file").stat().st_size == SIZE
