"""GCFREEZE_RESHARE in workers that fork again, execute programs or were forked past us, and in pools."""

import ctypes
import platform

import pytest
import resharing
from resharing import assert_gave_back
from servers.process import HIDDEN_FORK

# free-threaded builds have no arenas
pytestmark = pytest.mark.gil(True)


def test_a_worker_forks_again(python, tmp_path):
    program = """
def body():
    global HEAP, PRINT
    look()
    pause()
    MORE = make(20000, "worker")
    HEAP, PRINT = HEAP + MORE, fingerprint(HEAP + MORE)
    end(worker(look_and_wait))
    look_and_wait()
end(worker(body))
look_and_wait()
"""
    outcome = resharing.run(python, tmp_path, program)
    assert len(outcome.told) == 3
    for told in outcome.told:
        assert_gave_back(told)
    # the worker copied what it had allocated itself, and no more
    (_, first), (reason, second) = outcome.snapshots()
    assert reason == "ok" and 0 < second < first


def test_generations_of_workers(python, tmp_path):
    program = """
def body(depth):
    look()
    pause()
    for item in HEAP[depth::50]:
        item[1] = depth
    mine = fingerprint(HEAP)
    if depth < 6:
        end(worker(lambda: body(depth + 1)))
    look()
    pause()
    tell(depth=depth, same=fingerprint(HEAP) == mine)
end(worker(lambda: body(0)))
tell(right=right())
"""
    outcome = resharing.run(python, tmp_path, program)
    assert outcome.told == [{"depth": depth, "same": True} for depth in range(6, -1, -1)] + [{"right": True}]


def test_a_worker_executes_a_program(python, tmp_path):
    program = """
NEXT = '''
import os
with open("/proc/self/maps") as rows:
    copies = "memfd:gcfreeze" in rows.read()
print('{"copies": %s, "descriptors": %d}' % (str(copies).lower(), len(os.listdir("/proc/self/fd")) - 1))
'''
def body():
    look()
    pause()
    os.execv(sys.executable, [sys.executable, "-c", NEXT])
end(worker(body))
tell(right=right())
"""
    outcome = resharing.run(python, tmp_path, program)
    # 3: standard ones; OUT is closed by exec
    assert outcome.told == [{"copies": False, "descriptors": 3}, {"right": True}]


@pytest.mark.parametrize("how", ["plain", "close_fds=False", "preexec_fn=lambda: None", "start_new_session=True"])
def test_a_worker_runs_programs(python, how, tmp_path):
    program = """
import subprocess
def body():
    for number in range(5):
        answer = subprocess.run(["/bin/sh", "-c", "read word; echo $word"], input=b"%%d" %% number, stdout=subprocess.PIPE%s)
        if answer.stdout != b"%%d\\n" %% number:
            raise ValueError(answer)
    look_and_wait()
end(worker(body))
tell(right=right())
""" % ("" if how == "plain" else ", " + how)
    worker, parent = resharing.run(python, tmp_path, program).told
    assert_gave_back(worker)
    assert parent["right"]


# ---- copies that nobody shares any more ----

# What the heap takes in this process: its own pages, and what its copies have.
TAKEN = """
import time
def copied():
    sizes = {}
    with open("/proc/self/maps") as rows:
        for row in rows:
            span, access, _, device, inode, *name = row.split(None, 5)
            if access == "r--p" and "memfd:gcfreeze" in "".join(name):
                start, end = (int(address, 16) for address in span.split("-"))
                sizes[device, inode] = sizes.get((device, inode), 0) + (end - start) // 1024
    return sum(sizes.values())
def taken():
    return anonymous() + copied()
def change():
    for item in HEAP:
        item[0] += 1
        item[2]["number"] += 1
# forks until what they find to be done is done
def fork_until(done):
    limit = time.monotonic() + 60
    while True:
        end(worker(lambda: right() or tell(error="not what the parent has")))
        if done() or time.monotonic() > limit:
            return
"""


def test_what_a_parent_has_changed_is_not_kept_twice(python, tmp_path):
    program = TAKEN + """
end(worker(look_and_wait))
before = taken()
change()
PRINT = fingerprint(HEAP)
changed = taken()
fork_until(lambda: taken() - before <= (changed - before) // 4)
tell(before=before, changed=changed, after=taken(), right=right())
end(worker(look_and_wait))
"""
    outcome = resharing.run(python, tmp_path, program)
    first, parent, last = outcome.told
    assert parent["changed"] - parent["before"] >= resharing.MUCH_KB, parent
    assert parent["after"] - parent["before"] <= (parent["changed"] - parent["before"]) // 4, parent
    assert parent["right"]
    for told in first, last:
        assert_gave_back(told)


def test_copies_that_a_child_has_stay(python, tmp_path):
    program = TAKEN + """
to_worker, to_parent = os.pipe(), os.pipe()
def body():
    look()
    os.read(to_worker[0], 1)
    pause()
    tell(after=anonymous(), right=right())
pid = worker(body)
size = status().snapshot_bytes
change()
expected, PRINT_BEFORE = fingerprint(HEAP), PRINT
limit = time.monotonic() + 0.5
while time.monotonic() < limit:
    end(worker(lambda: None))
tell(more=status().snapshot_bytes - size, size=size)
os.write(to_worker[1], b"x")
end(pid)
tell(right=fingerprint(HEAP) == expected)
"""
    outcome = resharing.run(python, tmp_path, program)
    parent, worker, last = outcome.told
    assert parent["more"] <= parent["size"] // 4, parent
    assert worker["right"] and last["right"]


def test_a_child_for_each_job_copies_little(python, tmp_path):
    program = TAKEN + """
end(worker(look_and_wait))
size = status().snapshot_bytes
limit = time.monotonic() + 0.5
while time.monotonic() < limit:
    HEAP[7][0] += 1
    end(worker(lambda: None))
tell(more=status().snapshot_bytes - size, size=size)
"""
    _, parent = resharing.run(python, tmp_path, program).told
    assert parent["more"] <= parent["size"] // 4, parent


# ---- forks that we do not see ----

ODD_FORKS = {
    "clone": "LIBC.syscall(%s)" % HIDDEN_FORK,
    "_Fork": "LIBC._Fork()",
    "fork-in-C": "LIBC.fork()",
}
if platform.machine() == "x86_64":  # others have no such system call
    ODD_FORKS["fork"] = "LIBC.syscall(57)"


@pytest.mark.parametrize("how", ODD_FORKS)
def test_forks_that_pass_us_by(python, how, tmp_path):
    if how == "_Fork" and not hasattr(ctypes.CDLL(None), "_Fork"):
        pytest.skip("glibc has _Fork from 2.34 on")
    # before there is a copy, in the parent, and in a worker; each writes, and nobody else sees it
    program = """
def odd(who):
    pid = %s
    if pid == 0:
        try:
            mine = fingerprint(HEAP)
            look()
            pause()
            for item in HEAP[::100]:
                item[0] = who
            changed = fingerprint(HEAP)
            look()
            pause()
            tell(who=who, before=mine == PRINT, after=fingerprint(HEAP) == changed != PRINT)
        finally:
            os._exit(0)
    for item in HEAP[50::100]:
        item[1] = item[1]
    pause()
    end(pid)
    tell(who="parent of " + who, right=right())
def body():
    look()
    odd("worker's")
    look_and_wait()
odd("first")
end(worker(body))
odd("last")
tell(right=right())
""" % ODD_FORKS[how]
    outcome = resharing.run(python, tmp_path, program)
    told = [tuple(line.values()) for line in outcome.told]
    expected = []
    for who in "first", "worker's", "last":
        expected += [(who, True, True), ("parent of " + who, True)]
    assert [line for line in told if len(line) < 5 and line != (True,)] == expected
    assert told[-1] == (True,)
    assert next(line for line in outcome.told if "copied" in line)["right"]


# ---- pools ----


def test_a_pool_of_multiprocessing(python, tmp_path):
    program = """
import multiprocessing
def work(number):
    start = anonymous()
    look()
    return os.getpid(), start, anonymous(), right()
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for _ in range(4):
            answers = pool.map(work, range(4), chunksize=1)
            for pid, start, copied, good in answers:
                tell(pid=pid, right=good)
        pool.close()
        pool.join()
    tell(right=right())
"""
    outcome = resharing.run(python, tmp_path, program)
    assert len(outcome.told) == 17 and all(told["right"] for told in outcome.told)
    given = {}
    for pid, reason, pages, *_ in resharing.PASS.findall(outcome.stderr):
        if reason == "ok":
            given[int(pid)] = given.get(int(pid), 0) + int(pages)
    pids = {told["pid"] for told in outcome.told if "pid" in told}
    assert all(given.get(pid, 0) >= resharing.MUCH_PAGES for pid in pids), given


def test_a_process_pool_executor(python, tmp_path):
    program = """
import concurrent.futures, multiprocessing
def work(number):
    look()
    return os.getpid(), right()
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        for pid, good in executor.map(work, range(8)):
            tell(pid=pid, right=good)
    tell(right=right())
"""
    outcome = resharing.run(python, tmp_path, program)
    assert len(outcome.told) == 9 and all(told["right"] for told in outcome.told)
    # some versions have a thread in the parent when they fork
    if outcome.snapshots()[0][0] == "ok":
        assert any(given for _, given, _ in outcome.passes())


def test_a_killed_worker_of_a_pool(python, tmp_path):
    program = """
import concurrent.futures, concurrent.futures.process, multiprocessing
def work(number):
    look()
    pause()
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return right()
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    for _ in range(3):
        try:
            with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
                list(executor.map(work, range(8)))
            tell(broken=False)
        except concurrent.futures.process.BrokenProcessPool:
            tell(broken=True)
    tell(right=right())
"""
    outcome = resharing.run(python, tmp_path, program)
    assert outcome.told == [{"broken": True}] * 3 + [{"right": True}]
