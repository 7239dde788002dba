"""What a process does to the rest of the system: with the library the same as without it, but for the log
and, with GCFREEZE_RESHARE, copies of its own memory.

strace lists the system calls that could change anything outside of the process.
"""

import re
import shutil
import subprocess
from collections import Counter

import pytest
from conftest import LIBRARY, PYTHONS, environment

WITH_GIL = sorted((p for p in PYTHONS if not p.free_threaded), key=lambda p: p.version)
ENDS = {str(python): python for python in WITH_GIL[:1] + WITH_GIL[-1:]}

# Workers wait, fork and execute programs; whoever waits looks for pages to give back.
PROGRAM = """
import os, select, subprocess, sys
heap = [[str(number)] for number in range(100000)]
ready, ready_end = os.pipe()
alive, alive_end = os.pipe()
workers = []
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        os.close(alive_end)
        list(map(sys.getrefcount, heap))
        select.select([alive], [], [], 0.01)
        subprocess.run(["true"], check=True)
        os.write(ready_end, b".")
        os.read(alive, 1)
        os._exit(0)
    workers.append(pid)
for _ in workers:
    os.read(ready, 1)
os.close(alive_end)
for pid in workers:
    os.waitpid(pid, 0)
"""

MODES = {
    "freeze": {},
    "immortal": {"MODE": "immortal"},
    "reshare": {"RESHARE": "1", "TEST_RESHARE": "always", "RESHARE_THREADS": "on"},
    "both": {"MODE": "immortal", "RESHARE": "on", "TEST_RESHARE": "always"},
    "stripping": {"EXEC": "strip", "WHEN": "every", "COLLECT": "always"},
    "inert": {"": "0"},
}

CHANGING = (
    "creat,link,linkat,symlink,symlinkat,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,rmdir,"
    "mknod,mknodat,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,truncate,ftruncate,setxattr,"
    "lsetxattr,fsetxattr,utimensat,mount,socket,connect,bind,sendto,sendmsg,kill,tkill,tgkill,ptrace,"
    "process_vm_writev,memfd_create,shmget,setuid,setgid"
)
OPENING = "open,openat,openat2"
CALL = re.compile(r"^\d+ +(\w+)\((.*)$", re.M)
WRITABLE = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")
LOG_FLAGS = "O_WRONLY O_CREAT O_NOCTTY O_APPEND O_NONBLOCK O_NOFOLLOW O_CLOEXEC"


@pytest.fixture
def changes(tmp_path):
    """changes(python, env): the calls that change something, each with its arguments; tmp_path is HERE."""
    if not shutil.which("strace"):
        pytest.skip("no strace here")
    probe = subprocess.run(["strace", "-o", "/dev/null", "true"], stderr=subprocess.PIPE, text=True)
    if probe.returncode != 0:
        pytest.skip("strace may not trace here: " + probe.stderr.strip())
    script = tmp_path / "app.py"
    script.write_text(PROGRAM)

    def run(python, env):
        trace = tmp_path / "trace"
        selected = "trace=%s,%s" % (OPENING, CHANGING)
        traced = ["strace", "-f", "-e", selected, "-e", "signal=none", "-o", str(trace)]
        variables = ["env", "-i", *("%s=%s" % pair for pair in env.items())]
        subprocess.run([*traced, *variables, python.path, "-S", str(script)], check=True, timeout=300)
        calls = CALL.findall(trace.read_text().replace(str(tmp_path), "HERE"))
        assert calls
        return [
            (name, rest) for name, rest in calls if name not in OPENING.split(",") or WRITABLE.search(rest)
        ]

    return run


def signature(call):
    """What two runs have in common: pids, descriptors and addresses are not."""
    name, rest = call
    return name, re.sub(r"0x[0-9a-f]+|\b\d+\b", "N", rest.split(" <unfinished")[0].split(") = ")[0])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("interpreter", ENDS)
def test_nothing_changes_but_the_log(interpreter, mode, changes, tmp_path):
    python = ENDS[interpreter]
    log = tmp_path / "log"
    plain = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    knobs = environment(LOG="debug", LOG_FILE=log, **MODES[mode])
    library = {name: value for name, value in knobs.items() if name.startswith("GCFREEZE")}
    before = Counter(map(signature, changes(python, plain)))
    calls = changes(python, {**plain, **library, "LD_PRELOAD": LIBRARY})
    more = Counter(map(signature, calls)) - before
    assert not before - Counter(map(signature, calls))

    opened = [rest for name, rest in calls if name.startswith("open") and "HERE/log" in rest]
    assert bool(opened) == (mode != "inert")
    assert log.exists() == (mode != "inert")
    for rest in opened:
        flags, permissions = re.search(r", (O_[A-Z_|]+), (\d+)", rest).groups()
        assert sorted(flags.split("|")) == sorted(LOG_FLAGS.split())
        assert permissions == "0600"

    others = {name for (name, rest) in more if "HERE/log" not in rest}
    copies = {"memfd_create"} if "RESHARE" in MODES[mode] else set()
    assert copies <= others <= copies | ({"ftruncate"} if copies else set())


def test_the_trace_shows_what_a_program_writes(changes, tmp_path):
    """Else the test above would pass with any library."""
    target = tmp_path / "written"
    program = "open(%r, 'w').close(); import os; os.chmod(%r, 0o600)" % (str(target), str(target))
    script = tmp_path / "app.py"
    script.write_text(program)
    found = changes(WITH_GIL[-1], {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"})
    assert {name for name, rest in found if "HERE/written" in rest} == {"openat", "chmod"}
