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
