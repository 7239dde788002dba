"""How script/soak judges: what is a fault there, and what is not."""

import json
import sys

from conftest import ROOT

sys.path[1:1] = [str(ROOT / "test" / "soak"), str(ROOT / "bench")]

from chaos import Kill  # noqa: E402
from holdings import growth, thirds  # noqa: E402
from log import judge_log  # noqa: E402
from web import Failure, unexcused  # noqa: E402

KILL = Kill(pid=100, began=5.0, dead=5.1)


def faults(*failures, journal, kills=(KILL,), at_once=1):
    return list(unexcused(failures, kills, journal, at_once))


def test_request_of_a_killed_worker_is_excused():
    failure = Failure(1, 4.9, 5.2, "reset")
    assert faults(failure, journal={1: 100}) == []
    assert faults(failure, journal={}) == []  # the worker did not come to note it down


def test_request_of_another_worker_is_a_fault():
    assert faults(Failure(1, 4.9, 5.2, "reset"), journal={1: 101})


def test_request_at_another_time_is_a_fault():
    for began, ended in ((4.0, 4.9), (5.2, 5.3)):
        assert faults(Failure(1, began, ended, "reset"), journal={1: 100})
        assert faults(Failure(1, began, ended, "reset"), journal={})


def test_more_requests_than_a_worker_has_at_a_time_are_a_fault():
    failures = [Failure(number, 4.9, 5.2, "reset") for number in (1, 2)]
    assert len(faults(*failures, journal={1: 100, 2: 100})) == 1
    assert faults(*failures, journal={1: 100, 2: 100}, at_once=2) == []
    second = Kill(pid=101, began=5.0, dead=5.1)
    assert faults(*failures, journal={1: 100}, kills=(KILL, second)) == []


def test_growth_is_what_the_last_third_has_more_than_the_first():
    samples = [{"descriptors": 10}] * 4 + [{"descriptors": 90}] + [{"descriptors": 11}] * 4
    assert thirds(samples) == {"descriptors": (10, 11)}
    assert growth(samples, {"descriptors": 1}) == []
    assert growth(samples, {"descriptors": 0}) == ["descriptors grew from 10 to 11"]


def test_each_worker_has_a_decision_and_nothing_else_is_said(tmp_path):
    def judge(*events):
        path = tmp_path / "events"
        path.write_text("".join(json.dumps(event) + "\n" for event in events))
        return judge_log(path, 1, {2, 3})

    two, three = ({"event": "skip", "pid": 1, "child": child} for child in (2, 3))
    assert judge(two, three) == []
    assert len(judge(two)) == 1
    assert len(judge(two, {**three, "pid": 9})) == 1
    assert len(judge(two, three, {"event": "message", "pid": 2, "message": "no"})) == 1
    assert len(judge(two, three, {**two, "child": None})) == 1
