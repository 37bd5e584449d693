"""tables.py - the results as tables, which html.py and markdown.py draw."""

import dataclasses

from runner import targets, units
from runner.allocators import OURS
from runner.results import SUITE

# What is lost or won in time: rows whose figure is a time or a throughput.
TIMED = ("macro", "program", "micro", "sweep", "scale", "latency")
# Kinds of which each metric is shown, not only the main one.
DETAILED = ("latency", "memory", "start")


@dataclasses.dataclass
class Entry:
    """One field: its text, smaller text below or behind it, and how it is marked: "best", "bad", "dim" or nothing."""
    text: str
    small: str = ""
    mark: str = ""


@dataclasses.dataclass
class Table:
    title: str
    columns: list
    rows: list = dataclasses.field(default_factory=list)
    note: str = ""
    is_text: bool = False  # words more than figures


def stated(cell):
    """The entry of a cell that has no value: nothing is passed over in silence."""
    if cell.status in ("ok", "missing"):
        return Entry("–", mark="dim")
    return Entry(cell.status, mark="bad" if cell.status == "failed" else "dim")


def spread_text(cell, metric):
    spread = cell.spread(metric)
    return f" ±{units.percent(spread / 2)}" if spread is not None and len(cell.values(metric)) > 1 else ""


def entries(results, row, metric, is_ratio):
    """One entry an allocator: the ratio to glibc with the value below it, or the value alone."""
    values, ratios = results.values(row, metric), results.ratios(row, metric) if is_ratio else {}
    best = values.get(results.best(row, metric))
    result = []
    for name in results.allocators:
        cell = results.cell(row, name)
        if name not in values:
            result.append(stated(cell))
            continue
        text = units.quantity(values[name], metric)
        spread = spread_text(cell, metric)
        mark = "best" if values[name] == best else ""
        result.append(Entry(units.ratio(ratios[name]), text + spread, mark) if name in ratios else
                      Entry(text, spread.strip(), mark))
    return result


def against_entry(results, row, metric):
    compared = results.against_best(row, metric)
    if compared is None:
        return Entry("–", mark="dim")
    return Entry(units.ratio(compared[0]), compared[1], "bad" if compared[0] > 1.05 else "")


def comparison(results, rows, metric, title, note=""):
    """Ratios to glibc, a row each; `metric` None: each row's main figure."""
    has_ours = OURS in results.allocators
    table = Table(title, ["row", *results.allocators, *([f"{OURS} / best other"] if has_ours else [])], note=note)
    for row in rows:
        if metric is not None and not results.values(row, metric):
            continue
        used = metric or results.metrics[row.id]
        last = [against_entry(results, row, used)] if has_ours else []
        name = Entry(row.name, f"{row.threads} threads" if row.threads > 1 and "thread" not in row.name else "")
        table.rows.append([name, *entries(results, row, used, is_ratio=True), *last])
    return table


def details(results, rows, title):
    """Every metric that the rows print, as it is."""
    table = Table(title, ["row", "figure", *results.allocators])
    for row in rows:
        metrics = results.printed_metrics(row) or [results.metrics[row.id]]
        for at, metric in enumerate(metrics):
            table.rows.append([Entry(row.name if at == 0 else ""), Entry(units.label(metric)),
                               *entries(results, row, metric, is_ratio=False)])
    return table


def growth(results, rows):
    """The scale curves: the figure at the least x, at the greatest, and by what factor it grew."""
    table = Table("Growth along each curve", ["curve", "x", *results.allocators],
                  note="The figure at the least and at the greatest x, and the second over the first.")
    for name, points in results.series(rows).items():
        first, last = points[0], points[-1]
        table.rows.append([Entry(name), Entry(f"{units.digits(first.x)} to {units.digits(last.x)}"),
                           *(grown(results, first, last, one) for one in results.allocators)])
    return table


def grown(results, first, last, name):
    begin, end = results.cell(first, name).median(), results.cell(last, name).median()
    if begin is None or end is None:
        return stated(results.cell(last if begin is not None else first, name))
    metric = results.metrics[first.id]
    return Entry(f"× {units.ratio(end / begin)}" if begin > 0 else "–",
                 f"{units.quantity(begin, metric)} → {units.quantity(end, metric)}")


def mean_entry(results, rows, name, metric):
    mean, count = results.mean(rows, name, metric)
    if mean is None:
        return Entry("–", mark="dim")
    return Entry(f"{mean:.3f}", "" if count == len(rows) else f"{count} rows")


def summary(results):
    """Geometric means, an allocator a row."""
    groups = [("time", SUITE, None), ("peak RSS", SUITE, "rss_kib"), ("time, macro", ("macro",), None),
              ("time, programs", ("program",), None), ("time, micro", ("micro",), None)]
    groups = [(title, results.of_kinds(*kinds), metric) for title, kinds, metric in groups]
    groups = [group for group in groups if group[1]]
    titles = [f"{title} ({len(rows)} rows)" for title, rows, _ in groups]
    table = Table("Geometric means, glibc = 1", ["allocator", *titles, "fastest in", "failed"])
    timed = results.of_kinds("macro", "program", "micro")
    for name in results.allocators:
        won = sum(results.best(row) == name for row in timed)
        failed = sum(results.cell(row, name).status == "failed" for row in results.rows)
        table.rows.append([Entry(name), *(mean_entry(results, rows, name, metric) for _, rows, metric in groups),
                           Entry(f"{won} of {len(timed)}"), Entry(str(failed), mark="bad" if failed else "")])
    for column in range(1, len(groups) + 1):
        mark_least([line[column] for line in table.rows])
    return table


def mark_least(column):
    known = [entry for entry in column if entry.mark != "dim"]
    if known:
        min(known, key=lambda entry: float(entry.text)).mark = "best"


def losses(results, rows, metric, title):
    lost = results.losses(rows, metric)
    table = Table(title, ["row", "kind", "against the best", OURS, "the best", "which"], is_text=True,
                  note=f"{len(lost)} of {len(rows)} rows, the worst first. Within noise: the rounds of both overlap.")
    for ratio, row, other in lost:
        used, values = metric or results.metrics[row.id], results.values(row, metric)
        noise = "within noise" if results.is_within_noise(row, OURS, other, used) else ""
        table.rows.append([Entry(row.name), Entry(row.kind),
                           Entry(units.ratio(ratio), noise, "dim" if noise else "bad" if ratio > 1.05 else ""),
                           Entry(units.quantity(values[OURS], used)),
                           Entry(units.quantity(values[other], used)), Entry(other)])
    return table


def all_losses(results):
    if OURS not in results.allocators:
        return []
    timed, suite = results.of_kinds(*TIMED), results.of_kinds(*SUITE)
    result = [losses(results, timed, None, f"Where {OURS} is slower than the best other"),
              losses(results, suite, "rss_kib", f"Where {OURS} holds more memory than the best other")]
    return [table for table, rows in zip(result, (timed, suite)) if rows]


def bars(results):
    table = Table("The bars", ["figure", "bar", "reached", "", "where"], is_text=True)
    for bar in targets.BARS:
        verdict = targets.judge(bar, results)
        mark = {"reached": "best", "not measured": "dim"}.get(verdict.word, "bad")
        table.rows.append([Entry(bar.what), Entry(bar.text), Entry(verdict.figure), Entry(verdict.word, mark=mark),
                           Entry(verdict.where, mark="dim")])
    return table


def troubles(results):
    table = Table("Failed and skipped", ["row", "allocator", "", "why"], is_text=True)
    for row, name, cell in results.troubles():
        stderr = next((sample["stderr"] for sample in cell.samples if sample.get("stderr")), "").strip()
        last_line = stderr.splitlines()[-1][:200] if stderr else ""
        why = f"{cell.why}: {last_line}" if last_line else cell.why
        table.rows.append([Entry(row.id), Entry(name), stated(cell), Entry(why)])
    return table


def of_kind(results, kind):
    """The tables of one kind."""
    rows = results.of_kinds(kind)
    if kind in DETAILED:
        return [details(results, rows, "All figures")]
    if kind == "giveback":
        return [comparison(results, rows, None, "Resident set")]
    result = [comparison(results, rows, None, "Time")]
    if kind == "scale":
        result.insert(0, growth(results, rows))
    if any(results.values(row, "instructions") for row in rows):
        result.append(comparison(results, rows, "instructions", "User instructions per operation"))
    result.append(comparison(results, rows, "rss_kib", "Peak RSS"))
    return [table for table in result if table.rows]


def settings_text(meta):
    settings, made = meta["settings"], meta.get("rounds_made")
    parts = ["quick"] if settings["quick"] else []
    parts.append(f"rounds: {settings['rounds']}, not finished" if made is None else f"rounds: {made}")
    return ", ".join([*parts, f"{settings['timeout_s']:g} s a run at most"])


def allocator_text(one):
    if one["path"] is None:
        return one["version"]
    return f"{one['version']} ({one['path']}, sha256 {one['sha256']})".strip()


def machine(meta):
    """What the result is of, as pairs."""
    load = " to ".join(str(meta[key]) for key in ("load_at_start", "load_at_end") if key in meta)
    pairs = [("commit", meta["commit"][:12] + (", with changes" if meta["dirty"] else "")),
             ("machine", f"{meta['cpu']}, {meta['cpus']} CPUs, {meta['memory_mib'] / 1024:.1f} GiB"),
             ("system", f"{meta['system']}, Linux {meta['kernel']}, {meta['libc']}"),
             ("huge pages", meta["thp"]), ("overcommit", meta["overcommit"]), ("governor", meta["governor"]),
             ("date", meta["date"]), ("load average", load), ("settings", settings_text(meta)),
             *((one["name"], allocator_text(one)) for one in meta["allocators"]),
             *(("left out", text) for text in meta["left_out"])]
    return [(name, text) for name, text in pairs if text]
