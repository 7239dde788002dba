"""uWSGI's workers with threads, and passes beside them (GCFREEZE_RESHARE_THREADS=on): its threads wait for connections
without the interpreter, and with a lock of uWSGI's own.

Up to CPython 3.11 the library can see that nobody has the interpreter; later the workers' log says that nothing is
given back.
"""

import concurrent.futures
import json
import signal

import pytest
import resharing
from resharing import MUCH_PAGES
from servers.host import versions
from servers.process import wait_for
from servers.server import read_whole_lines
from servers.uwsgi import CURRENT, DEBIAN, MODULE, Uwsgi, command_of
from test_reshare_gunicorn import LITTLE_KB, anonymous_kb

RECORDS = 100000
CLIENTS = 4

@pytest.fixture(params=versions())
def version(request):
    return request.param


def is_old(version):
    return tuple(map(int, version.split("."))) < (3, 12)


@pytest.fixture
def old(version):
    if not is_old(version):
        pytest.skip("from 3.12 on nobody can see whether the interpreter is taken")


@pytest.fixture(params=[CURRENT, *(pytest.param(host, marks=pytest.mark.long) for host in (DEBIAN, MODULE))])
def uwsgi(request, version, tmp_path):
    command, problem = command_of(request.param, version)
    if problem:
        pytest.skip(problem)

    def start(*options, workers=2, **knobs):
        folder = tmp_path / "server"
        folder.mkdir()
        log = {"LOG": "info", "LOG_FORMAT": "json", "LOG_FILE": tmp_path / "events"}
        knobs = {"MODE": "freeze", "RESHARE": "1", "RESHARE_THREADS": "on", **log, **knobs}
        options = ["--master", "--workers", str(workers), "--threads", "2", *options]
        return Uwsgi(command, folder, options, knobs=knobs, variables={"APP_RECORDS": str(RECORDS)})

    def events():
        file = tmp_path / "events"  # there is none before the first line
        return [json.loads(line) for line in read_whole_lines(file)] if file.exists() else []

    start.host, start.events = request.param, events
    return start


def given_back(uwsgi, pid):
    passes = [event for event in uwsgi.events() if event["event"] == "reshare" and event["pid"] == pid]
    return sum(event["pages_given_back"] for event in passes)


def assert_quiet_end(server):
    """Nobody had to be killed, and nobody crashed."""
    said = server.stderr()
    for word in "SIGKILL", "DAMN", "SIGSEGV", "Segmentation", "Traceback":
        assert word not in said, said


# The lock is uWSGI's, across all workers: whoever has it is the one that waits.
@pytest.mark.parametrize(
    "options, workers",
    [([], 2), pytest.param(["--thunder-lock"], 1, marks=pytest.mark.long)],
    ids=["threads", "thunder-lock"],
)
def test_workers_that_read_everything_fall_back(uwsgi, old, options, workers):
    with uwsgi(*options, workers=workers, **resharing.WITHIN_THE_TEST) as server:
        for pid in server.workers():
            assert server.ask(pid, "/read")["right"]
            wait_for("a pass", lambda: given_back(uwsgi, pid) >= MUCH_PAGES)
            assert anonymous_kb(pid) <= LITTLE_KB
            assert server.ask(pid, "/read")["right"]
    assert_quiet_end(server)
    assert not [event for event in uwsgi.events() if event["event"] == "message"]


@pytest.mark.long
def test_a_server_is_reloaded_under_load_with_a_pass_at_every_wait(uwsgi, old):
    """uWSGI ends its threads by cancelling them (up to 2.0.23), and exits from a signal handler."""
    if uwsgi.host == MODULE:
        pytest.skip("to be reloaded it executes the interpreter, without what is installed beside it")
    with uwsgi(TEST_RESHARE="always") as server, concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
        workers = server.workers()
        for _ in range(3):
            wait_for("a pass", lambda: sum(given_back(uwsgi, pid) for pid in workers) >= MUCH_PAGES or load(server, clients))
            load(server, clients)
            server.send_signal(signal.SIGHUP)
            workers = server.workers(gone=workers)
        load(server, clients)
    assert_quiet_end(server)


def load(server, clients):
    answers = list(clients.map(server.get, 8 * CLIENTS * ["/read"]))
    assert all(answer["right"] for answer in answers)


def test_where_nothing_is_given_back_one_worker_says_so(uwsgi, version):
    if is_old(version):
        pytest.skip("up to 3.11 pages are given back")
    with uwsgi(LOG="warn") as server:
        workers = server.workers()
        wait_for("the sentence", lambda: server.get("/read")["right"] and uwsgi.events())
        for pid in 2 * workers:
            assert server.ask(pid, "/read")["right"]
    (event,) = uwsgi.events()
    assert (event["event"], event["level"]) == ("message", "warn")
    assert event["message"].startswith("GCFREEZE_RESHARE_THREADS=on has had no effect so far in ")
    assert_quiet_end(server)
