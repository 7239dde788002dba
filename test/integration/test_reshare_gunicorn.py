"""Gunicorn's sync workers with GCFREEZE_RESHARE: memory falls back, and signals work at once."""

import json
import os
import resource
import signal
import threading
from pathlib import Path

import pytest
import resharing
from servers.process import read_stat, wait_for
from servers.scenario import gunicorn
from servers.server import read_whole_lines

# free-threaded builds have no arenas
pytestmark = pytest.mark.gil(True)

PRELOADED = ["--preload", "--workers", "2"]
LITTLE_KB = 14 * 1024  # of a worker that has answered: what is in no arena, and new objects; the heap has 30 MB
MUCH_PAGES = (10 << 20) // resource.getpagesize()


def knobs(installation, **more):
    folder = installation.folder
    log = {"LOG": "info", "LOG_FORMAT": "json", "LOG_FILE": folder / "events"}
    return {"MODE": "freeze", "RESHARE": 1, **log, **more}


def given_back(installation, pid):
    """Pages, by this process's events."""
    events = [json.loads(line) for line in read_whole_lines(installation.folder / "events")]
    passes = [event for event in events if event["event"] == "reshare" and event["pid"] == pid]
    return sum(event["pages_given_back"] for event in passes)


def anonymous_kb(pid):
    rows = Path("/proc/%d/smaps_rollup" % pid).read_text().splitlines()
    return next(int(line.split()[1]) for line in rows if line.startswith("Anonymous:"))


def assert_quiet_end(server):
    """Nobody had to be killed, and no worker hung."""
    said = server.stderr()
    for word in "SIGKILL", "WORKER TIMEOUT", "Traceback":
        assert word not in said, said


def test_a_worker_that_read_everything_falls_back(gunicorn):
    def scenario(server):
        for pid in server.workers(2):
            server.ask(pid, "/")
            assert server.ask(pid, "/read")["right"]
            wait_for("a pass", lambda: given_back(gunicorn, pid) >= MUCH_PAGES)
            assert anonymous_kb(pid) <= LITTLE_KB
            assert server.ask(pid, "/read")["right"]
        return []

    outcome = gunicorn.run(PRELOADED, scenario, knobs=knobs(gunicorn, **resharing.WITHIN_THE_TEST))
    assert_quiet_end(outcome.server)


def test_without_it_the_memory_stays(gunicorn):
    def scenario(server):
        pid = server.workers(2)[0]
        assert server.ask(pid, "/read")["right"]
        copied = anonymous_kb(pid)
        for _ in range(20):
            server.ask(pid, "/")
        assert anonymous_kb(pid) >= copied
        return []

    gunicorn.run(PRELOADED, scenario, knobs=knobs(gunicorn, RESHARE="off"))


class Load:
    """Requests one after the other, in a thread, until the end of the `with`."""

    def __init__(self, server):
        self.server, self.answers, self.errors = server, [], []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.is_set():
            try:
                self.answers.append(self.server.get("/read"))
            except Exception as error:  # told at the end, in the test's own thread
                self.errors.append(error)
                return

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.over.set()
        self.thread.join()


def test_workers_are_replaced_under_load_with_a_pass_at_every_wait(gunicorn):
    def scenario(server):
        old = server.workers(2)
        with Load(server) as load:
            for _ in range(3):
                wait_for("a pass", lambda: any(given_back(gunicorn, pid) >= MUCH_PAGES for pid in old))
                before = len(load.answers)
                server.send_signal(signal.SIGHUP)
                old = server.workers(2, gone=old)
                wait_for("answers of the new workers", lambda: len(load.answers) > before + 5 or load.errors)
        assert not load.errors, load.errors
        assert all(answer["right"] for answer in load.answers)
        return []

    always = knobs(gunicorn, TEST_RESHARE="always")
    outcome = gunicorn.run(PRELOADED, scenario, knobs=always)
    assert_quiet_end(outcome.server)


def test_a_worker_that_is_told_to_end_does(gunicorn):
    def scenario(server):
        first = server.workers(2)
        for pid in first:
            assert server.ask(pid, "/read")["right"]
            os.kill(pid, signal.SIGTERM)
        second = server.workers(2, gone=first)
        os.kill(second[0], signal.SIGKILL)
        third = server.workers(2, gone=second[:1])
        server.send_signal(signal.SIGTERM)
        wait_for("the end of all", lambda: not any(read_stat(pid) for pid in [server.pid, *third]))
        return []

    outcome = gunicorn.run(PRELOADED, scenario, knobs=knobs(gunicorn, TEST_RESHARE="always"))
    assert "WORKER TIMEOUT" not in outcome.server.stderr()
