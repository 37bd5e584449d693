"""
rows.py - the rows files: what there is to measure.

    name | flags | command

One row a line in bench/<folder>/rows; flags are separated by commas, # begins a comment:

    quick            also in quick runs
    kind=K           the table that it belongs to; default: the folder
    threads=N        how many threads work
    x=N, series=S    the abscissa, and the curve that the row is a point of
    rounds=N         N rounds at most
    metric=M         the row's figure: a metric that the command prints; default: time_ns, else the wall time
    higher           more of the metric is better
    nopreload        the command preloads the allocator itself, from $BENCH_PRELOAD

The command is split as a shell's words and run without a shell; see measuring.py for its variables.
"""

import dataclasses
import glob
import os
import shlex

KINDS = ("macro", "program", "micro", "latency", "memory", "giveback", "sweep", "scale", "start")
FOLDER_KINDS = {"programs": "program"}


@dataclasses.dataclass
class Row:
    folder: str
    name: str
    command: list
    kind: str
    quick: bool = False
    higher: bool = False
    nopreload: bool = False
    threads: int = 1
    rounds: int = None
    x: float = None
    series: str = None
    metric: str = None

    @property
    def id(self):
        return f"{self.folder}/{self.name}"


class BadRow(Exception):
    """A line of a rows file that says nothing sensible; its text tells file and line."""


SWITCHES = ("quick", "higher", "nopreload")
VALUES = {"kind": str, "threads": int, "rounds": int, "x": float, "series": str, "metric": str}


def parse_flags(text):
    flags = {}
    for flag in filter(None, (part.strip() for part in text.split(","))):
        name, has_value, value = (part.strip() for part in flag.partition("="))
        if name in SWITCHES and not has_value:
            flags[name] = True
        elif name in VALUES and value:
            flags[name] = VALUES[name](value)
        else:
            raise ValueError(f"no such flag: {flag}")
    return flags


def parse_line(folder, line):
    parts = [part.strip() for part in line.split("|", 2)]
    if len(parts) != 3 or not parts[0] or not parts[2]:
        raise ValueError("not of the form: name | flags | command")
    name, flags, command = parts
    kind = FOLDER_KINDS.get(folder, folder)
    row = Row(folder, name, shlex.split(command), **{"kind": kind, **parse_flags(flags)})
    if row.kind not in KINDS:
        raise ValueError(f"no such kind: {row.kind}")
    return row


def read_file(path):
    folder = os.path.basename(os.path.dirname(path))
    rows = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            try:
                rows.append(parse_line(folder, line.strip()))
            except ValueError as error:
                raise BadRow(f"{path}:{number}: {error}") from None
    return rows


def read_all(source):
    """All rows below the folder `source`, in the order of KINDS; two of one name are a mistake."""
    rows = [row for path in sorted(glob.glob(f"{source}/*/rows")) for row in read_file(path)]
    ids = [row.id for row in rows]
    for twice in {name for name in ids if ids.count(name) > 1}:
        raise BadRow(f"{source}: two rows are called {twice}")
    return sorted(rows, key=lambda row: KINDS.index(row.kind))
