"""What a full collection in a worker copies: without the library, with it, and frozen by hand."""

import subprocess
from statistics import median

from bench.support import memory, pairs
from bench.support.figure import Figure
from bench.support.setup import ROOT, environment

GROWTH_BOUND = 2  # MB
HAND_BOUND = 5  # per cent


# By hand, collecting is off while the heap grows, as `disable` has it. The default puts it off: a
# heap with more objects than GCFREEZE_DEFER has been collected once, which leaves holes.
SIDES = {
    "without": ("plain", None),
    "by hand": ("hand", None),
    "disable": ("plain", "disable"),
    "default": ("plain", "defer"),
}


def one_child(setup, python, how, startup):
    """(private dirty MB before the collection, after it, parent's heap)"""
    env = environment(setup.library if startup else None)
    if startup:
        env["GCFREEZE_STARTUP"] = startup
    process = subprocess.Popen(
        [python.path, "-m", "bench.programs.heap", how],
        env=env,
        cwd=ROOT,
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
        raise RuntimeError("%s: heap.py ended with status %d" % (python, process.returncode))
    return before / memory.MB, after / memory.MB, heap / memory.MB


def measure_one(setup, python):
    rows = pairs.in_turn(
        setup.count(2, 1),
        *(lambda side=side: one_child(setup, python, *side) for side in SIDES.values()),
    )
    growth, total = {}, {}
    for name, column in zip(SIDES, zip(*rows)):
        growth[name] = median(after - before for before, after, _ in column)
        total[name] = median(after for _, after, _ in column)
    heap = median(heap for row in rows for _, _, heap in row)
    yield Figure(
        what="a child's private dirty growth over a full gc.collect()",
        subject="%s, %.0f MB" % (python, heap),
        unit="MB",
        sides=growth,
        value=growth["default"],
        bound=GROWTH_BOUND,
        digits=2,
    )
    for startup in ("disable", "default"):
        yield Figure(
            what="a child's private dirty memory after it, against freezing by hand (%s)" % startup,
            subject=str(python),
            unit="%",
            sides={"by hand": total["by hand"], "with": total[startup]},
            value=100 * (total[startup] / total["by hand"] - 1),
            bound=HAND_BOUND,
            digits=2,
        )


def measure(setup):
    return [figure for python in setup.pythons for figure in measure_one(setup, python)]
