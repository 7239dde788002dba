"""The results of a run, as docs/bench.schema.json describes them. Written anew after each find, so
that nothing is lost when the run is interrupted."""

import json
import os
import platform
from pathlib import Path

from bench.support.figure import Figure
from bench.support.projection import Projection
from bench.support.result import DataSet, Skip, Speed, Tree
from bench.support.series import Series

VERSION = 4
SECTIONS = {
    Figure: "figures",
    Series: "series",
    Tree: "trees",
    Speed: "speeds",
    DataSet: "data_sets",
    Projection: "projections",
    Skip: "skips",
}


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def memory_megabytes():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


class Results:
    def __init__(self, path, **about):
        self.path = path
        self.data = {
            "v": VERSION,
            **about,
            "cpus": len(os.sched_getaffinity(0)),
            "processor": processor(),
            "memory_mb": memory_megabytes(),
            "kernel": platform.release().partition("-")[0],
            "took": {},
            "failed": [],
            **{section: [] for section in SECTIONS.values()},
        }

    def add(self, found):
        self.data[SECTIONS[type(found)]].append(found.machine())
        self.write()

    def took(self, name, seconds):
        self.data["took"][name] = round(seconds, 1)
        self.write()

    def fail(self, name):
        self.data["failed"].append(name)
        self.write()

    def write(self):
        if self.path:
            write_whole(self.path, json.dumps(self.data, indent=1, ensure_ascii=False) + "\n")


def write_whole(path, text):
    """Who reads it finds the old or the new one, never a part."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)
