"""Programs for GCFREEZE_MODE=immortal that run with the library and with an inert one, and print the same.

A test module imports the fixture `in_both`.
"""

import pytest
from conftest import environment, run

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
