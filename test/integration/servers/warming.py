"""Servers that are warmed up: what they are asked for, what they say about it, and what their workers know."""

import re
import shutil
from pathlib import Path

from servers.server import Gunicorn

APPLICATIONS = [Path(__file__).with_name(name) for name in ("warm.py", "warm_asgi.py", "warm_postgres.py", "warm_pools.py")]
LINE = re.compile(r"gcfreeze\[(\d+)\]: (.*)")
EVENT = re.compile(r'warm-up script="([^"]*)" .*?done=(\d+) left_out=(\d+) statuses="([^"]*)"')


def lay(folder):
    """The applications, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for application in APPLICATIONS:
        shutil.copy(application, folder)
    return folder


def start(command, folder, options, words, app="warm:application", seconds=20, knobs=None, **more):
    knobs = {"LOG": "info", "WARMUP": words, "WARMUP_SECONDS": seconds, **(knobs or {})}
    return Gunicorn(command, lay(folder), options, app=app, knobs=knobs, **more)


class Said:
    """What a log says about a warm-up."""

    def __init__(self, text):
        found = [(int(pid), line) for pid, line in LINE.findall(text)]
        self.events = [(pid, *match.groups()) for pid, line in found if (match := EVENT.match(line))]
        told = [(pid, line) for pid, line in found if line.startswith(("warm-up: ", "GCFREEZE_WARMUP: "))]
        self.lines = [line.split(": ", 1)[1] for _, line in told]
        self.pids = {pid for pid, *_ in self.events} | {pid for pid, _ in told}

    def about(self, word):
        """The one line about this word."""
        found = [line for line in self.lines if line.split(" ", 1)[0].strip('"') == word]
        assert len(found) == 1, (word, self.lines)
        return found[0].split(" ", 1)[1]

    @property
    def outcome(self):
        """(done, left out, {status: how many}), of the one warm-up there was."""
        assert len(self.events) == 1, (self.events, self.lines)
        done, left_out, statuses = self.events[0][2:]
        counts = dict(pair.split(":") for pair in statuses.split())
        return int(done), int(left_out), {kind: int(count) for kind, count in counts.items()}


def said(server):
    return Said(server.stderr())
