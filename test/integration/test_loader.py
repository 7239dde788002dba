"""Children whose parent had another thread inside of the dynamic linker.

glibc leaves the lock of dl_iterate_phdr taken in them, so the library may not ask the linker there for
anything. hosts/loader.c makes that certain: a thread is inside of it at each fork of the parent.
"""

import ctypes
import os
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import EVENT, MUSL, environment

LOADER = os.environ["GCFREEZE_TEST_LOADER"]
PROGRAM = os.environ["GCFREEZE_TEST_LOADER_PROGRAM"]
ROADS = os.environ["GCFREEZE_TEST_ROADS"]
HANGS = 60  # seconds

PRELUDE = """
import ctypes, os, signal, subprocess, sys
heap = [[i] for i in range(20000)]
def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
def end_of(pid):
    status = os.waitpid(pid, 0)[1]
    if status:
        os._exit(status >> 8 or 99)
def fork_once(work=lambda: None):
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    end_of(pid)
subprocess.run(["/bin/true"], check=True)  # what it loads is loaded
"""
HOLD = "ctypes.CDLL(%r).loader_hold_at_forks()\n" % LOADER


def in_session(leader):
    """What each process of it waits for."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
            if int(rest[3]) == leader:
                yield "process %d, child of %s, state %s, in system call %s" % (
                    pid, rest[1], rest[0], (stat.parent / "syscall").read_text().split()[0],
                )  # fmt: skip
        except OSError:
            continue


def run_to_its_end(command, **knobs):
    """stdout and the events; a hang ends the whole session and says who hung where."""
    process = subprocess.Popen(
        command, env=environment(**knobs), text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    hung = None
    try:
        stdout, stderr = process.communicate(timeout=HANGS)
    except subprocess.TimeoutExpired:
        hung = "\n".join(in_session(process.pid))
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
    assert not hung, "hangs:\n%s\nsaid last:\n%s%s" % (hung, stdout, stderr)
    assert process.returncode == 0, stdout + stderr
    return stdout, EVENT.findall(stderr)


def run_python(python, tmp_path, program, **knobs):
    script = tmp_path / "app.py"
    script.write_text(PRELUDE + program)
    return run_to_its_end([python.path, str(script)], **knobs)[1]


def test_a_child_forks_again(python, tmp_path):
    events = run_python(
        python,
        tmp_path,
        HOLD
        + """
def child():
    say("child", os.getpid(), "forks")
    fork_once(grandchild)
def grandchild():
    say("grandchild", os.getpid(), "forks")
    fork_once()
fork_once(child)
""",
        WHEN="every",
    )
    fork = "free-threaded" if python.free_threaded else "every-fork"
    assert [event for event in events if event[2] != "fork_exec"] == [
        ("skip" if python.free_threaded else "freeze", fork, "os.fork")
    ] * 3


WAYS = {
    "run": "subprocess.run(['/bin/true'], check=True)",
    "preexec_fn": "subprocess.run(['/bin/true'], check=True, preexec_fn=int)",
    "shell": "subprocess.run('exit 0', shell=True, check=True, close_fds=False)",
    "multiprocessing": "end_of(multiprocessing.util.spawnv_passfds(b'/bin/true', ['true'], []))",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_child_executes_a_program(python, tmp_path, way):
    events = run_python(
        python,
        tmp_path,
        HOLD
        + """
import multiprocessing.util
def child():
    say("child", os.getpid(), "executes")
    %s
fork_once(child)
"""
        % WAYS[way],
    )
    # posix_spawn and vfork are no forks
    assert {event for event in events if event[2] != "os.fork"} <= {("skip", "exec-bound", "fork_exec")}


@pytest.mark.parametrize("what", ["fork", "clone", "sigpipe"])
def test_a_child_of_a_program_without_python(what):
    stdout, _ = run_to_its_end([PROGRAM, what])
    assert stdout.splitlines()[-1].endswith("parent: done")


def test_a_child_asks_the_linker_itself():
    """Without us it may: no thread of the program is inside of it when another one forks."""
    run_to_its_end([PROGRAM, "both", "2000"])


FORKS_IN_C = """
def fork_in_c(library):
    pid = library.fork()
    if pid == 0:
        os._exit(0)
    end_of(pid)
"""


@pytest.mark.gil(True)
def test_where_nobody_can_tell_who_forks_nothing_is_done(python, tmp_path):
    """C code that has given the interpreter up may hold what another thread waits for."""
    events = run_python(
        python,
        tmp_path,
        HOLD
        + FORKS_IN_C
        + """
import threading
def child():
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    say("child", os.getpid(), "forks in C")
    fork_in_c(ctypes.CDLL(None))
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    fork_in_c(ctypes.PyDLL(None))
fork_once(child)
""",
    )
    assert events[-2:] == [("skip", "unwinding-off", "unknown")] * 2


@pytest.mark.gil(True)
@pytest.mark.parametrize(
    "way, event",
    [("daemon", ("skip", "extension", "extension")), ("_Fork", ("freeze", "first-worker-fork", "os.fork"))],
)
def test_a_process_that_forked_unseen_unwinds_if_libc_has_made_it(python, tmp_path, way, event):
    """daemon(3) calls what others have registered for forks; _Fork does not, and the kernel tells."""
    if way == "_Fork" and not hasattr(ctypes.CDLL(None), way):
        pytest.skip("no _Fork before glibc 2.34")
    events = run_python(
        python,
        tmp_path,
        FORKS_IN_C
        + """
libc = ctypes.CDLL(None)
if %r == "daemon":
    libc.daemon(1, 1)
else:
    pid = libc._Fork()
    if pid:
        end_of(pid)
        os._exit(0)
fork_in_c(libc)
"""
        % way,
    )
    assert events[-1:] == [event]
