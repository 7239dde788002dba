"""A process with a heap of a given size, which forks workers and lets them go on command."""

import json
import subprocess
import time
from pathlib import Path

from bench.support import memory
from bench.support.setup import PROGRAMS, environment

MODES = {  # name: the library's knobs; None: without it
    "nothing": None,
    "freeze": {"GCFREEZE_MODE": "freeze"},
    "immortal": {"GCFREEZE_MODE": "immortal"},
    "reshare": {"GCFREEZE_RESHARE": "on"},
}
OLDEST = {"immortal": (3, 12)}


def modes_of(python):
    return [name for name in MODES if python.minor >= OLDEST.get(name, (3, 8))]


def available_megabytes():
    """What the kernel can give without swapping."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    raise RuntimeError("/proc/meminfo has no MemAvailable")


def page_tables(pid):
    """MB."""
    for line in Path("/proc/%d/status" % pid).read_text().splitlines():
        if line.startswith("VmPTE:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/%d/status has no VmPTE" % pid)


def look(pid):
    """Milliseconds that reading a process's smaps_rollup takes."""
    start = time.perf_counter_ns()
    memory.rollup(pid)
    return (time.perf_counter_ns() - start) / 1e6


class Holder:
    """Starts with the block and ends with it, its workers too."""

    def __init__(self, setup, python, mode, megabytes, events):
        self.events = events
        knobs = MODES[mode]
        env = environment(setup.library if knobs is not None else None, host=True)
        if knobs is not None:
            events.unlink(missing_ok=True)
            env.update(knobs, GCFREEZE_LOG="info", GCFREEZE_LOG_FORMAT="json")
            env["GCFREEZE_LOG_FILE"] = str(events)
        self.tells = knobs is not None
        self.process = subprocess.Popen(
            [python.path, str(PROGRAMS / "scale.py"), str(megabytes)],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        self.line()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    @property
    def pid(self):
        return self.process.pid

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("scale.py ended with status %d" % self.process.wait())
        return line

    def ask(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return json.loads(self.line())

    def fork(self):
        """(the new worker's pid, ms of os.fork, ms of it that are not libc's; without the library None)"""
        answer = self.ask("fork")
        total = answer["ns"] / 1e6
        if not self.tells:
            return answer["pid"], total, None
        event = json.loads(self.events.read_text().splitlines()[-1])
        if event["child"] != answer["pid"]:
            raise RuntimeError("the last event is of another fork: %s" % event)
        return answer["pid"], total, total - event["fork_us"] / 1000

    def end(self):
        """Milliseconds that the newest worker's end took."""
        return self.ask("end")["ns"] / 1e6
