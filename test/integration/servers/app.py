"""A WSGI application that builds a heap when it is imported and tells about the worker it runs in.

  /         the worker as it is
  /collect  the same, and what a full collection costs in private memory
"""

import gc
import json
import os

RECORDS = int(os.environ.get("APP_RECORDS", "100000"))

at_import = {"threshold": gc.get_threshold(), "enabled": gc.isenabled(), "pid": os.getpid()}

# two tracked objects a record
heap = [{"number": number, "tags": [number]} for number in range(RECORDS)]


def private_dirty_kb():
    with open("/proc/self/smaps_rollup") as rollup:
        for line in rollup:
            if line.startswith("Private_Dirty:"):
                return int(line.split()[1])
    raise LookupError("no Private_Dirty in smaps_rollup")


def state():
    return {
        "pid": os.getpid(),
        "threshold": gc.get_threshold(),
        "enabled": gc.isenabled(),
        "frozen": gc.get_freeze_count(),
        "records": len(heap),
        "at_import": at_import,
        "preload": os.environ.get("LD_PRELOAD", ""),
    }


def collect():
    private_dirty_kb()  # its own pages are copied now, and not between the two that count
    before = private_dirty_kb()
    gc.collect()
    after = private_dirty_kb()
    return {"private_kb": after, "growth_kb": after - before}


def app(environ, start_response):
    answer = state()
    if environ["PATH_INFO"] == "/collect":
        answer.update(collect())
    body = json.dumps(answer).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]
