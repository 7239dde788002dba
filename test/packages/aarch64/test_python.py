"""Debian's CPython for arm64 under the cross-built library: qemu-user emulates the processor."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, run

sys.path.insert(0, str(ROOT / "test" / "integration"))
from servers.process import read_stat, wait_for, working_in  # noqa: E402

SYSTEM = os.environ["GCFREEZE_TEST_ROOT"]
LIBRARY = os.environ["GCFREEZE_TEST_LIBRARY"]
APPLICATION = ROOT / "test" / "integration" / "servers" / "app.py"
PYTHON = ["qemu-aarch64-static", "-L", SYSTEM, SYSTEM + "/usr/bin/python3.11", "-B"]
ENVIRONMENT = {"LD_PRELOAD": LIBRARY, "GCFREEZE_LOG": "info"}  # qemu itself is static

FORKS = """
import gc, os, sys
heap = [[i] for i in range(20000)]
before = gc.get_threshold()[0]
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        print("child", gc.get_freeze_count() > 20000, gc.get_threshold(), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
print("parent", os.uname().machine, before, gc.get_threshold())
"""


@pytest.mark.parametrize("mode", ["freeze", "immortal"])
def test_workers_are_frozen_for(mode, tmp_path):
    script = tmp_path / "forks.py"
    script.write_text(FORKS)
    done = run(*PYTHON, script, **ENVIRONMENT, GCFREEZE_MODE=mode)
    assert done.stdout.splitlines() == [
        "child True (700, 10, 10)",
        "child True (700, 10, 10)",
        "parent aarch64 700 (700, 10, 10)",
    ]
    assert "freeze first-worker-fork" in done.stderr and "skip nothing-new" in done.stderr


def test_subprocess_is_left_alone(tmp_path):
    script = tmp_path / "spawns.py"
    script.write_text(
        "import subprocess, sys\n"
        "print(subprocess.run(['true'], preexec_fn=lambda: None, env={}).returncode)\n"
    )
    done = run(*PYTHON, script, **ENVIRONMENT)
    assert done.stdout == "0\n"
    assert "skip exec-bound" in done.stderr and "freeze" not in done.stderr.replace("gcfreeze", "")


def ask(folder):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(folder / "socket"))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        body = b"".join(iter(lambda: client.recv(65536), b"")).split(b"\r\n\r\n", 1)[1]
    return json.loads(body)


def test_gunicorn_of_debian_is_frozen(tmp_path):
    shutil.copy(APPLICATION, tmp_path)
    server = subprocess.Popen(
        [*PYTHON, "-m", "gunicorn", "--preload", "--workers", "2", "--bind", "unix:socket",
         "--timeout", "600", "app:app"],
        cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **ENVIRONMENT, "HOME": str(tmp_path)},
    )  # fmt: skip

    def workers():
        stats = {pid: read_stat(pid) for pid in working_in(str(tmp_path))}
        return [pid for pid, stat in stats.items() if stat and stat[1] == server.pid]

    try:
        wait_for("two workers", lambda: len(workers()) == 2)
        wait_for("the socket", (tmp_path / "socket").exists)
        answer = ask(tmp_path)
    finally:
        server.send_signal(signal.SIGTERM)
        errors = server.communicate()[1]
    assert answer["pid"] in {int(word[6:]) for word in errors.split() if word.startswith("child=")}
    assert answer["frozen"] > 2 * answer["records"]
    assert "freeze first-worker-fork" in errors and "skip nothing-new" in errors
    assert Path(answer["preload"]) == Path(LIBRARY)
