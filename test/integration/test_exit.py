"""The end of a process: what was frozen is flushed, finalized and closed as without the library."""

import pytest
from conftest import environment, run

# Functions and classes make the module's names part of cycles that only the collector ends.
PROGRAM = """
import os, sys
log = open(sys.argv[1], "a")
log.write("written by %s; " % "both")
class Noisy:
    def __init__(self):
        self.itself = self
    def __del__(self):
        os.write(1, b"finalized\\n")
noisy = Noisy()
def end(how):
    if how == "error":
        raise ValueError("on purpose")
    if how == "exit":
        sys.exit(3)
import atexit
atexit.register(os.write, 1, b"atexit\\n")
pid = os.fork()
if pid == 0:
    end(sys.argv[2])
    sys.exit(0)
os.waitpid(pid, 0)
log.write("parent ends; ")
end(sys.argv[3])
"""


def outcome_of(python, path, child, parent, **knobs):
    outcome = run([python.path, "-c", PROGRAM, str(path), child, parent], environment(**knobs), check=False)
    own = [line for line in outcome.stderr.splitlines() if not line.startswith("gcfreeze[")]
    return outcome, (outcome.returncode, outcome.stdout, own, path.read_text())


@pytest.mark.parametrize("child", ["return", "exit", "error"])
@pytest.mark.parametrize("parent", ["return", "exit", "error"])
def test_files_are_flushed_and_finalizers_run(python, tmp_path, child, parent):
    _, plain = outcome_of(python, tmp_path / "plain", child, parent, **{"": 0})
    frozen, with_library = outcome_of(python, tmp_path / "library", child, parent)
    assert frozen.events == [("freeze", "first-worker-fork", "os.fork")]
    assert with_library == plain
    assert plain[1].count("finalized") == 2 and "parent ends" in plain[3]


def test_atexit_is_asked_once(python):
    program = """
import atexit, os
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
print(atexit._ncallbacks())
"""
    command = [python.path, "-c", program]
    plain = run(command, environment(**{"": 0}))
    with_library = run(command, environment(WHEN="every"))
    assert int(with_library.stdout) == int(plain.stdout) + 1


def test_what_the_application_froze_itself_stays_frozen(python, compare):
    compare(
        python,
        """
import atexit
class Noisy:
    def __init__(self): self.itself = self
    def __del__(self): os.write(1, b"finalized\\n")
noisy = Noisy()
gc.freeze()
del noisy
""",
    )
