"""Celery's tasks: what the measured application reads, in each worker of a prefork pool.

usage: tasks.py COUNT     has as many workers read everything at once, and prints their pids

BENCH_REDIS is the broker's socket.
"""

import json
import os
import sys

import celery
import redis

SOCKET = os.environ["BENCH_REDIS"]
URL = "redis+socket://" + SOCKET
app = celery.Celery("tasks", broker=URL, backend=URL)
store = redis.Redis(unix_socket_path=SOCKET)

if __name__ != "__main__":
    from bench.workloads import app as measured


@app.task(name="read")
def read():
    """Stays in its worker until others have theirs."""
    measured.read(0)
    store.rpush("started", os.getpid())
    store.blpop("release")


def main(count):
    for _ in range(count):
        read.delay()
    pids = [int(store.blpop("started", 120)[1]) for _ in range(count)]
    store.rpush("release", *range(count))
    print(json.dumps(pids))


if __name__ == "__main__":
    main(int(sys.argv[1]))
