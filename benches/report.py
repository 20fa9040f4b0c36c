"""Writes the pages of docs/performance and their plots from the samples of a run: report.py WORK DOCS.
The prose is *.template.md; {{NAME}} in it becomes a table or a sentence made here."""

import re
import statistics
import sys
from pathlib import Path

import plot
import targets
from samples import Samples
from trees_report import tables as trees

CLONING, COPYING = ["xfs", "btrfs"], ["ext4", "tmpfs"]
TITLES = {"xfs": "XFS", "btrfs": "Btrfs", "ext4": "ext4", "tmpfs": "tmpfs"}
SMALL_PEERS = [
    "bare direct", "bare direct, again", "libreflink UNSTAGED", "libuv", "reflink-copy", "bare, unchecked",
    "bare atomic", "libreflink", "libreflink-fs",
]  # fmt: skip
# The second bare loop is the control: noise() says what it says.
SHOWN_PEERS = [peer for peer in SMALL_PEERS if peer != "bare direct, again"]
BIG_PEERS = [
    "libreflink UNSTAGED", "libreflink", "cp", "bare direct", "libuv", "reflink-copy", "shutil.copyfile",
]  # fmt: skip
NOT_RUN = "(Not run.)"
PAGES = ["performance", "performance-large"]
# The tables by size show these; the plot shows all.
CLONE_SIZES = [kib << 10 for kib in (4, 32, 64, 1024, 4096, 262144)]
COPY_SIZES = [kib << 10 for kib in (4, 64, 1024, 262144)]


def table(head, rows):
    rows = [["" if cell is None else str(cell) for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def by_system(systems, rows):
    return table(["", *(TITLES[fs] for fs in systems)], rows)


def measured(samples, case, variant):
    """The file systems on which a case ran."""
    return [fs for fs in CLONING + COPYING if samples.sizes(case, variant, fs)]


def two_times(samples, key, ours, theirs):
    """"45 µs / 54 µs = 0.84", or nothing where one of them did not run."""
    ratio = samples.ratio(key, ours, theirs)
    if not ratio:
        return None
    times = (plot.time_name(samples.median(key, peer)) for peer in (ours, theirs))
    return " / ".join(times) + f" = {ratio.value:.2f}"


def machine(facts):
    order = [
        "date", "amount", "cpu", "vendor", "flags", "cores", "memory", "virtual", "kernel", "load", "where", "libreflink",
        "commit", "libuv", "reflink-copy", "cp", "Python", "xfsprogs", "btrfs-progs", "e2fsprogs",
    ]  # fmt: skip
    return "; ".join(f"{name} {facts[name]}" for name in order if name in facts) + "."


def small(samples):
    """For each peer the time of 4 KiB, then the ratios to the bare loop at each size."""
    systems = measured(samples, "small", "call")
    rows = []
    for peer in SHOWN_PEERS:
        cells = []
        for fs in systems:
            keys = [("small", "call", fs, size) for size in samples.sizes("small", "call", fs)]
            ratios = [samples.ratio(key, peer, "bare direct") for key in keys]
            median = plot.time_name(samples.median(keys[0], peer))
            cells.append(f"{median}: " + ", ".join(f"{ratio.value:.2f}" for ratio in ratios if ratio))
        rows.append([peer, *cells])
    return by_system(systems, rows)


def rust(samples):
    """libreflink-fs / reflink-copy, for each size."""
    systems = measured(samples, "small", "call")
    rows = []
    for size in sorted({size for fs in systems for size in samples.sizes("small", "call", fs)}):
        keys = [("small", "call", fs, size) for fs in systems]
        rows.append([plot.size_name(size), *(two_times(samples, key, "libreflink-fs", "reflink-copy") for key in keys)])
    return by_system(systems, rows)


def span(samples, value, unit):
    """The smallest and the largest of a value for clones of 4 KiB."""
    values = [value(("small", "call", fs, 4096)) for fs in measured(samples, "small", "call") if fs in CLONING]
    return f"{min(values):.1f} to {max(values):.1f} {unit}" if values else NOT_RUN


def batches(samples):
    systems = measured(samples, "small", "batch")
    sizes = sorted({size for case in ("tiny", "small") for fs in systems for size in samples.sizes(case, "batch", fs)})
    rows = []
    for size in sizes:
        cells = []
        for fs in systems:
            case = "small" if size in samples.sizes("small", "batch", fs) else "tiny"
            cells.append(two_times(samples, (case, "batch", fs, size), "libreflink", "cp"))
        rows.append([plot.size_name(size), *cells])
    return by_system(systems, rows)


def start(samples):
    keys = [("start", "call", fs, 4096) for fs in measured(samples, "start", "call")]
    ranges = []
    for peer in ("libreflink", "cp"):
        medians = [samples.median(key, peer) for key in keys]
        ranges.append(f"{plot.time_name(min(medians))} to {plot.time_name(max(medians))}")
    return f"a call of the library takes {ranges[0]}, a process of cp {ranges[1]}"


def counts(samples):
    peers = list(dict.fromkeys(p for key, notes in samples.notes.items() if key[0] == "count" for p, _ in notes))
    systems = [fs for fs in CLONING + COPYING if ("count", "call", fs, 4096) in samples.notes]
    rows = []
    for peer in peers:
        notes = [samples.notes["count", "call", fs, 4096] for fs in systems]
        rows.append([peer, *(f"{n[peer, 'calls']:.0f} / {n[peer, 'instructions']:.0f}" for n in notes)])
    return by_system(systems, rows)


def steps(samples):
    systems = measured(samples, "steps", "call")
    rows = []
    for step in samples.times["steps", "call", systems[0], 4096]:
        if step == "bare direct":
            continue
        cells = [step]
        for fs in systems:
            key = ("steps", "call", fs, 4096)
            more = samples.median(key, step) - samples.median(key, "bare direct")
            cells.append(f"{more / 1e3:+.2f} µs, {samples.ratio(key, step, 'bare direct').value:.3f}")
        rows.append(cells)
    return by_system(systems, rows)


PYTHON_TARGETS = [("libreflink.copyfile", "C copyfile", 15), ("libreflink.copy2", "C copy2", 25)]


def python(samples):
    """CPU time of the C call, and what Python adds to it: the median of the differences in pairs of slices. Bold is over the target."""
    systems = measured(samples, "python", "cpu")
    if not systems:
        return NOT_RUN
    rows = []
    for ours, bare, most in PYTHON_TARGETS:
        cells = []
        for fs in systems:
            times = samples.times["python", "cpu", fs, 4096]
            more = statistics.median(a - b for a, b in zip(times[ours], times[bare])) / 1e3
            cells.append(f"{plot.time_name(statistics.median(times[bare]))} " + (f"+{more:.1f} µs" if more <= most else f"**+{more:.1f} µs**"))
        rows.append([f"{ours}: at most +{most} µs", *cells])
    return by_system(systems, rows)


def allocated(samples, keys, peer):
    """What the copies of a peer take up; several values where the file systems differ."""
    kept = (samples.notes.get(key, {}).get((peer, "allocated")) for key in keys)
    sizes = sorted({round(value / 2**20 * 10) / 10 * 2**20 for value in kept if value is not None})
    return " to ".join(plot.size_name(size) if size else "0" for size in dict.fromkeys([*sizes[:1], *sizes[-1:]]))


def big(samples, case):
    """For each size and peer the time and the ratio to cp."""
    systems = measured(samples, case, "call")
    if not systems:
        return NOT_RUN
    sizes = sorted({size for fs in systems for size in samples.sizes(case, "call", fs)})
    rows = [row for size in sizes for row in big_rows(samples, [(case, "call", fs, size) for fs in systems])]
    return table(["", *(TITLES[fs] for fs in systems), "allocated"], rows)


def big_rows(samples, keys):
    rows = []
    for peer in [*BIG_PEERS, "libreflink NEVER", "cp --reflink=never"]:
        cells = []
        for key in keys:
            reference = "cp" if "cp" in samples.times.get(key, {}) else "cp --reflink=never"
            ratio = samples.ratio(key, peer, reference)
            cells.append(f"{plot.time_name(samples.median(key, peer))}, {ratio.short()}" if ratio else None)
        if any(cells):
            rows.append([f"{peer}, {plot.size_name(keys[0][3])}", *cells, allocated(samples, keys, peer)])
    return rows


def ranges(samples):
    systems = measured(samples, "range", "aligned")
    if not systems:
        return NOT_RUN
    rows = []
    for kind in ("aligned", "congruent", "not congruent"):
        for size in samples.sizes("range", kind, systems[0]):
            cells = []
            for fs in systems:
                key = ("range", kind, fs, size)
                shared = samples.notes[key]["libreflink", "shared"]
                times = two_times(samples, key, "libreflink", "copy_file_range")
                cells.append(f"{times}; {100 * shared / size:.0f} %")
            rows.append([f"{kind}, {plot.size_name(size)}", *cells])
    return by_system(systems, rows)


def maps(samples):
    systems = [fs for fs in ("xfs", "btrfs", "ext4") if samples.sizes("maps", "map", fs)]
    if not systems:
        return NOT_RUN
    rows = []
    for kind in ("map", "map, cloned", "compare"):
        for count in samples.sizes("maps", kind, systems[0]):
            keys = [("maps", kind, fs, count) for fs in systems]
            there = [samples.sizes("maps", kind, fs) for fs in systems]
            cells = [two_times(samples, key, "libreflink", "bare FIEMAP") if sizes else "-" for key, sizes in zip(keys, there)]
            rows.append([f"{kind}, {count} extent{'s' if count > 1 else ''}", *cells])
    return by_system(systems, rows)


DEDUPE_PEERS = ["libreflink", "FIDEDUPERANGE", "duperemove", "jdupes", "rmlint", "fclones"]


def dedupe_cell(samples, fs, kind, peer):
    sizes = samples.sizes("dedupe", kind, fs)
    key = ("dedupe", kind, fs, *sizes[:1])
    ratio = sizes and samples.ratio(key, peer, "FIDEDUPERANGE")
    if not ratio:
        return None
    cpu = samples.median(("dedupe cpu", *key[1:]), peer)
    left = sizes[0] - samples.notes[key][peer, "shared"]
    words = f"{plot.time_name(samples.median(key, peer))}, {ratio.value:.2f}; {plot.time_name(cpu)}"
    return words + (f"; **{plot.size_name(left)} not shared**" if left else "")


def dedupes(samples):
    """Time, its ratio to the bare loop, CPU time; and what was not shared afterwards, where something was not."""
    systems = measured(samples, "dedupe", "cached")
    rows = []
    for kind in ("cached", "cold", "shared"):
        for peer in DEDUPE_PEERS:
            cells = [dedupe_cell(samples, fs, kind, peer) for fs in systems]
            if any(cells):
                rows.append([f"{kind}: {peer}", *cells])
    return by_system(systems, rows) if rows else NOT_RUN


def kernel_copy(samples):
    rows = []
    for size in samples.sizes("sizes", "dense", COPYING[0]):
        if size in COPY_SIZES:
            keys = [("sizes", "dense", fs, size) for fs in COPYING]
            rows.append([plot.size_name(size), *(two_times(samples, key, "libreflink", "libreflink NEVER") for key in keys)])
    return by_system(COPYING, rows)


VARIANTS = [("dense", "the call"), ("written out", "with write-out"), ("just written", "source just written")]


def clone_against_copy(samples):
    columns = [(fs, variant, words) for fs in CLONING for variant, words in VARIANTS]
    rows = []
    for size in samples.sizes("sizes", "dense", CLONING[0]):
        if size in CLONE_SIZES:
            keys = [("sizes", variant, fs, size) for fs, variant, _ in columns]
            rows.append([plot.size_name(size), *(two_times(samples, key, "libreflink", "libreflink NEVER") for key in keys)])
    return table(["", *(f"{TITLES[fs]}, {words}" for fs, _, words in columns)], rows)


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
        found_here = []
        for variant, what in VARIANTS:
            sizes = samples.sizes("sizes", variant, fs)
            if not sizes:
                continue
            up_to = copy_is_cheaper_up_to(samples, fs, variant)
            beyond = ", the largest measured" if up_to == sizes[-1] else ""
            found = f"a copy takes less time up to {plot.size_name(up_to)}{beyond}" if up_to else "a clone always takes less time"
            found_here.append(f"{what}, {found}")
        if found_here:
            words.append(f"  - {TITLES[fs]}: " + "; ".join(found_here) + ".")
    return "\n".join(words)


def extents(samples):
    systems = measured(samples, "fragmented", "call")
    keys = [("fragmented", "call", fs, samples.sizes("fragmented", "call", fs)[0]) for fs in systems]
    return ", ".join(f"{TITLES[key[2]]} {samples.notes[key]['source', 'extents']:.0f}" for key in keys)


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
            values = {peer: samples.median(key, peer) / 1e3 for peer in SHOWN_PEERS}
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


def fill(template, samples, facts, skipped, work):
    values = {
        "MACHINE": machine(facts),
        "SKIPPED": "".join(f"**{line}**\n\n" for line in skipped),
        "NOISE": noise(samples),
        "TARGETS": targets.count_of(samples, TITLES),
        "DIRECT_COST": span(samples, lambda key: 100 * (samples.ratio(key, "libreflink UNSTAGED", "bare direct").value - 1), "%"),
        "ATOMIC_COST": span(samples, lambda key: (samples.median(key, "libreflink") - samples.median(key, "libreflink UNSTAGED")) / 1e3, "µs"),
        "CLONE_TARGETS": targets.clone_table(samples, TITLES, table),
        "SMALL": small(samples),
        "RUST": rust(samples),
        "BATCHES": batches(samples),
        "START": start(samples),
        "COUNTS": counts(samples),
        "STEPS": steps(samples),
        "PYTHON": python(samples),
        "DENSE": big(samples, "dense"),
        "NEVER": big(samples, "never"),
        "KERNEL_COPY": kernel_copy(samples),
        "SPARSE": big(samples, "sparse"),
        "EXTENTS": extents(samples),
        "FRAGMENTED": big(samples, "fragmented"),
        "RANGES": ranges(samples),
        "MAPS": maps(samples),
        "DEDUPE": dedupes(samples),
        "TREES": trees(work / "trees.tsv"),
        "CROSSOVER": crossover(samples),
        "CLONE_AGAINST_COPY": clone_against_copy(samples),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def main():
    work, docs = Path(sys.argv[1]), Path(sys.argv[2])
    samples = Samples(work / "samples.tsv")
    skipped = (work / "skipped").read_text().splitlines() if (work / "skipped").exists() else []
    facts = read_facts(work / "machine")
    docs.mkdir(parents=True, exist_ok=True)
    (docs / "performance-sizes.svg").write_text(plot_sizes(samples), encoding="utf-8")
    (docs / "performance-small.svg").write_text(plot_small(samples), encoding="utf-8")
    for name in PAGES:
        template = (Path(__file__).parent / f"{name}.template.md").read_text(encoding="utf-8")
        (docs / f"{name}.md").write_text(fill(template, samples, facts, skipped, work), encoding="utf-8")
        print(f"written: {docs / name}.md")
    print(targets.count_of(samples, TITLES))


if __name__ == "__main__":
    main()
