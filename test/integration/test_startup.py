"""How an interpreter is started, which programs are treated, and what they hand on."""

import os

import pytest
from conftest import FORK, FREEZE, LIBRARY, MUSL, environment, run


@pytest.mark.parametrize(
    "options",
    [
        ("-I",),
        ("-E",),
        ("-S",),
        ("-B", "-u"),
        ("-O",),
        ("-W", "error"),
        ("-X", "dev"),
        ("-X", "faulthandler"),
        ("-X", "importtime"),
        ("-v",),
    ],
    ids=" ".join,
)
def test_options_of_the_interpreter(python, compare, options):
    verbose = options[0] == "-v" or "importtime" in options
    command = None
    if verbose:  # prints addresses or times: only what the program says is compared
        command = ["/bin/sh", "-c", 'exec "$@" 2>/dev/null', "sh", python.path, *options, compare.script]
    outcome = compare(python, FORK, *options, command=command)
    assert outcome.events == ([] if verbose else [FREEZE])
    assert outcome.frozen["child"] > 20000


@pytest.mark.parametrize("allocator", ["debug", "malloc", "malloc_debug", "pymalloc"])
def test_allocators(python, compare, allocator):
    if python.free_threaded and allocator != "debug":
        pytest.skip("a free-threaded CPython has one allocator")
    command = ["/usr/bin/env", "PYTHONMALLOC=" + allocator, python.path, compare.script]
    outcome = compare(python, FORK, command=command)
    assert outcome.events == [FREEZE]
    assert outcome.frozen["child"] > 20000


@pytest.mark.parametrize(
    "wrapper",
    [
        ["/usr/bin/env"],
        ["/usr/bin/env", "/usr/bin/env"],
        ["/bin/sh", "-c", 'exec "$@"', "sh"],
        ["/bin/sh", "-c", '"$@"; exit $?', "sh"],
        ["/usr/bin/nice", "/usr/bin/timeout", "200", "/bin/sh", "-c", 'exec "$@"', "sh", "/usr/bin/env"],
        ["/usr/bin/setsid", "--wait"],
    ],
    ids=lambda wrapper: "-".join(os.path.basename(word) for word in wrapper if word.startswith("/")),
)
def test_wrappers(python, compare, wrapper):
    outcome = compare(python, FORK, command=[*wrapper, python.path, compare.script])
    assert outcome.events == [FREEZE]
    assert outcome.frozen["child"] > 20000


def test_a_script_with_an_interpreter_line(python, compare):
    program = compare.script.parent / "server"
    outcome = compare(
        python,
        """
if len(sys.argv) == 1:
    with open(%r, "w") as file:
        file.write("#!" + sys.executable + "\\n" + open(__file__).read())
    os.chmod(%r, 0o755)
    os.execv(%r, ["server", "again"])
"""
        % ((str(program),) * 3)
        + FORK,
    )
    assert outcome.events == [FREEZE]
    assert 'script="server"' in outcome.stderr


def test_a_chain_of_programs(python, compare):
    outcome = compare(
        python,
        """
if len(sys.argv) < 4:
    os.execv(sys.executable, [sys.executable] + sys.argv + ["again"])
"""
        + FORK,
    )
    assert outcome.events == [FREEZE]
    assert outcome.frozen["child"] > 20000


def test_a_program_from_standard_input(python, compare):
    command = ["/bin/sh", "-c", 'exec "$1" - < "$2"', "sh", python.path, compare.script]
    outcome = compare(python, FORK, command=command)
    assert outcome.events == [FREEZE]


def test_no_descriptor_is_opened_at_start(python, compare):
    compare(python, 'say(sorted(os.listdir("/proc/self/fd"), key=int))\n')


def test_no_descriptor_is_opened_by_a_fork(python, compare):
    compare(python, FORK + 'say(sorted(os.listdir("/proc/self/fd"), key=int))\n')


def test_the_applications_descriptors_are_its_own(python, compare):
    # as daemons do: all descriptors are closed, and their numbers come back with other files
    compare(
        python,
        """
import socket, threading, warnings
warnings.simplefilter("ignore")
def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    wait(pid)
fork()
os.closerange(OUT + 1, 1000)
ends = socket.socketpair()
for end in ends:
    end.setblocking(False)
    end.send(b"hello")
for _ in range(3):  # on other stacks each time
    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
say([end.recv(100) for end in ends])
""",
    )


def test_a_closed_standard_input_stays_closed(python):
    command = ["/bin/sh", "-c", 'exec "$@" <&-', "sh", python.path, "-c", "import os; os.fstat(0)"]
    outcome = run(command, environment(), check=False)
    assert "Bad file descriptor" in outcome.stderr


PRELOADED = """
import os, subprocess, sys
print(os.environ.get("LD_PRELOAD"), flush=True)
child = "import os; print(os.environ.get('LD_PRELOAD'))"
for environment in None, os.environ:
    subprocess.run([sys.executable, "-c", child], env=environment, check=True)
subprocess.run(["/bin/sh", "-c", "echo $LD_PRELOAD"], check=True)
os.execv("/bin/sh", ["sh", "-c", "echo $LD_PRELOAD"])
"""


@pytest.mark.parametrize(
    "preload, expected",
    [
        (LIBRARY, None),
        (LIBRARY + ":libdl.so.2", "libdl.so.2"),
        ("libdl.so.2 " + LIBRARY, "libdl.so.2"),
        ("libdl.so.2:" + LIBRARY + ":libm.so.6", "libdl.so.2:libm.so.6"),
    ],
)
def test_executed_programs_without_the_library(python, tmp_path, preload, expected):
    if MUSL and preload.startswith("libdl"):
        pytest.skip("musl takes libdl.so.2 for itself, ahead of what comes behind it")
    script = tmp_path / "app.py"
    script.write_text(PRELOADED)
    env = environment(EXEC="strip")
    env["LD_PRELOAD"] = preload
    outcome = run([python.path, str(script)], env)
    in_python, in_shell = str(expected), expected or ""
    assert outcome.stdout.splitlines() == 3 * [in_python] + 2 * [in_shell]


def test_executed_programs_inherit_the_library_by_default(python, tmp_path):
    outcome = run([python.path, "-c", "import os; print(os.environ['LD_PRELOAD'])"], environment())
    assert outcome.stdout.strip() == LIBRARY


def program_of_a_kind(python, kind, script):
    if kind == "module":
        return [python.path, "-m", "app"]
    return [python.path, "-B", str(script)]


@pytest.mark.parametrize(
    "kind, knobs, treated",
    [
        ("script", {"ONLY": "app.py"}, True),
        ("script", {"ONLY": "gunicorn, app*"}, True),
        ("script", {"ONLY": "gunicorn"}, False),
        ("script", {"ONLY": "python3*"}, True),
        ("script", {"SKIP": "app.?y"}, False),
        ("script", {"SKIP": "python*"}, False),
        ("script", {"SKIP": "gunicorn"}, True),
        ("script", {"ONLY": "app.py", "SKIP": "app.py"}, False),
        ("module", {"ONLY": "app"}, True),
        ("module", {"SKIP": "app"}, False),
    ],
    ids=str,
)
def test_programs_are_chosen_by_name(python, compare, kind, knobs, treated):
    outcome = compare(
        python,
        FORK,
        command=program_of_a_kind(python, kind, compare.script),
        options={"cwd": compare.script.parent},
        **knobs,
    )
    assert outcome.events == ([FREEZE] if treated else [])
    assert (outcome.frozen["child"] > 20000) == treated
