"""Without libunwind: the module that calls decides what a fork is for."""

import platform
import shutil
import subprocess

import pytest
from test_subprocess import POPEN, WAYS

OFF = "unwinding is off"


@pytest.fixture
def without_libunwind(compare, tmp_path):
    """compare() for programs that find an empty libunwind ahead of the real one."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    library = tmp_path / ("libunwind-%s.so.8" % platform.machine())
    if compiler:
        subprocess.run([compiler, "-shared", "-o", str(library), "-x", "c", "/dev/null"], check=True)
    else:
        library.touch()  # without a compiler: a file that cannot be opened

    def compare_without(python, program, **knobs):
        command = ["/usr/bin/env", "LD_LIBRARY_PATH=%s" % tmp_path, python.path, compare.script]
        outcome = compare(python, program, command=command, **knobs)
        assert outcome.stderr.count(OFF) == 1 if "multiprocessing" not in program else OFF in outcome.stderr
        return outcome

    return compare_without


def test_fork_freezes(python, without_libunwind):
    outcome = without_libunwind(
        python,
        """
import pty
for fork in os.fork, lambda: os.forkpty()[0], lambda: pty.fork()[0]:
    pid = fork()
    if pid == 0:
        state("child")
        os._exit(0)
    wait(pid)
state("parent")
""",
    )
    assert outcome.reasons() == [("freeze", "first-worker-fork")] + 2 * [("skip", "nothing-new")]
    assert outcome.frozen["child"] > 20000


@pytest.mark.parametrize("way", WAYS)
def test_popen_leaves_the_parent_alone(python, without_libunwind, way):
    if way == "user" and python.version < (3, 9):
        pytest.skip("subprocess has user= from 3.9 on")
    outcome = without_libunwind(python, POPEN % WAYS[way])
    assert set(outcome.reasons()) <= {("skip", "exec-bound")}
    assert outcome.frozen == {"before": 0, "after": 0}


def test_multiprocessing_freezes_for_its_workers_alone(python, without_libunwind):
    outcome = without_libunwind(
        python,
        """
import multiprocessing
def work():
    sys.exit(3)
if __name__ == "__main__":
    for method in "spawn", "fork":
        note("before-" + method)
        process = multiprocessing.get_context(method).Process(target=work)
        process.start()
        process.join()
        say(process.exitcode)
    state("parent")
""",
    )
    assert outcome.frozen["before-fork"] == 0
    assert outcome.frozen["parent"] > 20000
    assert [event for event in outcome.reasons() if event[0] == "freeze"] == [("freeze", "first-worker-fork")]
