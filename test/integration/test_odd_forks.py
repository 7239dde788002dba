"""Forks at odd moments and from odd places, with each interpreter."""

import os

import pytest
from conftest import EVENT, FORK_FUNCTION, FREEZE, NOTHING_NEW

LIBRARY = os.environ["GCFREEZE_TEST_ODD"]


def test_c_code_below_python_that_forks_is_left_alone(python, compare):
    outcome = compare(
        python,
        """
import ctypes
fork = ctypes.CDLL(None).fork
pid = fork()
if pid == 0:
    state("child")
    os._exit(3)
wait(pid)
note("parent")
""",
    )
    assert outcome.events == [("skip", "extension", "extension")]
    assert outcome.frozen == {"child": 0, "parent": 0}


def test_c_code_that_forks_without_the_interpreter_is_not_made_to_wait_for_it(python, compare):
    outcome = compare(
        python,
        """
import ctypes, signal, threading
signal.alarm(120)
library = os.environ["GCFREEZE_TEST_ODD"]
detached, attached = ctypes.CDLL(library), ctypes.PyDLL(library)
pids = []
thread = threading.Thread(target=lambda: pids.append(detached.odd_fork_with_lock()))
thread.start()
detached.odd_wait_until_taken()
attached.odd_take_lock()
thread.join()
wait(pids[0])
""",
        TEST_ODD=LIBRARY,
    )
    assert outcome.reasons() == [("skip", "gil-taken")]


def test_a_c_thread_with_a_thread_state_is_not_made_to_wait_for_the_interpreter(python, compare):
    """Python is not on its stack, and yet it may hold a lock that who has the interpreter waits for."""
    outcome = compare(
        python,
        """
import ctypes, signal
signal.alarm(30)
library = os.environ["GCFREEZE_TEST_ODD"]
detached, attached = ctypes.CDLL(library), ctypes.PyDLL(library)
assert detached.odd_start_keeper() == 0
detached.odd_wait_until_taken()
attached.odd_take_lock()
wait(detached.odd_join_keeper())
""",
        TEST_ODD=LIBRARY,
    )
    assert outcome.reasons() == [("skip", "gil-taken")]


@pytest.mark.gil(True)  # C hosts of a free-threaded build are left alone
@pytest.mark.parametrize("gil", ["CDLL", "PyDLL"], ids=["detached", "attached"])
@pytest.mark.parametrize("threads", [0, 1])
def test_a_python_program_that_became_a_c_host(python, compare, gil, threads):
    # pyuwsgi.run()
    outcome = compare(
        python,
        """
import ctypes, threading
end = threading.Event()
threads = [threading.Thread(target=end.wait) for _ in range(%d)]
for thread in threads:
    thread.start()
host = ctypes.%s(os.environ["GCFREEZE_TEST_ODD"])
for worker in "first", "second":
    pid = host.pyuwsgi_run(None)
    if pid == 0:
        state(worker)
        os._exit(3)
    wait(pid)
state("parent")
end.set()
"""
        % (threads, gil),
        TEST_ODD=LIBRARY,
    )
    assert outcome.events == [
        ("freeze", "first-worker-fork", "C host"),
        ("skip", "nothing-new", "C host"),
    ]
    assert 'mode_why="auto: pyuwsgi preloads' in outcome.stderr
    assert outcome.frozen["first"] > 20000 or "mode=immortal" in outcome.stderr


def test_python_that_such_a_host_calls_is_an_extension_where_it_forks(python, compare):
    outcome = compare(
        python,
        """
import ctypes
host = ctypes.CDLL(os.environ["GCFREEZE_TEST_ODD"])
work = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: ctypes.CDLL(None).fork())
pid = host.pyuwsgi_run(work)
if pid == 0:
    state("child")
    os._exit(3)
wait(pid)
note("parent")
""",
        TEST_ODD=LIBRARY,
    )
    assert outcome.events == [("skip", "extension", "extension")]


@pytest.mark.parametrize("log_file", ["", "log-%p"], ids=["stderr", "file"])
def test_a_signal_handler_that_forks_on_a_small_stack(python, compare, tmp_path, log_file):
    outcome = compare(
        python,
        """
import ctypes
say(ctypes.CDLL(os.environ["GCFREEZE_TEST_ODD"]).odd_fork_on_small_stack())
""",
        TEST_ODD=LIBRARY,
        LOG_FILE=log_file and tmp_path / log_file,
    )
    assert outcome.stdout == "0\n"
    if log_file:
        outcome.events = EVENT.findall("".join(log.read_text() for log in tmp_path.glob("log-*")))
    assert outcome.events == [("skip", "signal-handler", "signal handler")]


def test_a_fork_that_passes_by_is_noticed_at_the_next(python, compare):
    # daemon(3) forks inside libc
    outcome = compare(
        python,
        """
import ctypes
before = os.getpid()
assert ctypes.CDLL(None).daemon(1, 1) == 0
assert os.getpid() != before
pid = os.fork()
if pid == 0:
    state("worker")
    os._exit(0)
wait(pid)
state("daemon")
""",
    )
    assert outcome.events == [FREEZE]
    assert outcome.frozen["worker"] > 20000


def test_hooks_run_in_the_usual_order_and_may_fork(python, compare):
    outcome = compare(
        python,
        """
ran = []
def fork(who):
    pid = os.fork()
    if pid == 0:
        say(who, ran)
        state(who)
        os._exit(0)
    wait(pid)
    say("parent", ran)
for name in "first", "second":
    os.register_at_fork(
        before=lambda name=name: ran.append("before " + name),
        after_in_parent=lambda name=name: ran.append("parent " + name),
        after_in_child=lambda name=name: ran.append("child " + name))
def fork_too():
    if not forked:
        forked.append(True)
        fork("child-of-the-hook")
forked = []
os.register_at_fork(before=fork_too)
fork("child")
state("parent")
""",
    )
    assert outcome.events == [FREEZE, NOTHING_NEW]
    assert outcome.frozen["child"] > 20000


def test_a_finalizer_that_forks_inside_our_collection(python, compare):
    outcome = compare(
        python,
        FORK_FUNCTION
        + """
class Forks:
    def __init__(self):
        self.cycle = self
    def __del__(self):
        pid = os.fork()
        if pid == 0:
            say("finalizer's child")
            os._exit(0)
        wait(pid)
gc.disable()
Forks()
if os.environ.get("GCFREEZE") == "0":
    gc.collect()
fork("child")
fork("second")
""",
        COLLECT="always",
    )
    assert outcome.events == [FREEZE, NOTHING_NEW]
    assert outcome.frozen["child"] > 20000


def test_a_python_signal_handler_forks(python, compare):
    outcome = compare(
        python,
        """
import signal
def handler(number, frame):
    pid = os.fork()
    if pid == 0:
        state("child")
        os._exit(0)
    wait(pid)
signal.signal(signal.SIGUSR1, handler)
os.kill(os.getpid(), signal.SIGUSR1)
state("parent")
""",
    )
    assert outcome.events == [FREEZE]
    assert outcome.frozen["child"] > 20000


def test_a_fork_while_an_exception_is_handled(python, compare):
    outcome = compare(
        python,
        """
try:
    raise KeyError("kept")
except KeyError:
    pid = os.fork()
    if pid == 0:
        say("child", repr(sys.exc_info()[1]))
        state("child")
        raise
    wait(pid)
    say("parent", repr(sys.exc_info()[1]))
    raise
""",
        returncode=1,
    )
    assert outcome.events == [FREEZE]
    assert outcome.stderr.count("KeyError: 'kept'") == 2


def test_a_fork_at_exit_freezes(python, compare):
    outcome = compare(
        python,
        """
import atexit
@atexit.register
def fork():
    try:
        pid = os.fork()
    except Exception as refused:
        return say(refused)
    if pid == 0:
        state("child")
        os._exit(0)
    wait(pid)
""",
    )
    assert outcome.events == ([FREEZE] if "exit status 0" in outcome.stdout else [])


def test_a_finalizer_that_forks_at_shutdown_is_left_alone(python, compare):
    outcome = compare(
        python,
        """
class Forks:
    # defaults, because the modules' globals are gone by then
    def __del__(self, fork=os.fork, exit=os._exit, wait=os.waitpid, write=os.write):
        try:
            pid = fork()
        except Exception as refused:
            return write(1, str(refused).encode())
        if pid == 0:
            exit(3)
        write(1, b"exit status %d" % wait(pid, 0)[1])
sys.keep = Forks()
""",
    )
    refused = "at interpreter shutdown" in outcome.stdout  # 3.12 and later
    assert outcome.events == ([] if refused else [("skip", "finalizing", "os.fork")])
    assert refused or outcome.stdout == "exit status 768"


def test_fork_after_a_subinterpreter_has_come_and_gone(python, compare):
    module = "_interpreters" if python.version >= (3, 13) else "_xxsubinterpreters"
    outcome = compare(
        python,
        """
import %s as interpreters
interpreters.destroy(interpreters.create())
pid = os.fork()
if pid == 0:
    state("child")
    os._exit(0)
wait(pid)
state("parent")
"""
        % module,
    )
    assert outcome.events == [FREEZE]
    assert outcome.frozen["child"] > 20000
