"""Apache with mod_wsgi. It loads applications in its children alone: there is little to freeze, and
by default nothing, because Python is not initialized before the fork."""

import pytest
from servers.apache import Apache, children_survive, problem, public_folder
from servers.host import Row, debian_version, versions
from servers.report import MODES

# The server initializes Python, and its children inherit that.
EARLY = ["WSGILazyInitialization Off"]
# The application runs in the main interpreter, not in a sub-interpreter of its own.
MAIN = ["WSGIApplicationGroup %{{GLOBAL}}"]

KINDS = ["daemon", "embedded"]


@pytest.mark.parametrize("version", versions())
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_measured(kind, version):
    row = Row("Apache, mod_wsgi (%s)" % kind, version, None, None)
    if version == debian_version():
        row.skip("mod_wsgi loads applications after the fork")
    row.skip("Debian's mod_wsgi is made for Debian's Python alone")


@pytest.fixture(params=KINDS)
def apache(request):
    if problem():
        pytest.skip(problem())

    def run(options, library=True, **more):
        """Two answers with a graceful restart between them, then a stop. [(answer, event)]"""
        with public_folder() as folder:
            daemon = request.param == "daemon"
            with Apache(folder / "server", options, daemon, library, **more) as server:
                server.wait_until_started(1)
                first = server.answer()
                server.restart_gracefully()
                answers = [first, server.answer(besides=first)]
                events = server.events(*[answer["pid"] for answer in answers]) if library else {}
                server.stop()
                assert server.process.returncode == 0
                assert "exit signal" not in server.stderr()
        return [(answer, events.get(answer["pid"])) for answer in answers]

    return run


def decision(event):
    return event["event"], event["reason"], event["caller"]


def settings(answers):
    return [(answer["threshold"], answer["enabled"]) for answer, _ in answers]


@pytest.mark.parametrize("interpreter", [MAIN, []], ids=["main", "own"])
def test_server_that_has_not_initialized_python_says_so(apache, interpreter):
    ours, plain = apache(interpreter), apache(interpreter, library=False)
    for answer, event in ours:
        assert decision(event) == ("skip", "not-initialized", "unknown")
        assert answer["frozen"] < answer["records"]
    assert settings(ours) == settings(plain)


@children_survive
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("interpreter", [MAIN, []], ids=["main", "own"])
def test_server_that_has_initialized_python_freezes(apache, interpreter, mode):
    ours = apache(EARLY + interpreter, mode=mode)
    plain = apache(EARLY + interpreter, library=False)
    for (answer, event), (without, _) in zip(ours, plain):
        assert decision(event) == ("freeze", "first-worker-fork", "C host")
        assert answer["frozen"] < answer["records"]
        # the modules that were there, and only in the interpreter that was there
        inherits = interpreter == MAIN
        assert (answer["frozen"] > without["frozen"]) == inherits
    assert settings(ours) == settings(plain)
