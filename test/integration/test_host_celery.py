"""Celery's prefork pool (billiard), with Redis between clients and workers."""

import signal

import pytest
from servers.host import Row, versions
from servers.queues import Celery, interpreter
from servers.report import MODES
from servers.scenario import Outcome, assert_heap_stays_shared
from servers.warming import said

FREEZE = ("freeze", "first-worker-fork")
AGAIN = ("skip", "nothing-new")


@pytest.fixture(scope="module", params=versions())
def version(request):
    return request.param


@pytest.fixture(scope="module")
def celery(version, tmp_path_factory):
    def start(folder, options=("--concurrency", "2"), **more):
        return Celery(python, folder, options, variables={"AUTOSCALE_KEEPALIVE": "1"}, **more)

    row = Row("Celery", version, tmp_path_factory.mktemp("celery"), start)
    python = interpreter(row)
    return row


TWO_WORKERS = """
assert results([send("add", n, n) for n in range(20)]) == [2 * n for n in range(20)]
answer = hold(2)
"""


def two_workers(server):
    return server.ask(TWO_WORKERS)


def decisions(server, answers):
    """[(event, reason)] of the forks of the workers that answered, as they came."""
    pids = pids_of(answers)
    found = server.events(*pids)
    return [(event["event"], event["reason"]) for child, event in found.items() if child in pids]


def assert_shared(celery, answers):
    """Each worker shares the heap and has the collector of a worker without the library."""
    plain = celery.run("without", two_workers, library=False).answers[0]
    assert_heap_stays_shared(Outcome(None, answers), Outcome(None, [plain] * len(answers)))


@pytest.mark.parametrize("mode", MODES)
def test_workers_share_what_the_application_loaded(celery, mode):
    ours = celery.assert_heap_stays_shared(mode, two_workers)
    assert decisions(ours.server, ours.answers) == [FREEZE, AGAIN]


def test_workers_are_replaced_after_their_tasks(celery, tmp_path):
    options = ["--concurrency", "2", "--max-tasks-per-child", "1"]
    with celery.start(tmp_path / "server", options) as server:
        answers = server.ask("answer = hold(2) + hold(2)")
        assert len(pids_of(answers)) == 4
        assert decisions(server, answers) == [FREEZE] + 3 * [AGAIN]
    assert_shared(celery, answers)


def test_pool_grows_and_shrinks_with_the_load(celery, tmp_path):
    with celery.start(tmp_path / "server", ["--autoscale", "3,1"]) as server:
        first = server.ask("answer = hold(3)")
        server.workers(1)
        second = server.ask("answer = hold(3)")
        answers = first + [answer for answer in second if answer["pid"] not in pids_of(first)]
        assert len(pids_of(first)) == len(pids_of(second)) == 3
        assert len(answers) == 5
        assert decisions(server, answers) == [FREEZE] + 4 * [AGAIN]
    assert_shared(celery, answers)


def test_warm_shutdown_lets_a_task_finish(celery, tmp_path):
    with celery.start(tmp_path / "server", ["--concurrency", "1"]) as server:
        running = server.ask("answer = send('hold').id; started(1)")
        server.send_signal(signal.SIGTERM)
        server.wait_for_line("Warm shutdown")
        answer = server.ask("release(1); answer = app.AsyncResult(%r).get(60)" % running)
        assert server.process.wait(60) == 0
    assert_shared(celery, [answer])


WARMED = """
import os, app

def load():
    app.at_import["warmed"] = os.getpid()
"""


def test_function_is_run_before_the_first_worker_is_forked(celery, tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "warmed.py").write_text(WARMED)
    knobs = {"LOG": "info", "WARMUP": "warmed:load warmed:absent"}
    with celery.start(folder, ["--concurrency", "2"], knobs=knobs) as server:
        answers = two_workers(server)
        found = said(server)
        master = server.pid
    assert found.outcome == (1, 1, {"function": 1})
    assert found.about("warmed:absent").startswith("raised AttributeError")
    assert {answer["at_import"]["warmed"] for answer in answers} == {master}
    assert len(pids_of(answers)) == 2


def pids_of(answers):
    return {answer["pid"] for answer in answers}
