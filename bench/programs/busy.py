"""Loads a data set in workers that always find their next batch ready, for some seconds.

usage: busy.py KIND RECORDS WORKERS SECONDS TERMS

  KIND     loader: loader.py, whose workers have a feeder thread; pool: multiprocessing.Pool, whose workers have none
  TERMS    that are summed for each item: 13 ns of other work each, which allocates nothing

A line of JSON with the workers' pids when they have begun, and one at the end.
"""

import itertools
import json
import multiprocessing
import os
import sys
import time

import data
import loader

PREFETCH = 16


class Boxes(data.Boxes):
    terms = 0

    def __getitem__(self, index):
        sum(range(self.terms))
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


def main(kind, count, workers, seconds, terms):
    global dataset
    dataset = Boxes(data.annotations(count))
    dataset.terms = terms
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
