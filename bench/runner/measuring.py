"""
measuring.py - one run of one row on one allocator: a sample.

A command runs in a folder of its own, in a session of its own, so that all of it can be ended, with /dev/null as its
input. In its words and its environment:

    $BIN,   BENCH_BIN      the folder of the programs built          $SRC,   BENCH_SRC    the folder of the sources
    $WORK,  BENCH_WORK     the folder it runs in, removed afterwards $CACHE, BENCH_CACHE  a folder that is kept
            BENCH_QUICK=1  in quick runs: less work                          BENCH_PRELOAD the library, empty for glibc

What it prints as lines "bench: ..." are its figures:

    bench: METRIC VALUE                  bench: bucket NAME LOWER COUNT             bench: point SERIES X Y

A sample is a dict, as it goes into the data file: status ("ok", "failed", "skipped"), why if it is not ok, wall_s,
cpu_s, rss_kib (the command's own figure, else the peak that wait4 tells), faults; metrics, buckets and points.
"""

import os
import select
import shutil
import signal
import string
import subprocess

from runner import allocators

SKIPPED = 77  # the exit status of a command that lacks a tool
STDERR_KEPT = 2000


class Places:
    """The folders that commands use: the sources, the programs built, scratch, kept inputs."""

    def __init__(self, source, build):
        self.source = os.path.abspath(source)
        self.bin = os.path.abspath(f"{build}/bench")
        self.work = f"{self.bin}/work-{os.getpid()}"
        self.cache = f"{self.bin}/cache"
        self.measure = f"{self.bin}/runner/measure"

    def variables(self):
        return {"SRC": self.source, "BIN": self.bin, "WORK": self.work, "CACHE": self.cache}


def command_of(row, places):
    return [string.Template(word).safe_substitute(places.variables()) for word in row.command]


def environment_of(row, allocator, places, is_quick):
    result = allocators.environment(None if row.nopreload else allocator.path)
    result.update({f"BENCH_{name}": value for name, value in places.variables().items()})
    result.update(BENCH_PRELOAD=allocator.path or "", LC_ALL="C.UTF-8", PYTHONHASHSEED="0", PERL_HASH_SEED="0")
    result.pop("BENCH_QUICK", None)
    if is_quick:
        result["BENCH_QUICK"] = "1"
    return result


def parse_output(text):
    metrics, buckets, points = {}, {}, {}
    for line in text.splitlines():
        words = line.split()
        if len(words) < 3 or words[0] != "bench:":
            continue
        if words[1] == "bucket" and len(words) == 5:
            buckets.setdefault(words[2], []).append([int(words[3]), int(words[4])])
        elif words[1] == "point" and len(words) == 5:
            points.setdefault(words[2], []).append([float(words[3]), float(words[4])])
        elif len(words) == 3:
            metrics[words[1]] = float(words[2])
        else:
            raise ValueError(f"cannot be read: {line}")
    return {key: value for key, value in (("metrics", metrics), ("buckets", buckets), ("points", points)) if value}


def parse_usage(line):
    """The line of measure.c: the wait status, and the figures."""
    status, wall_ns, cpu_us, rss_kib, minor, _ = map(int, line.split())
    return status, {"wall_s": wall_ns / 1e9, "cpu_s": cpu_us / 1e6, "rss_kib": rss_kib, "faults": minor}


def failure(why, stderr):
    return {"status": "failed", "why": why, "stderr": stderr[-STDERR_KEPT:]}


def sample_of(status, usage, stdout, stderr):
    code = os.waitstatus_to_exitcode(status)
    if code == SKIPPED:
        return {"status": "skipped", "why": stderr.strip()[-STDERR_KEPT:] or "skipped"}
    if code != 0:
        why = f"exit status {code}" if code > 0 else signal.Signals(-code).name
        return {**failure(why, stderr), **usage}
    try:
        figures = parse_output(stdout)
    except ValueError as error:
        return failure(str(error), stderr)
    if "rss_kib" in figures.get("metrics", {}):
        usage["rss_kib"] = figures["metrics"]["rss_kib"]
    return {"status": "ok", **usage, **figures}


def end_session(process):
    """Ends what the command left behind, a server that it forgot for instance."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def run_measured(command, env, places, timeout_s, outputs):
    """Returns measure.c's line, or None after the timeout."""
    result, result_end = os.pipe()
    try:
        process = subprocess.Popen([places.measure, str(result_end), *command], env=env, cwd=places.work,
                                   stdin=subprocess.DEVNULL, stdout=outputs[0], stderr=outputs[1],
                                   pass_fds=[result_end], start_new_session=True)
        os.close(result_end)
        try:
            ready, _, _ = select.select([result], [], [], timeout_s)
            return os.read(result, 200).decode() if ready else None
        finally:
            end_session(process)
    finally:
        os.close(result)


def text_of(file):
    file.seek(0)
    return file.read().decode(errors="replace")


def run(row, allocator, places, is_quick, timeout_s):
    command = command_of(row, places)
    if command[0].startswith(f"{places.bin}/") and not os.path.exists(command[0]):
        return {"status": "skipped", "why": f"{command[0]} is not built"}
    shutil.rmtree(places.work, ignore_errors=True)
    os.makedirs(places.work)
    os.makedirs(places.cache, exist_ok=True)
    paths = [f"{places.work}.stdout", f"{places.work}.stderr"]
    try:
        with open(paths[0], "w+b") as stdout, open(paths[1], "w+b") as stderr:
            line = run_measured(command, environment_of(row, allocator, places, is_quick), places,
                                timeout_s, (stdout, stderr))
            if not line:
                return failure("not started" if line == "" else f"longer than {timeout_s:g} s", text_of(stderr))
            return sample_of(*parse_usage(line), text_of(stdout), text_of(stderr))
    finally:
        shutil.rmtree(places.work, ignore_errors=True)
        for path in paths:
            os.unlink(path)
