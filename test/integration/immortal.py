"""Programs for GCFREEZE_MODE=immortal that run with the library and with an inert one, and print the same.

A test module imports the fixture `in_both`.
"""

import json

import pytest
from conftest import PYTHONS, environment, run

LINES = {
    False: "GCFREEZE_MODE=immortal needs CPython 3.12 or later; freezing alone",
    True: "GCFREEZE_MODE=immortal is not done on free-threaded builds of CPython; freezing alone",
}

FORK = """
pid = os.fork()
who = "parent" if pid else "child"
def say_all(*words):
    say(who, *words)
if pid:
    wait(pid)
"""

END = """
if not pid:
    os._exit(0)
"""


def immortal_from(python):
    return python.version >= (3, 12) and not python.free_threaded


def whole(before, after):
    return before + FORK + after + END


@pytest.fixture
def in_both(compare):
    """in_both(python, before, after): what a program does before it forks, and what the child does then
    and after its end the parent."""

    def in_both(python, before, after):
        outcome = compare(python, whole(before, after), MODE="immortal")
        assert "child" in outcome.stdout
        assert outcome.events[0][0] == "freeze"
        assert ("immortal=" in outcome.stderr) == immortal_from(python)
        line = LINES[python.free_threaded]
        assert outcome.stderr.count(line) == (not immortal_from(python))

    return in_both


def skip_below_immortal(python):
    if not immortal_from(python):
        pytest.skip("objects are only frozen here, and what is frozen may not be finalized at exit")


def run_script(python, folder, text, *options, allocator="", check=True, **knobs):
    script = folder / "app.py"
    script.write_text(text)
    env = environment(MODE="immortal", **knobs)
    if allocator:
        env["PYTHONMALLOC"] = allocator
    return run([python.path, *options, str(script)], env, check=check, cwd=folder)


# ---- programs that measure themselves ----

TOOLS = """
import gc, json, os, resource, sys
def kb(row, file="/proc/self/smaps_rollup"):
    with open(file) as rows:
        return next(int(line.split()[1]) for line in rows if line.startswith(row + ":"))
def tell(**figures):
    os.write(1, (json.dumps(figures) + "\\n").encode())
def fork():
    pid = os.fork()
    if pid:
        assert os.waitpid(pid, 0)[1] == 0
    return pid == 0
"""


def immortal_pythons():
    return [python for python in PYTHONS if immortal_from(python)] or [None]


def start(python, tmp_path, program, name="app.py", **knobs):
    """(what the program told, the events of its forks: none with an inert library)"""
    script = tmp_path / name
    script.write_text(TOOLS + program)
    log = tmp_path / ("events-" + knobs.get("MODE", "immortal"))
    knobs = {"MODE": "immortal", "LOG_FORMAT": "json", "LOG_FILE": log, **knobs}
    outcome = run([python.path, str(script)], environment(**knobs))
    assert outcome.stderr == ""
    events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [json.loads(line) for line in outcome.stdout.splitlines()], events
