"""What the library must reach: each figure next to its bound, found in the results of a run."""

from dataclasses import dataclass

from rich import box
from rich.table import Table

from bench.contenders import BOTH, DEFAULT, PATHS, WARM, WARM_BEST
from bench.support.figure import HOLDS
from bench.support.first import REQUESTS
from bench.support.place import FEW, WORKERS

HEAD = "gunicorn; where nothing else is said, 8 workers, 150 MB catalogue, read everything"
IMMORTAL = (3, 12)
MODES = ("freeze", "reshare", "immortal", BOTH)


@dataclass
class Row:
    key: str  # reasons are written down by it
    what: str
    subject: str
    relation: str
    bound: float
    value: float
    low: float
    high: float
    unit: str = ""

    @property
    def within(self):
        return HOLDS[self.relation](self.value, self.bound)

    @property
    def units(self):
        return [self.unit] if self.unit else []

    @property
    def limit(self):
        return " ".join([self.relation, "%g" % self.bound, *self.units])

    @property
    def found(self):
        return " ".join(["%.3g" % self.value, *self.units, "[%.3g, %.3g]" % (self.low, self.high)])


def row(key, what, subject, relation, bound, ratio, unit=""):
    values = ratio["median"], ratio["low"], ratio["high"]
    return Row(key, what, subject, relation, bound, *values, unit)


def minor(tree):
    return tuple(map(int, tree["python"].split()[0].split(".")[:2]))


def find(data, workload, workers, contender):
    """[(the tree, the contender's part of it)]"""
    for tree in data["trees"]:
        if (tree["workload"], tree["workers"]) == (workload, workers):
            if contender in tree["contenders"]:
                yield tree, tree["contenders"][contender]


def catalogues(data, contender):
    return find(data, "catalogue", WORKERS, contender)


def of_applications(data):
    """What `site` measures: only LD_PRELOAD is set."""
    start = "3.12 and later, only LD_PRELOAD, %d workers, " % FEW
    for tree, part in find(data, "catalogue", FEW, DEFAULT):
        if minor(tree) >= IMMORTAL:
            what = start + "the catalogue: their own memory together"
            own = {name: FEW * value for name, value in part["private"]["everything"].items()}
            yield row("own", what, "CPython " + tree["python"], "≤", 16, own, "MB")
    for tree, part in find(data, "site", FEW, DEFAULT):
        if minor(tree) >= IMMORTAL:
            what = start + "the site, 24 rounds: own memory of a worker ÷ nothing"
            ratio = part["own_to_nothing"]["rounds"]
            yield row("site", what, "CPython " + tree["python"], "≤", 0.65, ratio)


def of_warm_starts(data):
    """What `site` measures of them."""
    newer, rounds = "3.12 and later, %d workers, " % FEW, ", 24 rounds: "
    own, server = "own memory of a worker ÷ nothing", "memory of the server ÷ nothing"
    function, paths = ", warm start by a function", ", warm start by three public paths"
    wanted = [
        ("warm", "site", WARM, "the site" + function + rounds + own, "own_to_nothing", 0.4),
        ("warm-paths", "site", PATHS, "the site" + paths + rounds + own, "own_to_nothing", 0.55),
        ("warm", "shop", WARM, "the shop" + function + rounds + own, "own_to_nothing", 0.25),
        ("warm-server", "shop", WARM, "the shop" + function + rounds + server, "to_nothing", 0.5),
    ]
    for key, workload, contender, what, ratio, bound in wanted:
        for tree, part in find(data, workload, FEW, contender):
            if minor(tree) >= IMMORTAL:
                subject = "CPython " + tree["python"]
                yield row(key, newer + what, subject, "≤", bound, part[ratio]["rounds"])
    often = ", warm start by all pages, four times"
    what = "up to 3.11, %d workers, reshare, the site%s, 10 s later: %s" % (FEW, often, own)
    for tree, part in find(data, "site", FEW, WARM_BEST):
        ratio = part["own_to_nothing"]["later"]
        yield row("warm-reshare", what, "CPython " + tree["python"], "≤", 0.32, ratio)
    for workload in ("site", "shop"):
        what = "the %s: first %d requests of a fresh worker, median latency, warm ÷ default"
        for tree, part in find(data, workload, FEW, WARM):
            subject, ratio = "CPython " + tree["python"], part["first_to_default"]
            yield row("first-" + workload, what % (workload, REQUESTS), subject, "≤", 0.7, ratio)


def of_data_sets(data):
    """What is beyond a bound for CPU tensors is told without one."""
    plain, start = "own memory of a worker ÷ nothing", "3.12 and later, immortal, %s: %s"
    wanted = [
        ("data-own", "numbers", "to_nothing", "own, MB", "≤", 0.03, plain),
        ("data-tree", "numbers", "to_nothing", "tree, MB", "≤", 0.4, "memory of all processes ÷ nothing"),
        ("data-cpu", "numbers", "to_nothing", "CPU, s", "≤", 0.9, "CPU time ÷ nothing"),
        ("data-items", "numbers", "to_nothing", "items/s", "≥", 1, "items a second ÷ nothing"),
        ("data-highest", "numbers", "to_pickled", "highest, MB", "≤", 0.85, "most memory ÷ pickled"),
        ("data-first", "numbers", "added", "first start, ms", "≤", 500, "first start of a worker, added"),
        ("data-later", "numbers", "added", "later starts, ms", "≤", 5, "later starts of a worker, added"),
        ("data-arrays", "ndarray", "to_nothing", "own, MB", "≤", 0.3, plain),
    ]
    for key, holds, ratio, measure, relation, bound, what in wanted:
        for one in data.get("data_sets", ()):
            found = one["contenders"]["immortal"][ratio]
            if one["holds"] == holds and wanted_size(one, data) and found and measure in found:
                subject = "CPython %s%s" % (one["python"], ", torch" if one["loader"] == "torch" else "")
                size = "{:,} records{}, {} workers".format(
                    one["records"], " with an ndarray" if holds == "ndarray" else "", one["workers"]
                )
                unit = "ms" if ratio == "added" else ""
                yield row(key, start % (size, what), subject, relation, bound, found[measure], unit)


def wanted_size(one, data):
    """Of records without arrays, the bounds are for a million; a quick run has one size."""
    return one["workers"] == FEW and (data["quick"] or one["holds"] != "numbers" or one["records"] == 1_000_000)


def of_memory(data):
    """(key, text, contender, ratio, moment, bound, whether the version counts)"""
    immortal = "3.12 and later, "
    wanted = [
        (
            "limit-immortal",
            immortal + "immortal: tree memory ÷ limit",
            "immortal",
            "to_limit",
            "everything",
            1.3,
        ),
        (
            "limit-both",
            immortal + "with reshare: tree memory ÷ limit",
            BOTH,
            "to_limit",
            "later",
            1.2,
        ),
        (
            "hand-immortal",
            immortal + "immortal: tree memory ÷ by hand",
            "immortal",
            "to_hand",
            "everything",
            0.27,
        ),
        ("hand-freeze", "freeze: tree memory ÷ by hand", "freeze", "to_hand", "everything", 1.02),
    ]
    for key, what, contender, ratio, moment, bound in wanted:
        for tree, part in catalogues(data, contender):
            yield row(key, what, "CPython " + tree["python"], "≤", bound, part[ratio][moment])
    what = "3.8 to 3.11, reshare: tree memory ÷ limit, 10 s later"
    for tree, part in catalogues(data, "reshare"):
        if minor(tree) < IMMORTAL:
            ratio = part["to_limit"]["later"]
            yield row("limit-reshare", what, "CPython " + tree["python"], "≤", 1.5, ratio)


def of_speed(data):
    bounds = [
        ("requests/s", "throughput ÷ nothing", "≥", 0.98),
        ("p99, ms", "p99 ÷ nothing", "≤", 1.05),
    ]
    for measure, what, relation, bound in bounds:
        for speed in data["speeds"]:
            if speed["contender"] in MODES:
                ratio = speed["measures"][measure]["ratio"]
                key = "throughput" if relation == "≥" else "p99"
                yield row(key, what, speed["contender"], relation, bound, ratio)


def of_exits(data):
    for tree, part in catalogues(data, "immortal"):
        ratios = part["exit_to_nothing"]
        if ratios:
            what = "immortal: wall time of a worker's exit ÷ nothing"
            yield row("exit", what, "CPython " + tree["python"], "≤", 0.25, ratios["used"])


def of_forks(data):
    for figure in data["figures"]:
        if figure["what"].startswith("the library's own part of os.fork, freeze, 4"):
            ends = figure["sides"]["lowest"], figure["sides"]["highest"]
            values = figure["value"], *ends, figure["unit"]
            yield Row("own-part", figure["what"], figure["subject"], "≤", figure["bound"], *values)


RESHARE = {  # how figures begin that `rest`, `light`, `busy` and `reshare` measure, and the keys of those that must be reached
    "a worker that rests": "rests",
    "constant light load": "light",
    "a data loader that is never idle": "busy",
    "a pool that is never idle": "busy",
    "time added to the first fork, ": "first-fork",
    "time of later forks, ": None,
    "a worker's time in passes": None,
}


def is_of_reshare(figure):
    return figure["what"].startswith(tuple(RESHARE))


def of_reshare(data):
    for figure in filter(is_of_reshare, data["figures"]):
        key = next(key for start, key in RESHARE.items() if figure["what"].startswith(start))
        if key:
            value, ends = figure["value"], figure["interval"] or (figure["value"],) * 2
            what, relation = "reshare, " + figure["what"], figure.get("relation", "≤")
            yield Row(key, what, figure["subject"], relation, figure["bound"], value, *ends, figure["unit"])


def rows(data):
    """In the order of the table; those that this run has measured."""
    parts = of_applications, of_warm_starts, of_data_sets, of_memory, of_speed, of_exits, of_forks, of_reshare
    return [one for part in parts for one in part(data)]


def show(console, data):
    found = rows(data)
    if not found:
        return
    console.print("must reach (%s)" % HEAD, style="bold", markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("figure", "of", "bound", "found", ""):
        table.add_column(name)
    for one in found:
        cells = one.what, one.subject, one.limit, one.found.replace("[", "\\[")
        table.add_row(
            *cells, "within" if one.within else "beyond", style=None if one.within else "red"
        )
    console.print(table)
