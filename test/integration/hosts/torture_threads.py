"""Passes beside threads, one scenario a process: torture_threads.py LIBRARY SCENARIO.

The parent preloads bytearrays of 100 bytes and more; the scenario runs in a forked worker.
"""

import ctypes
import io
import json
import os
import resource
import select
import signal
import socket
import sys
import threading

import torture

REGIONS = 20000


class WriterReport(ctypes.Structure):
    _fields_ = [("sweeps", ctypes.c_long), ("wrong", ctypes.c_long)]


torture.lib.writer_stop.restype = WriterReport
payloads = torture.Bytes(REGIONS)


def wait(times=1):
    for _ in range(times):
        select.poll().poll(1)


def copy_and_restore():
    """All pages of the payloads are copied, and equal again."""
    seed = ctypes.c_uint64(7)
    assert torture.lib.torture_run(seed, ctypes.c_long(300000), 0, REGIONS, 256, 0) == 0
    torture.lib.torture_restore(0, REGIONS)


def verify():
    assert torture.lib.torture_verify(0, REGIONS) == 0


class Sleeper:
    """A thread that sleeps, in a system call that the library does not know, until it is woken."""

    def __enter__(self):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
        self.thread = threading.Thread(target=signal.sigwait, args=({signal.SIGUSR2},))
        self.thread.start()

    def __exit__(self, *_):
        signal.pthread_kill(self.thread.ident, signal.SIGUSR2)
        self.thread.join()


def until_given(pages):
    while torture.status()["given"] < pages:
        wait()


def until_a_pass_is_next():
    """The wait that follows one with a pass has none."""
    while True:
        passes = torture.status()["passes"]
        select.poll().poll(0)
        if torture.status()["passes"] == passes:
            return


def asleep():
    with Sleeper():
        copy_and_restore()
        until_given(1000)
        verify()
    return torture.status()


def writer():
    """A thread of C that computes: nothing is moved below it. When it has ended, passes go on."""
    copy_and_restore()
    assert torture.lib.writer_start(100, 140) == 0
    with Sleeper():
        wait(300)
        during = torture.status()
        report = torture.lib.writer_stop()
        verify()
        until_given(during["given"] + 1000)
        verify()
    return {"wrong": report.wrong, "sweeps": report.sweeps, "during": during, **torture.status()}


def race():
    """A write between comparison and move, and one after the move."""
    shim = ctypes.CDLL(None)
    target = REGIONS // 2
    address = ctypes.addressof(payloads.exports[target])
    while address // resource.getpagesize() != (address + 1) // resource.getpagesize():
        target += 1
        address = ctypes.addressof(payloads.exports[target])
    moves = ctypes.c_int.in_dll(shim, "race_moves")
    with Sleeper():
        copy_and_restore()
        ctypes.c_void_p.in_dll(shim, "race_after").value = address + 1
        ctypes.c_void_p.in_dll(shim, "race_before").value = address
        while torture.status()["reason"] != "raced":
            wait()
        assert bytes(payloads.owners[target][:2]) == b"12"
        until = moves.value
        assert until > 0
        copy_and_restore()
        wait(100)
        assert moves.value == until
        verify()
    return torture.status()


def foreign():
    """Code of C that waits without being known: it may hold a lock that another thread wants while
    it holds the interpreter."""
    shim = ctypes.CDLL(None)
    with Sleeper():
        copy_and_restore()
        before = torture.status()["given"]
        for _ in range(100):
            shim.race_poll(1)
        during = torture.status()
        until_given(before + 1000)
    return {"before": before, "during": during, **torture.status()}


def host():
    """Under a name that is not Python's: a program that was linked with an interpreter."""
    with Sleeper():
        copy_and_restore()
        while torture.status()["reason"] != "foreign-wait" and torture.status()["given"] < 1000:
            wait()
    with open("/proc/self/maps") as maps:
        return {"library": "/libpython" in maps.read(), **torture.status()}


def locked():
    """What the process locked stays locked."""

    def bytes_locked():
        with open("/proc/self/status") as status:
            return next(line for line in status if line.startswith("VmLck:"))

    with Sleeper():
        copy_and_restore()
        if ctypes.CDLL(None).mlockall(1) != 0:  # MCL_CURRENT
            return None
        before = bytes_locked()
        while torture.status()["reason"] != "locked-memory":
            wait()
        assert bytes_locked() == before
        return torture.status()


def kernel():
    """System calls that were entered before a pass write to preloaded memory after it."""
    left, right = socket.socketpair()
    end, other = os.pipe()
    file = io.FileIO(end)
    big = [owner for owner in payloads.owners if isinstance(owner, bytearray) and len(owner) >= 200]
    calls = [
        lambda buffer: (left.recv_into(memoryview(buffer)[:100]), right.send),
        lambda buffer: (file.readinto(memoryview(buffer)[:100]), None),
        lambda buffer: (os.readv(end, [memoryview(buffer)[:50], memoryview(buffer)[50:100]]), None),
    ]
    for number in range(150):
        buffer, source = big[2 * number], big[2 * number + 1]
        failures = []
        call = calls[number % 3]
        thread = threading.Thread(target=lambda: failures.extend(call(buffer)[:1]))
        thread.start()
        buffer[0] ^= 1  # the page is copied, and equal again
        buffer[0] ^= 1
        wait(2)
        message = memoryview(source)[:100]  # the kernel reads what was given back
        if number % 3 == 0:
            right.sendall(message)
        else:
            os.write(other, message)
        thread.join()
        assert failures == [100], failures
        assert bytes(buffer[:100]) == bytes(message)
    return torture.status()


def signals():
    """A signal in the middle of a pass ends the wait, and not only when another thread does."""
    caught = []

    def handler(*_):
        caught.append(1)
        raise InterruptedError

    signal.signal(signal.SIGUSR1, handler)
    to_send = ctypes.c_int.in_dll(ctypes.CDLL(None), "race_signal")
    with Sleeper():
        for _ in range(10):
            copy_and_restore()
            until_given(torture.status()["given"] + 1000)  # now the other one sleeps
            until_a_pass_is_next()
            copy_and_restore()
            try:
                to_send.value = signal.SIGUSR1
                select.poll().poll()  # for ever
            except InterruptedError:
                pass
    return {"caught": len(caught)}


def interpreters():
    """More than one interpreter: nobody holds all of them."""
    support = __import__("_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters")
    copy_and_restore()
    other = support.create()
    with Sleeper():
        wait(100)
        during = torture.status()
        support.destroy(other)
        until_given(1000)
        verify()
    return {"during": during, **torture.status()}


def daemons():
    """Threads wait when the process ends."""
    for _ in range(4):
        threading.Thread(target=lambda: [select.poll().poll(5) for _ in iter(int, 1)], daemon=True).start()
    threading.Thread(target=select.poll().poll, daemon=True).start()
    copy_and_restore()
    wait(20)
    while not torture.status()["passes"] and torture.status()["reason"] != "threads":
        wait(1)  # for a moment when all of them sleep
    return torture.status()


def main():
    name = sys.argv[2]
    payloads.add(REGIONS, 1)
    pid = os.fork()
    if pid == 0:
        signal.alarm(torture.DEADLINE)
        os.write(1, (json.dumps(globals()[name]()) + "\n").encode())
        sys.exit(3)
    assert os.waitpid(pid, 0)[1] == 3 << 8


main()
