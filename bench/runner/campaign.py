"""
campaign.py - all runs of all rows, in turn.

    round 0    row 1: A B C    row 2: A B C    ...
    round 1    row 1: B C A    row 2: B C A    ...

So each allocator of a row runs within seconds of the others, and none always comes first. A row that failed or was
skipped on an allocator is not tried again on it. With a budget, a round begins only if it is likely to end in time.
"""

import sys
import time

ESTIMATE_EVERY_S = 5  # how often the time left is estimated anew, since that goes through all runs


def plan(rows, allocators, number):
    """The runs of round `number`: pairs of row and allocator."""
    turned = allocators[number % len(allocators):] + allocators[:number % len(allocators)]
    return [(row, allocator) for row in rows if row.rounds is None or number < row.rounds for allocator in turned]


def duration(seconds):
    seconds = max(round(seconds), 1)
    return f", about {seconds} s left" if seconds < 100 else f", about {round(seconds / 60)} min left"


class Progress:
    """A line on stderr: rewritten in place on a terminal, else one line a row and round."""

    def __init__(self, total):
        self.total, self.done = total, 0
        self.seconds = {}  # (row, allocator) -> how long it took last
        self.last_row = None
        self.left_s, self.estimated_at = None, None

    def is_old(self):
        """Whether the time left should be estimated anew."""
        return self.left_s is None or time.monotonic() > self.estimated_at + ESTIMATE_EVERY_S

    def estimate(self, left_s):
        self.left_s, self.estimated_at = left_s, time.monotonic()

    def remaining_s(self, runs):
        """Estimates how long `runs` take: as the same took before, else as the row's others did, else the mean."""
        if not self.seconds:
            return None
        by_row = {}
        for (row_id, _), seconds in self.seconds.items():
            by_row.setdefault(row_id, []).append(seconds)
        means = {row_id: sum(all_s) / len(all_s) for row_id, all_s in by_row.items()}
        mean = sum(means.values()) / len(means)
        return sum(self.seconds.get((row.id, allocator.name), means.get(row.id, mean)) for row, allocator in runs)

    def show(self, row, allocator):
        left = "" if self.left_s is None else duration(self.left_s)
        line = f"{self.done}/{self.total} {row.id}: {allocator.name}{left}"
        if sys.stderr.isatty():
            print(f"\r\x1b[K{line[:118]}", end="", file=sys.stderr, flush=True)
        elif row.id != self.last_row:
            print(line, file=sys.stderr, flush=True)
        self.last_row = row.id

    def took(self, row, allocator, seconds):
        self.done += 1
        self.seconds[row.id, allocator.name] = seconds

    def end(self):
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


class Campaign:
    """`run_one(row, allocator)` makes a sample; the journal has those that were made before."""

    def __init__(self, rows, allocators, rounds, journal, run_one, budget_s=None):
        self.rows, self.allocators, self.rounds = rows, allocators, rounds
        self.journal, self.run_one, self.budget_s = journal, run_one, budget_s
        self.made = {(sample["round"], sample["row"], sample["allocator"]) for sample in journal.samples}
        self.given_up = {(sample["row"], sample["allocator"]) for sample in journal.samples
                         if sample["status"] != "ok"}
        self.spent_s = sum(sample["took_s"] for sample in journal.samples)

    def is_due(self, number, row, allocator):
        return ((number, row.id, allocator.name) not in self.made and
                (row.id, allocator.name) not in self.given_up)

    def due(self, first_round):
        return [(number, *run) for number in range(first_round, self.rounds)
                for run in plan(self.rows, self.allocators, number) if self.is_due(number, *run)]

    def measure(self, number, row, allocator):
        begin = time.monotonic()
        sample = {"round": number, "row": row.id, "allocator": allocator.name, **self.run_one(row, allocator)}
        sample["took_s"] = round(time.monotonic() - begin, 3)
        self.journal.add(sample)
        self.made.add((number, row.id, allocator.name))
        self.spent_s += sample["took_s"]
        if sample["status"] != "ok":
            self.given_up.add((row.id, allocator.name))
        return sample["took_s"]

    def fits(self, number, progress):
        """Whether round `number` is likely to end within the budget. The first always runs."""
        if self.budget_s is None or number == 0:
            return True
        runs = [run for run in plan(self.rows, self.allocators, number) if self.is_due(number, *run)]
        return self.spent_s + (progress.remaining_s(runs) or 0) <= self.budget_s

    def left_s(self, number, progress):
        """How long all of it may still take, from round `number` on."""
        left_s = progress.remaining_s([run for _, *run in self.due(number)])
        if left_s is None or self.budget_s is None or number == 0:
            return left_s
        return min(left_s, self.budget_s - self.spent_s)

    def run(self):
        """Returns how many rounds were made."""
        progress = Progress(len(self.due(0)) + len(self.made))
        progress.done = len(self.made)
        for sample in self.journal.samples:
            progress.seconds[sample["row"], sample["allocator"]] = sample["took_s"]
        for number in range(self.rounds):
            if not self.fits(number, progress):
                progress.end()
                return number
            self.run_round(number, progress)
        progress.end()
        return self.rounds

    def run_round(self, number, progress):
        for row, allocator in plan(self.rows, self.allocators, number):
            if not self.is_due(number, row, allocator):
                continue
            if progress.is_old():
                progress.estimate(self.left_s(number, progress))
            progress.show(row, allocator)
            progress.took(row, allocator, self.measure(number, row, allocator))
        # Runs that were given up on are not done, but they are over.
        progress.total = progress.done + len(self.due(number + 1))
