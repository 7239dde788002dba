"""Real interpreters under the real library.

A test that takes `python` runs once for each interpreter that script/pythons finds, and once as a
visible skip for each minor version of WANTED that is missing here. With the mark gil(True) it leaves
free-threaded builds out, with gil(False) it is for these alone. GCFREEZE_TEST_GATE=1 leaves it at one
interpreter of each layout (script/pythons --gate).
"""

import os
import re
import signal
import subprocess
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = os.environ.get("GCFREEZE_TEST_LIBRARY", str(ROOT / "build-debug" / "libgcfreeze.so"))
MUSL = "musl" in sysconfig.get_config_var("HOST_GNU_TYPE")
GATE = os.environ.get("GCFREEZE_TEST_GATE") == "1"
WANTED = [] if GATE else [(3, minor) for minor in range(8, 14)]


# What a shell runs in the background has SIGINT ignored, and so would all programs here.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Python:
    version: tuple
    path: str
    free_threaded: bool = False

    @property
    def text(self):
        return "%d.%d.%d" % self.version

    @property
    def column(self):
        """Of the compatibility table: 3.13, 3.13t."""
        return "%d.%d" % self.version[:2] + "t" * self.free_threaded

    def __str__(self):
        where = "debian" if self.path.startswith("/usr/bin/") else "own"
        return "%s%s-%s" % (self.text, "t" * self.free_threaded, where)


def find_pythons():
    command = [str(ROOT / "script" / "pythons")] + ["--gate"] * GATE
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    pairs = (line.split(" ", 1) for line in lines)
    return [
        Python(tuple(map(int, version.rstrip("t").split("."))), path, version.endswith("t"))
        for version, path in pairs
    ]


PYTHONS = find_pythons()


def python_parameters(gil):
    found = [python for python in PYTHONS if gil is None or python.free_threaded != gil]
    missing = [v for v in WANTED if v not in {python.version[:2] for python in PYTHONS}]
    if gil is False:
        missing = []
        if not found:
            reason = "no free-threaded CPython on this machine"
            return [pytest.param(None, id="missing", marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(python, id=str(python)) for python in found] + [
        pytest.param(
            None,
            id="%d.%d-missing" % version,
            marks=pytest.mark.skip(reason="no CPython %d.%d on this machine" % version),
        )
        for version in missing
    ]


def pytest_generate_tests(metafunc):
    if "python" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("gil")
        metafunc.parametrize("python", python_parameters(mark.args[0] if mark else None))


def pytest_configure(config):
    config.addinivalue_line("markers", "gil(yes): only for interpreters with the GIL, or without it")


def environment(**knobs):
    """The environment of a process under the library: knobs without their prefix."""
    result = {
        name: value
        for name, value in os.environ.items()
        # warnings: script/sanitize sets which
        if name != "LD_PRELOAD" and not re.match("GCFREEZE|PYTHON(?!WARNINGS)|PYENV", name)
    }
    result["LD_PRELOAD"] = LIBRARY
    result["GCFREEZE_LOG"] = "info"
    for name, value in knobs.items():
        result["GCFREEZE" + ("_" + name if name else "")] = str(value)
    return result


@dataclass
class Outcome:
    returncode: int
    stdout: str
    stderr: str
    events: list = field(default_factory=list)

    def reasons(self):
        """[(event, reason)] in the order of the log: ("freeze", "first-worker-fork"), ..."""
        return [(event, reason) for event, reason, _ in self.events]


EVENT = re.compile(r'^gcfreeze\[\d+\]: (freeze|skip) (\S+) .*?caller="([^"]*)"', re.M)


def run(command, env, check=True, timeout=600, **options):
    """Runs to the end; stderr holds the library's log unless GCFREEZE_LOG_FILE says otherwise."""
    done = subprocess.run(
        command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, **options
    )
    if check:
        assert done.returncode == 0, "%s\n%s\n%s" % (command, done.stdout, done.stderr)
    return Outcome(done.returncode, done.stdout, done.stderr, EVENT.findall(done.stderr))


# What a program of `compare` starts with. say() goes to the stdout of the program even where a
# child has another one, in one write. state() says the collector's settings, which must be the
# same with and without the library; the freeze count, which differs, is noted down elsewhere.
PRELUDE = """
import gc, os, sys
OUT = os.dup(1)
def say(*words):
    os.write(OUT, (" ".join(map(str, words)) + "\\n").encode())
def note(who):
    with open(os.environ["GCFREEZE_TEST_NOTES"], "a") as notes:
        notes.write("%s %d\\n" % (who, gc.get_freeze_count()))
def state(who):
    say(who, gc.get_threshold(), gc.isenabled())
    note(who)
def wait(pid):
    say("exit status", os.waitpid(pid, 0)[1])
HEAP = [[i] for i in range(20000)]
"""

# For programs that fork more than once: a child that notes its state under this name, and ends.
FORK_FUNCTION = """
def fork(who):
    pid = os.fork()
    if pid == 0:
        state(who)
        os._exit(0)
    wait(pid)
"""

# The plainest fork of a program with that prelude, and what the log says about it and the next one.
FORK = """
pid = os.fork()
if pid == 0:
    state("child")
    os._exit(0)
wait(pid)
state("parent")
"""
FREEZE = ("freeze", "first-worker-fork", "os.fork")
NOTHING_NEW = ("skip", "nothing-new", "os.fork")

# The struct of include/gcfreeze.h, for programs that import ctypes.
STATUS_STRUCT = """
class Status(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint32), ("attached", ctypes.c_int32), ("python", ctypes.c_char * 32),
        ("forks_seen", ctypes.c_uint64), ("forks_frozen", ctypes.c_uint64),
        ("spawns_seen", ctypes.c_uint64), ("skipped", ctypes.c_uint64 * 48),
        ("last_reason", ctypes.c_int32), ("last_child", ctypes.c_int32),
        ("last_frozen", ctypes.c_int32), ("last_threads", ctypes.c_int32),
        ("last_tracked", ctypes.c_int64), ("last_collect_us", ctypes.c_int64),
        ("last_freeze_us", ctypes.c_int64), ("last_fork_us", ctypes.c_int64),
        ("snapshot_bytes", ctypes.c_uint64), ("snapshot_us", ctypes.c_int64),
        ("passes", ctypes.c_uint64), ("pages_given_back", ctypes.c_uint64),
        ("pages_kept", ctypes.c_uint64), ("pass_us", ctypes.c_int64),
        ("pass_reason", ctypes.c_int32), ("pass_running", ctypes.c_int32),
        ("mode", ctypes.c_char * 16), ("mode_why", ctypes.c_char * 144),
        ("warmup_done", ctypes.c_int32), ("warmup_left_out", ctypes.c_int32),
        ("warmup_trial_us", ctypes.c_int64), ("warmup_parent_us", ctypes.c_int64), ("warmup_bytes", ctypes.c_int64),
        ("pass_looks", ctypes.c_uint64), ("regainable_bytes", ctypes.c_int64)]
"""


@dataclass
class Compared(Outcome):
    frozen: dict = field(default_factory=dict)  # who called state(): objects frozen by the library


def application_stderr(text):
    """stderr without the library's lines and without what differs from run to run."""
    lines = [line for line in text.splitlines() if not line.startswith("gcfreeze[")]
    return [re.sub(r"pid=\d+", "pid=N", line) for line in lines]


@pytest.fixture
def compare(tmp_path):
    """compare(python, program, *interpreter_options, **knobs): runs a program with the library and
    with an inert one. What it prints and how it ends must be the same."""

    def notes_of(path):
        pairs = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return {who: int(count) for who, count in pairs}

    def run_once(name, command, knobs, options):
        notes = tmp_path / (name + "-notes")
        env = environment(TEST_NOTES=notes, **knobs)
        outcome = run(command, env, check=False, **options)
        return outcome, notes_of(notes)

    def compare(
        python, program, *interpreter_options, options=None, command=None, returncode=0, **knobs
    ):
        script = tmp_path / "app.py"
        script.write_text(PRELUDE + program)
        if command is None:
            command = [python.path, *interpreter_options, str(script)]
        plain, plain_notes = run_once("plain", command, {**knobs, "": 0}, options or {})
        with_library, notes = run_once("library", command, knobs, options or {})
        assert with_library.stdout == plain.stdout, with_library.stderr
        assert application_stderr(with_library.stderr) == application_stderr(plain.stderr)
        assert (with_library.returncode, plain.returncode) == (returncode, returncode), plain.stderr
        assert notes.keys() == plain_notes.keys()
        frozen = {who: notes[who] - plain_notes[who] for who in notes}
        return Compared(**vars(with_library), frozen=frozen)

    compare.script = tmp_path / "app.py"
    return compare
