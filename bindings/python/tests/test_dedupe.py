"""Equal files come to share, and different ones do not."""

from __future__ import annotations

import os

import pytest

import libreflink

SIZE = 65536


def pair(where, change=None):
    content = os.urandom(SIZE)
    (where / "from").write_bytes(content)
    other = bytearray(content)
    if change is not None:
        other[change] ^= 1
    (where / "to").write_bytes(other)
    return open(where / "from", "rb"), open(where / "to", "rb")


def test_equal_files_come_to_share(cow):
    a, b = pair(cow)
    with a, b:
        done = libreflink.dedupe(a, b, verify=True, durable=True)
        assert done
        assert (done.bytes_deduped, done.bytes_verified, done.first_difference) == (SIZE, SIZE, None)
        assert libreflink.shared(a, b)
        assert libreflink.dedupe(a, b).bytes_already == SIZE
        assert libreflink.dedupe(a, b, look=False).bytes_deduped == SIZE
        assert b.read() == a.read()


def test_a_difference_is_an_answer(cow):
    a, b = pair(cow, 20000)
    with a, b:
        done = libreflink.dedupe(a, b)
        assert not done
        assert done.first_difference == 20000
        assert done.bytes_not_reached > 0
        done = libreflink.dedupe(a, b, past_differences=True)
        assert done.bytes_not_reached == 0
        assert done.bytes_deduped + done.bytes_already + done.bytes_different == SIZE


def test_refusals_and_what_progress_raises(cow, plain):
    a, b = pair(cow)
    with a, b:

        def stop(_done, _total):
            raise KeyError("mine")

        with pytest.raises(KeyError):
            libreflink.dedupe(a, b, progress=stop)
        with pytest.raises(ValueError, match="negative"):
            libreflink.dedupe(a, b, offset_src=-1)
        (plain / "there").write_bytes(b"x" * SIZE)
        with open(plain / "there", "rb") as there, pytest.raises(OSError) as caught:
            libreflink.dedupe(a, there)
    assert (caught.value.result.length, caught.value.result.bytes_deduped) == (SIZE, 0)
    a, b = pair(plain)
    with a, b, pytest.raises(OSError):
        libreflink.dedupe(a, b)
