"""Between attaching and forking nothing of the library runs."""

import subprocess
from statistics import median

from bench.support import pairs
from bench.support.figure import Figure
from bench.support.setup import PROGRAMS, environment, one_cpu

SCRIPTS = {"cpu.py": "a CPU-bound script", "allocate.py": "an allocation-bound script"}


def run(python, script, env):
    """Milliseconds of CPU time, as the script itself measures its work."""
    command = [python.path, str(PROGRAMS / script)]
    output = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE).stdout
    return float(output) * 1000


def measure_one(setup, python, script):
    sides = [environment(), environment(setup.library)]
    rows = pairs.in_turn(
        setup.count(12, 5), *(lambda env=env: run(python, script, env) for env in sides)
    )
    added = [100 * (row[1] / row[0] - 1) for row in rows]
    return Figure(
        what="time added to %s between attach and fork" % SCRIPTS[script],
        subject=str(python),
        unit="%",
        sides=dict(zip(["without, ms", "with, ms"], map(median, zip(*rows)))),
        value=median(added),
        interval=pairs.interval([added]),
        bound=None,
    )


def measure(setup):
    with one_cpu():
        return [measure_one(setup, python, name) for name in SCRIPTS for python in setup.ends]
