"""Forks in a row, from each road: the parent has at the last what it had at the hundredth.

A thousand in the newest interpreter; in the others, and in the gate, it is 300, which shows as well what is
lost each time.
GCFREEZE_TEST_FORKS sets another number, GCFREEZE_TEST_RUNS how often each host is started.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import GATE, PYTHONS, environment, run
from test_hosts import EMBED, embed

NEWEST = [python for python in PYTHONS if not python.free_threaded][-1]

RUNS = int(os.environ.get("GCFREEZE_TEST_RUNS", "1" if GATE else "3"))
SCENARIOS = subprocess.run([EMBED, "list"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()

def forks(python):
    return int(os.environ.get("GCFREEZE_TEST_FORKS", "1000" if python == NEWEST and not GATE else "300"))


PROGRAM = str(Path(__file__).with_name("roads.py"))


def assert_same(early, late, forks):
    """What is measured, and measuring itself, move a few blocks and a kilobyte; the smallest thing that
    is lost each time is one block, or 32 bytes of malloc. 3.10 makes a cache for each function that has
    run 1,024 times: up to 127 blocks without the library (measured)."""
    for name in "descriptors", "states", "mappings":
        assert late[name] == early[name], name
    assert late["malloc"] - early["malloc"] < 32 * (forks - 100)
    assert late.get("blocks", 0) - early.get("blocks", 0) < (forks - 100) * 3 // 4


@pytest.mark.parametrize("road", ["os_fork", "os_forkpty", "execute", "execute_after_fork"])
def test_a_program_loses_nothing(python, road):
    outcome = run([python.path, PROGRAM, road, str(forks(python)), "1"], environment(WHEN="every", LOG="none"))
    assert_same(*map(json.loads, outcome.stdout.splitlines()), forks(python))


@pytest.mark.parametrize("road", ["many-attached", "many-detached", "many-sub"])
@pytest.mark.parametrize("signals", [1, 0], ids=["attached-early", "attached-late"])
def test_a_host_loses_nothing(python, road, signals):
    host = embed(python, road, signals, forks=forks(python), WHEN="every", LOG="none")
    early, late = host.reports["holdings"]
    assert_same(early, late, forks(python))
    assert host.status["seen"] == forks(python)
    assert host.status["frozen"] == (0 if python.free_threaded else forks(python))


# In the newest interpreter alone. Without the GIL, a child that collects may hang by itself.
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if not name.startswith("many-")])
def test_a_host_never_hangs(scenario):
    if scenario == "sub-isolated" and NEWEST.version < (3, 12):
        pytest.skip("all interpreters share one GIL up to 3.11")
    for number in range(RUNS):
        embed(NEWEST, scenario, signals=number % 2, scope="global", WHEN="every")
