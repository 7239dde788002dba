"""A prefork server of a few lines, and what the kernel says about its processes."""

import json
import os
import platform
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from conftest import LIBRARY, PROGRAM, clean_environment, newest_python
from servers.process import wait_for

# Each worker waits for the end of a pipe that only the parent holds open, the parent for the end of
# its stdin: whoever dies, all end. SIGUSR1: a worker takes 20 MB; SIGUSR2: it touches what it
# inherited, which copies it; SIGHUP: it becomes another program.
TEXT = """
import json, os, signal, sys
workers, records = int(sys.argv[1]), int(sys.argv[2])
heap = [[number] for number in range(records)]
taken = []
alive, parents_end = os.pipe()
ready, workers_end = os.pipe()

def touch(*_):
    counted = list(map(sys.getrefcount, list(heap)))

def work():
    os.close(parents_end)
    signal.signal(signal.SIGUSR1, lambda *_: taken.append(b"x" * (20 << 20)))
    signal.signal(signal.SIGUSR2, touch)
    signal.signal(signal.SIGHUP, lambda *_: os.execvp("cat", ["cat", "/dev/fd/%d" % alive]))
    os.set_inheritable(alive, True)
    os.write(workers_end, b".")
    while os.read(alive, 1):
        pass
    os._exit(0)

pids = []
for _ in range(workers):
    pid = FORK()
    if pid == 0:
        work()
    pids.append(pid)
for _ in range(workers):
    os.read(ready, 1)
print(json.dumps([os.getpid(), *pids]), flush=True)
sys.stdin.read()
"""

MIB = 1 << 20


RESTING = {"x86_64": ("0", "271"), "aarch64": ("63", "73")}[platform.machine()]


def rests(pid):
    """Does it wait in read or, for GCFREEZE_RESHARE, in ppoll?"""
    call = Path("/proc/%d/syscall" % pid).read_text().split()[0]
    return call in RESTING


class Server:
    def __init__(
        self, folder, workers, records, fork, python, before, preload, arguments, knobs
    ):
        script = folder / "shop.py"
        script.write_text(TEXT.replace("FORK()", fork))
        variables = {"GCFREEZE" + ("_" + key if key else ""): value for key, value in knobs.items()}
        if preload:
            variables["LD_PRELOAD"] = str(preload)
        command = [python or newest_python(), str(script), str(workers), str(records), *arguments]
        environment = [name + "=" + str(value) for name, value in variables.items()]
        self.process = subprocess.Popen(
            [*before, "env", *environment, *command],
            env=clean_environment(),
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.command = " ".join(command)
        self.pid, *self.workers = json.loads(self.process.stdout.readline())
        if self.pid != 1:  # else we have other names for them
            wait_for("a server at rest", lambda: all(map(rests, [self.pid, *self.workers])))

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.read()  # the end of the last of them
        self.process.wait()


@pytest.fixture
def folder():
    """One that other users can read."""
    path = Path(tempfile.mkdtemp(prefix="gcfreeze-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def prefork(folder):
    """prefork(workers=3, MODE="immortal"): a server that runs."""
    servers = []

    def start(
        workers=2,
        records=100000,
        fork="os.fork()",
        python=None,
        before=(),
        preload=LIBRARY,
        arguments=(),
        **knobs,
    ):
        server = Server(
            folder, workers, records, fork, python, before, preload, arguments, knobs
        )
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@pytest.fixture
def as_nobody(folder):
    """The program as an ordinary user executes it, with the library beside it."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    copy = folder / "gcfreeze"
    shutil.copy(PROGRAM, copy)
    shutil.copy(LIBRARY, folder / "libgcfreeze.so.0")

    def run(*arguments):
        return subprocess.run(
            [*NOBODY, str(copy), *map(str, arguments)],
            env=clean_environment(),
            cwd="/",
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=120,
        )

    return run


def rollup(pid):
    """{row: bytes} of smaps_rollup."""
    rows = Path("/proc/%d/smaps_rollup" % pid).read_text().splitlines()[1:]
    pairs = (row.split(":") for row in rows)
    return {name: int(value.split()[0]) * 1024 for name, value in pairs}


def private_bytes(pid):
    rows = rollup(pid)
    return rows["Private_Clean"] + rows["Private_Dirty"]


def take_20_mb(pid):
    os.kill(pid, signal.SIGUSR1)
    wait_for("20 MB", lambda: private_bytes(pid) >= 20 * MIB and rests(pid))
