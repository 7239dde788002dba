"""Event loops after the fork: gunicorn with uvicorn's workers; and uvicorn's own, no forks."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import ROOT
from servers.host import Row, versions
from servers.process import wait_for, working_in
from servers.report import MODES
from servers.scenario import MUCH_KB, assert_same_settings
from servers.server import Gunicorn, Server
from servers.websocket import echo

WORKERS = {"uvloop": "uvicorn_worker.UvicornWorker", "asyncio": "uvicorn_worker.UvicornH11Worker"}


@pytest.fixture(scope="module", params=versions())
def version(request):
    return request.param


@pytest.fixture(scope="module")
def programs(version):
    return ROOT / ".venv" / ("uvicorn-" + version) / "bin"


@pytest.fixture(scope="module", params=WORKERS)
def gunicorn(request, version, programs, tmp_path_factory):
    loop = request.param
    options = ["--preload", "--workers", "2", "--worker-class", WORKERS[loop]]

    def start(folder, **more):
        return Gunicorn(str(programs / "gunicorn"), folder, options, app="asgi:app", **more)

    folder = tmp_path_factory.mktemp("uvicorn")
    row = Row("gunicorn, uvicorn workers (%s)" % loop, version, folder, start)
    if not (programs / "uvicorn").exists():
        row.skip("not installed: uvicorn for Python " + version)
    if loop == "uvloop" and not list(programs.glob("../lib/*/site-packages/uvloop")):
        row.skip("not installed: uvloop for Python " + version)
    row.loop = loop
    return row


def talk_and_ask(server):
    answers = []
    for pid in server.workers(2):
        with server.only(pid):
            assert echo(str(server.folder / "socket"), "text for %d" % pid) == "text for %d" % pid
        answers.append(server.ask(pid))
    return answers


@pytest.mark.parametrize("mode", MODES)
def test_workers_answer_and_share_the_heap(gunicorn, mode):
    ours = gunicorn.assert_heap_stays_shared(mode, talk_and_ask)
    master = ours.server.pid
    assert ours.events() == [
        (master, "freeze", "first-worker-fork"),
        (master, "skip", "nothing-new"),
    ]
    plain = gunicorn.run("without", talk_and_ask, library=False)
    for answer in ours.answers + plain.answers:
        assert answer["loop"].startswith(gunicorn.loop)
        assert answer["at_import"]["pid"] != answer["pid"]
    assert all(answer["growth_kb"] >= MUCH_KB for answer in plain.answers)


def test_running_request_is_completed_by_a_graceful_stop(gunicorn):
    def stop_in_the_middle(server):
        workers = server.workers(2)
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(server.get, "/wait")
            wait_for("the request", (server.folder / "waiting").exists)
            server.send_signal(signal.SIGTERM)
            wait_for("the closed socket", lambda: not (server.folder / "socket").exists())
            assert not answer.done()
            (server.folder / "go").touch()
            assert answer.result()["pid"] in workers
        assert server.process.wait(60) == 0
        return []

    gunicorn.run("stop", stop_in_the_middle)


def ask_spawned(server):
    """The workers that uvicorn's supervisor started as new programs."""
    wait_for("two workers", lambda: server.stderr().count("startup complete") == 2)
    commands = {
        pid: Path("/proc/%d/cmdline" % pid).read_text() for pid in working_in(str(server.folder))
    }
    workers = [pid for pid, command in commands.items() if "spawn_main" in command]
    return [server.ask(pid) for pid in sorted(workers)]


@pytest.fixture
def uvicorn(programs, version, tmp_path):
    command = [str(programs / "python"), "-m", "uvicorn", "--uds", "socket", "--workers", "2"]

    def start(folder, **more):
        return Server([*command, "asgi:app"], folder, **more)

    row = Row("uvicorn --workers", version, tmp_path, start)
    if not (programs / "uvicorn").exists():
        row.skip("not installed: uvicorn for Python " + version)
    return row


def test_workers_that_are_new_programs_are_left_alone(uvicorn):
    ours = uvicorn.run("with", ask_spawned)
    plain = uvicorn.run("without", ask_spawned, library=False)
    for with_library, without in zip(ours.answers, plain.answers, strict=True):
        assert with_library["frozen"] == without["frozen"]
    assert_same_settings(ours, plain)
    uvicorn.no_cell("uvicorn's workers are new programs and share nothing")
