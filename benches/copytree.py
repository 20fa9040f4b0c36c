"""Python's copytree: copytree.py KIND DIRECTORY, run by a Python that has libreflink. Prints a row of the table in bindings/python/README.md:
CPU time for an entry in microseconds, the least of five rounds in which all take turns. 50 directories of 100 files of 8 KiB."""

import os
import random
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import libreflink

ROUNDS = 5
DIRECTORIES, FILES = 50, 100
CLONES = ("xfs", "btrfs")


def make(tree):
    for number in range(DIRECTORIES):
        directory = tree / str(number)
        directory.mkdir(parents=True)
        for name in range(FILES):
            (directory / str(name)).write_bytes(random.randbytes(8192))
    os.sync()


def contenders(kind):
    def cp(reflink):
        return lambda source, copy: subprocess.run(["cp", "-a", f"--reflink={reflink}", source, copy], check=True)

    return {
        "shutil.copytree": lambda source, copy: shutil.copytree(source, copy, symlinks=True),
        "shutil.copytree, copy2": lambda source, copy: shutil.copytree(
            source, copy, symlinks=True, copy_function=libreflink.copy2
        ),
        "copytree": libreflink.copytree,
        "copytree, never": lambda source, copy: libreflink.copytree(source, copy, mode="never"),
        "copytree, ignore": lambda source, copy: libreflink.copytree(
            source, copy, ignore=shutil.ignore_patterns("*.none")
        ),
        "cp -a": cp("always" if kind in CLONES else "auto"),
        "cp -a, never": cp("never"),
    }


def cpu_time():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(copy_tree, source, copy):
    before = cpu_time()
    copy_tree(source, copy)
    took = cpu_time() - before
    subprocess.run(["rm", "-rf", copy], check=True)
    subprocess.run(["sync", "-f", os.path.dirname(copy)], check=True)
    time.sleep(0.3)  # XFS and Btrfs free what was removed in the background
    return took


def main():
    kind, directory = sys.argv[1:]
    source, copy = f"{directory}/source", f"{directory}/copy"
    make(Path(source))
    who = contenders(kind)
    best = dict.fromkeys(who, float("inf"))
    for _ in range(ROUNDS):
        for name in random.sample(list(who), len(who)):
            best[name] = min(best[name], measure(who[name], source, copy))
    entries = DIRECTORIES * (FILES + 1) + 1
    print(kind, *(f"{name}: {took / entries * 1e6:.0f}" for name, took in best.items()), sep=", ")
    shutil.rmtree(source)


if __name__ == "__main__":
    main()
