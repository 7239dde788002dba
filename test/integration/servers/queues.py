"""Celery's and RQ's workers with a Redis of their own, and programs that are their clients."""

import json
import subprocess

from conftest import ROOT, environment

from servers.process import wait_for
from servers.redis import SERVER, Redis
from servers.server import Server


def interpreter(row):
    """The one of this row's version that has Celery and RQ; without it the row is skipped."""
    folder = ROOT / ".venv" / ("queues-" + row.version)
    if not SERVER:
        row.skip("redis-server is not installed")
    if not (folder / "made-for").exists():
        row.skip("not installed: %s for Python %s" % (row.host, row.version))
    return str(folder / "bin" / "python")


# Clients know the names of tasks alone: they do not load what workers load.
CLIENT = """
import json, os, redis, signal
store = redis.Redis(unix_socket_path=%(socket)r)
master = %(master)d

def started(count):
    "Waits for as many tasks that hold their worker."
    for _ in range(count):
        assert store.blpop("started", 60)

def release(count):
    store.rpush("release", *range(count))

%(client)s
%(scenario)s
print(json.dumps(answer))
"""


class Queue(Server):
    """A subclass names its command, the module `tasks.py` and what its clients have."""

    def __init__(self, python, folder, options=(), **more):
        self.python = python
        (folder / "redis").mkdir(parents=True)
        self.redis = Redis(folder / "redis")
        try:
            tasks = self.tasks % {"socket": self.redis.socket}
            (folder / "tasks.py").write_text(tasks)
            super().__init__([python, *self.command, *options], folder, **more)
        except BaseException:
            self.redis.stop()
            raise

    def stop(self):
        try:
            super().stop()
        finally:
            self.redis.stop()

    def ask(self, scenario):
        """What a client leaves in `answer`."""
        words = {"socket": self.redis.socket, "master": self.pid, "scenario": scenario}
        program = CLIENT % {**words, "client": self.client % words}
        env = environment(**{"": 0})
        del env["LD_PRELOAD"]
        done = subprocess.run(
            [self.python, "-c", program], env=env, stdout=subprocess.PIPE, text=True, timeout=120
        )
        assert done.returncode == 0, self.stderr()
        return json.loads(done.stdout)

    def wait_for_line(self, text):
        wait_for("the line " + text, lambda: text in self.stderr())


TASKS = """
import os, redis, app as heap
store = redis.Redis(unix_socket_path=%(socket)r)

def look():
    answer = heap.state()
    answer.update(heap.collect())
    return answer
"""


class Celery(Queue):
    def stop(self):
        """At once: a warm shutdown takes two seconds and has a test of its own, and a cold one
        hangs now and then (on 3.8 and 3.9, without the library too)."""
        self.kill()
        self.redis.stop()

    command = ["-m", "celery", "-A", "tasks", "worker", "--loglevel", "INFO"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    tasks = TASKS + """
import celery
SOCKET = "redis+socket://%(socket)s"
app = celery.Celery("tasks", broker=SOCKET, backend=SOCKET)

@app.task
def add(one, other):
    return one + other

@app.task
def hold():
    "Stays in its worker until it is released."
    answer = look()
    store.rpush("started", answer["pid"])
    store.blpop("release")
    return answer
"""
    client = """
import celery
SOCKET = "redis+socket://%(socket)s"
app = celery.Celery("client", broker=SOCKET, backend=SOCKET)

def send(task, *arguments):
    return app.send_task("tasks." + task, arguments)

def results(sent):
    return [one.get(timeout=60) for one in sent]

def hold(count):
    "What as many workers answer that have a task at the same time."
    sent = [send("hold") for _ in range(count)]
    started(count)
    release(count)
    return results(sent)
"""


class Rq(Queue):
    """A worker whose script loads what its jobs need, as RQ's documentation advises."""

    command = ["-c", "import tasks; tasks.work()"]
    tasks = TASKS + """
import rq

def work():
    rq.Worker([rq.Queue(connection=store)], connection=store).work()

def parent_kb():
    "What the worker that forks has made of its own, shared with this child or not."
    with open("/proc/%%d/smaps_rollup" %% os.getppid()) as rows:
        return sum(int(row.split()[1]) for row in rows if row.startswith("Anonymous:"))

def job():
    return None

def tell():
    parent = parent_kb()
    return dict(look(), parent_kb=parent)
"""
    client = """
import rq, time
queue = rq.Queue(connection=store)

def run(*names):
    "What jobs of these names answer."
    jobs = [queue.enqueue("tasks." + name) for name in names]
    end = time.monotonic() + 100
    while jobs[-1].get_status() not in ("finished", "failed"):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert all(job.get_status() == "finished" for job in jobs)
    return [job.return_value() for job in jobs if job.return_value()]
"""
