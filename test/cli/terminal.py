"""A terminal with a shell in it, as a person has one: tmux."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from conftest import PROGRAM, clean_environment
from servers.process import wait_for


class Terminal:
    def __init__(self, folder, columns, rows, before=()):
        self.tmux = ["tmux", "-S", folder + "/socket", "-f", "/dev/null"]
        # dash neither edits lines nor puts a terminal's modes back: it shows what it was left
        start = Path(folder, "start")
        start.write_text("PS1='ready$ '\n")
        self.environment = clean_environment(TERM="xterm-256color", ENV=str(start))
        shell = [*before, "dash"]
        size = ["-x", str(columns), "-y", str(rows)]
        self.call("new-session", "-d", *size, *shell)

    def wait_for_shell(self):
        wait_for("a shell", lambda: self.lines() == ["ready$"])

    def call(self, *command):
        return subprocess.run(
            [*self.tmux, *map(str, command)],
            env=self.environment,
            check=True,
            text=True,
            stdout=subprocess.PIPE,
            timeout=60,
        ).stdout

    def value(self, name):
        return self.call("display-message", "-p", "#{%s}" % name).strip()

    def lines(self):
        """What is on the screen, without empty lines at its end."""
        return self.call("capture-pane", "-p").rstrip("\n").split("\n")

    def type(self, *keys):
        """Names of keys as tmux knows them, or texts."""
        self.call("send-keys", *keys)

    def start(self, *arguments):
        self.type(" ".join([PROGRAM, *map(str, arguments)]), "Enter")

    def wait(self, what, condition):
        """The first screen of which the condition is true."""

        def screen():
            lines = self.lines()
            return lines if condition(lines) else None

        return wait_for(what, screen)

    def resize(self, columns, rows):
        self.call("resize-window", "-x", columns, "-y", rows)

    def foreground(self):
        """The pid of what the shell executes, or of the shell."""
        pid = self.value("pane_pid")
        return int(subprocess.run(["ps", "-o", "tpgid=", "-p", pid], stdout=subprocess.PIPE).stdout)

    def modes(self):
        """(stty's settings, alternate screen, cursor, wrapping of lines): what must come back"""
        stty = subprocess.run(
            ["stty", "-a", "-F", self.value("pane_tty")], check=True, stdout=subprocess.PIPE
        ).stdout
        flags = [self.value(name) for name in ("alternate_on", "cursor_flag", "wrap_flag")]
        return stty, flags

    def close(self):
        """The shell gets SIGHUP; with the last one the server ends."""
        subprocess.run([*self.tmux, "kill-server"], stderr=subprocess.DEVNULL)


@pytest.fixture
def terminal():
    """terminal(columns=100, rows=30)"""
    if not shutil.which("tmux"):
        pytest.skip("tmux is not installed")
    # sockets have short names, and the test's own folder has a long one
    folder = tempfile.mkdtemp(prefix="gcfreeze-tmux-")
    os.chmod(folder, 0o755)
    opened = []

    def open_one(columns=100, rows=30, before=()):
        one = Terminal(folder, columns, rows, before)
        opened.append(one)
        one.wait_for_shell()
        return one

    yield open_one
    for one in opened:
        one.close()
    shutil.rmtree(folder)
