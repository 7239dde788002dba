"""RQ: a worker that forks once for each job."""

from statistics import median

import pytest
from servers.host import Row, versions
from servers.queues import Rq, interpreter
from servers.report import MODES


@pytest.fixture(scope="module", params=versions())
def version(request):
    return request.param


@pytest.fixture(scope="module")
def rq(version, tmp_path_factory):
    def start(folder, **more):
        return Rq(python, folder, **more)

    row = Row("RQ", version, tmp_path_factory.mktemp("rq"), start)
    python = interpreter(row)
    return row


STRETCH = 50
JOBS = 4 * STRETCH


def two_hundred_jobs(server):
    """The answers of the first job and of every fiftieth."""
    stretches = ['"tell"', *['*%d * ["job"], "tell"' % (STRETCH - n) for n in (2, 1, 1, 1)]]
    return server.ask("answer = run(%s)" % ", ".join(stretches))


def creep_kb(outcome):
    """Of the process that forks, in fifty jobs: the middle one of three stretches, since what comes
    once (seen: 150 kB in one of hundreds of runs) is no creep."""
    _, *every_fiftieth = (answer["parent_kb"] for answer in outcome.answers)
    return median(after - before for before, after in zip(every_fiftieth, every_fiftieth[1:]))


@pytest.mark.parametrize("mode", MODES)
def test_memory_of_200_jobs_does_not_creep(rq, mode):
    ours = rq.assert_heap_stays_shared(mode, two_hundred_jobs)
    plain = rq.run("without", two_hundred_jobs, library=False)
    assert len({answer["pid"] for answer in ours.answers}) == 5
    assert creep_kb(ours) <= creep_kb(plain) + 32

    forks = [event for event in ours.server.events().values() if event.get("caller") == "os.fork"]
    reasons = [fork["reason"] for fork in forks]
    assert reasons == ["first-worker-fork"] + (JOBS - 1) * ["nothing-new"]
    frozen = [answer["frozen"] for answer in ours.answers]
    assert max(frozen) - min(frozen) <= 100
