"""Workers that rest beside threads: uWSGI with two threads, gunicorn's gthread and Celery's prefork pool whose workers
have a thread that wakes every second."""

import contextlib
import json
import os
import socket
import subprocess
import time

from bench.contenders import MODE, PRELOAD, THREADS, Contender
from bench.demo import client, server
from bench.reshare import read_everything
from bench.support import memory
from bench.support.figure import Figure
from bench.support.scenario import INTERVAL
from bench.support.setup import ROOT

WORKERS = 2
HEARTBEAT = {"BENCH_HEARTBEAT": "1"}


def knobs(interval):
    return (MODE, "freeze"), ("GCFREEZE_RESHARE", str(interval)), ("GCFREEZE_RESHARE_THREADS", "on")


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


def program(place, name, *rest):
    return ROOT.joinpath(".venv", "%s-%d.%d" % (name, *place.python.minor), "bin", *rest)


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
    "uwsgi": (uwsgi, "uWSGI --threads 2"),
    "gthread": (gthread, "gunicorn gthread with a thread that wakes every second"),
    "celery": (celery, "Celery, a thread in each worker that wakes every second"),
}


def own(running):
    return max(memory.private(pid) for pid in running.workers()) / memory.MB


def reasons(place, workers):
    """What the log says of these workers' passes, if not that they were made, and of the copying."""
    events = [event for kind in ("freeze", "reshare") for event in place.read_events(kind)]
    found = {event.get("snapshot") or event["reason"] for event in events if event["pid"] in workers or "snapshot" in event}
    return sorted(found - {"ok"})


def measure(place, name, interval, bound=6):
    run, what = SERVERS[name]
    contender = Contender(name, options=PRELOAD + THREADS, knobs=knobs(interval))
    place.setup.say(what)
    with run(place, contender) as (running, read):
        before = running.workers()
        sides = {"before": own(running)}
        read()
        sides["read"] = own(running)
        time.sleep(INTERVAL)
        sides["10 s later"] = own(running)
        said = reasons(place, before)
        if running.workers() != before:
            raise server.Failed("a worker has ended")
    yield Figure(
        what="own memory of a worker, 10 s after it has read everything, RESHARE_THREADS=on, RESHARE=%s" % interval,
        subject="%s, %s%s" % (place.python, what, " (log: %s)" % ", ".join(said) if said else ""),
        unit="MB",
        sides=sides,
        value=sides["10 s later"],
        bound=bound,
    )
