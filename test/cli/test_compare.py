"""`gcfreeze compare`: one server, several modes, the same requests."""

import json
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from comparing import Reader, compare, free_address, modes_of  # noqa: F401
from conftest import LIBRARY, PROGRAM, ROOT, clean_environment
from servers.process import wait_for


# ---- figures ----


def demo(modes, seconds, folder):
    """(the process, {}) of compare over the demonstration's application."""
    gunicorn = ROOT / ".venv" / "gunicorn" / "bin" / "gunicorn"
    if not gunicorn.exists():
        pytest.skip("no .venv/gunicorn: script/bootstrap test makes it")
    address = free_address()
    paths = ["item/7", "search/red-lamp", "collect", "item/190000"]
    command = [PROGRAM, "compare", "--json", "--modes", modes, "--seconds", str(seconds)]
    command += ["--rate=100", "--output", str(folder / "page.html"), "--reshare=1"]
    command += ["--url=http://%s/%s" % (address, path) for path in paths]
    command += ["--", str(gunicorn), "--preload", "--workers=4", "--log-level=warning"]
    command += ["--bind=" + address, "--no-control-socket"]
    return subprocess.Popen(
        [*command, "bench.demo.app:application"],
        cwd=ROOT,
        env=clean_environment(PYTHONDONTWRITEBYTECODE="1"),
        stdout=subprocess.PIPE,
        text=True,
    )


def within(figure, other):
    return abs(figure - other) <= 0.05 * other + 100  # KiB


# the two readings are of one moment only where both are scheduled at once
@pytest.mark.long
@pytest.mark.parametrize("modes", ["off,freeze,immortal", "reshare,full"])
def test_memory_agrees_with_an_independent_reading(tmp_path, modes):
    with demo(modes, 4, tmp_path) as process:
        reader = Reader(process.pid)
        reader.start()
        try:
            stdout = process.communicate(timeout=300)[0]
        finally:
            reader.over.set()
            reader.join()
            process.kill()
    assert process.returncode == 0
    measured = modes_of(stdout)
    assert list(measured) == modes.split(",")
    for mode, figures in measured.items():
        last = figures["samples"][-1]
        _, _, tree, private = reader.at(last["ts"])
        assert figures["complete"] and figures["failures"] == figures["refusals"] == 0
        assert last["workers"] == len(figures["workers"]) == 4
        assert within(figures["tree_kib"], tree), mode
        if figures["snapshot_kib"]:
            continue  # smaps_rollup counts pages of snapshots as private
        for worker in figures["workers"]:
            assert within(worker["own_kib"], private[worker["pid"]]), mode
    if "off" in measured:
        off, freeze, immortal = (measured[mode] for mode in modes.split(","))
        assert off["tree_kib"] > freeze["tree_kib"] > immortal["tree_kib"]
        assert off["own_mean_kib"] > freeze["own_mean_kib"] > immortal["own_mean_kib"]
        assert (off["freezes"], freeze["freezes"], off["python"]) == (0, 1, "")
    else:
        assert all(figures["snapshot_kib"] > 0 for figures in measured.values())
    assert (tmp_path / "page.html").stat().st_size > 10000


@pytest.mark.parametrize("mode", ["off", "freeze"])
def test_memory_alone_is_measured_without_a_url(compare, mode):
    running = compare("--seconds=100", "--modes", mode, "--json")
    wait_for("the workers", lambda: "complete" in running.recorded())
    running.send(signal.SIGINT)  # a last sample is taken at the end
    code, stdout, _ = running.end()
    assert code == 128 + signal.SIGINT
    figures = modes_of(stdout)[mode]
    assert figures["tree_kib"] > 0 and len(figures["workers"]) == 2
    assert "latency_us" not in figures


def test_a_workers_own_memory_in_two_parts(compare, tmp_path):
    page = tmp_path / "page.html"
    running = compare(
        "--seconds=100", "--modes=off", "--json", "--output", page, server=["--copy=30", "--take=12"]
    )
    wait_for("the workers", lambda: running.recorded().count("at work") == 2)
    running.send(signal.SIGINT)
    figures = modes_of(running.end()[1])["off"]
    for worker in [*figures["workers"], {key.replace("_mean", ""): value for key, value in figures.items()}]:
        assert worker["own_kib"] == pytest.approx(worker["new_kib"] + worker["copied_kib"], abs=1)
        parts = worker["new_kib"] / 1024, worker["copied_kib"] / 1024
        assert parts == pytest.approx((12, 30), abs=3)  # they do a little else
    text = page.read_text()
    for title, mean in (("of it new", "new_mean_kib"), ("of it copied", "copied_mean_kib")):
        assert re.search(title + r".*?<td>%.1f MB" % (figures[mean] / 1024), text), title


def test_parts_that_are_not_known_are_not_zero(gcfreeze):
    """Nobody has forked it."""
    arguments = "--modes=off", "--", "sleep", "1"
    figures = modes_of(gcfreeze("compare", "--json", *arguments).stdout)["off"]
    assert figures["own_mean_kib"] > 0
    assert figures["new_mean_kib"] is figures["samples"][0]["copied_mean_kib"] is None
    assert re.search(r"^off .* MB +- +-$", gcfreeze("compare", *arguments).stdout, re.M)


def test_all_is_every_mode_and_none_twice(compare):
    _, stdout, _ = compare("--seconds=1", "--modes=freeze,all,full", "--json").end()
    assert list(modes_of(stdout)) == ["freeze", "off", "immortal", "reshare", "full"]


def test_a_program_that_has_done_its_work_is_measured_until_then(gcfreeze):
    outcome = gcfreeze("compare", "--modes=off", "--json", "--", "sleep", "1")
    figures = modes_of(outcome.stdout)["off"]
    assert outcome.returncode == 0, outcome.stderr
    wanted = json.loads(outcome.stdout)["seconds"]
    assert figures["complete"] and figures["samples"][-1]["seconds"] < wanted


def test_variables_of_each_mode(compare, tmp_path):
    said = tmp_path / "said"
    modes = ["off", "freeze", "immortal", "reshare", "full"]
    running = compare(
        "--url={url}", "--seconds=1", "--modes", ",".join(modes), "--min-new=77", "--reshare=3",
        server=["--environment", said], GCFREEZE_MODE="immortal", LD_PRELOAD=LIBRARY,
    )  # fmt: skip
    assert running.end()[0] == 0
    variables = [json.loads(line) for line in said.read_text().splitlines()]
    names = ("LD_PRELOAD", "GCFREEZE_MODE", "GCFREEZE_RESHARE", "GCFREEZE_MIN_NEW")
    library = str(Path(LIBRARY).with_name("libgcfreeze.so.0"))
    assert [tuple(found.get(name) for name in names) for found in variables] == [
        (None, None, None, "77"),
        (library, "freeze", None, "77"),
        (library, "immortal", None, "77"),
        (library, "freeze", "3", "77"),
        (library, "immortal", "3", "77"),
    ]


# ---- requests ----


@pytest.mark.parametrize("answer", ["keep", "close", "chunked", "unsized"])
def test_every_kind_of_answer_is_understood(compare, answer):
    running = compare(
        "--url={url}", "--seconds=1", "--modes=off", "--connections=2", "--json",
        server=["--answer", answer],
    )  # fmt: skip
    code, stdout, _ = running.end()
    off = modes_of(stdout)["off"]
    requests = Counter(running.recorded())
    assert (code, off["failures"], off["refusals"]) == (0, 0, 0)
    # the first one was to see whether it answers; what was under way at the end does not count
    assert off["answers"] + 1 <= requests["/"] <= off["answers"] + 1 + 2
    assert off["answers"] > 10
    if answer in ("keep", "chunked"):
        assert requests["connection"] == 1 + 2
    else:
        assert requests["connection"] >= requests["/"]


@pytest.mark.long  # a rate can be kept where the clients are scheduled in time
def test_pages_are_asked_for_in_turn_at_the_rate(compare):
    running = compare(
        *("--url={url}%s" % path for path in "abc"),
        "--rate=60", "--connections=4", "--seconds=2", "--modes=off,freeze", "--json",
        server=["--workers=4"],
    )  # fmt: skip
    code, stdout, _ = running.end()
    requests = Counter(running.recorded())
    assert code == 0
    for figures in modes_of(stdout).values():
        # a busy machine measures for longer than it was asked to
        assert abs(figures["answers"] - 60 * figures["seconds"]) <= 8
    assert max(requests[page] for page in ("/a", "/b", "/c")) - min(
        requests[page] for page in ("/b", "/c")
    ) <= 10  # fmt: skip


def test_a_unix_socket(compare, tmp_path):
    path = tmp_path / "socket"
    code, stdout, _ = compare(
        "--url=http://localhost/page", "--unix-socket", path, "--seconds=1", "--json",
        socket=path,
    ).end()  # fmt: skip
    assert code == 0
    assert [f["answers"] > 0 and not f["failures"] for f in modes_of(stdout).values()] == [True] * 3


def test_error_answers_are_counted_and_said(compare):
    code, stdout, _ = compare(
        "--url={url}", "--seconds=1", "--modes=off", server=["--answer=error"]
    ).end()
    assert code == 0
    assert re.search(r"off: (\d+) of \1 answers were errors, such as 500", stdout), stdout


def test_answers_that_are_not_complete_are_failures(compare):
    code, stdout, _ = compare(
        "--url={url}", "--seconds=1", "--modes=off", server=["--answer=half", "--workers=1"]
    ).end()
    assert code == 0
    assert re.search(r"off: \d+ requests failed: what it sends is no HTTP answer", stdout), stdout


def test_latency_is_that_of_the_server(compare):
    """A request that is due while others are waiting for an answer has waited, too."""
    code, stdout, _ = compare(
        "--url={url}", "--seconds=2", "--rate=20", "--modes=off", "--json",
        server=["--delay=0.1", "--workers=1", "--answer=close"],
    ).end()  # fmt: skip
    latency = modes_of(stdout)["off"]["latency_us"]
    assert code == 0
    assert latency["p50"] >= 100000
    assert latency["longest"] >= 500000  # 20 are due in a second, and 10 can be answered
    assert latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["longest"]


# ---- what it prints ----


def test_a_table_for_people(compare):
    code, stdout, stderr = compare("--url={url}", "--seconds=1").end()
    assert code == 0
    rows = [line.split()[0] for line in stdout.splitlines() if " MB " in line]
    assert rows == ["off", "freeze", "immortal"]
    assert "\033" not in stdout + stderr
    assert [line.split()[0] for line in stderr.splitlines() if " answers" in line] == rows


def test_colours_on_request(compare):
    code, stdout, _ = compare("--color=always", "--seconds=1", "--modes=off").end()
    assert code == 0 and "\033[1moff" in stdout


def test_a_library_that_does_nothing_is_noticed(compare):
    code, stdout, _ = compare("--url={url}", "--seconds=1", "--modes=off,freeze", GCFREEZE="0").end()
    assert code == 0
    assert "freeze: nothing was frozen" in stdout
    assert "off: nothing" not in stdout


def test_help_and_version(gcfreeze):
    outcome = gcfreeze("compare", "--help")
    assert outcome.returncode == 0
    for option in ("--url", "--modes", "--unix-socket", "--rate", "-o, --output"):
        assert option in outcome.stdout
    assert gcfreeze("compare", "-V").stdout.startswith("gcfreeze ")
