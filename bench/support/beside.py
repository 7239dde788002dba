"""Workers that rest beside threads: uWSGI with two threads, gunicorn's gthread and Celery's prefork pool whose workers
have a thread that wakes every second."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time

from bench.contenders import reshare
from bench.demo import server
from bench.support import memory
from bench.support.reads import read_everything
from bench.support.scenario import INTERVAL
from bench.support.setup import ROOT

WORKERS = 2
HEARTBEAT = {"BENCH_HEARTBEAT": "1"}


@contextlib.contextmanager
def gthread(place, contender):
    with place.running(contender, **HEARTBEAT) as running:
        yield running, lambda: read_everything(running)


@contextlib.contextmanager
def started(place, command, contender, port=0, **extra):
    place.events.unlink(missing_ok=True)
    env = server.environment(place.setup.library, {**place.environment(contender), **extra})
    log = place.directory / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*map(str, command)],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=ROOT,
            start_new_session=True,
        )
    try:
        running = server.Server(process, port, log, WORKERS)
        running.wait_for_workers()
        yield running
    finally:
        server.stop(process)


def program(place, name, what):
    """Servers are installed once for each version that the tests run, the benchmark's own for each interpreter."""
    version = place.python.version if name == "gunicorn" else "%d.%d" % place.python.minor
    return ROOT / ".venv" / ("%s-%s" % (name, version)) / "bin" / what


@contextlib.contextmanager
def uwsgi(place, contender):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [program(place, "uwsgi", "uwsgi"), "--http-socket", "127.0.0.1:%d" % port, "--need-app", "--master"]
    command += ["--workers", WORKERS, "--threads", "2", "--module", place.application.name]
    with started(place, command, contender, port) as running:
        yield running, lambda: read_everything(running)


@contextlib.contextmanager
def celery(place, contender):
    python, path = program(place, "queues", "python"), str(place.directory / "redis")
    variables = {"BENCH_REDIS": path, **HEARTBEAT}
    broker = ["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no"]
    command = [python, "-m", "celery", "-A", "bench.programs.tasks", "worker", "--concurrency", WORKERS]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    ask = [python, "-m", "bench.programs.tasks", str(WORKERS)]
    with subprocess.Popen(broker, stdout=subprocess.DEVNULL, cwd=place.directory) as redis:
        try:
            with started(place, command, contender, **variables) as running:

                def read():
                    env = {**os.environ, **variables}
                    output = subprocess.run(ask, env=env, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
                    if set(json.loads(output)) != set(running.workers()):
                        raise server.Failed("not each of Celery's workers has read")

                yield running, read
        finally:
            redis.kill()


SERVERS = {
    "uWSGI --threads 2": (uwsgi, "uwsgi"),
    "gthread, a heartbeat": (gthread, "gunicorn"),
    "Celery, a heartbeat": (celery, "queues"),
}


def missing(place, name):
    """Why it cannot be measured here."""
    if name.startswith("Celery") and not shutil.which("redis-server"):
        return "redis-server is not installed"
    if not program(place, SERVERS[name][1], "python").exists():
        return "not installed: it, for CPython %s" % place.python
    return None


def own(running):
    return max(map(memory.private, running.workers())) / memory.MB


def reasons(place, workers):
    """What the log says of these workers but that passes were made."""
    events = [event for event in place.read_events() if event["pid"] in workers]
    return sorted({event["reason"] for event in events if event["event"] == "reshare"} - {"ok"})


def run(place, name, interval):
    """Own MB of the worker that has most: at first, when all have read everything, and ten seconds later; and reasons."""
    contender = reshare(interval).with_threads()
    with SERVERS[name][0](place, contender) as (running, read):
        workers, found = running.workers(), [own(running)]
        read()
        found.append(own(running))
        time.sleep(INTERVAL)
        found.append(own(running))
        if running.workers() != workers:
            raise server.Failed("a worker has ended")
        return *found, reasons(place, workers)
