"""A machine of 1 TB with 1,000 workers, which nobody has measured: what the fitted lines say about it."""

from dataclasses import asdict, dataclass
from pathlib import Path

from rich import box
from rich.table import Table

from bench.support.fit import Line

MACHINE = 1024 * 1024  # MB
WORKERS = 1000
MINUTE = 60_000  # ms
MAPPINGS = 2  # of a copied mebibyte: the arena, and the copy to compare it with


@dataclass
class Projection:
    """Each row: a cost of a heap that is as large as the machine, with all workers; its limit; and the
    largest heap with which it stays within (None: any)."""

    machine_mb: int
    workers: int
    rows: list  # [{"what", "of", "unit", "value", "limit", "largest_heap_mb"}], the first to break first

    def machine(self):
        return asdict(self)

    def show(self, console):
        title = "projection: a heap of %d GB, %d workers" % (self.machine_mb // 1024, self.workers)
        console.print(title, style="bold")
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("", no_wrap=True)
        for name in ("of", "then", "limit", "reached at a heap of"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.rows:
            sizes = ["{:,.0f} {}".format(row[name], row["unit"]) for name in ("value", "limit")]
            largest = row["largest_heap_mb"]
            table.add_row(
                row["what"], row["of"], *sizes, "{:,.0f} GB".format(largest / 1024) if largest else "never"
            )
        console.print(table)


def total(once=(), each=()):
    """What some costs that come once, and some that come with each worker, are together."""
    base = sum(line.base for line in once) + WORKERS * sum(line.base for line in each)
    slope = sum(line.slope for line in once) + WORKERS * sum(line.slope for line in each)
    return Line(base, slope)


def row(what, of, unit, line, limit):
    largest = (limit - line.base) / line.slope if line.slope > 0 else None
    return {
        "what": what,
        "of": of,
        "unit": unit,
        "value": line.at(MACHINE),
        "limit": limit,
        "largest_heap_mb": None if largest is None else max(0, largest),
    }


def most_mappings():
    """Of the library's: half of what a process may have."""
    return int(Path("/proc/sys/vm/max_map_count").read_text()) // 2


def project(rows):
    """The rows, in the order in which they reach their limits."""
    never = [row for row in rows if row["largest_heap_mb"] is None]
    reached = [row for row in rows if row["largest_heap_mb"] is not None]
    reached.sort(key=lambda row: row["largest_heap_mb"])
    return Projection(MACHINE, WORKERS, reached + never)
