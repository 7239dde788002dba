"""The plainest prefork program: one that calls os.fork by itself. Free-threaded builds too."""

import json

import pytest
from conftest import FREEZE, NOTHING_NEW, environment, run
from immortal import immortal_from
from servers.report import MODES, cell

# grow(): what a collection adds to the anonymous memory that is this process's alone, in kB
PROGRAM = """
import gc, json, os, sys
heap = [{"number": n, "tags": [n]} for n in range(80000)]
def private():
    own = dirty = 0
    with open("/proc/self/smaps") as rows:
        for row in rows:
            if row.startswith("Private_Dirty:"):
                dirty = int(row.split()[1])
            elif row.startswith("Anonymous:"):
                own += min(dirty, int(row.split()[1]))
    return own
def grow():
    private()
    before = private()
    gc.collect()
    return private() - before
def fork():
    reader, writer = os.pipe()
    if os.fork() == 0:
        answer = {"growth": grow(), "threshold": gc.get_threshold(), "enabled": gc.isenabled(),
                  "looked_at": len(gc.get_objects())}  # neither frozen nor immortal ones
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    os.wait()
    return os.read(reader, 1000).decode()
print(fork())
print(fork())
"""

LITTLE_KB, MUCH_KB = 2 * 1024, 8 * 1024


def workers(python, **knobs):
    outcome = run([python.path, "-c", PROGRAM], environment(**knobs))
    return outcome, [json.loads(line) for line in outcome.stdout.splitlines()]


def settings(answer):
    return answer["threshold"], answer["enabled"]


@pytest.mark.parametrize("mode", MODES)
def test_workers_share_the_heap_and_keep_their_settings(python, mode):
    outcome, ours = workers(python, **MODES[mode])
    _, plain = workers(python, **{"": 0})
    growth = max(answer["growth"] for answer in ours)
    cell("os.fork", python.column, mode, round(growth / 1024, 2))
    for answer, other in zip(ours, plain):
        assert settings(answer) == settings(other)
        assert answer["looked_at"] < 80000
        assert other["looked_at"] > 160000
        assert answer["growth"] <= LITTLE_KB
        assert other["growth"] >= MUCH_KB
    assert outcome.events == [FREEZE, NOTHING_NEW]
    said = "freezing alone" in outcome.stderr
    assert said == (mode == "immortal" and not immortal_from(python))
