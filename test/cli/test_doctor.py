"""`gcfreeze doctor` finds planted faults, and praises what is well."""

import json
import os
import platform
import shutil
import subprocess

import pytest
from conftest import FAILURE, GOOD, LIBRARY, PROGRAM, SERVER, WARNINGS, clean_environment, findings, newest_python
from servers.process import wait_for


def patched(source, path, *replacements):
    data = open(source, "rb").read()
    for old, new in replacements:
        assert old in data
        data = data.replace(old, new.ljust(len(old), b"\0"), 1)
    path.write_bytes(data)
    path.chmod(0o755)
    return path


def test_a_server_that_preloads_is_well(gcfreeze, server):
    outcome = gcfreeze("doctor", "--", server("gunicorn"), "--preload", "app:app")
    lines = outcome.stdout.splitlines()
    topics = [line.split()[1] for line in lines]
    assert topics[:5] == ["library", "loads", "interpreter", "preloading", "mode"]
    assert all(line.startswith("✓ ") for line in lines[:5])
    assert "CPython 3." in lines[2]
    assert "\033" not in outcome.stdout
    # an ordinary user is told that other users' processes are closed
    assert outcome.returncode == (GOOD if os.geteuid() == 0 else WARNINGS)


def test_pypy_is_no_cpython(gcfreeze):
    if not shutil.which("pypy3"):
        pytest.skip("no PyPy on this machine")
    outcome = gcfreeze("doctor", "--json", "--", "pypy3", "app.py")
    mark, finding = findings(outcome)["interpreter"]
    assert mark == "failure" and finding.startswith("pypy 3.") and finding.endswith(" is no CPython")
    assert outcome.returncode == FAILURE


def test_a_library_of_another_machine(gcfreeze, tmp_path):
    data = bytearray(open(LIBRARY, "rb").read())
    name, number = ("AArch64", 183) if platform.machine() == "x86_64" else ("x86-64", 62)
    data[18:20] = number.to_bytes(2, "little")  # e_machine
    library = tmp_path / "libgcfreeze.so.0"
    library.write_bytes(data)
    outcome = gcfreeze("doctor", "--json", GCFREEZE_LIBRARY=str(library))
    mark, text = findings(outcome)["library"]
    assert mark == "failure" and name in text and outcome.returncode == FAILURE


def test_no_library_at_all(gcfreeze):
    outcome = gcfreeze("doctor", "--json", GCFREEZE_LIBRARY="/nowhere/libgcfreeze.so.0")
    assert findings(outcome)["library"][0] == "failure" and outcome.returncode == FAILURE


@pytest.mark.skipif(not shutil.which("gcc"), reason="no gcc on this machine")
def test_a_static_program(gcfreeze, tmp_path):
    source = tmp_path / "static.c"
    source.write_text("int main(void) { return 0; }\n")
    program = tmp_path / "static"
    subprocess.run(["gcc", "-static", "-o", program, source], check=True)
    mark, text = findings(gcfreeze("doctor", "--json", "--", program))["loads"]
    assert mark == "failure" and "statically" in text


def test_a_program_of_musl(gcfreeze, tmp_path):
    loader = {"x86_64": b"/lib64/ld-linux-x86-64.so.2\0", "aarch64": b"/lib/ld-linux-aarch64.so.1\0"}
    program = patched(
        os.path.realpath("/bin/true"),
        tmp_path / "musl",
        (loader[platform.machine()], b"/lib/ld-musl-%s.so.1\0" % platform.machine().encode()),
    )
    mark, text = findings(gcfreeze("doctor", "--json", "--", program))["loads"]
    assert mark == "failure" and "musl" in text


def test_a_setuid_program(gcfreeze, tmp_path):
    program = tmp_path / "setuid"
    shutil.copy("/bin/true", program)
    program.chmod(0o4755)
    mark, text = findings(gcfreeze("doctor", "--json", "--", program))["loads"]
    assert mark == "failure" and "setuid" in text


def test_a_bad_setting(gcfreeze):
    outcome = gcfreeze("doctor", GCFREEZE_MODE="imortal")
    assert "✗ settings" in outcome.stdout and outcome.returncode == FAILURE
    assert 'GCFREEZE_MODE="imortal" is not allowed; allowed: auto, freeze, immortal' in outcome.stderr


@pytest.mark.parametrize("setting", ["GCFREEZE_ONLY=gunicorn", "GCFREEZE_SKIP=python*", "GCFREEZE_WHEN=after:1"])
def test_settings_for_the_server_say_nothing_against_its_interpreter(gcfreeze, server, setting):
    outcome = gcfreeze(
        "doctor", "--json", "--", server("gunicorn"), "--preload", "app:app",
        **dict([setting.split("=")]),
    )  # fmt: skip
    assert findings(outcome)["interpreter"][0] == "good" and outcome.stderr == ""
    if "after" not in setting:
        mark, text = findings(outcome)["settings"]
        assert mark == "good" and setting in text


@pytest.mark.parametrize("setting", ["GCFREEZE=0", "GCFREEZE_WHEN=never"])
def test_settings_that_switch_it_off(gcfreeze, setting):
    outcome = gcfreeze("doctor", "--json", **dict([setting.split("=")]))
    mark, text = findings(outcome)["settings"]
    assert mark == "failure" and text.startswith(setting) and outcome.returncode == FAILURE


def test_other_libraries_are_named_beside_a_command_too(gcfreeze, server):
    arguments = ["doctor", "--json", "--", server("gunicorn"), "--preload", "app:app"]
    found = findings(gcfreeze(*arguments, LD_PRELOAD="libm.so.6"))
    assert found["interpreter"][0] == "good"
    assert found["preloads"] == ("good", "LD_PRELOAD=libm.so.6 stays, behind this library")


def test_modules_of_the_application_do_not_answer_for_pythons_own(gcfreeze, server, tmp_path):
    (tmp_path / "ctypes.py").write_text("raise SystemExit('not this one')\n")
    outcome = gcfreeze("doctor", "--json", "--", server("gunicorn"), "--preload", "app:app", cwd=tmp_path)
    assert findings(outcome)["interpreter"][0] == "good"


def test_a_command_that_is_not_there(gcfreeze):
    outcome = gcfreeze("doctor", "--json", "--", "no-such-command")
    assert findings(outcome)["command"][0] == "failure"


def test_a_server_that_runs(gcfreeze, running):
    found = findings(gcfreeze("doctor", "--json", "--pid", running()))
    assert found["attached"][0] == "good" and "CPython 3." in found["attached"][1]
    assert found["mode"] == ("good", "freeze: auto: not a server that is known")
    shares = "1 of 1 worker shares its heap; 1 of 1 forks, the last first-worker-fork"
    assert found["frozen"] == ("good", shares)
    assert "modules" not in found and "threads" not in found
    assert "MiB in 2 processes" in found["memory"][1]


def test_modules_that_each_worker_loads_are_named_from_a_megabyte_on(gcfreeze, running, tmp_path):
    for name, size in {"tables": 1 << 20, "small": (1 << 20) - 4096, "library": 4 << 20}.items():
        end = ".so" if name == "library" else ".cpython-313-x86_64-linux-gnu.so"
        (tmp_path / (name + end)).write_bytes(bytes(size))
    found = findings(gcfreeze("doctor", "--json", "--pid", running(*tmp_path.iterdir())))
    assert found["modules"] == ("warning", "every worker loaded after the fork: tables")


LATER = """
import os, subprocess, sys, threading, time
if os.fork() == 0:
    time.sleep(600)
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
subprocess.run(["true"], preexec_fn=int)  # which makes it a fork and an exec
print("ready", flush=True)
time.sleep(600)
"""


def test_threads_of_other_forks_than_a_workers_are_nobodys_business(gcfreeze, running):
    found = findings(gcfreeze("doctor", "--json", "--pid", running(server=LATER)))
    assert found["frozen"][0] == "good" and "1 of 2 forks" in found["frozen"][1]
    assert "threads" not in found
    starts = next(line for line in LATER.splitlines() if line.startswith("threading"))
    before = LATER.replace("if os", starts + "\nif os")
    found = findings(gcfreeze("doctor", "--json", "--pid", running(server=before)))
    assert found["threads"] == ("warning", "2 threads were alive at the last fork of a worker")


GONE = """
import os, sys, time
pid = os.fork()
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
print("ready", flush=True)
time.sleep(600)
"""
BECOMES = """
import os, sys, time
reader, writer = os.pipe()
if os.fork() == 0:
    os.set_inheritable(0, True)
    os.execvp("sh", ["sh", "-c", "echo ready; exec sleep 600"])
time.sleep(600)
"""


@pytest.mark.parametrize(
    "server, finding",
    [
        (GONE, "frozen, but no worker is alive"),
        (BECOMES, "frozen, but what it started are new programs, which share nothing"),
    ],
    ids=["gone", "becomes"],
)
def test_a_freeze_that_nobody_shares_is_not_praised(gcfreeze, running, server, finding):
    found = findings(gcfreeze("doctor", "--json", "--pid", running(server=server)))
    assert found["frozen"] == ("warning", finding)


SPAWNS = """
import os, subprocess, sys, time
if sys.argv[1:2] != ["--workers"]:
    os.execv(sys.executable, [sys.executable, sys.argv[1], "--workers", "1000"])
subprocess.run([sys.executable, "-c", "print('ready', flush=True); import time; time.sleep(600)"])
"""


def test_a_host_that_forks_no_workers_is_named(gcfreeze, running, tmp_path):
    host = tmp_path / "uvicorn"
    host.write_text(SPAWNS)
    outcome = gcfreeze("doctor", "--json", "--pid", running(host, server=SPAWNS))
    (found,) = [f for f in json.loads(outcome.stdout) if f["topic"] == "frozen"]
    assert found["mark"] == "warning"
    assert found["finding"] == (
        "no fork of this process was frozen for: uvicorn starts its workers as new programs"
    )
    assert found["advice"] == "use gunicorn -k uvicorn.workers.UvicornWorker --preload"


def children(pid):
    text = subprocess.run(["pgrep", "-P", str(pid)], stdout=subprocess.PIPE, text=True).stdout
    return list(map(int, text.split()))


SHELL = ["sh", "-c", '"$@" & wait', "sh"]


def test_below_a_supervisor_the_prefork_master_is_looked_at(gcfreeze, running):
    shell = running(before=SHELL)
    (master,) = children(shell)
    outcome = gcfreeze("doctor", "--json", "--pid", shell)
    found = findings(outcome)
    assert found["process"][0] == "good"
    assert found["process"][1].startswith("%d, below %d: " % (master, shell))
    assert found["frozen"][0] == "good" and "MiB in 3 processes" in found["memory"][1]
    assert "loaded" not in found
    of_itself = findings(gcfreeze("doctor", "--json", "--pid", master))
    assert "process" not in of_itself and of_itself["frozen"] == found["frozen"]


FORKS_FIRST = """
import os, subprocess, sys, time
for _ in range(2):
    if os.fork() == 0:
        subprocess.run([sys.executable, sys.argv[1]])
        os._exit(0)
time.sleep(600)
"""


def test_a_supervisor_that_forks_before_it_starts_is_no_master(gcfreeze, running, tmp_path):
    (tmp_path / "shop.py").write_text(SERVER)
    supervisor = tmp_path / "honcho"
    supervisor.write_text(FORKS_FIRST)
    become = "import os, sys; os.execv(sys.executable, [sys.executable, %r, sys.argv[1]])" % str(supervisor)
    pid = running(tmp_path / "shop.py", server=become)

    def processes():
        (tree,) = json.loads(gcfreeze("stat", "--json", "--pid", pid).stdout)["trees"]
        return tree["processes"]

    wait_for("the supervisor, its forks, two servers, their workers", lambda: len(processes()) == 7)
    found = json.loads(gcfreeze("doctor", "--json", "--pid", pid).stdout)
    masters = [f["finding"] for f in found if f["topic"] == "process"]
    assert len(masters) == 2
    assert all(m.endswith("shop.py") and ", below %d: " % pid in m for m in masters)
    assert [f["mark"] for f in found if f["topic"] == "frozen"] == ["good", "good"]


def test_nothing_below_a_supervisor(gcfreeze, running):
    found = findings(gcfreeze("doctor", "--json", "--pid", running(before=SHELL, preload="")))
    assert found["loaded"][0] == "failure" and "process" not in found


def test_copies_of_arenas_are_in_the_unit_of_stat(gcfreeze, running):
    pid = running(GCFREEZE_RESHARE="on")
    found = json.loads(gcfreeze("doctor", "--json", "--pid", pid).stdout)
    (tree,) = json.loads(gcfreeze("stat", "--json", "--pid", pid).stdout)["trees"]
    size = tree["processes"][0]["arenas_copied_bytes"] / 2**20
    assert size >= 1
    (first, *_) = [(f["mark"], f["finding"]) for f in found if f["topic"] == "reshare"]
    assert first == ("good", "%.1f MiB of arenas are shared copies" % size)


def test_a_server_without_the_library(gcfreeze, running):
    outcome = gcfreeze("doctor", "--json", "--pid", running(preload=""))
    assert findings(outcome)["loaded"][0] == "failure" and outcome.returncode == FAILURE


def test_a_server_that_was_left_alone(gcfreeze, running):
    found = findings(gcfreeze("doctor", "--json", "--pid", running(GCFREEZE="0")))
    assert found["attached"][0] == "failure"


def test_a_process_that_is_gone(gcfreeze):
    outcome = gcfreeze("doctor", "--json", "--pid", 4194303)
    assert findings(outcome)["process"] == ("failure", "4194303: there is no such process")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_server_of_another_user_is_closed(running, tmp_path):
    pid = running()
    copy = tmp_path / "gcfreeze"
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:3]:
        if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    shutil.copy(PROGRAM, copy)
    shutil.copy(LIBRARY, tmp_path / "libgcfreeze.so.0")
    outcome = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(copy)]
        + ["doctor", "--json", "--pid", str(pid)],
        env=clean_environment(),
        cwd="/",
        text=True,
        stdout=subprocess.PIPE,
        timeout=60,
    )
    found = findings(outcome)
    assert found["status"][0] == "warning"
    assert found["memory"] == ("warning", "/proc/PID/smaps_rollup of 2 of 2 processes is closed")


@pytest.mark.parametrize("value", ["x", "0", "-1", "1.5", ""])
def test_a_bad_pid_is_refused(gcfreeze, value):
    outcome = gcfreeze("doctor", "--pid=" + value)
    assert outcome.returncode == 125
    assert "--pid=%s is not allowed" % value in outcome.stderr


def test_ascii_where_the_locale_has_no_more(gcfreeze):
    assert gcfreeze("doctor", LC_ALL="C").stdout.startswith("+ library")


def test_colours_on_request(gcfreeze):
    assert "\033[32m" in gcfreeze("doctor", "--color=always").stdout
    assert "\033" not in gcfreeze("doctor").stdout


def test_names_do_not_reach_the_terminal_as_commands(gcfreeze, tmp_path):
    script = tmp_path / "a\033[31m.py"
    script.write_text('import multiprocessing\nmultiprocessing.set_start_method("spawn")\n')
    outcome = gcfreeze("doctor", "--", newest_python(), script)
    assert "a?[31m.py uses the start method spawn" in outcome.stdout
    assert "\033" not in outcome.stdout
