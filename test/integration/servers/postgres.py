"""A PostgreSQL of its own for a test, on a socket in its folder and on an address that nobody else has."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from servers.process import own_address, wait_for

# Debian puts it where no PATH leads.
BINARIES = [Path(found).resolve().parent for found in filter(None, [shutil.which("initdb")])]
BINARIES += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
BINARIES = next((folder for folder in BINARIES if (folder / "postgres").exists()), None)


def free_port(address):
    with socket.create_server((address, 0)) as server:
        return server.getsockname()[1]


class Postgres:
    """`unix` and `tcp` say where, as libpq takes it."""

    def __init__(self):
        # it refuses to be root, and then nobody's folders are not in root's
        self.user = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
        self.user = self.user if os.getuid() == 0 else {}
        self.folder = Path(tempfile.mkdtemp(prefix="gcfreeze-postgres-"))
        if self.user:
            shutil.chown(self.folder, "nobody", self.user["group"])
        self.log = self.folder / "log"
        address = own_address()
        port = free_port(address)
        self.unix = "host=%s port=%d user=tester dbname=postgres" % (self.folder, port)
        self.tcp = "host=%s port=%d user=tester dbname=postgres" % (address, port)
        self.peers = {"unix": "%s/.s.PGSQL.%d" % (self.folder, port), "tcp": "%s:%d" % (address, port)}
        self.run(["initdb", "-D", "data", "-U", "tester", "--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8"]).wait()
        self.process = self.run(
            ["postgres", "-D", "data", "-k", self.folder, "-h", address, "-p", str(port), "-F"]
        )  # fmt: skip

    def run(self, command):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        with open(self.log, "a") as log:
            return subprocess.Popen(
                [BINARIES / command[0], *command[1:]], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, **self.user,
            )  # fmt: skip

    def __enter__(self):
        try:
            wait_for("postgres", self.answers)
        except BaseException:
            self.__exit__()
            raise
        return self

    def answers(self):
        assert self.process.poll() is None, self.log.read_text()
        return "ready to accept connections" in self.log.read_text()

    def backends(self):
        """{the backend of each connection: the process that opened it}, of those that name themselves warm-PID."""
        query = "SELECT pid, substr(application_name, 6) FROM pg_stat_activity WHERE application_name LIKE 'warm-%'"
        psql = [BINARIES / "psql", "-AtX", "-c", query, self.unix]
        rows = subprocess.run(psql, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        return {int(backend): int(pid) for backend, pid in (row.split("|") for row in rows)}

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
        self.process.wait()
        shutil.rmtree(self.folder)
