"""C programs that embed Python: hosts/embed.c forks in every way that a host may think of.

The host runs under a deadline of its own (alarm), so that a deadlock is a failure and not a wait.
"""

import collections
import functools
import json
import os
import subprocess

import pytest
from conftest import MUSL, environment, run

pytestmark = pytest.mark.gil(True)  # without it: test_free_threaded.py

EMBED = os.environ["GCFREEZE_TEST_EMBED"]
FORKING = os.environ["GCFREEZE_TEST_FORKING"]

HEAP = 30000  # objects that host_start makes

ASK_FOR_LIBRARY = """
import os, sys, sysconfig
names = {sysconfig.get_config_var(name) for name in ("INSTSONAME", "LDLIBRARY")}
paths = [os.path.join(sysconfig.get_config_var("LIBDIR"), name) for name in names if name]
print(next((p for p in sorted(paths, reverse=True) if ".so" in p and os.path.exists(p)), ""))
print(sys.prefix)
"""


@functools.lru_cache(maxsize=None)
def library_and_home(python):
    done = subprocess.run(
        [python.path, "-I", "-c", ASK_FOR_LIBRARY], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.splitlines()


class Host:
    """One run of the host: its reports by author, and the library's decisions."""

    def __init__(self, outcome):
        self.events = outcome.reasons()
        self.callers = {caller for _, _, caller in outcome.events}
        self.reports = collections.defaultdict(list)
        for line in outcome.stdout.splitlines():
            report = json.loads(line)
            self.reports[report.pop("who")].append(report)
        self.children = self.reports["child"]
        self.parents = self.reports["parent"]

    @property
    def status(self):
        return self.reports["status"][-1]


def embed(python, scenario, signals=1, scope="local", forks=0, **knobs):
    library, home = library_and_home(python)
    if not library:
        pytest.skip("%s is linked statically and brings no libpython" % python)
    env = environment(**knobs)
    env.update(PYTHONHOME=home, EMBED_FORKING=FORKING, EMBED_FORKS=str(forks))
    return Host(run([EMBED, library, scope, str(signals), scenario], env))


@functools.lru_cache(maxsize=None)
def own_thresholds(python):
    """What the application would have had without the library."""
    return embed(python, "attached", **{"": 0}).children[0]["threshold"]


def assert_untouched_settings(report, python):
    assert (report["threshold"], report["enabled"]) == (own_thresholds(python), True)


FREEZE = ("freeze", "first-worker-fork")
AGAIN = ("skip", "nothing-new")


def skip(reason):
    return ("skip", reason)


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize("signals", [1, 0], ids=["attached-early", "attached-late"])
@pytest.mark.parametrize(
    "scenario, before",
    [
        ("attached", []),
        ("detached", []),
        ("hooks", []),
        ("pty", []),
        ("pty-detached", []),
        ("thread-attached", []),
        ("borrower", []),
        ("no-interpreter", ["no-interpreter"]),
        ("before-initialize", ["not-initialized"]),
    ],
)
def test_host_freezes_and_the_child_has_its_own_settings(python, scenario, before, signals, scope):
    host = embed(python, scenario, signals, scope)
    # a process without an interpreter logs nothing; a child's lines come before its parent's
    assert sorted(host.events) == sorted(
        [FREEZE] + [skip(reason) for reason in before if reason != "no-interpreter"]
    )
    assert set(host.status["skipped"]) == set(before)
    assert host.callers <= {"C host", "unknown"}
    for report in host.children + host.parents:
        assert_untouched_settings(report, python)
        assert report["frozen"] > HEAP
    assert len(host.children) == 1


@pytest.mark.parametrize("signals", [1, 0], ids=["attached-early", "attached-late"])
@pytest.mark.parametrize("scenario", ["stranger", "stranger-busy"])
def test_thread_without_a_state_forks_untouched(python, scenario, signals):
    host = embed(python, scenario, signals)
    assert host.events == [skip("no-thread-state")]
    assert host.parents[0]["frozen"] < HEAP


def test_detached_thread_takes_its_turn_beside_running_python_code(python):
    host = embed(python, "detached-busy")
    assert host.events == [FREEZE]
    assert host.parents[0]["frozen"] > HEAP
    assert_untouched_settings(host.parents[0], python)


@pytest.mark.parametrize(
    "signals, when", [(1, "auto"), (1, "every"), (0, "every")], ids=["auto", "every", "every-late"]
)
@pytest.mark.parametrize(
    "scenario, forks", [("stress-detached", 200), ("stress-hooks", 200), ("stress-threads", 400)]
)
def test_many_forks_beside_a_collecting_thread_never_hang(python, scenario, forks, signals, when):
    host = embed(python, scenario, signals, WHEN=when)
    status = host.status
    assert status["seen"] == forks
    assert status["frozen"] + sum(status["skipped"].values()) == forks
    allowed = {"no-thread-state", "concurrent"}
    if when == "auto":
        allowed.add("nothing-new")
    if signals == 0:
        allowed |= {"gil-taken", "unwinding-off"}  # the stack cannot be looked at
    assert set(status["skipped"]) <= allowed


@pytest.mark.parametrize("signals", [1, 0], ids=["attached-early", "attached-late"])
def test_fork_after_finalizing_passes_through(python, signals):
    host = embed(python, "after-finalize", signals)
    assert host.events == [FREEZE, skip("not-initialized")]
    assert host.status["attached"] == 0


@pytest.mark.parametrize("signals", [1, 0], ids=["attached-early", "attached-late"])
def test_library_may_be_unloaded_after_finalizing(python, signals):
    host = embed(python, "unloaded", signals)
    assert host.events[0] == FREEZE
    # whether dlclose unloads it is up to the extension modules that need it
    assert host.status["last"] in ("no-interpreter", "not-initialized")


@pytest.mark.parametrize("signals", [1, 0], ids=["attached-early", "attached-late"])
def test_second_interpreter_is_frozen_like_a_first_one(python, signals):
    host = embed(python, "initialize-again", signals, MIN_NEW=1000000)
    assert host.events == [FREEZE, skip("not-initialized"), FREEZE]
    assert host.children[1]["frozen"] > HEAP
    assert_untouched_settings(host.children[1], python)
    assert_untouched_settings(host.parents[0], python)


@pytest.mark.parametrize("signals", [1, 0], ids=["attached-early", "attached-late"])
def test_second_interpreter_has_immortal_objects_of_its_own(python, signals):
    """The first one's are memory that nobody looks at any more, neither at a walk nor at an end."""
    host = embed(python, "initialize-again", signals, MODE="immortal", MIN_NEW=1000000)
    assert host.events == [FREEZE, skip("not-initialized"), FREEZE]
    assert_untouched_settings(host.children[1], python)


@pytest.mark.parametrize("signals", [1, 0], ids=["attached-early", "attached-late"])
def test_every_interpreter_of_a_detached_host_is_frozen(python, signals):
    host = embed(python, "sub-detached", signals)
    # after it was ended, and so without thread states of ours
    assert host.events == [FREEZE, AGAIN]
    for report in host.children + host.parents:
        assert_untouched_settings(report, python)
        assert report["frozen"] > HEAP
    for report in host.reports["sub-child"] + host.reports["sub-parent"]:
        assert (report["threshold"], report["enabled"]) == (own_thresholds(python), True)
        # up to 3.8 the interpreters share a collector
        assert report["frozen"] > (2 * HEAP if python.version < (3, 9) else HEAP)


@pytest.mark.parametrize("scenario, first", [("sub-attached", (3, 8)), ("sub-current", (3, 12))])
def test_interpreters_of_an_attached_host(python, scenario, first):
    """From 3.13 on it may have locked their list, and up to 3.11 nobody knows whose the current one is."""
    host = embed(python, scenario)
    if first <= python.version[:2] <= (3, 12):
        assert host.events == [FREEZE, AGAIN]
        assert min(r["frozen"] for r in host.parents + host.reports["sub-parent"]) > HEAP
    else:
        assert host.events == [skip("sub-interpreters"), FREEZE]
        assert max(r["frozen"] for r in host.parents + host.reports["sub-parent"]) < HEAP


def test_interpreters_that_another_thread_makes_and_ends(python):
    """From 3.12 on a visit gives the GIL up; an end meanwhile would abort, crash or hang."""
    host = embed(python, "sub-ending", forks=60, WHEN="every")
    assert host.status["seen"] == 60
    assert set(host.status["skipped"]) <= {"sub-interpreters"}


def test_interpreters_with_a_gil_of_their_own_are_left_alone(python):
    if python.version < (3, 12):
        pytest.skip("all interpreters share one GIL up to 3.11")
    host = embed(python, "sub-isolated", scope="global")  # extension modules look for the interpreter
    assert host.events == [FREEZE]
    assert host.parents[0]["frozen"] > HEAP


def test_fork_in_a_signal_handler_passes_through(python):
    host = embed(python, "signal-handler")
    assert host.events == [skip("signal-handler")] * 2
    assert host.parents[0]["frozen"] < HEAP


def test_fork_in_a_signal_handler_passes_through_where_the_stack_is_unknown(python):
    host = embed(python, "signal-handler", signals=0)
    assert host.events == [skip("unwinding-off")] * 2
    assert host.parents[0]["frozen"] < HEAP


def test_descriptors_that_the_host_closed_and_reused_stay_the_hosts(python):
    host = embed(python, "reused-descriptors")
    assert host.events == [skip("no-thread-state"), FREEZE]


@pytest.mark.parametrize("when", ["auto", "every"])
@pytest.mark.parametrize("signals", [1, 0], ids=["attached-early", "attached-late"])
def test_no_python_code_runs_inside_fork_of_a_host(python, signals, when):
    host = embed(python, "eager-collector", signals, WHEN=when)
    assert host.status["seen"] == 3
    assert host.status["frozen"] == (3 if when == "every" else 1)


@pytest.mark.parametrize("signals", [1, 0], ids=["attached-early", "attached-late"])
def test_fork_in_a_constructor_does_not_hang(python, signals):
    host = embed(python, "constructor", signals)
    # musl unloads nothing, so its constructor runs once
    assert host.events == [FREEZE] + [AGAIN] * (not MUSL)


@pytest.mark.parametrize("knobs", [{}, {"RESHARE": "on"}], ids=["freeze", "reshare"])
def test_a_cancelled_thread_forks_as_it_would_without_us(python, knobs):
    """It goes on behind fork, and finds its errno."""
    host = embed(python, "cancelled", **knobs)
    assert host.events == [FREEZE]
    assert len(host.parents) == len(host.children) == 1


def test_process_that_forked_unseen_freezes_for_its_own_children(python):
    host = embed(python, "daemonized")
    unseen, seen = host.children
    assert_untouched_settings(unseen, python)
    assert unseen["frozen"] < HEAP
    assert_untouched_settings(seen, python)
    assert seen["frozen"] > HEAP
    assert host.events == [FREEZE]
    assert host.reports["status"][0]["seen"] == 1
    assert host.status["seen"] == 0


def test_child_of_vfork_leaves_its_parents_account_alone(python):
    host = embed(python, "borrower")
    assert host.reports["status"][0]["seen"] == 0
    assert host.reports["status"][1]["seen"] == 1
