"""GCFREEZE_RESHARE=on: what it costs. What it gives back is measured by `tree`, `rest`, `light` and `busy`."""

import contextlib
import dataclasses
import tempfile
import time
from pathlib import Path
from statistics import median

from bench import speed
from bench.contenders import CONTENDERS, NOTHING
from bench.demo import client
from bench.fork import Forker
from bench.support import memory, pairs
from bench.support.figure import Figure
from bench.support.place import WORKERS, Place
from bench.support.setup import one_cpu

RESHARE = CONTENDERS["reshare"]
OBJECTS = 4_400_000  # of 120 bytes: 500 MB


def percent(value, of):
    return 100 * value / of


def medians(rows, prefix=""):
    return dict(zip((prefix + "without", prefix + "reshare"), map(median, zip(*rows))))


def measure_threads(place):
    sides = [row.with_threads() for row in (RESHARE, NOTHING)]
    place.setup.say("%s against %s, 4 threads a worker" % tuple(side.name for side in sides))
    found = speed.measure_one(place, *sides, count=3, seconds=8)
    return dataclasses.replace(found, contender="reshare, 4 threads a worker")


def measure_passes(place):
    """Each worker reads everything every three seconds, and has nothing else to do."""
    seconds = place.setup.count(45, 24)
    with place.running(RESHARE) as running:
        start = time.monotonic()
        for number in range(seconds // 3):
            time.sleep(max(0, start + 3 * number - time.monotonic()))
            client.round_of(running.port, "/read", WORKERS)
        elapsed = time.monotonic() - start
        spent = dict.fromkeys(running.workers(), 0)
        for event in place.wait_for_passes(running.workers()):
            spent[event["pid"]] += event["pass_us"]
    return Figure(
        what="a worker's time in passes, reading everything every 3 s: the worst of %d" % WORKERS,
        subject=str(place.python),
        unit="%",
        sides={"ms": max(spent.values()) / 1000},
        value=percent(max(spent.values()) / 1e6, elapsed),
        bound=2,
        digits=2,
    )


def first_fork(place, library):
    """(milliseconds of the first fork, MB of arenas that were copied)"""
    forker = Forker(place.python, library, OBJECTS // 4, **dict(RESHARE.knobs))
    with contextlib.closing(forker.process.stdin):
        elapsed = forker.fork() / 1000
        copied = sum(memory.copies(forker.process.pid).values()) / memory.MB
    forker.process.wait()
    return elapsed, copied


def measure_forks(place):
    library, count = place.setup.library, place.setup.count(7, 3)
    with one_cpu():
        sides = [lambda side=side: first_fork(place, side) for side in (None, library)]
        rows = pairs.in_turn(count, *sides)
        added = [(after - before) / copied for (before, _), (after, copied) in rows]
        yield Figure(
            what="time added to the first fork, a MB of arenas",
            subject="%s, %.0f MB" % (place.python, rows[0][1][1]),
            unit="ms",
            sides=medians([(before, after) for (before, _), (after, _) in rows], "ms, "),
            value=median(added),
            interval=pairs.interval([added]),
            bound=0.25,
            digits=2,
        )
        with (
            Forker(place.python, None, OBJECTS) as without,
            Forker(place.python, library, OBJECTS, **dict(RESHARE.knobs)) as reshare,
        ):
            size = memory.tree([without.process.pid]) / memory.MB
            rows = pairs.in_turn(4 * count, without.fork, reshare.fork)
    ratios = [percent(after, before) for before, after in rows]
    yield Figure(
        what="time of later forks, against no library",
        subject="%s, %.0f MB" % (place.python, size),
        unit="%",
        sides=medians(rows, "us, "),
        value=median(ratios),
        interval=pairs.interval([ratios]),
        bound=50,
    )


def measure(setup):
    with tempfile.TemporaryDirectory(prefix="gcfreeze-bench-") as directory:
        place = Place(setup, setup.newest, Path(directory))
        setup.say("passes")
        yield measure_passes(place)
        setup.say("forks")
        yield from measure_forks(place)
        if not setup.quick:
            yield measure_threads(place)
