"""gunicorn with the measured application, as a contender runs it."""

import contextlib
import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path

from bench.demo import server
from bench.support import applications, memory

WORKERS = 8  # where nothing else is said
FEW = 4  # in `site`
LIBRARY = "libgcfreeze.so"
SECONDS = 30
PATIENCE = "120"  # gunicorn's and the library's, in seconds: the machine may be busy


@dataclass
class Place:
    """Where and with what is measured."""

    setup: object
    python: object
    directory: Path
    workload: str = "catalogue"
    megabytes: float = 150
    workers: int = WORKERS

    @property
    def application(self):
        return applications.of(self.workload)

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
        knobs = dict(contender.knobs or ())
        if contender.warm:
            knobs["GCFREEZE_WARMUP"] = self.application.warm[contender.warm]
            knobs["GCFREEZE_WARMUP_SECONDS"] = PATIENCE
        if knobs:
            knobs.update(GCFREEZE_LOG="info", GCFREEZE_LOG_FORMAT="json")
            knobs["GCFREEZE_LOG_FILE"] = str(self.events)
        return dict(
            knobs,
            HOME=str(self.directory),
            PYTHONHASHSEED="0",
            **self.application.environment(self),
        )

    def kind(self, contender, prefix=()):
        return server.Kind(
            python=str(self.application.python(self.python.version)),
            workers=self.workers,
            application=self.application.name,
            options=("--timeout", PATIENCE, *contender.options),
            prefix=prefix,
        )

    @contextlib.contextmanager
    def starting(self, contender, prefix=(), **extra):
        """A server that may still load."""
        for file in (self.events, self.forks):
            file.unlink(missing_ok=True)
        library = self.setup.library if contender.preloads else None
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

    def read_events(self, kind=None):
        """Of one kind, or all. Of the last line there may be a part: the server goes on writing."""
        text = self.events.read_bytes()
        lines = map(json.loads, text[: text.rfind(b"\n") + 1].decode().splitlines())
        return [event for event in lines if kind in (event["event"], None)]

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

    def modes(self):
        return {event["mode"] for event in self.read_events("freeze")}

    def copies(self):
        """Counts are written, so that there is something to give back."""
        return self.modes() == {"freeze"}

    def is_warm(self):
        found = self.read_events("warm-up")
        return bool(found) and all(event["done"] and not event["left_out"] for event in found)

    def check_frozen(self, contender, running):
        """A contender that did not do what it is here for would be measured as another one."""
        wanted = dict(contender.knobs or ()).get("GCFREEZE_MODE")
        if wanted and self.modes() != {wanted}:
            raise server.Failed("%s: frozen with %s" % (contender.name, sorted(self.modes())))
        if contender.warm and not self.is_warm():
            raise server.Failed("%s: not everything was warmed up" % contender.name)
        for pid in [running.master, *running.workers()]:
            if memory.maps(pid, LIBRARY) != contender.preloads:
                raise server.Failed("%s: is the library in process %d?" % (contender.name, pid))
