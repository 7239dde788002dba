"""A heap of about 160 MB, a forked worker that works with it and looks at all of it, and one that ends.

Before the fork: 200,000 instances in a dict, 50,000 parsed JSON documents, 20 packages of the standard
library. One worker collects, serves 2,000 requests that touch the heap, and reads every object; another one
does nothing and exits as programs do.
Out come lines of JSON: the private dirty memory of the first one (bytes), the page faults of the second one
before and after its exit.

usage: worker.py
"""

import csv, ctypes, datetime, decimal, email.message, gc, html.parser, http.client, json
import logging.config, multiprocessing, os, pickle, random, resource, sqlite3, ssl
import statistics, sys, unittest, urllib.request, xml.dom.minidom, zipfile

from goods import DOCUMENT, Item

items = {number: Item(number) for number in range(200000)}
documents = [json.loads(DOCUMENT) for _ in range(50000)]


def serve(number):
    item = items[number]
    return json.dumps([item.price, item.stock, documents[number % len(documents)]])


def read(thing):
    if isinstance(thing, dict):
        for key, value in thing.items():
            read(key)
            read(value)
    elif isinstance(thing, list):
        for part in thing:
            read(part)
    elif isinstance(thing, Item):
        read([thing.number, thing.price, thing.stock])


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
    read(items)
    read(documents)
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
