"""One server from its start to its end, and its memory at each moment between."""

import time
from dataclasses import dataclass
from statistics import median
from typing import Optional

from bench.support import first, leaving, memory
from bench.support.cgroup import group

INTERVAL = 10  # seconds: what GCFREEZE_RESHARE=on stands for


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
    first: Optional[float]  # ms, of a fresh worker's first requests; None where nobody could log in


def look(running, usage):
    workers = running.workers()
    return Moment(
        running.memory() / memory.MB,
        usage.bytes() / memory.MB if usage else None,
        median(map(memory.private, workers)) / memory.MB,
        median(map(leaving.faults, workers)),
    )


def moments(place, contender, running, usage):
    """[(name, Moment)]"""
    for name, step in place.application.steps(running):
        if step:
            step()
        elif contender.reshares:
            time.sleep(INTERVAL)  # it is what is measured: how much is given back by then
        else:
            continue
        yield name, look(running, usage)
        if not step and place.copies():
            place.wait_for_passes(running.workers())


def run(place, contender, with_group, with_exits):
    if not with_group:
        return run_in(place, contender, None, with_exits)
    with group() as usage:
        return run_in(place, contender, usage, with_exits)


def run_in(place, contender, usage, with_exits):
    prefix = usage.prefix if usage else ()
    with place.running(contender, prefix, BENCH_FORKS=str(place.forks)) as running:
        found = dict(moments(place, contender, running, usage))
        place.check_frozen(contender, running)
        forks = read_forks(place) if "--preload" in contender.options else []
        exits = leaving.measure(running) if with_exits else {}
        visits = place.application.visits
        return Run(found, forks, exits, first.measure(running, visits) if visits else None)


def read_forks(place):
    return [int(line) / 1e6 for line in place.forks.read_text().split()]
