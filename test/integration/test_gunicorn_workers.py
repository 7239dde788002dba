"""Gunicorn's workers of every kind: their memory, their collector, and what the log says."""

import pytest
from servers.scenario import MUCH_KB, assert_heap_stays_shared, assert_same_settings, gunicorn

KINDS = {
    "sync": ["--worker-class", "sync"],
    "gthread": ["--worker-class", "gthread", "--threads", "4"],
    "gevent": ["--worker-class", "gevent"],
}


def ask_two_workers(server):
    return [server.ask(pid) for pid in server.workers(2)]


@pytest.fixture(params=KINDS)
def kind(request, gunicorn):
    if request.param == "gevent":
        gunicorn.require_module("gevent")
    return ["--workers", "2", *KINDS[request.param]]


def test_preloaded_heap_stays_shared(gunicorn, kind):
    ours, plain = gunicorn.compare(["--preload", *kind], ask_two_workers)
    assert_heap_stays_shared(ours, plain)
    if "gevent" not in kind:
        # gevent has touched every tracked object before: it looks for locks when it patches
        assert all(answer["growth_kb"] >= MUCH_KB for answer in plain.answers)
    master = ours.answers[0]["at_import"]["pid"]
    assert ours.events() == [
        (master, "freeze", "first-worker-fork"),
        (master, "skip", "nothing-new"),
    ]


def test_collector_is_put_off_while_the_application_is_preloaded(gunicorn):
    ours, plain = gunicorn.compare(["--preload", "--workers", "2"], ask_two_workers)
    for answer in ours.answers:
        assert answer["after_import"]["collections"] == 0 < plain.answers[0]["after_import"]["collections"]
        assert answer["at_import"]["enabled"]
        assert answer["at_import"]["threshold"] == plain.answers[0]["at_import"]["threshold"]
        assert answer["threshold"] == plain.answers[0]["at_import"]["threshold"]


def test_application_imported_by_workers_finds_its_own_collector(gunicorn, kind):
    ours, plain = gunicorn.compare(kind, ask_two_workers)
    assert_same_settings(ours, plain)
    for answer in ours.answers:
        assert answer["at_import"]["pid"] == answer["pid"]
        assert answer["at_import"]["threshold"] == plain.answers[0]["at_import"]["threshold"]
        assert 0 < answer["frozen"] < answer["records"]
    events = ours.events()
    assert [event[1:] for event in events] == [
        ("freeze", "first-worker-fork"),
        ("skip", "nothing-new"),
    ]


def test_nothing_is_written_to_stderr_unless_asked(gunicorn):
    options = ["--preload", "--workers", "2"]
    quiet = gunicorn.run(options, ask_two_workers, knobs={})
    assert "Booting worker" in quiet.server.stderr()
    assert "gcfreeze" not in quiet.server.stderr()


def test_a_line_for_each_fork_is_written_to_stderr_when_asked(gunicorn):
    options = ["--preload", "--workers", "2"]
    outcome = gunicorn.run(options, ask_two_workers, knobs={"LOG": "info"})
    lines = [line for line in outcome.server.stderr().splitlines() if "gcfreeze" in line]
    assert len(lines) == 2
    assert " freeze first-worker-fork child=%d" % outcome.answers[0]["pid"] in lines[0]
    assert " skip nothing-new child=%d" % outcome.answers[1]["pid"] in lines[1]
