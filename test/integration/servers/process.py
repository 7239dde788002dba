"""Processes as /proc shows them, and waiting for conditions."""

import os
import time
from pathlib import Path

DEADLINE = 60


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


def working_in(folder):
    """The live processes whose current directory is this folder."""
    found = set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            if os.readlink("/proc/%s/cwd" % entry) == folder and read_stat(int(entry)):
                found.add(int(entry))
        except OSError:
            continue  # gone, a kernel thread, or somebody else's
    return found
