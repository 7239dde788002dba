"""Celery: the result of every task arrives as computed, also of those whose worker was killed."""

import json
import subprocess
import time
from pathlib import Path

import pytest
from servers.host import NEWEST
from servers.process import wait_for, working_in
from servers.queues import Celery, interpreter
from servers.server import Server

from chaos import Chaos
from holdings import growth, thirds
from log import decisions, judge_log, passes

CLIENT = Path(__file__).with_name("client.py")
RECORDS = 50000
GRACE = 60  # seconds in which a worker goes that was told to

TASKS_OF_ONE = 6
OPTIONS = ["--concurrency", "4", "--max-tasks-per-child", str(TASKS_OF_ONE)]
KNOBS = {"RESHARE": "1", "TEST_RESHARE": "always"}  # every wait does a whole pass


class Row:
    """What servers.queues.interpreter asks of a row of the compatibility table."""

    host = "Celery"
    version = list(NEWEST)[-1]
    skip = staticmethod(pytest.skip)


class SoakedCelery(Celery):
    tasks = Celery.tasks + """
import time, uuid
app.conf.worker_prefetch_multiplier = 1
life = None

def begin():
    global life
    life = uuid.uuid4().hex

os.register_at_fork(after_in_child=begin)

@app.task(acks_late=True, reject_on_worker_lost=True)
def work(number):
    part = heap.heap[number %% 100 :: 100]
    time.sleep(0.02)  # as if a database had to be asked
    total = sum(record["number"] for record in part)
    return {"number": number, "pid": os.getpid(), "life": life, "sum": total}
"""

    @property
    def command(self):
        # by its script, because it executes itself again when it restarts
        return [str(Path(self.python).with_name("celery")), *Celery.command[2:]]

    def stop_warmly(self):
        """Asks it once, and waits until it is gone with all its workers."""
        self.send_signal(Server.end)
        wait_for("the end of Celery", lambda: self.process.poll() is not None)
        return working_in(str(self.folder)) - {self.redis.process.pid}


def soak(_variant, folder, seconds, random, library=True):
    """(figures, faults)"""
    python = interpreter(Row)
    knobs = {"LOG": "info", "LOG_FILE": folder / "events", "LOG_FORMAT": "json", **KNOBS}
    server = SoakedCelery(
        python, folder, OPTIONS, library=library, knobs=knobs,
        variables={"APP_RECORDS": str(RECORDS)},
    )  # fmt: skip
    try:
        server.workers(4)
        chaos, answer = run(server, seconds, random)
        left = server.stop_warmly()
    finally:
        server.stop()
    faults = judge(chaos, answer) + ["left behind: %d" % pid for pid in left]
    figures = {
        "results": answer["results"],
        "workers that gave one": len(answer["workers"]),
        "killed": len(chaos.kills),
        "HUP": len(chaos.reloads),
        "slowest result, seconds": answer["slowest"],
        **thirds(settled(chaos)),
    }
    if library:
        faults += judge_log(server.log, server.pid, set(answer["pids"]))
        figures["forks"] = sum(decisions(server.log, server.pid).values())
        figures["passes"] = passes(server.log)
    return figures, faults


def holds_a_lock(pid):
    """Whether a semaphore that this worker shares with its master is taken. If it dies with one, the
    master waits for it for ever (billiard's pool.py, on_ready), with the library and without."""
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb") as memory:
        for line in maps:
            if "/dev/shm/sem." in line:
                memory.seek(int(line.split("-")[0], 16))
                if int.from_bytes(memory.read(4), "little") == 0:
                    return True
    return False


def run(server, seconds, random):
    """Kills and one restart, early: after that, nothing may grow for a long time."""

    def spared(pid):
        # Celery gives up if a worker ends before all of them have started
        starting = server.stderr().count(" ready.") <= len(chaos.reloads)
        return starting or holds_a_lock(pid)

    chaos = Chaos(
        server.pid, random, kill_every=15, reload_at=[seconds / 10], grace=GRACE, spared=spared
    )
    command = [server.python, str(CLIENT), server.redis.socket, str(seconds), str(RECORDS)]
    client = subprocess.Popen(
        command, env=server.environment(False, {}), stdout=subprocess.PIPE, text=True
    )

    def check():
        assert server.process.poll() is None, server.stderr()[-3000:]
        assert client.poll() is None, "the client has ended: %s" % client.returncode

    try:
        chaos.run(seconds, check)
        return chaos, json.loads(client.communicate(timeout=300)[0])
    finally:
        client.kill()
        client.wait()


def settled(chaos):
    """The samples since the restart: before, the master was another program."""
    return [sample for when, sample in chaos.samples if when > chaos.reloads[-1] + GRACE / 2]


def judge(chaos, answer):
    faults = growth(settled(chaos))
    faults += ["no result of task %d" % number for number in answer["missing"]]
    faults += ["wrong result of task %d: %s" % tuple(wrong) for wrong in answer["wrong"]]
    faults += ["worker %d did not go when it was told to" % pid for pid in chaos.stuck]
    faults += [
        "worker %s went on after %d tasks" % (life, tasks)
        for life, tasks in answer["workers"].items()
        if tasks > TASKS_OF_ONE
    ]
    return faults
