"""Throughput and latencies, without the library and with it, both servers under load at once.

Whatever else the machine does, it does to both; and who needs more processor time for a request
answers fewer.
"""

import os
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from bench import contenders
from bench.contenders import BOTH, NOTHING
from bench.demo import server
from bench.support import leaving, pairs
from bench.support.place import Place
from bench.support.result import Speed
from bench.support.scenario import INTERVAL
from bench.support.setup import PROGRAMS
from bench.support.spread import spread

CONNECTIONS = 2  # at once, to each server: more would measure who waits for a processor
NAMES = ("by hand", "freeze", "reshare", "immortal", BOTH)
QUICK = (BOTH,)
MEASURES = ("requests/s", "p50, ms", "p99, ms", "p99.9, ms", "CPU us a request", "faults a request")


def cpu_seconds(pid):
    fields = Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime


def spent_by(running):
    """(CPU seconds, minor faults) of all workers together"""
    workers = running.workers()
    return sum(map(cpu_seconds, workers)), sum(map(leaving.faults, workers))


def window(running, seconds):
    """One value for each of MEASURES."""
    before = spent_by(running)
    command = ["wrk", "-t1", "-c%d" % CONNECTIONS, "-d%ds" % seconds]
    # a late answer is a latency and no failure: wrk leaves those above this out of its percentiles
    command += ["--timeout", "%ds" % (seconds + 1)]
    command += ["-s", str(PROGRAMS / "paths.lua"), "http://127.0.0.1:%d/" % running.port]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    cpu, faults = (after - earlier for after, earlier in zip(spent_by(running), before))
    requests, failed, microseconds, *latencies = map(int, output.splitlines()[-1].split())
    if failed or not requests:
        raise server.Failed("%d requests were answered, and %d failed" % (requests, failed))
    milliseconds = [latency / 1000 for latency in latencies]
    faults = max(faults, 1)  # none at all would have no ratio
    return requests / (microseconds / 1e6), *milliseconds, cpu / requests * 1e6, faults / requests


def measure_one(place, contender, against, count, seconds):
    """Both as they are given: a contender may be one with threads."""
    with (
        place.beside("against").running(against) as other,
        place.running(contender) as running,
        ThreadPoolExecutor(2) as threads,
    ):
        servers = (other, running)
        # reading for the first time copies pages, with and without the library: it is not counted
        rows = [
            list(threads.map(lambda one: window(one, seconds), servers)) for _ in range(count + 1)
        ]
        place.check_frozen(contender, running)
        if contender.reshares and place.copies():
            # a busy worker's pass lasts until 2 % of its own work paid for it, and ends when it is idle
            time.sleep(INTERVAL)
            place.wait_for_passes(running.workers())
    measures = {}
    for index, name in enumerate(MEASURES):
        columns = [[row[side][index] for row in rows[1:]] for side in (0, 1)]
        found = [after / before for before, after in zip(*columns)]
        low, high = pairs.interval([found])
        measures[name] = {
            "against": spread(columns[0]),
            "contender": spread(columns[1]),
            "ratio": {"median": median(found), "low": low, "high": high},
        }
    return Speed(
        python=str(place.python),
        megabytes=place.megabytes,
        contender=contender.name,
        against=against.name,
        windows=count,
        seconds=seconds,
        connections=CONNECTIONS,
        measures=measures,
    )


def measure(setup):
    python = setup.newest
    count, seconds = setup.count(5, 2), setup.count(8, 4)
    for contender in contenders.available(python, QUICK if setup.quick else NAMES):
        setup.say("%s against %s" % (contender.name, NOTHING.name))
        with tempfile.TemporaryDirectory(prefix="gcfreeze-bench-") as directory:
            place = Place(setup, python, Path(directory), megabytes=setup.count(150, 40))
            yield measure_one(place, contender, NOTHING, count, seconds)
