"""`gcfreeze doctor`: workers that unpickle their own copy of what they are handed, and what to do."""

import json
import subprocess

import pytest
from conftest import LIBRARY, findings, newest_python

ADVICE = [
    'mp.set_start_method("fork")',
    'DataLoader(..., multiprocessing_context="fork")',
    "a lock that one of them holds is held for ever in the child",
    "CUDA",
]


def about(outcome, topic="workers"):
    return [f for f in json.loads(outcome.stdout) if f["topic"] == topic]


@pytest.fixture
def train(tmp_path):
    def write(text=""):
        (tmp_path / "train.py").write_text("import multiprocessing as mp\n%s\n" % text)
        return "train.py"

    return write


def check(gcfreeze, tmp_path, *command, **variables):
    return gcfreeze("doctor", "--json", "--", newest_python(), *command, cwd=tmp_path, **variables)


BEFORE = "CPython %s forks by default; from 3.14 on the default is forkserver"
FROM = "The default of CPython %s is forkserver, as it is from 3.14 on"


def test_a_program_is_told_which_workers_share(gcfreeze, train, tmp_path):
    code = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
    version = subprocess.check_output([newest_python(), "-c", code], text=True).strip()
    forks = int(version.split(".")[1]) < 14
    (finding,) = about(check(gcfreeze, tmp_path, train()))
    assert finding["mark"] == ("good" if forks else "warning")
    assert finding["finding"].startswith("with spawn and forkserver each worker unpickles its own copy")
    assert finding["finding"].endswith((BEFORE if forks else FROM) % version)
    assert all(words in finding["advice"] for words in ADVICE)


@pytest.mark.parametrize("command", [["-m", "train"], ["-X", "dev", "train.py"], ["-c", "import train"]], ids=str)
def test_so_is_a_module(gcfreeze, train, tmp_path, command):
    train()
    assert len(about(check(gcfreeze, tmp_path, *command))) == 1


@pytest.mark.parametrize(
    "script, mark",
    [
        ("", "warning"),
        ("mp.set_start_method('fork')", "good"),
        ("loader = DataLoader(data, multiprocessing_context='fork')", "good"),
        ("mp.set_start_method('forkserver')", "warning"),
    ],
)
def test_where_forkserver_is_the_default_it_is_a_warning(gcfreeze, train, tmp_path, script, mark):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.version = '3.14.0 (main)'\n")
    outcome = check(gcfreeze, tmp_path, train(script), PYTHONPATH=str(tmp_path))
    (finding,) = about(outcome)
    assert finding["mark"] == mark
    assert finding["finding"].endswith(FROM % "3.14.0")


@pytest.mark.parametrize(
    "script, mark, method",
    [
        ("mp.set_start_method('fork')", "good", "fork"),
        ("context = mp.get_context('spawn')", "failure", "spawn"),
        ("loader = DataLoader(data, multiprocessing_context='spawn')", "failure", "spawn"),
        ("mp.set_start_method('forkserver')", "warning", "forkserver"),
    ],
)
def test_what_a_script_says_itself(gcfreeze, train, tmp_path, script, mark, method):
    found = findings(check(gcfreeze, tmp_path, train(script)))
    assert found["preloading"] == (mark, "train.py uses the start method " + method)
    assert "workers" in found


def test_how_forked_workers_share_a_data_set(gcfreeze, train, tmp_path):
    (finding,) = about(check(gcfreeze, tmp_path, train(), "--name", "a b"), "mode")
    assert finding["finding"] == "freeze (auto: not a server that is known)"
    command = "gcfreeze run --mode immortal -- %s train.py --name 'a b'" % newest_python()
    assert finding["advice"] == "`%s` lets forked workers share a data set" % command
    (finding,) = about(check(gcfreeze, tmp_path, train(), GCFREEZE_MODE="immortal"), "mode")
    assert finding["finding"] == "immortal (GCFREEZE_MODE=immortal)" and "advice" not in finding


@pytest.mark.parametrize("name, arguments", [("gunicorn", ["--preload"]), ("uvicorn", ["--workers", "2"])])
def test_servers_have_their_own_verdict(gcfreeze, server, name, arguments):
    assert about(gcfreeze("doctor", "--json", "--", server(name), *arguments)) == []


def test_no_word_about_what_is_no_python_program(gcfreeze, program):
    outcome = gcfreeze("doctor", "--json", "--", program("train"))
    assert about(outcome) == about(outcome, "mode") == []


RUNS = """
import multiprocessing, sys, time
def work(queue):
    queue.put(1)
    time.sleep(600)
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[-1])
    queue = context.SimpleQueue()
    for _ in range(2):
        context.Process(target=work, args=(queue,)).start()
    for _ in range(2):
        queue.get()
    print("ready", flush=True)
    time.sleep(600)
"""


BECOME = "import os, sys; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


@pytest.fixture
def working(running, tmp_path):
    """working("train.py", "spawn"): the pid of a program with two such workers."""

    def start(name, *arguments, **options):
        (tmp_path / name).write_text(RUNS)
        return running(tmp_path / name, *arguments, server=BECOME, **options)

    return start


COPIES = {
    "spawn": "2 of multiprocessing's spawn: each unpickles its own copy of what it is handed",
    "forkserver": "workers of multiprocessing's forkserver share what it has preloaded; "
    "each unpickles its own copy of what it is handed",
}


@pytest.mark.parametrize("preload", [LIBRARY, ""], ids=["with", "without"])
@pytest.mark.parametrize("method", COPIES)
def test_workers_that_are_there(gcfreeze, working, method, preload):
    (finding,) = about(gcfreeze("doctor", "--json", "--pid", working("train.py", method, preload=preload)))
    assert (finding["mark"], finding["finding"]) == ("warning", COPIES[method])
    assert all(words in finding["advice"] for words in ADVICE)


@pytest.mark.parametrize("name, method", [("train.py", "fork"), ("uvicorn", "spawn")])
def test_workers_that_fork_and_those_of_a_server_that_is_known(gcfreeze, working, name, method):
    pid = working(name, "--workers", method)
    assert about(gcfreeze("doctor", "--json", "--pid", pid)) == []
