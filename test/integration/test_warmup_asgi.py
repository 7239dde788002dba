"""GCFREEZE_WARMUP and event loops: gunicorn's own workers for ASGI, and uvicorn's on each version of Python."""

import pytest
from conftest import ROOT
from servers.host import versions
from servers.scenario import COMMANDS
from servers.warming import said, start


def uvicorns():
    """The same releases for each version; those that script/bootstrap hosts installs."""
    for version in versions():
        if isinstance(version, str):
            yield pytest.param(("uvicorn", version), id="uvicorn-" + version, marks=pytest.mark.long)


@pytest.fixture(params=[pytest.param(("asgi", None), id="gunicorn"), *uvicorns()])
def host(request, tmp_path):
    """host(application, words): starts it."""
    kind, version = request.param
    worker = {"asgi": "asgi", "uvicorn": "uvicorn_worker.UvicornWorker"}[kind]
    command = COMMANDS["current"]
    if version:
        folder = ROOT / ".venv" / ("uvicorn-" + version) / "bin"
        command = str(folder / "gunicorn")
        if not (folder / "uvicorn").exists():
            pytest.skip("not installed: uvicorn for Python " + version)

    def started(application, words, **more):
        options = ["--preload", "--workers", "2", "--worker-class", worker]
        return start(command, tmp_path / "server", options, words, app="warm_asgi:" + application, **more)

    return started


def answers_of(server):
    return [server.ask(pid, "/seen") for pid in server.workers(2)]


def assert_loaded_in(master, answers, words):
    for answer in answers:
        for word in words:
            assert answer["seen"].get(word) == [master], (word, answer["seen"])


def test_pages_are_asked_for_in_a_loop_with_a_lifespan(host):
    words = "/load /x%20y?q=1 https://shop.example:8443/a /executor /log /302 /fork warm:asynchronous warm:function"
    with host("application", words) as server:
        answers = answers_of(server)
        found = said(server)
        master = server.pid
    assert found.lines == []
    assert found.outcome == (9, 0, {"200": 6, "302": 1, "function": 2})
    paths = ["/load", "/x y", "/a", "/executor", "/log", "/302", "/fork"]
    assert_loaded_in(master, answers, [*paths, "asynchronous", "function"])
    for answer in answers:
        # once around all pages in the parent; and then the worker's own
        assert answer["life"] == [["startup", master], ["shutdown", master], ["startup", answer["pid"]]]
        assert [request["path"] for request in answer["asked"]] == paths
        assert answer["asked"][1] == {
            "path": "/x y", "raw_path": "/x%20y", "query": "q=1", "scheme": "http", "host": "localhost",
            "server": ["localhost", 80], "state": {"from_lifespan": 1},
        }  # fmt: skip
        assert answer["asked"][2] == {
            "path": "/a", "raw_path": "/a", "query": "", "scheme": "https", "host": "shop.example:8443",
            "server": ["shop.example", 8443], "state": {"from_lifespan": 1},
        }  # fmt: skip


WRONG = {
    "/loop": "keeps its event loop in use",
    "/lock": "keeps its event loop in use",
    "/raise": "raised ValueError: asynchronous",
    "/500": "answered 500",
    "/thread": "leaves a thread running (stays)",
    "/socket": "leaves a socket open",
    "/end": "ended the process with exit status 3",
}


def test_what_would_not_live_in_a_workers_loop_is_left_out(host):
    words = [word for bad in WRONG for word in (bad, "/after" + bad)] + ["/task"]
    with host("application", " ".join(words), seconds=300) as server:
        answers = answers_of(server)
        found = said(server)
        master = server.pid
    for word, why in WRONG.items():
        assert found.about(word).startswith(why), found.about(word)
    assert len(found.lines) == len(WRONG)
    good = [word for word in words if word not in WRONG]
    assert found.outcome == (len(good), len(WRONG), {"200": len(good)})
    assert_loaded_in(master, answers, good)  # a task that goes on is cancelled with its loop
    for answer in answers:
        assert answer["held"] == 0
        assert [stage for stage, pid in answer["life"] if pid == master] == ["startup", "shutdown"] * (
            len(answer["life"]) // 2
        )


@pytest.mark.parametrize("application", ["without_lifespan", "raising_lifespan", "threaded_lifespan"])
def test_other_lifespans(host, application):
    with host(application, "/load /log") as server:
        answers = answers_of(server)
        found = said(server)
        master = server.pid
    assert (found.lines, found.outcome) == ([], (2, 0, {"200": 2}))
    assert_loaded_in(master, answers, ["/load", "/log"])
    for answer in answers:
        assert len(answer["threads"]) == 1 + (application == "threaded_lifespan"), "the worker's own lifespan"


def test_lifespan_that_fails_leaves_its_pages_out(host):
    """No worker of such an application starts, so there is only the log."""
    with host("failing_lifespan", "/load /log warm:function") as server:
        server.process.wait(60)
        found = said(server)
    assert [line for line in found.lines if "/load" in line] == [
        "/load its lifespan's startup failed: no database; it is left out"
    ]
    assert found.outcome[:2] == (1, 2)
