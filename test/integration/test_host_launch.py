"""What stands between a shell and a server: the program at the end is frozen once, as without the
chain, and the chain does what it always does."""

import os
import re
import shutil

import pytest
from conftest import FORK, FREEZE, NOTHING_NEW, ROOT
from servers.host import debian_version
from servers.scenario import Installation, assert_heap_stays_shared

PROGRAM = FORK * 2

# A launcher that is Python too, and loads something before it becomes the server.
LAUNCHER = """
import os, sys
waste = [[number] for number in range(20000)]
os.execv(sys.argv[1], sys.argv[1:])
"""

CHAINS = {
    "alone": [],
    "sh": ["sh", "-c", '"$0" "$@"; exit $?'],
    "sh-exec": ["sh", "-c", 'exec "$0" "$@"'],
    "bash": ["bash", "-c", 'echo "$(echo chain)"; "$0" "$@" | cat; exit ${PIPESTATUS[0]}'],
    "env": ["env", "NAME=value"],
    "nohup": ["nohup"],
    "setsid": ["setsid", "--wait"],
    "timeout": ["timeout", "300"],
    "tini": ["tini", "-s", "--"],
    "dumb-init": ["dumb-init", "--"],
    "all": ["sh", "-c", 'env NAME=value tini -s -- dumb-init "$0" "$@"'],
}


def events_of(outcome, script="app.py"):
    """[(event, reason, caller)] of one program of the chain."""
    line = r'^gcfreeze\[\d+\]: (freeze|skip) (\S+) .*?caller="([^"]*)" script="%s"'
    return re.findall(line % re.escape(script), outcome.stderr, re.M)


def assert_frozen_once(outcome):
    assert events_of(outcome) == [FREEZE, NOTHING_NEW]
    assert outcome.frozen["child"] > 20000


def require(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(program + " is not installed")


@pytest.mark.parametrize("chain", CHAINS)
def test_chain(python, compare, chain):
    require(*{"tini", "dumb-init"}.intersection(" ".join(CHAINS[chain]).split()))
    command = [*CHAINS[chain], python.path, str(compare.script)]
    outcome = compare(python, PROGRAM, command=command)
    assert_frozen_once(outcome)
    assert len(outcome.events) == 2


def test_launcher_in_python(python, compare, tmp_path):
    launcher = tmp_path / "launcher.py"
    launcher.write_text(LAUNCHER)
    command = [python.path, str(launcher), python.path, str(compare.script)]
    outcome = compare(python, PROGRAM, command=command)
    assert_frozen_once(outcome)
    assert len(outcome.events) == 2


def test_pyenv_shim(python, compare):
    root, found, version = python.path.partition("/versions/")
    shim = root + "/shims/python3"
    if not found or not os.path.exists(shim):
        pytest.skip("not one of pyenv's interpreters")
    variables = ["PYENV_ROOT=" + root, "PYENV_VERSION=" + version.split("/")[0]]
    command = ["env", *variables, shim, str(compare.script)]
    outcome = compare(python, PROGRAM, command=command)
    assert_frozen_once(outcome)
    assert len(outcome.events) == 2


def test_pipx_run(python, compare, tmp_path, monkeypatch):
    require("pipx")
    # where pipx looks before it asks the network
    folder = tmp_path / "__pypackages__" / debian_version() / "lib" / "bin"
    folder.mkdir(parents=True)
    program = folder / "forking-program"
    program.write_text('#!/bin/sh\nexec "%s" "%s"\n' % (python.path, compare.script))
    program.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    outcome = compare(
        python, PROGRAM, command=["pipx", "run", program.name], options={"cwd": tmp_path}
    )
    assert_frozen_once(outcome)


def ask_two_workers(server):
    return [server.ask(pid) for pid in server.workers(2)]


def test_what_pipx_installed(tmp_path, record_property):
    command = ROOT / ".venv" / "pipx" / "bin" / "gunicorn"
    if not command.exists():
        pytest.skip("pipx has not installed gunicorn")
    gunicorn = Installation(str(command), tmp_path, record_property)
    ours, plain = gunicorn.compare(["--preload", "--workers", "2"], ask_two_workers)
    assert_heap_stays_shared(ours, plain)
    assert [event[1:] for event in ours.events()] == [FREEZE[:2], NOTHING_NEW[:2]]


SUPERVISOR = """
[supervisord]
nodaemon = true
silent = true
logfile = /dev/null
pidfile = %(folder)s/supervisord.pid
childlogdir = %(folder)s
[program:app]
command = %(python)s %(script)s
autorestart = false
startsecs = 0
stdout_logfile = /dev/stdout
stdout_logfile_maxbytes = 0
stderr_logfile = /dev/stderr
stderr_logfile_maxbytes = 0
"""


def test_supervisord(python, compare, tmp_path):
    require("supervisord")
    configuration = tmp_path / "supervisord.conf"
    text = SUPERVISOR % {"folder": tmp_path, "python": python.path, "script": compare.script}
    configuration.write_text(text)
    # it would wait for more work
    program = PROGRAM + "import signal\nos.kill(os.getppid(), signal.SIGTERM)\n"
    outcome = compare(python, program, command=["supervisord", "-c", str(configuration)])
    assert_frozen_once(outcome)
    # it forks as servers do, and then executes
    assert events_of(outcome, "supervisord") == [FREEZE]
