"""Hosts with a mock interpreter, under the real library: python.h and host.c say what they do."""

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

BUILD = Path(os.environ["GCFREEZE_TEST_MOCK"])
LIBRARY = os.environ["GCFREEZE_TEST_LIBRARY"]
SANITIZER = os.environ.get("GCFREEZE_TEST_SANITIZER", "")
# what runs programs that were built for another processor
EMULATOR = shlex.split(os.environ.get("GCFREEZE_TEST_EMULATOR", ""))


def needs(what):
    return pytest.mark.skipif(EMULATOR != [], reason="qemu-user has no " + what)


needs_unwinding = needs("memory of two processes, and unwinding is off")
needs_wipeonfork = needs("MADV_WIPEONFORK")
needs_one_thread = needs("process with one thread: one more is its own")
MUSL = b"/lib/ld-musl-" in (BUILD / "mock_host").read_bytes()


# ThreadSanitizer sets its handlers through the library's sigaction, before it is ready for code that
# it has instrumented. In a child it starts a thread of its own, with malloc, also if a handler forks;
# the mock's rival thread does not end.
TSAN_OPTIONS = ":".join(
    ["handle_%s=0" % name for name in "segv sigbus abort sigill sigfpe".split()]
    + ["report_signal_unsafe=0", "report_thread_leaks=0"]
    + ["suppressions=%s" % Path(__file__).parents[1].joinpath("support/thread-sanitizer.supp")]
)


@dataclass(frozen=True)
class Flavour:
    version: str
    omitted: tuple


UNCHECKED_GET = "_PyThreadState_UncheckedGet"
GET_UNCHECKED = "PyThreadState_GetUnchecked"
DECREF_SHARED = "_Py_DecRefShared"

NEEDS_VFORK = pytest.mark.skipif("tsan" in SANITIZER, reason="ThreadSanitizer makes vfork a fork")

FLAVOURS = {
    "3.7": Flavour("3.7.17 (default)", (GET_UNCHECKED, DECREF_SHARED)),
    "3.8": Flavour("3.8.18 (default)", (GET_UNCHECKED, DECREF_SHARED)),
    "3.12": Flavour("3.12.1 (main)", (GET_UNCHECKED, DECREF_SHARED)),
    "3.14": Flavour("3.14.4 (main)", (UNCHECKED_GET, DECREF_SHARED)),
    "3.99": Flavour("3.99.0 (main)", (UNCHECKED_GET, DECREF_SHARED)),
    "free-threaded by its text": Flavour(
        "3.13.0 experimental free-threading build (main)", (UNCHECKED_GET, DECREF_SHARED)
    ),
    "free-threaded by its exports": Flavour("3.14.0 (main)", (UNCHECKED_GET,)),
}
TREATED = ["3.8", "3.12", "3.14", "3.99"]

DEFAULT = 700  # the collector's own threshold
PUT_OFF = 1000000  # with GCFREEZE_DEFER as it is


@dataclass
class Outcome:
    record: list
    stderr: str
    flavour: str

    def calls(self):
        """What was called of the interpreter, with what is no API: gc.freeze, window, ..."""
        return [line.split(" ")[0] for line in self.record]

    def before(self, mark):
        """The record up to the first line that starts with `mark`."""
        return self.record[: self.index(mark)]

    def index(self, mark):
        return next(i for i, line in enumerate(self.record) if line.startswith(mark))

    def find(self, mark):
        """What follows `mark` in each line that starts with it."""
        return [line[len(mark) :].strip() for line in self.record if line.startswith(mark)]

    def window(self):
        """What happened between the hooks and libc's fork, for the first os.fork."""
        return self.record[self.index("window") + 1 : self.index("real ")]

    def states(self):
        """The collector at the first fork, then in its child, then in its parent."""
        at_fork = self.find("real fork") + self.find("real forkpty")
        return tuple(
            tuple(int(number) for number in STATE.search(line).groups())
            for line in (at_fork[0], self.find("child after")[0], self.find("after")[0])
        )

    def events(self):
        """[(event, reason)] in the order of the log."""
        return EVENT.findall(self.stderr)

    def messages(self):
        """Lines of the log that are no events."""
        return [line for line in self.stderr.splitlines() if not EVENT.search(line)]

    def status(self):
        """The last report of gcfreeze_status, as a dict of words."""
        return dict(pair.split("=", 1) for pair in self.find("status")[-1].split())

    def skipped(self):
        return dict(pair.split("=", 1) for pair in self.find("skipped"))


STATE = re.compile(r"threshold=(\d+) enabled=(\d) frozen=(\d+)")
EVENT = re.compile(r"^gcfreeze\[\d+\]: (freeze|skip) (\S+)", re.M)


def run(
    *commands, flavour="3.12", host="mock_host", omit=(), knobs=None, library=LIBRARY, **mock
):
    """Runs a host and checks what must hold always. `mock` holds MOCK_ variables: fail, signal."""
    environment = {
        "PATH": os.environ["PATH"],
        "LD_PRELOAD": " ".join(filter(None, (SANITIZER, library))),
        "GCFREEZE_LOG": "info",
        "GCFREEZE_STARTUP": "defer",
        "TSAN_OPTIONS": TSAN_OPTIONS,
        "MOCK_VERSION": FLAVOURS[flavour].version,
        "MOCK_OMIT": ",".join(FLAVOURS[flavour].omitted + tuple(omit)),
    }
    if host == "mock_host":
        environment["MOCK_PYTHON"] = str(BUILD / "libmock_python.so")
    environment.update({"GCFREEZE_" + name: str(value) for name, value in (knobs or {}).items()})
    environment.update({"MOCK_" + name.upper(): value for name, value in mock.items()})
    done = subprocess.run(
        [*EMULATOR, str(BUILD / host), *commands], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
    )
    outcome = Outcome(done.stdout.splitlines(), done.stderr, flavour)
    assert done.returncode == 0, "%s\n%s" % (done.stdout, done.stderr)
    assert_rules(outcome)
    return outcome


WINDOW_FORBIDS = {"PyImport_ImportModule", "gc.collect", "sys.getallocatedblocks"}


def assert_rules(outcome):
    """What no scenario may break; the mock itself ends hosts that break the interpreter's rules."""
    in_children = outcome.find("child ")
    assert [line for line in in_children if not line.startswith(("after", "real"))] == []
    calls = outcome.calls()
    assert calls.count("PyGILState_Ensure") == calls.count("PyGILState_Release")
    inside = False
    for call in calls:
        inside = call == "window" or (inside and call != "real")
        assert not (inside and call in WINDOW_FORBIDS), call
