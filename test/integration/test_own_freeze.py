"""Applications that freeze by themselves, as Locust does: nothing is added that costs."""

import json

from conftest import FORK_FUNCTION, NOTHING_NEW, environment, run
from immortal import immortal_from

OWN_FREEZE = ("freeze", "own-freeze", "os.fork")

# Objects of ours (hooks, functions of gc), which the application freezes with its own.
FEW = 50


def test_nothing_is_frozen_beyond_what_the_application_froze(python, compare):
    outcome = compare(
        python,
        FORK_FUNCTION
        + """
gc.collect()
gc.freeze()
MORE = [[i] for i in range(5000)]
fork("first")
fork("second")
MORE = [[i] for i in range(30000)]
fork("third")
state("parent")
""",
    )
    assert outcome.events == [OWN_FREEZE, NOTHING_NEW, OWN_FREEZE]
    assert max(outcome.frozen[who] for who in ("first", "second", "third", "parent")) < FEW


def test_a_child_of_such_an_application_is_left_with_its_freeze(python, compare):
    outcome = compare(
        python,
        FORK_FUNCTION
        + """
gc.freeze()
pid = os.fork()
if pid == 0:
    fork("grandchild")
    os._exit(0)
wait(pid)
""",
    )
    assert outcome.events == [OWN_FREEZE, OWN_FREEZE]
    assert outcome.frozen["grandchild"] < FEW


def test_what_was_taken_back_is_frozen_by_us(python, compare):
    outcome = compare(
        python,
        FORK_FUNCTION
        + """
gc.freeze()
gc.unfreeze()
fork("child")
""",
    )
    assert outcome.events == [("freeze", "first-worker-fork", "os.fork")]
    assert outcome.frozen["child"] > 20000


def test_what_the_application_froze_stays_frozen_at_a_workers_end(python, compare):
    # its end does not come without us either
    outcome = compare(
        python,
        """
class Kept:
    def __del__(self):
        say("the end of", self.name)
def keep(name):
    kept = Kept()
    kept.name, kept.me = name, kept
    return kept
frozen = keep("what was frozen")
gc.freeze()
later = keep("what came later")
if os.fork() == 0:
    del frozen, later
    sys.exit()
say(os.wait()[1])
""",
    )
    assert outcome.events == [OWN_FREEZE]
    assert outcome.stdout.splitlines() == ["the end of what came later", "0"]


def test_objects_are_made_immortal_where_that_is_asked_for(python, compare):
    outcome = compare(python, FORK_FUNCTION + 'gc.freeze()\nfork("child")\n', MODE="immortal")
    assert outcome.events == [OWN_FREEZE]
    assert outcome.frozen["child"] < FEW
    assert ("mode=immortal" in outcome.stderr) == bool(immortal_from(python))


# Locust's way: load, collect, freeze, fork; a worker works and collects.
LOCUST = """
import gc, json, os, re
HEAP = []
for number in range(60000):
    HEAP.append({"number": number, "tags": [number]})
    cycle = [number]
    cycle.append({"cycle": cycle})
del cycle
def private_kb():
    with open("/proc/self/smaps_rollup") as file:
        return int(re.search("Private_Dirty: +([0-9]+)", file.read())[1])
gc.collect()
gc.freeze()
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        cache = [{"key": [number]} for number in range(10000)]
        gc.collect()
        print(private_kb(), flush=True)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
"""


def test_a_worker_has_no_more_memory_of_its_own_than_without_us(python, tmp_path, record_property):
    script = tmp_path / "locust"
    script.write_text(LOCUST)
    private = {}
    for switch in (0, 1):
        outcome = run([python.path, str(script)], environment(**{"": switch}))
        private[switch] = max(map(int, outcome.stdout.split()))
    record_property("private_kb", json.dumps(private))
    assert private[1] <= private[0] + 500
