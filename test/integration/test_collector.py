"""The collector's settings: the application's own, and what the knobs make of them."""

import pytest
from conftest import FORK_FUNCTION, FREEZE, environment, run


def own_threshold(python):
    program = "import gc; print(gc.get_threshold()[0])"
    return int(run([python.path, "-c", program], environment(**{"": 0})).stdout)


@pytest.mark.parametrize(
    "setting",
    [
        "gc.disable()",
        "gc.disable(); gc.enable()",
        "gc.enable()",
        "gc.set_threshold(0)",
        "gc.set_threshold(50)",
        "gc.set_threshold(100, 5, 5)",
        "gc.set_threshold(2000000)",
        "gc.set_threshold(700, 10)",
    ],
)
@pytest.mark.parametrize("parent", ["restore", "keep"])
def test_what_the_application_set_itself_wins(python, compare, setting, parent):
    outcome = compare(
        python,
        FORK_FUNCTION + setting + '\nstate("loading")\nfork("child")\nfork("second")\nstate("parent")\n',
        STARTUP="defer",
        PARENT=parent,
    )
    assert outcome.events[0] == FREEZE
    assert outcome.frozen["child"] > 20000


@pytest.mark.parametrize("knobs", [{"PARENT": "keep"}, {"WHEN": "after:3"}], ids=["keep", "after"])
def test_a_setting_that_is_the_default_wins_as_well(python, compare, knobs):
    outcome = compare(
        python,
        FORK_FUNCTION
        + """
default = int(os.environ["GCFREEZE_TEST_DEFAULT"])
gc.set_threshold(default)
fork("child")
state("parent")
fork("second")
state("parent")
""",
        TEST_DEFAULT=own_threshold(python),
        STARTUP="defer",
        **knobs,
    )
    assert len(outcome.events) == 2


def test_settings_made_between_forks_win_too(python, compare):
    outcome = compare(
        python,
        FORK_FUNCTION
        + """
fork("child")
gc.set_threshold(123, 4, 5)
gc.disable()
fork("second")
state("parent")
""",
    )
    assert outcome.reasons() == [("freeze", "first-worker-fork"), ("skip", "nothing-new")]


def test_an_application_that_freezes_by_itself(python, compare):
    outcome = compare(
        python,
        FORK_FUNCTION
        + """
gc.disable()
gc.freeze()
say(gc.get_freeze_count() > 20000)
fork("child")
gc.unfreeze()
say(gc.get_freeze_count())
gc.freeze()
gc.enable()
fork("second")
state("parent")
""",
    )
    assert outcome.reasons() == [("freeze", "own-freeze"), ("skip", "nothing-new")]
    assert max(outcome.frozen[who] for who in ("child", "second", "parent")) < 50  # ours, with its own


def test_a_collector_that_is_kept_is_the_applications(python, compare):
    outcome = compare(python, FORK_FUNCTION + 'state("before")\nfork("child")\nstate("parent")\n', STARTUP="keep")
    assert outcome.events == [FREEZE]
    assert outcome.frozen["before"] == 0
    assert outcome.frozen["child"] > 20000


COLLECTIONS = """
collections = []
gc.callbacks.append(lambda phase, info: phase == "start" and collections.append(info["generation"]))
"""


@pytest.mark.parametrize(
    "startup, runs", [("defer", False), ("disable", False), ("keep", True), ("auto", True)]
)
def test_a_put_off_collector_does_not_run(python, compare, startup, runs):
    outcome = compare(
        python,
        COLLECTIONS
        + """
MORE = [[i] for i in range(100000)]
with open(os.environ["GCFREEZE_TEST_NOTES"], "a") as notes:
    notes.write("collections %d\\n" % len(collections))
say(gc.isenabled())
""",
        STARTUP=startup,
    )
    # Against the inert run: far fewer where it is put off. Where it is kept, the objects that came
    # with the hook may have moved one collection across the end.
    difference = outcome.frozen["collections"]
    # A free-threaded collector waits until a quarter of the objects is new, and so runs a few times.
    assert abs(difference) <= 1 if runs else difference < (0 if python.free_threaded else -10)


def test_garbage_that_runs_away_is_collected_after_all(python, compare):
    outcome = compare(
        python,
        COLLECTIONS
        + """
for _ in range(5000):
    cycle = []
    cycle.append(cycle)
say(len(collections) > 0, len(gc.get_objects()) < 40000)
""",
        STARTUP="defer",
        DEFER=1000,
    )
    assert outcome.stdout == "True True\n"


@pytest.mark.parametrize("parent, runs", [("restore", True), ("keep", False)])
def test_the_parent_after_its_fork(python, compare, parent, runs):
    outcome = compare(
        python,
        FORK_FUNCTION
        + COLLECTIONS
        + """
for who in "first", "second":
    fork(who)
    collections.clear()
    MORE = [[i] for i in range(100000)]
    with open(os.environ["GCFREEZE_TEST_NOTES"], "a") as notes:
        notes.write("after-%s %d\\n" % (who, len(collections)))
    state("parent-" + who)
""",
        STARTUP="defer",
        PARENT=parent,
        MIN_NEW=1000000,
    )
    for who in "after-first", "after-second":
        difference = outcome.frozen[who]
        assert abs(difference) <= 3 if runs else difference < (0 if python.free_threaded else -10)


@pytest.mark.parametrize(
    "collect, expected",
    [("repeat", [0, 1]), ("always", [1, 1]), ("never", [0, 0])],
)
def test_collections_before_a_freeze(python, compare, collect, expected):
    outcome = compare(
        python,
        COLLECTIONS
        + """
gc.disable()
def note_collections(who):
    with open(os.environ["GCFREEZE_TEST_NOTES"], "a") as notes:
        notes.write("%s %d\\n" % (who, collections.count(2)))
    collections.clear()
for who in "first", "second":
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    wait(pid)
    note_collections(who)
    MORE = [[i] for i in range(30000)]
""",
        COLLECT=collect,
    )
    assert outcome.reasons() == [("freeze", "first-worker-fork"), ("freeze", "heap-grown")]
    assert [outcome.frozen["first"], outcome.frozen["second"]] == expected


def test_garbage_is_not_frozen_on_a_repeat(python, compare):
    outcome = compare(
        python,
        FORK_FUNCTION
        + """
import weakref
class Garbage:
    pass
gc.disable()
fork("child")
garbage = Garbage()
garbage.cycle = garbage
reference = weakref.ref(garbage)
del garbage
MORE = [[i] for i in range(30000)]
say(reference() is not None)
fork("second")
with open(os.environ["GCFREEZE_TEST_NOTES"], "a") as notes:
    notes.write("alive %d\\n" % (reference() is not None))
""",
    )
    assert outcome.reasons() == [("freeze", "first-worker-fork"), ("freeze", "heap-grown")]
    assert outcome.frozen["alive"] == -1
