"""What a benchmark may find besides figures and series. Each kind has its section in the JSON."""

from dataclasses import asdict, dataclass

from rich import box
from rich.table import Table

# name, what was before; in the order of the tables
MOMENTS = {
    "start": "one request to each worker",
    "little": "125 requests that read one entry, to each",
    "much": "25 requests that read 1 % of all entries, to each",
    "once": "each page, to each worker",
    "rounds": "24 rounds of all pages: each worker has served as many as the others",
    "collection": "a garbage collection in each worker",
    "everything": "each worker has read everything",
    "later": "10 seconds without a request",
    "kept": "each worker has kept 1 MB more",
}




def last(moments):
    """Of a contender's moments that when it has done everything and given back what it can."""
    return next(moments[name] for name in ("later", "everything", "collection") if name in moments)


@dataclass
class Skip:
    """Something that could not be measured here."""

    what: str
    reason: str

    def machine(self):
        return asdict(self)

    def show(self, console):
        console.print("skipped: %s: %s" % (self.what, self.reason), style="yellow", markup=False)


@dataclass
class Tree:
    """Memory of a whole server. All values are spreads (bench/support/spread.py) in MB or ms."""

    workload: str
    megabytes: float
    python: str
    workers: int
    runs: int
    limit: dict  # {"parent", "worker", "total"}
    contenders: dict  # {name: {"tree": {moment: spread}, ...}}
    software: dict  # {package: version} of the application

    def machine(self):
        return asdict(self)

    def show(self, console):
        size = ", %g MB" % self.megabytes if self.megabytes else ""
        title = "%s%s, CPython %s, %d workers: MB of the whole server, median of %d"
        values = (self.workload, size, self.python, self.workers, self.runs)
        console.print(title % values, style="bold", markup=False)
        found = {moment for row in self.contenders.values() for moment in row["tree"]}
        moments = [moment for moment in MOMENTS if moment in found]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("", no_wrap=True)
        for name in [*moments, "÷ limit"]:
            table.add_column(name, justify="right", no_wrap=True)
        for name, row in self.contenders.items():
            cells = [number(row["tree"].get(moment)) for moment in moments]
            table.add_row(name, *cells, "%.2f" % last(row["to_limit"])["median"])
        table.add_row("the limit", *[""] * len(moments), number(self.limit["total"]), style="green")
        console.print(table)


@dataclass
class DataSet:
    """What it costs to load a data set in forked workers. All values are spreads (bench/support/spread.py)."""

    python: str
    records: int
    workers: int
    holds: str  # of a record, besides its numbers: "numbers" (nothing), "ndarray", "tensor"
    loader: str  # "own" or "torch"
    runs: int
    contenders: dict  # {name: {"measures": {measure: spread}, "to_nothing": {...}, ...}}

    def machine(self):
        return asdict(self)

    @property
    def title(self):
        what = {"numbers": "", "ndarray": " with an ndarray each", "tensor": " with a CPU tensor each"}
        loader = ", torch's DataLoader" if self.loader == "torch" else ""
        return "{:,} records{}, {} workers{}".format(self.records, what[self.holds], self.workers, loader)

    def show(self, console):
        title = "%s, CPython %s: median of %d" % (self.title, self.python, self.runs)
        console.print(title, style="bold", markup=False)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("", no_wrap=True)
        rows = list(self.contenders.values())
        for name in self.contenders:
            table.add_column(name, justify="right", no_wrap=True)
        for measure in rows[0]["measures"]:
            table.add_row(measure, *[number(row["measures"][measure]) for row in rows])
        console.print(table)


@dataclass
class Speed:
    """Two servers under the same load at once. Ratios are the contender's to the other's."""

    python: str
    megabytes: float
    contender: str
    against: str
    windows: int
    seconds: int
    connections: int
    measures: dict  # {"requests/s": {"against": spread, "contender": spread, "ratio": {...}}, ...}

    def machine(self):
        return asdict(self)

    def show(self, console):
        title = "%s against %s, CPython %s, %d windows of %d s"
        values = (self.contender, self.against, self.python, self.windows, self.seconds)
        console.print(title % values, style="bold", markup=False)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ["", self.against, self.contender, "ratio", "[low, high]"]:
            table.add_column(name.replace("[", "\\["), justify="right", no_wrap=True)
        for name, one in self.measures.items():
            ratio = one["ratio"]
            ends = "%.3f, %.3f" % (ratio["low"], ratio["high"])
            medians = [number(one[side], 2) for side in ("against", "contender")]
            table.add_row(name, *medians, "%.3f" % ratio["median"], ends)
        console.print(table)


def number(spread, digits=1):
    return "%.*f" % (digits, spread["median"]) if spread else ""
