"""Results as a run leaves them, without a run."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.support.figure import Figure
from bench.support.projection import Projection
from bench.support.result import MOMENTS, DataSet, Skip, Speed, Tree
from bench.support.results import Results
from bench.support.series import Series
from bench.support.spread import spread

PROJECTED = {
    "what": "forks",
    "of": "freeze",
    "unit": "ms",
    "value": 9.0,
    "limit": 10,
    "largest_heap_mb": None,
}
MEASURES = ("requests/s", "p50, ms", "p99, ms", "p99.9, ms")


def around(value):
    return spread([0.9 * value, value, 1.1 * value])


ONLY_SITE = {"once", "rounds"}
ONLY_HEAP = {"little", "much", "everything", "kept"}


def of_moments(value, without=()):
    return {name: around(value) for name in MOMENTS if name not in without}


def part(megabytes, limit, hand, later=True, others=ONLY_SITE):
    without = others if later else others | {"later"}
    one_exit = {"ms": around(20), "cpu_ms": around(10), "faults": around(1000)}
    return {
        "tree": of_moments(megabytes, without),
        "group": of_moments(megabytes, without),
        "private": of_moments(megabytes / 10, without),
        "faults": of_moments(megabytes * 10, without),
        "to_limit": of_moments(megabytes / limit, without),
        "to_hand": of_moments(megabytes / hand, without),
        "to_nothing": of_moments(megabytes / 1340, without),
        "own_to_nothing": of_moments(megabytes / 1340, without),
        "fork": {"first": around(30), "later": around(2)},
        "exit": {"used": one_exit, "new": one_exit},
        "exit_to_nothing": {"used": around(0.1), "new": around(0.2)},
        "first": around(megabytes / 20) if others is ONLY_HEAP else None,
        "first_to_default": around(0.5) if others is ONLY_HEAP else None,
    }


def tree(python="3.13.0", workload="catalogue", immortal=190):
    return Tree(
        workload=workload,
        megabytes=150,
        python=python,
        workers=8,
        runs=5,
        limit={"parent": around(160), "worker": around(1), "total": around(168)},
        contenders={
            "nothing": part(1340, 168, 1300, later=False),
            "by hand": part(1300, 168, 1300, later=False),
            "freeze": part(1301, 168, 1300, later=False),
            "reshare": part(188, 168, 1300),
            "immortal": part(immortal, 168, 1300, later=False),
            "immortal + reshare": part(186, 168, 1300),
        },
        software={},
    )


def application(workload="site", python="3.13.0", default=400):
    others = ONLY_SITE if workload == "catalogue" else ONLY_HEAP
    warm = {"warm": part(default / 2, 104, 1300, later=False, others=others)}
    if python < "3.12":
        warm["warm + reshare"] = part(default / 2, 104, 1300, others=others)
    return Tree(
        workload=workload,
        megabytes=150 if workload == "catalogue" else 0,
        python=python,
        workers=4,
        runs=3,
        limit={"parent": around(100), "worker": around(1), "total": around(104)},
        contenders={
            "nothing": part(1340, 104, 1300, later=False, others=others),
            "by hand": part(1300, 104, 1300, later=False, others=others),
            "default": part(default, 104, 1300, later=False, others=others),
            "default + reshare": part(default - 20, 104, 1300, others=others),
            **({} if workload == "catalogue" else warm),
        },
        software={"site": {"Wagtail": "8.0"}, "shop": {"pretix": "1.0"}}.get(workload, {}),
    )


def speed(p99=1.0, contender="immortal"):
    measures = {
        name: {"against": around(5), "contender": around(5), "ratio": around(1)}
        for name in MEASURES
    }
    measures["p99, ms"]["ratio"] = {"median": p99, "low": p99 - 0.1, "high": p99 + 0.1}
    return Speed("3.13.0", 150, contender, "nothing", 6, 8, 2, measures)


MEGABYTES = {"nothing": 400, "pickled": 2, "immortal": 8}


def data_part(name, own):
    measures = {"own, MB": own, "tree, MB": 100, "items/s": 1000, "CPU, s": 2, "highest, MB": 500}
    starts = {"first start, ms": 300, "later starts, ms": 1}
    return {
        "measures": {key: around(value) for key, value in {**measures, **starts}.items()},
        "to_nothing": {**{key: around(own / 400) for key in {**measures, **starts}}, "items/s": around(1.2)},
        "to_pickled": {key: around(0.8) for key in {**measures, **starts}},
        "added": {key: around(value) for key, value in starts.items()},
    }


def data_set(records=1_000_000, workers=4, holds="numbers", loader="own", **own):
    contenders = {name: data_part(name, value) for name, value in {**MEGABYTES, **own}.items()}
    return DataSet("3.13.0", records, workers, holds, loader, 1, contenders)


@pytest.fixture
def finds():
    """One of each kind, at least."""
    rows = [{"name": "3.13.0", "points": [[10, 1.0, 0.9, 1.1], [100, 10.0, 9.0, 11.0]]}]
    return [
        tree(),
        tree("3.8.18"),
        tree(workload="documents"),
        application(),
        application("catalogue", default=30),
        application("shop", default=600),
        speed(),
        data_set(),
        data_set(holds="ndarray", records=200_000),
        Figure("time added to true", "true", "us", {"without": 300.0, "with": 350.0}, 50.0, 100),
        Figure("time added to a script", "3.13.0", "%", {"without": 1.0}, 0.1, None, (-0.2, 0.4)),
        Figure("a worker that rests: own memory", "3.8.18", "MB", {}, 5.0, 6),
        Figure("constant light load: throughput ÷ by hand", "3.8.18", "", {"CPU time ÷": 1.1}, 0.99, 0.98, None, 3, "≥"),
        Series("os.fork", "heap", "MB", "ms", rows),
        Projection(1024 * 1024, 1000, [PROJECTED]),
        Skip("a server's control group", "there is none"),
    ]


ABOUT = {
    "library": "1.2.3",
    "date": "2026-01-02",
    "quick": False,
    "pythons": ["3.8.18", "3.13.0"],
    "gunicorn": "27.0",
}


@pytest.fixture
def results(tmp_path, finds):
    """Written to a file, as they are after a whole run."""
    found = Results(tmp_path / "results.json", **ABOUT)
    for one in finds:
        found.add(one)
    found.took("tree", 61.23)
    return found
