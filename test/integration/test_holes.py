"""What the parent freed before a fork: its free blocks are taken, so that a worker's objects do not go there."""

import json

import pytest
from conftest import environment, run

pytestmark = pytest.mark.gil(True)  # another allocator serves free-threaded builds

MEGABYTE = 1024 * 1024

# punch(n): frees an entry of n. worker(): how much private memory 4,000 small lists take, which
# are 0.4 MB.
PRELUDE = """
import gc, json, os, sys
gc.disable()
def entries(count):
    return [[i, str(i)] for i in range(count)]
def punch(n, first=0):
    for i in range(first, len(HEAP), n):
        HEAP[i] = None
def private():
    with open("/proc/self/smaps_rollup") as file:
        rows = dict(line.split(":", 1) for line in file if line.count(":") == 1)
    return int(rows["Private_Dirty"].split()[0]) * 1024 # what is clean are files, which others may map as well
def worker():
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        before = private()
        more = entries(4000)
        os.write(writer, b"%d" % (private() - before))
        os._exit(0)
    os.waitpid(pid, 0)
    return int(os.read(reader, 100))
def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
HEAP = entries(200000)
"""


def found(python, program, *options, malloc="", **knobs):
    env = {**environment(**knobs), "PYTHONMALLOC": malloc}
    return json.loads(run([python.path, *options, "-c", PRELUDE + program], env).stdout)


def test_a_worker_does_not_fill_its_parents_holes(python):
    program = "punch(60); print(worker())"
    assert found(python, program) < 2 * MEGABYTE
    assert found(python, program, **{"": 0}) > 6 * MEGABYTE


def test_what_a_collection_before_a_repeated_freeze_leaves_is_filled(python):
    program = """
fork()
for i in range(0, len(HEAP), 60):
    HEAP[i].append(HEAP[i]) # garbage from here on
MORE = [HEAP[i] for i in range(1, len(HEAP), 60)]
MORE += [[i] for i in range(30000)]
collected = []
gc.callbacks.append(lambda phase, info: collected.append(phase))
HEAP[::60] = [None] * len(HEAP[::60])
gc.unfreeze()
grown = worker()
print(json.dumps([len(collected), grown]))
"""
    collected, grown = found(python, program)
    assert collected == 2
    assert grown < 2 * MEGABYTE


def test_what_is_held_is_bounded(python):
    """Entries are freed, a fork takes their blocks, and others come in their place: a quarter more in the
    end, if that went on."""
    program = """
fork()
before = private()
for first in range(40):
    punch(80, first)
    fork()
    for i in range(first, len(HEAP), 80):
        HEAP[i] = [i, str(i)]
print(json.dumps([before, private()]))
"""
    before, after = found(python, program, WHEN="every", COLLECT="never", MODE="freeze")
    assert after < 1.1 * before


BLOCKS = """
punch(60)
before = sys.getallocatedblocks()
fork()
print(sys.getallocatedblocks() - before)
"""
FEW = 100  # what the program and the library's own calls leave


def test_blocks_are_held(python):
    assert found(python, BLOCKS) > 5000
    assert found(python, BLOCKS, **{"": 0}) < FEW


@pytest.mark.parametrize("malloc", ["malloc", "debug", "pymalloc_debug"])
def test_another_allocator_is_left_alone(python, malloc):
    assert found(python, BLOCKS, malloc=malloc) < FEW


def test_an_allocator_that_is_watched_is_left_alone(python):
    assert found(python, BLOCKS, "-X", "tracemalloc") < FEW
