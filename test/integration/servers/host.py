"""A row of the compatibility table: one host on each version of Python, without the library and
under it in each mode."""

import subprocess

import pytest
from conftest import PYTHONS, WANTED

from servers.report import MODES, cell
from servers.scenario import Outcome, assert_heap_stays_shared

# the newest interpreter of each minor version: {"3.11": Python}
NEWEST = {python.column: python for python in PYTHONS if not python.free_threaded}


def debian_version():
    """The version that Debian's packages for Python are made for, or None."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.check_output(["/usr/bin/python3", "-c", program], text=True).strip()
    except FileNotFoundError:
        return None


def versions():
    """Parameters: every minor version that is here, and a visible skip for each that is missing."""
    missing = ["%d.%d" % version for version in WANTED if "%d.%d" % version not in NEWEST]
    return list(NEWEST) + [
        pytest.param(
            version, marks=pytest.mark.skip(reason="no CPython %s on this machine" % version)
        )
        for version in missing
    ]


class Row:
    """One host on one version. `start(folder, library=True, mode="freeze", **more)` starts it."""

    def __init__(self, host, version, folder, start):
        self.host = host
        self.version = version
        self.folder = folder
        self.start = start
        self.known = {}

    def no_cell(self, reason):
        for mode in MODES:
            cell(self.host, self.version, mode, "skip: " + reason)

    def skip(self, reason):
        self.no_cell(reason)
        pytest.skip(reason)

    def run(self, name, scenario, **options):
        """The scenario's outcome; a name is run once only."""
        if name not in self.known:
            with self.start(self.folder / name, **options) as server:
                self.known[name] = Outcome(server, scenario(server))
        return self.known[name]

    def assert_heap_stays_shared(self, mode, scenario):
        """Runs the scenario in this mode, compares it with the one without the library, and says
        the cell. The scenario returns answers of workers to /collect."""
        plain = self.run("without", scenario, library=False)
        ours = self.run(mode, scenario, mode=mode)
        self.judge(mode, ours, plain)
        return ours

    def judge(self, mode, ours, plain):
        assert_heap_stays_shared(ours, plain)
        growth_kb = max(answer["growth_kb"] for answer in ours.answers)
        cell(self.host, self.version, mode, round(growth_kb / 1024, 2))
