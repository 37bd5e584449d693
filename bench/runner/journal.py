"""
journal.py - the samples on disk while they are made, so that a run that was interrupted goes on where it was.

    data.jsonl     the first line: the head ({"key": ..., "meta": ...}); then one sample a line, each flushed
    data.json      {"meta": ..., "rows": ..., "samples": [...]}, once the run is complete; data.jsonl is gone then

A run whose key (commit, settings, libraries) is that of data.jsonl goes on with it. Otherwise that file is kept
under another name, as is the data.json of an earlier run: data-<its date>.jsonl, data-<its date>.json.
"""

import fcntl
import json
import os
import sys


def head_of(path):
    with open(path, encoding="utf-8") as file:
        return json.loads(file.readline())


def read(path):
    """The head, the samples, and how many bytes of the file they fill; a last line cut short is left out."""
    with open(path, "rb") as file:
        lines = file.read().splitlines(keepends=True)
    parsed, good = [], 0
    for line in lines:
        try:
            parsed.append(json.loads(line))
        except ValueError:
            break
        good += len(line)
    return parsed[0], parsed[1:], good


def kept_name(path, meta):
    """A name for an older file that is not taken yet."""
    stem, extension = os.path.splitext(path)
    date = meta.get("date", "unknown").translate({ord("-"): None, ord(":"): None})[:15]
    name, number = f"{stem}-{date}{extension}", 1
    while os.path.exists(name):
        number += 1
        name = f"{stem}-{date}-{number}{extension}"
    return name


def keep(path):
    """Puts an older file out of the way; returns its new name, or None where there is none."""
    if not os.path.exists(path):
        return None
    try:
        meta = head_of(path)["meta"] if path.endswith("l") else load(path)["meta"]
    except (ValueError, KeyError):
        meta = {}
    name = kept_name(path, meta)
    os.rename(path, name)
    return name


def load(path):
    with open(path, encoding="utf-8") as file:
        try:
            return json.load(file)
        except ValueError as error:
            sys.exit(f"run: {path}: no data of a run: {error}")


def write_whole(path, text):
    """The file is the old one or the new one, never half of it."""
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(f"{path}.new", path)


class Busy(Exception):
    """Another run writes to the folder."""


def lock(folder):
    """Until this process ends."""
    try:
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(f"another run writes to {folder}") from None


class Journal:
    """The samples of one run, kept in OUT/data.jsonl. `resumed` says how many were there."""

    def __init__(self, out, key, meta):
        os.makedirs(out, exist_ok=True)
        lock(out)
        self.path, self.final = f"{out}/data.jsonl", f"{out}/data.json"
        self.meta, self.samples, self.kept = meta, [], None
        if self.is_mine(key):
            head, self.samples, good = read(self.path)
            self.meta = head["meta"]
            os.truncate(self.path, good)
        else:
            self.kept = keep(self.path)
            write_whole(self.path, json.dumps({"key": key, "meta": meta}) + "\n")
        self.resumed = len(self.samples)
        self.file = open(self.path, "a", encoding="utf-8")

    def is_mine(self, key):
        try:
            return head_of(self.path)["key"] == json.loads(json.dumps(key))
        except (OSError, ValueError, KeyError):
            return False

    def add(self, sample):
        self.file.write(json.dumps(sample) + "\n")
        self.file.flush()
        self.samples.append(sample)

    def finish(self, rows):
        """Writes data.json and returns what it holds."""
        data = {"meta": self.meta, "rows": rows, "samples": self.samples}
        keep(self.final)
        write_whole(self.final, json.dumps(data))
        self.file.close()
        os.unlink(self.path)
        return data
