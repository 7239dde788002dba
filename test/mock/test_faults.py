"""Whatever fails: the fork works, the process lives, the collector is as it should be."""

import collections
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import DEFAULT, PUT_OFF, SANITIZER, run

# functions that can fail, by what they answer
FALLIBLE = {
    "Py_IsInitialized", "Py_AtExit", "Py_BuildValue", "PyImport_ImportModule",
    "PyImport_GetModuleDict", "PySys_GetObject", "PyDict_GetItemString", "PyObject_GetAttr",
    "PyObject_Type", "PyObject_Call", "PyObject_CallObject", "PyObject_IsTrue",
    "PySequence_GetItem", "PySequence_Size", "PyLong_AsLong", "PyUnicode_AsUTF8",
    "PyCFunction_NewEx", "PyCFunction_GetFunction", "PyEval_GetGlobals",
    "PyGILState_GetThisThreadState", "PyInterpreterState_Head", "PyThreadState_New",
    "_PyInterpreterConfig_InitFromState", "PyObject_GetArenaAllocator",
    "PyObject_SetAttrString", "PyUnicode_InternFromString",
}  # fmt: skip
# those that always do what they are asked for
INFALLIBLE = {
    "Py_GetVersion", "Py_IncRef", "Py_DecRef", "PyErr_Fetch", "PyErr_Restore", "PyErr_Clear",
    "PyErr_Occurred", "PyGILState_Ensure", "PyGILState_Release", "PyInterpreterState_Next",
    "PyInterpreterState_Main", "PyThreadState_GetInterpreter", "PyThreadState_Swap",
    "PyThreadState_Clear", "PyThreadState_Delete", "_PyInterpreterState_HasFeature",
    "_PyThreadState_UncheckedGet", "PyThreadState_GetUnchecked", "PyObject_SetArenaAllocator",
}  # fmt: skip

ROADS = {
    "os.fork": ["load", "init", "os.fork", "allocate=20000", "os.fork"],
    "host": ["load", "init", "detach", "fork", "attach", "allocate=20000", "fork"],
    "late": ["load", "init-quiet", "os.fork", "allocate=20000", "os.fork"],
    "late host": ["load", "init-quiet", "detach", "fork", "attach", "allocate=20000", "fork"],
    "subprocess": ["load", "init", "fork_exec", "os.fork"],
    "interpreters": ["load", "init", "interpreters=2", "detach", "fork", "attach", "interpreters=1"],
}


def calls_of(road, flavour):
    calls = collections.Counter(run(*ROADS[road], flavour=flavour).calls())
    return [(name, n + 1) for name in sorted(FALLIBLE & set(calls)) for n in range(calls[name])]


def test_every_function_of_the_interpreter_that_is_called_may_fail_or_cannot():
    rows = Path(__file__).parents[2].joinpath("shim", "cpython", "api.def").read_text()
    known = set(re.findall(r"^API\(\w+, [^,]+, (\w+),", rows, re.M))
    called = {name for road in ROADS for name in run(*ROADS[road], flavour="3.14").calls()}
    assert len(called & known) > 30 and (called & known) - FALLIBLE - INFALLIBLE == set()


@pytest.mark.parametrize("parent", ["restore", "keep"])
@pytest.mark.parametrize("flavour", ["3.8", "3.14"])
@pytest.mark.parametrize("road", ROADS)
def test_any_call_may_fail(road, flavour, parent):
    def problems_with(call):
        fault = "%s:%d" % call
        # one fork more, after which everything must be well again
        outcome = run(
            *ROADS[road], "os.fork", "references", "os.fork", "references", "state", "status",
            flavour=flavour, fail=fault, knobs={"PARENT": parent},
        )  # fmt: skip
        return ["%s: %s" % (fault, problem) for problem in problems_of(outcome, parent)]

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the longest test of the sanitized build
        problems = sum(pool.map(problems_with, calls_of(road, flavour)), [])
    assert problems == []


def problems_of(outcome, parent):
    forks = sum(line.split()[0] == "real" for line in outcome.record)
    if not outcome.calls().count("failure") == 1:
        yield "the fault did not happen"
    if len(outcome.find("child after")) != forks or len(outcome.events()) != forks:
        yield "a fork got lost"
    last = outcome.find("child after os.fork")[-1]
    if "threshold=%d enabled=1" % DEFAULT not in last:
        yield "the last child has " + last
    state = outcome.find("state")[0]
    thresholds = (DEFAULT,) if parent == "restore" else (DEFAULT, PUT_OFF)
    if not any(state.startswith("threshold=%d enabled=1 " % t) for t in thresholds):
        yield "the parent has " + state
    if not state.endswith("error=none"):
        yield "an exception is left"
    if len(set(outcome.find("references"))) != 1:
        yield "references leak"


@pytest.mark.parametrize("fork", ["os.fork", "fork"])
@pytest.mark.parametrize("flavour", ["3.8", "3.14"])
def test_a_failing_call_leaks_no_reference(flavour, fork):
    """In a repeated freeze, when attaching is done."""
    commands = ["load", "init", fork, "allocate=20000", "references", fork, "references"]
    clean = run(*commands, flavour=flavour)
    start = next(i for i, line in enumerate(clean.record) if line.startswith("references"))
    before = collections.Counter(clean.calls()[:start])
    inside = collections.Counter(clean.calls()[start:])
    leaks = []
    for name in sorted(FALLIBLE & set(inside)):
        for n in range(before[name] + 1, before[name] + inside[name] + 1):
            fault = "%s:%d" % (name, n)
            outcome = run(*commands, flavour=flavour, fail=fault)
            first, second = outcome.find("references")
            if first != second:
                leaks.append("%s: %s to %s" % (fault, first, second))
    assert leaks == []


REQUIRED = [
    "Py_AtExit", "Py_IncRef", "Py_DecRef", "Py_BuildValue", "PyErr_Fetch", "PyErr_Restore",
    "PyErr_Clear", "PyImport_ImportModule", "PyImport_GetModuleDict", "PySys_GetObject",
    "PyDict_GetItemString", "PyObject_GetAttr", "PyObject_Type", "PyObject_Call",
    "PyObject_CallObject", "PyObject_IsTrue", "PySequence_GetItem", "PySequence_Size",
    "PyLong_AsLong", "PyUnicode_AsUTF8", "PyCFunction_NewEx", "PyCFunction_GetFunction",
    "PyEval_GetGlobals", "PyGILState_Release", "PyGILState_GetThisThreadState",
    "PyInterpreterState_Head", "PyInterpreterState_Next", "PyObject_SetAttrString", "PyArg_ParseTuple",
    "PyUnicode_InternFromString",
]  # fmt: skip
UNTOUCHED = {"Py_GetVersion", "window", "real", "after", "child", "status", "skipped"}


@pytest.mark.parametrize("symbol", REQUIRED)
def test_missing_symbol_makes_the_library_inert(symbol):
    outcome = run("load", "init", "os.fork", "os.fork", "thread:fork", "status", omit=[symbol])
    assert set(outcome.calls()) == UNTOUCHED
    assert len(outcome.messages()) == 1
    assert "CPython 3.12.1 is left alone: it does not export " + symbol in outcome.messages()[0]
    assert outcome.skipped() == {"unsupported": "3"}


@pytest.mark.parametrize("symbol", ["Py_GetVersion", "Py_IsInitialized", "PyGILState_Ensure"])
def test_object_without_the_landmarks_is_no_interpreter(symbol):
    outcome = run("load", "init", "os.fork", "status", omit=[symbol])
    assert set(outcome.calls()) == UNTOUCHED - {"Py_GetVersion"}
    assert outcome.stderr == ""
    assert outcome.skipped() == {"no-interpreter": "1"}


@pytest.mark.parametrize(
    "flavour, symbol",
    [("3.8", "_PyThreadState_UncheckedGet"), ("3.14", "PyThreadState_GetUnchecked")],
)
def test_missing_symbol_of_a_version_makes_the_library_inert(flavour, symbol):
    outcome = run("load", "init", "os.fork", "status", flavour=flavour, omit=[symbol])
    assert set(outcome.calls()) == UNTOUCHED
    assert len(outcome.messages()) == 1
    assert "is left alone: it does not export " + symbol in outcome.messages()[0]
    assert outcome.skipped() == {"unsupported": "1"}


def test_missing_evaluator_is_no_obstacle():
    outcome = run("load", "init", "os.fork", omit=["_PyEval_EvalFrameDefault"])
    assert outcome.events() == [("freeze", "first-worker-fork")]


@pytest.mark.parametrize("name", ["PyObject_CallObject", "Py_DecRef", "PyGILState_Ensure"])
def test_signal_handler_that_forks_in_the_middle_of_our_work(name):
    """Whatever the handler's child sees, both forks work and the outer one ends as it should."""
    road = ["load", "init", "detach", "fork", "attach", "os.fork", "state"]
    calls = collections.Counter(run(*road).calls())[name]
    assert calls > 0
    for n in range(1, calls + 1):
        outcome = run("handler:fork", *road, signal="%s:%d" % (name, n))
        assert len(outcome.find("child after")) == 3
        state = "threshold=%d enabled=1 frozen=1" % DEFAULT
        assert outcome.find("child after os.fork")[-1].endswith(state)
        assert outcome.find("state") == [state + " error=none"]


@pytest.mark.skipif(SANITIZER != "", reason="AddressSanitizer ends a process that is out of memory")
@pytest.mark.parametrize("road", ["os.fork", "host", "late", "late host"])
def test_exhausted_memory_does_not_keep_the_fork_from_working(road):
    commands = list(ROADS[road])
    commands.insert(2, "exhaust-memory")
    plain = run(*commands, knobs={"ONLY": "nobody"})
    outcome = run(*commands)
    assert len(outcome.find("child after")) == len(plain.find("child after"))
    assert [event for event, _ in outcome.events()] == ["freeze", "freeze"]
