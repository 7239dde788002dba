"""Holds a heap of so many megabytes, forks workers and lets them go, on command.

usage: scale.py MEGABYTES

One line in, one line of JSON out, times in nanoseconds:

  fork    a worker, which waits            {"ns": what os.fork took, "pid": the worker's}
  end     the newest worker ends           {"ns": from the word to it until it was gone}
"""

import json
import os
import sys
import time

import heap_of_lists

__all__ = ["heap_of_lists"]

clock = time.monotonic_ns
workers = []


def fork():
    go, goes = os.pipe()
    start = clock()
    pid = os.fork()
    elapsed = clock() - start
    if pid == 0:
        for _, other in [*workers, (None, goes)]:
            os.close(other)
        if not os.read(go, 1):
            os._exit(0)  # the parent is gone
        sys.exit()
    os.close(go)
    workers.append((pid, goes))
    return {"ns": elapsed, "pid": pid}


def end():
    pid, goes = workers.pop()
    start = clock()
    os.write(goes, b"\n")
    _, status = os.waitpid(pid, 0)
    elapsed = clock() - start
    os.close(goes)
    if status:
        sys.exit("a worker ended with wait status %d" % status)
    return {"ns": elapsed}


print("ready", flush=True)
for line in iter(sys.stdin.readline, ""):
    print(json.dumps({"fork": fork, "end": end}[line.strip()]()), flush=True)
os._exit(0)  # what it holds need not be taken apart
