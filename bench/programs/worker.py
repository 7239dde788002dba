"""A heap of about 160 MB, a forked worker that works with it and looks at all of it, and one that ends.

Before the fork: a catalogue, parsed JSON documents, 20 packages of the standard library. One worker
collects, serves 2,000 requests that touch the heap, and reads every object; another one does nothing and
exits as programs do.
Out come lines of JSON: the private dirty memory of the first one (bytes), the page faults of the second one
before and after its exit.

usage: python -m bench.programs.worker
"""

import csv, ctypes, datetime, decimal, email.message, gc, html.parser, http.client, json
import logging.config, multiprocessing, os, pickle, random, resource, sqlite3, ssl
import statistics, sys, unittest, urllib.request, xml.dom.minidom, zipfile

from bench.workloads import catalogue, documents
from bench.workloads.reading import look

items = catalogue.build(80)
papers = documents.build(80)


def serve(number):
    item = items[number]
    return json.dumps([item.prices, item.tags, papers[number % len(papers)]])


def private_dirty():
    with open("/proc/self/smaps_rollup") as rows:
        return next(int(row.split()[1]) * 1024 for row in rows if row.startswith("Private_Dirty:"))


def tell(**figures):
    os.write(1, (json.dumps(figures) + "\n").encode())


def work():
    chance = random.Random(2)
    gc.collect()
    for _ in range(2000):
        serve(chance.randrange(len(items)))
    look([items, papers])
    tell(private=private_dirty())


def wait():
    if os.wait()[1]:
        sys.exit("a worker failed")
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt


if os.fork() == 0:
    work()
    os._exit(0)
before = wait()
if os.fork() == 0:
    tell(faults=resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    sys.exit()
tell(faults=wait() - before)
os._exit(0)
