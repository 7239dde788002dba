"""What the end of a worker costs: from SIGTERM to gone."""

import contextlib
import os
import select
import signal
import time
from pathlib import Path
from statistics import median

from bench.demo import client, server

VICTIMS = 2
SECONDS = 30


def faults(pid):
    """Minor ones, since it was forked. A zombie has them, too."""
    return int(Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[7])


def cpu(pid):
    """Nanoseconds on a processor."""
    return int(Path("/proc/%d/schedstat" % pid).read_text().split()[0])


@contextlib.contextmanager
def standing(running):
    """The parent stands still: it cannot reap, so what ends stays to be looked at."""
    try:
        server.stop_and_wait([running.master])
        yield
    finally:
        running.process.send_signal(signal.SIGCONT)


def leave(running, pid):
    """{"ms": from SIGTERM to gone, "cpu_ms": , "faults": }"""
    with standing(running):
        before = cpu(pid), faults(pid)
        gone = select.poll()
        descriptor = os.pidfd_open(pid)
        gone.register(descriptor, select.POLLIN)
        start = time.perf_counter_ns()
        os.kill(pid, signal.SIGTERM)
        ended = gone.poll(1000 * SECONDS)
        elapsed = time.perf_counter_ns() - start
        os.close(descriptor)
        if not ended:
            raise server.Failed("a worker did not end:\n%s" % running.log.read_text())
        return {
            "ms": elapsed / 1e6,
            "cpu_ms": (cpu(pid) - before[0]) / 1e6,
            "faults": faults(pid) - before[1],
        }


def wait_for_others(running, gone):
    """The workers, once those that are gone have been replaced."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        running.check_alive()
        workers = running.workers()
        if len(workers) == running.count and not set(workers) & set(gone):
            return workers
        time.sleep(0.01)
    raise server.Failed("ended workers were not replaced:\n%s" % running.log.read_text())


def middle(found):
    return {name: median(one[name] for one in found) for name in found[0]}


def measure(running):
    """Of workers that have been at work, and of their replacements, which have not."""
    used = running.workers()[:VICTIMS]
    result = {"used": middle([leave(running, pid) for pid in used])}
    new = [pid for pid in wait_for_others(running, used)][-VICTIMS:]
    client.round_of(running.port, "/who", running.count)
    result["new"] = middle([leave(running, pid) for pid in new])
    return result
