"""Debian's uWSGI: a C host whose master forks with the GIL released.

The application tells about the process that serves it: its collector, and how much memory it
copies when it runs a full collection.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest
from conftest import EVENT, environment

UWSGI = shutil.which("uwsgi")
pytestmark = pytest.mark.skipif(not UWSGI, reason="uWSGI is not installed")

DEADLINE = 60
HEAP = 200000
SHARED = 2 * 1024  # KiB that a frozen worker may copy in a collection

APPLICATION = """
import gc, json, os, sys

heap = [[i] for i in range(%d)]
if os.environ.get("APPLICATION_THREAD"):
    import threading
    threading.Thread(target=threading.Event().wait, daemon=True).start()

def dirty():
    with open("/proc/self/smaps_rollup") as rows:
        return sum(int(row.split()[1]) for row in rows if row.startswith("Private_Dirty"))

def application(environ, start_response):
    gc.disable()
    before = dirty()
    gc.collect()
    growth = dirty() - before
    gc.enable()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"pid": os.getpid(), "growth": growth, "frozen": gc.get_freeze_count(),
                        "threshold": gc.get_threshold(), "enabled": gc.isenabled(),
                        "version": sys.version_info[:2]}).encode()]
""" % HEAP


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def wait_for(what, condition):
    """Asks again and again, until the answer is true."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.01)
    raise AssertionError("%s: not within %d s" % (what, DEADLINE))


class Server:
    def __init__(self, directory, options, **knobs):
        self.directory = directory
        self.socket = str(directory / "socket")
        self.log = directory / "log"
        (directory / "application.py").write_text(APPLICATION)
        (directory / "second.py").write_text(APPLICATION)
        self.statistics = str(directory / "statistics") if "--master" in options else None
        if "--mount" not in options:
            options = options + ["--wsgi-file", "application.py"]
        if self.statistics:
            options = options + ["--stats", self.statistics]
        command = [UWSGI, "--plugin", "python3", "--http-socket", self.socket, "--need-app"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command + options,
                cwd=directory,
                env=environment(**knobs),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self):
        return self

    def all_workers_accept(self):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(DEADLINE)
            connection.connect(self.statistics)
            with connection.makefile() as text:
                return all(worker["accepting"] for worker in json.load(text)["workers"])

    def stop(self):
        """With a master: as an administrator does it. uWSGI loses a signal that reaches a worker
        before that has set its handlers, so all of them must have come that far."""
        if self.statistics:
            wait_for("all workers", self.all_workers_accept)
            self.process.send_signal(signal.SIGINT)
            self.process.wait(DEADLINE)

    def __exit__(self, kind, *_):
        try:
            if not kind:
                self.stop()
        finally:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            if kind:
                print(self.log.read_text())

    def get(self, path="/"):
        """The worker's answer, or None as long as nobody listens or a worker died on it."""
        assert self.process.poll() is None, self.log.read_text()
        connection = Connection(self.socket)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == 200
            return json.loads(response.read())
        except (ConnectionError, FileNotFoundError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def first_answer(self, path="/"):
        return wait_for("an answer", lambda: self.get(path))

    def events(self, count):
        """The first `count` decisions, as soon as they are in the log."""

        def decisions():
            found = [(event, reason) for event, reason, _ in EVENT.findall(self.log.read_text())]
            return found if len(found) >= count else None

        return wait_for("%d events" % count, decisions)


@pytest.fixture
def uwsgi(tmp_path):
    return lambda *options, **knobs: Server(tmp_path, list(options), **knobs)


@pytest.fixture(scope="module")
def unaided(tmp_path_factory):
    """A worker's answer where the library is inert."""
    with Server(tmp_path_factory.mktemp("unaided"), list(MASTER), **{"": 0}) as server:
        return server.first_answer()


def assert_same_settings(answer, unaided):
    assert (answer["threshold"], answer["enabled"]) == (unaided["threshold"], unaided["enabled"])


FREEZE = ("freeze", "first-worker-fork")
AGAIN = ("skip", "nothing-new")

MASTER = ("--master", "--workers", "2")
KINDS = {
    "default": MASTER,
    "enable-threads": MASTER + ("--enable-threads",),
    "threads": MASTER + ("--threads", "2"),
    "fork-hooks": MASTER + ("--py-call-uwsgi-fork-hooks",),
    "after-fork": MASTER + ("--py-call-osafterfork", "--enable-threads"),
    "single-interpreter": MASTER + ("--single-interpreter",),
}


@pytest.mark.parametrize("kind", KINDS)
def test_workers_share_the_heap_and_keep_their_settings(uwsgi, unaided, kind):
    if kind == "after-fork" and unaided["version"] >= [3, 13]:
        pytest.skip(
            "uWSGI calls PyOS_AfterFork_Child without PyOS_BeforeFork, and from 3.13 on its workers"
            " abort over that, with and without the library"
        )
    with uwsgi(*KINDS[kind]) as server:
        answer = server.first_answer()
        assert server.events(2) == [FREEZE, AGAIN]
    assert_same_settings(answer, unaided)
    assert answer["frozen"] > HEAP
    assert answer["growth"] <= SHARED


def test_without_the_library_a_collection_copies_the_heap(unaided):
    assert unaided["growth"] > 4 * SHARED
    assert unaided["frozen"] < HEAP


def test_second_worker_of_a_server_without_master_shares_with_the_first(uwsgi, unaided):
    with uwsgi("--workers", "2") as server:
        answer = server.first_answer()
        assert server.events(1) == [FREEZE]
    assert_same_settings(answer, unaided)
    assert answer["frozen"] > HEAP


def test_lazy_applications_have_nothing_to_share_and_keep_their_settings(uwsgi, unaided):
    with uwsgi(*MASTER, "--lazy-apps") as server:
        answer = server.first_answer()
        assert server.events(2) == [FREEZE, AGAIN]
    assert_same_settings(answer, unaided)
    assert answer["frozen"] < HEAP


def test_killed_worker_is_replaced_by_one_that_shares(uwsgi, unaided):
    with uwsgi("--master", "--workers", "1") as server:
        first = server.first_answer()
        os.kill(first["pid"], signal.SIGKILL)

        def replacement():
            answer = server.get()
            return answer if answer and answer["pid"] != first["pid"] else None

        second = wait_for("a new worker", replacement)
        assert server.events(2) == [FREEZE, AGAIN]
    assert_same_settings(second, unaided)
    assert second["growth"] <= SHARED


def test_reloaded_server_freezes_again(uwsgi, unaided):
    with uwsgi("--master", "--workers", "1") as server:
        first = server.first_answer()
        server.process.send_signal(signal.SIGHUP)  # the master executes itself

        def replacement():
            answer = server.get()
            return answer if answer and answer["pid"] != first["pid"] else None

        second = wait_for("a new worker", replacement)
        assert server.events(2) == [FREEZE, FREEZE]
    assert_same_settings(second, unaided)
    assert second["growth"] <= SHARED


def test_application_with_a_thread_in_the_master(uwsgi, unaided, monkeypatch):
    monkeypatch.setenv("APPLICATION_THREAD", "1")
    with uwsgi(*MASTER, "--enable-threads") as server:
        answer = server.first_answer()
        assert server.events(2) == [FREEZE, AGAIN]
    assert_same_settings(answer, unaided)
    assert answer["growth"] <= SHARED


TWO_APPLICATIONS = MASTER + (
    "--mount", "/a=application.py", "--mount", "/b=second.py", "--manage-script-name",
)


def test_two_applications_are_left_alone(uwsgi, unaided):
    with uwsgi(*TWO_APPLICATIONS) as server:
        first, second = server.first_answer("/a"), server.first_answer("/b")
        assert server.events(2) == [("skip", "sub-interpreters")] * 2
    assert first["frozen"] < HEAP and second["frozen"] < HEAP
    assert_same_settings(second, unaided)


@pytest.mark.xfail(strict=True, reason="the main interpreter's collector stays put off")
def test_two_applications_keep_their_settings(uwsgi, unaided):
    with uwsgi(*TWO_APPLICATIONS) as server:
        first = server.first_answer("/a")
    assert_same_settings(first, unaided)
