"""How each cost grows with the heap, the number of workers and the version, and where that ends."""

import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from bench.support import fit, memory, projection
from bench.support.figure import Figure
from bench.support.holder import Holder, available_megabytes, look, modes_of, page_tables
from bench.support.projection import MACHINE, MAPPINGS, MINUTE, most_mappings, row, total
from bench.support.result import Skip
from bench.support.series import Series

HEAPS = [10, 40, 160, 640, 1600, 4096]  # MB
QUICK_HEAPS = [10, 40, 160]
LARGEST = 4096
FEW_HEAPS = [40, 640]  # for each version
WORKERS = [1, 2, 4, 8, 16, 32, 64]
LATER = 9  # forks after the first one
ROOM = 2.2  # heaps that must fit: a worker without the library copies its whole one when it ends

FIRST, AFTER = "os.fork, the first", "os.fork, later ones"
OWN = "the library's own part of os.fork"
EXIT = "a worker's exit"
TABLES = "page tables of a worker, right after its fork"
PRIVATE = "private memory of a worker, right after its fork"
LOOK = "reading smaps_rollup"
ONE_MORE = "with many workers: os.fork of one more"
ONE_MORE_PRIVATE = "with many workers: private memory of one more"
ONE_MORE_EXIT = "with many workers: the exit of one"
LOOK_AT_ALL = "with many workers: reading smaps_rollup of all"
BY_VERSION = {OWN: "freeze, first", FIRST: "freeze", EXIT: "freeze"}
BOUND = 1  # ms
PATIENCE = 30_000  # ms that gunicorn waits for a worker's end (--graceful-timeout)


class Table:
    """Values by cost, row and size."""

    def __init__(self):
        self.values = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))

    def add(self, cost, row, size, *values):
        self.values[cost][row][size] += values

    def points(self, cost, row):
        """[[size, median, lowest, highest]]"""
        return [
            [size, median(values), min(values), max(values)]
            for size, values in sorted(self.values[cost][row].items())
        ]

    def series(self, cost, x, unit, y_unit, what=None):
        rows = []
        for name in self.values[cost]:
            points = self.points(cost, name)
            row = {"name": name, "points": points}
            if len(points) > 2:
                found, growth = fit.line(points), fit.power(points)
                row["fit"] = {"base": found.base, "slope": found.slope, "power": growth.exponent}
            rows.append(row)
        return Series(what or cost, x, unit, y_unit, rows)


def runs_of(setup, megabytes):
    """Small heaps are built quickly, and their costs lie further apart."""
    return setup.count(max(1, min(5, LARGEST // megabytes)), 1)


def one_heap(setup, python, mode, megabytes, events, table):
    """One process's life: its first fork, later ones, a look at it and at a worker, an end."""
    with Holder(setup, python, mode, megabytes, events) as holder:
        worker, total, own = holder.fork()
        table.add(FIRST, mode, megabytes, total)
        table.add(PRIVATE, mode, megabytes, memory.private(worker) / memory.MB)
        table.add(TABLES, mode, megabytes, page_tables(worker))
        later = [holder.fork() for _ in range(LATER)]
        table.add(AFTER, mode, megabytes, *(total for _, total, _ in later))
        if own is not None:
            table.add(OWN, mode + ", first", megabytes, own)
            table.add(OWN, mode + ", later", megabytes, *(own for _, _, own in later))
        if mode == "nothing":
            table.add(LOOK, "the parent", megabytes, *(look(holder.pid) for _ in range(3)))
            table.add(LOOK, "a worker", megabytes, *(look(worker) for _ in range(3)))
        table.add(EXIT, mode, megabytes, holder.end())


def measure_heaps(setup, python, heaps, events):
    table = Table()
    for megabytes in heaps:
        for mode in modes_of(python):
            setup.say("a heap of %d MB, %s, CPython %s" % (megabytes, mode, python))
            for _ in range(runs_of(setup, megabytes)):
                one_heap(setup, python, mode, megabytes, events, table)
    return table


def measure_versions(setup, pythons, heaps, events):
    table = Table()
    for python in pythons:
        for megabytes in heaps:
            setup.say("a heap of %d MB, CPython %s" % (megabytes, python))
            found = Table()
            for _ in range(setup.count(3, 1)):
                one_heap(setup, python, "freeze", megabytes, events, found)
            for cost, row in BY_VERSION.items():
                table.add(cost, python.version, megabytes, *found.values[cost][row][megabytes])
    return table


def measure_workers(setup, python, events):
    """Costs of the last of so many workers, none of which has done anything yet."""
    table = Table()
    megabytes = setup.count(160, 40)
    counts = WORKERS if not setup.quick else WORKERS[:4]
    for mode in modes_of(python):
        setup.say("up to %d workers, %s, CPython %s" % (counts[-1], mode, python))
        with Holder(setup, python, mode, megabytes, events) as holder:
            workers = []
            for count in counts:
                forks = [holder.fork() for _ in range(count - len(workers))]
                workers += [worker for worker, _, _ in forks]
                # the first fork of all is another matter
                times = [total for _, total, _ in (forks if count > 1 else [])]
                own = memory.private(workers[-1]) / memory.MB
                table.add(ONE_MORE_PRIVATE, mode, count, own)
                table.add(LOOK_AT_ALL, mode, count, sum(map(look, workers)))
                table.add(ONE_MORE_EXIT, mode, count, holder.end())
                worker, total, _ = holder.fork()
                workers[-1] = worker
                table.add(ONE_MORE, mode, count, total, *times)
    return table


def own_part(setup, python, events):
    """At the largest heap there is, which is built more often than for the other costs."""
    found = {"first": [], "later": []}
    for _ in range(3):
        setup.say("the library's own part of os.fork, %d MB, CPython %s" % (LARGEST, python))
        with Holder(setup, python, "freeze", LARGEST, events) as holder:
            found["first"].append(holder.fork()[2])
            found["later"] += [holder.fork()[2] for _ in range(LATER)]
    for which, values in found.items():
        yield Figure(
            what="the library's own part of os.fork, freeze, %d MB" % LARGEST,
            subject="%s, %s" % (python, which),
            unit="ms",
            sides={"lowest": min(values), "highest": max(values)},
            value=median(values),
            bound=BOUND,
            digits=3,
        )


def exit_figure(python, table, megabytes):
    ends = {mode: median(table.values[EXIT][mode][megabytes]) for mode in modes_of(python)}
    return Figure(
        what="a worker's exit: os.fork, sys.exit; immortal against nothing, %d MB" % megabytes,
        subject=str(python),
        unit="%",
        sides={mode + ", ms": value for mode, value in ends.items()},
        value=100 * ends["immortal"] / ends["nothing"],
        bound=25,
    )


def project(table, modes):
    """What would break first on a machine that is larger than any we have."""

    def line(cost, row):
        return fit.line(table.points(cost, row))

    heap, every = fit.Line(0, 1), format(projection.WORKERS, ",") + " workers"
    looks = total(each=[line(LOOK, "a worker")])
    rows = [
        row("a look at smaps_rollup of " + every, "nothing", "ms", looks, MINUTE),
        row("mappings of arenas and their copies", "reshare", "", fit.Line(0, MAPPINGS), most_mappings()),
    ]
    for mode in ("freeze", "reshare"):
        forks = total([line(FIRST, mode)], [line(AFTER, mode)])
        rows.append(row("forking %s, one by one" % every, mode, "ms", forks, MINUTE))
        mine = [line(TABLES, mode), line(PRIVATE, mode)]
        rows.append(row("the heap, page tables of " + every, mode, "MB", total([heap], mine), MACHINE))
    for mode in modes:
        own = total([line(OWN, mode + ", first")], [line(OWN, mode + ", later")])
        rows.append(row("the library's own part of these forks", mode, "ms", own, MINUTE))
    for mode in ("nothing", *modes):
        rows.append(row("the end of a worker, which gunicorn waits for", mode, "ms", line(EXIT, mode), PATIENCE))
    return projection.project(rows)


def fitting(heaps):
    """(those that fit into memory, a Skip or nothing)"""
    free = available_megabytes()
    fit_in = [heap for heap in heaps if heap * ROOM < free]
    skipped = sorted(set(heaps) - set(fit_in))
    if not skipped:
        return fit_in, []
    sizes = ", ".join("%d" % heap for heap in skipped)
    return fit_in, [Skip("heaps of %s MB" % sizes, "only %d MB of memory are available" % free)]


def newest_of_each(pythons):
    return list({python.minor: python for python in pythons}.values())


def measure(setup):
    heaps, skips = fitting(HEAPS if not setup.quick else QUICK_HEAPS)
    yield from skips
    pythons = newest_of_each(setup.pythons)
    newest = pythons[-1]
    with tempfile.TemporaryDirectory(prefix="gcfreeze-bench-") as directory:
        events = Path(directory, "events")
        if heaps[-1] == LARGEST:
            yield from own_part(setup, newest, events)
        table = measure_heaps(setup, newest, heaps, events)
        for cost in (FIRST, AFTER, OWN, EXIT, LOOK):
            yield table.series(cost, "heap", "MB", "ms")
        for cost in (TABLES, PRIVATE):
            yield table.series(cost, "heap", "MB", "MB")
        if "immortal" in modes_of(newest):
            yield exit_figure(newest, table, 160)
        few = FEW_HEAPS if not setup.quick else [FEW_HEAPS[0]]
        versions = measure_versions(setup, pythons, few, events)
        for cost in BY_VERSION:
            yield versions.series(cost, "heap", "MB", "ms", cost + ", freeze, by version")
        workers = measure_workers(setup, newest, events)
        for cost in (ONE_MORE, ONE_MORE_EXIT, LOOK_AT_ALL):
            yield workers.series(cost, "workers", "", "ms")
        yield workers.series(ONE_MORE_PRIVATE, "workers", "", "MB")
    yield project(table, modes_of(newest)[1:])
