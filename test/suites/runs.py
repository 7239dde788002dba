"""A suite in one environment after another, and the file that says what came of it."""

import functools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import outcomes
import places
from conftest import environment
from modes import FOLDER

WITHOUT = "without"

# So often is a suite run again without the library if anything differs: is it stable by itself?
MORE_RUNS_WITHOUT = 3

EVENT = re.compile(r'^gcfreeze\[\d+\]: (freeze|skip|reshare) |"event":"(freeze|skip|reshare)"')
AMOUNT = re.compile(r'\b(immortal|immortal_partly|pages_given_back)(?:=|":)(\d+)')


@dataclass
class Suite:
    """What is run, in `folder` or in that of the run."""

    name: str  # of the file of its results
    command: list
    modes: dict  # {name: variables}, of modes.py
    deadline: int  # seconds for one run
    always: dict = field(default_factory=dict)  # environment of all its runs
    folder: Path = None


@functools.lru_cache
def container():
    """The start of a command whose processes all end with it, however they were made. Needs root;
    else what a suite leaves behind in a session of its own stays behind."""
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() or not shutil.which(command[0]):
        return []
    if subprocess.run([*command, "true"], stderr=subprocess.DEVNULL).returncode:
        return []
    # the first process of a PID namespace has no default signal handlers: not the suite's own place
    return [*command, "sh", "-c", '"$@"; exit "$?"', "in-container"]


def execute(command, env, cwd, output, deadline):
    """How it ended, in words."""
    command = [*container(), *command]
    with open(output, "w") as file:
        process = subprocess.Popen(
            command, env=env, cwd=str(cwd), stdin=subprocess.DEVNULL, stdout=file,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            return "exit status %d" % process.wait(deadline)
        except subprocess.TimeoutExpired:
            return "not over after %d s" % deadline
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def acted(log):
    """What the library did, counted from its log."""
    counts = Counter()
    for line in log.read_text(errors="replace").splitlines() if log.exists() else []:
        event = EVENT.search(line)
        if event:
            counts[event.group(1) or event.group(2)] += 1
            counts.update({what.replace("_partly", ""): int(n) for what, n in AMOUNT.findall(line)})
    return counts


def without_library():
    env = environment()
    del env["LD_PRELOAD"], env["GCFREEZE_LOG"]
    return env


def run_once(suite, mode, keep):
    """One run, with the variables of a mode. What it said goes to `keep`.output and .log, and why tests
    failed to .results.xml."""
    folder = Path(tempfile.mkdtemp(prefix="suite-"))
    try:
        env = {**without_library(), **suite.always, **mode, "HOME": FOLDER, "TMPDIR": FOLDER}
        env = {name: value.replace(FOLDER, str(folder)) for name, value in env.items()}
        began = time.monotonic()
        command = [part.replace(FOLDER, str(folder)) for part in suite.command]
        end = execute(command, env, suite.folder or folder, folder / "output", suite.deadline)
        for kind in ("output", "log", "results.xml"):
            if (folder / kind).exists():
                shutil.copy(folder / kind, "%s.%s" % (keep, kind))
        return {
            "environment": mode,
            "seconds": round(time.monotonic() - began, 1),
            "acted": acted(folder / "log"),
            "outcomes": {**outcomes.read(folder / "results.xml"), outcomes.AS_A_WHOLE: end},
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compared(cell):
    """{mode: Comparison} of a file of results."""
    without = [run["outcomes"] for run in cell[WITHOUT]]
    return {mode: outcomes.compare(without, run["outcomes"]) for mode, run in cell["with"].items()}


def run_all(suite, results, say):
    """Writes NAME.json, and keeps the output of runs that differ beside it."""
    keep = results / suite.name
    keep.parent.mkdir(parents=True, exist_ok=True)
    for old in keep.parent.glob(keep.name + ".*"):
        old.unlink()
    cell = {WITHOUT: [run_once(suite, {}, "%s.without" % keep)], "with": {}}
    for mode, variables in suite.modes.items():
        run = cell["with"][mode] = run_once(suite, variables, "%s.%s" % (keep, mode))
        comparison = compared(cell)[mode]
        say("%s %s: %d same, %d different (%d s)" % (
            suite.name, mode, len(comparison.same), len(comparison.different), run["seconds"]))  # fmt: skip
    while any(c.different for c in compared(cell).values()) and len(cell[WITHOUT]) <= MORE_RUNS_WITHOUT:
        again = "%s.without-%d" % (keep, len(cell[WITHOUT]) + 1)
        cell[WITHOUT].append(run_once(suite, {}, again))
    if not any(c.different or c.unstable for c in compared(cell).values()):
        for said in keep.parent.glob(keep.name + ".*"):
            said.unlink()
    Path("%s.json" % keep).write_text(json.dumps(cell, indent=1, sort_keys=True))
    return cell


def run_suites(suites, results, jobs, go_on):
    """Runs those that have no results yet (all, unless `go_on`)."""
    began = time.monotonic()
    left = [s for s in suites if not (go_on and (results / (s.name + ".json")).exists())]

    def say(what):
        print("suites: %4d s: %s" % (time.monotonic() - began, what), flush=True)

    say("%d of %d to run, %d at a time" % (len(left), len(suites), jobs))
    with ThreadPoolExecutor(jobs) as pool:
        pending = [pool.submit(run_all, suite, results, say) for suite in left]
        try:
            for count, done in enumerate(as_completed(pending), 1):
                done.result()
                say("%d of %d done" % (count, len(left)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def read_results(*folders):
    """{name: file of results}, for all below these folders. What several of them have is put together."""
    results = {}
    for folder in folders:
        for path in sorted(folder.glob("**/*.json")):
            cell = json.loads(path.read_text())
            known = results.setdefault(str(path.relative_to(folder).with_suffix("")), cell)
            if known is not cell:
                known[WITHOUT] += cell[WITHOUT]
                known["with"].update(cell["with"])
    return results
