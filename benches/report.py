"""Writes docs/performance.md and its plots from the samples of a run: report.py WORK DOCS.
The prose is performance.template.md; {{NAME}} in it becomes a table or a sentence made here."""

import re
import statistics
import sys
from pathlib import Path

import plot
import targets
from samples import Samples

CLONING, COPYING = ["xfs", "btrfs"], ["ext4", "tmpfs"]
TITLES = {"xfs": "XFS", "btrfs": "Btrfs", "ext4": "ext4", "tmpfs": "tmpfs"}
SMALL_PEERS = [
    "bare direct", "bare direct, again", "libreflink DIRECT", "libuv", "reflink-copy", "bare, unchecked",
    "bare atomic", "libreflink",
]  # fmt: skip
BIG_PEERS = [
    "libreflink DIRECT", "libreflink", "cp", "bare direct", "libuv", "reflink-copy", "shutil.copyfile",
]  # fmt: skip


def table(head, rows):
    rows = [["" if cell is None else str(cell) for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def time_cell(samples, key, peer):
    median = samples.median(key, peer)
    if median is None:
        return None
    return f"{plot.time_name(median)} ({plot.time_name(samples.minimum(key, peer))})"


def there(samples, fs):
    return any(key[2] == fs for key in samples.times)


def machine(facts):
    order = [
        "date", "amount", "cpu", "cores", "memory", "virtual", "kernel", "load", "where", "libreflink", "commit",
        "libuv", "reflink-copy", "cp", "Python", "xfsprogs", "btrfs-progs", "e2fsprogs",
    ]  # fmt: skip
    return table(["", ""], [[name, facts[name]] for name in order if name in facts])


def small(samples, systems, base):
    parts = []
    for fs in systems:
        sizes = samples.sizes("small", "call", fs)
        if not sizes:
            continue
        rows = []
        for peer in SMALL_PEERS:
            cells = [peer]
            for size in sizes:
                key = ("small", "call", fs, size)
                ratio = samples.ratio(key, peer, base)
                cells += [time_cell(samples, key, peer), ratio.short() if ratio else None]
            rows.append(cells)
        head = [TITLES[fs]] + [word for size in sizes for word in (plot.size_name(size), "ratio")]
        parts.append(table(head, rows))
    return "\n\n".join(parts)


def batches(samples):
    peers = ["libreflink DIRECT", "libreflink", "cp", "shutil.copyfile"]
    rows = []
    for case in ("small", "tiny"):
        for fs in CLONING + COPYING:
            for size in samples.sizes(case, "batch", fs):
                key = (case, "batch", fs, size)
                ratio = samples.ratio(key, "libreflink", "cp")
                cpu = samples.cpu_ratio(key, "libreflink", "cp")
                cells = [time_cell(samples, key, peer) for peer in peers]
                rows.append([TITLES[fs], plot.size_name(size), *cells, ratio.short(), cpu.short() if cpu else None])
    return table(["", "size", *peers, "libreflink / cp", "CPU time"], rows)


def start(samples):
    rows = []
    for fs in CLONING + COPYING:
        key = ("start", "call", fs, 4096)
        if key in samples.times:
            rows.append([TITLES[fs], time_cell(samples, key, "libreflink"), time_cell(samples, key, "cp")])
    return table(["", "a call of libreflink", "a process: cp"], rows)


def counts(samples):
    peers = list(dict.fromkeys(p for key, notes in samples.notes.items() if key[0] == "count" for p, _ in notes))
    systems = [fs for fs in CLONING + COPYING if ("count", "call", fs, 4096) in samples.notes]
    rows = []
    for peer in peers:
        notes = [samples.notes["count", "call", fs, 4096] for fs in systems]
        rows.append([peer, *(f"{n[peer, 'calls']:.0f} / {n[peer, 'instructions']:.0f}" for n in notes)])
    return table(["", *(TITLES[fs] for fs in systems)], rows)


def steps(samples):
    systems = [fs for fs in CLONING + COPYING if ("steps", "call", fs, 4096) in samples.times]
    rows = []
    for step in samples.times["steps", "call", systems[0], 4096]:
        cells = [step]
        for fs in systems:
            key = ("steps", "call", fs, 4096)
            more = samples.median(key, step) - samples.median(key, "bare direct")
            cells.append(f"{more / 1e3:+.2f} µs, {samples.ratio(key, step, 'bare direct').value:.3f}")
        rows.append(cells)
    return table(["", *(TITLES[fs] for fs in systems)], rows)


def big(samples, case):
    parts = []
    for fs in CLONING + COPYING:
        for size in samples.sizes(case, "call", fs):
            key = (case, "call", fs, size)
            rows = []
            for peer in [*BIG_PEERS, "libreflink NEVER", "cp --reflink=never"]:
                if samples.median(key, peer) is None:
                    continue
                reference = "cp" if "cp" in samples.times[key] else "cp --reflink=never"
                cpu = samples.cpu_ratio(key, peer, reference)
                kept = samples.notes[key].get((peer, "allocated"))
                space = plot.size_name(round(kept / 2**20 * 10) / 10 * 2**20) if kept else "0"
                ratio = samples.ratio(key, peer, reference).short()
                rows.append([peer, time_cell(samples, key, peer), ratio, cpu.short() if cpu else None, space])
            head = [f"{TITLES[fs]}, {plot.size_name(size)}", "median (minimum)", "ratio to cp", "of CPU times", "allocated"]
            parts.append(table(head, rows))
    return "\n\n".join(parts)


def ranges(samples):
    rows = []
    for kind in ("aligned", "congruent", "not congruent"):
        for fs in CLONING + COPYING:
            for size in samples.sizes("range", kind, fs):
                key = ("range", kind, fs, size)
                shared = samples.notes[key]["libreflink", "shared"]
                ratio = samples.ratio(key, "libreflink", "copy_file_range").short()
                times = [time_cell(samples, key, peer) for peer in ("libreflink", "copy_file_range")]
                rows.append([kind, TITLES[fs], plot.size_name(size), *times, ratio, f"{100 * shared / size:.0f} %"])
    return table(["", "", "length", "libreflink", "copy_file_range", "ratio", "shared by libreflink"], rows)


def kernel_copy(samples):
    rows = []
    for fs in COPYING:
        for size in samples.sizes("sizes", "dense", fs):
            key = ("sizes", "dense", fs, size)
            peers = ("libreflink", "libreflink NEVER")
            times = [time_cell(samples, key, peer) for peer in peers]
            rows.append([TITLES[fs], plot.size_name(size), *times, samples.ratio(key, *peers).short()])
    return table(["", "size", "AUTO: copy_file_range", "NEVER: read and write", "ratio"], rows)


VARIANTS = [("dense", "the call"), ("written out", "the call and its write-out"), ("just written", "source just written")]


def clone_against_copy(samples):
    rows = []
    for fs in CLONING:
        for size in samples.sizes("sizes", "dense", fs):
            cells = []
            for variant, _ in VARIANTS:
                key = ("sizes", variant, fs, size)
                ratio = samples.ratio(key, "libreflink", "libreflink NEVER")
                cells.append(f"{plot.time_name(samples.median(key, 'libreflink'))} / "
                             f"{plot.time_name(samples.median(key, 'libreflink NEVER'))} = {ratio.value:.2f}"
                             if ratio else None)  # fmt: skip
            rows.append([TITLES[fs], plot.size_name(size), *cells])
    return table(["", "size", *(words for _, words in VARIANTS)], rows)


def copy_is_cheaper_up_to(samples, fs, variant):
    """The largest size measured at which the copy took less time than the clone, 0 if none."""
    cheaper = 0
    for size in samples.sizes("sizes", variant, fs):
        ratio = samples.ratio(("sizes", variant, fs, size), "libreflink", "libreflink NEVER")
        cheaper = size if ratio and ratio.low > 1 else cheaper
    return cheaper


def crossover(samples):
    words = []
    for fs in CLONING:
        for variant, what in VARIANTS:
            sizes = samples.sizes("sizes", variant, fs)
            if not sizes:
                continue
            up_to = copy_is_cheaper_up_to(samples, fs, variant)
            beyond = ", the largest measured" if up_to == sizes[-1] else ""
            found = f"a copy takes less time up to {plot.size_name(up_to)}{beyond}" if up_to else "a clone always takes less time"
            words.append(f"- {TITLES[fs]}, {what}: {found}.")
    return "\n".join(words)


def extents(samples):
    rows = []
    for fs in CLONING + COPYING:
        for size in samples.sizes("fragmented", "call", fs):
            rows.append([TITLES[fs], f"{samples.notes['fragmented', 'call', fs, size]['source', 'extents']:.0f}"])
    return table(["", "extents that FIEMAP counts in the source"], rows)


def plot_sizes(samples):
    panels = []
    for fs in CLONING + COPYING:
        series = {}
        for name, peer in (("AUTO", "libreflink"), ("NEVER", "libreflink NEVER")):
            for variant in ("dense", "sparse"):
                points = [
                    (size, samples.median(("sizes", variant, fs, size), peer))
                    for size in samples.sizes("sizes", variant, fs)
                ]
                if points:
                    series[f"{name}, {variant}"] = points
        if series:
            panels.append((TITLES[fs], series))
    return plot.lines_by_size("One copy by libreflink: time against the file's size", panels)


def plot_small(samples):
    groups = []
    for fs in CLONING + COPYING:
        key = ("small", "call", fs, 4096)
        if key in samples.times:
            values = {peer: samples.median(key, peer) / 1e3 for peer in SMALL_PEERS if peer != "bare direct, again"}
            groups.append((TITLES[fs], values))
    return plot.bars("One new copy of a file of 4 KiB", groups, "median of the call in µs; XFS and Btrfs clone, ext4 and tmpfs copy")


def read_facts(path):
    facts = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(" ")
        facts[name] = value
    return facts


def noise(samples):
    worst = [
        abs(samples.ratio(key, "bare direct, again", "bare direct").value - 1)
        for key, peers in samples.times.items()
        if "bare direct, again" in peers
    ]
    return f"{100 * max(worst):.1f} % at most, {100 * statistics.median(worst):.1f} % in the median"


def fill(template, samples, facts, skipped):
    values = {
        "MACHINE": machine(facts),
        "SKIPPED": "".join(f"\n**{line}**\n" for line in skipped),
        "NOISE": noise(samples),
        "TARGETS": targets.table_of(samples, TITLES, table),
        "SMALL_CLONES": small(samples, CLONING, "bare direct"),
        "SMALL_COPIES": small(samples, COPYING, "bare direct"),
        "BATCHES": batches(samples),
        "START": start(samples),
        "COUNTS": counts(samples),
        "STEPS": steps(samples),
        "DENSE": big(samples, "dense"),
        "NEVER": big(samples, "never"),
        "KERNEL_COPY": kernel_copy(samples),
        "SPARSE": big(samples, "sparse"),
        "FRAGMENTED": extents(samples) + "\n\n" + big(samples, "fragmented"),
        "RANGES": ranges(samples),
        "CROSSOVER": crossover(samples),
        "CLONE_AGAINST_COPY": clone_against_copy(samples),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def main():
    work, docs = Path(sys.argv[1]), Path(sys.argv[2])
    samples = Samples(work / "samples.tsv")
    skipped = (work / "skipped").read_text().splitlines() if (work / "skipped").exists() else []
    template = (Path(__file__).parent / "performance.template.md").read_text(encoding="utf-8")
    docs.mkdir(parents=True, exist_ok=True)
    (docs / "performance-sizes.svg").write_text(plot_sizes(samples), encoding="utf-8")
    (docs / "performance-small.svg").write_text(plot_small(samples), encoding="utf-8")
    page = fill(template, samples, read_facts(work / "machine"), skipped)
    (docs / "performance.md").write_text(page, encoding="utf-8")
    print(f"written: {docs / 'performance.md'}")
    print(targets.summary(samples, TITLES))


main()
