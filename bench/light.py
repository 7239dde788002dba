"""GCFREEZE_RESHARE in workers that always have a little to do: each request reads some of the parent's objects at random.

Both servers are asked at the same constant rate and at once: what else the machine does, it does to both. A request is
late from the moment on when it was due, so who holds one up holds up all behind it.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean

from bench.contenders import CONTENDERS, HAND
from bench.demo import server
from bench.speed import cpu_seconds
from bench.support import memory, pairs
from bench.support.figure import Figure
from bench.support.place import Place
from bench.support.setup import PROGRAMS
from bench.support.watch import Watch

# that a request reads: a page of a site shows some ten to a hundred entries
READS = 10, 100
RATE = 10  # requests a second and worker
WINDOWS = 12


class Found:
    """Of one server."""

    def __init__(self, running, told):
        self.latencies = told["latencies"]
        self.rate = len(self.latencies) / told["seconds"]
        self.cpu = sum(map(cpu_seconds, running.workers()))

    def windows(self):
        size = len(self.latencies) // WINDOWS
        return [self.latencies[start : start + size] for start in range(0, size * WINDOWS, size)]


def ask(running, rate, seconds):
    command = [sys.executable, PROGRAMS / "steady.py", running.port, rate, seconds]
    return subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True)


def answers(process):
    output, _ = process.communicate()
    if process.returncode:
        raise server.Failed("asking at a constant rate ended with status %d" % process.returncode)
    return json.loads(output)


def percentile(values, per_cent):
    return sorted(values)[int(len(values) * per_cent / 100)]


def p99_ratio(rows):
    """Of pairs of windows."""
    before, after = (percentile([one for window in side for one in window], 99) for side in zip(*rows))
    return after / before


def load(place, contenders, reads, seconds):
    """(what each has found, [MB of each server])"""
    reads = {"BENCH_READS": str(reads)}
    with (
        place.beside("against").running(contenders[0], **reads) as other,
        place.running(contenders[1], **reads) as running,
    ):
        servers = other, running
        with Watch(lambda: [one.memory() / memory.MB for one in servers], every=5) as watch:
            clients = [ask(one, RATE * place.workers, seconds) for one in servers]
            told = [answers(one) for one in clients]
        place.check_frozen(contenders[1], running)
        return [Found(*one) for one in zip(servers, told)], watch.seen


def measure_one(place, contender, reads, seconds):
    (hand, ours), seen = load(place, (HAND, contender), reads, seconds)
    trees = [mean(column) for column in zip(*seen)]
    later = [after / before for before, after in seen[len(seen) // 2 :]]

    def figure(text, sides, value, bound, unit="", **more):
        names = [HAND.name + unit, contender.name + unit]
        what = "constant light load, %d requests/s a worker: %s ÷ by hand" % (RATE, text)
        subject = "%s, %d entries a request" % (place.python, reads)
        return Figure(what, subject, "", dict(zip(names, sides)), value, bound, digits=3, **more)

    tree = figure("memory of the server, mean over time,", trees, trees[1] / trees[0], 0.6, ", MB")
    tree.sides["÷ in the second half"] = mean(later)
    yield tree
    rate = figure("throughput", [hand.rate, ours.rate], ours.rate / hand.rate, 0.98, ", requests/s", relation="≥")
    rate.sides["CPU time ÷"] = ours.cpu / hand.cpu
    yield rate
    rows = list(zip(hand.windows(), ours.windows()))
    p99, p50 = ([percentile(one.latencies, which) for one in (hand, ours)] for which in (99, 50))
    interval = pairs.interval([[row] for row in rows], p99_ratio)
    late = figure("p99", p99, p99[1] / p99[0], 1.05, ", ms", interval=interval)
    late.sides["p50 ÷"] = p50[1] / p50[0]
    yield late


def measure(setup):
    python = setup.counting
    setup.say("constant light load, CPython %s" % python)
    with tempfile.TemporaryDirectory(prefix="gcfreeze-bench-") as directory:
        place = Place(setup, python, Path(directory), megabytes=setup.count(150, 40))
        for reads in READS:
            yield from measure_one(place, CONTENDERS["reshare"], reads, setup.count(120, 20))
