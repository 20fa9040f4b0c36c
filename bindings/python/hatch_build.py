"""Puts into the wheel what Python alone cannot make: the built library, and cffi's tables of libreflink.h.

No compiler is needed to use the wheel; to build it: cargo and cc, or a library that is named by
LIBREFLINK_BUILT (a path). LIBREFLINK_BUILT=system bundles none: the package then loads the system's.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: What a source distribution carries of the repository, under crate/. Tests, benches and examples are there
#: only because Cargo.toml may name them.
CRATE = ["Cargo.toml", "Cargo.lock", "build.rs", "src", "include", "LICENSE-MIT", "LICENSE-APACHE"]
CRATE_TARGETS = ["tests", "benches", "examples"]


def crate_of(root: Path) -> Path:
    """Find the crate: two levels up in the repository, beside us in a source distribution."""
    for there in (root / "crate", root.parent.parent):
        if (there / "include" / "libreflink.h").exists():
            return there
    raise FileNotFoundError("the sources of libreflink are neither in crate/ nor in ../..")


def declarations(header: Path) -> str:
    """Make what cffi can read of the header: its declarations after the preprocessor, and its plain constants.

    cffi knows the types of stddef.h and stdint.h, so that these are left empty.
    """
    with tempfile.TemporaryDirectory() as empty:
        for name in ("stddef.h", "stdint.h"):
            Path(empty, name).touch()
        compiler = os.environ.get("CC", "cc").split()
        command = [*compiler, "-E", "-P", "-undef", "-nostdinc", "-I", empty, str(header)]
        code = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    constants = re.findall(r"^#define (REFLINK_\w+) (-?\d+|0x[0-9a-f]+(?:ULL)?)$", header.read_text(), re.MULTILINE)
    return "".join(f"#define {name} {value}\n" for name, value in constants) + code


def write_tables(header: Path, target: Path) -> None:
    """Write the module that `libreflink._native` loads the library with."""
    from cffi import FFI  # noqa: PLC0415 - needed for a wheel only

    maker = FFI()
    maker.cdef(declarations(header))
    maker.set_source("libreflink._cffi", None)
    maker.emit_python_code(str(target))


def build_library(crate: Path) -> Path:
    """Build the library as the repository's Makefile does."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", crate / "target"))
    command = [os.environ.get("CARGO", "cargo"), "build", "--release", "--locked"]
    subprocess.run(command, cwd=crate, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
    return target / "release" / "libreflink.so"


#: e_machine of the ELF header: the library may be of another processor than this one.
MACHINES = {62: "x86_64", 183: "aarch64"}


def platform_tag(library: Path) -> str:
    """Name the oldest C library that this one runs with: glibc by the symbol versions that are asked for (PEP 600)."""
    code = library.read_bytes()
    machine = MACHINES.get(int.from_bytes(code[18:20], "little"), platform.machine())
    versions = re.findall(rb"GLIBC_(\d+)\.(\d+)(?=[.\0])", code)
    if not versions:
        # Only musl calls itself so. It has no symbol versions; zig's is of 1.2 (PEP 656).
        return f"{'musllinux_1_2' if bytes(1) + b'libc.so' + bytes(1) in code else 'linux'}_{machine}"
    major, minor = max((int(major), int(minor)) for major, minor in versions)
    return f"manylinux_{major}_{minor}_{machine}"


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """hatchling's hook for both kinds of distribution."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files."""
        crate = crate_of(Path(self.root))
        add = build_data["force_include"]
        if self.target_name == "sdist":
            for name in CRATE + [name for name in CRATE_TARGETS if (crate / name).exists()]:
                add[str(crate / name)] = f"crate/{name}"
            for licence in ("LICENSE-MIT", "LICENSE-APACHE"):  # links in the repository
                add[str(crate / licence)] = licence
            return
        self.made = tempfile.mkdtemp()
        tables = Path(self.made, "_cffi.py")
        write_tables(crate / "include" / "libreflink.h", tables)
        add[str(tables)] = "libreflink/_cffi.py"
        if version == "editable":
            return
        built = os.environ.get("LIBREFLINK_BUILT", "")
        if built == "system":
            build_data["pure_python"] = True
            return
        library = Path(built) if built else build_library(crate)
        add[str(library)] = "libreflink/_lib/libreflink.so.0"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag(library)}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was only made for the wheel."""
        if getattr(self, "made", None):
            shutil.rmtree(self.made)
