"""What `gcfreeze doctor` says about a command, and what the kernel says once it runs: who has loaded
the application's table, and whose own memory does not have it."""

import json
import os
import signal
import socket
import subprocess
from dataclasses import dataclass, field

from conftest import ROOT, environment

from servers.process import send, wait_for, working_in

CLI = os.environ.get("GCFREEZE_TEST_CLI", str(ROOT / "build-debug" / "gcfreeze"))

# Every application begins like this: objects by the hundred thousand, and each process that loads
# them for itself leaves a file.
APP = """
import os
TABLE = [[number] for number in range(250000)]
open("loaded-%d" % os.getpid(), "w").close()
"""
TABLE = 20 << 20  # it has more
OWN = TABLE // 2  # who shares it, has less: its modules, its buffers

WSGI = """
def app(environ, start):
    start("200 OK", [])
    return [b""]
application = app
"""
# for `python serve.py`
FORK_SERVER = """
import multiprocessing, time
if __name__ == "__main__":
    multiprocessing.set_start_method("forkserver")
    multiprocessing.set_forkserver_preload(["app"])
    for _ in range(2):
        multiprocessing.Process(target=time.sleep, args=(600,)).start()
    time.sleep(600)
"""

MARKS = ["good", "warning", "failure"]


@dataclass
class Row:
    """A command, split at blanks; {host}, {port} and {folder} are filled in, in files too."""

    host: str
    command: str
    app: str
    verdict: str  # the worst mark of what doctor says about preloading
    loads: int  # how many processes load the application
    shares: int = 0  # how many have it from their parent
    files: dict = field(default_factory=dict)
    client: str = ""  # a program that gives it work, for the same Python

    def __str__(self):
        return "%s: %s" % (self.host, self.command.replace("/", "-"))


def shared(host, command, app, shares=2, verdict="good", **more):
    """One process loads, and its workers share what it has loaded."""
    return Row(host, command, app, verdict, 1, shares, **more)


def own(host, command, app, loads=2, verdict="failure", **more):
    """Each has its own."""
    return Row(host, command, app, verdict, loads, **more)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Trial:
    """A row in a folder. `path`: the folders of programs, before all others."""

    def __init__(self, row, folder, path):
        self.row, self.folder, self.path = row, folder, [str(entry) for entry in path]
        self.words = {"{host}": "127.0.0.1", "{port}": str(free_port()), "{folder}": str(folder)}
        self.command = self.filled(row.command).split()
        for name, text in {"app.py": APP + row.app, **row.files}.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(self.filled(text))
        self.process = None

    def filled(self, text):
        for word, value in self.words.items():
            text = text.replace(word, value)
        return text

    def environment(self, library):
        env = environment()
        if not library:
            del env["LD_PRELOAD"]
        path = os.pathsep.join([*self.path, env["PATH"]])
        return {**env, "PATH": path, "PYTHONPATH": str(self.folder), "HOME": str(self.folder)}

    def ask(self, *arguments):
        """What the program prints as JSON; None if it is nothing."""
        done = subprocess.run(
            [CLI, *arguments], env=self.environment(False), cwd=self.folder, stdout=subprocess.PIPE, text=True
        )
        return json.loads(done.stdout) if done.stdout else None

    def verdict(self):
        """(the worst mark, what is said)"""
        found = self.ask("doctor", "--json", "--", *self.command)
        said = [(f["mark"], f["finding"]) for f in found if f["topic"] == "preloading"]
        return max(said, key=lambda one: MARKS.index(one[0]))

    def start(self):
        with open(self.folder / "log", "w") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment(True), cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        if self.row.client:
            client = [self.path[0] + "/python", "-c", self.filled(self.row.client)]
            subprocess.run(client, env=self.environment(False), cwd=self.folder, check=True)

    def stop(self):
        while working_in(str(self.folder)):
            for pid in working_in(str(self.folder)):
                send(pid, signal.SIGKILL)
        if self.process:
            self.process.wait()

    def praised(self):
        """Does doctor find workers that share a heap, in the process or below it?"""
        found = self.ask("doctor", "--json", "--pid", str(self.process.pid))
        return [one["mark"] for one in found if one["topic"] == "frozen"] == ["good"]

    def log(self):
        return (self.folder / "log").read_text()[-4000:]

    def look(self):
        """(those who have loaded the table, those who share it), as stat shows them."""
        assert self.process.poll() is None, self.log()
        view = self.ask("stat", "--json", "--pid", str(self.process.pid))
        members = {one["pid"]: one for one in view["trees"][0]["processes"]} if view else {}
        loaded = {int(path.name[len("loaded-") :]) for path in self.folder.glob("loaded-*")}

        def inherits(one):
            """A fork of one that has loaded it, or of its forks."""
            while one["role"] in ("worker", "parent") and one["parent"] in members:
                one = members[one["parent"]]
                if one["pid"] in loaded:
                    return True
            return False

        heirs = [one for one in members.values() if one["pid"] not in loaded and inherits(one)]
        sharing = [one for one in heirs if one["frozen"] and one["private_bytes"] < OWN]
        return [one for pid, one in members.items() if pid in loaded], sharing

    def settled(self):
        """What look() says when as many load and share as the row tells, the same ones twice."""
        last, pids = [], []

        def condition():
            last[:], before = self.look(), list(pids)
            pids[:] = [[one["pid"] for one in have] for have in last]
            return [len(have) for have in last] == [self.row.loads, self.row.shares] and pids == before and last

        try:
            return wait_for(str(self.row), condition)
        except AssertionError as late:
            said = "%s: %d have loaded it, %d share it" % (late, *map(len, last)) if last else late
            raise AssertionError("%s\n%s" % (said, self.log())) from None


def judge(row, folder, path):
    """Fails if the verdict is another one than the row's, or than what is measured. Prints a row for
    docs/hosts.md."""
    trial = Trial(row, folder, path)
    mark, finding = trial.verdict()
    assert mark == row.verdict, finding
    try:
        trial.start()
        loaded, sharing = trial.settled()
        assert trial.praised() or not sharing
    finally:
        trial.stop()
    assert (mark != "good" or sharing) and (mark != "failure" or not sharing), finding
    if not sharing:
        assert all(one["private_bytes"] > TABLE for one in loaded)
    figures = ", ".join("%d" % (one["private_bytes"] >> 20) for one in sharing or loaded)
    sign = {"good": "✓", "warning": "!", "failure": "✗"}[mark]
    print("| %s | `%s` | %s %s | %s |" % (row.host, row.command, sign, finding, figures))
