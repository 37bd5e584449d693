"""
allocators.py - the columns: glibc, the peers that are installed, libmalloc, and what else the caller names.

An allocator is a name and a library to preload; glibc's is None. ld.so passes over a library that it cannot load, and
glibc would be measured under its name: so each is looked for in the memory map of a program that preloads it.
"""

import dataclasses
import hashlib
import os
import platform
import re
import subprocess

BASE, OURS = "glibc", "libmalloc"
PEERS = {
    "jemalloc": "libjemalloc.so.2",
    "mimalloc": "libmimalloc.so.2",
    "tcmalloc": "libtcmalloc_minimal.so.4",
    "tbb": "libtbbmalloc_proxy.so.2",
}
NAMES = (BASE, *PEERS, OURS)


class NotLoaded(Exception):
    """A library that is not there or is not loaded; its text tells which and why."""


@dataclasses.dataclass
class Allocator:
    name: str
    path: str = None
    version: str = ""
    sha256: str = ""


def output_of(*command, **options):
    """What a command prints, stripped; empty if it fails or is not there."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
                              **options)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def package_version(path):
    """The Debian package that a file belongs to and its version, or nothing."""
    owner = output_of("dpkg-query", "-S", path) or output_of("dpkg-query", "-S", path.removeprefix("/usr"))
    return output_of("dpkg-query", "-W", "-f", "${Package} ${Version}", owner.split(": ")[0]) if owner else ""


def version_of(path):
    """The package's; else the number in the file's name."""
    number = re.search(r"\.so\.([0-9.]+)$", path)
    return package_version(path) or (number.group(1) if number else "")


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:16]


def environment(path):
    """This process's environment with the library preloaded, and with nothing that changes an allocator's settings."""
    result = {name: value for name, value in os.environ.items()
              if name not in ("LD_PRELOAD", "GLIBC_TUNABLES") and not name.startswith(("MALLOC_", "LIBMALLOC_"))}
    if path is not None:
        result["LD_PRELOAD"] = path
    return result


def check_loaded(name, path):
    if not os.path.exists(path):
        raise NotLoaded(f"{name}: there is no {path}")
    done = subprocess.run(["/bin/cat", "/proc/self/maps"], env=environment(path), text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if os.path.realpath(path) not in done.stdout:
        raise NotLoaded(f"{name}: {path} is not loaded: {done.stderr.strip()}")


def loaded(name, path):
    check_loaded(name, path)
    real = os.path.realpath(path)
    return Allocator(name, real, version_of(real), sha256_of(real))


def find(libmalloc, wanted=None, extras=()):
    """
    The allocators to measure, and what is said of those left out. Names in `wanted` must be there, and `extras`
    (pairs of name and path); otherwise peers that are not installed are left out.
    """
    found, left_out = [Allocator(BASE, version=package_version("/lib/x86_64-linux-gnu/libc.so.6"))], []
    folder = f"/usr/lib/{platform.machine()}-linux-gnu"
    paths = {name: f"{folder}/{library}" for name, library in PEERS.items()}
    for name, path in {**paths, OURS: libmalloc}.items():
        if wanted is not None and name not in wanted:
            continue
        try:
            found.append(loaded(name, path))
        except NotLoaded as error:
            if wanted is not None or name == OURS:
                raise
            left_out.append(str(error))
    found += [loaded(name, os.path.abspath(path)) for name, path in extras]
    return [one for one in found if wanted is None or one.name in wanted or one.name in dict(extras)], left_out
