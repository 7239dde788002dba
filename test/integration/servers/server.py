"""A server that runs in a folder of its own, and the one that most tests start: gunicorn."""

import json
import os
import shutil
import signal
import socket
import subprocess
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from conftest import environment

from servers.process import DEADLINE, read_stat, send, wait_for, working_in
from servers.report import MODES

APPLICATIONS = [Path(__file__).with_name(name) for name in ("app.py", "asgi.py")]


def read_whole_lines(log):
    """Of a log that is being written: of its last line there may be a part."""
    text = log.read_bytes() if log.exists() else b""
    return text[: text.rfind(b"\n") + 1].decode().splitlines()


def read_events(log):
    """{child: event} of a log in JSON."""
    return {event.get("child"): event for event in map(json.loads, read_whole_lines(log))}


class Server:
    """A server that knows its processes by the folder they work in: workers, daemons and masters
    that replaced themselves are all found and ended there. It listens on the unix socket `socket`
    and serves app.py or asgi.py."""

    end = signal.SIGTERM  # asks a master to stop

    def __init__(self, command, folder, library=True, knobs=None, mode="freeze", variables=None):
        self.folder = folder
        self.log = folder / "events"
        if knobs is None:
            knobs = {"LOG": "info", "LOG_FILE": self.log, "LOG_FORMAT": "json", **MODES[mode]}
        folder.mkdir(exist_ok=True)
        for application in APPLICATIONS:
            shutil.copy(application, folder)
        with open(folder / "stderr", "w") as stderr:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env={**self.environment(library, knobs), **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,  # Apache signals its whole process group when it stops
            )

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.stop()
        finally:
            if kind:
                print(self.stderr())

    def environment(self, library, knobs):
        env = environment(**knobs)
        if "LOG" not in knobs:
            del env["GCFREEZE_LOG"]
        if not library:
            del env["LD_PRELOAD"]
        # newer releases put a control socket into XDG_RUNTIME_DIR or HOME
        env.pop("XDG_RUNTIME_DIR", None)
        env.update(HOME=str(self.folder), PYTHONDONTWRITEBYTECODE="1")
        return env

    # ---- who is there ----

    @property
    def pid(self):
        return self.process.pid

    def workers(self, count, master=None, gone=(), besides=()):
        """The master's children but `besides`, once there are as many and no `gone` ones."""
        master = master or self.pid

        def complete():
            stats = {pid: read_stat(pid) for pid in working_in(str(self.folder))}
            found = {pid for pid, stat in stats.items() if stat and stat[1] == master}
            found -= set(besides)
            return len(found) == count and not found & set(gone) and sorted(found)

        return wait_for("%d workers of %d, without %s" % (count, master, gone), complete)

    def send_signal(self, number):
        os.kill(self.pid, number)

    # ---- talking to them ----

    @contextmanager
    def only(self, pid):
        """All others stand still. All workers accept from one socket, and which one is served is
        the kernel's choice, often the same again and again."""
        stopped = set()
        try:
            while others := working_in(str(self.folder)) - stopped - {pid}:
                for other in others:
                    send(other, signal.SIGSTOP)
                for other in others:
                    wait_for(
                        "%d to stop" % other, lambda: (read_stat(other) or ("T", 0))[0] == "T"
                    )
                stopped |= others
            yield
        finally:
            for other in stopped:
                send(other, signal.SIGCONT)

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(self.folder / "socket"))
        return client

    def get(self, path):
        with self.connect() as client:
            client.settimeout(DEADLINE)
            client.sendall(b"GET %s HTTP/1.0\r\n\r\n" % path.encode())
            head, body = b"".join(iter(lambda: client.recv(65536), b"")).split(b"\r\n\r\n", 1)
        assert b" 200 OK" in head, head
        return json.loads(body)

    def ask(self, pid, path="/collect"):
        """What this worker answers."""
        with self.only(pid):
            answer = self.get(path)
        assert answer["pid"] == pid
        return answer

    # ---- what it wrote ----

    def stderr(self):
        return (self.folder / "stderr").read_text()

    def events(self, *children):
        """{child: event} of the library's log, once all of these children are in it."""

        def complete():
            found = read_events(self.log)
            return set(children) <= set(found) and found

        return wait_for("events of %s" % (children,), complete)

    # ---- the end ----

    def stop(self):
        """Ends what works in the folder; anything that must be killed for it is an error."""
        asked = set()

        def gone():
            for pid in self.roots() - asked:
                asked.add(pid)
                send(pid, self.end)
            return not working_in(str(self.folder))

        try:
            wait_for("the server's end", gone)
        finally:
            self.kill()

    def kill(self):
        while left := working_in(str(self.folder)):
            for pid in left:
                send(pid, signal.SIGKILL)
        self.process.wait()

    def roots(self):
        """The processes in the folder whose parent is not: masters, or whom they left behind."""
        found = working_in(str(self.folder))
        return {pid for pid in found if (read_stat(pid) or (None, None))[1] not in found}


class Gunicorn(Server):
    def __init__(self, command, folder, options, library=True, app="app:app", **more):
        # A worker that stands still while another one is asked is not dead.
        patient = ["--timeout", "300", "--graceful-timeout", "300"]
        command = [command, "--bind", "unix:socket", "--pid", "pid", *patient, *options, app]
        super().__init__(command, folder, library, **more)

    @cached_property
    def pid(self):
        """The first master's."""
        return self.master()

    def master(self, name="pid"):
        """The master that has written this pid file; its workers are there or soon will be."""

        def from_file():
            assert self.process.poll() in (None, 0), self.stderr()
            try:
                return int((self.folder / name).read_text())
            except FileNotFoundError:
                return None

        return wait_for("the pid file %s" % name, from_file)
