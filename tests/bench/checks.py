"""
checks.py - what run asks of a finished run: `checks.py NAME OUT`. Ends with 0, or says on stdout what is wrong.

OUT is the folder of a run over source/ (three rounds, glibc and libmalloc); `resume` and `anew` make runs of their own.
"""

import html.parser
import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, f"{TOP}/bench")
sys.dont_write_bytecode = True

from runner import results, rows, sweep, targets  # noqa: E402

NAMES = ["glibc", "libmalloc"]
VOID = {"meta", "br", "hr", "img", "link", "input"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def data_of(out):
    return json.loads(read(f"{out}/data.json"))


def equal(found, wanted, what):
    if found != wanted:
        sys.exit(f"{what}: {found!r}, not {wanted!r}")


def samples_of(out, row, allocator=None):
    return [sample for sample in data_of(out)["samples"]
            if sample["row"] == row and allocator in (None, sample["allocator"])]


def interleaved(out):
    """Each row's allocators one after the other, beginning with another in the next round; all rows in each round."""
    samples = [sample for sample in data_of(out)["samples"] if sample["row"] in ("macro/known", "macro/own figure")]
    order = [(sample["round"], sample["row"], sample["allocator"]) for sample in samples]
    equal(order, [(number, row, name) for number in range(3) for row in ("macro/known", "macro/own figure")
                  for name in (NAMES if number % 2 == 0 else NAMES[::-1])], "order")


def rounds(out):
    """rounds=1 is obeyed, and what failed or was skipped is not tried again."""
    for row in ("macro/one round", "macro/fails", "macro/skipped", "macro/too slow"):
        equal([sample["round"] for sample in samples_of(out, row, "libmalloc")], [0], row)
    equal(len(samples_of(out, "macro/fails once", "glibc")), 3, "rounds of the one that did not fail")


def described(out):
    """The data tell of what and where they are."""
    meta = data_of(out)["meta"]
    missing = {"commit", "dirty", "cpu", "kernel", "thp", "libc", "date", "settings", "load_at_start", "load_at_end",
               "allocators", "rounds_made"} - set(meta)
    equal(missing, set(), "missing")
    equal([one["name"] for one in meta["allocators"]], NAMES, "allocators")
    equal(len(meta["allocators"][1]["sha256"]), 16, "digits of the library's hash")
    equal(os.path.exists(f"{out}/data.jsonl"), False, "the journal of a finished run is there")


def failures(out):
    """What failed is kept with its reason, and shown in both reports."""
    states = {row: {(sample["status"], sample["why"]) for sample in samples_of(out, row, "libmalloc")}
              for row in ("macro/fails", "macro/fails once", "macro/skipped", "macro/too slow")}
    equal(states, {"macro/fails": {("failed", "SIGSEGV")}, "macro/fails once": {("failed", "exit status 1")},
                   "macro/skipped": {("skipped", "no | tool")}, "macro/too slow": {("failed", "longer than 1 s")}},
          "states")
    equal(samples_of(out, "macro/not built")[0]["status"], "skipped", "a program that is not built")
    equal(samples_of(out, "macro/fails once", "libmalloc")[0]["stderr"], "no luck\n", "stderr")
    report = read(f"{out}/report.md")
    row = next(line for line in report.splitlines() if line.startswith("| fails once |"))
    equal([("failed" in field) for field in row.split("|")[2:4]], [False, True], f"failed in {row}")
    for text in ("| macro/fails | libmalloc | failed | SIGSEGV |",
                 r"| macro/skipped | glibc | skipped | no \| tool |"):
        equal(text in report, True, f"{text} in report.md")


def resident(out):
    """The peak RSS of a program that writes 64 MiB, of a child of 96 MiB, and the one that a program tells itself."""
    for row, mib in (("macro/known", 64), ("macro/parent", 96)):
        for name in NAMES:
            found = samples_of(out, row, name)[0]["rss_kib"] / 1024
            if not mib <= found <= mib * 1.04:
                sys.exit(f"{row} on {name}: {found:.1f} MiB, not {mib}")
    equal(samples_of(out, "macro/own figure")[0]["rss_kib"], 12345, "own figure")
    small = samples_of(out, "macro/one round", "glibc")[0]["rss_kib"]
    equal(small < 3000, True, f"`true` uses {small} KiB, which")


def left_behind(out):
    """A process that a command forgot was ended with it."""
    process = read(f"{os.environ['BUILD']}/bench/cache/forgotten").strip()
    words = f"/proc/{process}/cmdline"
    equal(os.path.exists(words) and "987" in read(words), False, "it lives")


def made(values, kind="macro", higher=False):
    """Made data: {row: {allocator: [a value a round]}}."""
    meta = {"allocators": [{"name": name} for name in sorted({name for row in values.values() for name in row})]}
    rows = [{"folder": kind, "name": name, "command": [], "kind": kind, "higher": higher} for name in values]
    samples = [{"round": number, "row": f"{kind}/{row}", "allocator": name, "status": "ok", "wall_s": 9, "rss_kib": 1,
                "metrics": {"time_ns": value}}
               for row, all_values in values.items() for name, some in all_values.items()
               for number, value in enumerate(some)]
    return results.Results({"meta": meta, "rows": rows, "samples": samples})


def bars(_):
    """Each bar's rows are in bench/; a figure is judged by the worst of them; a failure is not reached."""
    ids = [row.id for row in rows.read_all(f"{TOP}/bench")]
    equal([bar.what for bar in targets.BARS if bar.rows and not any(re.search(bar.rows, one) for one in ids)], [],
          "bars without rows")
    one = made({"a": {"glibc": [10], "libmalloc": [9]}, "b": {"glibc": [10], "libmalloc": [12]}})
    for bar, verdict in ((("best", 1.05, "^macro/[ab]$"), ("1.200", "missed by 14 %", "macro/b, against glibc")),
                         (("best", 1.05, "^macro/a$"), ("0.900", "reached", "macro/a, against glibc")),
                         (("value", 12, "^macro/", "time_ns"), ("12 ns", "reached", "macro/b")),
                         (("mean", 1.0), ("1.039", "missed by 3.9 %", "2 rows")),
                         (("best", 1.0, "^micro/"), ("", "not measured", ""))):
        found = targets.judge(targets.Bar("", "", *bar), one)
        equal((found.figure, found.word, found.where), verdict, f"{bar}")
    one.cell(one.rows[0], "libmalloc").samples[0].update(status="failed")
    equal(targets.judge(targets.Bar("", "", "best", 1.5, "^macro/"), one).word, "failed", "a failure")


def means(_):
    """Medians, geometric means, ratios and the best other, of figures made up."""
    one = made({"a": {"glibc": [10, 10, 90], "libmalloc": [20, 2, 1], "tbb": [4, 4, 4]},
                "b": {"glibc": [1, 1, 1], "libmalloc": [5, 5, 4]}})
    mean, count = one.mean(one.rows, "libmalloc")
    equal((round(mean, 9), count), (1.0, 2), "the mean of 0.2 and 5")
    equal(one.mean(one.rows, "tbb"), (0.4, 1), "the mean over one row")
    equal(one.against_best(one.rows[0]), (0.5, "tbb"), "against the best")
    equal([(loss[0], loss[1].name, loss[2]) for loss in one.losses(one.rows)], [(5.0, "b", "glibc")], "losses")
    equal(round(one.cell(one.rows[0], "libmalloc").spread(), 9), 9.5, "the spread of 20, 2, 1")
    more = made({"a": {"glibc": [10], "libmalloc": [20], "tbb": [40]}}, higher=True)
    equal(more.ratios(more.rows[0]), {"glibc": 1.0, "libmalloc": 0.5, "tbb": 0.25}, "ratios where more is better")
    equal(more.against_best(more.rows[0]), (2.0, "tbb"), "against the best where more is better")


class Page(html.parser.HTMLParser):
    """Sees that elements nest, ids differ, and nothing is loaded from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.seen = [], set(), {}
        self.feed(text)
        self.close()
        equal(self.open, [], "left open")

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen[tag] = self.seen.get(tag, 0) + 1
        for name, value in attributes:
            equal(name == "id" and value in self.ids, False, f"the id {value} twice")
            self.ids |= {value} if name == "id" else set()
            if name in ("src", "href", "xlink:href") and not value.startswith("#"):
                sys.exit(f"<{tag}> loads {value}")

    def handle_endtag(self, tag):
        equal(self.open.pop() if self.open else None, tag, "closed")


def page(out):
    """report.html is well-formed and needs nothing else; each picture is XML, and there is one of each sort."""
    text = read(f"{out}/report.html")
    parsed = Page(text)
    for tag in ("script", "link", "img"):
        equal(parsed.seen.get(tag, 0), 0, f"<{tag}>")
    pictures = re.findall(r"<svg .*?</svg>", text, re.S)
    for picture in pictures:
        xml.etree.ElementTree.fromstring(picture)
    labels = [re.search('aria-label="(.*?)"', picture).group(1) for picture in pictures]
    equal(labels, ["time against memory", "geometric means", "time and memory of each row", "latency: calls, malloc",
                   "memory over time: phases", "scale: live heap"], "pictures")


def tables(out):
    """report.md: each table's lines have as many fields as its head; the ratios are there."""
    text, fields = read(f"{out}/report.md"), None
    for line in text.splitlines():
        count = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
        if count is not None and fields is not None:
            equal(count, fields, line)
        fields = count
    for pattern in (r"\| throughput \| 1\.00 \(100 .*\| \*\*0\.50\*\* \(200 ",
                    r"\| live heap \| 1 to 8 \| × 1\.50 \(10 ns → 15 ns\)", r"\| calls \| malloc p50 \| ", r"### The bars", r"### Geometric means"):
        equal(bool(re.search(pattern, text)), True, f"{pattern} in report.md")


def points(_):
    """The points that are chosen: each once, within the limit of memory; a row tells its point."""
    def chosen(mib):
        return sweep.points(sweep.SIZES, sweep.PATTERNS, sweep.BATCHES, sweep.THREADS, sweep.TOUCHES, mib << 20)
    found = chosen(100)
    equal(len({point.name for point in found}), len(found), "names")
    equal([point for point in found if point.size * point.batch * point.threads > 100 << 20], [], "too large")
    equal(set(found) < set(chosen(1000)), True, "a larger limit has the points of a smaller one")
    equal([point.name for point in found if sweep.point_of(point.row(0.1, "time_ns")) != point], [], "rows of others")


def swept(out):
    """Each point has all figures, from each round; the peak RSS of 20 MB written; tables and maps are there."""
    out += "-sweep"
    samples = data_of(out)["samples"]
    equal({sample["status"] for sample in samples}, {"ok"}, "states")
    # Of 100 B the whole is not measured apart, and fifo not with a batch of one: 5 points three times, and a row.
    equal(len(samples), (3 * 5 * 2 + 1) * len(NAMES) * 2, "samples")
    for sample in samples:
        equal(set(sample["metrics"]), {"time_ns", "cpu_ns", "faults_per_1000", "rss_kib", "end_kib"}, "figures")
        equal(min(sample["metrics"]["time_ns"], sample["metrics"]["cpu_ns"]) > 0, True, f"times of {sample['row']}")
    for sample in samples_of(out, "point/fifo 1 MB x 20, whole"):
        peak, end = sample["metrics"]["rss_kib"] / 1024, sample["metrics"]["end_kib"] / 1024
        if not 19 < peak < 25 or end > peak:
            sys.exit(f"fifo on {sample['allocator']}: peak {peak:.1f} MiB, then {end:.1f} MiB")
    report, page_text = read(f"{out}/report.md"), read(f"{out}/report.html")
    for pattern in ("### Geometric means over 30 points", r"### The 20 worst points of libmalloc: time",
                    r"\| mixed \| 12 \| 1\.000 \| ", r"\| written: whole \| 10 \| ", r"\| doubled to 4 MiB "):
        equal(bool(re.search(pattern, report)), True, f"{pattern} in report.md")
    Page(page_text)
    pictures = re.findall(r"<svg .*?</svg>", page_text, re.S)
    # Time, processor time, peak and end; against the best other and glibc; one and two threads; in part and whole.
    equal(len(pictures), 4 * 2 * 2 * 2, "heat maps")
    shown = sum(len(xml.etree.ElementTree.fromstring(picture).findall("g")) for picture in pictures)
    equal(shown, 4 * 2 * 30, "points in the heat maps")


def alone(out):
    """Reports of one allocator only, without glibc for instance, are whole too."""
    data = data_of(out)
    for name in NAMES:
        folder = f"{out}-alone-{name}"
        os.makedirs(folder)
        meta = {**data["meta"], "allocators": [one for one in data["meta"]["allocators"] if one["name"] == name]}
        samples = [sample for sample in data["samples"] if sample["allocator"] == name]
        with open(f"{folder}/data.json", "w", encoding="utf-8") as file:
            json.dump({**data, "meta": meta, "samples": samples}, file)
        subprocess.run([f"{TOP}/bench/run", "--report-only", "--out", folder], check=True, stderr=subprocess.PIPE)
        Page(read(f"{folder}/report.html"))
        equal("own figure" in read(f"{folder}/report.md"), True, "a row in report.md")


def sleepy(out, *options, interrupted=None, lines=4):
    """A run over sleepy/; with `interrupted`, by that signal when its journal has so many lines: status and stderr."""
    command = [f"{TOP}/bench/run", "--source", f"{HERE}/sleepy", "--allocators", "glibc,libmalloc", "--rounds", "2",
               "--out", out, *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    end = time.monotonic() + 30
    while interrupted and time.monotonic() < end and journal_lines(out) < lines:
        time.sleep(0.02)
    if interrupted:
        process.send_signal(interrupted)
    stderr = process.communicate()[1]
    return process.returncode, stderr


def journal_lines(out):
    path = f"{out}/data.jsonl"
    return len(read(path).splitlines()) if os.path.exists(path) else 0


def resume(out, stop=signal.SIGINT, status=130):
    """A run that was interrupted goes on where it was."""
    out += f"-resume-{stop.name}"
    equal(sleepy(out, interrupted=stop)[0], status, "exit status")
    before = read(f"{out}/data.jsonl").splitlines()
    with open(f"{out}/data.jsonl", "a", encoding="utf-8") as file:
        file.write('{"round": 0, "row": "sta')  # as if it had been killed while it wrote
    status_then, stderr = sleepy(out, interrupted=stop, lines=len(before) + 3)
    equal(status_then, status, f"exit status of the second run: {stderr}")
    equal(f"goes on after {len(before) - 1} runs" in stderr, True, f"it goes on: {stderr}")
    then = journal_lines(out) - 1
    status, stderr = sleepy(out)
    equal(status, 0, f"exit status of the third run: {stderr}")
    equal(f"goes on after {then} runs" in stderr, True, f"it goes on after {then}: {stderr}")
    samples = data_of(out)["samples"]
    equal(samples[:len(before) - 1], [json.loads(line) for line in before[1:]], "the samples of the first run")
    equal(len({(one["round"], one["row"], one["allocator"]) for one in samples}), 12, "runs")
    equal(len(samples), 12, "samples")


def resume_killed(out):
    """So does one that was killed."""
    resume(out, signal.SIGKILL, -signal.SIGKILL)


def anew(out):
    """With other settings it begins anew and keeps the older file; a finished run's data are kept too."""
    out += "-anew"
    sleepy(out, interrupted=signal.SIGTERM)
    before = read(f"{out}/data.jsonl")
    for _ in range(2):
        status, stderr = sleepy(out, "--rows", "first", "--rounds", "1")
        equal(status, 0, f"exit status: {stderr}")
        equal("goes on" in stderr, False, f"it goes on: {stderr}")
    kept = {os.path.splitext(name)[1]: name for name in os.listdir(out) if name.startswith("data-")}
    equal(set(kept), {".json", ".jsonl"}, "kept")
    equal(read(f"{out}/{kept['.jsonl']}"), before, "the older file")
    equal(len(data_of(out)["samples"]), 2, "samples")


def busy(out):
    """Two runs do not write to one folder."""
    out += "-busy"
    command = [f"{TOP}/bench/run", "--source", f"{HERE}/sleepy", "--allocators", "glibc", "--out", out, "--rounds"]
    with subprocess.Popen([*command, "100"], stderr=subprocess.DEVNULL) as first:
        while first.poll() is None and journal_lines(out) == 0:
            time.sleep(0.02)
        second = subprocess.run([*command, "1"], stderr=subprocess.PIPE, text=True, check=False)
        first.terminate()
    equal((first.returncode, second.returncode), (130, 1), "exit status of both")
    equal("another run writes to" in second.stderr, True, second.stderr)


CHECKS = {function.__name__: function for function in
          (interleaved, rounds, described, failures, resident, left_behind, means, bars, page, tables, points, swept,
           alone, resume, resume_killed, anew, busy)}

if __name__ == "__main__":
    CHECKS[sys.argv[1]](sys.argv[2])
