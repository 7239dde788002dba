"""The order of things around one fork, with each flavour of interpreter."""

import pytest
from conftest import DEFAULT, PUT_OFF, TREATED, needs_unwinding, run

FIRST = [("freeze", "first-worker-fork")]


@pytest.mark.parametrize("flavour", TREATED)
@pytest.mark.parametrize("fork", ["os.fork", "os.forkpty"])
def test_freeze_comes_before_the_real_fork(fork, flavour):
    outcome = run("load", "init", fork, "status", flavour=flavour)
    assert outcome.calls().count("gc.freeze") == 1
    assert "gc.freeze" in outcome.before("window")
    assert outcome.events() == FIRST
    assert outcome.states() == ((DEFAULT, 1, 1),) * 3
    status = outcome.status()
    assert (status["attached"], status["seen"], status["frozen"]) == ("1", "1", "1")
    assert (status["python"], status["last"]) == (outcome_version(flavour), "first-worker-fork")


def outcome_version(flavour):
    return {"3.8": "3.8.18", "3.12": "3.12.1", "3.14": "3.14.4", "3.99": "3.99.0"}[flavour]


@pytest.mark.parametrize("flavour", TREATED)
def test_nothing_is_done_in_the_window_of_a_prepared_fork(flavour):
    assert run("load", "init", "os.fork", flavour=flavour).window() == []


@pytest.mark.parametrize("flavour", TREATED)
def test_nothing_of_python_is_called_in_the_child(flavour):
    outcome = run("load", "init", "os.fork", "fork", "detach", "fork", "attach", flavour=flavour)
    assert [line.split()[1] for line in outcome.record if line.startswith("child")] == ["after"] * 3


@pytest.mark.parametrize("flavour", TREATED)
@pytest.mark.parametrize("attached", [True, False], ids=["attached", "detached"])
def test_c_host_freezes_in_the_window(attached, flavour):
    commands = ["fork"] if attached else ["detach", "fork", "attach"]
    outcome = run("load", "init", *commands, flavour=flavour)
    assert "gc.freeze" in outcome.before("real fork")
    assert 'caller="C host"' in outcome.stderr
    assert outcome.events() == FIRST
    assert outcome.states() == ((DEFAULT, 1, 1),) * 3
    assert outcome.calls().count("PyGILState_Ensure") == (0 if attached else 1)
    assert not {"gc.collect", "sys.getallocatedblocks"} & set(outcome.calls())


@pytest.mark.parametrize("fork", ["os.fork", "os.forkpty"])
def test_parent_is_put_off_again_after_the_fork(fork):
    outcome = run("load", "init", fork, fork, "state", knobs={"PARENT": "keep"})
    assert outcome.states() == ((DEFAULT, 1, 1), (DEFAULT, 1, 1), (PUT_OFF, 1, 1))
    # a second worker gets the same, though nothing is new
    assert outcome.find("child after")[1].endswith("threshold=%d enabled=1 frozen=1" % DEFAULT)
    assert outcome.find("state") == ["threshold=%d enabled=1 frozen=1 error=none" % PUT_OFF]


def test_detached_parent_is_put_off_again_after_the_fork():
    outcome = run("load", "init", "detach", "fork", "attach", knobs={"PARENT": "keep"})
    assert outcome.states() == ((DEFAULT, 1, 1), (DEFAULT, 1, 1), (PUT_OFF, 1, 1))
    assert outcome.calls().count("PyGILState_Ensure") == 2


@pytest.mark.parametrize("fork", ["os.fork", "os.forkpty", "fork", "forkpty"])
@pytest.mark.parametrize("parent, threshold", [("keep", PUT_OFF), ("restore", DEFAULT)])
def test_failed_fork_leaves_the_parent_as_a_good_one_does(parent, threshold, fork):
    outcome = run("load", "init", "fail-forks=1", fork, "status", knobs={"PARENT": parent})
    state = "errno=11 threshold=%d enabled=1 frozen=1" % threshold
    assert outcome.find("after %s failed" % fork) == [state]
    assert "child=none errno=11" in outcome.stderr
    assert outcome.status()["frozen"] == "1"


def test_failed_fork_is_followed_by_a_good_one():
    outcome = run("load", "init", "fail-forks=1", "os.fork", "os.fork", knobs={"PARENT": "keep"})
    child = "os.fork worked errno=77 threshold=%d enabled=1 frozen=1" % DEFAULT
    assert outcome.find("child after") == [child]
    assert outcome.events() == FIRST + [("skip", "nothing-new")]


@pytest.mark.parametrize("fork", ["os.fork", "os.forkpty", "fork", "forkpty", "thread:fork"])
@pytest.mark.parametrize("failures, errno", [(0, 77), (1, 11)], ids=["worked", "failed"])
def test_errno_survives(fork, failures, errno):
    outcome = run("load", "init", "fail-forks=%d" % failures, fork, knobs={"PARENT": "keep"})
    assert outcome.find("real")[0].split()[1] == "errno=33"
    after = outcome.find("after") + outcome.find("child after")
    assert {line.split()[2] for line in after} == {"errno=%d" % errno}
    assert len(after) == (1 if failures else 2)


def test_errno_survives_a_log_that_cannot_be_written():
    outcome = run("load", "init", "os.fork", knobs={"LOG_FILE": "/proc/nowhere/log"})
    assert {line.split()[2] for line in outcome.find("after")} == {"errno=77"}
    assert "GCFREEZE_LOG_FILE: cannot open /proc/nowhere/log" in outcome.stderr


@pytest.mark.parametrize("flavour", TREATED)
@pytest.mark.parametrize("fork", ["os.fork", "fork", "fork_exec"])
def test_a_fork_leaks_no_reference(fork, flavour):
    outcome = run(
        "load", "init", "references", fork, "references", fork, "references", flavour=flavour
    )
    assert len(set(outcome.find("references"))) == 1


def test_attaching_keeps_one_reference_to_each_thing_it_uses():
    plain = run("load", "init", "references", knobs={"ONLY": "nobody"}, gc="loaded")
    attached = run("load", "init", "references", gc="loaded")
    gc_functions, hook, getallocatedblocks = 11, 1, 1
    growth = int(attached.find("references")[0]) - int(plain.find("references")[0])
    assert growth == gc_functions + hook + getallocatedblocks


def test_a_pending_exception_stays_pending():
    for fork in ("os.fork", "fork", "fork_exec"):
        outcome = run("load", "init", "raise", fork, "state")
        assert outcome.find("state")[0].endswith("error=MemoryError"), fork


def test_settings_of_the_application_win():
    outcome = run("load", "init", "threshold=50", "os.fork", "state", knobs={"PARENT": "keep"})
    assert outcome.states() == ((50, 1, 1), (50, 1, 1), (PUT_OFF, 1, 1))
    outcome = run("load", "init", "enabled=0", "os.fork", "state", knobs={"PARENT": "keep"})
    assert outcome.states() == ((DEFAULT, 0, 1), (DEFAULT, 0, 1), (PUT_OFF, 0, 1))


def test_a_grown_heap_is_collected_and_frozen_again():
    outcome = run("load", "init", "os.fork", "allocate=20000", "os.fork", "status")
    assert outcome.events() == FIRST + [("freeze", "heap-grown")]
    calls = outcome.calls()
    assert calls.count("gc.freeze") == 2
    assert calls.count("gc.collect") == 1
    assert calls.index("gc.collect") > calls.index("real")


def test_the_blocks_of_a_large_heap_are_not_counted():
    """That would visit each of its pools; what came is believed without."""
    commands = ["os.fork", "os.fork", "allocate=20000", "os.fork"]
    reasons = FIRST + [("skip", "nothing-new"), ("freeze", "heap-grown")]
    small = run("load", "init", *commands)
    large = run("load", "init", "occupy=200", *commands)
    assert small.events() == large.events() == reasons
    assert "sys.getallocatedblocks" in small.calls()
    assert "sys.getallocatedblocks" not in large.calls()


@needs_unwinding
def test_subprocess_is_no_worker():
    outcome = run("load", "init", "fork_exec", "os.fork", "status")
    assert outcome.events() == [("skip", "exec-bound")] + FIRST
    state = "worked errno=77 threshold=%d enabled=1 frozen=0" % PUT_OFF
    assert outcome.find("after fork_exec") == [state]


@pytest.mark.parametrize("then", ["os.fork", "fork_exec", "abandoned-os.fork"])
def test_preparation_for_a_fork_that_never_comes_is_taken_back(then):
    commands = ["load", "init", "abandoned-os.fork", "state", then, "os.fork", "state"]
    outcome = run(*commands, knobs={"PARENT": "keep"})
    lifted, put_off = outcome.find("state")
    assert lifted == "threshold=%d enabled=1 frozen=1 error=none" % DEFAULT
    assert put_off == "threshold=%d enabled=1 frozen=1 error=none" % PUT_OFF
    if then == "fork_exec":
        assert outcome.find("after fork_exec")[0].endswith(put_off.replace(" error=none", ""))


def test_spawned_programs_are_counted():
    status = run("load", "init", "spawn", "spawn", "status").status()
    assert (status["spawns"], status["seen"]) == ("2", "0")
