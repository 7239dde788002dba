"""How little memory the same server could need: what its parent holds by itself before the first
fork, once, and what a worker has for itself right after its fork, for each worker.

Measured without the library, with the parent frozen by hand: the parent stops right before its
first fork and each worker before its first instruction that is not the interpreter's (BENCH_PAUSE
of the application), and we read their pages from outside.
"""

import signal
import time
from dataclasses import dataclass
from statistics import median

from bench.contenders import HAND
from bench.demo import server
from bench.support import memory

SECONDS = 60


@dataclass
class Limit:
    """MB"""

    parent: float
    worker: float
    workers: int

    @property
    def total(self):
        return self.parent + self.workers * self.worker


def wait_until_stopped(running, find):
    """`find` returns the processes; None as long as there are not all of them."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        running.check_alive()
        pids = find()
        if pids and all(server.state(pid) == "T" for pid in pids):
            return pids
        time.sleep(0.005)
    raise server.Failed("a process that was to stop did not:\n%s" % running.log.read_text())


def measure(place):
    def workers():
        found = running.workers()
        return found if len(found) == running.count else None

    with place.starting(HAND, BENCH_PAUSE="1") as running:
        parent = memory.tree(wait_until_stopped(running, lambda: [running.master]))
        running.process.send_signal(signal.SIGCONT)
        own = median(map(memory.private, wait_until_stopped(running, workers)))
    return Limit(parent / memory.MB, own / memory.MB, place.workers)
