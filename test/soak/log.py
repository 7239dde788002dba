"""The library's log of a run: one decision for each fork, and nothing else to say."""

import collections
import json


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def decisions(path, master):
    """{(event, reason): how often} of the master's forks."""
    forks = [event for event in read(path) if event["event"] in ("freeze", "skip")]
    return collections.Counter(
        (event["event"], event["reason"]) for event in forks if event["pid"] == master
    )


def passes(path):
    """{reason: how many} of the passes that gave pages back, and the pages."""
    found = [event for event in read(path) if event["event"] == "reshare"]
    pages = sum(event["pages_given_back"] for event in found)
    return collections.Counter(event["reason"] for event in found), pages


def judge_log(path, master, workers):
    """A line for each thing that should not be in the log, or should and is not."""
    events = read(path)
    forked = collections.Counter(
        event["child"]
        for event in events
        if event["event"] in ("freeze", "skip") and event["pid"] == master
    )
    faults = ["no decision about worker %d" % pid for pid in workers - set(forked)]
    faults += ["the library says: %s" % e["message"] for e in events if e["event"] == "message"]
    faults += ["a fork failed: %s" % e for e in events if e.get("child", 0) is None]
    return faults
