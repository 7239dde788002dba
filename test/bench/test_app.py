"""The measured application: what each route does, and the hooks that a measurement asks for."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest

import conftest

ENVIRONMENT = {"BENCH_WORKLOAD": "catalogue", "BENCH_MEGABYTES": "0.2", "BENCH_READS": "30"}
FORK = "import os, bench.workloads.app\nif os.fork() == 0: os._exit(0)\nos.wait()"


@pytest.fixture
def ask(monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    sys.modules.pop("bench.workloads.app", None)
    from bench.workloads.app import application

    def ask(path):
        """(status, what was answered, the worker)"""
        started = []
        environ = {"PATH_INFO": path, "wsgi.input": io.BytesIO()}
        (body,) = application(environ, lambda *line: started.append(line))
        ((status, headers),) = started
        assert dict(headers)["Content-Length"] == str(len(body))
        return int(status.split()[0]), json.loads(body), int(dict(headers)["X-Worker"])

    return ask


def test_routes_read_as_much_as_they_say(ask):
    little, much, everything = (ask(path)[1] for path in ("/little/5", "/much/5", "/read"))
    assert little > 10
    assert 0.5 < much / (everything / 100) < 2


def test_some_entries_are_as_many_as_asked_for(ask):
    assert ask("/some/1")[1] == 30 * ask("/little/5")[1]


def test_what_is_kept_grows(ask):
    assert [ask("/keep/%d" % number)[1] for number in range(3)] == [1, 2, 3]


def test_every_answer_says_who_gave_it(ask):
    assert ask("/who")[2] == ask("/collect")[2] == os.getpid()


def test_an_unknown_page_is_an_error(ask):
    assert ask("/nonsense")[0] == 404


def start(**extra):
    return subprocess.Popen(
        [sys.executable, "-c", FORK], cwd=conftest.ROOT, env={**os.environ, **ENVIRONMENT, **extra}
    )


def test_forks_are_timed(tmp_path):
    with start(BENCH_FORKS=str(tmp_path / "forks")) as process:
        assert process.wait() == 0
    (nanoseconds,) = (tmp_path / "forks").read_text().split()
    assert 1000 < int(nanoseconds) < 60 * 10**9


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(child) for child in file.read().split()]


def stopped(pid):
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rpartition(")")[2].split()[0] == "T"


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_parent_and_worker_stop_right_at_the_fork():
    with start(BENCH_PAUSE="1") as process:
        wait_until(lambda: stopped(process.pid))
        assert children(process.pid) == [], "before its first fork"
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: children(process.pid))
        (worker,) = children(process.pid)
        wait_until(lambda: stopped(worker))
        os.kill(worker, signal.SIGCONT)
        assert process.wait() == 0
