"""Who is compared: one row each, in the order of the tables."""

from dataclasses import dataclass, replace
from typing import Optional

from bench.support.setup import IMMORTAL, PROGRAMS

PRELOAD = ("--preload",)
THREADS = ("--worker-class", "gthread", "--threads", "4")
BY_HAND = ("--config", str(PROGRAMS / "by_hand.py"))

EVERY = (3, 8)


@dataclass(frozen=True)
class Contender:
    """One way to run gunicorn. `knobs` are the library's: none of them is set, or it is not there (None).
    `warm`: one of the application's warm starts."""

    name: str
    options: tuple = PRELOAD
    knobs: Optional[tuple] = None
    oldest: tuple = EVERY
    warm: Optional[str] = None

    @property
    def preloads(self):
        return self.knobs is not None

    @property
    def reshares(self):
        return "GCFREEZE_RESHARE" in dict(self.knobs or ())

    def with_threads(self):
        beside = (("GCFREEZE_RESHARE_THREADS", "on"),) if self.reshares else ()
        knobs = None if self.knobs is None else self.knobs + beside
        return replace(self, options=self.options + THREADS, knobs=knobs)


MODE = "GCFREEZE_MODE"
RESHARE = ("GCFREEZE_RESHARE", "on")
BOTH = "immortal + reshare"
DEFAULT = "default"
BEST = "default + reshare"
WARM = "warm"
PATHS = "warm paths"
WARM_BEST = "warm + reshare"

ROWS = [
    Contender("no --preload", options=()),
    Contender("nothing"),
    Contender("by hand", PRELOAD + BY_HAND),
    Contender(DEFAULT, knobs=()),
    Contender(BEST, knobs=(RESHARE,)),
    Contender("freeze", knobs=((MODE, "freeze"),)),
    Contender("reshare", knobs=((MODE, "freeze"), RESHARE)),
    Contender("immortal", knobs=((MODE, "immortal"),), oldest=IMMORTAL),
    Contender(BOTH, knobs=((MODE, "immortal"), RESHARE), oldest=IMMORTAL),
    Contender(WARM, knobs=(), warm="function"),
    Contender(PATHS, knobs=(), warm="paths"),
    Contender(WARM_BEST, knobs=(RESHARE,), warm="often"),
]
CONTENDERS = {row.name: row for row in ROWS}
NOTHING, HAND = CONTENDERS["nothing"], CONTENDERS["by hand"]


def reshare(interval):
    """`interval`: GCFREEZE_RESHARE."""
    return Contender("reshare", knobs=((MODE, "freeze"), ("GCFREEZE_RESHARE", str(interval))))


def available(python, names=tuple(CONTENDERS)):
    return [CONTENDERS[name] for name in names if python.minor >= CONTENDERS[name].oldest]
