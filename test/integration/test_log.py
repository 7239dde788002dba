"""What the log says, and where, with each interpreter."""

import json
import subprocess

import pytest
from conftest import environment, run

FORKS = """
import os
for _ in range(2):
    if os.fork() == 0:
        os._exit(0)
    os.wait()
"""

NUMBERS = {"v", "ts", "pid", "child", "fork_us"}
WORDS = {"event", "reason", "caller", "script", "python"}
OF_A_FREEZE = {"mode", "mode_why", "tracked", "collect_us", "freeze_us"}


def test_json_has_one_object_a_line(python):
    outcome = run([python.path, "-c", FORKS], environment(LOG_FORMAT="json"))
    freeze, skip = [json.loads(line) for line in outcome.stderr.splitlines()]
    assert set(freeze) == NUMBERS | WORDS | OF_A_FREEZE
    assert set(skip) == NUMBERS | WORDS
    for event in freeze, skip:
        assert all(isinstance(event[name], (int, float)) for name in NUMBERS)
        assert all(isinstance(event[name], str) for name in WORDS)
        assert (event["v"], event["caller"], event["python"]) == (2, "os.fork", python.text)
        assert event["pid"] != event["child"] > 0
    assert (freeze["event"], freeze["reason"], freeze["mode"]) == ("freeze", "first-worker-fork", "freeze")
    assert (skip["event"], skip["reason"]) == ("skip", "nothing-new")
    assert freeze["tracked"] > 0 and freeze["mode_why"] == "auto: not a server that is known"


def test_json_messages(python):
    outcome = run([python.path, "-c", "pass"], environment(LOG_FORMAT="json", PARENT="maybe", WHEN='"\\\xe9'))
    messages = [json.loads(line) for line in outcome.stderr.splitlines()]
    assert [message["event"] for message in messages] == ["message", "message"]
    assert all(set(message) == {"v", "ts", "pid", "event", "level", "message"} for message in messages)
    texts = sorted(message["message"] for message in messages)
    assert "GCFREEZE_PARENT" in texts[0] and "GCFREEZE_WHEN" in texts[1]


def test_a_file_for_each_process(python, tmp_path):
    program = """
import os
pid = os.fork()
if pid == 0:
    if os.fork() == 0:
        os._exit(0)
    os.wait()
    os._exit(0)
os.wait()
print(os.getpid(), pid)
"""
    outcome = run([python.path, "-c", program], environment(LOG_FILE=tmp_path / "log-%p.txt"))
    assert outcome.stderr == ""
    names = {"log-%s.txt" % pid for pid in outcome.stdout.split()}
    assert {path.name for path in tmp_path.iterdir()} == names
    for name in names:
        text = (tmp_path / name).read_text()
        assert text.count("\n") == 1
        assert "freeze first-worker-fork" in text


def test_a_file_that_all_processes_share(python, tmp_path):
    path = tmp_path / "log"
    path.write_text("kept\n")
    run([python.path, "-c", FORKS], environment(LOG_FILE=path))
    lines = path.read_text().splitlines()
    assert [line.split()[1:3] for line in lines[1:]] == [
        ["freeze", "first-worker-fork"],
        ["skip", "nothing-new"],
    ]
    assert lines[0] == "kept"


@pytest.mark.parametrize("level", ["none", "error", "warn"])
def test_quiet_levels_say_nothing_of_forks(python, level):
    assert run([python.path, "-c", FORKS], environment(LOG=level)).stderr == ""


# malloc: nothing can be given back
QUIET = [{"RESHARE": "on"}, {"RESHARE": "on", "TEST_RESHARE": "always"}]


@pytest.mark.gil(True)
@pytest.mark.parametrize("knobs", QUIET)
def test_what_cannot_be_done_is_no_mistake_in_the_settings(python, knobs):
    env = {"PYTHONMALLOC": "malloc"}
    outcome = run([python.path, "-c", FORKS], {**environment(LOG="warn", **knobs), **env})
    assert outcome.stderr == ""
    outcome = run([python.path, "-c", FORKS], {**environment(LOG="info", **knobs), **env})
    assert "snapshot=no-arenas" in outcome.stderr


def test_an_inert_library_says_nothing(python):
    assert run([python.path, "-c", FORKS], environment(**{"": 0, "LOG": "debug"})).stderr == ""


REPLACED = """
import os, sys
os.close(2)
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
assert file == 2, file
if os.fork() == 0:
    if os.fork() == 0:
        os._exit(0)
    os.wait()
    os._exit(0)
os.wait()
os.write(2, b"the host's")
"""


@pytest.mark.parametrize("knobs", [{}, {"LOG_FILE": "/nonexistent/log"}])
def test_a_file_that_got_the_number_of_stderr_is_the_hosts(python, tmp_path, knobs):
    path = tmp_path / "host"
    outcome = run([python.path, "-c", REPLACED, str(path)], environment(**knobs))
    assert path.read_text() == "the host's"
    assert outcome.stderr == ""


def test_a_stderr_that_is_a_file_gets_the_lines(python, tmp_path):
    path = tmp_path / "errors"
    with path.open("w") as errors:
        command = [python.path, "-c", FORKS]
        subprocess.run(command, env=environment(), stderr=errors, check=True, timeout=300)
    assert [line.split()[1] for line in path.read_text().splitlines()] == ["freeze", "skip"]
