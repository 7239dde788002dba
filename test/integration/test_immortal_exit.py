"""GCFREEZE_MODE=immortal: at the end of a process, what has an end comes to it, as without the library."""

from pathlib import Path

import pytest
from conftest import environment, run
from immortal import immortal_from, skip_below_immortal

# What a server preloads. Each file is written to in the worker alone, or in both, and flushed by nobody.
PRELOADED = """
import atexit, collections, functools, os, sys, weakref
HEAP = [[number] for number in range(20000)]
def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
def new(name):
    return open(os.path.join(sys.argv[1], name), "a")

class Writer:
    def __init__(self, name):
        self.file = new(name)
        self.put = self.write
    def write(self, text):
        self.file.write(text)
class Early(Writer):
    def __init__(self, name):
        self.put = self.write
        self.file = new(name)
CYCLE, EARLY = Writer("cycle"), Early("cycle-first")

class Holder:
    def __init__(self, it=None):
        self.it = it
SHARED = Holder(new("shared"))
REGISTRY = {"by name": {"shared": SHARED}, "in order": [SHARED]}
FIRST, SECOND = Holder(new("nested")), Holder()
FIRST.other, SECOND.it = SECOND, ({"first": [FIRST]},)
KEPT = [SECOND]
del FIRST, SECOND

class Node:
    def __init__(self, name, parent=None):
        self.name, self.parent, self.children = name, parent, []
        if parent:
            parent.children.append(self)
    def __del__(self):
        say("end of", self.name, len(REGISTRY), len(HEAP), os.path.basename("a/module"))
ROOT = Node("root")
Node("child", ROOT)

class Settings:
    log = new("class")
    class Inner:
        def method(self, log=new("default"), *, other=new("keyword default")):
            return log, other
def enclose(log):
    def inner():
        return log
    inner.itself = inner
    return inner
CLOSURE = enclose(new("closure"))
PARTIAL = {"it": functools.partial(print, file=new("partial"))}
@functools.lru_cache
def cached(name):
    return new(name)
cached("cached")

def generate(name, itself=None):
    try:
        log = new(name)
        log.write("begun ")
        while True:
            log.write((yield))
    finally:
        log.write("over ")
        say("finally", name)
GENERATOR = Holder(generate("generator"))
next(GENERATOR.it)
TWICE = [GENERATOR], (GENERATOR,)

# immortal, and filled by the worker
POOL = {"list": [], "dict": {}, "set": set(), "deque": collections.deque()}
PLACE, CELL = Holder(Holder()), [Holder(Holder)]
SLOT = type("Slotted", (), {"__slots__": ("it",)})()
SLOTS = [SLOT, SLOT]

WATCHED = Holder()
WATCHED.me = WATCHED
weakref.finalize(WATCHED, say, "finalize of a cycle")
atexit.register(say, "atexit")

def work(who):
    def write(log):
        log.write("written by %s " % who)
        return log
    class Local:
        def __init__(self, name):
            self.name, self.me, self.file = name, self, write(new(name))
        def __del__(self):
            say("end of", self.name, who, len(REGISTRY))
    CYCLE.put("written by %s " % who)
    EARLY.put("written by %s " % who)
    for log in (SHARED.it, KEPT[0].other if hasattr(KEPT[0], "other") else KEPT[0].it[0]["first"][0].it,
                Settings.log, *Settings.Inner().method(), CLOSURE(), PARTIAL["it"].keywords["file"],
                cached("cached")):
        write(log)
    GENERATOR.it.send("sent by %s " % who)
    POOL["list"].append(write(new("in a list")))
    POOL["dict"]["new"] = {"deep": [write(new("in a dict"))]}
    POOL["set"].add(write(new("in a set")))
    POOL["deque"].append((write(new("in a deque")),))
    PLACE.it.new = write(new("in an instance"))
    SLOT.it = [write(new("in a slot"))]
    Settings.Inner.new = write(new("in a class"))
    REGISTRY["local"] = Local("of its own")
    CYCLE.local = Local("on a cycle")
    POOL["list"].append(generate("generator of its own"))
    next(POOL["list"][-1])
"""
PROGRAM = """
import os, sys
sys.path.insert(0, sys.argv[1] + "/..")
sys.dont_write_bytecode = True
import preloaded
def end(how):
    if how == "error":
        preloaded.POOL["list"].append(sys._getframe())
        raise ValueError("on purpose")
    if how == "exit":
        sys.exit(3)
pid = os.fork()
if pid == 0:
    preloaded.work("worker")
    end(sys.argv[2])
    sys.exit(0)
os.waitpid(pid, 0)
preloaded.work("parent")
end(sys.argv[2])
"""


def outcome_of(python, folder, how, program=PROGRAM, preloaded=PRELOADED, **knobs):
    folder.mkdir()
    (folder.parent / "preloaded.py").write_text(preloaded)
    command = [python.path, "-c", program, str(folder), how]
    outcome = run(command, environment(**knobs), check=False)
    own = [line for line in outcome.stderr.splitlines() if not line.startswith("gcfreeze[")]
    files = {path.name: path.read_text() for path in folder.iterdir()}
    return outcome, {"files": files, "said": sorted(outcome.stdout.splitlines()), "stderr": own}


@pytest.mark.parametrize("how", ["return", "exit", "error"])
def test_every_end_comes(python, tmp_path, how):
    skip_below_immortal(python)
    plain, expected = outcome_of(python, tmp_path / "plain", how, **{"": 0})
    immortal, found = outcome_of(python, tmp_path / "immortal", how, MODE="immortal")
    assert "immortal=" in immortal.stderr
    assert found["files"] == expected["files"]
    assert found == expected
    assert immortal.returncode == plain.returncode
    for outcome in plain, immortal:
        assert outcome.stdout.splitlines()[:2] == ["atexit", "finalize of a cycle"]
    assert all(expected["files"].values())  # or both might have lost it


def test_children_of_multiprocessing_end_as_they_do(python, tmp_path):
    """By os._exit, without an end for anything."""
    skip_below_immortal(python)
    program = PROGRAM.replace(
        "pid = os.fork()",
        """
import multiprocessing
def body():
    preloaded.work("worker")
    end(sys.argv[2])
child = multiprocessing.get_context("fork").Process(target=body)
child.start()
child.join()
print(child.exitcode, flush=True)
sys.exit()
""",
    )
    _, expected = outcome_of(python, tmp_path / "plain", "exit", program, **{"": 0})
    immortal, found = outcome_of(python, tmp_path / "immortal", "exit", program, MODE="immortal")
    assert "immortal=" in immortal.stderr
    assert found == expected
    assert expected["said"].count("3") == 1 and expected["files"]["cycle"] == ""


def test_what_hangs_on_immortal_objects_lives_as_long_as_they_do(compare, python):
    """A collection sees one reference too many for garbage, however often it runs, and whatever is thawed."""
    outcome = compare(
        python,
        """
import weakref
class Ending:
    def __init__(self, *parts): self.parts, self.me = parts, self
    def __del__(self): say("end of", type(self).__name__)
class Passing(Ending): pass
OLD = {"deep": [{"deeper": Ending([1])}]}
POOL = {"list": [], "dict": {}}
ALIAS = [OLD, POOL]
TRACKED = [gc.is_tracked(thing) for thing in (OLD, POOL, ALIAS, Ending, say, POOL["list"], OLD["deep"], (1, [2]))]
def collect():
    for generation in 0, 1, 2, 2:
        gc.collect(generation)
pid = os.fork()
if pid:
    wait(pid)
POOL["list"].append(Ending({}))
POOL["dict"]["new"] = {"deep": [Ending()]}
POOL["gone"] = Passing()
del POOL["gone"]
references = [weakref.ref(thing) for thing in
              (OLD["deep"][0]["deeper"], POOL["list"][0], POOL["dict"]["new"]["deep"][0])]
collect()
gc.unfreeze()
collect()
gc.freeze()
gc.unfreeze()
collect()
say([reference() is not None for reference in references], len(OLD), POOL.keys())
say(TRACKED == [gc.is_tracked(thing) for thing in (OLD, POOL, ALIAS, Ending, say, POOL["list"], OLD["deep"], (1, [2]))])
say(POOL["dict"]["new"]["deep"][0].parts, OLD["deep"][0]["deeper"].parts)
""",
        MODE="immortal",
    )
    assert outcome.stdout.count("end of Ending") == 6
    assert ("immortal=" in outcome.stderr) == immortal_from(python)


def test_immortal_objects_are_not_among_the_frozen_ones(compare, python):
    skip_below_immortal(python)
    compare(
        python,
        """
pid = os.fork()
if pid == 0:
    os._exit(0 if gc.get_freeze_count() < 10000 and gc.is_tracked(HEAP) else 1)
wait(pid)
""",
        MODE="immortal",
    )


def test_an_end_that_brings_objects_back_is_no_harm(compare, python):
    """A finalizer that runs at exit may put what it likes into immortal objects, or take it out."""
    skip_below_immortal(python)
    compare(
        python,
        """
import collections
KEPT = {"things": [], "all": collections.deque()}
class Restless:
    def __init__(self, name):
        self.name, self.me = name, self
    def __del__(self, kept=KEPT):
        kept["things"].clear()
        kept["all"].append(self)
        kept[self.name] = [Restless(self.name + "'") if len(self.name) < 9 else None]
        say("an end", len(kept))
pid = os.fork()
if pid:
    wait(pid)
KEPT["things"] += [Restless("one"), Restless("two"), Restless("three")]
KEPT["one"] = {"two": KEPT["things"][0]}
""",
        MODE="immortal",
    )


@pytest.mark.parametrize("seed", range(4))
def test_ends_in_a_random_graph(python, tmp_path, seed):
    skip_below_immortal(python)
    program = "import ends; ends.main()"
    (tmp_path / "ends.py").write_text((Path(__file__).parent / "hosts" / "ends.py").read_text())

    def outcome(name, **knobs):
        folder = tmp_path / name
        folder.mkdir()
        command = [python.path, "-c", program, str(seed), str(folder)]
        outcome = run(command, environment(**knobs), cwd=tmp_path)
        own = [line for line in outcome.stderr.splitlines() if not line.startswith("gcfreeze[")]
        files = {path.name: path.read_text() for path in folder.iterdir()}
        return outcome.stderr, (files, sorted(outcome.stdout.splitlines()), own)

    _, expected = outcome("plain", **{"": 0})
    log, found = outcome("immortal", MODE="immortal")
    assert "immortal=" in log
    assert found == expected
    assert "child end" in str(expected) and "finally" in str(expected)
