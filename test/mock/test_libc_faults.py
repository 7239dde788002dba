"""Whatever libc refuses the library: the host runs as if nothing had been refused."""

import re
import subprocess
from pathlib import Path

import pytest
from conftest import BUILD, DEFAULT, LIBRARY, run

FAULTS = BUILD / "libmock_faults.so"
ROWS = Path(__file__).with_name("faults.def")

# commands, and knobs; %s is a file
ROADS = {
    "os.fork": (["init", "os.fork", "allocate=20000", "os.fork"], {}),
    "os.forkpty": (["init", "os.forkpty", "allocate=20000", "os.forkpty"], {"PARENT": "keep"}),
    "host": (["init", "detach", "fork", "attach", "allocate=20000", "fork"], {}),
    "late": (["init-quiet", "os.fork", "allocate=20000", "os.fork"], {}),
    "subprocess": (["init", "fork_exec", "spawn", "os.fork"], {"LOG": "debug"}),
    "log file": (["init", "os.fork", "allocate=20000", "os.fork"], {"LOG_FILE": "%s"}),
    "strip": (["init", "preload", "os.fork"], {"EXEC": "strip"}),
    "reshare": (
        ["init", "arenas=3", "os.fork", "arenas=2", "allocate=20000", "os.fork"],
        {"RESHARE": "1", "TEST_RESHARE": "always"},
    ),
}
END = ["os.fork", "state", "resources", "status"]

# without these a line cannot be written: gcfreeze_status tells
SILENT = {"write", "sigprocmask", "sigpending"}


def test_every_function_of_libc_that_is_called_has_a_row():
    listing = subprocess.run(
        ["nm", "--dynamic", "--undefined-only", "--without-symbol-versions", LIBRARY],
        stdout=subprocess.PIPE, text=True, check=True,
    ).stdout
    called = set(re.findall(r"^ +U (\S+)$", listing, re.M))
    rows = set(re.findall(r"^(?:FAILS|ENDS|ALWAYS|NEVER)\((\w+)", ROWS.read_text(), re.M))
    assert len(called) > 40 and called - rows == set()


class Road:
    def __init__(self, name, folder):
        commands, knobs = ROADS[name]
        self.name = name
        self.commands = ["resources", "load", *commands, *END]
        self.log = folder / "log"
        self.knobs = {knob: value.replace("%s", str(self.log)) for knob, value in knobs.items()}

    def run(self, **mock):
        if self.log.exists():
            self.log.unlink()
        library = "%s %s" % (LIBRARY, FAULTS)
        outcome = run(*self.commands, knobs=self.knobs, library=library, **mock)
        outcome.log = outcome.stderr + (self.log.read_text() if self.log.exists() else "")
        return outcome

    def faults(self, folder):
        """Each call of each function once; and from each on all later ones."""
        counts = folder / "counts"
        self.run(counts=str(counts))
        for line in counts.read_text().splitlines():
            name, kind, number = line.split()
            if kind == "always":
                yield from ["%s:1+" % name] if number != "0" else []
                continue
            for n in range(1, int(number) + 1):
                yield "%s:%d" % (name, n)
                yield "%s:%d+" % (name, n)


@pytest.mark.parametrize("name", ROADS)
def test_any_call_of_libc_may_fail(name, tmp_path):
    road = Road(name, tmp_path)
    clean = road.run()
    faults = list(road.faults(tmp_path))
    assert len(faults) > 100
    problems = []
    for fault in faults:
        outcome = road.run(fault=fault)
        problems += ["%s: %s" % (fault, problem) for problem in problems_of(outcome, clean, fault)]
    assert problems == []


def host_lines(outcome):
    """What parent and children saw of the forks, but for what is the library's work."""
    lines = [line for line in outcome.record if re.match(r"(child )?(after|real)", line)]
    lines = [re.sub(r" threshold=.*", "", line) for line in lines]
    return sorted(lines, key=lambda line: line.startswith("child"))


def effect(outcome):
    """What the library did: how much is frozen, copied and given back."""
    frozen = [line.split("frozen=")[1] for line in outcome.find("child after")]
    memory = re.findall(r"(?:snapshot_bytes|pages_given_back)=(\d+)", outcome.log)
    return frozen, memory


def said(outcome):
    """The log without what differs from run to run."""
    return re.sub(r"\[\d+\]|child=\d+|_us=\d+", "", outcome.log)


def is_silent(outcome, clean, function):
    if function == "open":
        return outcome.log.count("cannot open") == 1
    if function == "syscall":  # fstat, which tells whose file stderr is
        return outcome.log.count("\n") < clean.log.count("\n")
    return function in SILENT


def problems_of(outcome, clean, fault):
    function = fault.split(":")[-2]
    if host_lines(outcome) != host_lines(clean):
        yield "the host saw %s" % host_lines(outcome)
    for line in outcome.find("child after"):
        if "threshold=%d enabled=1" % DEFAULT not in line and "fork_exec" not in line:
            yield "a child has " + line
    if not re.match(r"threshold=(700|1000000) enabled=1 .*error=none", outcome.find("state")[0]):
        yield "the parent has " + outcome.find("state")[0]
    if len(set(outcome.find("resources"))) != 1:
        yield "left behind: %s" % outcome.find("resources")
    if outcome.status()["seen"] != clean.status()["seen"]:
        yield "forks were not seen"
    if is_silent(outcome, clean, function):
        return
    # where no interpreter is found, nobody asked for lines
    unseen = int(outcome.skipped().get("no-interpreter", 0))
    if effect(outcome) != effect(clean) and said(outcome) == said(clean):
        yield "nothing is said about %s" % (effect(outcome),)
    if len(re.findall("]: (?:freeze|skip) ", outcome.log)) + unseen != int(clean.status()["seen"]):
        yield "a fork is not in the log"
    frozen = re.findall("]: freeze .*", outcome.log)
    if " snapshot=" in clean.log and [line for line in frozen if " snapshot=" not in line]:
        yield "not a word about copies"
