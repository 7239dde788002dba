"""One server from its start to its end, and its memory at each moment between."""

import random
import time
from dataclasses import dataclass
from statistics import median

from bench.demo import client
from bench.support import leaving, memory
from bench.support.cgroup import group
from bench.support.place import WORKERS

INTERVAL = 10  # seconds: what GCFREEZE_RESHARE=on stands for
SEED = 6

REQUESTS = {"little": 125, "much": 25, "kept": 100}  # to each worker


@dataclass
class Moment:
    """MB of the whole server, MB of its control group, MB and minor faults of a worker."""

    tree: float
    group: float
    private: float
    faults: float


@dataclass
class Run:
    moments: dict
    forks: list  # ms, in the parent; none where it does not preload
    exits: dict


def look(running, usage):
    workers = running.workers()
    return Moment(
        running.memory() / memory.MB,
        usage.bytes() / memory.MB if usage else None,
        median(map(memory.private, workers)) / memory.MB,
        median(map(leaving.faults, workers)),
    )


def requests(running, route, count):
    chance = random.Random(SEED)
    for _ in range(count):
        client.round_of(running.port, "/%s/%d" % (route, chance.randrange(10**6)), WORKERS)


def moments(place, contender, running, usage):
    """[(name, Moment)]"""
    client.round_of(running.port, "/who", WORKERS)
    yield "start", look(running, usage)
    for name in ("little", "much"):
        requests(running, name, REQUESTS[name])
        yield name, look(running, usage)
    client.round_of(running.port, "/collect", WORKERS)
    yield "collection", look(running, usage)
    client.round_of(running.port, "/read", WORKERS)
    yield "everything", look(running, usage)
    if contender.reshares:
        time.sleep(INTERVAL)  # it is what is measured: how much is given back by then
        yield "later", look(running, usage)
        if contender.copies:
            place.wait_for_passes(running.workers())
    requests(running, "keep", REQUESTS["kept"])
    yield "kept", look(running, usage)


def run(place, contender, with_group, with_exits):
    if not with_group:
        return run_in(place, contender, None, with_exits)
    with group() as usage:
        return run_in(place, contender, usage, with_exits)


def run_in(place, contender, usage, with_exits):
    prefix = usage.prefix if usage else ()
    with place.running(contender, prefix, BENCH_FORKS=str(place.forks)) as running:
        found = dict(moments(place, contender, running, usage))
        place.check_frozen(contender)
        forks = read_forks(place) if "--preload" in contender.options else []
        return Run(found, forks, leaving.measure(running) if with_exits else {})


def read_forks(place):
    return [int(line) / 1e6 for line in place.forks.read_text().split()]
