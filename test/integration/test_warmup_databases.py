"""GCFREEZE_WARMUP and pages that open connections to a real PostgreSQL: no two workers share one."""

import pytest
from servers.postgres import BINARIES, Postgres
from servers.scenario import gunicorn  # noqa: F401: a fixture
from servers.warming import said, start

pytestmark = pytest.mark.skipif(not BINARIES, reason="not installed: PostgreSQL")
PRELOAD = ["--preload", "--workers", "2"]


@pytest.fixture(scope="module")
def postgres():
    with Postgres() as postgres:
        yield postgres


@pytest.mark.parametrize("kind", ["sync", pytest.param("gthread", marks=pytest.mark.long)])
def test_workers_have_connections_of_their_own(gunicorn, postgres, tmp_path, kind):  # noqa: F811
    gunicorn.require_module("psycopg")
    variables = {"DATABASE_unix": postgres.unix, "DATABASE_tcp": postgres.tcp}
    words = "/load /unix /asked /tcp /302"
    options = [*PRELOAD, "--worker-class", kind]
    with start(gunicorn.command, tmp_path / "server", options, words, variables=variables) as server:
        workers = server.workers(2)
        first = [server.ask(pid, "/backends") for pid in workers]
        last = [server.ask(pid, "/backends") for pid in workers]
        found = said(server)
        master = server.pid
        seen = [server.ask(pid, "/seen")["seen"] for pid in workers]
    for kind in "unix", "tcp":
        line = found.about("/" + kind)
        assert line.startswith("leaves a connection to %s open, which workers must not share:" % postgres.peers[kind])
        assert line.endswith("; it is left out")
    assert found.outcome == (3, 2, {"200": 2, "302": 1})
    assert len(found.lines) == 2
    for answer in seen:
        assert answer["/asked"] == [master] and "/tcp" not in answer
    backends = [backend for answer in first for backend in answer["backends"].values()]
    assert len(set(backends)) == 4
    assert [answer["backends"] for answer in last] == [answer["backends"] for answer in first]
    # nobody else is connected: neither the master nor a trial
    assert sorted(last[-1]["clients"]) == sorted([str(pid) for pid in workers] * 2)


@pytest.mark.parametrize("kind", ["sync", pytest.param("gthread", marks=pytest.mark.long)])
def test_pools_are_closed_as_their_documentation_says(gunicorn, postgres, tmp_path, kind):  # noqa: F811
    for module in "psycopg", "sqlalchemy", "django":
        gunicorn.require_module(module)
    options = [*PRELOAD, "--worker-class", kind]
    words = "/sqlalchemy /django /load"
    with start(
        gunicorn.command, tmp_path / "server", options, words, variables={"DATABASE_tcp": postgres.tcp}
    ) as server:
        workers = server.workers(2)
        answers = [server.ask(pid, "/pools")["backends"] for pid in workers]
        seen = [server.ask(pid, "/seen") for pid in workers]
        found = said(server)
        master = server.pid
    assert (found.lines, found.outcome) == ([], (3, 0, {"200": 3}))
    assert len(set(answers[0] + answers[1])) == 4
    for answer in seen:
        assert answer["seen"]["/django"] == answer["seen"]["/sqlalchemy"] == [master]
        assert "sqlalchemy.dialects.postgresql.psycopg" in answer["modules"]
