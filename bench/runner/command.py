"""command.py - what bench/run and bench/sweep/run share: options, allocators, the run itself, its data and reports."""

import argparse
import dataclasses
import os
import re
import signal
import sys

from runner import allocators, campaign, journal, machine, measuring, report, rows

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def extra_allocator(text):
    name, _, path = text.partition("=")
    if not re.fullmatch(r"[\w.+-]+", name) or not path or name in allocators.NAMES:
        raise argparse.ArgumentTypeError(f"not NAME=PATH with a new name: {text}")
    return name, path


def parser_of(description, out, rounds, timeout_s):
    """The options that both have; those given are the defaults."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("extra", metavar="NAME=PATH", nargs="*", type=extra_allocator, help="a further allocator")
    parser.add_argument("--allocators", metavar="LIST", help=f"only these columns: {', '.join(allocators.NAMES)}")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"rounds at most ({rounds})")
    parser.add_argument("--budget", type=float, metavar="SECONDS",
                        help="begin no round that would not end in this time; the first always runs")
    parser.add_argument("--timeout", type=float, default=timeout_s, metavar="SECONDS",
                        help=f"for one run ({timeout_s})")
    parser.add_argument("--out", default=out, metavar="DIR",
                        help=f"where the results go ({os.path.relpath(out, TOP)})")
    parser.add_argument("--list", action="store_true", help="list the rows and allocators, and measure nothing")
    parser.add_argument("--report-only", nargs="?", const="", metavar="FILE",
                        help="write the reports anew from FILE (OUT/data.json, else the data of an interrupted run)")
    return parser


def parsed(parser):
    options = parser.parse_args()
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds: at least 1")
    for name in ("timeout", "budget"):
        if getattr(options, name) is not None and not getattr(options, name) > 0:
            parser.error(f"--{name}: more than 0 seconds")
    return options


def split_list(text, known, what):
    """The words of a list that was given, None if none was."""
    if text is None:
        return None
    words = text.split(",")
    unknown = [word for word in words if word not in known]
    if unknown:
        sys.exit(f"run: no such {what}: {', '.join(map(repr, unknown))}; there are {', '.join(known)}")
    return words


def wanted_allocators(options):
    return split_list(options.allocators, (*allocators.NAMES, *dict(options.extra)), "allocator")


def build_folder():
    return os.path.join(TOP, os.environ.get("BUILD") or "build")


def found_allocators(options):
    """The allocators to measure, and what is said of those left out."""
    libmalloc = os.path.join(TOP, os.environ.get("LIBMALLOC") or f"{build_folder()}/libmalloc.so")
    return allocators.find(libmalloc, wanted_allocators(options), options.extra)


def show_list(chosen, columns):
    print("allocators:", ", ".join(f"{one.name} ({one.version or one.path})" for one in columns))
    for row in chosen:
        print(f"{row.kind:9}{row.id:40} {'quick' if row.quick else '':6}{' '.join(row.command)}")


def describe_run(options, chosen, columns, left_out, settings):
    """The head of the data: what makes two runs the same one, and what is told of this one."""
    settings = {"timeout_s": options.timeout, **settings}
    meta = {**machine.describe(TOP), "settings": settings, "left_out": left_out,
            "allocators": [dataclasses.asdict(one) for one in columns]}
    key = {"commit": meta["commit"], "settings": settings,
           "allocators": [[one.name, one.sha256] for one in columns],
           "rows": [dataclasses.asdict(row) for row in chosen]}
    return key, meta


def measured(options, chosen, settings):
    """Measures the rows that are chosen. Returns the data; None if they were only to be listed."""
    columns, left_out = found_allocators(options)
    if options.list:
        show_list(chosen, columns)
        return None
    for text in left_out:
        print(f"run: left out: {text}", file=sys.stderr)
    places = measuring.Places(options.source, build_folder())
    if not os.path.exists(places.measure):
        sys.exit(f"run: there is no {places.measure}: make bench builds it, as does make -f bench/runner/build.mk")
    key, meta = describe_run(options, chosen, columns, left_out, settings)
    book = journal.Journal(options.out, key, meta)
    tell_of(book)
    work = campaign.Campaign(chosen, columns, settings["rounds"], book,
                             lambda row, one: measuring.run(row, one, places, settings["quick"], options.timeout),
                             settings["budget_s"])
    book.meta["rounds_made"] = work.run()
    book.meta["load_at_end"] = round(os.getloadavg()[0], 2)
    return book.finish([dataclasses.asdict(row) for row in chosen])


def tell_of(book):
    if book.kept:
        print(f"run: an older run that was not finished is kept as {book.kept}", file=sys.stderr)
    if book.resumed:
        print(f"run: goes on after {book.resumed} runs that were made before", file=sys.stderr)


def read_data(options):
    """The data of the file that --report-only names, of the last run if it names none."""
    path = options.report_only or f"{options.out}/data.json"
    if not options.report_only and not os.path.exists(path):
        path = f"{options.out}/data.jsonl"
    if not path.endswith(".jsonl"):
        return journal.load(path)
    head, samples, _ = journal.read(path)
    return {"meta": head["meta"], "rows": head["key"]["rows"], "samples": samples}


def write_reports(data, out, sections_of=report.sections):
    """Nothing where there is no data."""
    for path in report.write(data, out, sections_of) if data is not None else []:
        print(f"run: {path}", file=sys.stderr)


def end_by_signal(*_):
    raise KeyboardInterrupt


def run(body):
    """Calls `body`; mistakes and interruptions are told in a line, and end the process."""
    signal.signal(signal.SIGTERM, end_by_signal)
    try:
        body()
    except (allocators.NotLoaded, rows.BadRow, journal.Busy, FileNotFoundError) as error:
        sys.exit(f"run: {error}")
    except KeyboardInterrupt:
        print("\nrun: interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
