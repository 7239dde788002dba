"""Pages that open connections to a database: a warm-up leaves none that workers would share."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ROOT
from servers.host import NEWEST
from servers.postgres import BINARIES, Postgres
from servers.process import wait_for
from servers.redis import SERVER, Redis
from servers.warming import said, start

# the gate's, and the one that script/bootstrap hosts installs
VENVS = ["connections-%s" % list(NEWEST)[-1], "connections-3.11"]
WORKERS = 3
OPTIONS = ["--preload", "--workers", str(WORKERS)]
WHAT_TO_DO = "open, which workers must not share: close it at the end of the request"


@pytest.fixture(scope="module")
def postgres():
    if BINARIES is None:
        pytest.skip("not installed: a PostgreSQL server")
    with Postgres() as server:
        yield server


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    if SERVER is None:
        pytest.skip("not installed: redis-server")
    server = Redis(tmp_path_factory.mktemp("redis"))
    try:
        yield server
    finally:
        server.stop()


def has_packages(venv, *packages):
    folder = ROOT / ".venv" / venv
    for package in packages:
        if not list(folder.glob("lib/python*/site-packages/%s" % package)):
            pytest.skip("not installed: %s in .venv/%s" % (package, venv))
    return folder


@pytest.fixture(params=[pytest.param(venv, marks=[pytest.mark.long] * (venv != VENVS[0])) for venv in VENVS])
def venv(request):
    return has_packages(request.param, "psycopg")


@pytest.fixture(params=["tcp", "unix"])
def kind(request):
    return request.param


class Site:
    """An application, and the database that it asks."""

    def __init__(self, database, venv, folder, app="warm_postgres", **variables):
        self.database, self.folder, self.app = database, folder / "server", app + ":application"
        self.command = str(venv / "bin" / "gunicorn")
        self.variables = {"MARK": str(folder / "mark"), **variables}

    def start(self, words, **knobs):
        more = {"app": self.app, "seconds": 300, "variables": self.variables, "knobs": knobs}
        return start(self.command, self.folder, OPTIONS, words, **more)


@pytest.fixture
def site(postgres, venv, kind, tmp_path):
    site = Site(postgres, venv, tmp_path, DATABASE=getattr(postgres, kind))
    site.left = "leaves a connection to %s %s" % (postgres.peers[kind], WHAT_TO_DO)
    return site


def ask_together(server, workers):
    """{worker: its backend}, after questions from all of them at once, until each has answered."""
    found = {}

    def all_answered():
        with ThreadPoolExecutor(2 * WORKERS) as pool:
            for answer in pool.map(server.get, ["/numbers"] * 4 * WORKERS):
                assert found.setdefault(answer["pid"], answer["backend"]) == answer["backend"]
        return found.keys() == set(workers)

    wait_for("answers of %s" % workers, all_answered)
    return found


def assert_nothing_is_shared(site, server, dead=0):
    """The database knows as many connections as there are workers, and workers get right answers. `dead`: sockets
    that they all have, and that were shut down."""
    workers = server.workers(WORKERS)
    found = ask_together(server, workers)
    assert len(set(found.values())) == WORKERS
    wait_for("the end of other connections", lambda: len(site.database.backends()) <= WORKERS)
    assert site.database.backends() == {backend: worker for worker, backend in found.items()}
    first, *others = [set(server.ask(worker, "/sockets")["sockets"]) for worker in workers]
    for other in others:
        assert len(first & other) == 1 + dead  # and the one that they accept from


def test_page_that_keeps_its_connection_is_left_out(site):
    with site.start("/load /keep /close") as server:
        assert_nothing_is_shared(site, server)
        answers = [server.ask(worker, "/kept") for worker in server.workers(WORKERS)]
        found = said(server)
    assert found.about("/keep") == site.left + "; it is left out"
    assert len(found.lines) == 1
    assert found.outcome == (2, 1, {"200": 2})
    for answer in answers:
        assert (answer["loaded"], answer["answer"]) == (True, 42)


def test_page_that_closes_its_connection_is_done(site):
    with site.start("/close /load") as server:
        assert_nothing_is_shared(site, server)
        found = said(server)
    assert found.lines == []
    assert found.outcome == (2, 0, {"200": 2})


def test_connection_that_only_the_parent_opens_is_shut_down(site):
    """What the trial has not seen."""
    with site.start("/second-time /load") as server:
        assert_nothing_is_shared(site, server, dead=1)
        answers = [server.ask(worker, "/kept") for worker in server.workers(WORKERS)]
        assert_nothing_is_shared(site, server)  # a driver closes what it finds dead
        found = said(server)
    assert found.about("/second-time") == "went well in a child, and in the parent it " + site.left
    assert len(found.lines) == 1
    for answer in answers:
        assert answer["error"] == "OperationalError"
        assert answer["loaded"], "the page behind it is done"
    assert found.outcome == (2, 0, {"200": 2})


POOLS = {"django": "postgres", "django-pool": "postgres", "sqlalchemy": "postgres", "redis": "redis"}


@pytest.fixture(params=VENVS[1:])
def pools(request):
    return has_packages(request.param, "django", "psycopg", "psycopg_pool", "redis", "sqlalchemy")


@pytest.fixture(params=POOLS)
def pool(request):
    return request.param


@pytest.mark.long
@pytest.mark.parametrize("while_loading", [0, 1])
def test_connections_that_a_library_keeps_are_closed_for_the_page(request, pools, pool, while_loading, tmp_path):
    """Django's that stay open and its pool; the pools of SQLAlchemy and redis-py."""
    database = request.getfixturevalue(POOLS[pool])
    host = database.socket if pool == "redis" else database.tcp
    site = Site(database, pools, tmp_path, "warm_pools", DATABASE=host, POOL=pool, WHILE_LOADING=str(while_loading))
    words = ["/numbers", "/load"] + ["/remember"] * (pool == "sqlalchemy")
    # psycopg's pool waits 5 s for each of its threads where the interpreter ends before the pool, as in immortal mode
    knobs = {"MODE": "freeze"} if pool == "django-pool" else {}
    with site.start(" ".join(words), **knobs) as server:
        assert_nothing_is_shared(site, server)
        if pool == "sqlalchemy":
            for worker in server.workers(WORKERS):
                assert server.ask(worker, "/remember")["remembered"] == [42] * 3, "a database in memory is its connection"
        found = said(server)
    assert found.lines == []
    assert found.outcome == (len(words), 0, {"200": len(words)})
