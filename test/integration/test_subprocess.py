"""Forks that execute another program: the parent must not be frozen for them."""


import pytest

POPEN = """
import subprocess
note("before")
process = subprocess.run(%s, stdout=subprocess.PIPE)
say(process.stdout, process.returncode)
state("after")
"""

WAYS = {
    "plain": "['/bin/echo', 'out']",
    "close_fds": "['/bin/echo', 'out'], close_fds=False",
    "preexec_fn": "['/bin/echo', 'out'], preexec_fn=lambda: None",
    "preexec_fn-without-close_fds": "['/bin/echo', 'out'], preexec_fn=os.getpid, close_fds=False",
    "new-session": "['/bin/echo', 'out'], start_new_session=True",
    "cwd-and-environment": "['/bin/pwd'], cwd='/', env={'A': 'b'}",
    "shell": "'echo out; exit 3', shell=True",
    "pass_fds": "['/bin/echo', 'out'], pass_fds=[0]",
    "user": "['/bin/echo', 'out'], user=os.getuid()",
}


@pytest.mark.parametrize("way", WAYS)
def test_popen_leaves_the_parent_alone(python, compare, way):
    if way == "user" and python.version < (3, 9):
        pytest.skip("subprocess has user= from 3.9 on")
    outcome = compare(python, POPEN % WAYS[way])
    assert {event for event in outcome.events} <= {("skip", "exec-bound", "fork_exec")}
    assert outcome.frozen == {"before": 0, "after": 0}
    if "preexec_fn" in way:
        assert len(outcome.events) == 1


def test_popen_of_a_frozen_parent_freezes_nothing_more(python, compare):
    outcome = compare(
        python,
        """
import subprocess
pid = os.fork()
if pid == 0:
    os._exit(0)
wait(pid)
note("before")
MORE = [[i] for i in range(20000)]
for options in {}, {"preexec_fn": lambda: None}, {"close_fds": False}:
    subprocess.run(["/bin/true"], check=True, **options)
state("after")
""",
    )
    assert outcome.events[0] == ("freeze", "first-worker-fork", "os.fork")
    assert set(outcome.events[1:]) == {("skip", "exec-bound", "fork_exec")}
    assert outcome.frozen["after"] <= outcome.frozen["before"]


def test_a_preexec_function_finds_the_applications_flag(python, compare):
    outcome = compare(
        python,
        """
import subprocess
gc.disable()
subprocess.run(["/bin/true"], preexec_fn=lambda: say(gc.isenabled()), check=True)
state("parent")
""",
    )
    assert outcome.events == [("skip", "exec-bound", "fork_exec")]


def test_a_failing_exec_and_a_failing_preexec_function_raise_as_ever(python, compare):
    outcome = compare(
        python,
        """
import subprocess
for command, options in (
    ("/nonexistent", {}), ("/nonexistent", {"preexec_fn": os.getpid}),
    ("/nonexistent", {"close_fds": False}), ("/bin/true", {"preexec_fn": lambda: 1 / 0}),
):
    try:
        subprocess.run([command], **options)
    except Exception as error:
        say(repr(error))
state("after")
""",
    )
    assert {reason for _, reason in outcome.reasons()} == {"exec-bound"}
    assert outcome.frozen["after"] == 0


@pytest.mark.parametrize(
    "call",
    [
        "os.posix_spawn('/bin/echo', ['echo', 'out'], os.environ)",
        "os.posix_spawnp('echo', ['echo', 'out'], os.environ)",
    ],
)
def test_posix_spawn_leaves_the_parent_alone(python, compare, call):
    outcome = compare(
        python,
        """
note("before")
wait(%s)
state("after")
"""
        % call,
        LOG="debug",
    )
    assert outcome.events == []
    assert outcome.stderr.count("posix_spawn passes through") == 1
    assert outcome.frozen == {"before": 0, "after": 0}


def test_system_and_popen_leave_the_parent_alone(python, compare):
    outcome = compare(
        python,
        """
note("before")
say(os.system("exit 3"))
say(os.popen("echo out").read())
state("after")
""",
    )
    assert {reason for _, reason in outcome.reasons()} <= {"exec-bound"}
    assert outcome.frozen == {"before": 0, "after": 0}


def test_subprocess_from_threads(python, compare):
    outcome = compare(
        python,
        """
import subprocess, threading
note("before")
def work():
    for _ in range(5):
        subprocess.run(["/bin/true"], check=True, preexec_fn=os.getpid)
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
state("after")
""",
    )
    assert len(outcome.events) == 20
    assert {reason for _, reason in outcome.reasons()} <= {"exec-bound", "concurrent"}
    assert outcome.frozen == {"before": 0, "after": 0}
