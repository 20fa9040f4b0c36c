"""The package itself: its numbers against the header's, where it finds the library, and what it says of itself."""

from __future__ import annotations

import importlib.metadata
import inspect
import os
import re
import shutil
import subprocess
import sys
import typing

import pytest

import libreflink
from libreflink import _copy, _errors, _types
from libreflink._cffi import ffi
from libreflink._native import lib


def header(name: str) -> int:
    return getattr(lib, "REFLINK_" + name)


@pytest.mark.parametrize("kind", [libreflink.Method, libreflink.Reason, libreflink.Step])
def test_the_numbers_are_the_headers(kind):
    prefix = f"REFLINK_{kind.__name__.upper()}_"
    there = {name[len(prefix) :]: getattr(lib, name) for name in dir(lib) if name.startswith(prefix)}
    here = {name: value.value for name, value in kind.__members__.items() if name != "UNKNOWN"}
    assert here == there


def test_the_other_numbers_too():
    assert {name.upper(): value for name, value in _copy._MODES.items()} == {
        name: header(name) for name in ("AUTO", "ALWAYS", "NEVER")
    }
    assert _copy._PRESERVE == {name: header("PRESERVE_" + name.upper()) for name in ("times", "owner", "xattrs", "acl")}
    assert (_copy._REPLACE, _copy._DURABLE) == (header("REPLACE"), header("DURABLE"))
    assert (_copy._NOFOLLOW, _copy._BEST_EFFORT_METADATA) == (
        header("NOFOLLOW"),
        header("BEST_EFFORT_METADATA"),
    )
    assert (_types._SOURCE_CHANGED, _types._METADATA_INCOMPLETE) == (
        header("SOURCE_CHANGED"),
        header("METADATA_INCOMPLETE"),
    )
    own = {name[len("REFLINK_ERR") :]: getattr(lib, name) for name in dir(lib) if name.startswith("REFLINK_ERR_")}
    assert own == {name: getattr(_errors, name) for name in own}
    assert all(lib.reflink_errno(code) > 0 for code in own.values())


def test_a_newer_library_may_know_more():
    assert libreflink.Method(99) is libreflink.Method.UNKNOWN
    assert libreflink.Reason(99) is libreflink.Reason.UNKNOWN
    raw = ffi.new("struct reflink_result *", {"method": 99, "reason": 99, "step": 99})
    result = libreflink.Result.from_c(raw)
    assert result.method is libreflink.Method.UNKNOWN
    assert result.reason is libreflink.Reason.UNKNOWN
    assert result.step is libreflink.Step.UNKNOWN


def test_no_constant_of_the_header_is_unknown_to_cffi():
    assert ffi.sizeof("struct reflink_options") == 64
    assert ffi.sizeof("struct reflink_result") == 96


def test_it_is_documented_and_typed():
    for name in libreflink.__all__:
        thing = getattr(libreflink, name)
        assert inspect.getdoc(thing), name
    for name in ("copyfile", "copyfile_range", "copyfd", "copy", "copy2", "shutil_copyfile"):
        assert getattr(libreflink, name).__annotations__["return"]
    assert os.path.exists(os.path.join(os.path.dirname(libreflink.__file__), "py.typed"))
    assert typing.get_type_hints(_types.Result)["method"] is libreflink.Method


@pytest.mark.parametrize("name", ["copy", "copy2", "shutil_copyfile"])
def test_the_signatures_are_shutils(name):
    def shape(function):
        return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]

    assert shape(getattr(libreflink, name)) == shape(getattr(shutil, name.removeprefix("shutil_")))


def test_the_versions_agree():
    assert ".".join(map(str, libreflink.library_version())) == importlib.metadata.version("libreflink")
    assert lib.REFLINK_VERSION_MAJOR == libreflink.library_version()[0]


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_says_so_when_there_is_no_library():
    done = run("import libreflink", LIBREFLINK="/nowhere/libreflink.so")
    assert done.returncode == 1
    assert "ImportError: libreflink.so.0 (libreflink) is neither bundled" in done.stderr
    assert "/nowhere/libreflink.so" in done.stderr


def test_the_library_of_the_system_is_found(tmp_path):
    """Without the bundled one, as a distribution's package would have it."""
    package = os.path.dirname(libreflink.__file__)
    site = tmp_path / "site"
    shutil.copytree(package, site / "libreflink", ignore=shutil.ignore_patterns("_lib", "__pycache__"))
    system = tmp_path / "lib"
    system.mkdir()
    path = libreflink.library_path()
    if not os.path.isabs(path):
        pytest.skip("nothing is bundled with this one")
    shutil.copy(path, system / "libreflink.so.0")
    code = "import libreflink, os; print(libreflink.__file__, libreflink.library_path(), libreflink.library_version())"
    path_of_both = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    found = run(code, PYTHONPATH=path_of_both, LD_LIBRARY_PATH=str(system))
    version = libreflink.library_version()
    assert found.stdout == f"{site}/libreflink/__init__.py libreflink.so.0 {version}\n", found.stderr
    missing = run(code, PYTHONPATH=path_of_both, LD_LIBRARY_PATH=str(tmp_path))
    if re.search("neither bundled", missing.stderr) is None:
        assert "libreflink.so.0" in missing.stdout  # the system does have one installed


def test_the_library_is_used_after_fork_and_in_a_pool(tmp_path):
    code = (
        "import os, libreflink, sys\n"
        "pid = os.fork()\n"
        "libreflink.copyfile(sys.argv[0] if False else '/etc/passwd', f'{os.environ[\"D\"]}/{pid == 0}')\n"
        "os._exit(0) if pid == 0 else sys.exit(os.waitpid(pid, 0)[1])\n"
    )
    done = run(code, D=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(os.listdir(tmp_path)) == ["False", "True"]
