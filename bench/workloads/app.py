"""The measured WSGI application: holds a workload, and reads as much of it as a request asks for.

    /little/N     one entry
    /much/N       one entry in a hundred, beginning with the Nth
    /some/N       BENCH_READS entries at random: the same ones for the same N
    /read         everything
    /keep/N       keeps 10 kB more: each worker grows a cache of its own
    /collect      a full garbage collection
    /who          nothing

Every answer carries the pid of the worker. Environment:

    BENCH_WORKLOAD, BENCH_MEGABYTES    what to hold
    BENCH_READS                        how many entries /some/N reads
    and what hooks.py names
"""

import gc
import json
import os
import random

from bench import workloads
from bench.workloads import hooks

hooks.install()
workload = workloads.find(os.environ["BENCH_WORKLOAD"])
heap = workload.build(float(os.environ["BENCH_MEGABYTES"]))
reads = int(os.environ.get("BENCH_READS", 0))
cache = []


def little(number):
    return workload.look(heap[number % len(heap)])


def much(number):
    return sum(little(number + step) for step in range(0, len(heap), 100))


def some(number):
    chance = random.Random(number)
    return sum(little(chance.randrange(len(heap))) for _ in range(reads))


def read(_):
    return sum(little(number) for number in range(len(heap)))


def keep(number):
    cache.append({"number": number, "words": ["word %d" % n for n in range(140)]})
    return len(cache)


def collect(_):
    return gc.collect()


def who(_):
    return os.getpid()


ROUTES = {
    "little": little,
    "much": much,
    "some": some,
    "read": read,
    "keep": keep,
    "collect": collect,
    "who": who,
}


def application(environ, start_response):
    environ["wsgi.input"].read()
    name, _, argument = environ["PATH_INFO"].lstrip("/").partition("/")
    route = ROUTES.get(name)
    body = json.dumps(route(int(argument or 0)) if route else "no such page").encode()
    start_response(
        "200 OK" if route else "404 Not Found",
        [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Worker", str(os.getpid())),
        ],
    )
    return [body]
