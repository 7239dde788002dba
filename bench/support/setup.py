"""What is measured where: interpreters, the library, environments."""

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "bench" / "programs"
IMMORTAL = (3, 12)  # the oldest CPython that has immortal objects


@dataclass(frozen=True)
class Python:
    version: str
    path: str

    @property
    def minor(self):
        """(3, 8)"""
        return tuple(map(int, self.version.split(".")[:2]))

    def __str__(self):
        return self.version + (" (distribution)" if self.path.startswith("/usr/bin/") else "")


@dataclass(frozen=True)
class Setup:
    library: str
    quick: bool
    pythons: list
    say: Callable = lambda text: None  # what is being measured just now

    @property
    def newest(self):
        return self.pythons[-1]

    @property
    def counting(self):
        """The newest one whose counts copy what is read, whatever the library does; 3.13 if there is none."""
        older = [python for python in self.pythons if python.minor < IMMORTAL]
        return older[-1] if older else self.newest

    @property
    def ends(self):
        """The oldest and the newest: for what hardly depends on the version."""
        return [self.pythons[0], self.newest] if len(self.pythons) > 1 else self.pythons

    def count(self, full, quick):
        return quick if self.quick else full


def find_pythons(quick):
    lines = subprocess.run(
        [str(ROOT / "script" / "pythons")], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.splitlines()
    found = [Python(*line.split(" ", 1)) for line in lines]
    found = [python for python in found if not python.version.endswith("t")]  # free-threaded
    return [found[0], found[-1]] if quick and len(found) > 2 else found


def environment(library=None, host=False):
    """The same for all sides, except for the library. `host`: a script that stands in for a server, and
    has no name by which the library would know that it loads and then forks."""
    result = {name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ}
    result["PYTHONHASHSEED"] = "0"
    if library:
        result["LD_PRELOAD"] = library
        if host:
            result["GCFREEZE_STARTUP"] = "defer"
    return result


VERSION = """
import ctypes
version = ctypes.CDLL(None).gcfreeze_version
version.restype = ctypes.c_char_p
print(version().decode())
"""


def library_version(library, python):
    """Asked in a process that preloads it: a library that is not loaded measures well."""
    command = [python.path, "-c", VERSION]
    output = subprocess.run(command, env=environment(library), check=True, stdout=subprocess.PIPE)
    return output.stdout.decode().strip()


@contextlib.contextmanager
def one_cpu():
    """Us and what we start on one processor.

    A child that ends elsewhere while its parent goes on fights with it for the same pages, and
    moving about costs more than what is measured.
    """
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
