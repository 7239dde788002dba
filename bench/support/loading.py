"""One run of bench/programs/data.py: a program that loads a data set in forked workers, from its start to its
end."""

import contextlib
import json
import os
import subprocess
from dataclasses import dataclass
from statistics import median
from typing import Optional

from bench.support import cgroup, memory
from bench.support.place import LIBRARY
from bench.support.setup import PROGRAMS, environment
from bench.support.watch import Watch

EVERY = 0.05  # seconds between two looks at a control group


class Failed(Exception):
    """Says what."""


@dataclass(frozen=True)
class Contender:
    how: str = "plain"  # as the program calls it
    knobs: Optional[tuple] = None  # the library's; None: without it


@contextlib.contextmanager
def watched(with_group):
    """(what a command starts with; a list of what its group had at each look, or None)"""
    if not with_group:
        yield (), None
        return
    with cgroup.group() as group, Watch(group.working, EVERY) as watch:
        yield group.prefix, watch.seen


def start(command, contender, library, events):
    env = environment(library if contender.knobs is not None else None)
    if contender.knobs is not None:
        env.update(contender.knobs, GCFREEZE_LOG="info", GCFREEZE_LOG_FORMAT="json")
        env["GCFREEZE_LOG_FILE"] = str(events)
    events.unlink(missing_ok=True)
    return subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def look(process, pids, contender):
    """MB: the median of the workers' own, and the tree."""
    everybody = [process.pid, *pids]
    for pid in everybody:
        if memory.maps(pid, LIBRARY) != (contender.knobs is not None):
            raise Failed("is the library in process %d?" % pid)
    return median(map(memory.private, pids)) / memory.MB, memory.tree(everybody) / memory.MB


def follow(process, contender):
    """What it told, and what was seen at the end of each pass."""
    told, seen = [], []
    for line in process.stdout:
        told.append(json.loads(line))
        if "pids" in told[-1]:
            seen.append(look(process, told[-1]["pids"], contender))
            process.stdin.write("\n")
            process.stdin.flush()
    return told, seen


def end(process):
    """What it has used, with its workers."""
    process.stdin.close()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def check_mode(contender, events):
    """A contender that did not do what it is here for would be measured as another one."""
    wanted = dict(contender.knobs or ()).get("GCFREEZE_MODE")
    found = map(json.loads, events.read_text().splitlines() if events.exists() else ())
    modes = {event["mode"] for event in found if event["event"] == "freeze"}
    if modes != ({wanted} if wanted else set()):
        raise Failed("frozen with %s" % sorted(modes))


def measures(told, seen, usage):
    """By name and unit. The first pass is that in which the library does its work. Of later starts the
    quickest counts: what else a machine does makes them slower, never quicker."""
    built, *passes = told
    starts = [one["starts"] for one in passes]
    return {
        "own, MB": seen[-1][0],
        "tree, MB": seen[-1][1],
        "items/s": len(passes) * built["items"] / sum(one["seconds"] for one in passes),
        "CPU, s": usage.ru_utime + usage.ru_stime,
        "building, s": built["built"],
        "first batch, ms": passes[0]["first"],
        "first batch of a later pass, ms": passes[-1]["first"],
        "first start, ms": starts[0][0],
        "later starts, ms": min(starts[-1]),
    }


def run(python, words, contender, library, events, with_group):
    """({measure: value}, what the passes have computed)"""
    with watched(with_group) as (prefix, looks):
        # torch warns that there are more workers than processors
        command = [*prefix, python, "-W", "ignore", str(PROGRAMS / "data.py"), contender.how, *words]
        process = start(command, contender, library, events)
        try:
            told, seen = follow(process, contender)
        finally:
            usage = end(process)
        if process.returncode:
            raise Failed("a program ended with status %d" % process.returncode)
        check_mode(contender, events)
        found = measures(told, seen, usage)
        if looks is not None:
            found["highest, MB"] = max(looks) / memory.MB
        return found, [one["total"] for one in told if "total" in one]
