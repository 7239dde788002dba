"""uWSGI with a master and four workers, on every version of Python that it can be compiled for."""

import pytest
from servers.host import Row, versions
from servers.report import MODES
from servers.uwsgi import CURRENT, DEBIAN, MODULE, Uwsgi, command_of

# records of app.py: about 20 MB, and 150 MB
SMALL = 100000
LARGE = {"3.11": 500000, "3.13": 500000}

# What a worker of a large application may have for itself after a collection, all told.
WORKER_KB = 3 * 1024


@pytest.fixture(scope="module", params=versions())
def version(request):
    return request.param


@pytest.fixture(scope="module", params=[DEBIAN, CURRENT, MODULE])
def uwsgi(request, version, tmp_path_factory):
    command, problem = command_of(request.param, version)
    records = str(LARGE.get(version, SMALL))

    def start(folder, **options):
        master = ["--master", "--workers", "4"]
        return Uwsgi(command, folder, master, variables={"APP_RECORDS": records}, **options)

    row = Row(request.param, version, tmp_path_factory.mktemp("uwsgi"), start)
    if problem:
        row.skip(problem)
    return row


def ask_all(server):
    return [server.ask(pid) for pid in server.workers()]


@pytest.mark.parametrize("mode", MODES)
def test_four_workers_share_the_heap(uwsgi, mode):
    ours = uwsgi.assert_heap_stays_shared(mode, ask_all)
    master = ours.server.pid
    assert ours.events() == [(master, "freeze", "first-worker-fork")] + 3 * [
        (master, "skip", "nothing-new")
    ]
    assert all(answer["private_kb"] <= WORKER_KB for answer in ours.answers)
