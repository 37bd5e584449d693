"""
heatmaps.py - heat maps of a sweep, as SVG to be put into a page: libmalloc's ratio at each point, a map for each number
of threads and each touch. Across go the sizes, down the batches of each pattern. They need no library.
"""

from html import escape
from math import log2

from runner import sweep, units
from runner.allocators import BASE, OURS

READING = ("Blue is better than the other, red is worse, white is equal. The colour is full at a ratio of 8. "
           "The pointer on a point shows its figures. Empty points were not measured.")
CELL_WIDE, CELL_HIGH, LEFT, TOP, GAP, SMALL = 36, 15, 110, 40, 5, 9
BETTER, WORSE = (33, 102, 172), (178, 24, 43)
FULL = 3  # doublings


def colour(ratio):
    """From white to the full colour, by the logarithm."""
    part = min(abs(log2(ratio)) / FULL, 1)
    return "#" + "".join(f"{round(255 + (full - 255) * part):02x}" for full in (WORSE if ratio > 1 else BETTER))


def text(x, y, words, anchor="middle", fill="#333"):
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{fill}">{escape(words)}</text>'


def compared(results, row, metric, other):
    """Our ratio and the other's name; None where there is none."""
    if other is None:
        return results.against_best(row, metric)
    ratio = results.ratios(row, metric, base=other).get(OURS)
    return (ratio, other) if ratio is not None else None


def cell(results, row, metric, other, x, y):
    """A rectangle with the ratio in it, and the figures for the pointer."""
    found = compared(results, row, metric, other)
    if found is None:
        return ""
    ratio, name = found
    values = results.values(row, metric)
    told = f"{row.name}: {units.quantity(values[OURS], metric)}, {name} {units.quantity(values[name], metric)}"
    ink = "#fff" if abs(log2(ratio)) > FULL * 0.6 else "#333"
    return (f'<g><title>{escape(told)}</title><rect x="{x}" y="{y}" width="{CELL_WIDE - 1}" height="{CELL_HIGH - 1}" '
            f'fill="{colour(ratio)}"/>{text(x + CELL_WIDE // 2, y + CELL_HIGH - 4, units.ratio(ratio), fill=ink)}</g>')


def lines_of(points):
    """Pairs of pattern and batch, in the order in which they were measured."""
    return list(dict.fromkeys((point.pattern, point.batch) for point in points))


def heat_map(results, rows, metric, other, title):
    """The map of rows that differ in pattern, batch and size only."""
    points = {sweep.point_of(row): row for row in rows}
    sizes, lines = sorted({point.size for point in points}), lines_of(points)
    columns = {size: LEFT + at * CELL_WIDE for at, size in enumerate(sizes)}
    parts = [text(0, 12, title, "start")]
    parts += [text(x + CELL_WIDE // 2, TOP - 5, sweep.size_text(size).replace(" ", "")) for size, x in columns.items()]
    y, tops = TOP, {}
    for at, (pattern, batch) in enumerate(lines):
        if at == 0 or pattern != lines[at - 1][0]:
            y += GAP
            parts.append(text(0, y + CELL_HIGH - 4, pattern, "start"))
        tops[pattern, batch] = y
        parts.append(text(LEFT - 6, y + CELL_HIGH - 4, f"x {batch:,}", "end"))
        y += CELL_HIGH
    parts += [cell(results, row, metric, other, columns[point.size], tops[point.pattern, point.batch])
              for point, row in points.items()]
    wide = LEFT + len(sizes) * CELL_WIDE
    return (f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {wide} {y + GAP}" width="{wide}" '
            f'font-size="{SMALL}" font-family="sans-serif">{"".join(parts)}</svg>')


def of_metric(results, rows, metric, title):
    """Against the best other and against glibc, for each number of threads and each touch."""
    shares = {}
    for row in rows:
        point = sweep.point_of(row)
        shares.setdefault((point.threads, point.touch), []).append(row)
    others = [(None, "the best other"), *([(BASE, BASE)] if BASE in results.allocators else [])]
    return [heat_map(results, some, metric, other,
                     f"{title} against {words}: {threads} thread{'s' * (threads > 1)}, written: {touch}")
            for other, words in others for (threads, touch), some in shares.items()]
