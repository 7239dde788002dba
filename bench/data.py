"""A data set of small objects in a local variable, and forked workers that load it in batches: what each
worker copies of it, and what that costs."""

import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from bench.scaling import Table
from bench.support import cgroup
from bench.support.holder import available_megabytes
from bench.support.loading import Contender, Failed, run
from bench.support.result import DataSet, Skip
from bench.support.setup import ROOT
from bench.support.spread import ratios, spread

OLDEST = (3, 12)
NOTHING, PICKLED, IMMORTAL = "nothing", "pickled", "immortal"
CONTENDERS = {
    NOTHING: Contender(),
    "by hand": Contender("frozen"),
    PICKLED: Contender("pickled"),
    IMMORTAL: Contender(knobs=(("GCFREEZE_MODE", "immortal"),)),
}
PLOTTED = {"own, MB": "own memory of a worker", "highest, MB": "all processes at their highest"}
STARTS = ("first start, ms", "later starts, ms")
TORCH = "torch.utils.data"  # a loader, as bench/programs/data.py calls it
PACKAGES = {"ndarray": "gunicorn", "tensor": "torch", TORCH: "torch"}  # where they are: .venv/NAME-VERSION


@dataclass(frozen=True)
class Plan:
    records: int
    workers: int = 4
    runs: int = 1
    holds: str = "numbers"
    loader: str = "loader"
    names: tuple = tuple(CONTENDERS)

    @property
    def megabytes(self):
        """More than is needed where each worker has copied all of it; nothing is measured by it."""
        return (1 + self.workers) * self.records * (0.0008 if self.holds == "numbers" else 0.002)

    @property
    def words(self):
        return [self.holds, self.loader, str(self.records), str(self.workers)]

    def interpreter(self, python):
        """Its path: one that has the packages."""
        name = PACKAGES.get(self.loader) or PACKAGES.get(self.holds)
        if not name:
            return Path(python.path)
        return ROOT / ".venv" / ("%s-%s" % (name, python.version)) / "bin" / "python"

    def reason_against(self, python):
        free = available_megabytes()
        if self.megabytes > free:
            return "only %d MB of memory are available" % free
        if not self.interpreter(python).exists():
            return "its packages are not installed (script/bootstrap torch)"
        return None


MILLION = 1_000_000
ARRAYS = {"names": (NOTHING, IMMORTAL), "holds": "ndarray"}
TENSORS = {"names": (NOTHING, IMMORTAL), "holds": "tensor", "loader": TORCH}
NEWEST = [
    Plan(MILLION, runs=3),
    *[Plan(records) for records in (100_000, 400_000)],
    Plan(4 * MILLION, names=(NOTHING, PICKLED, IMMORTAL)),
    *[Plan(400_000, workers) for workers in (1, 2, 8, 16)],
    Plan(200_000, **ARRAYS),
    Plan(MILLION, loader=TORCH, names=(NOTHING, PICKLED, IMMORTAL)),
    Plan(200_000, **TENSORS),
]
OTHERS = [Plan(MILLION)]
QUICK = [Plan(100_000), Plan(50_000, **ARRAYS), Plan(50_000, **TENSORS)]


def in_turn(setup, plan, python, directory, with_group):
    """{contender: [{measure: value}]}"""
    found, seen = defaultdict(list), []
    for number in range(plan.runs):
        first = number % len(plan.names)
        for name in plan.names[first:] + plan.names[:first]:
            words = len(seen) + 1, plan.runs * len(plan.names), plan.records, plan.workers, name, python
            setup.say("run %d of %d: %d records, %d workers, %s, CPython %s" % words)
            interpreter = str(plan.interpreter(python))
            events = directory / "events"
            values, totals = run(
                interpreter, plan.words, CONTENDERS[name], setup.library, events, with_group
            )
            found[name].append(values)
            seen.append(totals)
    if any(totals != seen[0] for totals in seen):
        raise Failed("the contenders have computed different things: %s" % seen)
    return found


def columns(rows):
    """{measure: [value of each run]}"""
    return {name: [row[name] for row in rows] for name in rows[0]}


def part(mine, nothing, pickled):
    def against(other):
        return {name: ratios(mine[name], other[name]) for name in mine}

    pairs = {name: zip(mine[name], nothing[name]) for name in STARTS}
    return {
        "measures": {name: spread(values) for name, values in mine.items()},
        "to_nothing": against(nothing),
        "to_pickled": against(pickled) if pickled else None,
        "added": {name: spread(a - b for a, b in values) for name, values in pairs.items()},
    }


def measure_one(setup, python, plan, directory, with_group):
    found = in_turn(setup, plan, python, directory, with_group)
    sides = {name: columns(rows) for name, rows in found.items()}
    return DataSet(
        python=str(python),
        records=plan.records,
        workers=plan.workers,
        holds=plan.holds,
        loader="torch" if plan.loader == TORCH else "own",
        runs=plan.runs,
        contenders={name: part(sides[name], sides[NOTHING], sides.get(PICKLED)) for name in plan.names},
    )


def growth(found):
    """By the number of records, and by that of workers: of sets that differ in this alone, and of those
    that were compared in all of them."""
    plain = [one for one in found if (one.holds, one.loader) == ("numbers", "own")]
    always = [name for name in CONTENDERS if all(name in one.contenders for one in plain)]
    for x, y, same in (("records", "workers", 4), ("workers", "records", 400_000)):
        table = Table()
        for one in plain:
            for name in [name for name in always if getattr(one, y) == same]:
                for measure, value in one.contenders[name]["measures"].items():
                    table.add(measure, name, getattr(one, x), *value.values())
        for measure, what in PLOTTED.items():
            if len(table.values[measure][NOTHING]) > 2:
                yield table.series(measure, x, "", "MB", "a data set, by %s: %s" % (x, what))


def measure(setup):
    reason = cgroup.reason_against()
    if reason:
        yield Skip("the most memory that data sets need", reason)
    with tempfile.TemporaryDirectory(prefix="gcfreeze-bench-") as directory:
        for python in setup.pythons:
            if python.minor < OLDEST:
                continue
            found = []
            plans = QUICK if setup.quick else NEWEST if python is setup.newest else OTHERS
            for plan in plans:
                skipped = plan.reason_against(python)
                if skipped:
                    yield Skip("a data set, %s, CPython %s" % (", ".join(plan.words), python), skipped)
                    continue
                found.append(measure_one(setup, python, plan, Path(directory), not reason))
                yield found[-1]
            yield from growth(found)
