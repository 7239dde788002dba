"""uWSGI of Debian, and the current release, compiled for each version of Python: as a program, and
as a module, to which a Python program hands itself over."""

import json
import shutil
import signal
import socket

from conftest import ROOT

from servers.host import debian_version
from servers.process import wait_for
from servers.server import Server

DEBIAN = "Debian's uWSGI"
CURRENT = "uWSGI"
MODULE = "pyuwsgi"


def command_of(host, version):
    """(command, None), or (None, why there is none)."""
    if host == DEBIAN:
        if not shutil.which("uwsgi"):
            return None, "not installed: Debian's uWSGI"
        if version != debian_version():
            return None, "Debian's plugin is made for Debian's Python alone"
        return ["uwsgi", "--plugin", "python3"], None
    name = host.lower()
    path = ROOT / ".venv" / (name + "-" + version) / "bin" / name
    if path.exists():
        return [str(path)], None
    return None, "not installed: %s for Python %s" % (host, version)


class Uwsgi(Server):
    end = signal.SIGINT

    def __init__(self, command, folder, options, *arguments, **more):
        options = list(options)
        if not {"--mount", "--module", "--wsgi-file"} & set(options):
            options += ["--module", "app:app"]
        self.statistics = "--master" in options
        if self.statistics:
            options += ["--stats", "statistics"]
        command = [*command, "--http-socket", "socket", "--need-app", *options]
        super().__init__(command, folder, *arguments, **more)

    def accepting(self):
        """The pids of the workers once all of them accept, else nothing. The master tells."""
        assert self.process.poll() is None, self.stderr()
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(self.folder / "statistics"))
                with connection.makefile() as stream:
                    text = stream.read()
        except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError):
            return None  # a master that executes itself again drops whom it has not answered
        workers = json.loads(text)["workers"] if text else []
        return workers and all(w["accepting"] for w in workers) and [w["pid"] for w in workers]

    def workers(self, gone=()):
        def complete():
            found = self.accepting()
            return found and not set(found) & set(gone) and found

        return wait_for("all workers, without %s" % (gone,), complete)

    def stop(self):
        """uWSGI loses a signal that reaches a worker before that has set its handlers."""
        try:
            if self.statistics and self.process.poll() is None:
                self.workers()
        finally:
            super().stop()
