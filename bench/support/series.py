"""How a figure grows with a size: what is plotted as lines."""

from dataclasses import asdict, dataclass


@dataclass
class Series:
    what: str  # "os.fork with libgcfreeze"
    x: str  # "heap"
    unit: str  # of x: "MB"
    y_unit: str
    rows: list  # [{"name": "3.13.0", "points": [[x, y, low, high], ...]}]

    def machine(self):
        return asdict(self)
