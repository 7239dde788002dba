"""What measures reshare: workers that rest, have a little to do, or are never idle."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench import light, rest
from bench.support.setup import PROGRAMS, Python, Setup
from bench.support.watch import Watch

PYTHONS = [Python(version, "/no/such/python") for version in ("3.8.18", "3.11.2", "3.11.7", "3.13.0")]


def test_the_versions_that_rest_and_the_one_whose_counts_copy():
    setup = Setup("library.so", False, PYTHONS)
    assert [str(python) for python in rest.pythons(setup)] == ["3.8.18", "3.11.7", "3.13.0"]
    assert str(setup.counting) == "3.11.7"
    newest = Setup("library.so", False, PYTHONS[-1:])
    assert rest.pythons(newest) == PYTHONS[-1:] and newest.counting is PYTHONS[-1]


def test_all_that_was_seen_is_remembered():
    sizes, enough = iter([5, 9, 7]), threading.Event()

    def look():
        size = next(sizes, None)
        if size is None:
            enough.set()
        return size

    with Watch(look, every=0.001) as watch:
        assert enough.wait(60)
    assert watch.seen[:4] == [5, 9, 7, None]


class Handler(BaseHTTPRequestHandler):
    """Holds the first request until another one has come."""

    second = threading.Event()

    def do_GET(self):
        if self.path == "/some/0":
            assert self.second.wait(60)
        self.second.set()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_request_is_sent_when_it_is_due_whatever_others_wait_for():
    """One after the other, none would ever be answered."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        words = map(str, (served.server_port, 20, 1))
        command = [sys.executable, str(PROGRAMS / "steady.py"), *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        served.shutdown()
    told = json.loads(done.stdout)
    assert len(told["latencies"]) == 20 and min(told["latencies"]) > 0
    assert told["seconds"] >= 0.95, "the last one is due then"


def test_the_ratio_of_the_slowest_requests_over_windows():
    quick, slow = list(range(100)), [2 * one for one in range(100)]
    assert light.p99_ratio([(quick, slow), (quick, slow)]) == 2
    assert light.p99_ratio([(quick, quick)]) == 1


@pytest.mark.parametrize("kind", ["loader", "pool"])
def test_a_program_that_is_never_idle(kind):
    """Without the library."""
    words = map(str, (640, 2, 1, 10))
    command = [sys.executable, str(PROGRAMS / "busy.py"), kind, *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    pids, rate = map(json.loads, done.stdout.splitlines())
    assert len(set(pids)) == 2 and rate > 0
