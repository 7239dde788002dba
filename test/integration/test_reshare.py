"""GCFREEZE_RESHARE: workers give back what they only read, in any wait, and every value stays right."""

import pytest
import resharing
from conftest import NOTHING_NEW, run
from resharing import assert_gave_back, assert_kept

# free-threaded builds have no arenas
pytestmark = pytest.mark.gil(True)

BOTH = "end(worker(look_and_wait))\ntell(right=right())\n"


def test_a_worker_gives_back_what_it_only_read(python, tmp_path):
    outcome = resharing.run(python, tmp_path, BOTH)
    worker, parent = outcome.told
    assert_gave_back(worker)
    assert worker["reason"] == "none" and parent["right"]
    ((reason, size),) = outcome.snapshots()
    assert reason == "ok" and size >= resharing.MUCH_KB * 1024
    ((reason, given, kept),) = outcome.passes()
    assert reason == "ok" and given >= resharing.MUCH_PAGES and kept < given // 10


def test_switched_off_it_keeps_them(python, tmp_path):
    outcome = resharing.run(python, tmp_path, BOTH, RESHARE="off")
    assert_kept(outcome.told[0])
    assert outcome.snapshots() == [] and outcome.passes() == []


def test_passes_come_by_themselves(python, tmp_path):
    program = """
def body():
    start = anonymous()
    look()
    copied = anonymous()
    while not status().passes:
        select.select([], [], [], 0.1)
    tell(start=start, copied=copied, after=anonymous(), right=right())
end(worker(body))
"""
    outcome = resharing.run(python, tmp_path, program, **resharing.WITHIN_THE_TEST)
    assert_gave_back(outcome.told[0])
    assert [reason for reason, *_ in outcome.passes()] == ["ok"]


WAITS = {
    "select": "select.select([], [], [], 0.002)",
    "poll": "select.poll().poll(2)",
    "epoll": "EPOLL.poll(0.002)",
    "socket-with-timeout": "refused(lambda: PAIR[0].recv(1))",
    "accept-with-timeout": "refused(LISTENER.accept)",
    "sem_timedwait": "SEMAPHORE.acquire(timeout=0.002)",
    "selectors": "SELECTOR.select(0.002)",
    "asyncio": "asyncio.run(asyncio.sleep(0.002))",
}
ENDLESS_WAITS = {
    "select": "select.select([PIPE[0]], [], [])",
    "poll": "POLL.poll()",
    "epoll": "EPOLL.poll()",
    "accept": "LISTENER.accept()",
    "read": "os.read(PIPE[0], 1)",
    "read-of-a-socket": "os.read(PAIR[0].fileno(), 1)",
    "sem_wait": "SEMAPHORE.acquire()",
    "queue": "QUEUE.get()",
    "connection": "CONNECTION.recv()",
}
THINGS = """
import asyncio, errno, multiprocessing, selectors, socket, time
PIPE = os.pipe()
PAIR = socket.socketpair()
LISTENER = socket.socket()
LISTENER.bind(("127.0.0.1", 0))
LISTENER.listen(5)
EPOLL = select.epoll()
EPOLL.register(PIPE[0], select.EPOLLIN)
POLL = select.poll()
POLL.register(PIPE[0], select.POLLIN)
SELECTOR = selectors.DefaultSelector()
SEMAPHORE = multiprocessing.get_context("fork").Semaphore(0)
QUEUE = multiprocessing.get_context("fork").SimpleQueue()
CONNECTION, OTHER_END = multiprocessing.get_context("fork").Pipe()
asyncio.run(asyncio.sleep(0))
def refused(call):
    try:
        call()
    except OSError:
        pass
"""


def test_waits_that_end_by_themselves(python, tmp_path):
    # one that is over before a pass begins, on a busy machine, is one without: another follows
    program = (
        THINGS
        + """
def until_pass(wait):
    PAIR[0].settimeout(0.002)
    LISTENER.settimeout(0.002)
    while not status().passes:
        wait()
"""
        + "".join(
            "end(worker(lambda: look_and_wait(lambda: until_pass(lambda: %s))))\n" % wait
            for wait in WAITS.values()
        )
    )
    told = resharing.run(python, tmp_path, program).told
    assert len(told) == len(WAITS)
    for name, worker in zip(WAITS, told):
        assert_gave_back(dict(worker, wait=name))


def test_waits_that_a_signal_ends(python, tmp_path):
    # the parent looks on until the pages are back, and only then ends the wait
    program = """
class Over(Exception):
    pass
def over(number, frame):
    raise Over
def until_over(call):
    os.write(REPORT[1], b"%10d" % anonymous())
    try:
        call()
    except Over:
        pass
def anonymous_of(pid):
    with open("/proc/%d/smaps_rollup" % pid) as rows:
        return next(int(row.split()[1]) for row in rows if row.startswith("Anonymous:"))
def end_wait(pid):
    copied, limit = int(os.read(REPORT[0], 10)), time.monotonic() + 60
    while anonymous_of(pid) > copied - 10240 and time.monotonic() < limit:
        pass
    os.kill(pid, signal.SIGUSR1)
    end(pid)
REPORT = os.pipe()
signal.signal(signal.SIGUSR1, over)
""" + "".join(
        "end_wait(worker(lambda: look_and_wait(lambda: until_over(lambda: %s))))\n" % wait
        for wait in ENDLESS_WAITS.values()
    )
    told = resharing.run(python, tmp_path, THINGS + program).told
    assert len(told) == len(ENDLESS_WAITS)
    for name, worker in zip(ENDLESS_WAITS, told):
        assert_gave_back(dict(worker, wait=name))


# ---- values ----


def test_what_a_worker_writes_stays_its_own(python, tmp_path):
    program = """
def body():
    for number in range(0, len(HEAP), 100):
        HEAP[number][0] = -number
        HEAP[number][2]["new"] = str(number)
    mine = fingerprint(HEAP)
    for _ in range(5):
        look()
        pause()
        if fingerprint(HEAP) != mine:
            raise ValueError("not what was written")
    tell(changed=mine != PRINT, given=status().pages_given_back, kept=status().pages_kept)
pids = [worker(body) for _ in range(3)]
for pid in pids:
    end(pid)
tell(right=right())
"""
    *workers, parent = resharing.run(python, tmp_path, program).told
    assert len(workers) == 3 and parent == {"right": True}
    assert all(told.get("changed") and told["given"] and told["kept"] for told in workers), workers


def test_the_parent_may_write_while_its_workers_run(python, tmp_path):
    program = """
to_worker, to_parent = os.pipe(), os.pipe()
def body():
    look()
    pause()
    os.write(to_parent[1], b"x")
    os.read(to_worker[0], 1)
    look()
    pause()
    tell(right=right())
pid = worker(body)
os.read(to_parent[0], 1)
for item in HEAP:
    item[0] += 1
    item[1] = None
os.write(to_worker[1], b"x")
end(pid)
pause()
tell(right=all(item == [number + 1, None, {"number": number}] for number, item in enumerate(HEAP)))
"""
    outcome = resharing.run(python, tmp_path, program)
    assert outcome.told == [{"right": True}] * 2


def test_a_parent_that_waits_gives_back_too(python, tmp_path):
    program = """
to_worker, to_parent = os.pipe(), os.pipe()
pid = worker(lambda: os.read(to_worker[0], 1))
look_and_wait()
os.write(to_worker[1], b"x")
end(pid)
"""
    assert_gave_back(resharing.run(python, tmp_path, program).told[0])


# ---- what the status says ----


def test_events_and_status_say_the_same(python, tmp_path):
    program = """
def body():
    fresh = status()
    look()
    pause()
    look()
    pause()
    now = status()
    tell(fresh=fresh.passes + fresh.pages_given_back + fresh.snapshot_bytes, passes=now.passes,
        given=now.pages_given_back, kept=now.pages_kept, us=now.pass_us, reason=now.pass_reason)
end(worker(body))
tell(snapshot_bytes=status().snapshot_bytes, us=status().snapshot_us, passes=status().passes)
"""
    outcome = resharing.run(python, tmp_path, program)
    worker, parent = outcome.told
    assert worker["fresh"] == 0 and worker["passes"] == 2 == len(outcome.passes())
    assert worker["given"] == sum(given for _, given, _ in outcome.passes())
    assert worker["kept"] == sum(kept for *_, kept in outcome.passes())
    assert worker["us"] > 0 and worker["reason"] == 0
    assert outcome.snapshots() == [("ok", parent["snapshot_bytes"])]
    assert parent["us"] > 0 and parent["passes"] == 0


# ---- arenas come and go ----


def test_the_next_freeze_copies_new_arenas_and_no_others(python, tmp_path):
    program = """
end(worker(look_and_wait))
before = HEAP
HEAP = HEAP + make(60000, "more")
PRINT = fingerprint(HEAP)
end(worker(look_and_wait))
end(worker(look_and_wait))
tell(right=right())
"""
    outcome = resharing.run(python, tmp_path, program)
    *workers, parent = outcome.told
    for told in workers:
        assert_gave_back(told)
    assert parent["right"] and len(workers) == 3
    (_, first), (reason, second) = outcome.snapshots()
    assert reason == "ok" and 0 < second < 2 * first
    assert outcome.reasons() == [
        ("freeze", "first-worker-fork"),
        ("freeze", "heap-grown"),
        NOTHING_NEW[:2],
    ]
    assert workers[1]["copied"] > 1.5 * workers[0]["copied"]


def test_freed_arenas_are_released_by_every_process(python, tmp_path):
    program = """
def copies(pid="self"):
    with open("/proc/%s/maps" % pid) as rows:
        return len({row.split()[4] for row in rows if "memfd:gcfreeze" in row})
def free():
    global HEAP
    before = copies()
    del HEAP
    gc.collect()
    tell(before=before, after=copies())
to_worker, to_parent = os.pipe(), os.pipe()
def body():
    look()
    pause()
    free()
    pause()
    os.write(to_parent[1], b"x")
    os.read(to_worker[0], 1)
    tell(left_in_worker=copies())
pid = worker(body)
os.read(to_parent[0], 1)
tell(right=right())
free()
os.write(to_worker[1], b"x")
end(pid)
"""
    outcome = resharing.run(python, tmp_path, program)
    worker, parent_right, parent, left = outcome.told
    assert parent_right["right"]
    for told in worker, parent:
        assert told["before"] > 10 and told["after"] <= told["before"] // 3, outcome.told
    assert left["left_in_worker"] == worker["after"]


# ---- other interpreters' memory ----


@pytest.mark.parametrize("allocator", ["pymalloc", "debug", "pymalloc_debug", "malloc", "malloc_debug", "mimalloc"])
def test_allocators(python, allocator, tmp_path):
    env = {"PYTHONMALLOC": allocator}
    if allocator == "mimalloc" and python.version < (3, 13):
        pytest.skip("CPython has mimalloc from 3.13 on")
    outcome = resharing.run(python, tmp_path, BOTH, env=env)
    if allocator in ("malloc", "malloc_debug", "mimalloc"):
        assert_kept(outcome.told[0])
        assert outcome.snapshots() == [("no-arenas", 0)] and outcome.passes() == []
    else:
        assert_gave_back(outcome.told[0])
    assert outcome.told[1]["right"]


def test_development_mode(python, tmp_path):
    outcome = resharing.run(python, tmp_path, BOTH, "-X", "dev")
    assert_gave_back(outcome.told[0])


def test_together_with_immortal_objects(python, tmp_path):
    if python.version < (3, 12):
        pytest.skip("objects can be immortal from 3.12 on")
    program = """
def body():
    start = anonymous()
    look()
    held = [list(item) for item in HEAP]
    del held
    gc.collect()
    look()
    pause()
    tell(start=start, after=anonymous(), right=right())
end(worker(body))
tell(right=right())
"""
    outcome = resharing.run(python, tmp_path, program, MODE="immortal")
    worker, parent = outcome.told
    assert worker["right"] and parent["right"]
    assert "mode=immortal" in outcome.stderr and outcome.snapshots()[0][0] == "ok"
    assert worker["after"] - worker["start"] <= 12 * 1024


def test_a_program_without_python_does_not_notice():
    outcome = run(["/bin/sh", "-c", "read line; echo $line"], resharing.environment(), input="text\n")
    assert (outcome.stdout, outcome.stderr) == ("text\n", "")
