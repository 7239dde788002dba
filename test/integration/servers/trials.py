"""Python programs that fork a worker and are warmed up before: what the trial's child leaves of itself."""

import json
import os
import subprocess
from dataclasses import dataclass

from conftest import environment
from servers.process import read_stat, wait_for, working_in
from servers.warming import Said

# What runs in the trial and then in the program. Each notes who runs it.
PAGES = """
import os, time

def note(what, pid=None):
    with open(os.environ["RAN"], "a") as file:
        print(what, pid or os.getpid(), file=file)

def good():
    note("good")
    import decimal

def hang():
    note("hang")
    time.sleep(1000)

def wait():
    note("wait")
    while not os.path.exists("go"):
        time.sleep(0.001)

def fork_and_hang():
    leave()
    hang()

def leave():
    '''A process that nothing but its number is known of.'''
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setpgid(0, 0)
            os.chdir("/")
            note("left")
            os.closerange(0, 1000)
            time.sleep(1000)
        os._exit(0)
    os.wait()
    while "left" not in open(os.environ["RAN"]).read():
        time.sleep(0.001)
"""

# worker() waits until the program lets it go, or has ended.
PRELUDE = """
import json, os, signal, sys, time

GO = os.pipe()

def children():
    found = []
    for task in os.listdir("/proc/self/task"):
        try:
            found += open("/proc/self/task/%s/children" % task).read().split()
        except OSError:
            pass  # it has ended
    return sorted(map(int, found))

def worker():
    pid = os.fork()
    if pid == 0:
        os.close(GO[1])
        os.read(GO[0], 1)
        os._exit(7)
    return pid

def let_go():
    os.write(GO[1], b".")

def say(**what):
    print(json.dumps(what), flush=True)
"""


@dataclass
class Ended:
    status: int
    printed: dict
    stderr: str
    pid: int
    said: Said
    others: list  # lines of stderr that are not the library's


class Program:
    def __init__(self, python, folder, text, words="pages:good", seconds=60, prefix=(), pages="", **knobs):
        self.folder, self.ran_file = folder, folder / "ran"
        self.ran_file.touch()
        (folder / "pages.py").write_text(PAGES + pages)
        (folder / "program.py").write_text(PRELUDE + text)
        env = environment(WARMUP=words, WARMUP_SECONDS=seconds, **knobs)
        env.update(RAN=str(self.ran_file), PYTHONDONTWRITEBYTECODE="1", PYTHONWARNINGS="ignore::DeprecationWarning")
        command = [*prefix, python.path, str(folder / "program.py")]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, env=env, cwd=folder, text=True, **pipes)

    def ran(self, what):
        """Who ran it, in order."""
        lines = self.ran_file.read_text().split("\n")
        return [int(line.split()[1]) for line in lines[:-1] if line.split()[0] == what]

    def wait_until(self, what):
        """The process that runs it first."""
        return wait_for(what, lambda: self.ran(what))[0]

    def wait_until_gone(self, *pids):
        wait_for("the end of %s" % str(pids), lambda: not any(read_stat(pid) for pid in pids))
        wait_for("nobody in the folder", lambda: not working_in(str(self.folder)))

    def end(self, timeout=60):
        try:
            stdout, stderr = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        printed = {}
        for line in stdout.splitlines():
            printed.update(json.loads(line))
        others = [line for line in stderr.splitlines() if not line.startswith("gcfreeze[")]
        return Ended(self.process.returncode, printed, stderr, self.process.pid, Said(stderr), others)

    def kill(self):
        for pid in working_in(str(self.folder)):
            os.kill(pid, 9)
        self.process.communicate()
