"""`gcfreeze report`: a page from a log of events."""

import json
import os
import pty
import re
import subprocess

import pytest
from conftest import LIBRARY, PROGRAM, clean_environment, newest_python
from pages import check, check_layout

FAILED = 125
NOW = 1700000000.5


def event(kind, at=0, **fields):
    base = {"v": 2, "ts": NOW + at, "pid": 100, "event": kind}
    if kind in ("freeze", "skip"):
        base.update(child=101, reason="nothing-new", caller="os.fork", script="gunicorn")
        base.update(python="3.13.0", fork_us=2500)
    if kind == "freeze":
        base.update(reason="first-worker-fork", mode="immortal", tracked=676396, collect_us=0)
        base.update(freeze_us=222, immortal=1234567, complete=True, immortal_us=38000)
    if kind.startswith("reshare"):
        base.update(reason="ok", script="gunicorn", python="3.13.0", pages_given_back=2560)
        base.update(pages_kept=10, pass_us=4000)
    return {**base, **fields}


@pytest.fixture
def report(gcfreeze, tmp_path):
    """report(events or text): (the outcome, the page's text or None)"""

    def run(*lines, **options):
        log, page = tmp_path / "log.jsonl", tmp_path / "page.html"
        page.unlink(missing_ok=True)
        with log.open("wb") as file:
            for line in lines:
                if isinstance(line, dict):
                    line = json.dumps(line)
                file.write((line if isinstance(line, bytes) else line.encode()) + b"\n")
        outcome = gcfreeze("report", log, "-o", page, **options)
        return outcome, page.read_text() if page.exists() else None

    return run


def tiles(text):
    return {name: figure for figure, name in re.findall(r"<li><b>(.*?)</b><span>(.*?)</span>", text)}


@pytest.mark.parametrize("size, figure", [(None, "10.0 MB"), (16384, "40.0 MB")])
def test_pages_have_the_size_that_the_line_says(report, size, figure):
    outcome, text = report(event("reshare", **({"page_size": size} if size else {})))
    assert outcome.returncode == 0 and tiles(text)["given back"] == figure
    assert '<td class="number">%s</td>' % figure in text


# version 1 had another word for a copying and a pass that did all
@pytest.mark.parametrize("version, word", [(1, "none"), (2, "ok")])
def test_a_summary(report, version, word):
    outcome, text = report(
        event("freeze", v=version, snapshot=word, snapshot_bytes=150 << 20, snapshot_us=80000),
        *(event("skip", at, child=200 + at) for at in range(3)),
        event("skip", 4, child=None, errno=11, reason="exec-bound"),
        *(event("reshare", 10 + at, v=version, reason=word, pid=200 + at) for at in range(2)),
        event("message", 20, level="warn", message="something is odd"),
    )
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    page = check(text)
    assert tiles(text) == {
        "forks": "5", "frozen for": "1", "left alone": "4", "fork that failed": "1",
        "processes wrote": "3", "longest freeze": "118.2 ms", "longest fork": "2.5 ms",
        "copied for sharing": "150.0 MB", "passes": "2", "given back": "20.0 MB", "message": "1",
    }  # fmt: skip
    assert "8 events in 20 s" in page.text
    assert 'class="bad"' not in text and ">%s<" % word not in text
    for words in (
        "fewer than GCFREEZE_MIN_NEW objects since the last freeze",
        "the child will execute another program",
        "676396 1234567 immortal",
        "it looked at every page",
        "something is odd",
    ):
        assert words in page.text


def test_a_pass_that_runs_is_none_yet_and_counts_once(report):
    """Its lines say what it has given back so far, each all of it."""
    outcome, text = report(
        event("reshare-running", 0, pages_given_back=256),
        event("reshare-running", 5, pid=101, pages_given_back=100),
        event("reshare-running", 10, pages_given_back=512),
        event("reshare", 20, pages_given_back=768),
        event("reshare-running", 30, pages_given_back=256),
    )
    assert outcome.returncode == 0
    found = tiles(text)
    assert (found["pass"], found["given back"]) == ("1", "4.4 MB")  # 768 + 256 + 100 pages
    page = check(text)
    assert page.text.count("it looked at every page") == 1
    assert re.search(r"100 gunicorn 3\.13\.0 0 0 1 4\.0 MB", page.text)
    assert re.search(r"101 gunicorn 3\.13\.0 0 0 0 0\.4 MB", page.text)


def test_a_log_of_the_library_itself(tmp_path, report):
    log = tmp_path / "events"
    program = """
import os
HEAP = [[i] for i in range(50000)]
for _ in range(3):
    if os.fork() == 0:
        os._exit(0)
    os.wait()
"""
    variables = {"LOG": "info", "LOG_FORMAT": "json", "LOG_FILE": str(log), "BOGUS": "1"}
    variables = {"GCFREEZE_" + name: value for name, value in variables.items()}
    subprocess.run(
        [newest_python(), "-c", program],
        env=clean_environment(LD_PRELOAD=LIBRARY, **variables),
        check=True,
    )
    outcome, text = report(*log.read_text().splitlines())
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert {"forks": "3", "frozen for": "1", "left alone": "2", "message": "1"}.items() <= tiles(text).items()
    assert "GCFREEZE_BOGUS" in check(text).text


@pytest.mark.parametrize(
    "line",
    [
        "gcfreeze[1]: freeze first-worker-fork child=2",
        '{"v":1,"ts":1,"pid":1,"event":"freeze"',
        '{"v":3,"ts":1,"pid":1,"event":"freeze"}',
        '{"v":1,"ts":1,"pid":1,"event":"thaw"}',
        '{"v":1,"pid":1,"event":"skip"}',
        '{"v":1,"ts":1e300,"pid":1,"event":"skip"}',
        '{"v":1,"ts":"1","pid":1,"event":"skip"}',
        '{"v":1,"ts":1,"pid":-5,"event":"skip"}',
        '{"v":1,"ts":1,"pid":1e30,"event":"skip"}',
        '{"v":1,"ts":1,"pid":1,"event":"skip"} {}',
        "[1]",
        "null",
        "[" * 100000,
        b'{"v":1,"ts":1,"pid":1,"event":"skip"}\0',
        b"\xff\xfe\x00",
    ],
)
def test_broken_lines_are_counted_and_said(report, line):
    outcome, text = report(event("freeze"), line, "", "  ", event("skip"))
    assert outcome.returncode == 0
    assert "1 of 3 lines are no events and are left out" in outcome.stderr
    assert "1 of 3 lines of the log are no events" in check(text).text
    assert tiles(text)["forks"] == "2"


def test_fields_of_the_wrong_type_are_missing_fields(report):
    odd = dict.fromkeys(("reason", "script", "python", "mode", "message", "snapshot"), 7)
    numbers = ("tracked", "immortal", "freeze_us", "fork_us", "snapshot_bytes", "collect_us")
    odd.update(dict.fromkeys(numbers, "x"))
    outcome, text = report(
        event("freeze", **odd),
        event("freeze", **dict.fromkeys(numbers, 1e300)),
        event("freeze", **dict.fromkeys(numbers, -1)),
        event("message", level=[], message={}),
    )
    assert outcome.returncode == 0
    check(text)
    assert tiles(text)["frozen for"] == "3"


def test_what_the_log_says_is_escaped(report):
    evil = "</td><script>alert(1)</script>&amp;'\"\u0007é漢"
    outcome, text = report(
        event("freeze", script=evil, reason=evil, mode=evil, snapshot=evil, python=evil),
        event("message", level=evil, message=evil + "x" * 5000),
    )
    page = check(text)
    assert outcome.returncode == 0
    assert "<script" not in text
    assert "</td><script>alert(1)</script>&amp;'\" é漢xxx" in page.text


def test_one_event_is_enough(report):
    for one in ("freeze", "skip", "reshare", "reshare-running"):
        outcome, text = report(event(one))
        assert outcome.returncode == 0
        check(text)


def test_a_log_of_a_year_makes_a_page_of_its_own_size(report):
    outcome, text = report(
        *(event("skip", at * 300, pid=1000 + at % 500, child=5000 + at) for at in range(100000)),
        *(event("freeze", at * 3600) for at in range(2000)),
    )
    assert outcome.returncode == 0
    page = check(text)
    assert len(text) < 400000
    assert "The last 60 of 2000." in page.text and "The busiest 60 of 501." in page.text
    assert tiles(text)["forks"] == "102000"


def test_events_are_put_in_order(report):
    _, text = report(event("freeze", 50, script="afternoon"), event("freeze", 0, script="morning"))
    assert text.index("morning") < text.index("afternoon")


def test_nothing_to_report(report):
    outcome, text = report("no log at all")
    assert (outcome.returncode, text) == (FAILED, None)
    assert "none of its 1 lines is an event; GCFREEZE_LOG=info" in outcome.stderr


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ([], "which log?"),
        (["a", "b"], "one log at a time"),
        (["/no/such/log"], "/no/such/log: cannot be read: No such file or directory"),
        (["/tmp"], "/tmp: cannot be read: Is a directory"),
        (["/dev/null"], "/dev/null: it is empty; GCFREEZE_LOG=info"),
        (["/dev/null", "-o", "/no/such/folder/page"], "cannot be written: No such file"),
        (["--frobnicate"], "`gcfreeze report --help` says how it is used"),
    ],
)
def test_misuse(gcfreeze, arguments, sentence):
    outcome = gcfreeze("report", *arguments)
    assert (outcome.returncode, outcome.stdout) == (FAILED, "")
    assert sentence in outcome.stderr


def test_from_stdin_to_stdout():
    done = subprocess.run(
        [PROGRAM, "report", "-"], input=json.dumps(event("freeze")), text=True,
        env=clean_environment(), stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    assert "stdin" in check(done.stdout).text


def test_a_terminal_gets_no_page(tmp_path):
    log = tmp_path / "log"
    log.write_text(json.dumps(event("freeze")))
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [PROGRAM, "report", log], env=clean_environment(), stdout=theirs, text=True,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(theirs)
    os.close(ours)
    assert done.returncode == FAILED and "a page is not for terminals" in done.stderr


def test_a_full_disk_is_no_success(gcfreeze, tmp_path):
    log = tmp_path / "log"
    log.write_text(json.dumps(event("freeze")))
    outcome = gcfreeze("report", log, "-o", "/dev/full")
    assert outcome.returncode == FAILED
    assert "/dev/full: cannot be written: No space left on device" in outcome.stderr


@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_is_clipped_or_covered(report, tmp_path, width):
    report(
        *(event("skip", at * 40, pid=1000 + at % 5) for at in range(100)),
        *(event("freeze", at * 900, snapshot="no-room", snapshot_bytes=0) for at in range(5)),
        *(event("reshare", at * 100, pid=1000 + at % 5) for at in range(40)),
        event("message", 3000, level="warn", message="word " * 60),
    )
    check_layout(tmp_path / "page.html", width)
