"""What a long-lived process holds, looked at again and again, and whether it grows."""

import os
from pathlib import Path
from statistics import median

from support import memory

# What the last third of a run may have more than the first: far less than one for each fork. The
# number of workers, and with it that of the master's descriptors, differs from moment to moment.
BOUNDS = {"descriptors": 4, "copies": 2, "mappings": 12, "threads": 0, "memory_kb": 2048}


def holdings(pid):
    """Memory is the process's own and what it shares with the children that it forked: when these
    end, a page changes from one kind to the other, and nothing has grown."""
    copies = memory.copies(pid)
    own = memory.rollup(pid)["Anonymous"]
    return {
        "descriptors": len(os.listdir("/proc/%d/fd" % pid)),
        "mappings": len(Path("/proc/%d/maps" % pid).read_text().splitlines()),
        "copies": len(copies),
        "threads": len(os.listdir("/proc/%d/task" % pid)),
        "memory_kb": (own + sum(copies.values())) // 1024,
    }


def thirds(samples):
    """{figure: (median of the first third, median of the last)}"""
    size = max(1, len(samples) // 3)
    first, last = samples[:size], samples[-size:]
    return {
        name: (median(s[name] for s in first), median(s[name] for s in last)) for name in samples[0]
    }


def growth(samples, bounds=BOUNDS):
    """A line for each figure that grew by more than its bound."""
    return [
        "%s grew from %s to %s" % (name, first, last)
        for name, (first, last) in thirds(samples).items()
        if last - first > bounds[name]
    ]
