"""Copy-on-write (reflink) copies of files, with a correct fallback, over the C library libreflink.

>>> import libreflink
>>> done = libreflink.copyfile("disk.img", "snapshot.img")          # doctest: +SKIP
>>> done.method, done.bytes_cloned                               # doctest: +SKIP
(<Method.CLONE: 1>, 10737418240)

Where the file system can, a copy shares its blocks with the source and takes no space until one of both is
written; where it cannot, the bytes are copied. The destination's name never shows a part of a file.
"""

from ._copy import copyfd, copyfile, copyfile_range, probe
from ._dedupe import Deduped, dedupe
from ._native import library_path, library_version
from ._sharing import Comparison, Extent, ExtentKind, Extents, Sharing, Verdict, extents, shared
from ._shutil import copy, copy2, copytree, shutil_copy, shutil_copy2, shutil_copyfile
from ._tree import Entry, EntryKind, Phase, TreeProgress, TreeResult, copy_tree, remove_tree
from ._types import Capability, Method, NotCloneable, Reason, Result, Step

__all__ = [
    "Capability",
    "Comparison",
    "Deduped",
    "Entry",
    "EntryKind",
    "Extent",
    "ExtentKind",
    "Extents",
    "Method",
    "NotCloneable",
    "Phase",
    "Reason",
    "Result",
    "Sharing",
    "Step",
    "TreeProgress",
    "TreeResult",
    "Verdict",
    "copy",
    "copy2",
    "copy_tree",
    "copyfd",
    "copyfile",
    "copyfile_range",
    "copytree",
    "dedupe",
    "extents",
    "library_path",
    "library_version",
    "probe",
    "remove_tree",
    "shared",
    "shutil_copy",
    "shutil_copy2",
    "shutil_copyfile",
]
