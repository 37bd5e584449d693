"""report.py - the two reports: report.html, which needs nothing but itself, and report.md."""

from runner import html, markdown, plots, tables
from runner.journal import write_whole
from runner.results import Results

KIND_TITLES = {
    "macro": ("Macro: shapes of the allocator literature", ""),
    "program": ("Real programs", ""),
    "micro": ("Micro: single operations", ""),
    "latency": ("Latency of single calls",
                "Left: how often a time occurs. Right: what share of all calls takes a time or longer."),
    "memory": ("Memory over time", "What is held against what is live (grey), through the phases of a program."),
    "giveback": ("Memory given back", ""),
    "sweep": ("Shapes that some allocator does badly", ""),
    "scale": ("Scale", "The cost of a call against what the program has."),
    "start": ("Start, and instructions",
              "What preloading costs /bin/true, and user instructions of a plain malloc+free pair."),
}
READING = ("Each cell is the ratio to glibc, less being better, and below it the median with half the spread between "
           "the slowest and the fastest round. The best is bold. Allocators took turns in each round.")


class Section:
    def __init__(self, title, text, pictures, all_tables):
        self.title, self.text, self.pictures, self.tables = title, text, pictures, all_tables


def sections(results):
    """The summary, then one section a kind, then what failed."""
    has_plots = plots.is_available()
    missing = "" if has_plots else " There are no pictures, since python3-matplotlib is not installed."
    result = [Section("Summary", READING + missing, plots.of_summary(results) if has_plots else [],
                      [tables.summary(results), tables.bars(results), *tables.all_losses(results)])]
    for kind in results.kinds():
        title, text = KIND_TITLES[kind]
        result.append(Section(title, text, plots.of_kind(results, kind) if has_plots else [],
                              tables.of_kind(results, kind)))
    troubles = tables.troubles(results)
    if troubles.rows:
        result.append(Section(troubles.title, "", [], [troubles]))
    return result


def write(data, out, sections_of=sections):
    """Returns the paths of what it wrote. `sections_of` makes the sections of the results."""
    results = Results(data)
    head, parts = tables.machine(results.meta), sections_of(results)
    paths = {f"{out}/report.html": html.page(head, parts), f"{out}/report.md": markdown.page(head, parts)}
    for path, text in paths.items():
        write_whole(path, text)
    return list(paths)
