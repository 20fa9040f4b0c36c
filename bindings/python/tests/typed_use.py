"""How a typed program uses the package: only checked by mypy, never run."""

import os
import pathlib
import shutil
from typing import Optional

import libreflink


def copies(src: pathlib.Path, dst: str, raw: bytes) -> libreflink.Result:
    shutil.copytree(src, dst, copy_function=libreflink.copy2)
    shutil.move(os.fspath(src), dst, copy_function=libreflink.copy)
    shutil.copyfile = libreflink.shutil_copyfile
    copied: pathlib.Path = libreflink.shutil_copyfile(dst, src)
    with open(copied, "rb") as one, open(dst, "r+b", buffering=0) as other:
        libreflink.copyfile_range(one, other, 4096, 0, mode="never")
        libreflink.copyfd(one.fileno(), other, progress=print)
    libreflink.copyfile(raw, src, preserve=("times", "owner"), durable=True)
    return libreflink.copyfile(src, dst, mode="always", replace=True)


def questions(where: pathlib.Path) -> Optional[int]:
    found = libreflink.probe(where, source=b"file")
    try:
        libreflink.copyfile(where, "b")
    except libreflink.NotCloneable as error:
        reason: libreflink.Reason = error.reason
        return int(reason)
    return found.granularity if found.clone else found.errno


def trees(src: pathlib.Path, dst: bytes) -> int:
    shutil.rmtree(libreflink.copytree(src, dst, ignore=shutil.ignore_patterns("*.o"), dirs_exist_ok=True))
    libreflink.copy_tree(src, dst, filter=lambda entry: entry.depth < 2 or "empty", replace=True)
    done: libreflink.TreeResult = libreflink.copy_tree(src, dst, on_error=lambda entry: entry.error is None)
    return done.files + libreflink.remove_tree(dst, progress=lambda now: print(now.entries_done)).directories
