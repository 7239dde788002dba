"""GCFREEZE_WARMUP as the program sees it: what it says of the words, and where it shows what they did."""

import json
import os
import re
import subprocess

import pytest
from comparing import compare, free_address, modes_of  # noqa: F401
from conftest import PROGRAM, ROOT, WARNINGS, clean_environment, findings
from pages import check
from prefork import folder, prefork  # noqa: F401
from servers.process import wait_for

MIB = 1 << 20
LEFT_OUT = "; it is left out"
ALLOWED = " is not allowed; allowed: /path, http://host/path, module:function or @/file"
IN_A_FILE = " is not allowed; allowed: /path, http://host/path or module:function"


# ---- figures of a process that says that it was warmed up

FIGURES = {"done": 5, "left_out": 0, "trial_us": 1800000, "parent_us": 900000, "bytes": 31 * MIB}
KEYS = ("done", "left_out", "trial_seconds", "seconds", "grown_bytes")


def says(**figures):
    """An expression that forks, and then has the parent's status say this."""
    rows = re.findall(r"^field gcfreeze_status\.warmup_(\w+) at (\d+), (\d) bytes$", (ROOT / "test/packages/abi.txt").read_text(), re.M)
    writes = []
    for name, at, size in rows:
        value = {**FIGURES, **figures}[name]
        writes.append("c.c_int%d.from_address(page + 16 + %s).__setattr__('value', %d)" % (8 * int(size), at, value))
    code = "(lambda pid, c: [(lambda page: [%s])(c.addressof(c.c_char.in_dll(c.CDLL(None), 'gcfreeze_page'))) for _ in [0] if pid]"
    return (code + " and pid or pid)(os.fork(), __import__('ctypes'))") % ", ".join(writes)


def of_processes(gcfreeze, pid):
    (tree,) = json.loads(gcfreeze("stat", "--json", "--pid", pid).stdout)["trees"]
    return {p["pid"]: tuple(p["warmup_" + key] for key in KEYS) for p in tree["processes"]}


def test_stat_shows_it(gcfreeze, prefork):
    server = prefork(workers=1, fork=says())
    for command in ["stat"], ["top", "--batch", "--rounds=1"]:
        lines = gcfreeze(*command, "--pid", server.pid).stdout.splitlines()
        assert "  warm-up: 5 done, 31.0 MiB in 0.9 s after 1.8 s of trials" in lines
    found = of_processes(gcfreeze, server.pid)
    assert found[server.pid] == (5, 0, 1.8, 0.9, 31 * MIB)
    assert found[server.workers[0]] == (None,) * 5
    metrics = gcfreeze("stat", "--prometheus=-", "--pid", server.pid).stdout
    assert [line.split("{")[0] for line in metrics.splitlines() if line.startswith("gcfreeze_warmup")] == [
        "gcfreeze_warmup_" + key for key in KEYS
    ]


def test_stat_shows_what_was_left_out(gcfreeze, prefork):
    server = prefork(workers=1, fork=says(done=0, left_out=2))
    lines = gcfreeze("stat", "--pid", server.pid).stdout.splitlines()
    assert "  warm-up: 0 done, 2 left out, 31.0 MiB in 0.9 s after 1.8 s of trials" in lines
    assert of_processes(gcfreeze, server.pid)[server.pid][:2] == (0, 2)


def test_a_process_that_was_not_warmed_up_has_no_figures(gcfreeze, prefork):
    server = prefork(workers=1)
    assert set(of_processes(gcfreeze, server.pid).values()) == {(None,) * 5}
    assert "warm-up" not in gcfreeze("stat", "--pid", server.pid).stdout
    assert "gcfreeze_warmup_done{" not in gcfreeze("stat", "--prometheus=-", "--pid", server.pid).stdout
    assert "warm-up" not in findings(gcfreeze("doctor", "--json", "--pid", server.pid))


RAN = "%s ran before the first fork: 31.0 MiB in 0.9 s, after 1.8 s of trials"


def of_doctor(gcfreeze, pid, topic="warm-up"):
    found = json.loads(gcfreeze("doctor", "--json", "--pid", pid).stdout)
    return [(f["mark"], f["finding"], f.get("advice")) for f in found if f["topic"] == topic]


@pytest.mark.parametrize(
    "figures, found",
    [
        ({}, [("good", RAN % "5 pages or functions")]),
        ({"done": 1, "left_out": 2}, [("good", RAN % "1 page or function"), ("warning", "2 of 3 pages and functions were left out")]),
        ({"done": 0, "left_out": 1}, [("warning", "1 of 1 pages and functions were left out")]),
    ],
    ids=str,
)
def test_doctor_shows_it(gcfreeze, prefork, figures, found):
    server = prefork(workers=1, fork=says(**figures))
    assert [finding[:2] for finding in of_doctor(gcfreeze, server.pid)] == found


@pytest.mark.parametrize("fork, words", [("os.fork()", "name pages that do in GCFREEZE_WARMUP"), (says(), "name more pages in GCFREEZE_WARMUP")])
def test_doctor_suggests_it_where_new_memory_dominates(gcfreeze, prefork, fork, words):
    """And says that it does not know which pages."""
    takes = "(lambda pid: pid or taken.append(b'x' * (40 << 20)) or pid)(%s)" % fork
    server = prefork(workers=1, fork=takes, records=10)
    ((mark, _, advice),) = of_doctor(gcfreeze, server.pid, "private")
    assert mark == "warning" and words in advice and "which ones, gcfreeze does not know" in advice


# ---- report


def event(**fields):
    base = {"v": 2, "ts": 1700000000.5, "pid": 100, "event": "warm-up", "script": "gunicorn", "python": "3.13.0"}
    base.update(done=6, left_out=2, statuses={"200": 4, "302": 1, "function": 1}, trial_us=1834000, parent_us=901000)
    return {**base, "bytes": 33 * MIB, **fields}


def report(gcfreeze, tmp_path, *events):
    log, page = tmp_path / "log", tmp_path / "page.html"
    log.write_text("".join(json.dumps(one) + "\n" for one in events))
    outcome = gcfreeze("report", log, "-o", page)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    return page.read_text()


def test_a_report_shows_it(gcfreeze, tmp_path):
    text = report(gcfreeze, tmp_path, event(), {**event(), "event": "freeze", "reason": "first-worker-fork", "child": 101})
    page = check(text)
    assert "<li><b>1</b><span>warm-up</span></li>" in text
    assert re.search(r'c5"[^>]*>warm-up<', text)  # a lane
    assert "gunicorn pid 100 6 200: 4, 302: 1, function: 1 2 1834.0 ms 901.0 ms 33.0 MB" in page.text
    reasons = text[text.index("<h2>Reasons") : text.index("<h2>Warm-ups")]
    assert reasons.count("<tr class=") == 1  # it has none


@pytest.mark.parametrize("field", ["done", "left_out", "statuses", "trial_us", "parent_us", "bytes"])
@pytest.mark.parametrize("value", [None, "x", -1, 1e300, {"<b>": "x", "<i>" * 100: 1}], ids=str)
def test_a_report_takes_what_is_odd(gcfreeze, tmp_path, field, value):
    page = check(report(gcfreeze, tmp_path, event(**{field: value, "unknown": [1]})))
    assert "Warm-ups" in page.text
