"""GCFREEZE_RESHARE in workers that rest: what is still their own ten seconds after the last request, whatever they did before.

Workers without threads, and workers beside threads (support/beside.py).
"""

import tempfile
import time
from pathlib import Path
from statistics import median

from bench.contenders import HAND, reshare
from bench.support import beside, memory
from bench.support.figure import Figure
from bench.support.place import WORKERS, Place
from bench.support.reads import read_everything
from bench.support.result import Skip
from bench.support.scenario import INTERVAL

VERSIONS = (3, 8), (3, 11)  # and the newest
SECONDS = 3  # between passes
TIMES = 12  # that each worker reads everything
BOUND = 6  # MB


def own_afterwards(place, contender, times):
    """MB of each worker."""
    with place.running(contender) as running:
        place.check_frozen(contender, running)
        workers = running.workers()
        read_everything(running, times)
        time.sleep(INTERVAL)
        return [memory.private(pid) / memory.MB for pid in workers]


def measure_one(place):
    place.setup.say("workers that rest, CPython %s" % place.python)
    hand = own_afterwards(place, HAND, 1)
    found = own_afterwards(place, reshare(SECONDS), place.setup.count(TIMES, 3))
    return Figure(
        what="a worker that rests: own memory, 10 s after it has read everything a dozen times, the worst of %d" % WORKERS,
        subject=str(place.python),
        unit="MB",
        sides={"by hand": max(hand), "median": median(found)},
        value=max(found),
        bound=BOUND,
    )


def measure_beside_threads(place, name):
    place.setup.say(name)
    before, read, later, said = beside.run(place, name, SECONDS)
    return Figure(
        what="a worker that rests beside threads: own memory, 10 s after it has read everything",
        subject="%s, %s%s" % (name, place.python, "; log: " + ", ".join(said) if said else ""),
        unit="MB",
        sides={"at first": before, "read": read},
        value=later,
        bound=BOUND,
    )


def pythons(setup):
    newest = {python.minor: python for python in setup.pythons}
    return [newest[minor] for minor in VERSIONS if minor in newest and minor != setup.newest.minor] + [setup.newest]


def measure(setup):
    megabytes = setup.count(100, 40)
    with tempfile.TemporaryDirectory(prefix="gcfreeze-bench-") as directory:
        for python in pythons(setup):
            yield measure_one(Place(setup, python, Path(directory), megabytes=megabytes))
        for name in beside.SERVERS:
            place = Place(setup, setup.counting, Path(directory), megabytes=megabytes, workers=beside.WORKERS)
            missing = beside.missing(place, name)
            yield Skip(name, missing) if missing else measure_beside_threads(place, name)
