"""
results.py - what the samples say: medians, spreads, ratios, geometric means; who won and who lost.

A cell is what one allocator did in one row. Its value is the median over the rounds of the row's figure (rows.py says
which), its spread (largest - smallest) / median. A ratio is to glibc, below 1 always being better: where more of a
metric is better, it is turned round. Cells that failed or were skipped have no value, and no part in any mean.
"""

import dataclasses
import math
import statistics

from runner.allocators import BASE, OURS
from runner.rows import KINDS, Row

SUITE = ("macro", "program")  # the kinds that the summary is made of


def geometric_mean(values):
    """None of nothing. The values are positive."""
    values = list(values)
    return math.exp(statistics.fmean(map(math.log, values))) if values else None


def ratio_of(value, base):
    """None where one is missing, or where there is no sense in it."""
    return value / base if value is not None and base is not None and value > 0 and base > 0 else None


@dataclasses.dataclass
class Cell:
    """All samples of one allocator in one row."""
    samples: list
    metric: str

    @property
    def status(self):
        """"ok", "failed" (one sample is enough), "skipped", or "missing": never run."""
        states = {sample["status"] for sample in self.samples}
        return next((state for state in ("failed", "skipped", "ok") if state in states), "missing")

    @property
    def why(self):
        return next((sample["why"] for sample in self.samples if sample["status"] != "ok"), "")

    def values(self, metric):
        """One value a round; of a failed cell none."""
        if self.status != "ok":
            return []
        if metric in ("wall_s", "cpu_s", "rss_kib"):
            return [sample[metric] for sample in self.samples]
        return [sample["metrics"][metric] for sample in self.samples if metric in sample.get("metrics", {})]

    def median(self, metric=None):
        values = self.values(metric or self.metric)
        return statistics.median(values) if values else None

    def spread(self, metric=None):
        values = self.values(metric or self.metric)
        median = statistics.median(values) if values else 0
        return (max(values) - min(values)) / abs(median) if median else None

    def buckets(self):
        """Histogram name -> sorted pairs of lower bound and count, all rounds together."""
        sums = {}
        for sample in self.samples if self.status == "ok" else []:
            for name, pairs in sample.get("buckets", {}).items():
                into = sums.setdefault(name, {})
                for lower, count in pairs:
                    into[lower] = into.get(lower, 0) + count
        return {name: sorted(pairs.items()) for name, pairs in sums.items()}

    def points(self):
        """Series -> points, of the round whose figure is the median."""
        candidates = [sample for sample in self.samples if sample.get("points")]
        if self.status != "ok" or not candidates:
            return {}
        ordered = sorted(candidates, key=lambda sample: sample.get("metrics", {}).get(self.metric, sample["wall_s"]))
        return ordered[(len(ordered) - 1) // 2]["points"]


class Results:
    def __init__(self, data):
        self.meta = data["meta"]
        self.allocators = [one["name"] for one in self.meta["allocators"]]
        self.rows = [Row(**row) for row in data["rows"]]
        by_cell = {}
        for sample in data["samples"]:
            by_cell.setdefault((sample["row"], sample["allocator"]), []).append(sample)
        self.metrics = {row.id: self.main_metric(row, by_cell) for row in self.rows}
        self.cells = {(row.id, name): Cell(by_cell.get((row.id, name), []), self.metrics[row.id])
                      for row in self.rows for name in self.allocators}

    def main_metric(self, row, by_cell):
        printed = {metric for name in self.allocators for sample in by_cell.get((row.id, name), [])
                   for metric in sample.get("metrics", {})}
        return row.metric or ("time_ns" if "time_ns" in printed else "wall_s")

    def cell(self, row, name):
        return self.cells[row.id, name]

    def of_kinds(self, *kinds):
        return [row for row in self.rows if row.kind in kinds]

    @staticmethod
    def series(rows):
        """The curves among the rows: name -> its rows by rising x."""
        curves = {}
        for row in sorted((row for row in rows if row.x is not None), key=lambda row: row.x):
            curves.setdefault(row.series or row.folder, []).append(row)
        return curves

    def kinds(self):
        return [kind for kind in KINDS if self.of_kinds(kind)]

    def printed_metrics(self, row):
        """The metrics of a row in the order in which they were printed."""
        names = {}
        for name in self.allocators:
            for sample in self.cell(row, name).samples:
                names.update(dict.fromkeys(sample.get("metrics", {})))
        return list(names)

    def values(self, row, metric=None):
        """Allocator -> median, of those that have one."""
        medians = {name: self.cell(row, name).median(metric) for name in self.allocators}
        return {name: value for name, value in medians.items() if value is not None}

    def ratios(self, row, metric=None, base=BASE):
        """Allocator -> ratio to the base, below 1 being better; empty without a base."""
        values = self.values(row, metric)
        is_turned = row.higher and metric in (None, self.metrics[row.id])
        result = {name: ratio_of(values.get(base), value) if is_turned else ratio_of(value, values.get(base))
                  for name, value in values.items()}
        return {name: ratio for name, ratio in result.items() if ratio is not None}

    def best(self, row, metric=None, without=()):
        """The name of the allocator that does best, None if nobody has a value."""
        values = {name: value for name, value in self.values(row, metric).items() if name not in without}
        is_turned = row.higher and metric in (None, self.metrics[row.id])
        pick = max if is_turned else min
        return pick(values, key=values.get) if values else None

    def mean(self, rows, name, metric=None):
        """The geometric mean of an allocator's ratios to glibc, and over how many rows."""
        ratios = [all_ratios[name] for all_ratios in (self.ratios(row, metric) for row in rows) if name in all_ratios]
        return geometric_mean(ratios), len(ratios)

    def against_best(self, row, metric=None, ours=OURS):
        """Our ratio to the best other allocator, and its name; None where either has no value."""
        best = self.best(row, metric, without=(ours,))
        ratio = self.ratios(row, metric, base=best).get(ours) if best else None
        return (ratio, best) if ratio is not None else None

    def is_within_noise(self, row, one, other, metric=None):
        """Whether the rounds of two allocators overlap."""
        metric = metric or self.metrics[row.id]
        ours, theirs = self.cell(row, one).values(metric), self.cell(row, other).values(metric)
        return min(ours) <= max(theirs) and min(theirs) <= max(ours)

    def losses(self, rows, metric=None):
        """The rows that another allocator wins against ours: (ratio, row, its name), the worst first."""
        compared = [(self.against_best(row, metric), row) for row in rows]
        return sorted(((result[0], row, result[1]) for result, row in compared if result and result[0] > 1),
                      key=lambda loss: -loss[0])

    def troubles(self):
        """Cells that failed or were skipped: (row, allocator, cell)."""
        return [(row, name, self.cell(row, name)) for row in self.rows for name in self.allocators
                if self.cell(row, name).status in ("failed", "skipped")]
