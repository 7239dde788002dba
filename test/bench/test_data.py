"""Data sets in forked workers: what is loaded, what is compared, and when that is refused."""

import json
import subprocess
import sys

import conftest
import pytest
from bench import data
from bench.programs import data as program
from bench.programs.loader import DataLoader
from bench.support import loading
from bench.support.setup import Python, Setup

NEWEST = Python("3.13.0", "/no/such/python")


def test_each_pass_loads_everything_once_and_in_order():
    loader = DataLoader(range(10), batch_size=4, num_workers=2)
    for _ in range(2):
        assert list(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_a_shuffled_pass_loads_everything_once():
    loader = DataLoader(range(100), batch_size=7, shuffle=True, num_workers=2, collate_fn=tuple)
    found = [item for batch in loader for item in batch]
    assert sorted(found) == list(range(100)) != found


def test_pickled_records_are_the_same_records():
    records = program.annotations(20)
    pickled = program.Pickled(records)
    assert len(pickled) == 20 and [pickled[index] for index in range(20)] == records
    assert records == program.annotations(20), "made the same way each time"


@pytest.fixture
def runs(monkeypatch):
    """What each contender's next run finds: its own memory, and what it computes."""
    found = {name: (1.0, [7, 7]) for name in data.CONTENDERS}

    def run(python, words, contender, *_):
        (name,) = [name for name, one in data.CONTENDERS.items() if one is contender]
        own, totals = found[name]
        return {"own, MB": own, "first start, ms": 10 * own, "later starts, ms": own}, totals

    monkeypatch.setattr(data, "run", run)
    return found


def measured(tmp_path, plan=data.Plan(100, runs=2)):
    return data.measure_one(Setup("library", True, [NEWEST]), NEWEST, plan, tmp_path, False)


def test_contenders_are_held_against_nothing_and_against_the_workaround(runs, tmp_path):
    runs["nothing"], runs["pickled"], runs["immortal"] = (100.0, [7, 7]), (2.0, [7, 7]), (4.0, [7, 7])
    part = measured(tmp_path).contenders["immortal"]
    assert part["to_nothing"]["own, MB"]["median"] == 0.04
    assert part["to_pickled"]["own, MB"]["median"] == 2
    assert part["added"]["first start, ms"]["median"] == -960


def test_who_computes_something_else_is_not_compared(runs, tmp_path):
    runs["immortal"] = (1.0, [7, 8])
    with pytest.raises(loading.Failed, match="different things"):
        measured(tmp_path)


def test_what_cannot_be_measured_here_has_a_reason(monkeypatch):
    assert "packages are not installed" in data.Plan(100, holds="tensor").reason_against(Python("3.99.0", "/no/such"))
    here = Python("%d.%d.%d" % sys.version_info[:3], sys.executable)
    assert data.Plan(100).reason_against(here) is None
    monkeypatch.setattr(data, "available_megabytes", lambda: 1)
    assert "only 1 MB" in data.Plan(data.MILLION).reason_against(here)


def test_growth_is_that_of_contenders_who_were_always_compared():
    sets = [conftest.data_set(records) for records in (10**5, 4 * 10**5, 10**6)]
    sets.append(conftest.data_set(holds="ndarray"))
    del sets[0].contenders["pickled"]
    own, highest = data.growth(sets)
    assert [row["name"] for row in own.rows] == ["nothing", "immortal"]
    assert [point[0] for point in own.rows[0]["points"]] == [10**5, 4 * 10**5, 10**6]
    assert "by records" in own.what and "highest" in highest.what


def test_a_contender_that_was_not_frozen_as_it_should_be_is_refused(tmp_path):
    events = tmp_path / "events"
    events.write_text('{"event": "freeze", "mode": "freeze"}\n')
    with pytest.raises(loading.Failed, match="frozen with"):
        loading.check_mode(data.CONTENDERS["immortal"], events)
    with pytest.raises(loading.Failed, match="frozen with"):
        loading.check_mode(data.CONTENDERS["nothing"], events)


def test_a_run_of_the_program(tmp_path):
    """Without the library, and without looks: what it tells, and how it goes on."""
    words = ["frozen", "numbers", "loader", "1000", "2"]
    command = [sys.executable, str(loading.PROGRAMS / "data.py"), *words]
    done = subprocess.run(command, input="\n\n", stdout=subprocess.PIPE, check=True, text=True)
    built, first, second = map(json.loads, done.stdout.splitlines())
    assert built["items"] == 960 and first["total"] == second["total"]
    assert len(first["pids"]) == len(first["starts"]) == 2 and first["pids"] != second["pids"]
