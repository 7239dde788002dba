"""Trains on nothing: passes over a data set of small objects, which forked workers load, shuffled, in batches.

usage: data.py HOW HOLDS LOADER RECORDS WORKERS

  HOW      plain; frozen: gc.freeze() before the first worker; pickled: all records in one block of bytes
  HOLDS    numbers; ndarray: each record an array of NumPy's besides; tensor: one of torch's
  LOADER   loader (loader.py); torch.utils.data

A line of JSON when the data set is there, and one at the end of each pass, when the workers have given their
last batch and are still there; it goes on with each line that comes in.
"""

import array
import gc
import importlib
import itertools
import json
import multiprocessing
import os
import pickle
import random
import sys
import time

PASSES = 2
BATCH = 64

forks = []  # of the parent: nanoseconds
os.register_at_fork(
    before=lambda: forks.append(-time.monotonic_ns()),
    after_in_parent=lambda: forks.append(forks.pop() + time.monotonic_ns()),
)


def arrays(holds):
    """A function that makes what a record holds besides its numbers."""
    if holds == "numbers":
        return None
    name, function = {"ndarray": ("numpy", "full"), "tensor": ("torch", "full")}[holds]
    full = getattr(importlib.import_module(name), function)
    return lambda value: full((10,), value)


def annotations(count, make=None):
    """What json.load makes of a file of COCO's annotations."""
    chance = random.Random(17).random
    found = []
    for number in range(count):
        x, y, width, height = 640 * chance(), 480 * chance(), 200 * chance(), 200 * chance()
        record = {
            "segmentation": [[x, y, x + width, y, x + width, y + height]],
            "area": width * height,
            "iscrowd": 0,
            "image_id": 1000 + number // 7,
            "bbox": [x, y, width, height],
            "category_id": 1 + number % 90,
            "id": 900_000 + number,
        }
        if make:
            record["keypoints"] = make(x)
        found.append(record)
    return found


class Pickled:
    """What people do so that workers have no counts to write: detectron2's NumpySerializedList, without NumPy."""

    def __init__(self, records):
        parts = [pickle.dumps(record, -1) for record in records]
        self.ends = array.array("q", itertools.accumulate(map(len, parts)))
        self.bytes = b"".join(parts)

    def __len__(self):
        return len(self.ends)

    def __getitem__(self, index):
        start = self.ends[index - 1] if index else 0
        return pickle.loads(memoryview(self.bytes)[start : self.ends[index]])


class Boxes:
    """The data set, as a program has it."""

    def __init__(self, records):
        self.records = records

    def __len__(self):
        return len(self.records)

    def __getitem__(self, index):
        record = self.records[index]
        x, y, width, height = record["bbox"]
        outline = sum(sum(polygon) for polygon in record["segmentation"])
        if "keypoints" in record:
            outline += float(record["keypoints"].sum())
        return record["id"], record["category_id"], x, y, x + width, y + height, record["area"], outline


def collate(rows):
    return array.array("d", itertools.chain.from_iterable(rows))


def tell(**words):
    print(json.dumps(words), flush=True)


def one_pass(loader):
    """(ms until the first batch, seconds, the numbers of all batches together: in any order they are the same)"""
    start = time.monotonic()
    batches = iter(loader)
    total = sum(map(int, next(batches)))
    first = time.monotonic() - start
    for _ in range(len(loader.dataset) // BATCH - 1):
        total += sum(map(int, next(batches)))
    return 1000 * first, time.monotonic() - start, total, batches


def main(how, holds, module, count, workers):
    loading = importlib.import_module(module)  # at first, as programs do: it is there while the data set is made
    start = time.monotonic()
    records = annotations(count - count % BATCH, arrays(holds))
    if how == "pickled":
        records = Pickled(records)
    dataset = Boxes(records)
    tell(built=time.monotonic() - start, items=len(dataset))
    if how == "frozen":
        gc.freeze()
    random.seed(18)
    loader = loading.DataLoader(
        dataset, batch_size=BATCH, shuffle=True, num_workers=workers, collate_fn=collate,
        multiprocessing_context="fork",
    )  # fmt: skip
    for _ in range(PASSES):
        forks.clear()
        first, seconds, total, batches = one_pass(loader)
        pids = [worker.pid for worker in multiprocessing.active_children()]
        tell(first=first, seconds=seconds, total=total, pids=pids, starts=[fork / 1e6 for fork in forks])
        sys.stdin.readline()
        if next(batches, None) is not None:
            raise SystemExit("a batch too many")


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(int, sys.argv[4:]))
