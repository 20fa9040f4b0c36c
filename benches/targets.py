"""What the library is to reach, as ratios of medians, and whether it did in this run.
Reached means the ratio of times itself, not the kinder end of its spread; the ratio of CPU times stands beside it."""

from plot import size_name

CLONERS = ["libuv", "reflink-copy"]


def clones(samples):
    for fs in ("xfs", "btrfs"):
        for size in samples.sizes("small", "call", fs):
            key, what = ("small", "call", fs, size), f"clone of {size_name(size)}"
            yield fs, f"{what}: UNSTAGED against the bare loop", key, "libreflink UNSTAGED", "bare direct", 1.03
            peer = samples.fastest(key, CLONERS)
            yield fs, f"{what}: UNSTAGED against {peer}", key, "libreflink UNSTAGED", peer, 1.0
            yield fs, f"{what}: default against the bare atomic loop", key, "libreflink", "bare atomic", 1.05


def fallbacks(samples):
    for fs in ("xfs", "btrfs", "ext4", "tmpfs"):
        for case in ("tiny", "small"):
            for size in samples.sizes(case, "batch", fs):
                if fs in ("ext4", "tmpfs"):
                    key = (case, "batch", fs, size)
                    yield fs, f"copies of {size_name(size)}: default against cp", key, "libreflink", "cp", 1.0
        for case, peer in (("dense", "cp"), ("never", "cp --reflink=never"), ("sparse", "cp")):
            for size in samples.sizes(case, "call", fs):
                ours = "libreflink NEVER" if case == "never" else "libreflink"
                words = {"dense": "dense", "never": "dense, NEVER", "sparse": "sparse"}[case]
                key = (case, "call", fs, size)
                yield fs, f"{words} {size_name(size)}: against {peer}", key, ours, peer, 1.0


def maps(samples):
    for fs in ("xfs", "btrfs"):
        for kind in ("map", "map, cloned"):
            for count in samples.sizes("maps", kind, fs):
                limit = 1.2 if count == 1 else 1.05
                key, what = ("maps", kind, fs, count), f"{kind}, {count} extents: against fstat and FIEMAP"
                yield fs, what, key, "libreflink", "bare FIEMAP", limit


def dedupes(samples):
    """Of cached data the CPU time, which a busy machine moves less; the kernel compares, and the loop does nothing else."""
    for fs in ("xfs", "btrfs"):
        for case, variant, limit in (("dedupe cpu", "cached", 1.05), ("dedupe", "cold", 0.25), ("dedupe", "shared", 0.01)):
            for size in samples.sizes(case, variant, fs):
                what = f"dedupe of {size_name(size)}, {variant}: against the bare loop"
                yield fs, what, (case, variant, fs, size), "libreflink", "FIDEDUPERANGE", limit


def judged(samples):
    every = [*clones(samples), *fallbacks(samples), *maps(samples), *dedupes(samples)]
    for fs, what, key, ours, theirs, limit in every:
        ratio = samples.ratio(key, ours, theirs)
        if ratio:
            yield fs, what, ratio, samples.cpu_ratio(key, ours, theirs), limit, ratio.value <= limit


def clone_table(samples, titles, table):
    """The targets of clones, a row for each kind and a column for each size; bold is missed."""
    rows, sizes = {}, {}
    for fs, what, ratio, _, limit, reached in judged(samples):
        size, _, against = what.removeprefix("clone of ").partition(": ")
        if what.startswith("clone of "):
            sizes[size] = True
            rows.setdefault((titles[fs], against, f"{limit:.2f}"), {})[size] = f"{ratio}" if reached else f"**{ratio}**"
    cells = [[*row, *(found.get(size) for size in sizes)] for row, found in rows.items()]
    return table(["", "clone", "at most", *sizes], cells)


def count_of(samples, titles):
    """"39 of 40 reached", and a line for each that was not: what it did reach."""
    all_of_them = list(judged(samples))
    missed = [
        f"- {titles[fs]}, {what}: {ratio}" + (f", CPU time {cpu}" if cpu else "") + f", over {limit:.2f}"
        for fs, what, ratio, cpu, limit, reached in all_of_them
        if not reached and not what.startswith("clone of ")
    ]
    reached = sum(reached for *_, reached in all_of_them)
    return "\n".join([f"{reached} of {len(all_of_them)} targets were reached. Missed, beside the clones that are bold below:", "", *missed])
