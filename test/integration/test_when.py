"""Which forks are frozen for: GCFREEZE_WHEN and GCFREEZE_MIN_NEW."""

import pytest

# Forks as often as `between` has lines to run ahead of each fork.
FORKS = """
keep = []
def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    wait(pid)
def grow():
    keep.append([[i] for i in range(20000)])
def churn():
    for _ in range(50):
        temporary = [[i] for i in range(20000)]
        del temporary
"""

FIRST = ("freeze", "first-worker-fork")
GROWN = ("freeze", "heap-grown")
NOTHING_NEW = ("skip", "nothing-new")


def reasons(python, compare, program, **knobs):
    return compare(python, FORKS + program, **knobs).reasons()


@pytest.mark.parametrize(
    "when, expected",
    [
        ("auto", [FIRST, NOTHING_NEW, GROWN, NOTHING_NEW]),
        ("first", [FIRST] + 3 * [("skip", "policy-first")]),
        ("every", 4 * [("freeze", "every-fork")]),
        ("after:2", 2 * [("skip", "policy-after")] + [FIRST, NOTHING_NEW]),
        ("after:0", [FIRST, NOTHING_NEW, GROWN, NOTHING_NEW]),
        ("never", 4 * [("skip", "policy-never")]),
    ],
)
def test_when(python, compare, when, expected):
    assert reasons(python, compare, "fork(); fork(); grow(); fork(); fork()", WHEN=when) == expected


def test_never_leaves_the_collector_alone_from_the_start(python, compare):
    outcome = compare(python, FORKS + 'state("before")\nfork()\nstate("after")\n', WHEN="never")
    assert outcome.frozen == {"before": 0, "after": 0}


def test_objects_that_come_and_go_are_no_growth(python, compare):
    program = "fork(); churn(); fork(); churn(); churn(); fork()"
    assert reasons(python, compare, program) == [FIRST, NOTHING_NEW, NOTHING_NEW]


def test_churn_with_a_put_off_collector_is_no_growth(python, compare):
    program = "fork(); churn(); fork(); churn(); churn(); fork()"
    assert reasons(python, compare, program, PARENT="keep") == [FIRST, NOTHING_NEW, NOTHING_NEW]


def test_growth_is_seen_through_churn(python, compare):
    program = "fork(); churn(); grow(); churn(); fork(); churn(); fork()"
    assert reasons(python, compare, program) == [FIRST, GROWN, NOTHING_NEW]


def test_growth_is_seen_by_a_disabled_collector(python, compare):
    program = "gc.disable(); fork(); grow(); fork(); fork()"
    assert reasons(python, compare, program) == [FIRST, GROWN, NOTHING_NEW]


def test_growth_of_a_large_heap_is_seen(python, compare):
    program = "large = b'x' * (200 << 20)\nfork(); fork(); grow(); fork(); fork()"
    assert reasons(python, compare, program) == [FIRST, NOTHING_NEW, GROWN, NOTHING_NEW]


def test_slow_growth_adds_up(python, compare):
    program = """
fork()
for _ in range(3):
    keep.append([[i] for i in range(4000)])
    fork()
"""
    assert reasons(python, compare, program) == [FIRST, NOTHING_NEW, NOTHING_NEW, GROWN]


@pytest.mark.parametrize("minimum, expected", [(0, GROWN), (5000, GROWN), (40000, NOTHING_NEW)])
def test_the_least_growth_is_a_knob(python, compare, minimum, expected):
    assert reasons(python, compare, "fork(); grow(); fork()", MIN_NEW=minimum) == [FIRST, expected]


def test_forks_to_execute_do_not_count(python, compare):
    program = """
import subprocess
for _ in range(3):
    subprocess.run(["/bin/true"], preexec_fn=lambda: None, check=True)
fork()
fork()
"""
    found = reasons(python, compare, program, WHEN="after:1")
    assert found[-2:] == [("skip", "policy-after"), FIRST]
