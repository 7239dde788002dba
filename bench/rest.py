"""What GCFREEZE_RESHARE leaves copied: in workers that rest, that have a little to do all the time, and that are never idle.

One row by itself, with any library:

    .venv/bench/bin/python -m bench.rest --library build/libgcfreeze.so [--python 3.11.7] [--interval 3] [row ...]
"""

import argparse
import contextlib
import dataclasses
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from statistics import mean, median

from rich.console import Console

from bench import resting
from bench.contenders import HAND, MODE, Contender
from bench.demo import client, server
from bench.support import memory, pairs
from bench.support.figure import Figure, show
from bench.support.place import WORKERS, Place
from bench.support.scenario import INTERVAL
from bench.support.setup import PROGRAMS, Setup, environment, find_pythons, library_version

VERSIONS = "3.8.18", "3.11.7", "3.13.0"
ONE = "3.11.7"
QUICKLY = 3  # seconds between passes, where a worker is to rest afterwards
READS = 12  # of everything, by each worker
SEED = 19
PAUSE = 0.2  # seconds at most before each of them
MEGABYTES = 100
RESTING = 6  # MB: what a worker that rests may have of its own


def reshare(interval, *more):
    return Contender("reshare", knobs=((MODE, "freeze"), ("GCFREEZE_RESHARE", str(interval)), *more))


def own(pids):
    """MB of each worker, the least first."""
    return sorted(memory.private(pid) / memory.MB for pid in pids)


def read_at_random(running, times):
    """Each worker reads everything so often, in any order and with pauses between; the others stand still meanwhile."""
    workers, chance = running.workers(), random.Random(SEED)
    order = times * workers
    chance.shuffle(order)
    for pid in order:
        time.sleep(chance.uniform(0, PAUSE))
        with server.alone(pid, workers):
            if client.get(running.port, "/read") != pid:
                raise server.Failed("a worker that stood still answered")
    return workers


def measure_rest(place, interval):
    sides = {}
    for contender in (HAND, reshare(interval)):
        place.setup.say("%s, CPython %s, workers that rest" % (contender.name, place.python))
        with place.running(contender) as running:
            place.check_frozen(contender, running)
            workers = read_at_random(running, READS if contender.reshares else 1)
            time.sleep(INTERVAL)
            sides[contender.name] = own(workers)
            if running.workers() != workers:
                raise server.Failed("a worker has ended")
    print("own memory, MB:", {name: ["%.1f" % one for one in each] for name, each in sides.items()}, file=sys.stderr)
    yield Figure(
        what="own memory of a worker, 10 s after it has read everything a dozen times, RESHARE=%s: the worst of %d"
        % (interval, place.workers),
        subject=str(place.python),
        unit="MB",
        sides={**{name + ", worst": each[-1] for name, each in sides.items()}, "median": median(sides["reshare"])},
        value=sides["reshare"][-1],
        bound=RESTING,
    )


class Watch:
    """Looks every second, while this is open."""

    def __init__(self, look):
        self.look, self.seen, self.over = look, [], threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.over.wait(1):
            self.seen.append(self.look())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def steady(port, rate, seconds):
    command = [sys.executable, str(PROGRAMS / "steady.py"), str(port), str(rate), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def answers(process):
    output, _ = process.communicate()
    if process.returncode:
        raise server.Failed("requests at a constant rate ended with status %d" % process.returncode)
    return json.loads(output)


def percentile(values, per_cent):
    return sorted(values)[int(len(values) * per_cent / 100)]


def windows(values, count=12):
    size = len(values) // count
    return [values[start : start + size] for start in range(0, size * count, size)]


def measure_light(place, interval, reads, rate=10, seconds=120):
    """Both servers at once: what else the machine does, it does to both. Each request reads `reads` entries at random,
    of 210 in a MB of the catalogue's."""
    extra = {"BENCH_READS": str(reads)}
    with (
        place.beside("hand").running(HAND, **extra) as hand,
        place.running(reshare(interval), **extra) as running,
    ):
        servers = hand, running
        place.setup.say("constant light load, %d entries a request" % reads)
        with Watch(lambda: [one.memory() / memory.MB for one in servers]) as watch:
            clients = [steady(one.port, rate * place.workers, seconds) for one in servers]
            found = [answers(one) for one in clients]
        workers = [server_cpu(one) for one in servers]
    trees = [mean(column) for column in zip(*watch.seen)]
    latencies = [one["latencies"] for one in found]
    subject = "%s, %d entries of %d MB a request" % (place.python, reads, place.megabytes)
    what = "constant light load, %d requests/s a worker, RESHARE=%s: " % (rate, interval)
    later = [after / before for before, after in watch.seen[len(watch.seen) // 2 :]]
    names = "by hand", "reshare"

    def figure(text, sides, value, bound, **more):
        return Figure(what + text, subject, "", dict(zip(names, sides)), value, bound, digits=3, **more)

    memories = figure("memory of the server ÷ by hand, mean over time", trees, trees[1] / trees[0], 0.6)
    memories.sides.update({"of the second half": mean(later)})
    yield memories
    speeds = [len(one["latencies"]) / one["seconds"] for one in found]
    # a figure is within its bound if it is not above it
    yield figure("time a request ÷ by hand", [1000 / one for one in speeds], speeds[0] / speeds[1], round(1 / 0.98, 3))
    for which, bound in ((50, None), (99, 1.05)):
        ends = [percentile(one, which) for one in latencies]
        groups = [[a, b] for a, b in zip(*map(windows, latencies))]
        yield figure("p%d, ms ÷ by hand" % which, ends, ends[1] / ends[0], bound or 9, interval=resampled(groups, which))
    yield figure("CPU time of the workers ÷ by hand", workers, workers[1] / workers[0], 9)


def resampled(groups, which):
    """95 % of the ratio's, over windows of time."""
    chance, found = random.Random(3), []
    for _ in range(200):
        sample = chance.choices(groups, k=len(groups))
        sides = [percentile([value for one in sample for value in one[side]], which) for side in (0, 1)]
        found.append(sides[1] / sides[0])
    found.sort()
    return found[5], found[-6]


def server_cpu(running):
    from bench.speed import cpu_seconds

    return sum(map(cpu_seconds, running.workers()))


@contextlib.contextmanager
def busy(python, library, knobs, kind, words):
    command = [python.path, str(PROGRAMS / "busy.py"), kind, *map(str, words)]
    env = {**environment(library), **dict(knobs)}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def measure_busy(place, kind, interval, work, records=200_000, workers=2, seconds=60):
    """Two programs at once: each has the same part of the machine, so who needs more time for an item has fewer."""
    knobs = {
        "GCFREEZE_MODE": "freeze",
        "GCFREEZE_RESHARE": str(interval),
        "GCFREEZE_RESHARE_THREADS": "on",
        "GCFREEZE_LOG": "info",
        "GCFREEZE_LOG_FORMAT": "json",
        "GCFREEZE_LOG_FILE": str(place.events),
    }
    place.events.unlink(missing_ok=True)
    words = records, workers, seconds, work
    python, library = place.python, place.setup.library
    place.setup.say("a %s that is never idle" % kind)
    with busy(python, None, {}, kind, words) as plain, busy(python, library, knobs, kind, words) as ours:
        both = plain, ours
        pids = [json.loads(one.stdout.readline()) for one in both]
        with Watch(lambda: [median(own(each)) for each in pids]) as watch:
            rates = [json.loads(one.stdout.readline()) for one in both]
    names = "nothing", "reshare"
    subject = "%s, %s, RESHARE=%s, %d µs of other work an item" % (python, kind, interval, work)
    memories = [median(column) for column in zip(*watch.seen)]
    sides = {**dict(zip(names, memories)), "reshare at the end": watch.seen[-1][1]}
    passes = [event for event in place.read_events("reshare") if event["pid"] in pids[1]] if place.events.exists() else []
    sides["passes"] = len(passes)
    what = "a %s that is never idle: " % kind
    yield Figure(
        what + "own memory of a worker ÷ nothing, median over time", subject, "", sides, memories[1] / memories[0], 0.5, digits=3
    )
    yield Figure(what + "time an item ÷ nothing", subject, "", dict(zip(names, (1e6 / one for one in rates))),
        rates[0] / rates[1], round(1 / 0.95, 3), digits=3)


ROWS = {}


def main():
    parser = argparse.ArgumentParser(prog="bench.rest", description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="row", help="rest light loader pool uwsgi gthread celery fork")
    parser.add_argument("--library", required=True, type=Path)
    parser.add_argument("--python", action="append", metavar="VERSION", help="of `rest`: 3.8.18, 3.11.7, 3.13.0; else 3.11.7")
    parser.add_argument("--interval", default=None, help="GCFREEZE_RESHARE; `rest` and servers 3, else on")
    parser.add_argument("--reads", type=int, default=100, help="of `light`: entries a request")
    parser.add_argument("--work", type=int, default=0, help="of `loader` and `pool`: microseconds of other work an item")
    parser.add_argument("--megabytes", type=int, default=MEGABYTES)
    parser.add_argument("--seconds", type=int, default=None, help="of `light` (120) and `loader` (60)")
    parser.add_argument("--append", type=Path, metavar="FILE", help="appends what is found")
    options = parser.parse_args()
    pythons = find_pythons(False)
    by_version = {python.version: python for python in pythons}
    library = str(options.library.resolve())
    for row in options.rows or ["rest", "light", "loader", "pool", "uwsgi", "gthread", "celery", "fork"]:
        versions = options.python or (VERSIONS if row == "rest" else [ONE])
        for version in versions:
            with tempfile.TemporaryDirectory(prefix="gcfreeze-bench-") as directory:
                setup = Setup(library, False, pythons, lambda text: print("bench:", text, file=sys.stderr))
                count = resting.WORKERS if row in resting.SERVERS else WORKERS
                place = Place(setup, by_version[version], Path(directory), "catalogue", options.megabytes, count)
                figures = list(measure_row(row, place, options))
            tell(figures, library, pythons[-1], options)


def measure_row(row, place, options):
    interval = options.interval
    if row == "rest":
        return measure_rest(place, interval or QUICKLY)
    if row == "light":
        return measure_light(place, interval or "on", options.reads, seconds=options.seconds or 120)
    if row in ("loader", "pool"):
        return measure_busy(place, row, interval or "on", options.work, seconds=options.seconds or 60)
    if row == "fork":
        from bench.reshare import measure_forks

        return measure_forks(place)
    return resting.measure(place, row, interval or QUICKLY)


def tell(figures, library, python, options):
    console = Console(highlight=False, width=170)
    show(console, figures)
    if options.append:
        with options.append.open("a") as file:
            print("%s, libgcfreeze %s, %s" % (datetime.now().strftime("%d %H:%M"), library_version(library, python), library), file=file)
            show(Console(file=file, highlight=False, width=170), figures)


if __name__ == "__main__":
    main()
