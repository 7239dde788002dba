"""GCFREEZE_MODE=immortal: what it saves a worker that reads everything, and what it costs."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.demo import client, server
from bench.support import memory, pairs
from bench.support.figure import Figure
from bench.support.setup import ROOT, environment

OLDEST = (3, 12)
MODES = {
    "without": {"GCFREEZE": "0"},
    "frozen": {"GCFREEZE_MODE": "freeze"},
    "immortal": {"GCFREEZE_MODE": "immortal"},
}
ROUNDS = 500  # requests to each gunicorn worker


def run(setup, python, program, log, **knobs):
    env = {**environment(setup.library, host=True), "GCFREEZE_LOG": "info", "GCFREEZE_LOG_FORMAT": "json"}
    env.update(knobs, GCFREEZE_LOG_FILE=str(log))
    done = subprocess.run(
        [python.path, "-m", "bench.programs." + program],
        env=env,
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    return done.stdout.splitlines(), events


def one_worker(setup, python, log, mode):
    """(private MB, page faults on exit, events)"""
    lines, events = run(setup, python, "worker", log, GCFREEZE_WHEN="every", **MODES[mode])
    private, before, after = map(json.loads, lines)
    return private["private"] / memory.MB, after["faults"] - before["faults"], events


def measure_worker(setup, python, log):
    rows = pairs.in_turn(
        setup.count(5, 1),
        *(lambda mode=mode: one_worker(setup, python, log, mode) for mode in MODES),
    )
    columns = dict(zip(MODES, zip(*rows)))
    private = {mode: median(row[0] for row in column) for mode, column in columns.items()}
    faults = {mode: median(row[1] for row in column) for mode, column in columns.items()}
    events = [row[2] for row in columns["immortal"]]
    first = median(1000 * event[0]["immortal_us"] / event[0]["immortal"] for event in events)
    second = median(event[1]["immortal_us"] / 1000 for event in events)
    subject = "%s, %d objects" % (python, events[0][0]["immortal"])
    return [
        Figure(
            what="a worker's private dirty memory after a collection, 2,000 requests, reading every object",
            subject=str(python),
            unit="MB",
            sides=private,
            value=private["immortal"],
            bound=2,
        ),
        Figure(
            what="page faults of a worker's exit, against those without the library",
            subject=str(python),
            unit="%",
            sides=faults,
            value=100 * faults["immortal"] / faults["without"],
            bound=10,
        ),
        Figure(
            what="time of the walk, an object",
            subject=subject,
            unit="ns",
            sides={},
            value=first,
            bound=40,
        ),
        Figure(
            what="time of another walk, with nothing new",
            subject=subject,
            unit="ms",
            sides={},
            value=second,
            bound=1,
            digits=2,
        ),
    ]


def measure_memory(setup, python, log):
    (line,), _ = run(setup, python, "millions", log, **MODES["immortal"])
    peak, kept = (int(number) / memory.MB for number in line.split())
    return [
        Figure(
            what="memory of the walk, 10,000,000 objects",
            subject=str(python),
            unit="MB",
            sides={"kept": kept},
            value=peak,
            bound=64,
        )
    ]


def knobs_of(mode):
    return MODES[mode] if mode != "without" else {}


def library_of(setup, mode):
    return None if mode == "without" else setup.library


def gunicorn_memory(setup, log, mode):
    """MB of all workers together."""
    with server.running(library_of(setup, mode), log, **knobs_of(mode)) as running:
        workers = running.wait_for_workers()
        for number in range(ROUNDS):
            client.round_of(running.port, "/item/%d" % (number * 397 % 200000))
            client.round_of(running.port, "/search/red")
        client.round_of(running.port, "/collect")
        return sum(memory.private(pid) for pid in workers) / memory.MB


def replace_workers(running, count):
    """Each worker ends after one request. Returns the arbiter's own memory, sampled."""
    sizes, seen = [], set()
    while len(seen) < count:
        with client.ask(running.port, "/who") as connection:
            connection.sendall(b"\n")
            with connection.makefile("rb") as stream:
                client.answer(stream)  # 100 Continue
                seen.add(client.answer(stream)[1]["x-worker"])
        sizes.append(memory.rollup(running.master)["Anonymous"] / memory.MB)
    return sizes


def gunicorn_growth(setup, log, count):
    extra = {**MODES["immortal"], "GUNICORN_CMD_ARGS": "--max-requests 1"}
    with server.running(setup.library, log, **extra) as running:
        running.wait_for_workers()
        sizes = replace_workers(running, count)
    settled = len(sizes) // 100
    return max(sizes[settled:]) - min(sizes[settled:])


def measure_gunicorn(setup, log):
    subject = "gunicorn, Python %s" % sys.version.split()[0]
    together = {mode: gunicorn_memory(setup, log, mode) for mode in MODES}
    replaced = setup.count(1000, 200)
    return [
        Figure(
            what="private memory of four workers together, after %d requests to each"
            % (2 * ROUNDS),
            subject=subject,
            unit="MB",
            sides=together,
            value=together["immortal"],
            bound=16,
        ),
        Figure(
            what="growth of the arbiter over %d replaced workers" % replaced,
            subject=subject,
            unit="MB",
            sides={},
            value=gunicorn_growth(setup, log, replaced),
            bound=5,
        ),
    ]


def measure(setup):
    pythons = [python for python in setup.pythons if python.minor >= OLDEST]
    figures = []
    with tempfile.TemporaryDirectory(prefix="gcfreeze-bench-") as directory:
        log = Path(directory, "log")
        for python in pythons:
            figures += measure_worker(setup, python, log)
            figures += measure_memory(setup, python, log)
        if sys.version_info >= OLDEST:
            figures += measure_gunicorn(setup, log)
    return figures
