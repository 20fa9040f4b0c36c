"""How a typed program uses the package: only checked by mypy, never run."""

import os
import pathlib
import shutil
from typing import Optional

import reflink


def copies(src: pathlib.Path, dst: str, raw: bytes) -> reflink.Result:
    shutil.copytree(src, dst, copy_function=reflink.copy2)
    shutil.move(os.fspath(src), dst, copy_function=reflink.copy)
    shutil.copyfile = reflink.shutil_copyfile
    copied: pathlib.Path = reflink.shutil_copyfile(dst, src)
    with open(copied, "rb") as one, open(dst, "r+b", buffering=0) as other:
        reflink.copyfile_range(one, other, 4096, 0, mode="never")
        reflink.copyfd(one.fileno(), other, progress=print)
    reflink.copyfile(raw, src, preserve=("times", "owner"), durable=True)
    return reflink.copyfile(src, dst, mode="always", replace=True)


def questions(where: pathlib.Path) -> Optional[int]:
    found = reflink.probe(where, source=b"file")
    try:
        reflink.copyfile(where, "b")
    except reflink.NotCloneable as error:
        reason: reflink.Reason = error.reason
        return int(reason)
    return found.granularity if found.clone else found.errno
