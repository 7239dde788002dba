"""Random operations on preloaded objects while pages are given back at every wait, each value
checked against a model: hosts/torture.py.

GCFREEZE_TEST_LONG=1 makes it a billion operations over all interpreters.
"""

import json
import os
import re
from pathlib import Path

import pytest
from conftest import PYTHONS, environment, run

# free-threaded builds have no arenas
pytestmark = pytest.mark.gil(True)

LIBRARY = os.environ["GCFREEZE_TEST_TORTURE"]
PROGRAM = str(Path(__file__).parent / "hosts" / "torture.py")
LONG = os.environ.get("GCFREEZE_TEST_LONG") == "1"

GENERATIONS = 12 if LONG else 3
OPERATIONS = 10**9 // (max(len(PYTHONS), 1) * GENERATIONS) + 1 if LONG else 3 * 10**6
DEADLINE = 1000 if LONG else 300


def torture(python, seed, **knobs):
    """What the workers and at last the parent reported, and the log."""
    knobs = {"RESHARE": 1, "TEST_RESHARE": "always", "WHEN": "every", **knobs}
    knobs["TEST_DEADLINE"] = DEADLINE
    command = [python.path, PROGRAM, LIBRARY, seed, GENERATIONS, OPERATIONS]
    outcome = run([str(word) for word in command], environment(**knobs), timeout=2 * DEADLINE)
    return [json.loads(line) for line in outcome.stdout.splitlines()], outcome.stderr


@pytest.mark.parametrize("mode", ["freeze", "immortal"])
def test_every_value_is_what_was_written_last(python, mode, record_property):
    if mode == "immortal" and (LONG or python.version < (3, 12)):
        pytest.skip("the long form is for all versions alike" if LONG else "immortal: 3.12+")
    reports, log = torture(python, seed=len(python.path), MODE=mode)
    record_property("operations", sum(report["done"] for report in reports))
    assert [report["who"] for report in reports] == ["worker"] * GENERATIONS + ["parent"]
    for report in reports:
        assert report["given"] > 0 and report["kept"] > 0 and report["reason"] == "none", report
    snapshots = re.findall(r"snapshot=ok snapshot_bytes=(\d+)", log)
    assert len(snapshots) == GENERATIONS and all(int(size) > 0 for size in snapshots)
    if LONG:
        print(python, json.dumps(reports))
