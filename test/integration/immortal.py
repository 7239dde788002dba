"""Programs for GCFREEZE_MODE=immortal that run with the library and with an inert one, and print the same.

A test module imports the fixture `in_both`.
"""

import pytest
from conftest import environment, run

LINE = "GCFREEZE_MODE=immortal needs CPython 3.12 or later; freezing alone"

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
    return python.version >= (3, 12)


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
        assert outcome.stderr.count(LINE) == (not immortal_from(python))

    return in_both


def skip_below_immortal(python):
    if not immortal_from(python):
        pytest.skip("below 3.12 objects are only frozen, and what is frozen may not be finalized at exit")


def run_script(python, folder, text, *options, allocator="", check=True, **knobs):
    script = folder / "app.py"
    script.write_text(text)
    env = environment(MODE="immortal", **knobs)
    if allocator:
        env["PYTHONMALLOC"] = allocator
    return run([python.path, *options, str(script)], env, check=check, cwd=folder)
