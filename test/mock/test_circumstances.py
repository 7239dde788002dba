"""Forks from places where the interpreter cannot be worked with, and why each was left alone."""

import pytest
from conftest import (
    DEFAULT, MUSL, PUT_OFF, TREATED, needs_one_thread, needs_unwinding, needs_wipeonfork, run,
)  # fmt: skip

LEFT_ALONE = "worked errno=77 threshold=%d enabled=1 frozen=0" % PUT_OFF


def assert_left_alone(outcome, reason):
    assert "gc.freeze" not in outcome.calls()
    assert outcome.find("after fork") == [LEFT_ALONE]
    assert outcome.find("child after fork") == [LEFT_ALONE]
    assert outcome.events() == [("skip", reason)]
    assert outcome.status()["last"] == reason
    assert outcome.skipped() == {reason: "1"}


@needs_unwinding
@pytest.mark.parametrize("flavour", TREATED)
def test_signal_handler(flavour):
    outcome = run("load", "init", "state", "signal:fork", "status", flavour=flavour)
    assert_left_alone(outcome, "signal-handler")
    # it may have interrupted the interpreter anywhere, and so calls nothing of it
    assert outcome.index("real fork") == outcome.index("state") + 1


@pytest.mark.parametrize("flavour", TREATED)
def test_thread_that_the_interpreter_does_not_know(flavour):
    outcome = run("load", "init", "thread:fork", "status", flavour=flavour)
    assert_left_alone(outcome, "no-thread-state")
    assert "PyGILState_Ensure" not in outcome.calls()


@needs_unwinding
@pytest.mark.parametrize("flavour", TREATED)
def test_extension_that_forks_by_itself(flavour):
    """Nothing is frozen; but its child may go on as Python, and gets the application's settings."""
    outcome = run("load", "init", "eval:fork", "state", "status", flavour=flavour)
    assert outcome.states() == ((DEFAULT, 1, 0), (DEFAULT, 1, 0), (PUT_OFF, 1, 0))
    assert outcome.events() == [("skip", "extension")]
    assert outcome.skipped() == {"extension": "1"}


def run_with_interpreters(count, *commands, **options):
    outcome = run("load", "init", "interpreters=%d" % count, *commands, "status", **options)
    calls = outcome.calls()
    assert calls.count("PyThreadState_New") == calls.count("PyThreadState_Delete")
    assert calls.count("PyThreadState_Swap") == 2 * calls.count("PyThreadState_New")
    return outcome, calls.count("gc.freeze")


DETACHED = ("detach", "fork", "attach")


@pytest.mark.parametrize("isolated", [False, True], ids=["one GIL", "a GIL of its own"])
@pytest.mark.parametrize("where", ["0", "1"], ids=["in the main one", "in another"])
@pytest.mark.parametrize("flavour", TREATED)
def test_every_interpreter_that_shares_the_gil_is_frozen(flavour, where, isolated):
    mock = {"isolated": "1"} if isolated else {}
    outcome, freezes = run_with_interpreters(3, *DETACHED, flavour=flavour, where=where, **mock)
    assert freezes == (1 if flavour == "3.8" else 2 if isolated else 3)
    assert outcome.events() == [("freeze", "first-worker-fork")]
    assert outcome.states() == ((DEFAULT, 1, freezes),) * 3


@pytest.mark.parametrize("where", ["0", "1"], ids=["in the main one", "in another"])
def test_interpreters_are_gone_over_to_again_after_the_fork(where):
    outcome, _ = run_with_interpreters(2, *DETACHED, where=where, knobs={"PARENT": "keep"})
    assert outcome.find("after fork")[0].endswith("threshold=%d enabled=1 frozen=2" % PUT_OFF)


@pytest.mark.parametrize("flavour", TREATED)
def test_two_interpreters_and_a_host_that_may_hold_their_lock(flavour):
    """From 3.13 on a host that is attached when it forks may have called PyOS_BeforeFork."""
    outcome, freezes = run_with_interpreters(2, "fork", flavour=flavour)
    if flavour in ("3.8", "3.12"):
        assert freezes == (1 if flavour == "3.8" else 2)
    else:
        assert_left_alone(outcome, "sub-interpreters")


def test_main_interpreter_that_cannot_be_gone_over_to():
    mock = {"where": "1", "fail": "PyThreadState_New:1"}
    outcome = run("load", "init", "interpreters=2", *DETACHED, "status", **mock)
    assert_left_alone(outcome, "python-error")


def test_other_interpreter_that_cannot_be_visited():
    mock = {"fail": "PyThreadState_New:1"}
    outcome = run("load", "init", "interpreters=2", *DETACHED, "state", **mock)
    assert outcome.states() == ((DEFAULT, 1, 1),) * 3


@pytest.mark.parametrize("symbol", ["PyInterpreterState_Main", "PyThreadState_New"])
def test_two_interpreters_that_cannot_be_visited(symbol):
    outcome, _ = run_with_interpreters(2, *DETACHED, omit=(symbol,))
    assert_left_alone(outcome, "sub-interpreters")


@pytest.mark.parametrize("flavour", TREATED)
def test_two_interpreters_in_os_fork(flavour):
    outcome = run("load", "init", "interpreters=2", "os.fork", "status", flavour=flavour)
    assert outcome.find("after os.fork") == [LEFT_ALONE]
    assert outcome.events() == [("skip", "sub-interpreters")]


@pytest.mark.parametrize("flavour", TREATED)
def test_finalization(flavour):
    outcome = run("load", "init", "finalize-begin", "fork", "status", flavour=flavour)
    assert_left_alone(outcome, "finalizing")


def test_finalization_in_os_fork():
    outcome = run("load", "init", "finalize-begin", "os.fork", "status")
    assert outcome.find("after os.fork") == [LEFT_ALONE]
    assert outcome.events() == [("skip", "finalizing")]


@pytest.mark.parametrize("flavour", TREATED)
def test_before_initialization(flavour):
    outcome = run("load", "fork", "init", "os.fork", "status", flavour=flavour)
    assert outcome.events() == [("skip", "not-initialized"), ("freeze", "first-worker-fork")]


def test_before_there_is_an_interpreter():
    outcome = run("fork", "status", "load", "init", "os.fork", "status")
    assert outcome.find("skipped") == ["no-interpreter=1"] * 2
    # a process without Python is left in peace, and so the first line is the freeze
    assert outcome.events() == [("freeze", "first-worker-fork")]


@needs_unwinding
@pytest.mark.parametrize("flavour", TREATED)
def test_another_thread_that_holds_the_gil_is_waited_for(flavour):
    if MUSL and flavour == "3.8":
        pytest.skip("musl itself has no unwind tables, no stack is complete: the GIL is not waited for")
    outcome = run("load", "init", "detach", "busy:fork", "attach", flavour=flavour)
    assert outcome.events() == [("freeze", "first-worker-fork")]
    assert outcome.calls().count("PyGILState_Ensure") == 1


def test_waiting_for_the_gil_from_inside_python_is_waiting_for_ever():
    """C code that gave its thread state away: up to 3.11 that can be told."""
    outcome = run("load", "init", "detach", "held:eval:fork", "status", "attach", flavour="3.8")
    assert_left_alone(outcome, "gil-taken")


@needs_unwinding
@pytest.mark.parametrize("flavour", TREATED)
def test_c_code_below_python_never_waits_for_another_threads_gil(flavour):
    """Whether one has it cannot be told from 3.12 on: that there is one is enough."""
    outcome = run("load", "init", "detach", "held:eval:fork", "status", "attach", flavour=flavour)
    assert_left_alone(outcome, "gil-taken")


@needs_unwinding
@pytest.mark.parametrize("flavour", TREATED)
def test_a_plugin_that_the_interpreter_was_linked_into_is_no_python(flavour):
    if MUSL and flavour == "3.8":
        pytest.skip("musl itself has no unwind tables, no stack is complete: the GIL is not waited for")
    outcome = run("load", "init", "detach", "busy:plugin:fork", "attach", flavour=flavour)
    assert outcome.events() == [("freeze", "first-worker-fork")]


@pytest.mark.parametrize("flavour", TREATED)
def test_two_threads_at_once(flavour):
    outcome = run("load", "init", "together", "status", flavour=flavour)
    assert sorted(outcome.events()) == [("freeze", "first-worker-fork"), ("skip", "concurrent")]
    assert outcome.skipped() == {"concurrent": "1"}
    # both children got what the first fork had prepared
    states = {line.split(" ", 3)[3] for line in outcome.find("child after")}
    assert states == {"threshold=%d enabled=1 frozen=1" % DEFAULT}


@pytest.mark.parametrize(
    "flavour, reason, message",
    [
        ("3.7", "unsupported", "CPython 3.7.17 is left alone: 3.8 and later"),
    ],
)
def test_interpreter_that_is_left_alone(flavour, reason, message):
    outcome = run("load", "init", "os.fork", "thread:fork", "status", flavour=flavour)
    untouched = "worked errno=77 threshold=%d enabled=1 frozen=0" % DEFAULT
    assert set(outcome.calls()) <= {
        "Py_GetVersion", "window", "real", "after", "child", "status", "skipped",
    }
    assert outcome.find("after os.fork") == [untouched]
    assert outcome.events() == [("skip", reason)] * 2
    assert len(outcome.messages()) == 1 and message in outcome.messages()[0]
    assert outcome.skipped() == {reason: "2"}
    assert outcome.status()["attached"] == "0"


FREE_THREADED = ["free-threaded by its text", "free-threaded by its exports"]


@needs_one_thread
@pytest.mark.parametrize("flavour", FREE_THREADED)
def test_free_threaded_interpreter_is_frozen_in_the_hook(flavour):
    outcome = run("load", "init", "os.fork", "os.fork", flavour=flavour)
    assert outcome.events() == [("freeze", "first-worker-fork"), ("skip", "nothing-new")]
    assert outcome.states() == ((DEFAULT, 1, 1),) * 3
    assert outcome.window() == []


@needs_one_thread
@pytest.mark.parametrize("flavour", FREE_THREADED)
@pytest.mark.parametrize("commands", [("fork",), ("detach", "fork", "attach")])
def test_free_threaded_interpreter_is_never_frozen_in_the_window(flavour, commands):
    """The child gets its settings all the same; and the next os.fork freezes."""
    outcome = run("load", "init", *commands, "os.fork", flavour=flavour)
    assert outcome.events() == [("skip", "free-threaded"), ("freeze", "first-worker-fork")]
    assert outcome.states() == ((DEFAULT, 1, 0), (DEFAULT, 1, 0), (PUT_OFF, 1, 0))


@needs_unwinding
def test_unknown_newer_version_is_frozen_and_says_so():
    outcome = run("load", "init", "os.fork", "os.fork", flavour="3.99")
    assert len(outcome.messages()) == 1
    assert "CPython 3.99.0 is newer than this library knows" in outcome.messages()[0]


@pytest.mark.parametrize("knobs", [{"ONLY": "uwsgi"}, {"SKIP": "mock_*"}, {"SKIP": "*"}])
def test_filtered_programs_are_not_touched(knobs):
    outcome = run("load", "init", "os.fork", "status", knobs=knobs)
    assert set(outcome.calls()) == {"window", "real", "after", "child", "status", "skipped"}
    assert outcome.skipped() == {"filtered": "1"}
    assert outcome.stderr == ""


@needs_wipeonfork
@pytest.mark.parametrize("flavour", TREATED)
@pytest.mark.parametrize("moment", ["before it is attached", "after"])
def test_daemon_whose_own_fork_nobody_saw(moment, flavour):
    start = ["init", "daemon"] if moment == "after" else ["daemon", "init"]
    outcome = run("load", *start, "os.fork", "os.fork", "status", flavour=flavour)
    assert outcome.events() == [("freeze", "first-worker-fork"), ("skip", "nothing-new")]
    assert outcome.states() == ((DEFAULT, 1, 1),) * 3
    assert (outcome.status()["seen"], outcome.status()["attached"]) == ("2", "1")
    attached = [line for line in outcome.before("window") if line.startswith("PyCFunction_NewEx")]
    assert attached, "at its start, and not as late as its first fork"


# ---- without libunwind, the Python code that is running decides


@pytest.mark.parametrize("flavour", TREATED)
@pytest.mark.parametrize(
    "fork, module, event",
    [
        ("os.fork", "__main__", ("freeze", "first-worker-fork")),
        ("os.fork", "multiprocessing.popen_fork", ("freeze", "first-worker-fork")),
        ("fork_exec", "subprocess", ("skip", "exec-bound")),
        ("fork_exec", "multiprocessing.util", ("skip", "exec-bound")),
        ("fork", "__main__", ("freeze", "first-worker-fork")),
    ],
)
def test_caller_without_libunwind(fork, module, event, flavour):
    outcome = run("load", "init", fork, flavour=flavour, unwind="off", module=module)
    assert outcome.events() == [event]
    assert ".so.8 cannot be opened: unwinding is off" in outcome.stderr
    threshold, frozen = (DEFAULT, 1) if event[0] == "freeze" else (PUT_OFF, 0)
    assert outcome.states() == ((threshold, 1, frozen),) * 3


def test_c_host_with_blocked_signals_is_not_trusted_without_libunwind():
    outcome = run("load", "init", "block-signals", "fork", "status", unwind="off")
    assert_left_alone(outcome, "unwinding-off")


def test_gil_that_another_thread_holds_is_not_waited_for_without_libunwind():
    """Up to 3.11: nobody can tell whether that thread is waiting for us."""
    commands = ["load", "init", "detach", "held:fork", "status", "attach"]
    outcome = run(*commands, flavour="3.8", unwind="off")
    assert_left_alone(outcome, "gil-taken")
