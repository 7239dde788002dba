"""gcfreeze compare as a process that can be watched and interrupted, and its server (web.py)."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import PROGRAM, clean_environment, newest_python
from servers.process import own_address, read_stat

WEB = Path(__file__).with_name("web.py")


def free_address():
    """HOST:PORT for a server that will be started"""
    with socket.create_server((own_address(), 0)) as listener:
        return "%s:%d" % listener.getsockname()


def descendants(root):
    """The live processes below this one, by pid."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = read_stat(int(entry))
            if stat:
                parents[int(entry)] = stat[1]
    found, added = {root}, True
    while added:
        added = {pid for pid, parent in parents.items() if parent in found} - found
        found |= added
    return sorted(found - {root})


class Comparison:
    """A run of `gcfreeze compare` over web.py, in a folder."""

    def __init__(self, folder, *options, server=(), socket=None, before=(), **variables):
        address = free_address()
        self.url = "http://%s/" % address
        self.record = folder / "record"
        self.output = folder / "page.html"
        options = [str(option).replace("{url}", self.url) for option in options]
        command = [*before, PROGRAM, "compare", *options, "--", newest_python(), str(WEB)]
        self.process = subprocess.Popen(
            [*command, str(socket or address), "--record", str(self.record), *map(str, server)],
            env=clean_environment(**variables),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def end(self):
        """(exit code, stdout, stderr)"""
        stdout, stderr = self.process.communicate(timeout=120)
        return self.process.returncode, stdout, stderr

    def recorded(self):
        """What the server was asked for, "connection" for each one, and "complete" for all workers."""
        with contextlib.suppress(FileNotFoundError):
            return self.record.read_text().splitlines()
        return []

    def send(self, number):
        self.process.send_signal(number)

    def close(self):
        pids = descendants(self.process.pid)
        self.process.kill()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()


def modes_of(stdout):
    """{mode: its figures} of --json."""
    return {figures["mode"]: figures for figures in json.loads(stdout)["modes"]}


# ---- reading memory without gcfreeze ----

COPY = "/memfd:gcfreeze"


def rollup(pid):
    lines = Path("/proc/%d/smaps_rollup" % pid).read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}


def copies(pid):
    """{inode: KiB} of the sealed copies that a process has."""
    found = {}
    for line in Path("/proc/%d/maps" % pid).read_text().splitlines():
        span, access, _, _, inode, *name = line.split(None, 5)
        if access == "r--p" and name and name[0].startswith(COPY):
            begin, end = (int(address, 16) for address in span.split("-"))
            found[inode] = (end - begin) // 1024
    return found


class Reader(threading.Thread):
    """Reads smaps_rollup of all processes below gcfreeze's own, again and again."""

    def __init__(self, root):
        super().__init__()
        self.root = root
        self.over = threading.Event()
        self.readings = []  # (time before, time after, tree in KiB, {pid: private KiB})

    def run(self):
        while not self.over.wait(0.05):
            with contextlib.suppress(OSError):  # one of them has ended meanwhile
                before = time.time()
                # the first one is the keeper, which is no part of the server
                pids = [pid for pid in descendants(self.root) if self.is_server(pid)]
                self.readings.append((before, *self.read(pids)))

    def is_server(self, pid):
        return b"gcfreeze\0compare" not in Path("/proc/%d/cmdline" % pid).read_bytes()

    def read(self, pids):
        tree, private, shared = 0, {}, {}
        for pid in pids:
            rows = rollup(pid)
            tree += rows["Pss_Anon"] + rows["Pss_File"]
            private[pid] = rows["Private_Clean"] + rows["Private_Dirty"]
            shared.update(copies(pid))
        return time.time(), tree + sum(shared.values()), private

    def at(self, moment):
        """The last reading that was over at this moment, which is the last one of the server at work:
        right after it the server is told to end."""
        return max(reading for reading in self.readings if reading[1] <= moment)


@pytest.fixture
def compare(tmp_path):
    """compare("--seconds=1", ..., server=["--workers", "3"]): a Comparison that is certain to end."""
    running = []

    def start(*options, **more):
        running.append(Comparison(tmp_path, *options, **more))
        return running[-1]

    yield start
    for comparison in running:
        comparison.close()
