"""
plots.py - the pictures of the report, as SVG to be put into a page: one colour an allocator, everywhere.

Drawn by matplotlib (Debian: python3-matplotlib); without it there are none, and the report says so.
"""

import io
import itertools
import re

try:
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot, ticker
except ImportError:
    pyplot = None

from runner import units
from runner.allocators import BASE, OURS
from runner.results import SUITE

COLOURS = {"glibc": "#8a8a8a", "jemalloc": "#e69f00", "mimalloc": "#0072b2", "tcmalloc": "#009e73", "tbb": "#cc79a7",
           "libmalloc": "#d03a00"}
EXTRA_COLOURS = ("#56b4e9", "#333333", "#8b6d3f", "#6a3d9a")
RATIO_LIMITS = (1 / 8, 8)  # bars beyond end there, with their number in them

numbers = itertools.count(1)


def is_available():
    return pyplot is not None


def colour(results, name):
    extras = [one for one in results.allocators if one not in COLOURS]
    return COLOURS.get(name) or EXTRA_COLOURS[extras.index(name) % len(EXTRA_COLOURS)]


def width(name):
    return 2.2 if name == OURS else 1.3


def begin(wide, high, columns=1):
    """A figure of so many inches; its axes as a list."""
    matplotlib.rcParams.update({"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9, "axes.grid": True,
                                "grid.color": "#e6e6e6", "axes.axisbelow": True, "axes.edgecolor": "#999999",
                                "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
                                "svg.hashsalt": "bench"})
    figure, axes = pyplot.subplots(1, columns, figsize=(wide, high), squeeze=False)
    return figure, list(axes[0])


def svg_of(figure, label):
    """The figure as an <svg> element: short numbers, and ids that no other picture of the page has."""
    text = io.StringIO()
    figure.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)
    svg = text.getvalue()
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag.group()), svg)
    prefix = f"p{next(numbers)}-"
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r'url\(#|href="#', lambda match: match.group() + prefix, svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def ratio_axis(axis):
    """Logarithmic, labelled by plain numbers."""
    axis.set_major_locator(ticker.LogLocator(2, subs=(1,)))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(ticker.NullLocator())


def value_axis(axis, metric):
    """Logarithmic, labelled with units."""
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: units.quantity(value, metric)))
    axis.set_minor_formatter(ticker.NullFormatter())


def scatter(results):
    """Time against memory: geometric means over macro and program rows."""
    rows = results.of_kinds(*SUITE)
    means = {name: (results.mean(rows, name)[0], results.mean(rows, name, "rss_kib")[0]) for name in results.allocators}
    means = {name: mean for name, mean in means.items() if None not in mean}
    if not means:
        return None
    figure, (axes,) = begin(5.2, 4.2)
    for name, (time, memory) in means.items():
        axes.scatter(time, memory, s=110 if name == OURS else 60, color=colour(results, name), zorder=3)
        axes.annotate(name, (time, memory), xytext=(8, 4), textcoords="offset points", color=colour(results, name),
                      fontweight="bold" if name == OURS else "normal")
    axes.axvline(1, color="#bbbbbb", linewidth=0.8)
    axes.axhline(1, color="#bbbbbb", linewidth=0.8)
    axes.margins(0.18)
    axes.set_xlabel("time, glibc = 1 (left is better)")
    axes.set_ylabel("peak RSS, glibc = 1 (lower is better)")
    return svg_of(figure, "time against memory")


def mean_bars(results):
    """The same means as bars, one panel for time, one for memory."""
    rows = results.of_kinds(*SUITE)
    if not any(results.ratios(row) for row in rows):
        return None
    figure, panels = begin(5.2, 4.2, 2)
    for axes, (title, metric) in zip(panels, (("time", None), ("peak RSS", "rss_kib"))):
        means = [(name, results.mean(rows, name, metric)[0]) for name in reversed(results.allocators)]
        means = [(name, mean) for name, mean in means if mean is not None]
        axes.barh([name for name, _ in means], [mean for _, mean in means], height=0.7,
                  color=[colour(results, name) for name, _ in means])
        for at, (_, mean) in enumerate(means):
            axes.text(mean, at, f" {mean:.2f}", va="center")
        axes.set_xlim(0, max(mean for _, mean in means) * 1.2)
        axes.set_title(f"{title}, glibc = 1", fontsize=9)
        axes.grid(axis="y", visible=False)
    panels[1].set_yticklabels([])
    return svg_of(figure, "geometric means")


def bar_panel(axes, results, rows, metric, title):
    """A group of bars a row, from 1 to the left (better than glibc) or to the right."""
    names = [name for name in results.allocators if name != BASE]
    height = 0.86 / max(len(names), 1)
    for at, row in enumerate(rows):
        ratios = results.ratios(row, metric)
        for place, name in enumerate(names):
            y = at - 0.43 + (place + 0.5) * height
            if name not in ratios:
                status = results.cell(row, name).status
                axes.text(1, y, f" {status}", va="center", fontsize=6, color=colour(results, name))
                continue
            shown = min(max(ratios[name], RATIO_LIMITS[0]), RATIO_LIMITS[1])
            axes.barh(y, shown - 1, left=1, height=height * 0.9, color=colour(results, name),
                      label=name if at == 0 else None)
            if shown != ratios[name]:
                axes.text(shown, y, f" {units.ratio(ratios[name])} ", va="center_baseline", fontsize=5, color="white",
                          ha="left" if shown < 1 else "right")
    axes.set_xscale("log")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    ratio_axis(axes.xaxis)
    axes.axvline(1, color="#777777", linewidth=0.8)
    axes.set_yticks(range(len(rows)))
    axes.grid(axis="y", visible=False)
    axes.set_title(f"{title}, glibc = 1", fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labeltop=len(rows) > 15)


def legend(figure, results, names, y):
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=colour(results, name)) for name in names]
    figure.legend(handles, names, loc="lower center", ncol=len(names), bbox_to_anchor=(0.5, y), handlelength=1,
                  handleheight=1)


def row_bars(results, rows):
    """Time and peak RSS of each row, as ratios to glibc."""
    rows = [row for row in rows if results.ratios(row)]
    names = [name for name in results.allocators if name != BASE]
    if not rows or not names:
        return None
    high = len(rows) * (0.07 * len(names) + 0.1) + 0.5
    figure, panels = begin(10.5, high, 2)
    bar_panel(panels[0], results, rows, None, "time")
    bar_panel(panels[1], results, rows, "rss_kib", "peak RSS")
    panels[0].set_yticklabels([row.name for row in rows])
    panels[1].set_yticklabels([])
    figure.subplots_adjust(wspace=0.06, bottom=0, top=1)
    legend(figure, results, names, 1 + 0.35 / high)
    return svg_of(figure, "time and memory of each row")


def histogram_steps(pairs):
    """Buckets as (time, share of all calls per doubling): independent of the buckets' widths."""
    total = sum(count for _, count in pairs)
    xs, ys = [], []
    for lower, count in pairs:
        octave = 1 << max(lower.bit_length() - 4, 0)  # the bucket's width: an eighth of its doubling
        xs.append(lower + octave / 2)
        ys.append(count / total * (lower or 1) / octave)
    return xs, ys


def tail_steps(pairs):
    """Buckets as (time, share of the calls that take that long or longer)."""
    total = left = sum(count for _, count in pairs)
    xs, ys = [], []
    for lower, count in pairs:
        xs.append(max(lower, 1))
        ys.append(left / total)
        left -= count
    return xs, ys


def latency(results, row, name):
    """One histogram of a row: its shape, and the tail."""
    histograms = {one: results.cell(row, one).buckets().get(name) for one in results.allocators}
    histograms = {one: pairs for one, pairs in histograms.items() if pairs}
    if not histograms:
        return None
    figure, panels = begin(10.5, 2.7, 2)
    for one, pairs in histograms.items():
        style = {"color": colour(results, one), "linewidth": width(one), "label": one}
        panels[0].plot(*histogram_steps(pairs), **style)
        panels[1].step(*tail_steps(pairs), where="post", **style)
    for axes, title in zip(panels, ("how often", "that long or longer")):
        axes.set_xscale("log")
        axes.set_title(f"{row.name}, {name}: {title}", fontsize=9, loc="left")
        value_axis(axes.xaxis, "time_ns")
    panels[0].set_yticks([])
    panels[0].set_ylim(bottom=0)
    panels[1].set_yscale("log")
    panels[1].set_yticks([1, 1e-2, 1e-4, 1e-6], ["1", "1 %", "10⁻⁴", "10⁻⁶"])
    panels[1].legend(fontsize=8)
    return svg_of(figure, f"latency: {row.name}, {name}")


def over_time(results, row):
    """Memory over time: what is live, once, and what each allocator holds."""
    points = {name: results.cell(row, name).points() for name in results.allocators}
    held = {name: series["rss_mib"] for name, series in points.items() if "rss_mib" in series}
    live = next((series["live_mib"] for series in points.values() if "live_mib" in series), None)
    if not held:
        return None
    figure, (axes,) = begin(10.5, 3)
    if live:
        axes.fill_between(*zip(*live), color="#e4e4e4", linewidth=0, label="live")
    for name, pairs in held.items():
        axes.plot(*zip(*pairs), color=colour(results, name), linewidth=width(name), label=name)
    axes.set_title(row.name, fontsize=9, loc="left")
    axes.set_xlabel("time (steps or seconds)")
    axes.set_ylabel("MiB")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return svg_of(figure, f"memory over time: {row.name}")


def scale(results, series, rows):
    """The figure against x, both logarithmic."""
    figure, (axes,) = begin(5.4, 3.2)
    for name in results.allocators:
        pairs = [(row.x, results.values(row)[name]) for row in rows if name in results.values(row)]
        if pairs:
            axes.plot(*zip(*pairs), color=colour(results, name), linewidth=width(name), marker="o", markersize=3,
                      label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(series, fontsize=9, loc="left")
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: units.digits(value)))
    axes.yaxis.set_major_locator(ticker.LogLocator(10, subs=(1, 2, 5)))
    value_axis(axes.yaxis, results.metrics[rows[0].id])
    axes.legend(fontsize=8)
    return svg_of(figure, f"scale: {series}")


def of_kind(results, kind):
    """The pictures of one kind."""
    rows = results.of_kinds(kind)
    if kind in ("macro", "program", "micro", "sweep"):
        pictures = [row_bars(results, rows)]
    elif kind == "latency":
        names = [(row, name) for row in rows for name in histogram_names(results, row)]
        pictures = [latency(results, row, name) for row, name in names]
    elif kind == "scale":
        pictures = [scale(results, name, points) for name, points in results.series(rows).items()]
    else:
        pictures = [over_time(results, row) for row in rows]
    return [picture for picture in pictures if picture]


def histogram_names(results, row):
    return list(dict.fromkeys(name for one in results.allocators for name in results.cell(row, one).buckets()))


def of_summary(results):
    if not results.of_kinds(*SUITE):
        return []
    return [picture for picture in (scatter(results), mean_bars(results)) if picture]
