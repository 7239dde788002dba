"""Processes as /proc shows them, and waiting for conditions."""

import os
import platform
import signal
import time
from pathlib import Path

DEADLINE = 120

# What syscall(2) takes for a fork that nobody can interpose: clone, which every processor has.
HIDDEN_FORK = "%d, %d, 0, 0, 0, 0" % (
    {"x86_64": 56, "aarch64": 220}[platform.machine()], signal.SIGCHLD
)  # fmt: skip


def wait_for(what, condition):
    """The first true answer of condition()."""
    end = time.monotonic() + DEADLINE
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, "waited %d s for %s" % (DEADLINE, what)
        time.sleep(0.01)


def read_stat(pid):
    """(state, parent), or None if there is no such process. Zombies count as gone."""
    try:
        text = Path("/proc/%d/stat" % pid).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent = text[text.rindex(")") + 2 :].split()[:2]
    return None if state in "ZX" else (state, int(parent))


def send(pid, signal):
    """A process that has ended needs no signal."""
    try:
        os.kill(pid, signal)
    except ProcessLookupError:
        pass


def own_address():
    """Nobody else's: all of 127/8 is this machine, and no other process has this pid. So a port of it
    that is free stays free: connections of others come from 127.0.0.1."""
    pid = os.getpid()
    return "127.%d.%d.%d" % (1 + (pid >> 16), pid >> 8 & 255, pid & 255)


def working_in(folder):
    """The live processes whose current directory is this folder or below it."""
    found = set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            where = os.readlink("/proc/%s/cwd" % entry)
            if (where + "/").startswith(folder + "/") and read_stat(int(entry)):
                found.add(int(entry))
        except OSError:
            continue  # gone, a kernel thread, or somebody else's
    return found
