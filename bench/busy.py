"""GCFREEZE_RESHARE in workers that are never idle: their next batch is always ready. Own memory and items against the
same program without the library, both at once: each has the same part of the machine, so who needs more processor time
for an item has fewer of them."""

import contextlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from statistics import median

from bench.speed import cpu_seconds
from bench.support import memory
from bench.support.figure import Figure
from bench.support.setup import PROGRAMS, environment
from bench.support.watch import Watch

RECORDS = 100_000
WORKERS = 2  # of each program
# that are summed for an item, besides what it takes to read it: a millisecond, less than it takes to decode a picture
TERMS = 75_000
KNOBS = {"GCFREEZE_MODE": "freeze", "GCFREEZE_RESHARE": "on", "GCFREEZE_RESHARE_THREADS": "on"}
KINDS = {
    "loader": "a data loader that is never idle",
    "pool": "a pool that is never idle",
}


@contextlib.contextmanager
def program(setup, python, kind, words, knobs):
    """It, and its workers."""
    command = [python.path, PROGRAMS / "busy.py", kind, *words]
    env = {**environment(setup.library if knobs else None), **knobs}
    process = subprocess.Popen([*map(str, command)], env=env, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def told(process):
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a program that is never idle ended with status %d" % process.wait())
    return json.loads(line)


def own(pids):
    return median(map(memory.private, pids)) / memory.MB


def share_processors(pids):
    """Each worker with its counterpart: else one program's have the processor that fewer are on."""
    processors = sorted(os.sched_getaffinity(0))
    for number, pair in enumerate(zip(*map(sorted, pids))):
        for pid in pair:
            os.sched_setaffinity(pid, {processors[number % len(processors)]})


def measure_one(setup, python, kind, directory):
    events = directory / "events"
    log = {"GCFREEZE_LOG": "info", "GCFREEZE_LOG_FORMAT": "json", "GCFREEZE_LOG_FILE": str(events)}
    words = setup.count(RECORDS, RECORDS // 10), WORKERS, setup.count(60, 15), TERMS
    with (
        program(setup, python, kind, words, {}) as plain,
        program(setup, python, kind, words, {**KNOBS, **log}) as ours,
    ):
        both = plain, ours
        pids = [told(one) for one in both]
        share_processors(pids)
        everybody = [[one.pid, *each] for one, each in zip(both, pids)]
        with (
            Watch(lambda: [own(each) for each in pids], every=1) as watch,
            Watch(lambda: [sum(map(cpu_seconds, each)) for each in everybody], every=1) as spent,
        ):
            rates = [told(one) for one in both]
    if not events.read_text().count('"freeze"'):
        raise RuntimeError("the library has not frozen")
    busy = [last - first for first, last in zip(spent.seen[0], spent.seen[-1])]
    memories = [median(column) for column in zip(*watch.seen)]

    def figure(text, sides, value, bound, unit, **more):
        sides = dict(zip(["nothing" + unit, "reshare" + unit], sides))
        return Figure("%s: %s ÷ nothing" % (KINDS[kind], text), str(python), "", sides, value, bound, digits=3, **more)

    yield figure("own memory of a worker, median over time,", memories, memories[1] / memories[0], 0.5, ", MB")
    items = figure("items/s", rates, rates[1] / rates[0], 0.95, "", relation="≥")
    items.sides["CPU time an item ÷"] = busy[1] / rates[1] / (busy[0] / rates[0])
    yield items


def measure(setup):
    python = setup.counting
    for kind, what in KINDS.items():
        setup.say("%s, CPython %s" % (what, python))
        with tempfile.TemporaryDirectory(prefix="gcfreeze-bench-") as directory:
            yield from measure_one(setup, python, kind, Path(directory))
