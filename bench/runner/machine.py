"""machine.py - where and of what a result was made: the machine, the system, the commit."""

import datetime
import os
import platform
import re

from runner.allocators import output_of


def text_of(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def found(pattern, text):
    match = re.search(pattern, text)
    return match.group(1).strip() if match else ""


def commit(top):
    """The commit, and whether what is built or measured differs from it."""
    changed = output_of("git", "--no-optional-locks", "status", "--porcelain", "--", "src", "include", "bench",
                        "Makefile", cwd=top)
    return {"commit": output_of("git", "rev-parse", "HEAD", cwd=top), "dirty": bool(changed)}


def describe(top):
    return {
        **commit(top),
        "cpu": found(r"model name\s*: (.*)", text_of("/proc/cpuinfo")) or platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_mib": int(found(r"MemTotal:\s*(\d+)", text_of("/proc/meminfo")) or 0) // 1024,
        "kernel": platform.release(),
        "thp": found(r"\[(\w+)\]", text_of("/sys/kernel/mm/transparent_hugepage/enabled")),
        "overcommit": text_of("/proc/sys/vm/overcommit_memory").strip(),
        "governor": text_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip(),
        "libc": " ".join(platform.libc_ver()),
        "system": found(r'PRETTY_NAME="(.*)"', text_of("/etc/os-release")),
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "load_at_start": round(os.getloadavg()[0], 2),
    }
