"""How long the first requests of a fresh worker take: it loads, compiles and copies what it needs for them.

What else a machine does makes a request slower, never quicker: of the same request to several fresh
workers the quickest one counts.
"""

import itertools
import os
import signal
import time
from statistics import median

from bench.demo import client, server
from bench.support import leaving

REQUESTS, WORKERS = 20, 4


def replace_one(running):
    """The pid of a worker's successor, which may still begin."""
    before = running.workers()
    os.kill(before[-1], signal.SIGTERM)
    (fresh,) = set(leaving.wait_for_others(running, before[-1:])) - set(before)
    return fresh


def timed(port, page, headers):
    """(milliseconds, whose)"""
    start = time.perf_counter_ns()
    pid = client.get(port, page, headers)
    return (time.perf_counter_ns() - start) / 1e6, pid


def of_one(running, visits, headers):
    """[milliseconds]. All other workers stand still."""
    fresh = replace_one(running)
    pages = ["/who", *itertools.islice(itertools.cycle(visits.PAGES), REQUESTS)]
    with server.alone(fresh, running.workers()):
        answers = [timed(running.port, page, headers) for page in pages]
    if {pid for _, pid in answers} != {fresh}:
        raise server.Failed("a worker that stood still answered")
    return [took for took, _ in answers[1:]]  # the first one has waited for the worker


def measure(running, visits):
    """Milliseconds, the median of all requests. None of these workers has done the login."""
    headers = visits.log_in(running.port)
    rows = [of_one(running, visits, headers) for _ in range(WORKERS)]
    return median(map(min, zip(*rows)))
