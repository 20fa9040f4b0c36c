"""Run CPython's own test_shutil with parts of shutil replaced by this package; print each test's outcome as JSON.

usage: shutil_conformance.py original|copyfile|in-place|copy|copytree
(a program, called by test_shutil.py in a directory of its own)
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import unittest

import libreflink


def replace_defaults(function, old, new) -> None:
    function.__defaults__ = tuple(new if value is old else value for value in function.__defaults__)


def copytree(src, dst, symlinks=False, *arguments, **options):
    """Call the package's function with shutil's arguments, except that it never follows links."""
    return libreflink.copytree(src, dst, True, *arguments, **options)


def replace(what: str) -> None:
    if what == "copyfile":
        shutil.copyfile = libreflink.shutil_copyfile
    elif what in ("copy", "in-place"):
        in_place = libreflink.shutil_copy, libreflink.shutil_copy2
        copy, copy2 = (libreflink.copy, libreflink.copy2) if what == "copy" else in_place
        for function in (shutil.copytree, shutil.move):
            replace_defaults(function, shutil.copy2, copy2)
        shutil.copy, shutil.copy2 = copy, copy2
    elif what == "copytree":
        shutil.copytree = copytree
    elif what != "original":
        raise SystemExit(__doc__)


class Outcomes(unittest.TextTestResult):
    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.of: dict[str, str] = {}

    def stopTest(self, test) -> None:  # noqa: N802 - unittest's name
        name = test.id().split("test_shutil.")[-1]
        self.of.setdefault(name, "ok")
        super().stopTest(test)

    def note(self, test, outcome: str) -> None:
        self.of[test.id().split("test_shutil.")[-1]] = outcome

    def addError(self, test, err) -> None:  # noqa: N802
        super().addError(test, err)
        self.note(test, f"{err[0].__name__}: {err[1]}")

    def addFailure(self, test, err) -> None:  # noqa: N802
        super().addFailure(test, err)
        self.note(test, f"{err[0].__name__}: {err[1]}")

    def addSkip(self, test, reason) -> None:  # noqa: N802
        super().addSkip(test, reason)
        self.note(test, "skipped")


def main() -> None:
    from test import test_shutil

    replace(sys.argv[1])
    suite = unittest.defaultTestLoader.loadTestsFromModule(test_shutil)
    runner = unittest.TextTestRunner(stream=io.StringIO(), resultclass=Outcomes)
    json.dump(runner.run(suite).of, sys.stdout)


if __name__ == "__main__":
    main()
