"""Line and bar plots as SVG, as far as this benchmark needs them: logarithmic axes, panels side by side.
No library: the files are to be made anywhere."""

import math
from xml.sax.saxutils import escape

COLOURS = ["#0b5fa5", "#c2410c", "#15803d", "#7c3aed", "#6b7280", "#b91c1c", "#0e7490"]
STYLE = "font-family:sans-serif;font-size:12px"
PANEL_W, PANEL_H, LEFT, TOP, GAP = 360, 250, 62, 56, 70


def size_name(size):
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:g} {name}"
    return f"{size} B"


def time_name(ns):
    for unit, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if ns >= unit:
            return f"{ns / unit:.3g} {name}"
    return f"{ns:.0f} ns"


def text(x, y, words, anchor="middle", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>{escape(words)}</text>'


def line(x1, y1, x2, y2, colour="#d4d4d4"):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def svg(width, height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" style="{STYLE}">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="white"/>', *parts, "</svg>\n"])


def scale(low, high, start, end):
    a, b = math.log(low), math.log(high)
    return lambda value: start + (math.log(value) - a) / (b - a) * (end - start)


def legend(names, y):
    parts, x = [], LEFT
    for index, name in enumerate(names):
        parts.append(f'<rect x="{x}" y="{y - 9}" width="14" height="10" fill="{COLOURS[index]}"/>')
        parts.append(text(x + 19, y, name, "start"))
        x += 40 + 7 * len(name)
    return parts


def axes(x0, y0, x, y, sizes, times):
    parts = []
    for ns in times:
        parts.append(line(x0, y(ns), x0 + PANEL_W, y(ns)))
        parts.append(text(x0 - 6, y(ns) + 4, time_name(ns), "end"))
    for size in sizes:
        parts.append(line(x(size), y0, x(size), y0 + PANEL_H))
        parts.append(text(x(size), y0 + PANEL_H + 16, size_name(size)))
    return parts


def curve(points, x, y, colour, dashed):
    path = " ".join(f"{x(size):.1f},{y(ns):.1f}" for size, ns in points)
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    dots = [f'<circle cx="{x(s):.1f}" cy="{y(t):.1f}" r="2.5" fill="{colour}"/>' for s, t in points]
    return [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>', *dots]


def lines_by_size(title, panels):
    """`panels`: name of each, with {series: [(size, ns), …]}; a series called "…, sparse" is dashed."""
    every = [point for _, series in panels for points in series.values() for point in points]
    lowest, highest = min(ns for _, ns in every), max(ns for _, ns in every)
    smallest, largest = min(size for size, _ in every), max(size for size, _ in every)
    low, high = 10 ** math.floor(math.log10(lowest)), 10 ** math.ceil(math.log10(highest))
    times = [10**n for n in range(round(math.log10(low)), round(math.log10(high)) + 1)]
    sizes = [size for size in (4 << (10 + 6 * n) for n in range(6)) if smallest <= size <= largest]
    names = sorted({name for _, series in panels for name in series})
    parts = [text(LEFT, 22, title, "start", 'font-weight="bold"'), *legend(names, 42)]
    for index, (panel, series) in enumerate(panels):
        x0 = LEFT + index % 2 * (PANEL_W + GAP)
        y0 = TOP + 20 + index // 2 * (PANEL_H + GAP)
        x, y = scale(smallest, largest, x0, x0 + PANEL_W), scale(low, high, y0 + PANEL_H, y0)
        parts += axes(x0, y0, x, y, sizes, times)
        parts.append(text(x0 + PANEL_W / 2, y0 - 6, panel, "middle", 'font-weight="bold"'))
        for name, points in series.items():
            parts += curve(points, x, y, COLOURS[names.index(name)], name.endswith("sparse"))
    rows = (len(panels) + 1) // 2
    return svg(LEFT + 2 * PANEL_W + GAP + 30, TOP + 20 + rows * (PANEL_H + GAP), parts)


def bars(title, groups, unit):
    """`groups`: name of each, with {peer: value}; one line of bars for each peer."""
    peers = list(dict.fromkeys(peer for _, values in groups for peer in values))
    most = max(value for _, values in groups for value in values.values())
    width, height, y = 520, 16, TOP + 10
    parts = [text(20, 22, title, "start", 'font-weight="bold"'), text(20, 42, unit, "start")]
    for name, values in groups:
        parts.append(text(20, y + 12, name, "start", 'font-weight="bold"'))
        y += 22
        for peer, value in values.items():
            colour = COLOURS[0] if peer.startswith("libreflink") else COLOURS[4]
            parts.append(text(165, y + 12, peer, "end"))
            parts.append(f'<rect x="172" y="{y}" width="{value / most * width:.1f}" height="{height - 3}" fill="{colour}"/>')
            parts.append(text(178 + value / most * width, y + 12, f"{value:.1f}", "start"))
            y += height + 2
        y += 12
    assert peers
    return svg(172 + width + 60, y + 10, parts)
