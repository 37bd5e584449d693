"""
targets.py - the bars that libmalloc is to reach, and the rows and metrics that they are read from.

    compared    the figure
    "mean"      geometric mean of the ratios to glibc, over macro and program rows
    "best"      our value over that of the best other allocator
    "glibc"     our value over glibc's
    "value"     our value

The figure is to be at most `limit`; of several rows that `rows` (a pattern for folder/name) matches the worst counts.
"""

import dataclasses
import re

from runner import units
from runner.allocators import OURS
from runner.results import SUITE


@dataclasses.dataclass
class Bar:
    what: str
    text: str
    compared: str
    limit: float
    rows: str = ""
    metric: str = None


BARS = [
    Bar("time, geometric mean over macro and program rows, glibc = 1", "≤ 0.60", "mean", 0.60),
    Bar("peak RSS, geometric mean, glibc = 1", "≤ 0.95", "mean", 0.95, metric="rss_kib"),
    Bar("worst row against the best other in that row", "≤ 1.05", "best", 1.05, "^(macro|programs|micro)/"),
    Bar("malloc+free pair, 16 B, user instructions in a plain loop", "≤ 49", "value", 49,
        "^start/malloc.free 16 B$", "instructions"),
    Bar("1,000,000 live, random replacement", "≤ 0.95 of the best", "best", 0.95,
        "^micro/replacement, 1,000,000 live$"),
    Bar("list of 4 M nodes built and freed", "≤ 0.9 of the best", "best", 0.9, "^micro/list, 4,000,000 nodes$"),
    Bar("one thread allocates, another frees", "≤ 0.9 of the best", "best", 0.9, "^micro/handover, 16-527 B$"),
    Bar("producers and consumers, many threads", "≤ 0.8 of the best", "best", 0.8, "^macro/asymmetric, 16 threads$"),
    Bar("1 MiB and 200 KiB allocated, touched, freed", "≤ the best", "best", 1.0, "^micro/touched, (1 MiB|200 KiB)$"),
    Bar("many large blocks kept and replaced: time", "≤ the best", "best", 1.0, "^macro/large(, zeroed)?$"),
    Bar("many large blocks kept and replaced: peak RSS", "≤ glibc", "glibc", 1.0, "^macro/large(, zeroed)?$",
        "rss_kib"),
    Bar("vector growth", "≤ 0.9 of the best", "best", 0.9, "^micro/growth to 64 MiB, doubled$"),
    Bar("give-back, 15/16 freed: RSS", "≤ 55 MB", "value", 55, "^memory/the newer 15/16 freed$", "newest_freed_mb"),
    Bar("give-back, all freed: RSS", "≤ 5 MB", "value", 5, "^memory/all freed$", "all_freed_mb"),
    Bar("give-back, 1 in 20 kept: RSS", "≤ 65 MB", "value", 65, "^memory/1 in 20 of them kept$", "survivors_mb"),
    Bar("p99.9 of malloc while 2 GB are released elsewhere", "≤ 10 µs", "value", 10_000, "^latency/release of 2 GB",
        "malloc_p999"),
    Bar("start of /bin/true over glibc: wall time", "≤ 40 µs", "value", 40, "^start//bin/true$", "over_glibc_us"),
    Bar("start of /bin/true over glibc: RSS", "≤ 200 KiB", "value", 200, "^start//bin/true$", "rss_over_kib"),
    Bar("start of /bin/true over glibc: page faults", "≤ 30", "value", 30, "^start//bin/true$", "faults_over"),
]


@dataclasses.dataclass
class Verdict:
    figure: str
    word: str  # "reached", "missed by ...", "not measured", "failed"
    where: str = ""


def figure_of_row(bar, results, row):
    """The figure of one row, and what it is compared with; None if it has none."""
    if bar.compared == "best":
        return results.against_best(row, bar.metric)
    source = results.values(row, bar.metric) if bar.compared == "value" else results.ratios(row, bar.metric)
    return (source[OURS], "") if OURS in source else None


def figure_text(bar, value):
    return units.quantity(value, bar.metric) if bar.compared == "value" else f"{value:.3f}"


def verdict(bar, value, where=""):
    """Judged as it is, not as it is rounded for display."""
    if value <= bar.limit:
        return Verdict(figure_text(bar, value), "reached", where)
    return Verdict(figure_text(bar, value), f"missed by {units.percent(value / bar.limit - 1)}", where)


def judge(bar, results):
    if OURS not in results.allocators:
        return Verdict("", "not measured")
    if bar.compared == "mean":
        mean, count = results.mean(results.of_kinds(*SUITE), OURS, bar.metric)
        return verdict(bar, mean, f"{count} rows") if mean is not None else Verdict("", "not measured")
    matching = [row for row in results.rows if re.search(bar.rows, row.id)]
    if any(results.cell(row, OURS).status == "failed" for row in matching):
        return Verdict("", "failed", next(row.id for row in matching if results.cell(row, OURS).status == "failed"))
    figures = [(*figure, row) for row in matching if (figure := figure_of_row(bar, results, row)) is not None]
    if not figures:
        return Verdict("", "not measured")
    value, other, row = max(figures, key=lambda figure: figure[0])
    return verdict(bar, value, f"{row.id}{f', against {other}' if other else ''}")
