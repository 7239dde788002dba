"""Bare forks through each road: nothing grows, nobody is left, and each is counted as what it is."""

import json
import os
import signal
import subprocess

from conftest import PYTHONS, ROOT, environment
from support.memory import children
from test_hosts import embed

from holdings import growth, thirds

PROGRAM = str(ROOT / "test" / "integration" / "roads.py")
CLI = os.environ["GCFREEZE_TEST_CLI"]
NEWEST = [python for python in PYTHONS if not python.free_threaded][-1]
KNOBS = {"WHEN": "every", "LOG": "none", "MODE": "immortal", "RESHARE": "1"}
LIBRARY_OF_ROADS = os.environ["GCFREEZE_TEST_ROADS"]
LIBRARY_OF_LOADER = os.environ["GCFREEZE_TEST_LOADER"]
PROGRAM_OF_LOADER = os.environ["GCFREEZE_TEST_LOADER_PROGRAM"]
PARTS = 12

# Of N forks: how many the library must have seen, and for how many of these it froze.
PROGRAMS = {
    "os_fork": (1, 1),
    "os_forkpty": (1, 1),
    "execute": (0, 0),
    "execute_after_fork": (1, 0),
    "posix_spawn": (0, 0),
    "process": (1, 1),
    "threads": (1, None),  # while one thread forks, others pass through
    "beside_the_linker": (1, 1),
    "c_fork": (1, 0),
    "c_vfork": (0, 0),
    "c_clone": (0, 0),
}
HOSTS = ["many-attached", "many-detached"]
WITHOUT_PYTHON = "no_python_beside_the_linker"
ROADS = [*PROGRAMS, *HOSTS, WITHOUT_PYTHON]

# What the last third of a run may have more than the first: less than one for every hundredth fork, and
# less than a block or 32 bytes of malloc for every other.
def bounds(forks):
    return {
        "descriptors": 0,
        "states": 0,
        "mappings": max(4, forks // 1000),
        "blocks": forks // 2,
        "malloc": 32 * forks,
    }


def soak(road, _folder, forks, _random, library=True):
    """(figures, faults)"""
    if road in HOSTS:
        return run_host(road, forks, library)
    if road == WITHOUT_PYTHON:
        return run_without_python(forks, library)
    command = [NEWEST.path, "-W", "ignore", PROGRAM, road, str(forks), str(PARTS)]
    env = environment(TEST_ROADS=LIBRARY_OF_ROADS, TEST_LOADER=LIBRARY_OF_LOADER, **KNOBS)
    if not library:
        del env["LD_PRELOAD"]
    with subprocess.Popen(
        command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        start_new_session=True,
    ) as program:  # fmt: skip
        try:
            samples = [json.loads(program.stdout.readline() or "null") for _ in range(PARTS)]
            if None in samples:
                return {}, ["ended with %s: %s" % (program.wait(), samples)]
            left = children(program.pid)
            counted = count(program.pid) if library else {}
            program.stdin.close()
            code = program.wait(60)
        finally:
            end_session(program.pid)
    faults = growth(samples, bounds(forks)) + ["left behind: child %d" % pid for pid in left]
    if library:
        faults += judge_counts(road, forks, counted)
    if code != 0:
        faults.append("ended with %d" % code)
    return {"forks": forks, "counted": counted, **thirds(samples)}, faults


def end_session(leader):
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass


def count(pid):
    """What the library has counted in this process."""
    text = subprocess.check_output([CLI, "stat", "--json", "--pid", str(pid)], text=True)
    (tree,) = json.loads(text)["trees"]
    (process,) = tree["processes"]
    return {name: process[name] for name in ("forks", "forks_frozen", "spawns")}


def judge_counts(road, forks, counted):
    seen, frozen = PROGRAMS[road]
    if counted["forks"] != seen * forks:
        yield "the library saw %d forks" % counted["forks"]
    if frozen is not None and counted["forks_frozen"] != frozen * forks:
        yield "the library froze for %d forks" % counted["forks_frozen"]


def run_host(scenario, forks, library):
    """A C program that embeds Python."""
    host = embed(NEWEST, scenario, forks=forks, **(KNOBS if library else {"": 0}))
    early, late = host.reports["holdings"]
    counted = {name: host.status[name] for name in ("seen", "frozen")}
    faults = growth([early, late], bounds(forks))
    if library and set(counted.values()) != {forks}:
        faults.append("the library counted %s" % counted)
    return {"forks": forks, "counted": counted, **thirds([early, late])}, faults


def run_without_python(forks, library):
    """A C program whose children fork again, and whose threads are inside of the dynamic linker. It dies
    of a fork that hangs."""
    env = environment(**KNOBS)
    if not library:
        del env["LD_PRELOAD"]
    program = subprocess.Popen([PROGRAM_OF_LOADER, "crowd", str(forks)], env=env, start_new_session=True)
    try:
        code = program.wait()
    finally:
        end_session(program.pid)
    return {"forks": forks}, ["ended with %d" % code] * (code != 0)
