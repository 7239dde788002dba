"""GCFREEZE_WARMUP: the program does not notice the child in which words are tried, and nothing of it stays."""

import os
import platform
import signal
import subprocess

import pytest
from servers.trials import Program

pytestmark = pytest.mark.gil(True)  # a free-threaded interpreter is not warmed up

DONE = (1, 0, {"function": 1})


@pytest.fixture
def start(python, tmp_path):
    """start(program, words, ...): a program that runs. What it leaves is killed."""
    started = []

    def start(*arguments, **more):
        started.append(Program(python, tmp_path, *arguments, **more))
        return started[-1]

    yield start
    for program in started:
        program.kill()


@pytest.fixture
def run(start):
    """The same, to its end, which is a good one."""

    def run(*arguments, **more):
        ended = start(*arguments, **more).end()
        assert ended.status == 0, ended.stderr
        assert ended.others == [], ended.stderr
        return ended

    return run


SIGNALS = """
import socket
counted = []
ends = socket.socketpair()
for end in ends:
    end.setblocking(False)

def woken():
    try:
        return list(ends[0].recv(100))
    except BlockingIOError:
        return []

signal.signal(signal.SIGCHLD, lambda number, frame: counted.append(number))
signal.set_wakeup_fd(ends[1].fileno())
pid = worker()
say(before=[counted[:], woken()])
let_go()
ended = os.waitpid(pid, 0)
while not counted:
    pass
say(after=[counted, woken()], ended=ended == (pid, 7 << 8))
"""


def test_signals_are_those_of_the_worker_alone(run):
    ended = run(SIGNALS)
    assert ended.printed == {"before": [[], []], "after": [[signal.SIGCHLD]] * 2, "ended": True}
    assert ended.said.outcome == DONE


IGNORED = """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
pid = worker()
say(children=children() == [pid])
let_go()
try:
    os.waitpid(-1, 0)
except ChildProcessError:
    say(reaped_by="kernel", after=children())
"""


def test_program_that_ignores_the_ends_of_children(run):
    ended = run(IGNORED)
    assert ended.printed == {"children": True, "reaped_by": "kernel", "after": []}
    assert ended.said.outcome == DONE


# A program that has a child already, which ends while words are tried.
WAITS = """
import threading

def ended_one():
    try:
        return os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        return None

def wait_always():
    while not stop:
        found.add(ended_one())

found, stop = set(), []
thread = threading.Thread(target=wait_always)
before = ended_one()
if THREAD:
    thread.start()
pid = worker()
first = ended_one()
stop.append(True)
if THREAD:
    thread.join()
let_go()
ended = os.waitpid(-1, 0)
say(before=before, first=first, found=sorted(found - {None}), ended=ended == (pid, 7 << 8), after=ended_one())
"""


@pytest.mark.parametrize("thread", [False, True], ids=["alone", "thread"])
def test_who_waits_for_any_child_finds_the_worker_alone(run, thread):
    ended = run("THREAD = %d\n" % thread + WAITS)
    found = ended.printed.pop("found")
    assert found in ([], [0])  # 0: the worker runs
    assert ended.printed == {"before": None, "first": 0, "ended": True, "after": None}
    assert ended.said.outcome == DONE


HOOKS = """
def hook(name):
    def body():
        with open("hooks", "a") as file:
            file.write("%s %d\\n" % (name, os.getpid()))
    return body

os.register_at_fork(before=hook("before"), after_in_parent=hook("parent"), after_in_child=hook("child"))
pid = worker()
let_go()
os.waitpid(pid, 0)
say(us=os.getpid(), worker=pid)
"""


def test_hooks_are_called_for_the_worker_alone(run, tmp_path):
    ended = run(HOOKS)
    us, worker = ended.printed["us"], ended.printed["worker"]
    lines = sorted((tmp_path / "hooks").read_text().splitlines())
    assert lines == sorted(["before %d" % us, "parent %d" % us, "child %d" % worker])
    assert ended.said.outcome == DONE


STATE = """
import resource

def descriptors():
    return sorted((name, os.readlink("/proc/self/fd/" + name)) for name in os.listdir("/proc/self/fd")
                  if os.path.exists("/proc/self/fd/" + name))

def state():
    status = open("/proc/self/status").read()
    return [
        descriptors(), os.getpgrp(), os.getsid(0), os.getppid(), os.umask(0o22), os.getcwd(),
        resource.getrlimit(resource.RLIMIT_CORE), os.getpriority(os.PRIO_PROCESS, 0),
        sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), [signal.getsignal(n) for n in range(1, 32)],
        [line for line in status.splitlines() if line.startswith(("SigB", "SigI", "SigP", "Shd", "Threads"))],
    ]

os.umask(0o22)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGALRM])
before = state()
pid = worker()
after = state()
say(differ=[str(pair) for pair in zip(before, after) if pair[0] != pair[1]], children=children() == [pid])
let_go()
os.waitpid(pid, 0)
say(left=children())
"""


def test_state_of_the_process_is_as_before(run):
    ended = run(STATE)
    assert ended.printed == {"differ": [], "children": True, "left": []}
    assert ended.said.outcome == DONE


GONE = """
pid = worker()
left = [int(line.split()[1]) for line in open(os.environ["RAN"]) if line.startswith("left")]
say(left=len(left), still=[one for one in left if os.path.exists("/proc/%d" % one)], children=children() == [pid])
let_go()
say(ended=os.waitpid(-1, 0) == (pid, 7 << 8))
"""
ADOPTS = """
import ctypes
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
"""


def require_namespaces():
    done = subprocess.run(["unshare", *NAMESPACE, "true"], stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        pytest.skip("no pid namespace here: " + done.stderr.strip())


NAMESPACE = ["--pid", "--fork", "--kill-child", "--mount-proc"]


@pytest.mark.parametrize("kind", ["plain", "subreaper", "first of its namespace"])
def test_what_a_page_leaves_running_is_gone_before_the_worker_comes(run, kind):
    prefix = []
    if kind.startswith("first"):
        require_namespaces()
        prefix = ["unshare", *NAMESPACE]
    ended = run((ADOPTS if kind == "subreaper" else "") + GONE, "pages:leave pages:good", prefix=prefix)
    assert ended.printed == {"left": 1, "still": [], "children": True, "ended": True}
    assert ended.said.about("pages:leave").startswith("leaves a child process running")
    assert ended.said.outcome == (1, 1, {"function": 1})


INTERRUPTED = """
class Ended(BaseException):
    pass
def end(number, frame):
    raise Ended
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGUSR1, lambda number, frame: say(noted=True))
try:
    worker()
except BaseException as error:
    say(raised=type(error).__name__, children=children())
pid = worker()
say(then=children() == [pid])
let_go()
say(ended=os.waitpid(-1, 0) == (pid, 7 << 8))
"""
RAISED = {signal.SIGINT: "KeyboardInterrupt", signal.SIGTERM: "Ended"}


@pytest.mark.parametrize("number", RAISED, ids=lambda number: number.name)
def test_handler_that_raises_ends_the_trial_and_the_fork_raises_it(start, number):
    program = start(INTERRUPTED, "pages:fork_and_hang")
    pids = [program.wait_until("left"), program.wait_until("hang")]
    os.kill(program.process.pid, signal.SIGUSR1)
    os.kill(program.process.pid, number)
    ended = program.end()
    assert (ended.status, ended.others) == (0, []), ended.stderr
    assert ended.printed == {"noted": True, "raised": RAISED[number], "children": [], "then": True, "ended": True}
    assert len(program.ran("hang")) == 1
    program.wait_until_gone(*pids)


NOTED = """
signal.signal(signal.SIGUSR1, lambda number, frame: open("go", "w").close())
pid = worker()
say(children=children() == [pid])
let_go()
os.waitpid(pid, 0)
"""


def test_handler_that_returns_runs_at_once_and_the_trial_goes_on(start):
    program = start(NOTED, "pages:wait")
    program.wait_until("wait")
    os.kill(program.process.pid, signal.SIGUSR1)
    ended = program.end()
    assert (ended.status, ended.others) == (0, []), ended.stderr
    assert ended.printed == {"children": True}
    assert ended.said.outcome == DONE


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_program_that_is_killed_leaves_nothing_of_a_trial(start, number):
    program = start("worker()", "pages:fork_and_hang")
    pids = [program.wait_until("left"), program.wait_until("hang")]
    os.kill(program.process.pid, number)
    assert program.process.wait() == -number
    program.wait_until_gone(*pids)


# Nobody else has this user's number.
LIMITED = """
import resource
os.setuid(2000000000 + os.getpid())
_, most = resource.getrlimit(resource.RLIMIT_NPROC)
resource.setrlimit(resource.RLIMIT_NPROC, (LIMIT, most))
try:
    pid = worker()
except BlockingIOError:
    say(refused=True)
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
    pid = worker()
say(children=children() == [pid])
let_go()
say(ended=os.waitpid(-1, 0) == (pid, 7 << 8))
"""
REFUSED = "it failed and was given up: raised %s no child can be forked for a trial: %s"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user that has no processes")
@pytest.mark.parametrize("limit", [1, 2], ids=["no process", "one process"])
def test_limit_of_processes_that_leaves_no_room_for_a_trial(run, limit):
    ended = run("LIMIT = %d\n" % limit + LIMITED)
    assert ended.printed == {**({"refused": True} if limit == 1 else {}), "children": True, "ended": True}
    assert ended.said.lines == [REFUSED % ("BlockingIOError: [Errno 11]", "Resource temporarily unavailable")]
    assert ended.said.outcome == (0, 0, {})


# clone(2) without a signal at its end: what a trial begins with, and nobody's fork or thread.
SANDBOXED = """
import ctypes, struct
NUMBER, ERROR = %d, 1
code = b"".join(struct.pack("=HBBI", *step) for step in [
    (0x20, 0, 0, 0), (0x15, 0, 4, NUMBER), (0x20, 0, 0, 16), (0x54, 0, 0, 0xff), (0x15, 0, 1, 0),
    (0x06, 0, 0, 0x50000 | ERROR), (0x06, 0, 0, 0x7fff0000)])
filter = ctypes.create_string_buffer(code)
program = struct.pack("@HP", len(code) // 8, ctypes.addressof(filter))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
pid = worker()
say(children=children() == [pid])
let_go()
say(ended=os.waitpid(-1, 0) == (pid, 7 << 8))
""" % {"x86_64": 56, "aarch64": 220}[platform.machine()]


def test_sandbox_that_refuses_the_trial(run):
    ended = run(SANDBOXED)
    assert ended.printed == {"children": True, "ended": True}
    assert ended.said.lines == [REFUSED % ("PermissionError: [Errno 1]", "Operation not permitted")]
    assert ended.said.outcome == (0, 0, {})
