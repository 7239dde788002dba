"""A signal ends the wait of a worker's first thread, in whichever moment it comes."""

import os

import pytest
import resharing
from conftest import LIBRARY

# free-threaded builds have no arenas
pytestmark = pytest.mark.gil(True)

RACE = os.environ["GCFREEZE_TEST_RACE"]

# Each wait in a worker of its own. The signal comes at the first moment at which its first thread
# blocks it, or lets it in again; where that never happens, as soon as the thread sleeps.
PROGRAM = resharing.WAITED_FOR + """
import mmap, multiprocessing, threading, time

THREADS, AT_BLOCK = %r
semaphore = multiprocessing.get_context("fork").Semaphore(0)
WAITS = {
    "select": lambda: select.select([ends[0]], [], []),
    "poll": poll.poll,
    "epoll": epoll.poll,
    "read": lambda: os.read(ends[0], 1),
    "accept": listener.accept,
    "semaphore": semaphore.acquire,
    "semaphore for an hour": lambda: semaphore.acquire(timeout=3600),
}

shared = mmap.mmap(-1, mmap.PAGESIZE)
sent, begun = (ctypes.c_int.from_buffer(shared, 4 * n) for n in range(2))

class Caught(Exception):
    pass
def caught(*_):
    raise Caught

def body(name):
    signal.signal(signal.SIGUSR1, caught)
    if THREADS:  # the kernel gives this one what the first one blocks
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
        threading.Thread(target=signal.sigwait, args=({signal.SIGUSR2},), daemon=True).start()
    look()
    ctypes.c_void_p.in_dll(LIBC, "race_sent").value = ctypes.addressof(sent)
    try:
        begun.value = 1
        ctypes.c_int.in_dll(LIBC, "race_gap").value = signal.SIGUSR1 if AT_BLOCK else -signal.SIGUSR1
        WAITS[name]()
    except Caught:
        tell(wait=name, ended="by the signal", right=right())
        os._exit(0)
    tell(wait=name, ended="by itself")

def sleep(pid):
    "which one this is, or None: how often the thread has fallen asleep"
    with open("/proc/%%d/task/%%d/status" %% (pid, pid)) as rows:
        row = dict(line.split(":", 1) for line in rows)
    return row["voluntary_ctxt_switches"] if row["State"].split()[0] == "S" else None

for name in WAITS:
    sent.value = begun.value = 0
    last = None
    pid = worker(lambda: body(name))
    deadline = time.monotonic() + 30
    while not os.waitpid(pid, os.WNOHANG)[0]:
        if time.monotonic() > deadline:
            tell(wait=name, ended="not at all")
            os.kill(pid, signal.SIGKILL)
            deadline = float("inf")
        elif begun.value and not sent.value:
            now = sleep(pid)
            if now and now == last:  # no short one on the way, which another follows
                sent.value = 1
                os.kill(pid, signal.SIGUSR1)
            last = now
        time.sleep(0.01)
"""

DUE = {"RESHARE_THREADS": "on"}
TOMORROW = {"RESHARE_THREADS": "on", "RESHARE": "86400", "TEST_RESHARE": "no"}
SETTINGS = {
    "a pass is due": (True, DUE),
    "a pass is due tomorrow": (True, TOMORROW),
    "threads keep passes away": (True, {"RESHARE_THREADS": "off"}),
    "alone, a pass is due": (False, DUE),
    "alone, a pass is due tomorrow": (False, TOMORROW),
}


@pytest.mark.parametrize("threads, settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("at_block", [True, False], ids=["blocked", "let in"])
def test_a_signal_ends_every_wait(python, tmp_path, threads, at_block, settings):
    env = {"LD_PRELOAD": RACE + ":" + LIBRARY}
    outcome = resharing.run(python, tmp_path, PROGRAM % ((threads, at_block),), env=env, **settings)
    assert outcome.snapshots()[0][0] == "ok"
    assert {told["wait"]: told["ended"] for told in outcome.told if told["ended"] != "by the signal"} == {}
    assert len(outcome.told) == 7 and all(told["right"] for told in outcome.told)
