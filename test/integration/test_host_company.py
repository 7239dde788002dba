"""Other libraries in LD_PRELOAD, before and after this one: each does its work in parent and child,
and the heap is frozen."""

import os
import shutil

import pytest
from conftest import FORK, FREEZE, LIBRARY, NOTHING_NEW
from servers.report import MODES

FOLDER = "/usr/lib/x86_64-linux-gnu/"

# Its path, the environment it needs, and an expression that is true where it is at work.
COMPANY = {
    "jemalloc": (
        FOLDER + "libjemalloc.so.2",
        ["PYTHONMALLOC=malloc"],
        "allocated() > len(HEAP) * 32",
    ),
    "eatmydata": (
        FOLDER + "libeatmydata.so",
        [],
        # the kernel would say that a pipe cannot be synchronized
        "os.fsync(PIPE[0]) is None",
    ),
    "faketime": (
        FOLDER + "faketime/libfaketime.so.1",
        ["FAKETIME=2001-02-03 04:05:06"],
        "time.gmtime().tm_year == 2001",
    ),
}

WORKING_FORK = FORK.replace('state("child")', 'state("child"); at_work("child")')

PROGRAM = """
import ctypes, time
PIPE = os.pipe()
def allocated():
    "The bytes that jemalloc has given away."
    value, size, epoch = ctypes.c_size_t(), ctypes.c_size_t(8), ctypes.c_uint64(1)
    mallctl = ctypes.CDLL(None).mallctl
    mallctl(b"epoch", None, None, ctypes.byref(epoch), 8)
    mallctl(b"stats.allocated", ctypes.byref(value), ctypes.byref(size), None, 0)
    return value.value
def at_work(who):
    say(who, "works" if %s else "does nothing")
at_work("before")
%s
at_work("after")
"""

ORDERS = {"before": "{0}:{1}", "after": "{1}:{0}"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", COMPANY)
def test_in_company(python, compare, name, order, mode):
    path, variables, expression = COMPANY[name]
    if not os.path.exists(path):
        pytest.skip("not installed: " + path)
    preload = "LD_PRELOAD=" + ORDERS[order].format(path, LIBRARY)
    if python.free_threaded and variables:
        pytest.skip("a free-threaded CPython has no other allocator than its own")
    command = ["env", preload, *variables, python.path, str(compare.script)]
    program = PROGRAM % (expression, 2 * WORKING_FORK)
    outcome = compare(python, program, command=command, **MODES[mode])
    assert_frozen(outcome)


OWNER = """
owned = os.path.join(os.path.dirname(os.path.abspath(__file__)), "owned")
def at_work(who):
    "fakeroot alone knows of the new owner, in every process that it is in."
    say(who, "works" if os.stat(owned).st_uid == 4321 else "does nothing")
open(owned, "w").close()
os.chown(owned, 4321, 4321)
at_work("before")
%s
at_work("after")
"""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", ORDERS)
def test_in_fakeroot(python, compare, order, mode):
    if not shutil.which("fakeroot"):
        pytest.skip("fakeroot is not installed")
    # root could really give the file away
    command = ["env", "FAKEROOTDONTTRYCHOWN=1", "fakeroot", "--"]
    if order == "after":  # fakeroot itself goes to the front
        change = 'LD_PRELOAD="$0:${LD_PRELOAD%%:*}" exec "$@"'
        command += ["sh", "-c", change, LIBRARY]
    command += [python.path, str(compare.script)]
    outcome = compare(python, OWNER % (2 * WORKING_FORK), command=command, **MODES[mode])
    assert_frozen(outcome)
    assert os.stat(compare.script.with_name("owned")).st_uid == os.getuid()


def assert_frozen(outcome):
    assert outcome.events == [FREEZE, NOTHING_NEW]
    # immortal objects are in a list of their own
    assert outcome.frozen["child"] > 20000 or "mode=immortal" in outcome.stderr
    working = [line for line in outcome.stdout.splitlines() if line.endswith(" works")]
    assert [line.split()[0] for line in working] == ["before", "child", "child", "after"]
