"""GCFREEZE_MODE=auto: which programs get immortal objects, and that what a parent replaces costs no more."""

import json

import pytest
from conftest import environment, run
from immortal import LINES, immortal_from

FORK = """
import os
def fork_processes():
    if os.fork() == 0:
        os._exit(0)
    assert os.wait()[1] == 0
"""
# The others: test/unit/test_hosts.c and test_mode.c.
PROGRAMS = {
    "a server that preloads": ("gunicorn", ["--preload"], "gunicorn preloads"),
    "a server that may preload": ("gunicorn", [], "gunicorn may preload"),
    "workers that load": ("rq", ["worker"], "RQ loads in each worker"),
    "any other": ("server.py", [], "not a server that is known"),
    "a function that forks": ("server.py", ["fork_processes"], "Tornado's fork_processes preloads"),
}


def freeze_of(python, folder, name, arguments, **knobs):
    """The one event of a program that forks once."""
    modules = folder / "tornado"
    modules.mkdir()
    (modules / "process.py").write_text(FORK)
    script = folder / name
    script.write_text(
        "import sys\nif 'fork_processes' in sys.argv: from tornado.process import fork_processes\n"
        "else: exec(%r)\nfork_processes()\n" % FORK
    )
    outcome = run([python.path, str(script), *arguments], environment(LOG_FORMAT="json", **knobs))
    [line] = outcome.stderr.splitlines()
    return json.loads(line)


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_known_to_load_and_then_fork_gets_immortal_objects(python, tmp_path, program):
    name, arguments, why = PROGRAMS[program]
    event = freeze_of(python, tmp_path, name, arguments)
    forks_what_it_loaded = "preload" in why
    assert event["event"] == "freeze"
    assert ("immortal" in event) == (forks_what_it_loaded and immortal_from(python))
    obstacle = ""
    if forks_what_it_loaded and not immortal_from(python):
        line = LINES[python.free_threaded].split(";")[0]
        obstacle = "; immortal " + line.split(" ", 1)[1]
    assert event["mode_why"] == "auto: " + why + obstacle


@pytest.mark.parametrize("mode", ["freeze", "immortal"])
def test_a_setting_wins(python, tmp_path, mode):
    name = {"freeze": "gunicorn", "immortal": "server.py"}[mode]
    if mode == "immortal" and not immortal_from(python):
        pytest.skip("this interpreter has no immortal objects")
    event = freeze_of(python, tmp_path, name, [], MODE=mode)
    assert (event["mode"], event["mode_why"]) == (mode, "GCFREEZE_MODE=" + mode)


REPLACES = """
import os, sys
for _ in range(20):
    TABLE = [[str(number), {number: number}] for number in range(100000)]
    pids = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            os._exit(len(TABLE) != 100000)
        pids.append(pid)
    assert all(os.waitpid(pid, 0)[1] == 0 for pid in pids)
print(sys.getallocatedblocks())
"""
FEW_BLOCKS = 20000  # 2 MB of such a table


def test_a_parent_that_replaces_its_table_before_each_pool_does_not_grow(python, tmp_path):
    """Blocks, because memory goes back in arenas of a mebibyte, and one block keeps an arena."""
    script = tmp_path / "pools.py"
    script.write_text(REPLACES)
    plain, ours = (
        int(run([python.path, str(script)], environment(**knobs)).stdout) for knobs in ({"": 0}, {})
    )
    assert ours - plain <= FEW_BLOCKS
