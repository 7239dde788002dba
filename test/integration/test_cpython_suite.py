"""CPython's own tests: one that passes without the library passes with it.

In the newest interpreter that comes with the test package. GCFREEZE_TEST_SUITE=all runs those that
take minutes too.
"""

import os
import subprocess
import xml.etree.ElementTree

import pytest
from conftest import PYTHONS, environment

MODULES = [
    "test_atexit",
    "test_fork1",
    "test_gc",
    "test_generators",
    "test_os",
    "test_posix",
    "test_pty",
    "test_subprocess",
    "test_threading",
    "test_wait3",
    "test_wait4",
    "test_weakref",
]
LONG_MODULES = [
    "test_asyncio",
    "test_concurrent_futures",
    "test_io",
    "test_multiprocessing_fork",
    "test_multiprocessing_forkserver",
]

# test_gc waits for automatic collections, which are what is put off.
KNOBS = {"test_gc": {"STARTUP": "keep"}}


def modules():
    return MODULES + (LONG_MODULES if os.environ.get("GCFREEZE_TEST_SUITE") == "all" else [])


def newest_with_tests():
    for python in reversed(PYTHONS):
        probe = [python.path, "-c", "import test.test_fork1, test.libregrtest"]
        if subprocess.run(probe, env=environment(**{"": 0}), stderr=subprocess.DEVNULL).returncode == 0:
            return python
    return None


def start(python, module, folder, env):
    folder.mkdir()
    command = [python.path, "-m", "test", "--tempdir", str(folder), "--junit-xml", "results.xml", module]
    with open(str(folder / "output"), "w") as output:
        return subprocess.Popen(
            command, cwd=str(folder), env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )


def passed(folder):
    """The names of the tests that passed; what did not start has no file."""
    results = xml.etree.ElementTree.parse(str(folder / "results.xml"))
    return {case.get("name") for case in results.iter("testcase") if len(case) == 0}


def environments(python, module):
    """{what it is called: environment}, the one without the library first."""
    result = {"without": environment()}
    del result["without"]["LD_PRELOAD"]
    for mode in ["freeze", "immortal"] if python.version >= (3, 12) else ["freeze"]:
        result[mode] = environment(MODE=mode, LOG="warn", **KNOBS.get(module, {}))
    return result


@pytest.mark.parametrize("module", modules())
def test_what_passes_without_passes_with(module, tmp_path):
    python = newest_with_tests()
    if not python:
        pytest.skip("no interpreter here comes with CPython's test package")
    envs = environments(python, module)
    processes = [start(python, module, tmp_path / name, env) for name, env in envs.items()]
    try:
        for process in processes:
            process.wait(timeout=900)
    finally:
        for process in processes:
            process.kill()
    expected, *others = (passed(tmp_path / name) for name in envs)
    assert expected
    for name, others_passed in zip(list(envs)[1:], others):
        assert not expected - others_passed, (tmp_path / name / "output").read_text()
