"""A short Python process, from spawn to exit."""

from statistics import median

from bench.exec import spawn
from bench.support import pairs
from bench.support.figure import Figure
from bench.support.setup import environment, one_cpu

BOUND = 3  # ms


def measure_one(setup, python):
    command = [python.path, "-c", "pass"]
    sides = [environment(), environment(setup.library)]
    for env in sides:
        spawn(command, env)
    rows = pairs.in_turn(
        setup.count(100, 30), *(lambda env=env: spawn(command, env) / 1000 for env in sides)
    )
    added = pairs.differences(rows)
    return Figure(
        what="time added to python3 -c pass",
        subject=str(python),
        unit="ms",
        sides=dict(zip(["without", "with"], map(median, zip(*rows)))),
        value=median(added),
        interval=pairs.interval([added]),
        bound=BOUND,
        digits=2,
    )


def measure(setup):
    with one_cpu():
        return [measure_one(setup, python) for python in setup.pythons]
