"""Programs that go to the background before they load what they serve, and workers that look like them."""

import json

import pytest
from conftest import environment, run
from servers.scenario import DEFERRED

# say() is one line of JSON; wait_until_orphaned() makes sure that the parent's exit is not a matter of luck.
PROGRAM = """
import gc, json, os, sys, time
def say(who):
    line = {"who": who, "threshold": gc.get_threshold(), "enabled": gc.isenabled(), "frozen": gc.get_freeze_count()}
    os.write(1, (json.dumps(line) + "\\n").encode())
def wait_until_orphaned(parent):
    while os.getppid() == parent:
        time.sleep(0.001)
def detach(leave=os._exit):
    parent = os.getpid()
    if os.fork():
        leave(0)
    wait_until_orphaned(parent)
def load():
    global heap
    heap = [[i] for i in range(60000)]
    say("loaded")
def work():
    pid = os.fork()
    if pid == 0:
        say("worker")
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
"""

DAEMONS = {
    "twice": "detach(); os.setsid(); detach()",
    "once": "detach(); os.setsid()",
    "exiting": "detach(sys.exit); os.setsid(); detach(sys.exit)",
    "collecting": "detach(); os.setsid(); gc.collect(); detach(); gc.collect()",
}


def reports(python, program, **knobs):
    outcome = run([python.path, "-c", PROGRAM + program], environment(**knobs))
    lines = map(json.loads, outcome.stdout.splitlines())
    return outcome, {line.pop("who"): line for line in lines}


@pytest.mark.parametrize("way", DAEMONS)
def test_a_daemon_loads_with_a_put_off_collector_and_its_workers_have_their_own(python, way):
    program = DAEMONS[way] + "\nload()\nwork()\nsay('daemon')\n"
    outcome, ours = reports(python, program)
    _, plain = reports(python, program, **{"": 0})
    own = plain["loaded"]["threshold"]
    assert ours["loaded"]["threshold"] == [DEFERRED, *own[1:]]
    assert ours["worker"]["threshold"] == ours["daemon"]["threshold"] == own
    assert ours["worker"]["frozen"] > 60000
    assert outcome.reasons()[-1] == ("freeze", "first-worker-fork")


def test_a_daemon_may_start_with_settings_of_its_own(python):
    program = "detach(); os.setsid(); gc.set_threshold(500, 5, 5)\nload()\nwork()"
    _, ours = reports(python, program)
    assert ours["loaded"]["threshold"] == ours["worker"]["threshold"] == [500, 5, 5]


WORKERS = {
    # a job of RQ leads a session of its own
    "session of its own": ("", "os.setsid()"),
    "no parent": ("parent = os.getpid()", "wait_until_orphaned(parent)"),
}


@pytest.mark.parametrize("kind", WORKERS)
def test_a_worker_keeps_its_settings(python, kind):
    before, within = WORKERS[kind]
    wait = "os.waitpid(pid, 0)" if not before else "os._exit(0)"
    program = "%s\npid = os.fork()\nif pid:\n    %s\n    sys.exit()\n%s\nload()" % (before, wait, within)
    _, ours = reports(python, program)
    _, plain = reports(python, program, **{"": 0})
    assert ours["loaded"]["threshold"] == plain["loaded"]["threshold"]


# The server process is executed, not forked, and preloads before it forks.
FORKSERVER = """
import multiprocessing
def work(queue):
    import gc, preloaded
    queue.put((preloaded.threshold, gc.get_threshold(), gc.get_freeze_count()))
if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["preloaded"])
    queue = context.Queue()
    process = context.Process(target=work, args=(queue,))
    process.start()
    print(*queue.get(), sep=";")
    process.join()
"""


def test_a_forkserver_preloads_with_a_put_off_collector(python, tmp_path):
    (tmp_path / "preloaded.py").write_text(
        "import gc\nheap = [[i] for i in range(60000)]\nthreshold = gc.get_threshold()\n"
    )
    (tmp_path / "main.py").write_text(FORKSERVER)
    answers = {}
    for switch in (1, 0):
        env = dict(environment(**{"": switch}), PYTHONPATH=str(tmp_path))
        outcome = run([python.path, str(tmp_path / "main.py")], env)
        preload, child, frozen = outcome.stdout.strip().split(";")
        answers[switch] = preload, child, int(frozen)
    assert answers[1][0].startswith("(%d, " % DEFERRED)
    assert answers[1][1] == answers[0][1]
    assert answers[1][2] > 60000 > answers[0][2]
