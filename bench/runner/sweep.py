"""
sweep.py - the points of the sweep, as rows: size x pattern x batch x threads x touch.

Points that would measure another point once more are left out: with one block the order of frees says nothing, and of
a block of at most 256 bytes the first 256 are the whole. So are those whose live blocks exceed the memory limit.
"""

import dataclasses

from runner.rows import Row

SIZES = (16, 48, 100, 200, 400, 800, 1500, 3000, 5000, 10_000, 20_000, 40_000, 70_000, 120_000, 200_000, 300_000,
         600_000, 1_000_000, 2_000_000, 4_000_000)
PATTERNS = ("lifo", "fifo", "random", "replace", "mixed", "grow", "calloc")
BATCHES = (1, 10, 100, 1000, 10_000, 100_000)
THREADS = (1, 2, 16)
TOUCHES = {"256": 256, "whole": 0}  # what sweep.c is told; 0 is all

SAME_IF_ALONE = ("fifo", "random", "replace")  # with a batch of one they are lifo
KIND = "point"
METRICS = ("time_ns", "cpu_ns")


@dataclasses.dataclass(frozen=True)
class Point:
    pattern: str
    size: int
    batch: int
    threads: int
    touch: str

    @property
    def name(self):
        threads = f", {self.threads} threads" if self.threads > 1 else ""
        return f"{self.pattern} {size_text(self.size)} x {self.batch:,}{threads}{', whole' * (self.touch == 'whole')}"

    @property
    def sizes(self):
        """What sweep.c is told: mixed sizes begin at a quarter, growth at 16 bytes or less."""
        least = {"mixed": max(self.size // 4, 1), "grow": min(max(self.size // 16, 1), 16)}.get(self.pattern)
        return f"{least}-{self.size}" if least else str(self.size)

    def is_needed(self, memory_bytes):
        return (self.size * self.batch * self.threads <= memory_bytes
                and (self.batch > 1 or self.pattern not in SAME_IF_ALONE)
                and (self.touch != "whole" or self.size > TOUCHES["256"]))

    def row(self, seconds, metric):
        words = ["$BIN/sweep/sweep", self.pattern, self.sizes, str(self.batch), str(self.threads),
                 str(TOUCHES[self.touch]), f"{seconds:g}"]
        return Row(KIND, self.name, words, KIND, threads=self.threads, metric=metric)


def point_of(row):
    """The point that a row was made of."""
    _, pattern, sizes, batch, threads, touch, _ = row.command
    return Point(pattern, int(sizes.rpartition("-")[2]), int(batch), int(threads), "256" if touch != "0" else "whole")


def size_text(size):
    for unit, factor in (("MB", 1_000_000), ("KB", 1000)):
        if size >= factor:
            return f"{size / factor:g} {unit}"
    return f"{size} B"


def points(sizes, patterns, batches, threads, touches, memory_bytes):
    """Neighbours differ in size: so no allocator sees one size for long."""
    all_points = (Point(pattern, size, batch, count, touch) for count in threads for touch in touches
                  for pattern in patterns for batch in batches for size in sizes)
    return [point for point in all_points if point.is_needed(memory_bytes)]
