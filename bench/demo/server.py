"""gunicorn with the demonstration's application, as a child that is certain to end with us."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.support import memory

WORKERS = 4
APPLICATION = "bench.demo.app:application"
ROOT = Path(__file__).resolve().parents[2]


class Failed(Exception):
    """Says what went wrong, for people."""


class Server:
    def __init__(self, process, port, log, count):
        self.process = process
        self.port = port
        self.log = log
        self.count = count  # of workers

    @property
    def master(self):
        return self.process.pid

    def workers(self):
        return memory.children(self.master)

    def memory(self):
        """Bytes of the whole server."""
        return memory.tree([self.master, *self.workers()])

    def send_signal(self, number):
        """To all of its processes."""
        os.killpg(self.process.pid, number)

    def check_alive(self):
        if self.process.poll() is not None:
            status = self.process.returncode
            raise Failed("gunicorn ended with status %d:\n%s" % (status, self.log.read_text()))

    def wait_for_workers(self, seconds=60):
        """The pids, once all workers have been forked."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.check_alive()
            workers = self.workers()
            if len(workers) == self.count:
                return workers
            time.sleep(0.02)
        raise Failed("the workers did not come up in time:\n%s" % self.log.read_text())


def environment(library, extra):
    result = {
        name: value
        for name, value in os.environ.items()
        if name != "LD_PRELOAD" and not name.startswith(("GCFREEZE", "PYTHON", "GUNICORN"))
    }
    if library:
        result["LD_PRELOAD"] = str(library)
    return {**result, **extra}


def stop(process):
    """Ends the whole session at once: the demonstration has nothing that would need a goodbye."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass
class Kind:
    """What is served, by whom."""

    python: str = sys.executable
    workers: int = WORKERS
    application: str = APPLICATION
    options: tuple = ("--preload",)  # gunicorn's
    prefix: tuple = ()  # of its command


@contextlib.contextmanager
def running(library, log, kind=Kind(), **extra):
    """A server on a port of the kernel's choice. `library` is what to preload, or None."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        # setpriv: if all else fails, it ends with us
        command = [*kind.prefix, "setpriv", "--pdeathsig", "INT", kind.python, "-m", "gunicorn"]
        command += ["--workers", str(kind.workers), "--bind", "fd://%d" % listener.fileno()]
        command += ["--log-level", "warning"]
        command += [*kind.options, kind.application]
        port = listener.getsockname()[1]
        with log.open("w") as output:
            process = subprocess.Popen(
                command,
                env=environment(library, extra),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                pass_fds=[listener.fileno()],
                start_new_session=True,  # Ctrl-C is for us, and we stop the whole session
            )
    try:
        yield Server(process, port, log, kind.workers)
    finally:
        stop(process)


def state(pid):
    """One letter, as ps has it."""
    return Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[0]


def stop_and_wait(pids):
    """They stand still."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        while (now := state(pid)) != "T":
            if now in "ZX":
                raise Failed("process %d, which was to stand still, has ended" % pid)
            time.sleep(0.001)


@contextlib.contextmanager
def alone(pid, workers):
    """All workers but one stand still."""
    others = [worker for worker in workers if worker != pid]
    try:
        stop_and_wait(others)
        yield
    finally:
        for other in others:
            os.kill(other, signal.SIGCONT)
