"""multiprocessing and concurrent.futures: how much of a loaded heap a worker copies, and what a
parent gets back that lets go of its data."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import environment, run
from servers.report import MODES, cell
from servers.scenario import LITTLE_KB, MUCH_KB

# A free-threaded collector has been through the heap in each child before anybody asks; test_host_fork.py
# has the column of that build.
pytestmark = pytest.mark.gil(True)

APP = Path(__file__).with_name("servers") / "app.py"

# The workers wait for each other, so that each of them answers.
PROGRAM = """
import concurrent.futures, json, multiprocessing, threading
import app

def start(barrier):
    app.barrier = barrier

def look(_=None):
    app.barrier.wait(60)
    answer = app.state()
    answer.update(app.collect())
    return answer

def put(queue, barrier):
    start(barrier)
    queue.put(look())

def process(context):
    queue, barrier = context.Queue(), context.Barrier(2)
    workers = [context.Process(target=put, args=(queue, barrier)) for _ in range(2)]
    for worker in workers:
        worker.start()
    answers = [queue.get() for _ in workers]
    for worker in workers:
        worker.join()
    return answers

def pool(context):
    with context.Pool(2, start, (context.Barrier(2),)) as workers:
        answers = workers.map(look, range(2), chunksize=1)
        workers.close()
        workers.join()
    return answers

def replaced(context):
    "Each worker has one task; the pool's thread forks the next one while others work."
    with context.Pool(2, start, (context.Barrier(1),), maxtasksperchild=1) as workers:
        answers = workers.map(look, range(6), chunksize=1)
        workers.close()
        workers.join()
    return answers

def executor(context):
    barrier = context.Barrier(2)
    with concurrent.futures.ProcessPoolExecutor(2, context, start, (barrier,)) as workers:
        return list(workers.map(look, range(2)))

if __name__ == "__main__":
    multiprocessing.set_forkserver_preload(["app"])
    answers = %s(multiprocessing.get_context(%r))
    print(json.dumps({"workers": answers, "parent": app.state()}))
"""

HOSTS = {
    "multiprocessing.Process": ("process", "fork"),
    "multiprocessing.Pool": ("pool", "fork"),
    "multiprocessing.Pool, maxtasksperchild": ("replaced", "fork"),
    "ProcessPoolExecutor": ("executor", "fork"),
    "multiprocessing.Process, forkserver": ("process", "forkserver"),
    "multiprocessing.Pool, forkserver": ("pool", "forkserver"),
    "ProcessPoolExecutor, forkserver": ("executor", "forkserver"),
    # forkserver from 3.14 on, fork before
    "multiprocessing.Pool, default": ("pool", None),
}
FORKING = [host for host in HOSTS if HOSTS[host][1] == "fork"]
OTHERS = [pytest.param(host, marks=pytest.mark.long) for host in HOSTS if host not in FORKING]


@pytest.fixture(scope="module")
def plain():
    """What a program answers without the library, once for each interpreter."""
    return {}


def ask(python, folder, host, **knobs):
    """(what the program of this host says, [(event, reason)])"""
    shutil.copy(APP, folder)
    program = folder / "program.py"
    program.write_text(PROGRAM % HOSTS[host])
    outcome = run([python.path, str(program)], environment(**knobs), cwd=folder)
    return json.loads(outcome.stdout), outcome.reasons()


def settings(answer):
    return [answer[name] for name in ("threshold", "enabled", "records")]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("host", FORKING + OTHERS)
def test_workers_share_the_heap(python, tmp_path, plain, host, mode):
    if (python, host) not in plain:
        plain[python, host], _ = ask(python, tmp_path, host, **{"": 0})
    without = plain[python, host]
    ours, reasons = ask(python, tmp_path, host, **MODES[mode])

    kind = HOSTS[host][1] or ("fork" if python.version < (3, 14) else "forkserver")
    assert len({worker["pid"] for worker in ours["workers"]}) == len(without["workers"])
    for worker, unaided in zip(ours["workers"], without["workers"]):
        assert settings(worker) == settings(unaided)
        assert worker["looked_at"] < worker["records"]
        assert unaided["looked_at"] > 2 * unaided["records"]
        assert worker["growth_kb"] <= LITTLE_KB
        assert unaided["growth_kb"] >= MUCH_KB
        # loaded by whoever forked it; a forkserver is known to do that
        assert worker["at_import"]["pid"] != worker["pid"]
        assert worker["at_import"]["threshold"] == unaided["at_import"]["threshold"]
        assert (worker["after_import"]["collections"] == 0) == (kind == "forkserver")
    growth_kb = max(worker["growth_kb"] for worker in ours["workers"])
    cell(host, "%d.%d" % python.version[:2], mode, round(growth_kb / 1024, 2))

    forks = [reason for reason in reasons if reason != ("skip", "exec-bound")]
    assert forks == [("freeze", "first-worker-fork")] + (len(forks) - 1) * [("skip", "nothing-new")]
    if HOSTS[host][1] == "fork":
        assert settings(ours["parent"]) == settings(without["parent"])
        assert len(forks) >= len(ours["workers"])


# A megabyte is 32 rows of small objects. A pool has worked with them before they are let go of.
PARENT = """
import gc, json, multiprocessing

def resident_mb():
    with open("/proc/self/smaps_rollup") as rows:
        return sum(int(row.split()[1]) for row in rows if row.startswith("Rss:")) // 1024

def work(number):
    return len(data[number]["values"])

def load(megabytes, cyclic):
    rows = [{"values": list(map(float, range(1000)))} for _ in range(32 * megabytes)]
    for row in rows if cyclic else ():
        row["itself"] = row
    return rows

if __name__ == "__main__":
    figures = [resident_mb()]
    data = load(%d, cyclic=%r)
    figures.append(resident_mb())
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(work, range(100)) == [1000] * 100
        pool.close()
        pool.join()
    del data
    gc.collect()
    figures.append(resident_mb())
    gc.unfreeze()
    gc.collect()
    figures.append(resident_mb())
    print(json.dumps(figures))
"""


def freed(python, folder, megabytes, cyclic, **knobs):
    """What came back when the data was let go of, and what after gc.unfreeze() besides: MB each.
    About a fifth never does, with or without the library: malloc holds it between other blocks."""
    program = folder / "program.py"
    program.write_text(PARENT % (megabytes, cyclic))
    figures = json.loads(run([python.path, str(program)], environment(**knobs)).stdout)
    before, loaded, after, unfrozen = figures
    assert loaded - before >= megabytes, figures
    return loaded - after, after - unfrozen


@pytest.mark.long
def test_parent_gets_a_gigabyte_back_that_its_pool_has_seen(python, tmp_path):
    unaided, _ = freed(python, tmp_path, 1024, False, **{"": 0})
    ours, unfrozen = freed(python, tmp_path, 1024, False)
    assert ours >= 900
    assert abs(ours - unaided) <= 10
    assert unfrozen <= 10


def test_cycles_that_a_pool_has_seen_are_freed_after_an_unfreeze_only(python, tmp_path):
    unaided, _ = freed(python, tmp_path, 100, True, **{"": 0})
    ours, unfrozen = freed(python, tmp_path, 100, True)
    assert unaided >= 80
    assert ours <= 10
    assert unfrozen >= unaided - 10
