"""gunicorn: every request is answered rightly, or was in a worker that was killed."""

import collections
import json
import socket
import threading
import time

from conftest import ROOT
from servers.server import Gunicorn

from chaos import Chaos
from holdings import growth, thirds
from log import decisions, judge_log, passes

COMMAND = str(ROOT / ".venv" / "gunicorn" / "bin" / "gunicorn")
RECORDS = 50000
WORKERS = 4
CLIENTS = 6
PAUSE = 0.05  # seconds of a client between two requests
GRACE = 30

# options, knobs, and how many requests one worker has at a time
VARIANTS = {
    "sync": (["--max-requests", "24"], {"MODE": "immortal", "RESHARE": "1"}, 1),
    # every wait does a whole pass, and there is much to give back: objects stay mortal
    "threads": (
        ["--max-requests", "24", "--threads", "4"],
        {"RESHARE": "1", "RESHARE_THREADS": "on", "TEST_RESHARE": "always"},
        CLIENTS,
    ),
}

# Notes down who begins to serve which request, before it does.
APPLICATION = """
import os, app as heap
journal = os.open("journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

def app(environ, start_response):
    os.write(journal, b"%s %d\\n" % (environ["QUERY_STRING"].encode(), os.getpid()))
    return heap.app(environ, start_response)
"""

# What the application is asked for, each by so many of a hundred requests.
PATHS = ["/"] * 90 + ["/read"] * 8 + ["/collect"] * 2

Failure = collections.namedtuple("Failure", "number began ended what")


class Clients:
    """Threads that ask one after another until they are stopped."""

    def __init__(self, server, random):
        self.server = server
        self.paths = [random.choice(PATHS) for _ in range(10007)]
        self.numbers = iter(range(1 << 62))
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.answered = 0
        self.pids = set()
        self.failures = []
        self.wrong = []
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def work(self):
        while not self.stopped.is_set():
            with self.lock:
                number = next(self.numbers)
            began = time.monotonic()
            try:
                answer = self.ask(number)
            except (OSError, ValueError) as error:
                with self.lock:
                    self.failures.append(Failure(number, began, time.monotonic(), repr(error)))
            else:
                with self.lock:
                    self.answered += 1
                    self.pids.add(answer["pid"])
                    if answer["records"] != RECORDS or not answer.get("right", True):
                        self.wrong.append((number, answer))
            self.stopped.wait(PAUSE)

    def ask(self, number):
        path = self.paths[number % len(self.paths)]
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(str(self.server.folder / "socket"))
            client.sendall(b"GET %s?%d HTTP/1.0\r\n\r\n" % (path.encode(), number))
            text = b"".join(iter(lambda: client.recv(65536), b""))
        head, _, body = text.partition(b"\r\n\r\n")
        if b" 200 OK" not in head:
            raise ValueError("answered %r" % text[:200])
        return json.loads(body)


def read_journal(path):
    """{request: pid of the worker that began to serve it}"""
    return dict(map(int, line.split()) for line in path.read_text().splitlines())


def unexcused(failures, kills, journal, at_once):
    """The failures that are not a killed worker's. A worker has `at_once` requests at the most."""
    charged = collections.Counter()
    for failure in failures:
        pid = journal.get(failure.number)
        for kill in kills:
            # nobody knows whose it was if the worker did not come to note it down
            if pid not in (None, kill.pid) or not kill.overlaps(failure.began, failure.ended):
                continue
            if charged[kill] < at_once:
                charged[kill] += 1
                break
        else:
            yield "request %d in worker %s: %s" % (failure.number, pid, failure.what)


def soak(variant, folder, seconds, random, library=True):
    """(figures, faults)"""
    own, knobs, at_once = VARIANTS[variant]
    folder.mkdir(parents=True)
    (folder / "soaked.py").write_text(APPLICATION)
    knobs = {"LOG": "info", "LOG_FILE": folder / "events", "LOG_FORMAT": "json", **knobs}
    options = [*own, "--preload", "--workers", str(WORKERS), "--graceful-timeout", str(GRACE)]
    server = Gunicorn(
        COMMAND, folder, options, library, app="soaked:app", knobs=knobs,
        variables={"APP_RECORDS": str(RECORDS)},
    )  # fmt: skip
    with server:
        server.workers(WORKERS)
        chaos = Chaos(
            server.pid, random, kill_every=6, reload_at=range(40, int(seconds), 40), grace=2 * GRACE
        )

        def check():
            assert server.process.poll() is None, server.stderr()[-3000:]

        with Clients(server, random) as clients:
            chaos.run(seconds, check)
        server.stop()
    journal = read_journal(folder / "journal")
    faults = growth([sample for _, sample in chaos.samples])
    faults += unexcused(clients.failures, chaos.kills, journal, at_once)
    faults += ["wrong answer to %d: %s" % wrong for wrong in clients.wrong]
    faults += ["worker %d did not go when it was told to" % pid for pid in chaos.stuck]
    figures = {
        "requests": clients.answered,
        "workers that served, by pid": len(set(journal.values())),
        "killed": len(chaos.kills),
        "requests without an answer": len(clients.failures),
        "HUP": len(chaos.reloads),
        **thirds([sample for _, sample in chaos.samples]),
    }
    if library:
        faults += judge_log(server.log, server.pid, clients.pids)
        figures["forks"] = sum(decisions(server.log, server.pid).values())
        figures["passes"] = passes(server.log)
    return figures, faults
