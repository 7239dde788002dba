"""Real interpreters under the real library.

A test that takes `python` runs once for each interpreter that script/pythons finds, and once as a
visible skip for each minor version of WANTED that is missing here.
"""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = os.environ.get("GCFREEZE_TEST_LIBRARY", str(ROOT / "build-debug" / "libgcfreeze.so"))
WANTED = [(3, minor) for minor in range(8, 14)]


@dataclass(frozen=True)
class Python:
    version: tuple
    path: str

    @property
    def text(self):
        return "%d.%d.%d" % self.version

    def __str__(self):
        where = "debian" if self.path.startswith("/usr/bin/") else "own"
        return "%s-%s" % (self.text, where)


def find_pythons():
    lines = subprocess.run(
        [str(ROOT / "script" / "pythons")], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.splitlines()
    pairs = (line.split(" ", 1) for line in lines)
    return [Python(tuple(int(part) for part in version.split(".")), path) for version, path in pairs]


PYTHONS = find_pythons()


def python_parameters():
    missing = [v for v in WANTED if v not in {python.version[:2] for python in PYTHONS}]
    return [pytest.param(python, id=str(python)) for python in PYTHONS] + [
        pytest.param(
            None,
            id="%d.%d-missing" % version,
            marks=pytest.mark.skip(reason="no CPython %d.%d on this machine" % version),
        )
        for version in missing
    ]


def pytest_generate_tests(metafunc):
    if "python" in metafunc.fixturenames:
        metafunc.parametrize("python", python_parameters())


def environment(**knobs):
    """The environment of a process under the library: knobs without their prefix."""
    result = {
        name: value
        for name, value in os.environ.items()
        if name != "LD_PRELOAD" and not re.match("GCFREEZE|PYTHON|PYENV", name)
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


def run(command, env, check=True, **options):
    """Runs to the end; stderr holds the library's log unless GCFREEZE_LOG_FILE says otherwise."""
    done = subprocess.run(
        command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, **options
    )
    if check:
        assert done.returncode == 0, "%s\n%s\n%s" % (command, done.stdout, done.stderr)
    return Outcome(done.returncode, done.stdout, done.stderr, EVENT.findall(done.stderr))
