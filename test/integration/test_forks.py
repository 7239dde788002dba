"""Every way to fork that Python itself offers, with each interpreter."""

import json

from conftest import environment, run

FORK = """
import gc, json, os, sys
before = gc.get_threshold()
heap = [[i] for i in range(50000)]
r, w = os.pipe()
pid = os.fork()
if pid == 0:
    state = gc.get_threshold(), gc.isenabled(), gc.get_freeze_count()
    os.write(w, json.dumps(state).encode())
    os._exit(0)
os.waitpid(pid, 0)
print(json.dumps({"child": json.loads(os.read(r, 4096)), "before": before,
                  "parent": [gc.get_threshold(), gc.isenabled(), gc.get_freeze_count()]}))
"""


def test_fork_freezes_and_restores_the_collector(python):
    plain = run([python.path, "-c", "import gc, json; print(json.dumps(gc.get_threshold()))"], environment(**{"": 0}))
    outcome = run([python.path, "-c", FORK], environment())
    state = json.loads(outcome.stdout)
    own = json.loads(plain.stdout)
    assert outcome.events == [("freeze", "first-worker-fork", "os.fork")]
    assert state["before"][0] == 500001
    assert state["child"][:2] == [own, True]
    assert state["parent"][:2] == [own, True]
    assert state["child"][2] > 50000
