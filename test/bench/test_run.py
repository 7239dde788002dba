"""A run of several benchmarks: what is found is kept, whatever happens next."""

import json
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console

import conftest
from bench.__main__ import run_all
from bench.support.result import Skip
from bench.support.results import Results
from bench.support.setup import Setup

SETUP = Setup("library.so", True, [])


@pytest.fixture
def benchmark(monkeypatch):
    """Makes a function the benchmark of a name."""

    def make(name, measure):
        monkeypatch.setitem(sys.modules, "bench." + name, SimpleNamespace(measure=measure))

    return make


@pytest.fixture
def run(tmp_path):
    def run(*names):
        run.results = Results(tmp_path / "results.json", **conftest.ABOUT)
        run_all(names, SETUP, run.results, Console(quiet=True))

    run.read = lambda: json.loads((tmp_path / "results.json").read_text())
    return run


def finds_one(setup):
    setup.say("at work")
    yield Skip("one", "why")


def test_each_benchmark_s_finds_and_time_are_kept(benchmark, run):
    benchmark("first", finds_one)
    benchmark("second", finds_one)
    run("first", "second")
    assert len(run.read()["skips"]) == 2
    assert set(run.read()["took"]) == {"first", "second"} and run.read()["failed"] == []


def test_an_interruption_keeps_what_was_found(benchmark, run):
    def interrupted(setup):
        yield Skip("another", "why")
        raise KeyboardInterrupt

    benchmark("first", finds_one)
    benchmark("second", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("first", "second", "third")
    assert [skip["what"] for skip in run.read()["skips"]] == ["one", "another"]
    assert set(run.read()["took"]) == {"first"}, "the second one is not finished"


def test_a_failure_does_not_stop_the_others(benchmark, run, capsys):
    def fails(setup):
        yield Skip("half", "why")
        raise RuntimeError("a server did not come up")

    benchmark("first", fails)
    benchmark("second", finds_one)
    run("first", "second")
    assert run.read()["failed"] == ["first"]
    assert [skip["what"] for skip in run.read()["skips"]] == ["half", "one"]
    assert "a server did not come up" in capsys.readouterr().err
