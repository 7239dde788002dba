"""Loads a data set in workers that always find their next batch ready, for some seconds.

usage: busy.py KIND RECORDS WORKERS SECONDS WORK

  KIND     loader: loader.py, whose workers have a feeder thread; pool: multiprocessing.Pool, whose workers have none
  WORK     microseconds of other work that an item needs (a real one decodes an image, or splits a text)

A line of JSON with the workers' pids when they have begun, and one at the end.
"""

import itertools
import json
import multiprocessing
import os
import sys
import time
import zlib

import data
import loader

PREFETCH = 16
NOISE = bytes(range(256)) * 4


def rounds(us):
    """How often NOISE must be compressed to take this long."""
    start = time.perf_counter()
    for _ in range(1000):
        zlib.compress(NOISE)
    return round(us / (1000 * (time.perf_counter() - start)))


class Boxes(data.Boxes):
    rounds = 0

    def __getitem__(self, index):
        for _ in range(self.rounds):
            zlib.compress(NOISE)
        return super().__getitem__(index)


class Endless(loader.DataLoader):
    """Pass after pass, with the same workers."""

    def sample(self):
        while True:
            yield from super().sample()


def load(chosen):
    return data.collate([dataset[index] for index in chosen])


def batches(kind, workers):
    endless = Endless(dataset, data.BATCH, True, workers, data.collate, PREFETCH)
    if kind == "loader":
        yield from endless
    with multiprocessing.Pool(workers) as pool:
        yield from pool.imap(load, endless.sample())


def main(kind, count, workers, seconds, work):
    global dataset
    dataset = Boxes(data.annotations(count))
    dataset.rounds = rounds(work)
    found = batches(kind, workers)
    next(found)
    print(json.dumps([worker.pid for worker in multiprocessing.active_children()]), flush=True)
    start = time.monotonic()
    until = itertools.takewhile(lambda _: time.monotonic() < start + seconds, found)
    done = sum(1 for _ in until)
    print(json.dumps(data.BATCH * done / (time.monotonic() - start)), flush=True)
    for worker in multiprocessing.active_children():
        worker.kill()
    os._exit(0)  # nobody waits for what was still asked for


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
