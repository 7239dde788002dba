"""Free-threaded builds of CPython: frozen in the hook of os.fork, and never in the window.

Most tests of this folder run on such a build as well; here is what is different there.
"""

import pytest
from conftest import FREEZE, NOTHING_NEW
from test_hosts import embed, own_thresholds

pytestmark = pytest.mark.gil(False)


@pytest.mark.parametrize("parent", ["restore", "keep"])
def test_parents_settings_after_a_fork(python, compare, parent):
    outcome = compare(
        python,
        """
for name in "first", "second":
    pid = os.fork()
    if pid == 0:
        state(name)
        os._exit(0)
    wait(pid)
state("parent")
""",
        STARTUP="defer",
        PARENT=parent,
    )
    assert outcome.events == [FREEZE, NOTHING_NEW]
    assert outcome.frozen["first"] > 20000


def test_new_objects_are_counted_from_the_last_freeze_on(python, compare):
    # its collector goes on counting when it freezes
    outcome = compare(
        python,
        """
def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    wait(pid)
fork()
fork()
gc.collect()
MORE = [[i] for i in range(30000)]
fork()
fork()
""",
    )
    assert outcome.reasons() == [
        ("freeze", "first-worker-fork"), ("skip", "nothing-new"),
        ("freeze", "heap-grown"), ("skip", "nothing-new"),
    ]


# ---- C hosts: they fork in the window, unless they call PyOS_BeforeFork ----


@pytest.mark.parametrize("scenario", ["attached", "detached", "pty", "thread-attached", "detached-busy"])
def test_a_host_that_forks_in_the_window_is_not_frozen_and_its_child_has_its_own_settings(python, scenario):
    host = embed(python, scenario)
    assert host.events == [("skip", "free-threaded")]
    for report in host.children:
        assert (report["threshold"], report["enabled"]) == (own_thresholds(python), True)
        assert report["frozen"] < 30000


def test_a_host_that_calls_the_hooks_is_frozen(python):
    host = embed(python, "hooks")
    assert host.events == [("freeze", "first-worker-fork")]
    for report in host.children + host.parents:
        assert (report["threshold"], report["enabled"]) == (own_thresholds(python), True)
        assert report["frozen"] > 30000


@pytest.mark.parametrize("when", ["auto", "every"])
@pytest.mark.parametrize("scenario, forks", [("stress-detached", 200), ("stress-threads", 400)])
def test_many_forks_beside_a_collecting_thread_never_hang(python, scenario, forks, when):
    status = embed(python, scenario, WHEN=when).status
    assert (status["seen"], status["frozen"]) == (forks, 0)
    assert set(status["skipped"]) <= {"no-thread-state", "concurrent", "free-threaded"}


# ---- threads: freezing beside one that collects would leave the child without its collector ----


def test_a_program_with_threads_is_not_frozen_and_its_children_have_their_own_settings(python, compare):
    outcome = compare(
        python,
        """
import threading
end = threading.Event()
thread = threading.Thread(target=end.wait)
thread.start()
pid = os.fork()
if pid == 0:
    state("child")
    os._exit(0)
wait(pid)
end.set()
thread.join()
pid = os.fork()
if pid == 0:
    state("late-child")
    os._exit(0)
wait(pid)
""",
    )
    assert outcome.reasons() == [("skip", "free-threaded"), ("freeze", "first-worker-fork")]
    assert outcome.frozen["child"] == 0
    assert outcome.frozen["late-child"] > 20000


def test_threads_that_fork_at_the_same_time(python, compare):
    outcome = compare(
        python,
        """
import threading
pid = os.fork()
if pid == 0:
    os._exit(0)
wait(pid)
THRESHOLD = gc.get_threshold()
bad = []
def fork_often():
    for _ in range(25):
        pid = os.fork()
        if pid == 0:
            os._exit(gc.get_threshold() != THRESHOLD or not gc.isenabled())
        bad.append(os.waitpid(pid, 0)[1])
threads = [threading.Thread(target=fork_often) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
say(len(bad), sum(bad))
""",
        WHEN="every",
    )
    assert len(outcome.events) == 101
    assert {reason for _, reason in outcome.reasons()} <= {"every-fork", "free-threaded", "concurrent"}
