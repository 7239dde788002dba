"""One scenario for a server with the library and for the same server without it.

A test module imports the fixture `gunicorn` and gets every installation in turn.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import ROOT

from servers.server import Gunicorn

COMMANDS = {
    "debian": "/usr/bin/gunicorn",
    "current": str(ROOT / ".venv" / "gunicorn" / "bin" / "gunicorn"),
}

# What a full collection may cost a worker in private memory, and what the heap costs it at the least
# without the library: about 17 to 19 MB at the application's 100,000 records.
LITTLE_KB = 2 * 1024
MUCH_KB = 10 * 1024


@dataclass
class Outcome:
    server: Gunicorn
    answers: list  # what the scenario returned: one answer a worker, of /collect

    def events(self):
        """[(pid, event, reason)] of the forks of the answering workers."""
        found = self.server.events()
        events = [found[answer["pid"]] for answer in self.answers]
        return [(event["pid"], event["event"], event["reason"]) for event in events]


class Installation:
    def __init__(self, command, folder, record_property):
        self.command = command
        self.folder = folder
        self.record_property = record_property

    def require_module(self, module):
        python = Path(self.command).read_text().splitlines()[0][2:].strip()
        probe = [python, "-c", "import " + module]
        if subprocess.run(probe, stderr=subprocess.DEVNULL).returncode:
            pytest.skip("%s has no module %s" % (python, module))

    def run(self, options, scenario, library=True, **more):
        name = "with" if library else "without"
        server = Gunicorn(self.command, self.folder / name, options, library, **more)
        try:
            outcome = Outcome(server, scenario(server))
        finally:
            server.stop()
        for figure in ("private_kb", "growth_kb"):
            values = [answer[figure] for answer in outcome.answers]
            self.record_property("%s_%s_library" % (figure, name), values)
        return outcome

    def compare(self, options, scenario):
        """(with the library, without it)"""
        return self.run(options, scenario), self.run(options, scenario, library=False)


@pytest.fixture(
    params=[
        pytest.param(
            command,
            id=name,
            marks=[pytest.mark.skipif(
                not os.path.exists(command), reason="not installed: the %s gunicorn" % name
            )] + [pytest.mark.long] * (name != "current"),
        )
        for name, command in COMMANDS.items()
    ]
)
def gunicorn(request, tmp_path, record_property):
    return Installation(request.param, tmp_path, record_property)


def assert_same_settings(ours, plain):
    assert "libgcfreeze" in ours.answers[0]["preload"] and plain.answers[0]["preload"] == ""
    assert len(ours.answers) == len(plain.answers)
    for with_library, without in zip(ours.answers, plain.answers):
        for name in ("threshold", "enabled", "records"):
            assert with_library[name] == without[name], name


def assert_heap_stays_shared(ours, plain):
    """Without the library a worker's own copy of the heap is there after a collection at the latest,
    with it never; the workers' collector settings are the same."""
    assert_same_settings(ours, plain)
    for with_library, without in zip(ours.answers, plain.answers):
        assert with_library["looked_at"] < with_library["records"]
        assert without["looked_at"] > 2 * without["records"]
        assert with_library["growth_kb"] <= LITTLE_KB
        assert without["private_kb"] - with_library["private_kb"] >= MUCH_KB
