"""Servers where much is forbidden: they start and work, and memory is saved or a line says why not."""

import functools
import os
import platform
import re
import subprocess
from pathlib import Path

import pytest
import resharing
from conftest import PYTHONS, ROOT, run

SANDBOX = Path(__file__).with_name("sandbox.py")
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="only root may do this")

# Workers answer requests from one socket; the parent asks, and writes down what it hears. All that
# is told goes to a file, as there may be no other place.
SERVER = """
import gc, json, os, resource, select, socket, sys

ANSWERS = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
DATA = [[number, str(number), {"number": number}] for number in range(60000)]

def answer(listener):
    while True:
        select.select([listener], [], [])
        client = listener.accept()[0]
        size = client.recv(100)
        if size == b"end":
            # None of the waits above lasts where the parent is quicker, and one whose time is over before a
            # pass begins, on a busy machine, is one without.
            for _ in range(20 if os.environ.get("GCFREEZE") != "0" else 1):
                select.select([], [], [], 0.02)
                if passed():
                    break
            os._exit(0)
        total = sum(row[0] + len(row[1]) for row in DATA[: int(size)])
        client.sendall(json.dumps([total, gc.get_threshold(), gc.isenabled()]).encode())
        client.close()

def passed():
    try:
        with open(os.environ["GCFREEZE_LOG_FILE"]) as log:
            return "]: reshare " in log.read()
    except OSError:
        return False

def ask(address, what):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(address)
        client.sendall(what.encode())
        return client.recv(1000)

listener = socket.socket(socket.AF_UNIX)
address = "\\0gcfreeze-test-%d" % os.getpid()
listener.bind(address)
listener.listen(16)
BEFORE
workers = []
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        answer(listener)
    workers.append(pid)
for size in (10, 1000, 60000, 60000):
    os.write(ANSWERS, ask(address, str(size)) + b"\\n")
for _ in workers:
    ask(address, "end")
for pid in workers:
    os.write(ANSWERS, b"exit status %d\\n" % os.waitpid(pid, 0)[1])
os.write(ANSWERS, repr((gc.get_threshold(), gc.isenabled())).encode() + b"\\n")
"""


class Served:
    def __init__(self, answers, log):
        self.answers = answers
        self.log = log

    def frozen(self):
        return "freeze first-worker-fork" in self.log

    def copied(self):
        """Why arenas were not copied; "ok": they were."""
        return re.findall(r" snapshot=(\S+)", self.log)

    def lines(self):
        """What is neither an event nor a pass."""
        lines = [line for line in self.log.splitlines() if line.startswith("gcfreeze[")]
        return [line for line in lines if not re.search("]: (freeze|skip|reshare) ", line)]


@pytest.fixture
def serve(tmp_path):
    """serve(python, command in front, code before the forks): runs the server without and with the
    library, and expects the same answers."""

    def once(name, python, front, before, **knobs):
        script, answers, log = tmp_path / "server.py", tmp_path / name, tmp_path / (name + "-log")
        script.write_text(SERVER.replace("BEFORE", before))
        env = resharing.environment(LOG_FILE=log, **knobs)
        # what stands in front is not to be judged by what the library does in it
        env["TEST_PRELOAD"] = env.pop("LD_PRELOAD")
        setup = ["/bin/sh", "-c", 'LD_PRELOAD=$TEST_PRELOAD; export LD_PRELOAD; exec "$@"', "sh"]
        run([*front, *setup, python.path, str(script), str(answers)], env)
        return Served(answers.read_text(), log.read_text() if log.exists() else "")

    def serve(python, front=(), before="", **knobs):
        plain = once("plain", python, front, before, **{"": 0})
        served = once("library", python, front, before, **knobs)
        assert served.answers == plain.answers
        assert plain.answers.count("exit status 0") == 2 and plain.log == ""
        return served

    return serve


def assert_saves(served):
    assert served.frozen() and served.copied() == ["ok"], served.log
    assert "reshare ok" in served.log


# ---- seccomp ----


@functools.lru_cache(maxsize=None)
def sandbox(profile):
    probe = subprocess.run(
        ["/usr/bin/python3", str(SANDBOX), profile, "true"], stderr=subprocess.PIPE, text=True
    )
    if probe.returncode != 0:
        pytest.skip("no sandbox: " + probe.stderr.strip().splitlines()[-1])
    return ["/usr/bin/python3", str(SANDBOX), profile]


CONTAINERS = ROOT / ".venv" / "containers" / "usr" / "share" / "containers" / "seccomp.json"


# free-threaded builds have no arenas
@pytest.mark.gil(True)
@pytest.mark.parametrize("profile", [str(CONTAINERS), "docker", "@system-service"],
                         ids=["podman", "docker", "systemd"])
def test_profiles_of_container_runtimes_take_nothing_away(python, serve, profile):
    served = serve(python, sandbox(profile))
    assert_saves(served)
    assert served.lines() == []


WITH_GIL = [python for python in PYTHONS if not python.free_threaded]
OLDEST = [pytest.param(python, marks=pytest.mark.long) for python in WITH_GIL[:-1][:1]]
EDGES = pytest.mark.parametrize("edge", [*OLDEST, WITH_GIL[-1]], ids=str)

# system calls of ours that a sandbox may forbid
FORBIDDEN = [
    "clock_gettime", "fstatfs", "getrusage", "memfd_create", "msync", "prlimit64",
    "rt_sigpending", "rt_sigtimedwait", "statx",
]  # fmt: skip
# glibc has another way where the kernel does not know statx
OBSTACLES = {
    ("memfd_create", "EPERM"): "no-memfd",
    ("memfd_create", "ENOSYS"): "no-memfd",
    ("statx", "EPERM"): "no-proc",
}


@EDGES
@pytest.mark.parametrize("call", FORBIDDEN)
@pytest.mark.parametrize("error", ["EPERM", "ENOSYS"])
def test_a_system_call_that_is_forbidden(edge, serve, call, error):
    served = serve(edge, sandbox("%s=%s" % (call, error)))
    assert served.frozen() and served.copied()[0] == OBSTACLES.get((call, error), "ok"), served.log


# The waits of a worker; another process ends those that have no time limit as soon as it sleeps.
WAITS = resharing.WAITED_FOR + """
def when_it_sleeps(act):
    waiting = os.getpid()
    def watch():
        state = None
        while state != "S":
            with open("/proc/%d/stat" % waiting) as file:
                state = file.read().rpartition(")")[2].split()[0]
        act()
    return worker(watch)

def body():
    look()
    told = {"poll": poll.poll(1), "epoll": epoll.poll(0.001), "select": select.select([ends[0]], [], [], 0.001)}
    watcher = when_it_sleeps(lambda: os.write(ends[1], b"x"))
    told["read"] = os.read(ends[0], 1).decode()
    end(watcher)
    with socket.socket(socket.AF_UNIX) as client:
        watcher = when_it_sleeps(lambda: client.connect(listener.getsockname()))
        told["accept"] = listener.accept()[0].family == socket.AF_UNIX
    end(watcher)
    tell(right=right(), **told)
end(worker(body))
"""


# free-threaded builds have no arenas; elsewhere poll may be what is forbidden here
@pytest.mark.gil(True)
@pytest.mark.skipif(platform.machine() != "x86_64", reason="poll is a system call of its own on x86-64")
@pytest.mark.parametrize("error", ["EPERM", "ENOSYS", "EACCES"])
@pytest.mark.parametrize("calls", ["ppoll", "epoll_pwait", "ppoll,epoll_pwait", "rt_sigprocmask"])
def test_a_wait_for_which_ours_are_forbidden(python, tmp_path, calls, error):
    command = sandbox("%s=%s" % (calls, error))
    (told,) = resharing.run(python, tmp_path, WAITS, command=command).told
    assert told == {"right": True, "poll": [], "epoll": [], "select": [[], [], []], "read": "x", "accept": True}


@EDGES
@pytest.mark.parametrize("call", ["madvise", "mremap"])
def test_memory_that_may_not_be_moved_or_dropped(edge, serve, call):
    served = serve(edge, sandbox(call + "=EPERM"))
    assert served.frozen() and (served.copied()[0] != "ok" or "reshare " in served.log), served.log
    assert "reshare ok" not in served.log


# ---- limits ----


LIMITS = {
    "files": ("-n 16", {"ok"}),
    "addresses": ("-v 400000", {"ok"}),
    "few-addresses": ("-v 60000", {"no-room", "ok"}),
    "data": ("-d 200000", {"ok"}),
    "file-size": ("-f 100", {"file-size-limit"}),
    "processes": ("-u 4096", {"ok"}),
    "locked": ("-l 0", {"ok"}),
    "stack": ("-s 256", {"ok"}),
}


@EDGES
@pytest.mark.parametrize("limit", LIMITS)
def test_limits_of_a_shell(edge, serve, limit):
    option, outcomes = LIMITS[limit]
    served = serve(edge, ["/bin/bash", "-c", 'ulimit %s && exec "$@"' % option, "bash"])
    assert served.frozen() and set(served.copied()) <= outcomes, served.log


@EDGES
def test_no_descriptor_is_left(edge, serve):
    before = """
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
kept = []
try:
    while True:
        kept.append(os.dup(0))
except OSError:
    os.close(kept.pop())  # each side of a connection needs one
    os.close(kept.pop())
"""
    assert serve(edge, before=before).frozen()


@EDGES
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_descriptors_that_are_closed(edge, serve, closed):
    served = serve(edge, ["/bin/sh", "-c", 'exec "$@" ' + closed, "sh"])
    assert_saves(served)


# ---- file systems ----


def changed(commands):
    """A mount namespace in which these commands were executed."""
    words = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c"]
    probe = subprocess.run([*words, commands], stderr=subprocess.PIPE, text=True)
    if probe.returncode != 0:
        pytest.skip("mounts cannot be changed here: " + probe.stderr.strip())
    return [*words, commands + ' && exec "$@"', "sh"]


@ROOT_ONLY
@EDGES
def test_a_root_that_is_read_only(edge, serve, tmp_path):
    # what is written goes to a file system of its own
    keep = "mount --bind %s %s" % (tmp_path, tmp_path)
    front = changed(keep + " && mount -o remount,bind,ro / && ! touch /read-only 2>/dev/null")
    served = serve(edge, front)
    assert_saves(served)


@ROOT_ONLY
@EDGES
def test_no_shared_memory_folder(edge, serve):
    served = serve(edge, changed("umount -l /dev/shm && rmdir /dev/shm 2>/dev/null; test ! -w /dev/shm/x"))
    assert_saves(served)


@ROOT_ONLY
@EDGES
def test_no_proc_and_no_sys(edge, serve):
    served = serve(edge, changed("umount -l /sys; umount -l /proc && test ! -e /proc/self"))
    assert served.frozen() and served.copied()[0] == "no-proc"
