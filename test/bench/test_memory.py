"""How a server's memory is counted, with processes of which it is known."""

import mmap
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from bench.support import cgroup, memory

SIZE = 16 * memory.MB


def touch(block, value):
    """Each page, and nothing else is allocated for it."""
    for start in range(0, SIZE, mmap.PAGESIZE):
        block[start : start + 1] = value


@contextmanager
def child(work=lambda: None):
    """A forked process that has done its work and waits to be looked at."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        work()
        os.write(writing, b"x")
        signal.pause()
        os._exit(0)
    try:
        os.read(reading, 1)
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reading)
        os.close(writing)


@pytest.fixture
def block():
    with mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as block:
        touch(block, b"x")
        yield block


def both(work=lambda: None):
    with child(work) as pid:
        return memory.parts([os.getpid(), pid]), memory.private(pid)


def test_pages_are_counted_once_until_they_are_copied(block):
    shared, own = both()
    copied, own_copies = both(lambda: touch(block, b"y"))
    # whoever maps a file of ours, too, and ends meanwhile, moves what files count
    assert 0.75 * SIZE < copied["anonymous"] - shared["anonymous"] < 1.25 * SIZE
    assert shared["files"] > 0 and shared["copies"] == copied["copies"] == 0
    assert 0.75 * SIZE < own_copies - own < 1.25 * SIZE


def test_children_are_found():
    with child() as pid:
        assert pid in memory.children(os.getpid())


# a forked child that waits for the end of its standard input, beside threads that come and go
RESTLESS = """
import os, sys, threading
pid = os.fork()
if not pid:
    sys.stdin.read()
    os._exit(0)
print(pid, flush=True)
while True:
    threads = [threading.Thread(target=int) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_children_are_found_while_threads_end():
    """numpy ends its threads before each fork."""
    command = [sys.executable, "-c", RESTLESS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            child = int(process.stdout.readline())
            assert all(memory.children(process.pid) == [child] for _ in range(3000))
        finally:
            process.kill()
    with pytest.raises(FileNotFoundError):
        memory.children(process.pid)


def test_a_control_group_counts_what_starts_in_it():
    reason = cgroup.reason_against()
    if reason:
        pytest.skip(reason)
    with cgroup.group() as group:
        folder = group.folder
        before = group.bytes()

        def work():
            (folder / "cgroup.procs").write_text(str(os.getpid()))
            with mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as block:
                touch(block, b"x")
                os.write(ready[1], b"x")
                signal.pause()

        ready = os.pipe()
        pid = os.fork()
        if pid == 0:
            work()
            os._exit(0)
        os.read(ready[0], 1)
        assert group.bytes() - before >= SIZE
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert not folder.exists()


def test_a_process_has_the_files_that_it_maps():
    assert memory.maps(os.getpid(), "/libc")
    assert not memory.maps(os.getpid(), "/no-such-library")
