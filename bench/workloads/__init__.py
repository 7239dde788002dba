"""What the measured parents hold. Each workload has a fixed seed and comes in any size.

site/ and shop/ are applications of their own. Any other workload is a module with two functions:

    build(megabytes)    a list, or what can be read like one: heap[0] to heap[len(heap) - 1]
    look(entry)         reads one entry of it; all of them together are everything
"""

import importlib

NAMES = ["catalogue", "documents", "model", "holes"]


def find(name):
    if name not in NAMES:
        raise ValueError("no such workload: %s" % name)
    return importlib.import_module("bench.workloads." + name)
