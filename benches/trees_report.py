"""The table of whole trees, from the lines that trees.py wrote. Also a program: trees_report.py SAMPLES prints it."""

import sys
from pathlib import Path

BASE = "cp -a"
TITLES = {"xfs": "XFS", "btrfs": "Btrfs", "ext4": "ext4", "tmpfs": "tmpfs"}


def read(path):
    """The least times of each, (wall, cpu), or what failed."""
    best = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, tree, who, *result = line.split("\t")
        key = (kind, tree, who)
        if len(result) == 2:
            times = tuple(map(float, result))
            earlier = best.get(key, times)
            best[key] = tuple(map(min, times, earlier)) if isinstance(earlier, tuple) else earlier
        else:
            best[key] = result[0]
    return best


def cell(found, base):
    if found is None:
        return ""
    if isinstance(found, str):
        return found
    if not isinstance(base, tuple):
        return f"{found[0]:.2f} s"
    return f"{found[0] / base[0]:.2f} ({found[1] / max(base[1], 0.001):.2f})"


def tables(path):
    if not path.exists():
        return "(Not run.)"
    best = read(path)
    trees, whos = sorted({key[1] for key in best}), list(dict.fromkeys(key[2] for key in best))
    whos.sort(key=lambda who: (who != BASE, not who.startswith("libreflink"), who))
    text = []
    for kind in dict.fromkeys(key[0] for key in best):
        lines = [["", *trees], ["---"] * (len(trees) + 1)]
        for who in whos:
            row = []
            for tree in trees:
                found, base = best.get((kind, tree, who)), best.get((kind, tree, BASE))
                is_base = who == BASE and isinstance(found, tuple)
                row.append(f"{found[0]:.2f} s ({found[1]:.2f} s)" if is_base else cell(found, base))
            lines.append([who, *row])
        rows = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        text.append(f"{TITLES[kind]}:\n\n{rows}")
    return "\n\n".join(text)


if __name__ == "__main__":
    print(tables(Path(sys.argv[1])))
