"""Getting into an interpreter: where it lives, when it is met, and what comes after its end."""

from pathlib import Path

import pytest
from conftest import DEFAULT, LIBRARY, MUSL, NEEDS_VFORK, PUT_OFF, SANITIZER, TREATED, run

FIRST = [("freeze", "first-worker-fork")]


@pytest.mark.parametrize(
    "host, load",
    [
        ("mock_host", "load"),
        ("mock_host", "load-global"),
        ("mock_host_linked", "load"),
        ("mock_host_static", "load"),
    ],
    ids=["opened RTLD_LOCAL", "opened RTLD_GLOBAL", "linked", "part of the program"],
)
def test_interpreter_is_found_wherever_it_is(host, load):
    outcome = run(load, "init", "state", "os.fork", host=host)
    assert "threshold=%d" % PUT_OFF in outcome.find("state")[0]
    assert outcome.events() == FIRST


def test_interpreter_that_is_opened_late_is_found():
    outcome = run("fork", "spawn", "fork", "load", "init-quiet", "fork")
    assert outcome.events() == FIRST


@pytest.mark.skipif(MUSL, reason="musl never unloads a library")
def test_interpreter_that_goes_before_it_was_initialized_is_found_where_it_comes_back():
    outcome = run("load", "fork", "unload", "fork", "load", "fork", "init-quiet", "fork")
    assert outcome.events() == [("skip", "not-initialized")] * 2 + FIRST


@pytest.mark.parametrize("flavour", TREATED)
def test_startup_attaches_before_the_interpreter_is_initialized(flavour):
    outcome = run("load", "init", "status", "state", flavour=flavour)
    assert outcome.status()["attached"] == "1"
    assert "threshold=%d" % PUT_OFF in outcome.find("state")[0]
    assert outcome.find("register_at_fork") == ["before", "after_in_child"]
    assert outcome.calls().count("Py_AtExit") == 1


@pytest.mark.parametrize("flavour", TREATED)
@pytest.mark.parametrize("detached", [False, True], ids=["attached", "detached"])
def test_missed_interpreter_is_met_in_a_host_s_first_fork(detached, flavour):
    forks = ["detach", "fork", "fork", "attach"] if detached else ["fork", "fork"]
    outcome = run("load", "init-quiet", *forks, "os.fork", "status", flavour=flavour)
    assert outcome.find("create_builtin") == ["gc"]
    assert outcome.calls().count("exec_builtin") == 1
    assert outcome.calls().count("register_at_fork") == 1
    assert outcome.calls().count("gc.freeze") == 1
    assert outcome.status()["attached"] == "1"
    # nothing was put off, so nothing changes
    assert outcome.states() == ((DEFAULT, 1, 1),) * 3


@pytest.mark.parametrize("flavour", TREATED)
def test_missed_interpreter_is_met_in_os_fork(flavour):
    outcome = run("load", "init-quiet", "os.fork", "allocate=20000", "os.fork", flavour=flavour)
    assert outcome.find("create_builtin") == ["gc"]
    assert outcome.events() == FIRST + [("freeze", "heap-grown")]
    # the second time our hook is there, before the window
    second = len(outcome.record) - 1 - outcome.record[::-1].index("window")
    assert "gc.freeze" in outcome.record[outcome.index("after") : second]


def test_attaching_in_the_window_leaks_nothing():
    plain = run("load", "init-quiet", "references", knobs={"ONLY": "nobody"})
    outcome = run("load", "init-quiet", "os.fork", "references", "os.fork", "references")
    first, second = (int(number) for number in outcome.find("references"))
    gc_functions, hook, getallocatedblocks = 11, 1 + 1, 1
    # hook: the mock's list holds one
    assert first == second
    assert first - int(plain.find("references")[0]) == gc_functions + 1 + getallocatedblocks


@pytest.mark.parametrize("flavour", TREATED)
@pytest.mark.parametrize("init", ["init", "init-quiet"])
def test_gc_module_that_is_loaded_is_used(init, flavour):
    outcome = run("load", init, "os.fork", flavour=flavour, gc="loaded")
    assert outcome.find("create_builtin") == []
    assert outcome.events() == FIRST
    assert outcome.states() == ((DEFAULT, 1, 1),) * 3


@NEEDS_VFORK
def test_vfork_child_does_not_attach():
    outcome = run("load", "init-quiet", "vfork-sigaction", "status")
    assert outcome.find("Py") == []
    assert outcome.status()["attached"] == "0"


def test_interpreter_can_be_started_again():
    outcome = run(
        "load", "init", "os.fork", "finalize-begin", "finalize-end", "status", "fork",
        "init", "state", "references", "os.fork", "references", "status",
    )
    assert "attached=0" in outcome.find("status")[0]
    assert "threshold=%d" % PUT_OFF in outcome.find("state")[0]
    assert outcome.find("register_at_fork") == ["before", "after_in_child"] * 2
    assert len(set(outcome.find("references"))) == 1
    assert outcome.events() == FIRST + [("skip", "not-initialized")] + FIRST
    child = "worked errno=77 threshold=%d enabled=1 frozen=1" % DEFAULT
    assert outcome.find("child after os.fork") == [child] * 2


def test_startup_keep_leaves_the_collector_alone():
    outcome = run("load", "init", "state", "os.fork", knobs={"STARTUP": "keep"})
    assert outcome.find("gc.set_threshold") == []
    assert outcome.events() == FIRST


@pytest.mark.parametrize("name", ["libgcfreeze.so", "libgcfreeze.so.0"])
def test_strip_takes_our_entry_out_of_the_environment(name):
    library = str(Path(LIBRARY).with_name(name))
    kept = run("load", "init", "preload", library=library)
    assert kept.find("LD_PRELOAD=")[0].endswith(library)
    stripped = run("load", "preload", "init", "preload", library=library, knobs={"EXEC": "strip"})
    assert stripped.find("LD_PRELOAD=")[0].endswith(library)
    assert stripped.find("LD_PRELOAD=")[1] == (SANITIZER or "(unset)")
