"""Progress, cancelling, signals and threads."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import libreflink

LARGE = 100 << 20


@pytest.fixture
def large(plain):
    """A file that takes several steps to copy."""
    with open(plain / "a", "wb") as file:
        for _ in range(LARGE >> 20):
            file.write(os.urandom(1 << 20))
    return plain / "a"


class StopError(Exception):
    pass


@pytest.mark.parametrize("error", [None, StopError])
def test_nothing_is_left_for_the_collector(tmp_path, error):
    (tmp_path / "a").write_text("x")
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(StopError):
            libreflink.copyfile(tmp_path / "a", tmp_path / "b", progress=mock_progress(error))
        assert gc.collect() == 0
    finally:
        gc.enable()


def mock_progress(error):
    def progress(_done, _total):
        if error is not None:
            raise error

    return progress


def test_it_counts_from_0_to_the_length(large):
    seen = []
    libreflink.copyfile(large, large.with_name("b"), progress=lambda done, total: seen.append((done, total)))
    assert seen[0][0] == 0
    assert seen[-1] == (LARGE, LARGE)
    assert seen == sorted(seen)
    assert len(seen) >= LARGE // (16 << 20)


@pytest.mark.parametrize("at", [0, 1, LARGE])
def test_what_it_raises_is_raised_after_the_copy_is_gone(large, at):
    def stop(done, _total):
        if done >= at:
            raise StopError(done)

    with pytest.raises(StopError):
        libreflink.copyfile(large, large.with_name("b"), progress=stop)
    assert os.listdir(large.parent) == ["a"]
    with open(large, "rb") as src, open(large.with_name("c"), "wb") as dst, pytest.raises(StopError):
        libreflink.copyfile_range(src, dst, progress=stop)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_not_only_exceptions(large, error):
    def stop(_done, _total):
        raise error

    with pytest.raises(error):
        libreflink.copyfile(large, large.with_name("b"), progress=stop)
    assert os.listdir(large.parent) == ["a"]


def test_a_large_clone_can_be_cancelled(cow):
    with open(cow / "a", "wb") as file:
        file.truncate(3 << 30)
        file.write(b"x")

    def stop(done, _total):
        if done >= 1 << 30:
            raise StopError(done)

    with pytest.raises(StopError):
        libreflink.copyfile(cow / "a", cow / "b", progress=stop)
    assert os.listdir(cow) == ["a"]


# In a process of its own: the signal arrives while the library copies, so that its Python handler runs on the way
# into the progress function, before any line of it. ctypes would print the exception there and lose it.
INTERRUPTED = textwrap.dedent("""
    import os, signal, sys, libreflink
    src, dst, number, handler = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    class Timeout(Exception): pass
    def raising(*_): raise Timeout
    if handler == "raising":
        signal.signal(number, raising)
    calls = 0
    def progress(done, total):
        global calls
        calls += 1
        if calls == 2:
            pid = os.fork()
            if pid == 0:
                os.kill(os.getppid(), number)
                os._exit(0)
            # Back to the library at once: the signal comes when it will.
    try:
        while True:
            libreflink.copyfile(src, dst, progress=progress)
            os.unlink(dst)
            calls = 10
    except (KeyboardInterrupt, Timeout) as error:
        print(type(error).__name__, sorted(os.listdir(os.path.dirname(dst))))
""")


@pytest.mark.parametrize(
    ("number", "handler", "expected"),
    [(signal.SIGINT, "default", "KeyboardInterrupt"), (signal.SIGALRM, "raising", "Timeout")],
)
def test_a_signal_handler_that_raises_cancels(large, number, handler, expected):
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", INTERRUPTED, large, large.with_name("b"), str(int(number)), handler],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.stdout, done.stderr) in [
            (f"{expected} ['a']\n", ""),
            (f"{expected} ['a', 'b']\n", ""),  # it came when the copy was complete
        ]
        if os.path.exists(large.with_name("b")):
            assert os.path.getsize(large.with_name("b")) == LARGE
            os.unlink(large.with_name("b"))


def test_a_signal_that_waits_when_the_library_calls_back(large):
    """The case itself, made certain: sent as soon as the library has the thread, pending when it calls back."""
    copying, calls = threading.Event(), []
    main = threading.get_ident()

    def send():
        copying.wait()  # this thread goes on when the other lets go of the interpreter, in the library
        signal.pthread_kill(main, signal.SIGINT)

    def progress(done, _total):
        calls.append(done)
        copying.set()

    thread = threading.Thread(target=send)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        libreflink.copyfile(large, large.with_name("b"), mode="never", progress=progress)
    thread.join()
    assert os.listdir(large.parent) == ["a"]
    assert 1 <= len(calls) < 5


def test_other_threads_run_meanwhile(large):
    ticks, stop = 0, threading.Event()

    def tick():
        nonlocal ticks
        while not stop.is_set():
            ticks += 1
            time.sleep(0.0005)

    thread = threading.Thread(target=tick)
    thread.start()
    before = ticks
    began = time.monotonic()
    libreflink.copyfile(large, large.with_name("b"), mode="never", durable=True)
    took, during = time.monotonic() - began, ticks - before
    stop.set()
    thread.join()
    assert during > took * 100  # held, the lock would let it tick once


def test_many_threads_at_once(cow, make):
    data = make(cow / "a", 300_000)
    failed = []

    def copy(number):
        try:
            seen = []
            libreflink.copyfile(cow / "a", cow / f"b{number}", progress=lambda done, _total: seen.append(done))
            assert seen[-1] == 300_000
            assert (cow / f"b{number}").read_bytes() == data
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=copy, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(os.listdir(cow)) == 17
