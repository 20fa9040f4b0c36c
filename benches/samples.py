"""The raw samples of a run and what is computed from them: medians, ratios with their spread.
Nothing here knows of tables or plots."""

import statistics
from collections import defaultdict

BLOCKS = 20


class Samples:
    """What the harness wrote: times by (case, variant, file system, size) and peer; notes beside them."""

    def __init__(self, path):
        self.times = defaultdict(dict)
        self.notes = defaultdict(dict)
        with open(path, encoding="ascii") as lines:
            for line in lines:
                kind, *fields = line.rstrip("\n").split("\t")
                case, variant, fs, size, peer, *rest = fields
                key = (case, variant, fs, int(size))
                if kind == "ns":
                    self.times[key][peer] = [float(value) for value in rest[0].split()]
                else:
                    self.notes[key][peer, rest[0]] = float(rest[1])

    def sizes(self, case, variant, fs):
        return sorted(size for c, v, f, size in self.times if (c, v, f) == (case, variant, fs))

    def median(self, key, peer):
        return statistics.median(self.times[key][peer]) if peer in self.times.get(key, {}) else None

    def ratio(self, key, peer, other):
        """Median against median, with the quartiles of the same ratio over stretches of the run."""
        ours, theirs = self.times.get(key, {}).get(peer), self.times.get(key, {}).get(other)
        if not ours or not theirs:
            return None
        whole = statistics.median(ours) / statistics.median(theirs)
        parts = [
            statistics.median(a) / statistics.median(b) for a, b in zip(blocks(ours), blocks(theirs))
        ]
        low, _, high = statistics.quantiles(parts, n=4) if len(parts) > 1 else (whole, whole, whole)
        return Ratio(whole, low, high)

    def cpu_ratio(self, key, peer, other):
        """The same of the CPU times, where they were taken: what other jobs do not lengthen."""
        case, variant, fs, size = key
        variant = {"batch": "batch cpu", "call": "cpu"}.get(variant, "")
        return self.ratio((case, variant, fs, size), peer, other)

    def fastest(self, key, peers):
        there = [peer for peer in peers if self.median(key, peer) is not None]
        return min(there, key=lambda peer: self.median(key, peer)) if there else None


class Ratio:
    def __init__(self, value, low, high):
        self.value, self.low, self.high = value, low, high

    def __str__(self):
        return f"{self.value:.3f} ({self.low:.3f}–{self.high:.3f})"

    def short(self):
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"


def blocks(values):
    """The run in stretches that follow each other; in pairs where there are few."""
    count = min(BLOCKS, len(values))
    edges = [len(values) * i // count for i in range(count + 1)]
    return [values[a:b] for a, b in zip(edges, edges[1:])]
