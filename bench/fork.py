"""os.fork in a process with many objects, after its first fork."""

import subprocess
from statistics import median

from bench.support import pairs
from bench.support.figure import Figure
from bench.support.setup import PROGRAMS, environment, one_cpu

BOUND = 100  # us
OBJECTS = 500_000
WARM_UP = 5  # forks: the first one freezes, the next ones find its pages shared


class Forker:
    def __init__(self, python, library, objects, **knobs):
        self.process = subprocess.Popen(
            [python.path, str(PROGRAMS / "forker.py"), str(objects)],
            env={**environment(library, host=True), **knobs},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.line()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("a forking process ended with status %d" % self.process.wait())
        return line

    def fork(self):
        """Microseconds."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.line()) / 1000

    def __enter__(self):
        for _ in range(WARM_UP):
            self.fork()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def measure_one(setup, python, objects, couples):
    """Several couples of processes: memory lies elsewhere in each, and that makes a difference."""
    groups, rows = [], []
    for _ in range(couples):
        with Forker(python, None, objects) as a, Forker(python, setup.library, objects) as b:
            couple = pairs.in_turn(setup.count(40, 25), a.fork, b.fork)
        groups.append(pairs.differences(couple))
        rows += couple
    return Figure(
        what="time added to os.fork, {:,} tracked objects, after the first".format(objects),
        subject=str(python),
        unit="us",
        sides=dict(zip(["without", "with"], map(median, zip(*rows)))),
        value=median(sum(groups, [])),
        interval=pairs.interval(groups),
        bound=BOUND,
    )


def measure(setup):
    """With few objects the copying of page tables does not drown what the library itself adds."""
    couples = setup.count(5, 3)
    with one_cpu():
        return [
            measure_one(setup, python, objects, couples)
            for objects in (OBJECTS, 1000)
            for python in setup.pythons
        ]
