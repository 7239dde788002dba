"""A measured figure next to its bound."""

import operator
from dataclasses import asdict, dataclass
from typing import Optional

from rich import box
from rich.table import Table

HOLDS = {"≤": operator.le, "≥": operator.ge}


@dataclass
class Figure:
    what: str  # "added to os.fork"
    subject: str  # "CPython 3.13.0"
    unit: str
    sides: dict  # what was compared: {"without": 1.0, "with": 2.0}
    value: float
    bound: Optional[float]  # None: no measurable cost, so the interval must reach down to 0
    interval: Optional[tuple] = None  # 95 % of the value's, where it is a median of differences
    digits: int = 1
    relation: str = "≤"  # the value's to the bound

    @property
    def within(self):
        return self.interval[0] <= 0 if self.bound is None else HOLDS[self.relation](self.value, self.bound)

    def machine(self):
        return {**asdict(self), "within": self.within}

    def number(self, value):
        return "%.*f" % (self.digits, value)

    def cells(self, columns):
        value = "%s %s" % (self.number(self.value), self.unit)
        if self.interval:
            value += " [%s, %s]" % tuple(self.number(end) for end in self.interval)
        bound = "none" if self.bound is None else limit(self.machine())
        sides = [self.number(self.sides[name]) if name in self.sides else "" for name in columns]
        return [self.subject, *sides, value, bound, "within" if self.within else "beyond"]


def limit(figure):
    """The bound of what machine() returned: that a value is at most so much is usual, and is not said."""
    least = "≥ " if figure.get("relation") == "≥" else ""
    return least + ("%g %s" % (figure["bound"], figure["unit"])).strip()


def show(console, figures):
    """A table for each `what`."""
    for what in dict.fromkeys(figure.what for figure in figures):
        rows = [figure for figure in figures if figure.what == what]
        columns = list(rows[0].sides)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("", no_wrap=True)
        for name in [*columns, "figure", "bound", ""]:
            table.add_column(name, justify="right", no_wrap=True)
        for figure in rows:
            table.add_row(*figure.cells(columns), style=None if figure.within else "red")
        console.print(what, style="bold")
        console.print(table)
