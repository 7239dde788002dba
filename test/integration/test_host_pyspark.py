"""PySpark: the library reaches the workers of any machine through spark.executorEnv alone."""

import pytest
from servers.host import NEWEST, Row, versions
from servers.report import MODES
from servers.scenario import assert_heap_stays_shared
from servers.spark import Spark, problem

SQUARES = sum(number * number for number in range(1000))
DECISIONS = [("freeze", "first-worker-fork"), ("skip", "nothing-new")]


def run(version, folder, master, modes):
    with Spark(NEWEST[version], folder, master, modes) as spark:
        return spark.outcomes()


@pytest.fixture(scope="module", params=versions())
def spark(request, tmp_path_factory):
    row = Row("PySpark", request.param, tmp_path_factory.mktemp("spark"), None)
    if problem(row.version):
        row.skip(problem(row.version))
    row.outcomes, row.sums = run(row.version, row.folder / "local", "local[2]", MODES)
    return row


def assert_frozen_by_its_daemon(outcome):
    daemon = outcome.answers[0]["at_import"]["pid"]
    events = sorted(outcome.events())
    assert [event[1:] for event in events] == DECISIONS
    assert {pid for pid, _, _ in events} == {daemon}
    assert len({daemon} | {answer["pid"] for answer in outcome.answers}) == 3


@pytest.mark.parametrize("mode", MODES)
def test_results_are_right_and_workers_share_what_their_daemon_imported(spark, mode):
    assert spark.sums[mode] == spark.sums["without"] == SQUARES
    assert_frozen_by_its_daemon(spark.outcomes[mode])
    spark.judge(mode, spark.outcomes[mode], spark.outcomes["without"])


def test_executors_of_a_cluster_get_the_library_from_the_configuration(tmp_path):
    version = list(NEWEST)[-1]
    if problem(version):
        pytest.skip(problem(version))
    outcomes, sums = run(version, tmp_path / "cluster", "local-cluster[1,2,1024]", ["freeze"])
    assert set(sums.values()) == {SQUARES}
    assert_frozen_by_its_daemon(outcomes["freeze"])
    assert_heap_stays_shared(outcomes["freeze"], outcomes["without"])
