"""Passes in workers with several threads, at every wait: hosts/torture_threads.py.

Beside threads the interpreter is held, so that nobody runs Python; these tests are about the others:
threads of C, system calls, the interpreter's end.
"""

import json
import os
from pathlib import Path

import pytest
from conftest import LIBRARY, environment, run

# free-threaded builds have no arenas
pytestmark = pytest.mark.gil(True)

TORTURE = os.environ["GCFREEZE_TEST_TORTURE"]
RACE = os.environ["GCFREEZE_TEST_RACE"]
HOSTS = Path(__file__).parent / "hosts"

ALWAYS = {"RESHARE": 1, "RESHARE_THREADS": "on", "TEST_RESHARE": "always"}


def scenario(python, name, preload=LIBRARY, **knobs):
    env = environment(**{**ALWAYS, **knobs})
    env.update(LD_PRELOAD=preload, PYTHONDONTWRITEBYTECODE="1")
    outcome = run([python.path, str(HOSTS / "torture_threads.py"), TORTURE, name], env)
    return json.loads(outcome.stdout)


def test_random_work_of_four_threads(python):
    env = environment(**ALWAYS, WHEN="every")
    program = [python.path, str(HOSTS / "torture.py"), TORTURE, "5", "2", "400000", "4"]
    reports = [json.loads(line) for line in run(program, env).stdout.splitlines()]
    assert [report["who"] for report in reports] == ["worker", "worker", "parent"]
    for report in reports:
        assert report["given"] > 0 and report["reason"] in ("none", "busy-threads"), report


def test_pages_are_given_back_beside_threads_that_sleep(python):
    answer = scenario(python, "asleep")
    assert answer["given"] >= 1000 and answer["reason"] == "none"


def test_off_by_default(python):
    answer = scenario(python, "daemons", RESHARE_THREADS="off")
    assert (answer["given"], answer["reason"]) == (0, "threads")


def test_nothing_moves_below_a_thread_of_c_that_computes(python):
    answer = scenario(python, "writer")
    assert answer["sweeps"] > 0 and answer["wrong"] == 0
    assert answer["during"]["reason"] == "busy-threads" and answer["reason"] == "none"


def test_a_write_in_the_last_moment_is_kept_and_ends_passes_beside_threads(python):
    answer = scenario(python, "race", preload=RACE + ":" + LIBRARY)
    assert answer["reason"] == "raced"


def test_no_pass_in_waits_of_unknown_code(python):
    answer = scenario(python, "foreign", preload=RACE + ":" + LIBRARY)
    # a pass that was disturbed before goes on in other waits, and its reason stays
    assert answer["during"]["reason"] in ("foreign-wait", "busy-threads")
    assert answer["during"]["given"] == answer["before"]


def test_no_pass_in_waits_of_a_program_that_was_linked_with_python(python):
    env = {**environment(**ALWAYS), "PYTHONDONTWRITEBYTECODE": "1"}
    name = str(Path(python.path).with_name("host"))
    command = [name, str(HOSTS / "torture_threads.py"), TORTURE, "host"]
    answer = json.loads(run(command, env, executable=python.path, timeout=120).stdout)
    if answer["library"]:  # then that is the interpreter
        assert answer["given"] >= 1000
    else:
        assert (answer["given"], answer["reason"]) == (0, "foreign-wait")


def test_locked_memory_stays_locked(python):
    answer = scenario(python, "locked")
    if answer is None:
        pytest.skip("this user may not lock memory")
    assert answer["reason"] == "locked-memory"


def test_system_calls_that_wait_during_passes_write_and_read_the_right_bytes(python):
    answer = scenario(python, "kernel")
    assert answer["given"] > 0 and answer["reason"] in ("none", "busy-threads")


def test_a_signal_during_a_pass_ends_the_wait(python):
    answer = scenario(python, "signals", preload=RACE + ":" + LIBRARY)
    assert answer["caught"] == 10


def test_no_pass_with_a_second_interpreter(python):
    if python.version < (3, 9):
        pytest.skip("_xxsubinterpreters of 3.8 cannot be used beside threads")
    answer = scenario(python, "interpreters")
    assert (answer["during"]["given"], answer["during"]["reason"]) == (0, "no-thread-state")
    assert answer["given"] >= 1000 and answer["reason"] == "none"


def test_threads_that_wait_do_not_change_how_the_process_ends(python):
    assert scenario(python, "daemons")["passes"] > 0
