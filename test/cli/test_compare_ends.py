"""`gcfreeze compare` when something goes wrong, or somebody has enough: nothing is left running."""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from comparing import WEB, compare, descendants, free_address, modes_of  # noqa: F401
from conftest import PROGRAM, clean_environment
from prefork import rests
from servers.process import read_stat, wait_for

FAILED, CANNOT_RUN, NOT_FOUND = 125, 126, 127


def asked(running, times=5):
    """Waits until the server is under load, and answers with all processes below gcfreeze. Its first
    worker may be at work before the second one is forked."""

    def under_load():
        recorded = running.recorded()
        return "complete" in recorded and recorded.count("/") > times

    wait_for("requests", under_load)
    return descendants(running.process.pid)


def all_gone(pids):
    return not [pid for pid in pids if read_stat(pid)]


# ---- it does not start ----


def test_a_program_that_ends_before_it_was_measured_is_no_success(gcfreeze):
    outcome = gcfreeze("compare", "--seconds=1", "--modes=off", "--", "true")
    if outcome.stdout:  # a sample was quicker than the program
        assert outcome.returncode == 0
    else:
        assert outcome.returncode == FAILED
        assert "mode off: the server ended by itself, with exit code 0" in outcome.stderr


def test_a_server_that_ends_at_once_says_why(compare):
    code, stdout, stderr = compare(
        "--url={url}", "--seconds=1", server=["--fail", "--say", "no database at db:5432"]
    ).end()
    assert (code, stdout) == (FAILED, "")
    assert "mode off: the server ended by itself, with exit code 3" in stderr
    assert "    no database at db:5432" in stderr


def test_a_server_that_does_not_answer(compare):
    running = compare(
        "--url={url}", "--wait=8",  # by then it has long been asked, on a busy machine too
        server=["--answer=silence", "--never", "--say", "still loading"],
    )  # fmt: skip
    pids = asked(running, times=0)
    code, stdout, stderr = running.end()
    assert (code, stdout) == (FAILED, "")
    assert "no answer from %s within 8 s: it accepts connections and does not answer" % running.url in stderr
    assert "    still loading" in stderr
    assert len(pids) >= 4 and all_gone(pids)


def test_a_server_that_listens_elsewhere(compare):
    url = "http://%s/" % free_address()
    code, _, stderr = compare("--url", url, "--wait=1").end()
    assert code == FAILED
    assert "no answer from %s within 1 s: nobody accepts connections there" % url in stderr


def test_a_port_that_is_taken(compare):
    with socket.create_server(("127.0.0.1", 0)) as other:
        url = "http://127.0.0.1:%d/" % other.getsockname()[1]
        running = compare("--url", url)
        code, _, stderr = running.end()
    assert code == FAILED and "somebody accepts connections there already" in stderr
    assert running.recorded() == []


@pytest.mark.parametrize(
    "command, code, sentence",
    [
        ("no-such-server", NOT_FOUND, "no-such-server: there is no such command"),
        ("/etc/passwd", CANNOT_RUN, "it may not be executed"),
        ("/etc", CANNOT_RUN, "it is a directory"),
    ],
)
def test_commands_that_cannot_run(gcfreeze, command, code, sentence):
    outcome = gcfreeze("compare", "--seconds=1", "--", command)
    assert outcome.returncode == code
    assert sentence in outcome.stderr and outcome.stdout == ""


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--url=https://localhost/"], "only http:// is spoken here"),
        (["--url=localhost:8000"], "only http:// is spoken here"),
        (["--url=http:///page"], "no address of a page"),
        (["--url=http://nowhere.invalid/"], "no address of it is known"),
        (["--url=http://[::1]:1/", "--url=http://[::1]:2/"], "another server than"),
        (["--unix-socket=/tmp/x"], "needs a page to ask for"),
        (["--url=http://x/", "--unix-socket=/" + "x" * 200], "at most 107 bytes"),
        (["--seconds=0"], "--seconds=0 is not allowed; allowed: 1 to 86400"),
        (["--seconds=nan"], "--seconds=nan is not allowed"),
        (["--connections=9999"], "allowed: 1 to 1024"),
        (["--rate=fast"], "--rate=fast is not allowed"),
        (["--modes=off,frozen"], 'there is no mode "frozen"; allowed: off, freeze'),
        (["--modes="], 'there is no mode ""'),
        (["--mode=immortal"], "--mode is no option of compare; --modes=immortal"),
        (["--min-new=many"], "GCFREEZE_MIN_NEW"),
        (["--output=/no/such/folder/page.html"], "cannot be written: No such file"),
        (["--output=/tmp"], "cannot be written: Is a directory"),
        (["--frobnicate"], "`gcfreeze compare --help` says how it is used"),
    ],
)
def test_options_that_are_not_allowed(gcfreeze, tmp_path, options, sentence):
    started = tmp_path / "started"
    outcome = gcfreeze("compare", *options, "--", "touch", started)
    assert outcome.returncode == FAILED
    assert sentence in outcome.stderr
    assert not started.exists()


def test_no_command(gcfreeze):
    outcome = gcfreeze("compare", "--seconds=1")
    assert outcome.returncode == FAILED
    assert "what is to be started?" in outcome.stderr


# ---- it ends ----


def test_a_server_that_crashes_is_said_and_measured_until_then(compare, tmp_path):
    crash = tmp_path / "crash"
    running = compare(
        "--url={url}", "--seconds=100", "--rate=100", "--json", "--output", tmp_path / "page.html",
        server=["--crash", crash, "--say", "about to fall"],
    )  # fmt: skip
    asked(running)
    # requests come before the first sample does; after it gcfreeze waits
    wait_for("a sample", lambda: rests(running.process.pid))
    crash.touch()
    code, stdout, stderr = running.end()
    figures = modes_of(stdout)["off"]
    assert code == FAILED
    assert "mode off: the server ended by itself, with exit code 4" in stderr
    assert "    about to fall" in stderr
    assert not figures["complete"] and figures["answers"] > 0 and figures["samples"]
    assert "cut short" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_server_and_writes_what_there_is(compare, tmp_path, number):
    page = tmp_path / "page.html"
    running = compare("--url={url}", "--seconds=100", "--rate=100", "--output", page, "--modes=freeze,off")
    pids = asked(running)
    running.send(number)
    code, stdout, _ = running.end()
    assert code == 128 + number
    assert len(pids) == 4 and all_gone(pids)  # the keeper, the parent, two workers
    assert "(cut short)" in stdout and "freeze " in stdout
    assert "off  " not in stdout
    assert "cut short" in page.read_text()


def test_a_signal_before_the_first_answer(compare):
    running = compare("--url={url}", server=["--answer=silence", "--never"])
    pids = asked(running, times=0)
    running.send(signal.SIGINT)
    code, stdout, _ = running.end()
    assert (code, stdout) == (128 + signal.SIGINT, "")
    assert len(pids) >= 4 and all_gone(pids)


def test_daemons_and_sessions_are_stopped_too(compare):
    running = compare("--url={url}", "--seconds=1", "--modes=off", server=["--daemon", "--stubborn"])
    pids = asked(running)
    code, stdout, _ = running.end()
    assert code == 0 and " MB " in stdout
    assert len(pids) == 4 and all_gone(pids)


def test_a_second_signal_does_not_wait_for_stubborn_workers(compare):
    running = compare("--url={url}", "--seconds=100", "--rate=100", server=["--stubborn"])
    pids = asked(running)
    running.send(signal.SIGINT)
    _, parent, *workers = pids  # the first one is gcfreeze's keeper
    wait_for("the parent's end", lambda: not read_stat(parent))
    assert not all_gone(workers)
    running.send(signal.SIGINT)
    assert running.end()[0] == 128 + signal.SIGINT
    assert all_gone(pids)


@pytest.mark.parametrize("server", [[], ["--daemon"], ["--stubborn"]])
def test_nothing_is_left_if_gcfreeze_is_killed(compare, server):
    running = compare("--url={url}", "--seconds=100", "--rate=100", server=server)
    pids = asked(running)
    running.process.kill()
    wait_for("the server's end", lambda: all_gone(pids))


def test_nohup_stays_in_force(compare):
    running = compare("--url={url}", "--seconds=2", "--modes=off", before=["nohup"])
    asked(running)
    running.send(signal.SIGHUP)
    assert running.end()[0] == 0


# ---- where it writes ----


def test_a_page_replaces_another_as_a_whole(compare, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("before")
    code, _, stderr = compare("--url={url}", "--seconds=1", "--modes=off", "-o", page).end()
    assert code == 0 and page.read_text().startswith("<!doctype html>")
    assert "The page is %s" % page in stderr
    mask = os.umask(0)
    os.umask(mask)
    assert page.stat().st_mode & 0o777 == 0o666 & ~mask
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["page.html", "record"]


def test_a_page_to_stdout(compare):
    code, stdout, _ = compare("--seconds=1", "--modes=off", "-o", "-").end()
    assert code == 0 and stdout.startswith("<!doctype html>") and stdout.endswith("</html>\n")


def test_as_an_ordinary_user(tmp_path):
    """The program, the library and the server where anybody may read them."""
    if os.getuid() != 0:
        pytest.skip("all other tests run as an ordinary user already")
    folder = Path("/tmp/gcfreeze-ordinary-%d" % os.getpid())
    folder.mkdir()
    try:
        shutil.copy(PROGRAM, folder)
        shutil.copy(Path(PROGRAM).with_name("libgcfreeze.so.0"), folder)
        shutil.copy(WEB, folder)
        address = free_address()
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        command += [folder / "gcfreeze", "compare", "--seconds=1", "--json", "--url", "http://%s/" % address]
        command += ["--", "/usr/bin/python3", folder / "web.py", address]
        done = subprocess.run(
            [*map(str, command)], cwd="/", env=clean_environment(), text=True, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    finally:
        shutil.rmtree(folder)
    assert done.returncode == 0, done.stderr
    for figures in modes_of(done.stdout).values():
        assert figures["complete"] and len(figures["workers"]) == 2 and figures["tree_kib"] > 0
