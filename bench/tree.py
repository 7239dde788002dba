"""How much memory a gunicorn server needs: each workload, each contender, from start to end."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import contenders
from bench.contenders import BOTH, DEFAULT, HAND, NOTHING
from bench.support import cgroup, limit, pairs, scenario
from bench.support.place import WORKERS, Place
from bench.support.result import Skip, Tree, last
from bench.support.spread import ratios, spread

LIMIT = "limit"
VERSIONS = [(3, 8), (3, 11), (3, 12)]  # and the newest


@dataclass(frozen=True)
class Plan:
    """One comparison."""

    workload: str
    megabytes: int
    runs: int
    names: tuple  # of contenders
    newest: bool = True  # else the versions above
    exits: bool = False
    workers: int = WORKERS


ALL = ("no --preload", "nothing", "by hand", "freeze", "reshare", "immortal", BOTH)
OTHERS = ("nothing", "by hand", "reshare", "immortal", BOTH)
OLDER = ("by hand", "freeze", "reshare", "immortal", BOTH)
SMALL = ("documents", "model", "holes")

FULL = [
    Plan("catalogue", 150, 5, ALL, exits=True),
    Plan("catalogue", 150, 5, OLDER, newest=False),
    *(Plan(name, 50, 2, OTHERS) for name in SMALL),
]
QUICK = [
    Plan("catalogue", 40, 1, ALL, exits=True),
    *(Plan(name, 20, 1, ("by hand", "immortal")) for name in SMALL),
]


def of_moments(runs, value):
    return {name: spread(value(run.moments[name]) for run in runs) for name in runs[0].moments}


def to_limit(runs, limits):
    trees = {name: [run.moments[name].tree for run in runs] for name in runs[0].moments}
    totals = [limit.total for limit in limits]
    return {name: ratios(values, totals) for name, values in trees.items()}


def part_against(runs, others, part):
    """Each moment's ratio of the server's memory ("tree") or of a worker's own ("private"), run by run."""
    if not others:
        return None
    return {
        name: ratios(*([getattr(at(run.moments, name), part) for run in some] for some in (runs, others)))
        for name in runs[0].moments
    }


def of_forks(runs):
    if not runs[0].forks:
        return None
    later = [fork for run in runs for fork in run.forks[1:]]
    return {"first": spread(run.forks[0] for run in runs), "later": spread(later)}


def of_exits(runs):
    return {
        which: {unit: spread(run.exits[which][unit] for run in runs) for unit in one}
        for which, one in runs[0].exits.items()
    }


def of_exits_against(runs, others):
    """Wall time, pair by pair."""
    return {
        which: ratios(*([run.exits[which]["ms"] for run in some] for some in (runs, others)))
        for which in runs[0].exits
    }


def of_first(runs):
    return None if runs[0].first is None else spread(run.first for run in runs)


def of_first_against(runs, others):
    if runs[0].first is None or not others:
        return None
    return ratios(*([run.first for run in some] for some in (runs, others)))


def one_contender(runs, columns, limits):
    hands, nothings, colds = (columns.get(name) for name in (HAND.name, NOTHING.name, DEFAULT))
    return {
        "tree": of_moments(runs, lambda moment: moment.tree),
        "group": of_moments(runs, lambda moment: moment.group) if has_group(runs) else None,
        "private": of_moments(runs, lambda moment: moment.private),
        "faults": of_moments(runs, lambda moment: moment.faults),
        "to_limit": to_limit(runs, limits),
        # what has no "later" is as it was when everything had been read
        "to_hand": part_against(runs, hands, "tree"),
        "to_nothing": part_against(runs, nothings, "tree"),
        "own_to_nothing": part_against(runs, nothings, "private"),
        "fork": of_forks(runs),
        "exit": of_exits(runs) or None,
        "exit_to_nothing": of_exits_against(runs, nothings) if nothings else None,
        "first": of_first(runs),
        "first_to_default": of_first_against(runs, colds),
    }


def at(moments, name):
    return moments[name] if name in moments else last(moments)


def has_group(runs):
    return runs[0].moments["start"].group is not None


def measure_one(setup, python, plan, with_group):
    rows = contenders.available(python, plan.names)
    names = [LIMIT, *(row.name for row in rows)]
    with tempfile.TemporaryDirectory(prefix="gcfreeze-bench-") as directory:
        place = Place(setup, python, Path(directory), plan.workload, plan.megabytes, plan.workers)

        def run(row):
            setup.say(
                "%s %d MB, %s, CPython %s" % (plan.workload, plan.megabytes, row.name, python)
            )
            return scenario.run(place, row, with_group, plan.exits)

        sides = [lambda: limit.measure(place), *(lambda row=row: run(row) for row in rows)]
        columns = dict(zip(names, zip(*pairs.in_turn(plan.runs, *sides))))
    limits = columns.pop(LIMIT)
    return Tree(
        workload=plan.workload,
        megabytes=plan.megabytes,
        python=str(python),
        workers=plan.workers,
        runs=plan.runs,
        limit={
            "parent": spread(limit.parent for limit in limits),
            "worker": spread(limit.worker for limit in limits),
            "total": spread(limit.total for limit in limits),
        },
        contenders={
            name: one_contender(runs, columns, limits) for name, runs in columns.items()
        },
        software=place.application.versions(python.version),
    )


def chosen(setup, plan):
    """The newest interpreter of each version that is asked for."""
    newest = {python.minor: python for python in setup.pythons}
    if plan.newest:
        return [newest[max(newest)]]
    return [newest[minor] for minor in VERSIONS if minor in newest and minor != max(newest)]


def measure(setup):
    reason = cgroup.reason_against()
    if reason:
        yield Skip("a server's control group", reason)
    for plan in QUICK if setup.quick else FULL:
        for python in chosen(setup, plan):
            yield measure_one(setup, python, plan, not reason)
