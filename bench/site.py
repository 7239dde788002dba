"""Real applications, side by side: a Wagtail site, a catalogue that is read, and a ticket shop. The README shows them.

What is asked of each is in support/applications.py.
"""

from bench import tree
from bench.contenders import BEST, DEFAULT, PATHS, WARM, WARM_BEST
from bench.support import applications, cgroup
from bench.support.place import FEW
from bench.support.result import Skip
from bench.tree import Plan

BEFORE = (3, 11)  # beside the newest: the last one without immortal objects
ALL = ("nothing", "by hand", DEFAULT, BEST, "freeze", "immortal")
QUICK = ("nothing", "by hand", DEFAULT, BEST)
LAZY = ("nothing", DEFAULT, WARM)  # the shop takes a minute for each


def warm_starts(python):
    """Of the site. Beside reshare where the default cannot share what is read."""
    return (WARM, PATHS) if python.minor > BEFORE else (WARM, PATHS, WARM_BEST)


def plans(quick, python):
    runs, names, megabytes = (1, QUICK, 40) if quick else (2, ALL, 150)
    return [
        Plan("site", 0, runs, names + warm_starts(python), workers=FEW),
        Plan("catalogue", megabytes, runs, names, workers=FEW),
        Plan("shop", 0, runs, LAZY, workers=FEW),
    ]


def pythons(setup):
    """The newest one, and the newest of BEFORE."""
    older = [python for python in setup.pythons if python.minor == BEFORE]
    return [setup.newest, *older[-1:]] if setup.newest.minor != BEFORE else [setup.newest]


def measure(setup):
    with_group = not cgroup.reason_against()
    for python in pythons(setup):
        for plan in plans(setup.quick, python):
            if applications.of(plan.workload).python(python.version).exists():
                yield tree.measure_one(setup, python, plan, with_group)
            elif plan.workload != "shop" or python is setup.newest:
                what = "the %s with CPython %s" % (plan.workload, python)
                yield Skip(what, "its packages could not be installed")
