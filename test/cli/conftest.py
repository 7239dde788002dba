"""The program `gcfreeze` as a person would use it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "integration"))

PROGRAM = os.environ.get("GCFREEZE_TEST_CLI", str(ROOT / "build-debug" / "gcfreeze"))
LIBRARY = os.environ.get("GCFREEZE_TEST_LIBRARY", str(ROOT / "build-debug" / "libgcfreeze.so"))


# What a shell runs in the background has SIGINT ignored, and so would all programs here.
signal.signal(signal.SIGINT, signal.default_int_handler)


def clean_environment(**more):
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("LD_PRELOAD", "NO_COLOR") and not name.startswith("GCFREEZE")
    }
    return {**kept, "LC_ALL": "C.UTF-8", **more}


@pytest.fixture
def gcfreeze():
    """gcfreeze("knobs", "--json", GCFREEZE_MODE="immortal"): runs it to the end."""

    def run(*arguments, before=(), cwd=None, **variables):
        return subprocess.run(
            [*before, PROGRAM, *map(str, arguments)],
            env=clean_environment(**variables),
            cwd=cwd,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=120,
        )

    return run


def newest_python():
    command = [str(ROOT / "script" / "pythons"), "--newest"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


GOOD, WARNINGS, FAILURE = 0, 1, 2  # what `gcfreeze doctor` exits with


def findings(outcome):
    """{topic: (mark, finding)} of the last finding of each topic."""
    return {f["topic"]: (f["mark"], f["finding"]) for f in json.loads(outcome.stdout)}


@pytest.fixture
def program(tmp_path):
    """A program of that name, which is not Python: asking an interpreter takes its time."""

    def make(name):
        path = tmp_path / name
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def server(tmp_path):
    """server("gunicorn"): a script of that name, executed by the newest Python."""

    def make(name, text="import sys\n"):
        path = tmp_path / name
        path.write_text("#!%s\n%s" % (newest_python(), text))
        path.chmod(0o755)
        return path

    return make


SERVER = """
import mmap, os, sys, time
heap = [[i] for i in range(50000)]
if os.fork() == 0:
    for name in sys.argv[1:]:
        with open(name, "rb") as file:
            sys.modules[name] = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    os.write(1, b"ready\\n")  # in one write: several servers may share the pipe
    time.sleep(600)
time.sleep(600)
"""


@pytest.fixture
def running():
    """running("argument", **knobs): the pid of a parent with one worker, under the library."""
    processes = []

    def start(*arguments, server=SERVER, before=(), preload=LIBRARY, **variables):
        environment = clean_environment(LD_PRELOAD=preload, **variables)
        process = subprocess.Popen(
            [*before, newest_python(), "-c", server, *map(str, arguments)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process.pid

    yield start
    for process in processes:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
