"""GCFREEZE_RESHARE as an operator sees it: what passes do in workers, and why there are none.

Workers write into their own status what the library would in such a state: a day passes before it looks itself.
"""

import json
import re
import resource

import pytest
from conftest import ROOT, findings
from test_prometheus import samples

MIB = 1 << 20
PROMISED = (ROOT / "test" / "packages" / "abi.txt").read_text()
REASONS = {word: int(number) for number, word in re.findall(r"^reason (\d+) (\S+)$", PROMISED, re.M)}
PLACES = {
    name: (int(offset), int(size))
    for name, offset, size in re.findall(
        r"^field gcfreeze_(?:status|page)\.(\w+) at (\d+), (\d+) bytes$", PROMISED, re.M
    )
}

SERVER = """
import ctypes, json, os, sys, threading, time
page = ctypes.addressof(ctypes.c_char.in_dll(ctypes.CDLL(None), "gcfreeze_page"))
heap = [[i] for i in range(50000)]
END, workers = os.pipe()
for fields in json.loads(sys.argv[1]):
    BEFORE
    if os.fork() == 0:
        for offset, size, value in fields:
            ctypes.memmove(page + offset, value.to_bytes(size, "little"), size)
        os.write(workers, b".")
        time.sleep(600)
    os.read(END, 1)
print("ready", flush=True)
time.sleep(600)
"""


def pages(mib):
    return mib * MIB // resource.getpagesize()


def fields(**values):
    """[[offset in the page, size, value]]"""
    return [[PLACES["status"][0] + PLACES[name][0], PLACES[name][1], value] for name, value in values.items()]


@pytest.fixture
def passing(running):
    """passing({field: value}, ...): the pid of a server with a worker for each."""

    def start(*workers, before="", **knobs):
        server = SERVER.replace("BEFORE", before)
        said = json.dumps([fields(**worker) for worker in workers])
        knobs = {"RESHARE": "86400", **knobs}
        return running(said, server=server, **{"GCFREEZE_" + name: value for name, value in knobs.items()})

    return start


def resharing(gcfreeze, pid):
    """[(mark, finding)] after the one about the copies, and all advice"""
    found = json.loads(gcfreeze("doctor", "--json", "--pid", pid).stdout)
    found = [f for f in found if f["topic"] == "reshare"]
    assert found.pop(0)["finding"].endswith(" MiB of arenas are shared copies")
    return [(f["mark"], f["finding"]) for f in found], [f["advice"] for f in found if f.get("advice")]


RUNNING = {"pass_running": 1, "pages_given_back": pages(10), "pages_kept": pages(1)}
FOREIGN = {"pass_reason": REASONS["foreign-wait"]}
RACED = {"passes": 2, "pass_reason": REASONS["raced"], "pages_given_back": pages(3)}
DONE = {"passes": 3, "pages_given_back": pages(20), "pages_kept": pages(2), "pass_looks": 9}
LITTLE = {"pass_looks": 1, "regainable_bytes": 300 << 10}


def test_each_state_has_its_words(gcfreeze, passing):
    pid = passing(RUNNING, FOREIGN, RACED, DONE, LITTLE, {})
    found, advice = resharing(gcfreeze, pid)
    assert found[:5] == [
        ("good", "a pass is running in 1 of 6 workers: 10.0 MiB given back, 1.0 MiB kept since the fork"),
        (
            "warning",
            "no pass begins in 1 of 6 workers: foreign-wait "
            "(beside threads, this code's waits are left alone)",
        ),
        (
            "warning",
            "the last pass in 1 of 6 workers ended early, or none begins since: raced (another thread wrote "
            "during a pass: no more of them in this process); 3.0 MiB given back since the fork",
        ),
        (
            "good",
            "3 passes in 1 of 6 workers: 20.0 MiB given back, 2.0 MiB kept; at most 0.0 MiB regainable at "
            "the last look",
        ),
        (
            "good",
            "no pass yet in 1 of 6 workers: little is not worth one, and at the last look at most 0.3 MiB was "
            "regainable",
        ),
    ]
    assert re.fullmatch(
        r"nobody has looked in 1 of 6 workers since the fork, \d+ s ago: they have not waited yet in a way that "
        r"is known \(select, poll, epoll, read, accept, a semaphore\), or compute all the time",
        found[5][1],
    )
    assert len(found) == 6 and advice == []


def test_stat_says_it_in_a_line_and_in_figures(gcfreeze, passing):
    pid = passing(RUNNING, FOREIGN, RACED, DONE, LITTLE, {})
    assert (
        "\n  passes in workers: running 1, none (foreign-wait) 1, ended early (raced) 1, done 1, "
        "nothing worth it 1, not looked at 1\n"
    ) in gcfreeze("stat", "--pid", pid).stdout
    (tree,) = json.loads(gcfreeze("stat", "--json", "--pid", pid).stdout)["trees"]
    workers = tree["processes"][1:]
    assert [worker["pass_running"] for worker in workers] == [True] + 5 * [False]
    assert [worker["pass_looks"] for worker in workers] == [0, 0, 0, 9, 1, 0]
    assert [worker["regainable_bytes"] for worker in workers] == [None, None, None, 0, 300 << 10, None]
    assert [worker["pass_reason"] for worker in workers][:3] == ["none", "foreign-wait", "raced"]
    found = samples(gcfreeze("stat", "--pid", pid, "--prometheus", "-").stdout)
    labels = ("pid", str(workers[1]["pid"])), ("reason", "foreign-wait"), ("role", "worker"), ("root", str(pid))
    assert found[("gcfreeze_pass_obstacle", *labels)] == 1
    assert sorted(value for key, value in found.items() if key[0] == "gcfreeze_pass_running") == 6 * [0] + [1]


def test_workers_that_are_alike_are_told_together(gcfreeze, passing):
    found, advice = resharing(gcfreeze, passing(*3 * [{"pass_reason": REASONS["threads"]}]))
    assert found == [
        (
            "warning",
            "no pass begins in 3 of 3 workers: threads (the process has more threads than the one that asks)",
        )
    ]
    assert advice == ["GCFREEZE_RESHARE_THREADS=on lets passes begin beside threads"]


def test_a_worker_from_before_the_copies_has_none(gcfreeze, passing):
    found, _ = resharing(gcfreeze, passing({}, {"pass_looks": 1}, WHEN="after:1"))
    said = "1 of 2 workers have no copies: they were forked before the arenas were copied"
    assert ("warning", said) in found


def test_why_nothing_was_copied(gcfreeze, passing):
    thread = "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()"
    mark, finding = findings(gcfreeze("doctor", "--json", "--pid", passing({}, before=thread)))["reshare"]
    assert (mark, finding) == (
        "warning",
        "no arena was copied, so nothing is given back: threads "
        "(the process has more threads than the one that asks)",
    )


def test_nothing_is_said_where_nothing_is_to_be_shared_again(gcfreeze, passing):
    pid = passing({}, RESHARE="off")
    assert "reshare" not in findings(gcfreeze("doctor", "--json", "--pid", pid))
    assert "passes in workers" not in gcfreeze("stat", "--pid", pid).stdout
