"""Whole trees: trees.py KIND DIRECTORY COPY_TREE PEERS SAMPLES. Makes each tree, has it copied by everybody in turn, and appends
a line for each copy: file system, tree, who, seconds (wall-clock; user and system), or what failed. QUICK=1: small trees, to see
that all of it runs."""

import os
import random
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 5
# No more rounds of a tree after so many seconds. There are two in any case.
ENOUGH = 25
# How long to wait after a removal.
SETTLE = 0.4
# A copy that takes longer is stopped.
TOO_LONG = 60
BYTES = random.Random(1).randbytes(1 << 20)
QUICK = bool(os.environ.get("QUICK"))


def few(number):
    return number // 20 if QUICK else number


def write(path, size):
    begin = random.randrange(len(BYTES) - size)
    path.write_bytes(BYTES[begin : begin + size])


def many_directories(root):
    for directory in range(few(200)):
        inside = root / f"directory-{directory:03}"
        inside.mkdir()
        for file in range(100):
            write(inside / f"file-{file:02}", 8 << 10)


def packages(root):
    """As a node_modules is: small files, few in a directory."""
    places = []
    for number in range(few(8000)):
        parent = root if number < few(800) else places[random.randrange(len(places))]
        places.append(parent / f"package-{number}")
        places[-1].mkdir()
    files = []
    for number in range(few(40000)):
        files.append(random.choice(places) / f"module-{number}.js")
        write(files[-1], min(int(random.lognormvariate(7.3, 1.3)), 200 << 10))
    for number in range(few(116)):
        (places[number] / "link").symlink_to("../somewhere")
    for number, file in enumerate(random.sample(files, few(400))):
        os.link(file, places[number] / "same")


def one_directory(root):
    for file in range(few(20000)):
        write(root / f"file-{file:05}", 8 << 10)


def sparse(root):
    for number in range(few(200)):
        with open(root / f"image-{number}", "wb") as file:
            for piece in range(32):
                file.seek(piece * (50 << 20) // 32)
                file.write(BYTES[: 16 << 10])
            file.truncate(50 << 20)


def deep(root):
    """Its path is longer than PATH_MAX: made by names in open directories."""
    here = os.open(root, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("level", dir_fd=here)
        below = os.open("level", os.O_RDONLY, dir_fd=here)
        os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=below))
        os.close(here)
        here = below
    os.close(here)


TREES = {
    "a": many_directories,
    "b": packages,
    "c": one_directory,
    "d": sparse,
    "e": deep,
}


def contenders(kind, copy_tree, peers):
    reflink = "always" if kind in ("xfs", "btrfs") else "auto"
    python = "import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[2], symlinks=True)"
    return {
        "cp -a": ["cp", "-a", f"--reflink={reflink}"],
        "libreflink, 1 thread": [copy_tree, "-pq"],
        "libreflink, 2 threads": [copy_tree, "-pq", "-t", "2"],
        "libreflink, data alone, 1 thread": [copy_tree, "-q"],
        "libreflink, data alone, 2 threads": [copy_tree, "-q", "-t", "2"],
        "bare calls, 1 thread": [f"{peers}/bin/bare_tree", "1"],
        "bare calls, 2 threads": [f"{peers}/bin/bare_tree", "2"],
        "cpz": [f"{peers}/bin/cpz"],
        "xcp": [f"{peers}/bin/xcp", "-r", "-T", "--no-progress", "--workers", "2"],
        "rsync": ["rsync", "-aHAX"],
        "shutil.copytree": [sys.executable, "-c", python],
    }


# So slow that one round is enough.
ONCE = ("rsync", "shutil.copytree")


def fills_holes(who, kind):
    """Tree d would then take 10 GB."""
    return who in ONCE or (who.startswith(("bare", "cpz", "xcp")) and kind not in ("xfs", "btrfs"))


def cpu_of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(command, source, copy):
    """Wall-clock and CPU time, or what is wrong."""
    if "rsync" in command[0]:
        source = f"{source}/"
    before, begin = cpu_of_children(), time.perf_counter()
    try:
        outcome = subprocess.run([*command, source, copy], capture_output=True, timeout=TOO_LONG)
    except subprocess.TimeoutExpired:
        return f"stopped after {TOO_LONG} s"
    wall, cpu = time.perf_counter() - begin, cpu_of_children() - before
    if outcome.returncode != 0:
        return "fails"
    return f"{wall:.4f}\t{cpu:.4f}"


def measure(kind, name, source, copy, commands, samples):
    deadline = time.monotonic() + (0 if QUICK else ENOUGH)
    failed = set()
    for round_ in range(ROUNDS):
        if round_ >= 2 and time.monotonic() > deadline:
            return
        order = [who for who in commands if who not in failed and (round_ == 0 or who not in ONCE)]
        random.shuffle(order)
        for who in order:
            result = run(commands[who], source, copy)
            samples.write(f"{kind}\t{name}\t{who}\t{result}\n")
            samples.flush()
            if "\t" not in result:
                failed.add(who)
            remove(copy)


def remove(tree):
    """And writes what that changed, so that nobody's next copy waits for it. XFS (since Linux 5.14) and Btrfs free what was
    removed in the background: on d, copies that began meanwhile took up to four times as long as others."""
    subprocess.run(["rm", "-rf", tree], check=True)
    subprocess.run(["sync", "-f", os.path.dirname(tree)], check=True)
    time.sleep(0 if QUICK else SETTLE)


def main():
    kind, directory, copy_tree, peers, samples = sys.argv[1:]
    commands = contenders(kind, copy_tree, peers)
    there = {who: command for who, command in commands.items() if shutil.which(command[0])}
    for who in commands.keys() - there.keys():
        print(f"bench: no {who} here: SKIPPED", file=sys.stderr)
    random.seed(1)
    with open(samples, "a", encoding="utf-8") as file:
        for name, make in TREES.items():
            source, copy = Path(directory) / f"tree-{name}", f"{directory}/copy"
            source.mkdir()
            make(source)
            os.sync()
            chosen = {who: it for who, it in there.items() if name != "d" or not fills_holes(who, kind)}
            measure(kind, name, str(source), copy, chosen, file)
            remove(str(source))


if __name__ == "__main__":
    main()
