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


# ---- words


@pytest.mark.parametrize(
    "word", ["events/", "module", "module:", ":function", "a.:b", "1a:b", "a:b()", "http://", "https:///x", "ftp://x/", "@file", "http://:80/", "http://x:y/", "http://x:80a", "/%41%zz"]
)
def test_a_bad_word_is_one_line_and_no_reason_to_stop(gcfreeze, word):
    for command in ["run", "--warmup", "/ " + word, "--", "true"], ["env", "--warmup=/ " + word]:
        outcome = gcfreeze(*command)
        assert outcome.returncode == 0
        assert outcome.stderr == 'gcfreeze: warning: GCFREEZE_WARMUP: "%s"%s%s\n' % (word, ALLOWED, LEFT_OUT)


@pytest.mark.parametrize(
    "word", ["/", "/a?b=c#d", "http://shop.example.com/", "https://localhost:8000", "http://x:/", "/%41?%zz", "m:f", "a.b_1:C.d", "é.ü:ß"]
)
def test_a_good_word_is_no_matter(gcfreeze, word):
    outcome = gcfreeze("run", "--warmup", word, "--", "sh", "-c", 'echo "$GCFREEZE_WARMUP"')
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, word + "\n", "")


def test_words_of_a_file(gcfreeze, tmp_path):
    pages = tmp_path / "pages"
    pages.write_bytes(b"# the shop's\n/\r\n\n  /events/  \nshop.views:warm\nevents/\n@%s\n#/x" % os.fsencode(pages))
    outcome = gcfreeze("run", "--warmup", "@%s @/no/such @/tmp" % pages, "--", "true")
    assert outcome.returncode == 0
    assert [line.split('GCFREEZE_WARMUP: "')[1] for line in outcome.stderr.splitlines()] == [
        'events/" in @%s%s%s' % (pages, IN_A_FILE, LEFT_OUT),
        '@%s" in @%s%s%s' % (pages, pages, IN_A_FILE, LEFT_OUT),
        '@/no/such" cannot be read: No such file or directory' + LEFT_OUT,
        '@/tmp" cannot be read: Is a directory' + LEFT_OUT,
    ]


def test_a_bad_word_does_not_reach_the_terminal_as_a_command(gcfreeze):
    outcome = gcfreeze("run", "--warmup", "a\033[31mb /é", "--", "true")
    assert ['"a\\x1b[31mb"' in line or '"/\\xc3\\xa9"' in line for line in outcome.stderr.splitlines()] == [True] * 2
    assert "\033" not in outcome.stderr


def test_doctor_names_bad_words_with_the_other_settings(gcfreeze):
    outcome = gcfreeze("doctor", "--json", GCFREEZE_WARMUP="/ events/")
    assert findings(outcome)["settings"] == ("warning", 'GCFREEZE_WARMUP: "events/"' + ALLOWED + LEFT_OUT)
    assert outcome.returncode == WARNINGS and outcome.stderr == ""


# ---- doctor: what it will do with a command


RUNS = "%s runs %s before it forks its first worker; each is tried in a child first"
NO_PAGES = "%s is not asked for pages: %d of %d words of GCFREEZE_WARMUP are left out"
NOTHING = "%s forks no workers that share what it has loaded: GCFREEZE_WARMUP has nothing to warm up"


@pytest.mark.parametrize(
    "words, command, mark, finding",
    [
        ("/ /b m:f", "gunicorn --preload app", "good", RUNS % ("gunicorn", "2 pages and 1 function")),
        ("/", "uwsgi --master --module app", "good", RUNS % ("uWSGI", "1 page")),
        ("m:f m:g", "celery -A app worker", "good", RUNS % ("Celery", "2 functions")),
        ("/ m:f", "celery -A app worker", "warning", NO_PAGES % ("Celery", 1, 2)),
        ("/ m:f", "shop", "warning", NO_PAGES % ("shop", 1, 2)),
        ("/ m:f", "gunicorn app", "warning", NOTHING % "gunicorn"),
        ("m:f", "granian app", "warning", NOTHING % "Granian"),
        ("m:f", "uvicorn app", "warning", NOTHING % "uvicorn"),
        ("m:f", "celery -A app beat", "warning", NOTHING % "Celery"),
        ("/", "uwsgi --module app", "warning", NOTHING % "uWSGI"),
    ],
)
def test_doctor_says_what_a_host_will_do_with_the_words(gcfreeze, program, words, command, mark, finding):
    name, *arguments = command.split()
    command = ["doctor", "--json", "--", program(name), *arguments]
    assert findings(gcfreeze(*command, GCFREEZE_WARMUP=words))["warm-up"] == (mark, finding)
    assert "warm-up" not in findings(gcfreeze(*command))


def test_doctor_looks_at_what_a_supervisor_starts(gcfreeze, program, tmp_path):
    (tmp_path / "Procfile").write_text("web: gunicorn --preload app\njobs: celery -A app worker\n")
    outcome = gcfreeze("doctor", "--json", "--", program("honcho"), "start", cwd=tmp_path, GCFREEZE_WARMUP="/")
    assert [(f["mark"], f["finding"]) for f in json.loads(outcome.stdout) if f["topic"] == "warm-up"] == [
        ("good", RUNS % ("web: gunicorn", "1 page")),
        ("warning", NO_PAGES % ("jobs: Celery", 1, 1)),
    ]


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


# ---- compare


def test_compare_runs_one_more_mode(compare, tmp_path):
    said, page = tmp_path / "said", tmp_path / "page.html"
    running = compare(
        "--url={url}", "--seconds=1", "--modes=freeze", "--warmup=/ /b", "--json", "--output", page,
        server=["--environment", said],
    )  # fmt: skip
    code, stdout, stderr = running.end()
    assert code == 0, stderr
    assert list(modes_of(stdout)) == ["freeze", "warm"]
    variables = [json.loads(line) for line in said.read_text().splitlines()]
    names = ("GCFREEZE_MODE", "GCFREEZE_WARMUP")
    assert [tuple(found.get(name) for name in names) for found in variables] == [
        ("freeze", None), ("auto", "/ /b"),
    ]  # fmt: skip
    text = page.read_text()
    assert "Warm-up / /b" in check(text).text
    assert '<th class="key c5">warm</th>' in text and ".c5{" in text


@pytest.mark.parametrize("modes, expected", [("warm,off", ["warm", "off"]), ("all", ["off", "freeze", "immortal", "reshare", "full", "warm"])])
def test_its_place_may_be_said(gcfreeze, modes, expected):
    outcome = gcfreeze("compare", "--json", "--seconds=1", "--modes", modes, "--warmup=m:f", "--", "sleep", "0.3")
    assert list(modes_of(outcome.stdout)) == expected


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--warmup=/ events/"], '"events/"' + ALLOWED),
        (["--warmup=@/dev/null"], "--warmup=@/dev/null: no page and no function"),
        (["--modes=off,warm"], "warm needs pages or functions"),
    ],
)
def test_compare_starts_nothing_without_words(gcfreeze, tmp_path, options, sentence):
    started = tmp_path / "started"
    outcome = gcfreeze("compare", *options, "--", "touch", started)
    assert outcome.returncode == 125 and sentence in outcome.stderr and "left out" not in outcome.stderr
    assert not started.exists()


# ---- a server that is warmed up

APPLICATION = """
kept = []

def application(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        start_response("500 Oops", [])
        return [b""]
    if not kept:  # 20 MB and more
        kept.extend([number] for number in range(200000))
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

def load():
    pass
"""
WORDS = "/ /page shop:load /fail missing:f"


@pytest.fixture
def gunicorn(tmp_path):
    """(its command for a prefork server of APPLICATION, its address)"""
    program = ROOT / ".venv" / "gunicorn" / "bin" / "gunicorn"
    if not program.exists():
        pytest.skip("no .venv/gunicorn: script/bootstrap test makes it")
    (tmp_path / "shop.py").write_text(APPLICATION)
    address = free_address()
    options = ["--preload", "--workers=2", "--bind=" + address, "--no-control-socket", "--chdir", str(tmp_path)]
    return [str(program), *options, "shop:application"], address


def test_a_warmed_server_in_every_view(gcfreeze, gunicorn, tmp_path):
    log, page = tmp_path / "log", tmp_path / "page.html"
    variables = {"GCFREEZE_LOG": "info", "GCFREEZE_LOG_FORMAT": "json", "GCFREEZE_LOG_FILE": str(log)}
    server = subprocess.Popen(
        [PROGRAM, "run", "--warmup", WORDS, "--", *gunicorn[0]], env=clean_environment(**variables), stderr=subprocess.DEVNULL
    )
    try:
        found = wait_for("two workers", lambda: with_workers(gcfreeze, server.pid))
        done, left_out, trial, parent, grown = found.pop(server.pid)
        assert (done, left_out) == (3, 2) and trial > 0 and parent > 0 and grown > 15 * MIB
        assert set(found.values()) == {(None,) * 5}
        assert re.search(r"^  warm-up: 3 done, 2 left out, \d+\.\d MiB in ", gcfreeze("stat", "--pid", server.pid).stdout, re.M)
        good, warning = of_doctor(gcfreeze, server.pid)
        assert good[0] == "good" and good[1].startswith("3 pages or functions ran before the first fork: ")
        assert warning[:2] == ("warning", "2 of 5 pages and functions were left out")
    finally:
        server.terminate()
        server.wait()
    outcome = gcfreeze("report", log, "-o", page)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert re.search(r"pid %d 3 200: 2, function: 1 2 [\d.]+ ms [\d.]+ ms \d+\.\d MB" % server.pid, check(page.read_text()).text)


def with_workers(gcfreeze, pid):
    """The figures of its processes; before, it has children that try its pages."""
    found = of_processes(gcfreeze, pid)
    return found if len(found) == 3 and found[pid][0] is not None else None


def test_compare_measures_what_it_saves(gcfreeze, gunicorn):
    command, address = gunicorn
    outcome = gcfreeze(
        "compare", "--json", "--seconds=1", "--modes=immortal", "--warmup", WORDS, "--url=http://%s/" % address, "--", *command
    )
    assert outcome.returncode == 0, outcome.stderr
    immortal, warm = modes_of(outcome.stdout).values()
    assert "warmup" not in immortal
    assert (warm["warmup"]["done"], warm["warmup"]["left_out"]) == (3, 2)
    assert "2 of 5 pages and functions of the warm-up were left out" in warm["notes"] and "/fail" in warm["notes"]
    assert warm["failures"] == warm["refusals"] == 0
    most = [max(worker["own_kib"] for worker in mode["workers"]) for mode in (immortal, warm)]
    assert most[0] - most[1] > 15 << 10  # one of them at least has answered
