"""docs/recipes.md, "Data sets": the programs, as they are there, give the same results with the library and
with an inert one, and their workers share what the parent has loaded."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import recipes
from conftest import LIBRARY, PYTHONS, ROOT, environment, run
from immortal import immortal_from
from kinds import packaged

# What the page calls the reader's own. A worker notes down what it has for itself while it reads.
PROJECT = """
import os, random
SIZE = int(os.environ["PROJECT_SIZE"])
PARENT = os.getpid()
CALLS = COUNT = TOTAL = 0

def load():
    return [{"id": n, "box": [n / 7, n / 3], "name": "image %d" % n, "area": n / 9} for n in range(SIZE)]

def note():
    with open("/proc/self/smaps_rollup") as rows:
        own = next(int(row.split()[1]) for row in rows if row.startswith("Private_Dirty:"))
    with open("own-%d" % os.getpid(), "w") as file:
        file.write(str(own))

def example(record):
    global CALLS
    CALLS += 1
    if CALLS % (SIZE // 40) == 0 and os.getpid() != PARENT:
        note()
    return int(record["id"] + sum(record["box"]) + record["area"]) + len(record["name"])

def questions():
    return range(6)

def answer(question, records):
    order = random.Random(question).sample(range(SIZE), SIZE // 2)
    found = sum(example(records[number]) for number in order)
    note()
    return found

def samples():
    import numpy
    products = numpy.random.default_rng(1).permutation(SIZE)[:, None]
    return products, products[:, 0] % 100

def tell(results):
    print(list(results), flush=True)

def train(batch):
    global COUNT, TOTAL
    COUNT += len(batch)
    TOTAL += sum(map(int, batch))
    if COUNT % SIZE == 0:  # a pass over all of them
        print(TOTAL)
"""
VARIABLES = {"HF_DATASETS_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}


@pytest.fixture(params=[python for python in PYTHONS if immortal_from(python)] or [None], ids=str)
def interpreter(request):
    if request.param is None:
        pytest.skip("no CPython 3.12 or later on this machine")
    return request.param.path


@pytest.fixture
def packages():
    """The bin folder of an interpreter that has them."""
    return Path(packaged("torch").path).parent


def start(folder, command, size, **knobs):
    """(what was printed, KB of each worker's own, the log)"""
    env = {**environment(**knobs), **VARIABLES, "PROJECT_SIZE": str(size), "HF_HOME": str(folder / "cache")}
    del env["LD_PRELOAD"]  # gcfreeze run sets it
    env["GCFREEZE_LIBRARY"] = LIBRARY
    env["PATH"] = "%s:%s" % (os.path.dirname(command[0]), env["PATH"])
    command = [recipes.CLI, "run", "--mode", "immortal", "--", *map(str, command)]
    done = run(command, env, cwd=folder)
    own = [int(file.read_text()) for file in folder.glob("own-*")]
    for file in folder.glob("own-*"):
        file.unlink()
    return done.stdout, own, done.stderr


def both(folder, command, size):
    """What was printed, in both runs: KB of the worker that had most, inert and with the library."""
    (folder / "project.py").write_text(PROJECT)
    plain, inert, _ = start(folder, command, size, **{"": 0})
    for name in ("priced.parquet", "cache"):
        if (folder / name).exists():
            (folder / name).rename(folder / ("inert-" + name))
    printed, ours, log = start(folder, command, size)
    assert printed == plain
    assert "freeze first-worker-fork" in log and "mode=immortal" in log
    assert min(len(ours), len(inert)) >= 2, (ours, inert)  # who has tasks is chance
    return max(inert), max(ours)


def copy_of(folder, name):
    shutil.copy(recipes.FOLDER / name, folder)
    return folder / name


def test_a_loader_built_as_torch_s_is(interpreter, tmp_path):
    """The benchmark's, in the place of torch's."""
    package = tmp_path / "torch" / "utils"
    package.mkdir(parents=True)
    loader = (ROOT / "bench" / "programs" / "loader.py").read_text()
    (package / "data.py").write_text(loader + "\n\nclass Dataset:\n    pass\n")
    inert, ours = both(tmp_path, [interpreter, copy_of(tmp_path, "train.py")], 30000)
    assert ours < inert / 4 and inert > 8000


def test_pools_and_executors(interpreter, tmp_path):
    inert, ours = both(tmp_path, [interpreter, copy_of(tmp_path, "pools.py")], 30000)
    assert ours < inert / 4 and inert > 8000


@pytest.mark.long
def test_torch(packages, tmp_path):
    inert, ours = both(tmp_path, [packages / "python", copy_of(tmp_path, "train.py")], 200000)
    assert ours < inert / 4 and inert > 50000


@pytest.mark.long
def test_datasets(packages, tmp_path):
    write = """
import pyarrow, pyarrow.parquet, random
products = random.Random(3).sample(range(200000), 200000)
pyarrow.parquet.write_table(pyarrow.table({"product": products}), "orders.parquet")"""
    subprocess.run([packages / "python", "-c", write], cwd=tmp_path, check=True)
    inert, ours = both(tmp_path, [packages / "python", copy_of(tmp_path, "prices.py")], 200000)
    assert ours < inert - 50000
    found = [(tmp_path / name).read_bytes() for name in ("inert-priced.parquet", "priced.parquet")]
    assert found[0] == found[1]


@pytest.mark.long
def test_scikit_learn(packages, tmp_path):
    inert, ours = both(tmp_path, [packages / "python", copy_of(tmp_path, "search.py")], 100000)
    assert ours < inert / 3 and inert > 25000


# What people type into cells.
CELLS = [
    "import multiprocessing\nfrom project import answer, load, questions",
    "records = load()\ndef by_global(question):\n    return answer(question, records)",
    """with multiprocessing.get_context("fork").Pool(4) as pool:
    print(sum(pool.map(by_global, questions(), chunksize=1)), file=open("results", "a"))""",
]


@pytest.mark.long
def test_jupyter(packages, tmp_path):
    """The kernel is what forks, and has inherited the variables from the server, here jupyter execute."""
    cells = [
        {"cell_type": "code", "id": "cell-%d" % number, "source": source, "metadata": {}, "outputs": [],
         "execution_count": None}
        for number, source in enumerate(CELLS)
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "notebook.ipynb").write_text(json.dumps(notebook))
    (tmp_path / "project.py").write_text(PROJECT)
    own = []
    for knobs in ({"": 0}, {}):
        _, found, _ = start(tmp_path, [packages / "jupyter-execute", "notebook.ipynb"], 200000, **knobs)
        assert len(found) >= 2
        own.append(max(found))
    assert own[1] < own[0] / 4 and own[0] > 50000
    first, second = (tmp_path / "results").read_text().splitlines()
    assert first == second
