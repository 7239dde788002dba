"""Programs without CPython: the same output and the same end, with the library and without it."""

import os
import shutil
import subprocess

import pytest
from conftest import LIBRARY, PROGRAMS, environment

FORKER = str(PROGRAMS / "preload_forker")

PYPY = """
import gc, os, signal, subprocess
for _ in range(2):
    if os.fork() == 0:
        os._exit(0)
    os.wait()
gc.collect()
print(signal.getsignal(signal.SIGPIPE), subprocess.call(["false"]))
"""

COMMANDS = {
    "true": ["true"],
    "false": ["false"],
    "exit status": ["sh", "-c", "exit 7"],
    "death by a signal": ["sh", "-c", "kill -KILL $$"],
    "subshell": ["sh", "-c", "(exit 4); echo $?"],
    "pipe": ["sh", "-c", "echo a | cat"],
    "broken pipe": ["bash", "-c", "trap '' PIPE; yes 2>&1 | head -n 1; echo ${PIPESTATUS[1]}"],
    "background": ["sh", "-c", "sleep 0 & wait $!; echo $?"],
    "env": ["env", "-i", "PATH=/usr/bin:/bin", "sh", "-c", "echo $PATH"],
    "env keeps us": ["env", "sh", "-c", "echo a | cat; exit 3"],
    "timeout": ["timeout", "60", "sh", "-c", "exit 5"],
    "setsid": ["setsid", "--wait", "sh", "-c", "echo a; exit 6"],
    "not found": ["env", "a-program-that-is-not-there"],
    "forks": [FORKER],
    "starved forks": [FORKER, "starve"],
    "pypy": ["pypy3", "-c", PYPY],
}

KNOBS = {
    "no knobs": {},
    "debug": {"LOG": "debug"},
    "bad knobs": {
        "": "perhaps", "MODE": "x" * 5000, "WHEN": "after:", "MIN_NEW": "-1", "DEFER": "9" * 99,
        "LOG": "\udcff", "LOG_FILE": "relative", "LOG_FORMAT": "xml", "COLOUR": "red",
        "ONLY": "a" * 600,
    },
    "bad log file": {"LOG": "debug", "LOG_FILE": "/nonexistent/%p", "EXEC": "strip"},
    "inert": {"": "0", "LOG": "debug"},
}  # fmt: skip


def outcome(command, env, cwd=None):
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=120, cwd=cwd,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("knobs", KNOBS)
@pytest.mark.parametrize("command", COMMANDS)
def test_nobody_notices(command, knobs):
    if not shutil.which(COMMANDS[command][0]):
        pytest.skip("no %s on this machine" % COMMANDS[command][0])
    plain = outcome(COMMANDS[command], environment(None))
    assert outcome(COMMANDS[command], environment(**KNOBS[knobs])) == plain


def test_the_library_is_there():
    """Else everything here would pass."""
    for knobs in KNOBS.values():
        assert str(LIBRARY).encode() in outcome(["cat", "/proc/self/maps"], environment(**knobs))[1]


def test_forker_makes_all_its_children():
    status, output, _ = outcome([FORKER], environment())
    assert status == 0, output
    assert outcome([FORKER, "starve"], environment())[0] == 0


def test_closed_standard_descriptors_stay_closed():
    command = ["bash", "-c", 'exec "$0" >&- 2>&- <&-', FORKER]
    assert outcome(command, environment(LOG="debug")) == outcome(command, environment(None))


def test_no_descriptor_is_left_open():
    command = ["sh", "-c", "(ls /proc/self/fd); ls /proc/self/fd"]
    assert outcome(command, environment(LOG="debug")) == outcome(command, environment(None))


def test_fork_that_fails_for_lack_of_processes():
    command = [FORKER, "loses"]
    if os.geteuid() == 0:  # root has no such limit
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if outcome([*nobody, "cat", FORKER, LIBRARY], environment(None))[0] != 0:
            pytest.skip("another user cannot read the build here")
        command = [*nobody, *command]
    plain = outcome(command, environment(None))
    assert plain[0] == 0
    assert outcome(command, environment(LOG="debug")) == plain


def test_system_without_proc():
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = 'mount -t tmpfs none /proc && exec "$@"'
    hide = ["unshare", *as_root, "--mount", "sh", "-c", script, "sh"]
    status, _, why_not = outcome([*hide, "test", "!", "-e", "/proc/self"], environment(None))
    if status != 0:
        pytest.skip("/proc cannot be hidden here: %r" % why_not)
    for command in ([FORKER], ["sh", "-c", "echo a | cat; exit 3"]):
        inside = [*hide, "env", "LD_PRELOAD=" + str(LIBRARY), "GCFREEZE_LOG=debug", *command]
        assert outcome(inside, environment(None)) == outcome(command, environment(None))


# ---- functions that libc has in several versions

SPAWNERS = [PROGRAMS / "preload_spawner", PROGRAMS / "preload_spawner_old"]
OTHER = PROGRAMS / "libpreload_other.so"


@pytest.fixture
def script(tmp_path):
    """What only a shell can execute: it does not say which program reads it."""
    path = tmp_path / "script"
    path.write_text('echo "script: $1"; exit 7\n')
    path.chmod(0o755)
    return path


def spawn(spawner, script, *preload):
    if not spawner.exists():
        pytest.skip("this libc has one posix_spawn")
    env = environment(" ".join(map(str, preload)))
    # the shell looks for what posix_spawnp found in PATH where it is itself
    return outcome([str(spawner), str(script)], dict(env, PATH=str(script.parent)), script.parent)


@pytest.mark.parametrize("spawner", SPAWNERS, ids=lambda path: path.name)
def test_programs_of_every_age_spawn_as_they_did(spawner, script):
    plain = spawn(spawner, script)
    assert plain[1].count(b"script: an argument") == (2 if spawner == SPAWNERS[1] else 0)
    assert spawn(spawner, script, LIBRARY) == plain


@pytest.mark.parametrize("spawner", SPAWNERS, ids=lambda path: path.name)
def test_another_preloaded_library_gets_its_turn(spawner, script):
    plain = spawn(spawner, script, OTHER)
    assert b"the other library's posix_spawn" in plain[1]
    assert spawn(spawner, script, LIBRARY, OTHER) == plain
    assert spawn(spawner, script, OTHER, LIBRARY) == plain


# ---- setuid programs: ld.so takes no preloaded library with a path there, so this one links to it

SECURE = PROGRAMS / "preload_secure"


def secure_report(program, env):
    status, output, errors = outcome([str(program)], env)
    assert (status, errors) == (0, b"")
    return dict(line.split() for line in output.decode().splitlines())


def another_group():
    """A group that a file can be given to and that is not the one programs run with."""
    if os.geteuid() == 0:
        return 65534
    return next((group for group in os.getgroups() if group != os.getegid()), None)


def test_knobs_are_read_in_an_ordinary_program():
    report = secure_report(SECURE, environment(None, **{"": "0"}))
    assert report == {"secure": "0", "disabled": "1", "no-interpreter": "0"}


def test_knobs_are_not_read_in_a_privileged_program(tmp_path):
    group = another_group()
    if group is None:
        pytest.skip("only root, or a member of a second group, can make a set-group-id program")
    program = tmp_path / "secure"
    shutil.copy(SECURE, program)
    os.chown(program, -1, group)
    program.chmod(0o2755)
    log = tmp_path / "log"
    report = secure_report(program, environment(None, **{"": "0", "LOG_FILE": str(log)}))
    if report["secure"] != "1":
        pytest.skip("the kernel does not honour the set-group-id bit in %s" % tmp_path)
    assert report == {"secure": "1", "disabled": "0", "no-interpreter": "1"}
    assert not log.exists()
