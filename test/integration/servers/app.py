"""A WSGI application that builds a heap when it is imported and tells about the worker it runs in.

  /         the worker as it is
  /collect  the same, and what a full collection costs in private memory
  /read     the same, after it has looked at the whole heap; is every value right?
"""

import gc
import json
import os

RECORDS = int(os.environ.get("APP_RECORDS", "100000"))



def collections():
    return sum(generation["collections"] for generation in gc.get_stats())


before_import = collections()
at_import = {"threshold": gc.get_threshold(), "enabled": gc.isenabled(), "pid": os.getpid()}

# two tracked objects a record
heap = [{"number": number, "tags": [number]} for number in range(RECORDS)]


after_import = {"collections": collections() - before_import}


def private_kb():
    """Anonymous memory that is this process's alone. Neither row says it: what a child has from
    its parent is anonymous too, and a file's page that only one process has mapped is private."""
    own = dirty = 0
    with open("/proc/self/smaps") as rows:
        for row in rows:
            if row.startswith("Private_Dirty:"):
                dirty = int(row.split()[1])
            elif row.startswith("Anonymous:"):
                own += min(dirty, int(row.split()[1]))
    return own


def state():
    return {
        "pid": os.getpid(),
        "threshold": gc.get_threshold(),
        "enabled": gc.isenabled(),
        "frozen": gc.get_freeze_count(),
        "records": len(heap),
        "at_import": at_import,
        "after_import": after_import,
        "preload": os.environ.get("LD_PRELOAD", ""),
    }


def collect():
    private_kb()  # its own pages are copied now, and not between the two that count
    before = private_kb()
    gc.collect()
    after = private_kb()
    looked_at = len(gc.get_objects())  # neither frozen nor immortal ones; last, since it writes to them all
    return {"private_kb": after, "growth_kb": after - before, "looked_at": looked_at}


def read():
    pairs = enumerate(heap)
    return {"right": all(record == {"number": n, "tags": [n]} for n, record in pairs)}


def app(environ, start_response):
    answer = state()
    if environ["PATH_INFO"] == "/collect":
        answer.update(collect())
    if environ["PATH_INFO"] == "/read":
        answer.update(read())
    body = json.dumps(answer).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]
