"""Some of CPython's own modules, with what a user sets; script/suites runs all of them."""

import cpython
import modes
import pytest
import report
import runs

PYTHONS = cpython.with_tests()
LONG = "test_epoll test_popen test_posix test_select test_threading_local".split()
MODULES = ["test_gc", "test_openpty", *(pytest.param(name, marks=pytest.mark.long) for name in LONG)]


@pytest.mark.parametrize("module", MODULES)
def test_what_becomes_of_each_test_is_the_same(module, tmp_path):
    if not PYTHONS:
        pytest.skip("no interpreter here comes with CPython's test package")
    (suite,) = cpython.suites_of(PYTHONS[-1], [module], modes.read_knobs(), seed=module)
    often = "immortal+often"  # that something is frozen is in its log
    suite.modes = {mode: suite.modes[mode] for mode in (*modes.PROMISED, often)}
    runs.run_suites([suite], tmp_path, 1, go_on=False)
    results = runs.read_results(tmp_path)
    (cell,) = results.values()
    assert len(cell[runs.WITHOUT][0]["outcomes"]) > 1
    assert [found for found in report.differences(results) if found[-1] is None] == []
    assert cell["with"][often]["acted"]["freeze"] > 0


def test_a_library_that_is_not_preloaded_is_seen(monkeypatch):
    assert cpython.preloads(PYTHONS[-1])
    monkeypatch.setattr(modes, "LIBRARY", "/nowhere/libgcfreeze.so")
    assert not cpython.preloads(PYTHONS[-1])


def test_what_is_promised_is_run_where_it_is_promised():
    pythons, promised = cpython.promised(PYTHONS)
    assert set(promised) <= set(cpython.MODULES)
    assert all(python.version >= (3, 12) for python in pythons)


def test_a_choice_depends_on_the_seed_alone():
    pythons = list(range(20))
    assert cpython.quick(pythons, "a") == cpython.quick(pythons, "a") != cpython.quick(pythons, "b")
    (_,), chosen = cpython.quick(pythons, "a")
    assert set(cpython.CORE_MODULES) < set(chosen) <= set(cpython.MODULES)
