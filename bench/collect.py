"""What a full collection in a worker copies: without the library, with it, and frozen by hand."""

import subprocess
from statistics import median

from bench.support import memory, pairs
from bench.support.figure import Figure
from bench.support.setup import PROGRAMS, environment

GROWTH_BOUND = 2  # MB
HAND_BOUND = 5  # per cent


def one_child(python, library, how):
    """(private dirty MB before the collection, after it, parent's heap)"""
    process = subprocess.Popen(
        [python.path, str(PROGRAMS / "heap.py"), how],
        env=environment(library),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        pid = int(process.stdout.readline())
        heap = memory.rollup(process.pid)["Anonymous"]
        before = memory.rollup(pid)["Private_Dirty"]
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        after = memory.rollup(pid)["Private_Dirty"]
        process.stdin.close()
    if process.returncode != 0:
        raise RuntimeError("%s: heap.py %s ended with status %d" % (python, how, process.returncode))
    return before / memory.MB, after / memory.MB, heap / memory.MB


def measure_one(setup, python):
    sides = {
        "without": (None, "plain"),
        "by hand": (None, "hand"),
        "with": (setup.library, "plain"),
    }
    rows = pairs.in_turn(
        setup.count(5, 1), *(lambda side=side: one_child(python, *side) for side in sides.values())
    )
    columns = dict(zip(sides, zip(*rows)))
    growth = {name: median(after - before for before, after, _ in column) for name, column in columns.items()}
    total = {name: median(after for _, after, _ in column) for name, column in columns.items()}
    heap = median(heap for column in columns.values() for _, _, heap in column)
    subject = "%s, %.0f MB" % (python, heap)
    return [
        Figure(
            what="a child's private dirty growth over a full gc.collect()",
            subject=subject,
            unit="MB",
            sides=growth,
            value=growth["with"],
            bound=GROWTH_BOUND,
            digits=2,
        ),
        Figure(
            what="a child's private dirty memory after it, against gc.disable, freeze, enable by hand",
            subject=subject,
            unit="%",
            sides=total,
            value=100 * (total["with"] / total["by hand"] - 1),
            bound=HAND_BOUND,
            digits=2,
        ),
    ]


def measure(setup):
    return [figure for python in setup.pythons for figure in measure_one(setup, python)]
