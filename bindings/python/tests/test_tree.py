"""Whole trees: copy_tree, remove_tree and copytree, on file systems that clone and on others."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import threading

import pytest
from conftest import shared_bytes

import libreflink
from libreflink import EntryKind, Method, NotCloneable, Phase, Step

FILES = 200


class StopError(Exception):
    pass


@pytest.fixture
def tree(anywhere):
    return plant(anywhere / "tree")


def plant(root):
    """Plant files, a link of each kind, a FIFO, and a directory that forbids writing."""
    (root / "many").mkdir(parents=True)
    for number in range(FILES):
        (root / "many" / str(number)).write_bytes(b"x" * 5000)
    (root / "locked").mkdir()
    (root / "locked" / "file").write_bytes(b"y" * 5000)
    os.link(root / "locked" / "file", root / "second name")
    os.symlink("nowhere", root / "link")
    os.mkfifo(root / "fifo", 0o600)
    (root / "empty").touch(0o640)
    os.utime(root / "locked" / "file", (1, 2))
    (root / "locked").chmod(0o555)
    os.utime(root / "locked", (3, 4))
    os.sync()  # else on Btrfs small files may not have blocks to share
    return root


def seen(root):
    """Everything of a tree but directories' times, by shutil's means and not by the library's."""
    found = {}
    for where, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(where, name)
            status = os.lstat(path)
            times = None if stat.S_ISDIR(status.st_mode) else status.st_mtime_ns
            content = None
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    content = file.read()
            link = os.readlink(path) if stat.S_ISLNK(status.st_mode) else None
            found[os.path.relpath(path, root)] = (status.st_mode, times, content, link)
    return found


def test_everything_is_there(tree):
    copy = tree.with_name("copy")
    result = libreflink.copy_tree(tree, copy, preserve=("times",))
    assert seen(copy) == seen(tree)
    assert os.stat(copy / "locked").st_mtime == 4
    assert os.path.samefile(copy / "locked" / "file", copy / "second name")
    assert not os.path.samefile(copy / "second name", tree / "second name")
    counts = result.files, result.hard_links, result.directories, result.symlinks, result.specials
    assert counts == (FILES + 2, 1, 2, 1, 1)
    assert (result.step, result.published, result.litter, result.failed_path) == (Step.NONE, True, None, "")
    assert result.bytes_cloned + result.bytes_copied + result.bytes_hole == (FILES + 1) * 5000


def test_a_clone_is_shared(cow):
    tree, copy = plant(cow / "tree"), cow / "copy"
    result = libreflink.copy_tree(tree, copy, mode="always", threads=2)
    assert result.cloned
    assert (result.files_cloned, result.files_empty) == (FILES + 1, 1)
    assert shared_bytes(copy / "many" / "7") >= 5000


def test_without_a_clone_always_leaves_nothing(plain):
    tree = plant(plain / "tree")
    with pytest.raises(NotCloneable) as caught:
        libreflink.copy_tree(tree, plain / "copy", mode="always", on_error=lambda _entry: True)
    error = caught.value
    assert error.reason is libreflink.Reason.UNSUPPORTED
    assert error.filename == os.path.join(tree, error.result.failed_path) != str(tree)
    assert error.filename2 == os.path.join(plain, "copy", error.result.failed_path)
    assert os.listdir(plain) == ["tree"]


def test_names_in_bytes(tree):
    tree, copy = os.fsencode(tree), os.fsencode(tree.with_name("copy"))
    paths = []
    libreflink.copy_tree(tree, copy, on_done=lambda entry: paths.append(entry.path))
    assert b"locked/file" in paths
    assert isinstance(libreflink.remove_tree(copy).failed_path, bytes)


def test_relative_to_directories(tree):
    where = os.open(tree.parent, os.O_RDONLY)
    try:
        libreflink.copy_tree("tree", "copy", src_dir_fd=where, dst_dir_fd=where)
        assert (tree.parent / "copy").exists()
        libreflink.remove_tree("copy", dir_fd=where)
        assert os.listdir(tree.parent) == ["tree"]
    finally:
        os.close(where)


def test_an_existing_destination(tree):
    copy = tree.with_name("copy")
    (copy / "old").mkdir(parents=True)
    with pytest.raises(FileExistsError):
        libreflink.copy_tree(tree, copy)
    libreflink.copy_tree(tree, copy, merge=True)
    assert (copy / "old").exists()
    (copy / "empty").write_text("mine")
    kept = libreflink.copy_tree(tree, copy, merge=True, keep_existing=True)
    assert (copy / "empty").read_text() == "mine"
    assert kept.entries_kept >= FILES
    result = libreflink.copy_tree(tree, copy, replace=True, keep_replaced=True)
    assert not (copy / "old").exists()
    assert (tree.parent / result.litter / "old").exists()
    libreflink.remove_tree(tree.parent / result.litter)


def test_what_filter_leaves_out(tree):
    copy = tree.with_name("copy")
    sizes = {}

    def choose(entry):
        if entry.kind is EntryKind.FILE:
            sizes[entry.path] = os.stat(entry.name, dir_fd=entry.source_dir).st_size
        return "empty" if entry.path == "locked" else entry.name != "many"

    result = libreflink.copy_tree(tree, copy, filter=choose)
    assert sorted(os.listdir(copy)) == ["empty", "fifo", "link", "locked", "second name"]
    assert os.listdir(copy / "locked") == []
    assert sizes == {"empty": 0, "second name": 5000}
    assert result.entries_left_out == 1


@pytest.mark.parametrize("answer", [None, 0, 1, "leave", 2])
def test_filter_must_answer_clearly(tree, answer):
    with pytest.raises(TypeError, match="True, False or 'empty'"):
        libreflink.copy_tree(tree, tree.with_name("copy"), filter=lambda _entry: answer)
    assert os.listdir(tree.parent) == ["tree"]


@pytest.mark.parametrize("function", ["filter", "on_done", "progress"])
@pytest.mark.parametrize("error", [StopError, KeyboardInterrupt])
def test_what_a_function_raises_is_raised_after_the_copy_is_gone(tree, function, error):
    calls = []

    def stop(argument):
        # Not at once: what is made by then takes the library several steps to remove.
        calls.append(argument)
        if len(calls) > FILES // 2 or getattr(argument, "entries_done", 0) > FILES // 2:
            raise error
        return True

    with pytest.raises(error):
        libreflink.copy_tree(tree, tree.with_name("copy"), **{function: stop})
    assert getattr(calls[-1], "phase", Phase.COPY) is Phase.COPY
    assert os.listdir(tree.parent) == ["tree"]


@pytest.fixture
def clash(tree):
    """A copy into which one file cannot be merged."""
    (tree.with_name("copy") / "many" / "7").mkdir(parents=True)
    return tree


def test_a_failed_entry_is_skipped_only_when_asked_for(clash):
    copy = clash.with_name("copy")
    failed = []

    def note(entry):
        failed.append(entry)
        return "true, but not True"

    with pytest.raises(FileExistsError) as caught:
        libreflink.copy_tree(clash, copy, merge=True, on_error=note)
    assert [entry.path for entry in failed] == ["many/7"]
    assert str(failed[0].error) == str(caught.value)
    assert failed[0].error.filename == str(clash / "many" / "7")
    assert failed[0].error.filename2 == str(copy / "many" / "7")
    assert caught.value.result.failed_path == "many/7"

    result = libreflink.copy_tree(clash, copy, merge=True, on_error=lambda _entry: True)
    assert (result.incomplete, result.entries_failed) == (True, 1)
    assert (copy / "many" / "8").exists()


def test_what_on_error_raises_is_raised(clash):
    def stop(entry):
        raise StopError from entry.error

    with pytest.raises(StopError) as caught:
        libreflink.copy_tree(clash, clash.with_name("copy"), merge=True, on_error=stop)
    assert caught.value.__cause__.errno == errno.EEXIST


def test_on_done_is_a_list_of_what_was_copied(tree):
    done = {}
    result = libreflink.copy_tree(tree, tree.with_name("copy"), on_done=lambda entry: done.update({entry.path: entry}))
    assert sorted(done) == sorted(seen(tree))
    file = done["many/7"]
    assert (file.kind, file.depth, file.name, file.length) == (EntryKind.FILE, 2, "7", 5000)
    assert file.method is (Method.CLONE if result.cloned else file.method)
    assert file.method is not Method.NONE
    assert done["link"].kind is EntryKind.SYMLINK


def test_progress(tree):
    steps = []
    libreflink.copy_tree(tree, tree.with_name("copy"), progress=steps.append)
    assert len(steps) >= FILES // 64
    assert all(step.entries_done <= step.entries_seen for step in steps)
    assert steps[-1].bytes_done >= FILES * 5000 // 2
    assert max(step.directories_open for step in steps) in {1, 2}


@pytest.fixture
def large(tmpfs):
    """A tree that takes a tenth of a second."""
    for directory in range(20):
        (tmpfs / "tree" / str(directory)).mkdir(parents=True)
        for number in range(500):
            (tmpfs / "tree" / str(directory) / str(number)).touch()
    return tmpfs / "tree"


@contextlib.contextmanager
def alarms(handler, after):
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_signal_ends_the_call_without_any_function(large):
    def raising(_number, _frame):
        raise StopError

    with alarms(raising, 0.01), pytest.raises(StopError):
        libreflink.copy_tree(large, large.with_name("copy"))
    assert os.listdir(large.parent) == ["tree"]


def test_a_second_signal_leaves_litter_and_says_so(large):
    second = iter([0.0005])  # a third could come after the call, when nothing is left to say

    def raising(_number, _frame):
        signal.setitimer(signal.ITIMER_REAL, next(second, 0))
        raise StopError

    with alarms(raising, 0.05), pytest.raises(StopError) as caught:
        libreflink.copy_tree(large, large.with_name("copy"))
    litter = caught.value.__cause__.result.litter
    assert sorted(os.listdir(large.parent)) == [litter, "tree"]
    libreflink.remove_tree(large.with_name(litter))


@pytest.mark.parametrize("error", [None, StopError])
def test_nothing_is_left_for_the_collector(tree, error):
    def stop(_argument):
        if error is not None:
            raise error

    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(StopError):
            libreflink.copy_tree(tree, tree.with_name("copy"), progress=stop)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_bad_arguments(tree):
    copy = tree.with_name("copy")
    for options in ({"replace": True, "merge": True}, {"durable": True, "unstaged": True}, {"mode": "maybe"}):
        with pytest.raises(ValueError):
            libreflink.copy_tree(tree, copy, **options)
    for alone, needed in (("keep_replaced", "replace"), ("two_renames", "replace"), ("keep_existing", "merge")):
        with pytest.raises(ValueError, match=f"{alone}.* {needed}=True"):
            libreflink.copy_tree(tree, copy, **{alone: True})
    with pytest.raises(ValueError, match="null"):
        libreflink.copy_tree(tree, "a\0b")
    with pytest.raises(OSError) as caught:
        libreflink.copy_tree(tree, tree / "many" / "copy")
    assert caught.value.code == -4103
    with pytest.raises(NotADirectoryError):
        libreflink.copy_tree(tree / "empty", copy)
    assert os.listdir(tree.parent) == ["tree"]


def test_removal(tree):
    outside = tree.with_name("outside")
    outside.mkdir()
    (outside / "canary").touch()
    os.symlink(outside, tree / "way out")
    os.symlink(tree, tree.with_name("alias"))
    with pytest.raises(NotADirectoryError):
        libreflink.remove_tree(tree.with_name("alias"))
    gone = []
    result = libreflink.remove_tree(tree, on_done=lambda entry: gone.append(entry.path))
    assert "locked/file" in gone
    assert (result.files, result.directories, result.symlinks, result.specials) == (FILES + 3, 2, 2, 1)
    assert sorted(os.listdir(outside.parent)) == ["alias", "outside"]
    assert os.listdir(outside) == ["canary"]
    with pytest.raises(FileNotFoundError) as caught:
        libreflink.remove_tree(tree)
    assert (caught.value.filename, caught.value.filename2) == (str(tree), None)


def test_removal_does_not_enter_what_is_mounted(xfs):
    tree = plant(xfs / "tree")
    (tree / "mount").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", tree / "mount"], check=True)
    try:
        with pytest.raises(OSError) as caught:
            libreflink.remove_tree(tree)
        assert caught.value.errno == errno.EBUSY
    finally:
        subprocess.run(["umount", tree / "mount"], check=True)
    libreflink.remove_tree(tree)


# ---- What the README shows ----


def readme_function(name):
    """Give the function of this name in the README, as it stands there."""
    text = (pathlib.Path(__file__).parent.parent / "README.md").read_text()
    (code,) = (block for block in text.split("```python\n") if block.startswith(f"def {name}("))
    names = {"os": os, "stat": stat, "libreflink": libreflink}
    exec(code.split("```")[0], names)
    return names[name]


def test_the_proof_that_a_tree_is_shared(cow):
    proven = readme_function("proven")
    tree, clone, copy = plant(cow / "tree"), cow / "clone", cow / "copy"
    libreflink.copytree(tree, clone)
    libreflink.copytree(tree, copy, mode="never")
    os.sync()
    assert proven(tree, clone)
    assert not proven(tree, copy)
    (clone / "many" / "7").write_bytes(b"z" * 5000)
    os.sync()
    assert not proven(tree, clone)


def test_another_thread_cancels(tree):
    stop, seen = threading.Event(), threading.Event()

    def check(_now):
        seen.set()
        if stop.wait(10):  # the other thread runs meanwhile: the interpreter's lock is not held by the library
            raise StopError

    other = threading.Thread(target=lambda: seen.wait(10) and stop.set())
    other.start()
    with pytest.raises(StopError):
        libreflink.copytree(tree, tree.with_name("copy"), progress=check)
    other.join()
    assert os.listdir(tree.parent) == ["tree"]


# ---- copytree, against shutil's ----


def test_copytree_does_what_shutil_does(tree):
    (tree / "fifo").unlink()  # which shutil refuses
    ours, theirs = tree.with_name("ours"), tree.with_name("theirs")
    ignore = shutil.ignore_patterns("1*", "link")
    shutil.copytree(tree, theirs, symlinks=True, ignore=ignore)
    assert libreflink.copytree(tree, ours, True, ignore) is ours
    assert seen(ours) == seen(theirs)
    assert "many/1" not in seen(ours)
    assert os.stat(ours / "locked").st_mtime == 4


def test_copytree_asks_once_for_each_directory(tree):
    asked, theirs = [], []

    def note(into):
        return lambda where, names: into.append((where, sorted(names))) or ["locked"]

    src, copy = os.fspath(tree), os.fspath(tree.with_name("copy"))
    (tree / "fifo").unlink()
    (tree / "many" / "nothing").mkdir()  # shutil asks for an empty one, too
    libreflink.copytree(src, copy, ignore=note(asked))
    libreflink.remove_tree(copy)
    shutil.copytree(src, copy, symlinks=True, ignore=note(theirs))
    assert sorted(asked) == sorted(theirs)
    assert len(asked) == 3


def test_copytree_asks_for_an_empty_root_in_bytes(tree):
    src, asked = os.fsencode(tree / "none"), []
    os.mkdir(src)
    libreflink.copytree(src, src + b" copied", ignore=lambda *question: asked.append(question) or ())
    assert asked == [(src, [])]


def test_copytree_makes_parents(tree):
    copy = os.path.join(tree.parent, "a", "b", "copy", "")
    assert libreflink.copytree(tree, copy) == copy
    assert len(seen(copy)) == len(seen(tree))
    with pytest.raises(FileNotFoundError):
        libreflink.copytree(tree / "missing", tree.parent / "x" / "y")
    assert not (tree.parent / "x").exists()


@pytest.mark.parametrize("inside", ["new", "a/b/new", "many/new"])
def test_copytree_into_itself_makes_nothing(tree, inside):
    before = seen(tree)
    with pytest.raises(OSError, match="inside") as caught:
        libreflink.copytree(tree, tree / inside)
    assert caught.value.code == -4103
    assert seen(tree) == before


@pytest.mark.parametrize("dangling", [False, True])
def test_copytree_copies_links_as_links(anywhere, dangling):
    src, ours, theirs = (anywhere / name for name in ("src", "ours", "theirs"))
    (src / "directory").mkdir(parents=True)
    (src / "file").write_text("x")
    for link, target in (("to file", "file"), ("to directory", "directory"), ("up", "..")):
        os.symlink(target, src / link)
    if dangling:
        os.symlink("nothing", src / "dangling")
    os.utime(src / "to file", (5, 6), follow_symlinks=False)
    shutil.copytree(src, theirs, True)
    libreflink.copytree(src, ours, True, ignore_dangling_symlinks=dangling)
    assert seen(ours) == seen(theirs)


def test_copytree_gives_ignore_what_shutil_gives(tree):
    for src in (os.fspath(tree), tree, os.fsencode(tree)):
        kind = bytes if isinstance(src, bytes) else str

        def check(where, names, kind=kind):
            assert type(where) is kind
            assert type(names) is list
            assert all(type(name) is kind for name in names)
            assert sorted(names) == sorted(os.listdir(where))
            return set(names) - {kind(b"many", "ascii") if kind is str else b"many"}

        copy = os.path.join(os.path.dirname(src), b"copy" if kind is bytes else "copy")
        assert libreflink.copytree(src, copy, ignore=check) is copy
        assert os.listdir(tree.with_name("copy")) == ["many"]
        libreflink.remove_tree(copy)


def test_copytree_into_an_existing_directory(tree):
    copy = tree.with_name("copy")
    copy.mkdir()
    with pytest.raises(FileExistsError):
        libreflink.copytree(tree, copy)
    libreflink.copytree(tree, copy, dirs_exist_ok=True)
    assert (copy / "many" / "7").exists()


def test_copytree_enters_no_link(tree):
    (tree.parent / "real").mkdir()
    alias = tree.with_name("alias")
    os.symlink("real", alias)
    with pytest.raises(FileExistsError):
        libreflink.copytree(tree, alias, dirs_exist_ok=True)
    assert os.listdir(alias) == []


def test_copytree_lists_errors_as_shutil_does(clash):
    copy = clash.with_name("copy")
    with pytest.raises(shutil.Error) as caught:
        libreflink.copytree(clash, copy, dirs_exist_ok=True)
    ((src, dst, why),) = caught.value.args[0]
    assert (src, dst) == (str(clash / "many" / "7"), str(copy / "many" / "7"))
    assert "File exists" in why
    assert (copy / "many" / "8").exists()


def test_copytree_never_follows(tree):
    with pytest.raises(ValueError, match="symlinks=False"):
        libreflink.copytree(tree, tree.with_name("copy"), symlinks=False)


def test_copytree_takes_shutils_arguments_in_their_places(tree):
    for number, function in enumerate((shutil.copy2, libreflink.copy2, libreflink.shutil_copy2, None)):
        copy = tree.with_name(f"copy {number}")
        copy.mkdir()
        libreflink.copytree(tree, copy, True, shutil.ignore_patterns("many"), function, False, True)
        assert "second name" in os.listdir(copy)
        assert "many" not in os.listdir(copy)
    with pytest.raises(ValueError, match="copy_function"):
        libreflink.copytree(tree, tree.with_name("none"), copy_function=shutil.copy)
    assert not tree.with_name("none").exists()


def test_move_with_copytree_in_the_place_of_shutils(tree, monkeypatch):
    calls = []

    def elsewhere(*names):
        raise OSError(errno.EXDEV, "elsewhere", *names)

    def copytree(*arguments, **options):
        calls.append(arguments)
        return libreflink.copytree(*arguments, **options)

    monkeypatch.setattr(os, "rename", elsewhere)
    monkeypatch.setattr(shutil, "copytree", copytree)
    shutil.move(tree, tree.with_name("moved"))
    assert len(calls) == 1
    assert os.listdir(tree.parent) == ["moved"]


def test_what_ignore_raises_is_raised(tree):
    def ignore(_where, _names):
        raise StopError

    with pytest.raises(StopError):
        libreflink.copytree(tree, tree.with_name("copy"), ignore=ignore)
    assert os.listdir(tree.parent) == ["tree"]
