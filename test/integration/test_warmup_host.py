"""The child in which a warm-up is tried, and the program that forks: it notices nothing, and nothing outlives it."""

import os
import shutil
import signal
import subprocess

import pytest
from conftest import environment, run
from servers.process import read_stat, wait_for, working_in
from servers.warming import Said

pytestmark = pytest.mark.gil(True)

WORK = """
import os, subprocess, threading, time
DONE = []

def load():
    DONE.append(os.getpid())

def hang():
    open("hangs", "w").close()
    time.sleep(1000)

def hang_with_company():
    "Children of all kinds: in its own process group, in another session, and one that has lost its parent."
    subprocess.Popen(["sleep", "1000"])
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
    subprocess.run(["sh", "-c", "setsid sleep 1000 & "])
    hang()

def die():
    os.abort()
"""

PROGRAM = """
import os, signal, sys, threading, time, work
SEEN = []

def wait_for_all():
    "As a master does in its loop."
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        SEEN.append(pid)

%(before)s

def fork():
    said = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(said[1], b"%%d %%d" %% (len(work.DONE), work.DONE[-1:] == [os.getppid()]))
        os._exit(0)
    os.close(said[1])
    answer = os.read(said[0], 99)
    os.close(said[0])
    return pid, answer

%(after)s
"""


@pytest.fixture
def program(python, tmp_path):
    """program(words, before, after): the command of it, in a folder of its own."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "work.py").write_text(WORK)

    def program(before, after):
        (folder / "program.py").write_text(PROGRAM % {"before": before, "after": after})
        return [python.path, str(folder / "program.py")]

    program.folder = folder
    return program


def knobs(words, seconds=60):
    return {**environment(WARMUP=words, WARMUP_SECONDS=seconds), "PYTHONDONTWRITEBYTECODE": "1"}


HANDLERS = """
caught = []
signal.signal(signal.SIGCHLD, lambda *_: (caught.append(1), wait_for_all()))
reader, writer = os.pipe()
os.set_blocking(writer, False)
os.set_blocking(reader, False)
signal.set_wakeup_fd(writer)
"""


def test_a_trial_is_no_child_that_the_program_could_notice(program):
    command = program(
        HANDLERS,
        """
before = (caught[:], SEEN[:])
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
pid, answer = fork()
while not signal.sigpending():
    time.sleep(0.001)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
wait_for_all()
assert answer == b"1 1", answer
assert SEEN == [pid], (SEEN, pid)
assert len(caught) == 1, caught
assert os.read(reader, 99) == bytes([signal.SIGCHLD])
try:
    os.waitpid(-1, 0x40000000) # __WALL
except ChildProcessError:
    pass
""",
    )
    found = Said(run(command, knobs("work:die work:load"), cwd=program.folder, timeout=60).stderr)
    assert found.about("work:die").startswith("ended the process with signal %d;" % signal.SIGABRT)
    assert found.outcome == (1, 1, {"function": 1})


@pytest.mark.parametrize("before", [
    pytest.param("signal.signal(signal.SIGCHLD, signal.SIG_IGN)", id="ignored"),
    pytest.param("import ctypes; assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0", id="subreaper"),
    pytest.param("signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())", id="blocked"),
])  # fmt: skip
def test_programs_that_treat_children_in_their_own_way(program, before):
    command = program(before, "print(fork()[1].decode())")
    outcome = run(command, knobs("work:load work:die"), cwd=program.folder, timeout=60)
    found = Said(outcome.stderr)
    assert (outcome.stdout, found.outcome) == ("1 1\n", (1, 1, {"function": 1}))
    assert not working_in(str(program.folder))


def test_the_first_process_of_a_namespace(program):
    unshare = [shutil.which("unshare") or "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this machine grants no namespace of processes")
    command = program("assert os.getpid() == 1", "print(fork()[1].decode()); wait_for_all(); print(len(SEEN) <= 1)")
    outcome = run([*unshare, *command], knobs("work:load work:die"), cwd=program.folder, timeout=60)
    found = Said(outcome.stderr)
    assert (outcome.stdout, found.outcome) == ("1 1\nTrue\n", (1, 1, {"function": 1}))


def hanging(program, words, before=""):
    """The program, while its trial hangs."""
    command = program(before, "print(fork()[1].decode(), flush=True)")
    process = subprocess.Popen(
        command, env=knobs(words, 600), cwd=program.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    wait_for("the page that hangs", (program.folder / "hangs").exists)
    return process


def assert_all_gone(program):
    wait_for("the end of all that was started", lambda: not working_in(str(program.folder)))


def test_killed_program_takes_its_trial_along_and_what_that_has_started(program):
    process = hanging(program, "work:hang_with_company")
    assert len(working_in(str(program.folder))) >= 5
    process.kill()
    process.communicate()
    assert_all_gone(program)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_signal_while_a_trial_hangs_does_what_it_always_does(program, number):
    handler = """
def raises(*_):
    raise RuntimeError("by a handler")
signal.signal(signal.SIGUSR1, raises)
"""
    process = hanging(program, "work:hang_with_company", handler)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert_all_gone(program)
    assert out == ""
    if number == signal.SIGTERM:
        assert process.returncode == -signal.SIGTERM
    else:
        assert {signal.SIGINT: "KeyboardInterrupt", signal.SIGUSR1: "RuntimeError: by a handler"}[number] in err, err
        assert process.returncode in (1, -signal.SIGINT)


def test_handler_that_returns_leaves_a_trial_alone(program):
    process = hanging(program, "work:load work:hang", "signal.signal(signal.SIGUSR1, lambda *_: SEEN.append(0))")
    process.send_signal(signal.SIGUSR1)
    (child,) = [pid for pid in working_in(str(program.folder)) if is_trial(pid, process.pid)]
    os.kill(child, signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    found = Said(err)
    assert (out, process.returncode) == ("1 1\n", 0)
    assert found.about("work:hang").startswith("ended the process with signal 9;")
    assert_all_gone(program)


def is_trial(pid, host):
    """The program's child is the keeper, and the keeper's is the trial."""
    parent = (read_stat(pid) or (None, None))[1]
    return bool(parent) and (read_stat(parent) or (None, None))[1] == host


# ---- threads ----

THREADS = {
    "sleeps": "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
    "runs": """
def spin():
    while True:
        pass
threading.Thread(target=spin, daemon=True).start()
""",
    "imports": """
def spin():
    while True:
        import colorsys
        del sys.modules["colorsys"]
threading.Thread(target=spin, daemon=True).start()
""",
    "logs": """
import logging
logging.basicConfig(stream=open(os.devnull, "w"))
def spin():
    while True:
        logging.getLogger("work").warning("busy")
threading.Thread(target=spin, daemon=True).start()
""",
    "holds": """
import ctypes
def spin():
    wait = ctypes.PyDLL(None).usleep
    while True:
        wait(2000)
threading.Thread(target=spin, daemon=True).start()
""",
}


@pytest.mark.parametrize("kind", THREADS)
@pytest.mark.parametrize("times", [3, pytest.param(30, marks=pytest.mark.long)])
def test_parent_with_a_thread_of_its_own(python, program, kind, times):
    """It is warmed up. In 3.8 logging's hook in the child waits for a lock that another thread of the parent may hold
    (logging/__init__.py, _after_at_fork_child_reinit_locks): such a trial is given up."""
    given_up = kind == "logs" and python.version < (3, 9)
    command = program(THREADS[kind], "print(fork()[1].decode(), flush=True); os._exit(0)")
    for _ in range(times):
        outcome = run(command, knobs("work:load work:die", 3 if given_up else 60), cwd=program.folder, timeout=100)
        found = Said(outcome.stderr)
        if given_up and found.outcome[0] == 0:
            assert (outcome.stdout, len(found.lines)) == ("0 0\n", 1), outcome.stderr
            continue
        assert (outcome.stdout, found.outcome) == ("1 1\n", (1, 1, {"function": 1})), outcome.stderr
        assert "Exception ignored" not in outcome.stderr
    assert not working_in(str(program.folder))


# ---- hosts of module:function ----

POOL = """
import multiprocessing, os, sys, work

def look(_):
    return work.DONE

if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(look, range(4))
    print(found == [[os.getpid()]] * 4)
"""


def test_pool_of_multiprocessing(program):
    command = program("", "")
    (program.folder / "program.py").write_text(POOL)
    outcome = run(command, knobs("work:load work:die"), cwd=program.folder, timeout=60)
    found = Said(outcome.stderr)
    assert (outcome.stdout, found.outcome) == ("True\n", (1, 1, {"function": 1})), outcome.stderr


def test_page_of_a_program_that_answers_none(program):
    command = program("", "print(fork()[1].decode())")
    outcome = run(command, knobs("/page work:load"), cwd=program.folder, timeout=60)
    found = Said(outcome.stderr)
    assert (outcome.stdout, found.outcome) == ("1 1\n", (1, 1, {"function": 1}))
    assert "this program answers none that this library knows" in found.about("/page")


def test_program_that_only_inherits_the_variable(program):
    """It forks, but nobody meant it: no line."""
    command = program("", "print(fork()[1].decode())")
    outcome = run(command, knobs("/page"), cwd=program.folder, timeout=60)
    found = Said(outcome.stderr)
    assert (outcome.stdout, found.lines) == ("0 0\n", [])
