"""Gunicorn with GCFREEZE_MODE=immortal: memory of workers, of replaced workers, of the arbiter."""

from pathlib import Path

import pytest
from conftest import ROOT
from servers.scenario import MUCH_KB, Installation

COMMAND = ROOT / ".venv" / "gunicorn" / "bin" / "gunicorn"
LITTLE_KB = 4 * 1024  # of a worker that has answered: its own stack, sockets and new objects


@pytest.fixture
def gunicorn(tmp_path, record_property):
    if not COMMAND.exists():
        pytest.skip("not installed: the current gunicorn")
    return Installation(str(COMMAND), tmp_path, record_property)


def knobs(folder, mode):
    return {"MODE": mode, "LOG": "info", "LOG_FORMAT": "json", "LOG_FILE": folder / mode}


def rollup_kb(pid, row):
    rows = Path("/proc/%d/smaps_rollup" % pid).read_text().splitlines()
    return next(int(line.split()[1]) for line in rows if line.startswith(row + ":"))


def serve_often(server):
    answers = [server.ask(pid) for pid in server.workers(2) for _ in range(20)]
    return [
        dict(answer, private_kb=rollup_kb(answer["pid"], "Private_Dirty"))
        for answer in (answers[19], answers[39])
    ]


def test_workers_share_what_they_read(gunicorn, tmp_path):
    options = ["--preload", "--workers", "2"]

    def run(mode, library=True):
        folder = tmp_path / (mode + str(library))
        folder.mkdir()
        installation = Installation(gunicorn.command, folder, gunicorn.record_property)
        return installation.run(options, serve_often, library, knobs=knobs(folder, mode))

    ours, plain = run("immortal"), run("freeze", library=False)
    assert "Traceback" not in ours.server.stderr()
    for with_library, without in zip(ours.answers, plain.answers):
        assert with_library["threshold"] == without["threshold"]
        assert with_library["private_kb"] <= LITTLE_KB
        assert without["private_kb"] - with_library["private_kb"] >= MUCH_KB
    events = ours.server.folder.parent / "immortal"
    assert '"mode":"immortal"' in events.read_text()


def test_the_arbiter_does_not_grow_with_replaced_workers(gunicorn, tmp_path):
    sizes = []

    def replace_thirty(server):
        last = server.workers(1)
        for _ in range(30):
            answer = server.get("/")
            assert answer["pid"] == last[0]
            last = server.workers(1, gone=last)
            sizes.append(rollup_kb(server.pid, "Anonymous"))
        return []

    options = ["--preload", "--workers", "1", "--max-requests", "1"]
    outcome = gunicorn.run(options, replace_thirty, knobs=knobs(tmp_path, "immortal"))
    events = (tmp_path / "immortal").read_text().splitlines()
    assert len(events) >= 31
    assert sum('"event":"freeze"' in event for event in events) == 1
    assert max(sizes) - sizes[4] <= 512, sizes
    assert "Traceback" not in outcome.server.stderr()
