"""
sweep_tables.py - the results of a sweep as sections of a report: means, where libmalloc is worst, the named rows, heat
maps. The figure of a point is its time (wall or processor, as the run was told); the resident sets stand beside it.
"""

from runner import heatmaps, sweep, tables, units
from runner.allocators import OURS
from runner.report import Section
from runner.results import geometric_mean
from runner.tables import Entry, Table

WORST = 20
MEMORY = {"rss_kib": "peak RSS", "end_kib": "RSS at the end"}
READING = ("Ratios below 1 are better. RSS is that of the whole process, about 1.5 MiB before it allocates. "
           "At the end all blocks are freed and all threads have ended. Allocators took turns at each point.")


def titles(results, points):
    """Metric -> what it is called. The points' own figure comes first."""
    own = results.metrics[points[0].id]
    times = {"time_ns": "time", "cpu_ns": "processor time"}
    return {own: times.pop(own), **times, **MEMORY}


def mean_against_best(results, points, name, metric):
    return geometric_mean(compared[0] for row in points if (compared := results.against_best(row, metric, name)))


def mean_entry(mean):
    return Entry(f"{mean:.3f}") if mean is not None else Entry("–", mark="dim")


def faulting(results, points, name):
    return sum((results.cell(row, name).median("faults_per_1000") or 0) > 1 for row in points)


def summary(results, points):
    """Geometric means over all points, an allocator a row: against glibc, and against the best other of each point."""
    metrics = titles(results, points)
    table = Table(f"Geometric means over {len(points)} points",
                  ["allocator", *(f"{title} / glibc" for title in metrics.values()),
                   *(f"{title} / best other" for title in metrics.values()), "points with page faults"],
                  note="With page faults: more than one in 1000 operations, long after the start.")
    for name in results.allocators:
        table.rows.append([Entry(name), *(mean_entry(results.mean(points, name, metric)[0]) for metric in metrics),
                           *(mean_entry(mean_against_best(results, points, name, metric)) for metric in metrics),
                           Entry(str(faulting(results, points, name)))])
    for column in range(1, 2 * len(metrics) + 1):
        tables.mark_least([line[column] for line in table.rows])
    return table


def groups(points):
    """Title -> the points of one pattern, size, batch, number of threads, touch."""
    result = {}
    for field, text in (("pattern", "{}"), ("size", "{}"), ("batch", "x {:,}"), ("threads", "threads: {}"),
                        ("touch", "written: {}")):
        for row in points:
            value = getattr(sweep.point_of(row), field)
            title = sweep.size_text(value) if field == "size" else text.format(value)
            result.setdefault(title, []).append(row)
    return result


def means_of_groups(results, points, metric, title):
    has_ours = OURS in results.allocators
    table = Table(f"Geometric means of {title}, glibc = 1",
                  ["points", "how many", *results.allocators, *([f"{OURS} / best other"] if has_ours else [])])
    for name, some in groups(points).items():
        last = [mean_entry(mean_against_best(results, some, OURS, metric))] if has_ours else []
        table.rows.append([Entry(name), Entry(str(len(some))),
                           *(mean_entry(results.mean(some, one, metric)[0]) for one in results.allocators), *last])
    return table


def worst(results, points, metric, title):
    """Against the best other; glibc's ratio beside it."""
    table = tables.losses(results, points, metric, f"The {WORST} worst points of {OURS}: {title}")
    del table.rows[WORST:]
    table.columns[1] = f"{OURS} / glibc"
    by_name = {row.name: row for row in points}
    for line in table.rows:
        ratio = results.ratios(by_name[line[0].text], metric).get(OURS)
        line[1] = Entry(units.ratio(ratio) if ratio is not None else "–")
    return table


def sections_of_points(results, points):
    metrics = titles(results, points)
    result = [Section("Summary", READING, [], [summary(results, points)])]
    if OURS in results.allocators:
        result.append(Section("The worst points", "", [],
                              [worst(results, points, metric, title) for metric, title in metrics.items()]))
    result.append(Section("Means", "", [],
                          [means_of_groups(results, points, metric, title) for metric, title in metrics.items()]))
    if OURS in results.allocators:
        result += [Section(f"Heat maps: {title}", heatmaps.READING,
                           heatmaps.of_metric(results, points, metric, title), [])
                   for metric, title in metrics.items()]
    return result


def sections_of_rows(results):
    timed, leftovers = results.of_kinds("sweep"), results.of_kinds("giveback")
    wanted = [("Time", timed, None), ("Processor time", timed, "cpu_ns"), ("Peak RSS", timed, "rss_kib"),
              ("RSS at the end", leftovers, None)]
    all_tables = [tables.comparison(results, rows, metric, title) for title, rows, metric in wanted if rows]
    return [Section("Named rows", "", [], all_tables)] if all_tables else []


def sections(results):
    points = results.of_kinds(sweep.KIND)
    troubles = tables.troubles(results)
    return [*(sections_of_points(results, points) if points else []), *sections_of_rows(results),
            *([Section(troubles.title, "", [], [troubles])] if troubles.rows else [])]
