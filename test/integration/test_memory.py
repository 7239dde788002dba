"""The point of it all: a worker's collection leaves the parent's pages alone."""

import json

from conftest import environment, run

MEGABYTE = 1024 * 1024

GROWTH = """
import gc, json, os
HEAP = [[i, str(i)] for i in range(250000)]
def private():
    with open("/proc/self/smaps_rollup") as file:
        rows = dict(line.split(":", 1) for line in file if line.count(":") == 1)
    return sum(int(rows[name].split()[0]) * 1024 for name in ("Private_Dirty", "Private_Clean"))
reader, writer = os.pipe()
if os.fork() == 0:
    before = private()
    gc.collect()
    os.write(writer, json.dumps(private() - before).encode())
    os._exit(0)
os.wait()
print(os.read(reader, 100).decode())
"""


def growth(python, **knobs):
    return json.loads(run([python.path, "-c", GROWTH], environment(**knobs)).stdout)


def test_a_collection_in_a_worker_copies_nothing_of_the_parents_heap(python):
    with_library = growth(python)
    without = growth(python, **{"": 0})
    assert with_library <= 2 * MEGABYTE
    assert without >= 10 * max(with_library, MEGABYTE)
