"""Programs whose workers copy their parent's heap by reading it, and wait.

A program of `resharing.run` starts with PRELUDE. In the parent: HEAP, about 20 MB of small objects.
In a worker: look() reads all of it, which copies the pages; pause() is a wait; anonymous() says how
many kB are this process's own; right() compares every value with what the parent knew.
"""

import json
import os
import re
import resource
from dataclasses import dataclass, field

import conftest

# What a program may wait for that never comes by itself.
WAITED_FOR = """
import socket
ends = os.pipe()
poll, epoll = select.poll(), select.epoll()
for file in poll, epoll:
    file.register(ends[0], select.POLLIN)
listener = socket.socket(socket.AF_UNIX)
listener.bind("")
listener.listen()
"""

PRELUDE = """
import ctypes, gc, json, os, select, signal, sys

def make(count, salt):
    return [[number, "%s %d" % (salt, number), {"number": number}] for number in range(count)]
def fingerprint(heap):
    return hash(tuple((number, text, tuple(rows.items())) for number, text, rows in heap))
def look():
    for item in HEAP:
        for part in item:
            pass
def right():
    return fingerprint(HEAP) == PRINT
def anonymous():
    with open("/proc/self/smaps_rollup") as rows:
        return next(int(row.split()[1]) for row in rows if row.startswith("Anonymous:"))

""" + conftest.STATUS_STRUCT + """
LIBC = ctypes.CDLL(None, use_errno=True)
def status():
    answer = Status(size=ctypes.sizeof(Status))
    LIBC.gcfreeze_status(ctypes.byref(answer))
    return answer
def reason():
    LIBC.gcfreeze_reason_name.restype = ctypes.c_char_p
    return LIBC.gcfreeze_reason_name(status().pass_reason).decode()

# A wait whose time is over before a pass begins, on a busy machine, is one without: another follows.
# Where none is to come, ten are enough.
def pause():
    passes = status().passes
    for _ in range(10):
        select.select([], [], [], 0.02)
        if status().passes != passes or reason() != "none":
            return

# each worker tells what it saw in one line, written at once
OUT = os.dup(1)
def tell(**what):
    os.write(OUT, (json.dumps(what) + "\\n").encode())
def worker(body):
    pid = os.fork()
    if pid == 0:
        try:
            body()
        except BaseException as error:
            tell(error=repr(error))
            os._exit(1)
        os._exit(0)
    return pid
def end(pid):
    while True:
        try:
            return os.waitpid(pid, 0)[1]
        except InterruptedError:
            pass
# what most workers do
def look_and_wait(wait=pause):
    start = anonymous()
    look()
    copied = anonymous()
    wait()
    tell(start=start, copied=copied, after=anonymous(), right=right(), reason=reason())

HEAP = make(60000, "parent")
PRINT = fingerprint(HEAP)
"""

SNAPSHOT = re.compile(r"^gcfreeze\[(\d+)\]: freeze .*? snapshot=(\S+) snapshot_bytes=(\d+) snapshot_us=(\d+)", re.M)
PASS = re.compile(
    r"^gcfreeze\[(\d+)\]: reshare (\S+) .*?pages_given_back=(\d+) pages_kept=(\d+) pass_us=(\d+)", re.M
)

# For a pass that comes by itself. It has 2 % of the time, and in a worker that is busy 2 % of its own: where a
# processor is emulated, a pass needs one or two seconds of these 2 %, and looking around once a second is busy.
WITHIN_THE_TEST = {"TEST_RESHARE": "always" if os.environ.get("GCFREEZE_TEST_EMULATED") else "no"}

LITTLE_KB = 3 * 1024  # what a worker has for itself beside the heap
MUCH_KB = 10 * 1024  # what reading the heap copies at the least
MUCH_PAGES = MUCH_KB * 1024 // resource.getpagesize()


@dataclass
class Outcome(conftest.Outcome):
    told: list = field(default_factory=list)

    def snapshots(self):
        """[(reason, bytes)]"""
        return [(reason, int(size)) for _, reason, size, _ in SNAPSHOT.findall(self.stderr)]

    def passes(self):
        """[(reason, pages given back, pages kept)]"""
        return [(reason, int(given), int(kept)) for _, reason, given, kept, _ in PASS.findall(self.stderr)]


def environment(**knobs):
    """With a whole pass at every wait, unless knobs say otherwise."""
    return conftest.environment(**{"RESHARE": "1", "TEST_RESHARE": "always", **knobs})


def run(python, folder, program, *options, command=(), check=True, env=None, **knobs):
    script = folder / "app.py"
    script.write_text(PRELUDE + program)
    env = {**environment(**knobs), **(env or {})}
    outcome = conftest.run([*command, python.path, *options, str(script)], env, check=check)
    told = [json.loads(line) for line in outcome.stdout.splitlines() if line.startswith("{")]
    return Outcome(**vars(outcome), told=told)


def assert_gave_back(told):
    """A worker that looked at everything has little for itself after a wait, and all is right."""
    assert "error" not in told and told["right"], told
    assert told["copied"] - told["after"] >= MUCH_KB, told
    assert told["after"] - told["start"] <= LITTLE_KB, told


def assert_kept(told):
    """The same worker without passes: nothing went wrong, and nothing was given back."""
    assert "error" not in told and told["right"], told
    assert told["after"] >= told["copied"] - LITTLE_KB // 2 >= MUCH_KB, told
