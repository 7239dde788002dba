"""GCFREEZE_WARMUP under uWSGI, a C host that forks with Python's locks to spare, or not."""

import pytest
from servers.host import debian_version
from servers.uwsgi import DEBIAN, Uwsgi, command_of
from servers.warming import lay, said

MASTER = ["--master", "--workers", "2"]
WORDS = "/load /log /500 /x%20y?q warm:function /thread"


@pytest.fixture
def start(tmp_path):
    command, problem = command_of(DEBIAN, debian_version())
    if problem:
        pytest.skip(problem)

    def start(*options, words=WORDS):
        folder = lay(tmp_path / "server")
        knobs = {"LOG": "info", "WARMUP": words, "WARMUP_SECONDS": 60}
        return Uwsgi(command, folder, [*MASTER, *options], knobs=knobs)

    return start


def ask(server):
    answers = [server.ask(pid, "/seen") for pid in server.workers()]
    return answers, said(server)


MODULE = ["--module", "warm:application"]
KINDS = {
    "module": MODULE,
    "threads": [*MODULE, "--threads", "2"],
    "file": ["--wsgi-file", "warm.py", "--callable", "application"],
    "callable": ["--module", "warm", "--callable", "application"],
    "fork-hooks": [*MODULE, "--py-call-uwsgi-fork-hooks"],
}


LONG = ("threads", "callable", "fork-hooks")


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.long] * (kind in LONG)) for kind in KINDS])
def test_the_callable_is_asked_or_the_log_says_why_not(start, kind):
    with start(*KINDS[kind]) as server:
        answers, found = ask(server)
        master = server.pid
    if not found.events:
        assert len(found.lines) == 1 and found.lines[0].endswith(": nothing is warmed up"), found.lines
        assert kind == "fork-hooks", found.lines
        assert "holds the import lock when it forks" in found.lines[0]
        return
    assert found.outcome == (4, 2, {"200": 3, "function": 1}), found.lines
    assert found.about("/500").startswith("answered 500")
    assert found.about("/thread").startswith("leaves a thread running")
    for answer in answers:
        assert answer["parent"] == master
        for word in "/load", "/log", "/x y":
            assert answer["seen"][word] == [master]
        assert kind == "file" or answer["seen"]["function"] == [master]


def test_application_that_workers_load_is_not_asked_in_the_master(start):
    with start(*MODULE, "--lazy-apps") as server:
        answers, found = ask(server)
    assert len(found.lines) == 1, found.lines
    assert "uWSGI has loaded no application before it forks" in found.lines[0]
    for answer in answers:
        assert answer["seen"] == {"at_import": answer["pid"]}
