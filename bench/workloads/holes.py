"""A catalogue of which half was freed at random before the fork: its holes lie in every page, and
what workers allocate goes there."""

import random

from bench.workloads import catalogue
from bench.workloads.reading import look

SEED = 3

__all__ = ["build", "look"]


def build(megabytes):
    """As many megabytes as were built. Half of each page or so is in use."""
    kept = catalogue.items(int(megabytes * catalogue.PER_MEGABYTE))
    for number in random.Random(SEED).sample(range(len(kept)), len(kept) // 2):
        del kept[number]
    return list(kept.values())
