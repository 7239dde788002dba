"""`gcfreeze top` in a terminal, with the keys of a person; and where there is none."""

import os
import re
import signal
import subprocess
import sys

import pytest
from conftest import PROGRAM, clean_environment
from prefork import NOBODY, as_nobody, folder, prefork  # noqa: F401
from servers.process import read_stat, wait_for
from terminal import terminal  # noqa: F401

SUMMARY = re.compile(r"gcfreeze \S+  \d\d:\d\d:\d\d  servers: (\d+), processes: (\d+), MiB: [\d.]+")


def rows(lines):
    """The cells of the lines that stand for processes."""
    cells = [line.split() for line in lines]
    return [row for row in cells if len(row) == 9 and row[0].isdigit()]


def pids(lines):
    return [int(row[0]) for row in rows(lines)]


def foot(lines):
    return next((line for line in lines if line.startswith("sorted by")), "")


@pytest.fixture
def shown(prefork, terminal):
    """shown("-d", 60, workers=3): (server, terminal) with top's table on the screen."""

    def show(*options, columns=100, height=30, **server_options):
        server = prefork(**server_options)
        screen = terminal(columns, height)
        screen.before = screen.modes()
        screen.start("top", "--pid", server.pid, *options)
        screen.wait("the table", lambda lines: foot(lines) and len(rows(lines)) > 0)
        return server, screen

    return show


def wait_for_shell(screen, text=""):
    def there(lines):
        return lines[-1].startswith("ready$") and text in "\n".join(lines)

    lines = screen.wait("the shell", there)
    assert screen.modes() == screen.before
    return lines


# ---- what is shown


def test_the_table_and_the_way_out(shown):
    server, screen = shown(workers=3)
    lines = screen.lines()
    assert SUMMARY.match(lines[0]).groups() == ("1", "4")
    assert lines[1].split()[:3] == ["PID", "ROLE", "RSS"]
    assert lines[2] == server.command
    assert pids(lines) == [server.pid, *server.workers]
    assert foot(lines) == lines[-1] and len(lines) == 30
    assert screen.modes() != screen.before
    screen.type("q")
    lines = wait_for_shell(screen)
    assert not SUMMARY.match(lines[0])  # what was on the screen before is there again


def test_columns_sort_and_reverse(shown):
    server, screen = shown("-d", "60", workers=3)
    os.kill(server.workers[1], signal.SIGUSR1)  # takes 20 MB

    def largest_private(lines):
        return "sorted by private" in foot(lines) and pids(lines)[0] == server.workers[1]

    screen.type("5")
    screen.wait("the column", lambda lines: "sorted by private" in foot(lines))
    wait_for("the memory", lambda: screen.type("Space") or largest_private(screen.lines()))
    sizes = [float(row[4]) for row in rows(screen.lines())]
    assert sizes == sorted(sizes, reverse=True)
    screen.type("5")
    lines = screen.wait("the other order", lambda lines: "private, reversed" in foot(lines))
    assert pids(lines)[-1] == server.workers[1]
    screen.type("1")
    lines = screen.wait("pids", lambda lines: "sorted by pid" in foot(lines))
    assert pids(lines) == sorted(pids(lines))
    screen.type("r")
    lines = screen.wait("pids, reversed", lambda lines: "pid, reversed" in foot(lines))
    assert pids(lines) == sorted(pids(lines), reverse=True)
    screen.type("t")
    lines = screen.wait("the tree", lambda lines: "sorted by tree" in foot(lines))
    assert pids(lines) == [server.pid, *server.workers]


def filled(rows):
    """Drawn anew from the first line to the last: the terminal has moved what it had, too."""
    return lambda lines: (
        len(lines) == rows and lines[0].startswith("gcfreeze ") and foot(lines) == lines[-1]
    )


def test_80_columns_are_enough(shown):
    _, screen = shown(columns=80)
    lines = screen.lines()
    assert lines[1].endswith("SINCE FORK") and len(lines[1]) == 80
    assert re.search(r" \d+s$", lines[5])


def test_another_size(shown):
    server, screen = shown("-d", "60", workers=3)
    screen.resize(50, 12)
    lines = screen.wait("a small screen", filled(12))
    assert all(len(line) <= 50 for line in lines)
    assert lines[1].split()[0] == "PID"
    screen.resize(140, 40)
    lines = screen.wait("a large screen", filled(40))
    assert pids(lines) == [server.pid, *server.workers]
    screen.resize(1, 1)
    screen.resize(100, 30)
    screen.wait("the first size", filled(30))
    screen.type("q")
    wait_for_shell_of_any_size(screen)


def wait_for_shell_of_any_size(screen):
    screen.wait("the shell", lambda lines: lines[-1].startswith("ready$"))
    assert screen.modes()[1] == screen.before[1]


def test_200_processes_and_scrolling(shown):
    server, screen = shown("-d", "60", workers=200, records=1000)
    seen = set(pids(screen.lines()))
    assert len(seen) < 40 and "arrows scroll" in foot(screen.lines())

    def after(key):
        """The screen once its last line, which says where we are, is another one."""
        before = foot(screen.lines())
        screen.type(key)
        return screen.wait(key, lambda lines: foot(lines) not in ("", before))

    assert after("Down")[2].startswith("  CPython")
    assert after("Up")[2] == server.command
    while "-205 of 205" not in foot(screen.lines()):
        seen |= set(pids(after("PageDown")))
    assert seen == {server.pid, *server.workers}
    assert after("Home")[2] == server.command
    lines = after("End")
    assert lines[-2].split()[:3] == ["total", "of", "201"]
    assert lines[1].split()[0] == "PID"
    after("PageUp")
    assert after("Home")[2] == server.command


# ---- what happens meanwhile


def test_a_worker_that_dies(shown):
    server, screen = shown("-d", "0.1", workers=3)
    dead = server.workers.pop(1)
    os.kill(dead, signal.SIGKILL)
    lines = screen.wait("one worker less", lambda lines: len(rows(lines)) == 3)
    assert pids(lines) == [server.pid, *server.workers]


def test_a_server_that_ends(shown):
    server, screen = shown("-d", "0.1", workers=2)
    os.kill(server.pid, signal.SIGKILL)
    screen.wait("the end", lambda lines: "the process has ended" in lines)
    screen.type("q")
    wait_for_shell(screen)


def test_servers_come_and_go(terminal, prefork):
    screen = terminal(rows=1000)  # all servers of this machine fit
    screen.start("top", "-d", "0.1")
    screen.wait("the screen", foot)
    server = prefork(workers=1)
    screen.wait("it", lambda lines: server.command in lines)
    server.stop()
    screen.wait("its end", lambda lines: foot(lines) and server.command not in lines)


# ---- ways out


@pytest.mark.parametrize("key", ["q", "Q", "C-d"])
def test_keys_that_quit(shown, key):
    _, screen = shown()
    screen.type(key)
    wait_for_shell(screen)
    screen.type("echo status $?", "Enter")
    wait_for_shell(screen, "status 0")


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT]
)
def test_signals_give_the_terminal_back(shown, number):
    _, screen = shown()
    os.kill(screen.foreground(), number)
    wait_for_shell(screen)
    screen.type("echo status $?", "Enter")
    wait_for_shell(screen, "status %d" % (128 + number))


def test_control_c(shown):
    _, screen = shown()
    screen.type("C-c")
    wait_for_shell(screen)
    screen.type("echo status $?", "Enter")
    wait_for_shell(screen, "status 130")


def test_to_the_background_and_back(shown):
    server, screen = shown("-d", "60", workers=2)
    screen.type("C-z")
    wait_for_shell(screen, "Stopped")
    screen.type("fg", "Enter")
    lines = screen.wait("the table again", lambda lines: foot(lines) and SUMMARY.match(lines[0]))
    assert pids(lines) == [server.pid, *server.workers]
    assert screen.modes() != screen.before
    screen.type("q")
    wait_for_shell(screen)


def test_stopped_from_outside_and_continued(shown):
    server, screen = shown("-d", "60", workers=2)
    pid = screen.foreground()
    os.kill(pid, signal.SIGSTOP)
    screen.wait("the shell", lambda lines: "Stopped" in "\n".join(lines))
    screen.type("fg", "Enter")
    screen.wait("the table again", lambda lines: foot(lines) and SUMMARY.match(lines[0]))
    screen.type("q")
    wait_for_shell(screen)


def test_control_s_does_not_stop_it(shown):
    server, screen = shown("-d", "0.1", workers=2)
    screen.type("C-s")
    os.kill(server.workers[0], signal.SIGKILL)
    screen.wait("one worker less", lambda lines: len(rows(lines)) == 2)
    screen.type("q")
    wait_for_shell(screen)


def test_a_terminal_that_hangs_does_not_keep_it_alive(shown):
    _, screen = shown("-d", "0.1")
    pid, tmux = screen.foreground(), int(screen.value("pid"))
    os.kill(tmux, signal.SIGSTOP)
    try:
        wait_for("blocked output", lambda: writes_to_stdout(pid))
        os.kill(pid, signal.SIGTERM)
        wait_for("its end", lambda: read_stat(pid) is None)
    finally:
        os.kill(tmux, signal.SIGCONT)


def writes_to_stdout(pid):
    """Does it wait in that system call, number 1 with descriptor 1?"""
    with open("/proc/%d/syscall" % pid) as file:
        return file.read().startswith("1 0x1 ")


def test_a_terminal_that_goes_away(shown):
    _, screen = shown()
    pid = screen.foreground()
    screen.call("kill-pane")
    wait_for("its end", lambda: read_stat(pid) is None)


# ---- where there is no screen


def test_one_plain_table_on_a_pipe(gcfreeze, prefork):
    server = prefork(workers=2)
    outcome = gcfreeze("top", "--pid", server.pid)
    assert outcome.returncode == 0 and "\033" not in outcome.stdout
    lines = outcome.stdout.splitlines()
    assert SUMMARY.fullmatch(lines[0]) and pids(lines) == [server.pid, *server.workers]


def test_tables_one_after_the_other(gcfreeze, prefork):
    server = prefork(workers=2)
    outcome = gcfreeze("top", "-b", "-n", 3, "-d", 0.1, "--pid", server.pid, "-s", "pid")
    assert outcome.returncode == 0
    assert len(SUMMARY.findall(outcome.stdout)) == 3
    assert pids(outcome.stdout.splitlines()) == sorted([server.pid, *server.workers]) * 3


def test_tables_end_with_the_server(prefork):
    server = prefork(workers=2)
    top = subprocess.Popen(
        [PROGRAM, "top", "-b", "-d", "0.1", "--pid", str(server.pid)],
        stdout=subprocess.PIPE, text=True, env=clean_environment(),
    )  # fmt: skip
    assert SUMMARY.match(top.stdout.readline())
    server.stop()
    rest = top.communicate(timeout=60)[0]
    assert top.returncode == 0 and rest.endswith("the process has ended\n")


# In a namespace, where the next pid can be chosen.
PID_AGAIN = """
import os, signal, subprocess, sys, time
def sleeper():
    return subprocess.Popen(["sleep", "600"])
old = sleeper()
top = subprocess.Popen([*sys.argv[1:], "top", "-b", "-d", "1", "--pid", str(old.pid)], stdout=subprocess.PIPE, text=True)
top.stdout.readline()
old.kill()
old.wait()
# the kernel tells when a process started in ticks of 10 ms, and that tells one from another
start = time.clock_gettime(time.CLOCK_BOOTTIME)
while time.clock_gettime(time.CLOCK_BOOTTIME) < start + 0.02:
    pass
with open("/proc/sys/kernel/ns_last_pid", "w") as last:
    last.write(str(old.pid - 1))
new = sleeper()
assert new.pid == old.pid
print(top.communicate()[0], end="")
new.kill()
"""


def test_a_pid_that_is_another_process_s_by_now():
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--", sys.executable, "-c", PID_AGAIN]
    if subprocess.run([*command[:6], "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("no namespace of pids here")
    output = subprocess.run(
        [*command, PROGRAM], env=clean_environment(), stdout=subprocess.PIPE, text=True, check=True, timeout=120
    ).stdout  # fmt: skip
    assert output.endswith("the process has ended\n"), output


def test_a_terminal_that_can_do_nothing(terminal, prefork):
    server = prefork(workers=1)
    screen = terminal()
    screen.type("TERM=dumb %s top --color=never --pid %d" % (PROGRAM, server.pid), "Enter")
    lines = screen.wait("a table", lambda lines: "total" in "\n".join(lines))
    assert not foot(lines) and screen.value("alternate_on") == "0"


def test_an_ordinary_user_in_a_terminal(terminal, prefork, as_nobody, folder):
    server = prefork(workers=1)
    screen = terminal(before=NOBODY)
    screen.type("%s/gcfreeze top --pid %d" % (folder, server.pid), "Enter")
    closed = "are closed to this user"
    screen.wait("the table", lambda lines: foot(lines) and closed in "\n".join(lines))
    screen.type("q")
    screen.wait("the shell", lambda lines: lines[-1].startswith("ready$"))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--pid", "4194304"], "--pid=4194304: no such process"),
        (["--pid", "99999999"], "--pid=99999999: no such process"),
        (["-d", "0"], "--delay=0 is not allowed; allowed: seconds from 0.1 to 3600"),
        (["-d", "nan"], "--delay=nan is not allowed"),
        (["-n", "0"], "--rounds=0 is not allowed"),
        (["-s", "size"], "--sort=size is not allowed; allowed: tree, pid"),
        (["something"], '"something" is too much'),
    ],
    ids=str,
)
def test_misuse_is_explained(gcfreeze, arguments, message):
    outcome = gcfreeze("top", *arguments)
    assert outcome.returncode == 125 and outcome.stdout == ""
    assert message in outcome.stderr
