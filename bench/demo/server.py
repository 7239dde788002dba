"""gunicorn with the demonstration's application, as a child that is certain to end with us."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from bench.support import memory

WORKERS = 4
ROOT = Path(__file__).resolve().parents[2]


class Failed(Exception):
    """Says what went wrong, for people."""


class Server:
    def __init__(self, process, port, log):
        self.process = process
        self.port = port
        self.log = log

    @property
    def master(self):
        return self.process.pid

    def workers(self):
        return memory.children(self.master)

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
            if len(workers) == WORKERS:
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


@contextlib.contextmanager
def running(library, log, **extra):
    """A server on a port of the kernel's choice. `library` is what to preload, or None."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        # setpriv: if all else fails, it ends with us
        command = ["setpriv", "--pdeathsig", "INT", sys.executable, "-m", "gunicorn", "--preload"]
        command += ["--workers", str(WORKERS), "--bind", "fd://%d" % listener.fileno()]
        command += ["--chdir", str(ROOT), "--log-level", "warning", "bench.demo.app:application"]
        port = listener.getsockname()[1]
        with log.open("w") as output:
            process = subprocess.Popen(
                command,
                env=environment(library, extra),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[listener.fileno()],
                start_new_session=True,  # Ctrl-C is for us, and we stop the whole session
            )
    try:
        yield Server(process, port, log)
    finally:
        stop(process)
