"""A process without Python, from spawn to exit."""

import os
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.support import pairs
from bench.support.figure import Figure
from bench.support.setup import environment, one_cpu

BOUND = 100  # us
BOUND_OF_EMPTY = 200  # %

SIDES = ("without", "with", "with an empty library")


def spawn(command, env):
    """Microseconds from spawn to exit."""
    start = time.perf_counter_ns()
    pid = os.posix_spawnp(command[0], command, env)
    _, status = os.waitpid(pid, 0)
    elapsed = time.perf_counter_ns() - start
    if status != 0:
        raise RuntimeError("%s ended with wait status %d" % (command, status))
    return elapsed / 1000


def build_empty(directory):
    """What preloading anything costs: the dynamic linker's work for an empty object."""
    path = Path(directory, "empty.so")
    command = ["cc", "-shared", "-o", str(path), "-x", "c", "/dev/null"]
    subprocess.run(command, check=True)
    return str(path)


def against_empty(rows):
    """Per cent: what the library adds, of what an empty one does."""
    ours, empty = (median(pairs.differences(rows, of=side)) for side in (1, 2))
    return 100 * ours / empty


def measure(setup):
    with tempfile.TemporaryDirectory(prefix="gcfreeze-bench-") as directory:
        sides = [environment(), environment(setup.library), environment(build_empty(directory))]
        with one_cpu():
            rows = pairs.in_turn(
                setup.count(3000, 500), *(lambda env=env: spawn(["true"], env) for env in sides)
            )
    added = pairs.differences(rows)
    what = "time added to a process without Python"
    sides = dict(zip(SIDES, map(median, zip(*rows))))
    return [
        Figure(
            what=what,
            subject="true",
            unit="us",
            sides=sides,
            value=median(added),
            interval=pairs.interval([added]),
            bound=BOUND,
        ),
        Figure(
            what=what + ", of that by an empty library",
            subject="true",
            unit="%",
            sides=sides,
            value=against_empty(rows),
            interval=pairs.interval([rows], of=against_empty),
            bound=BOUND_OF_EMPTY,
            digits=0,
        ),
    ]
