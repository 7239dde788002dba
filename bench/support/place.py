"""gunicorn with the measured application, as a contender runs it."""

import contextlib
import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path

from bench.demo import server
from bench.support.setup import ROOT

WORKERS = 8
SECONDS = 30


@dataclass
class Place:
    """Where and with what is measured."""

    setup: object
    python: object
    directory: Path
    workload: str = "catalogue"
    megabytes: float = 150

    @property
    def events(self):
        return self.directory / "events"

    @property
    def forks(self):
        return self.directory / "forks"

    def beside(self, name):
        """The same, with files of its own: for a server at the same time."""
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        return dataclasses.replace(self, directory=directory)

    def environment(self, contender):
        knobs = dict(contender.knobs)
        if knobs:
            knobs.update(GCFREEZE_LOG="info", GCFREEZE_LOG_FORMAT="json")
            knobs["GCFREEZE_LOG_FILE"] = str(self.events)
        return dict(
            knobs,
            HOME=str(self.directory),
            PYTHONHASHSEED="0",
            BENCH_WORKLOAD=self.workload,
            BENCH_MEGABYTES=str(self.megabytes),
        )

    def kind(self, contender, prefix=()):
        return server.Kind(
            python=str(ROOT / ".venv" / ("gunicorn-" + self.python.version) / "bin" / "python"),
            workers=WORKERS,
            application="bench.workloads.app:application",
            options=("--timeout", "120", *contender.options),
            prefix=prefix,
        )

    @contextlib.contextmanager
    def starting(self, contender, prefix=(), **extra):
        """A server that may still load."""
        for file in (self.events, self.forks):
            file.unlink(missing_ok=True)
        library = self.setup.library if contender.knobs else None
        env = {**self.environment(contender), **extra}
        with server.running(
            library, self.directory / "log", self.kind(contender, prefix), **env
        ) as running:
            yield running

    @contextlib.contextmanager
    def running(self, contender, prefix=(), **extra):
        """A server whose workers are up."""
        with self.starting(contender, prefix, **extra) as running:
            running.wait_for_workers()
            yield running

    def read_events(self, kind):
        """Of the last line there may be a part: the server goes on writing."""
        text = self.events.read_bytes()
        lines = map(json.loads, text[: text.rfind(b"\n") + 1].decode().splitlines())
        return [event for event in lines if event["event"] == kind]

    def passes(self, workers):
        """The workers' passes. One that was declined is not what is measured here."""
        copying = self.read_events("freeze")[0]["snapshot"]
        found = [event for event in self.read_events("reshare") if event["pid"] in workers]
        reasons = {copying, *(event["reason"] for event in found)}
        if reasons != {"ok"}:
            raise server.Failed("passes or copies were declined: %s" % sorted(reasons))
        return found

    def wait_for_passes(self, workers):
        """Neither is a worker that made none by now, or soon."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            found = self.passes(workers)
            if {event["pid"] for event in found} == set(workers):
                return found
            time.sleep(0.1)
        raise server.Failed("a worker made no pass")

    def check_frozen(self, contender):
        """A contender that did not do what it is here for would be measured as another one."""
        if contender.knobs:
            mode = dict(contender.knobs)["GCFREEZE_MODE"]
            found = {event["mode"] for event in self.read_events("freeze")}
            if found != {mode}:
                raise server.Failed("%s: frozen with %s" % (contender.name, sorted(found)))
