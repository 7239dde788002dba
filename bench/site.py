"""Two real applications, side by side: a Wagtail site, and a catalogue that is read. The README shows them.

What is asked of either is in support/applications.py.
"""

from bench import tree
from bench.contenders import BEST, DEFAULT
from bench.support import applications, cgroup
from bench.support.place import FEW
from bench.support.result import Skip
from bench.tree import Plan

BEFORE = (3, 11)  # beside the newest: the last one without immortal objects
ALL = ("nothing", "by hand", DEFAULT, BEST, "freeze", "immortal")
QUICK = ("nothing", "by hand", DEFAULT, BEST)


def plans(quick):
    if quick:
        return [
            Plan("site", 0, 1, QUICK, workers=FEW),
            Plan("catalogue", 40, 1, QUICK, workers=FEW),
        ]
    return [
        Plan("site", 0, 2, ALL, workers=FEW),
        Plan("catalogue", 150, 2, ALL, workers=FEW),
    ]


def pythons(setup):
    """The newest one, and the newest of BEFORE."""
    older = [python for python in setup.pythons if python.minor == BEFORE]
    return [setup.newest, *older[-1:]] if setup.newest.minor != BEFORE else [setup.newest]


def measure(setup):
    with_group = not cgroup.reason_against()
    for python in pythons(setup):
        if not applications.SITE.python(python.version).exists():
            yield Skip("the site with CPython %s" % python, "its packages could not be installed")
            continue
        for plan in plans(setup.quick):
            yield tree.measure_one(setup, python, plan, with_group)
