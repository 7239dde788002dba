"""Every way to fork that the os module and its neighbours offer, with each interpreter."""

import pytest
from conftest import FREEZE, NOTHING_NEW


def test_fork_freezes_and_leaves_the_applications_settings_to_both(python, compare):
    outcome = compare(
        python,
        """
pid = os.fork()
if pid == 0:
    state("child")
    os._exit(7)
wait(pid)
state("parent")
""",
    )
    assert outcome.events == [FREEZE]
    assert outcome.frozen["child"] > 20000
    assert outcome.frozen["parent"] > 20000
    assert outcome.stdout.count(" True\n") == 2


def test_forkpty_freezes(python, compare):
    outcome = compare(
        python,
        """
pid, master = os.forkpty()
if pid == 0:
    state("child")
    os._exit(0 if os.isatty(0) else 1)
wait(pid)
state("parent")
""",
    )
    assert outcome.events == [("freeze", "first-worker-fork", "os.forkpty")]
    assert outcome.frozen["child"] > 20000


def test_pty_fork_freezes(python, compare):
    outcome = compare(
        python,
        """
import pty
pid, master = pty.fork()
if pid == 0:
    state("child")
    os._exit(0 if os.isatty(0) else 1)
wait(pid)
""",
    )
    assert outcome.events == [("freeze", "first-worker-fork", "os.forkpty")]
    assert outcome.frozen["child"] > 20000


def test_a_second_fork_finds_nothing_new(python, compare):
    outcome = compare(
        python,
        """
for who in "first", "second", "third":
    pid = os.fork()
    if pid == 0:
        state(who)
        os._exit(0)
    wait(pid)
state("parent")
""",
    )
    assert outcome.events == [FREEZE, NOTHING_NEW, NOTHING_NEW]
    assert outcome.frozen["third"] == outcome.frozen["first"]


def test_a_child_that_forks_counts_anew(python, compare):
    outcome = compare(
        python,
        """
pid = os.fork()
if pid == 0:
    MORE = [[i] for i in range(5000)]
    for who in "grandchild", "second grandchild".replace(" ", "-"):
        grandchild = os.fork()
        if grandchild == 0:
            state(who)
            os._exit(0)
        wait(grandchild)
    state("child")
    os._exit(0)
wait(pid)
state("parent")
""",
    )
    # in the order in which the forks return, which is the order of their lines in each process
    assert sorted(outcome.events) == sorted([FREEZE, FREEZE, NOTHING_NEW])
    assert outcome.frozen["grandchild"] >= outcome.frozen["parent"] + 5000
    assert outcome.frozen["second-grandchild"] == outcome.frozen["grandchild"]


def test_a_daemon_that_forks_twice(python, compare):
    outcome = compare(
        python,
        """
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    state("daemon")
    os.write(writer, b"x")
    os._exit(0)
os.wait()
os.read(reader, 1)
""",
    )
    assert outcome.events == [FREEZE, FREEZE]
    assert outcome.frozen["daemon"] > 20000


@pytest.mark.gil(True)  # without it: test_free_threaded.py
def test_a_thread_forks(python, compare):
    outcome = compare(
        python,
        """
import threading
def work():
    pid = os.fork()
    if pid == 0:
        state("child")
        os._exit(0)
    wait(pid)
thread = threading.Thread(target=work)
thread.start()
thread.join()
state("parent")
""",
    )
    assert outcome.events == [FREEZE]
    assert outcome.frozen["child"] > 20000


# a free-threaded CPython's child hangs by itself if another thread collects at the fork (measured, 3.13.15)
@pytest.mark.gil(True)
def test_threads_that_fork_while_others_allocate_and_collect(python, compare):
    outcome = compare(
        python,
        """
import threading, warnings
warnings.simplefilter("ignore")
done = threading.Event()
failures = []
def fork_often():
    for _ in range(50):
        pid = os.fork()
        if pid == 0:
            good = gc.get_threshold() == THRESHOLD and gc.isenabled() and gc.collect() >= 0
            os._exit(0 if good else 1)
        if os.waitpid(pid, 0)[1] != 0:
            failures.append(pid)
def allocate():
    while not done.is_set():
        cycles = [[] for _ in range(2000)]
        for cycle in cycles:
            cycle.append(cycle)
        gc.collect(1)
# read in a child: here the library may have put the collector off
reader, writer = os.pipe()
pid = os.fork()
if pid == 0:
    os.write(writer, repr(gc.get_threshold()).encode())
    os._exit(0)
os.waitpid(pid, 0)
THRESHOLD = eval(os.read(reader, 100))
forking = [threading.Thread(target=fork_often) for _ in range(4)]
allocating = [threading.Thread(target=allocate) for _ in range(2)]
for thread in forking + allocating:
    thread.start()
for thread in forking:
    thread.join()
done.set()
for thread in allocating:
    thread.join()
say("failures", len(failures), THRESHOLD)
""",
        options={"timeout": 120},
        COLLECT="always",
        WHEN="every",
        PARENT="keep",
    )
    assert "failures 0 " in outcome.stdout
    assert len(outcome.events) == 201
    assert {reason for _, reason in outcome.reasons()} <= {"every-fork", "concurrent"}
