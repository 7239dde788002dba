"""How many instructions of the library each of its paths executes, held against counts.json.

callgrind counts them, and only those of the library's own object count: neither libc's nor a kernel's
version changes them. A compiler's does, so counts are compared where it is the one of the file.

GCFREEZE_TEST_ACCEPT=1 writes the file anew.
"""

import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

FILE = Path(__file__).with_name("counts.json")
MOCK = Path(os.environ["GCFREEZE_TEST_MOCK"])
LIBRARY = Path(os.environ["GCFREEZE_TEST_COUNTED"]).resolve()
CLONE = os.environ["GCFREEZE_TEST_CLONE"]
TOLERANCE = 0.03
ACCEPT = "GCFREEZE_TEST_ACCEPT"

ATTACHED = ["load", "init"]
FROZEN = [*ATTACHED, "os.fork"]
# what the mock's host does, and what of it is not meant
PATHS = {
    "load": ([], None),
    "attach": (ATTACHED, ["load"]),
    "the first os.fork": (FROZEN, ATTACHED),
    "a later os.fork": ([*FROZEN, "os.fork"], FROZEN),
    "an os.fork that freezes again": (
        [*FROZEN, "allocate=20000", "os.fork"],
        [*FROZEN, "allocate=20000"],
    ),
    "a fork of a C host": ([*ATTACHED, "fork"], ATTACHED),
    "a fork without the GIL": (
        [*ATTACHED, "detach", "fork", "attach"],
        [*ATTACHED, "detach", "attach"],
    ),
    "a fork to execute": ([*ATTACHED, "fork_exec"], ATTACHED),
    "a fork without Python": (["fork"], []),
}
WALKED = "a later os.fork"
WALK = "the walk of the stack in " + WALKED
ROWS = [*PATHS, WALK]


def compiler():
    command = [os.environ["GCFREEZE_TEST_COMPILER"], "--version"]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()[0]


def read_counts(path):
    """{"file:function": instructions} of the library, from callgrind's file (valgrind's manual,
    "Callgrind Format Specification"). A line behind `calls=` is what the callee cost."""
    found, place = Counter(), {"ob": "", "fl": "", "fn": ""}
    called = False
    for line in path.read_text().splitlines():
        kind, _, name = line.partition("=")
        if kind in place:
            place[kind] = name.rpartition("/")[2]
        elif kind == "calls":
            called = True
        elif re.match(r"[\d+*-]", line):
            if place["ob"] == LIBRARY.name and not called:
                found["%(fl)s:%(fn)s" % place] += int(line.split()[1])
            called = False
    return found


def count(commands, directory):
    """{function: instructions} in the first process of a host."""
    path = directory / "counts"
    environment = {
        "PATH": "/usr/bin:/bin",
        "LD_PRELOAD": "%s %s" % (CLONE, LIBRARY),
        "MOCK_PYTHON": str(MOCK / "libmock_python.so"),
        "MOCK_OMIT": "PyThreadState_GetUnchecked,_Py_DecRefShared",
        "MOCK_VERSION": "3.12.1 (main)",
    }
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=%s.%%p" % path, "--dump-line=no"]
    command += ["--compress-strings=no", "--compress-pos=no", str(MOCK / "mock_host"), *commands]
    process = subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, output + errors
    assert "gcfreeze[" not in errors, errors
    return read_counts(path.with_name("%s.%d" % (path.name, process.pid)))


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """{path: {function: instructions}}. Walking the stack is a row of its own: it is forty times the rest."""
    runs = {}

    def of(commands):
        key = tuple(commands)
        if key not in runs:
            runs[key] = count(commands, tmp_path_factory.mktemp("callgrind"))
        return runs[key]

    def taken(commands, without):
        functions = Counter(of(commands))
        functions.subtract(of(without) if without is not None else {})
        return functions

    found = {name: part(taken(*path), walks=False) for name, path in PATHS.items()}
    found[WALK] = part(taken(*PATHS[WALKED]), walks=True)
    return found


def part(functions, walks):
    return Counter({name: n for name, n in functions.items() if name.startswith("unwind.c:") == walks})


def totals(counted):
    return {name: sum(functions.values()) for name, functions in counted.items()}


def complaint(name, functions, before):
    now = sum(functions.values())
    largest = ", ".join("%s %d" % pair for pair in functions.most_common(6))
    return (
        "%s: %d instructions, %+.1f %% against %d in %s (%d %% are allowed). Most of them: %s. "
        "If it is worth it: %s=1 script/test -R instructions"
    ) % (name, now, 100 * (now / before - 1), before, FILE.name, 100 * TOLERANCE, largest, ACCEPT)


@pytest.fixture(scope="module")
def accepted(counted):
    """The file's counts."""
    if os.environ.get(ACCEPT):
        content = {"compiler": compiler(), "counts": totals(counted)}
        FILE.write_text(json.dumps(content, indent=1) + "\n")
    found = json.loads(FILE.read_text())
    if found["compiler"] != compiler():
        pytest.skip("counted with %s, and this is %s" % (found["compiler"], compiler()))
    assert found["counts"].keys() == set(ROWS), "other paths: %s=1 writes them" % ACCEPT
    return found["counts"]


@pytest.mark.parametrize("name", ROWS)
def test_a_path_executes_as_many_instructions_as_accepted(name, counted, accepted):
    now, before = sum(counted[name].values()), accepted[name]
    assert abs(now / before - 1) <= TOLERANCE, complaint(name, counted[name], before)


@pytest.mark.parametrize(
    "name, function",
    [
        ("load", "engine.c:gf_engine_start"),
        ("attach", "attach.c:gf_attach"),
        ("the first os.fork", "collector.c:gf_collector_freeze"),
        ("a later os.fork", "transaction.c:gf_transaction_prepare"),
        ("a fork of a C host", "collector.c:gf_collector_freeze"),
        ("a fork to execute", "runtime.c:enter"),
        (WALK, "unwind.c:access_mem"),
    ],
)
def test_a_path_is_what_it_is_called(name, function, counted):
    """A count of something else, like a library that gave up, would be a constant, too."""
    assert counted[name][function] > 0, counted[name]
