"""Private memory in two parts, of workers whose parts are known: `stat` and `doctor` tell what is new since the fork and
what was copied from the parent."""

import ctypes
import json
import mmap
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import LIBRARY, clean_environment, newest_python
from prefork import MIB, as_nobody, folder, prefork, private_bytes, rests  # noqa: F401
from servers.process import read_stat, wait_for

# Two workers: one does nothing, the other what the test says. What they differ by is that.
TEXT = """
import ctypes, gc, json, mmap, os, sys, threading
MIB = 1 << 20
PAGE = mmap.PAGESIZE
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]

def mapped(mib, huge=False):
    memory = mmap.mmap(-1, mib * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if huge:
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory

def write(memory, mib, begin=0):
    for at in range(begin * MIB, (begin + mib) * MIB, PAGE):
        memory[at] = 1

def allocated(mib):
    "in the heap that brk grows"
    libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
    blocks = [libc.malloc(64 << 10) for _ in range(mib * 16)]
    fill(blocks, 1)
    return blocks

def fill(blocks, value):
    for block in blocks:
        ctypes.memset(block, value, 64 << 10)

def objects(mib):
    "of 512 bytes: an arena's pool of 16 KiB holds 31"
    return [bytes(479) for _ in range(mib * MIB * 31 >> 14)]

def stacked(mib):
    "on the stack of a thread that stays"
    def run():
        attributes, address, size = ctypes.create_string_buffer(64), ctypes.c_void_p(), ctypes.c_size_t()
        libc.pthread_self.restype = ctypes.c_void_p
        libc.pthread_getattr_np(ctypes.c_void_p(libc.pthread_self()), attributes)
        libc.pthread_attr_getstack(attributes, ctypes.byref(address), ctypes.byref(size))
        ctypes.memset(address.value + MIB, 1, mib * MIB)  # far below what it uses
        written.set()
        threading.Event().wait()
    written = threading.Event()
    threading.stack_size(32 * MIB)
    threading.Thread(target=run, daemon=True).start()
    written.wait()

kept = []
gc.disable()  # it copies what it looks at
PARENT
ready, done = os.pipe()
alive, end = os.pipe()

def fork(work):
    if pid := os.fork():
        return pid
    os.close(end)
    work()
    os.write(done, b".")
    while os.read(alive, 1):
        pass
    os._exit(0)

def work():
    WORKER
    pass

def after():
    AFTER
    pass

pids = [fork(work) for work in WORK]
for _ in pids:
    os.read(ready, 1)
after()
print(json.dumps([os.getpid(), *pids]), flush=True)
sys.stdin.read()
"""


def indented(code):
    return "\n    ".join(code.splitlines())


@pytest.fixture
def server(tmp_path):
    """server(parent=CODE, worker=CODE, after=CODE): [parent, idle worker, the other worker]"""
    running = []

    def start(parent="", worker="", after="", idle=True, preload=None, **knobs):
        script = tmp_path / "server.py"
        text = TEXT.replace("PARENT", parent).replace("WORKER", indented(worker))
        text = text.replace("WORK]", "[lambda: None, work]]" if idle else "[work]]")
        script.write_text(text.replace("AFTER", indented(after)))
        variables = {"GCFREEZE_" + name: value for name, value in knobs.items()}
        process = subprocess.Popen(
            [newest_python(), str(script)],
            env=clean_environment(**({"LD_PRELOAD": preload} if preload else {}), **variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return json.loads(process.stdout.readline())

    yield start
    for process in running:
        process.stdin.close()
        process.stdout.read()
        process.wait()


def parts(gcfreeze, pid):
    """{pid: (new, copied)}, in MiB."""
    outcome = gcfreeze("stat", "--json", "--pid", pid)
    assert outcome.returncode == 0, outcome.stderr
    (tree,) = json.loads(outcome.stdout)["trees"]
    found = {}
    for process in tree["processes"]:
        new, copied = process["private_new_bytes"], process["private_copied_bytes"]
        if new is not None:
            assert new + copied == process["private_bytes"]
            assert new >= 0 and copied >= 0
            found[process["pid"]] = (new / MIB, copied / MIB)
    return found


def difference(gcfreeze, pids):
    parent, idle, busy = pids
    found = parts(gcfreeze, parent)
    assert set(found) == {idle, busy}  # nobody has forked the parent
    return tuple(mine - others for mine, others in zip(found[busy], found[idle]))


# {what: (before the fork, what the worker does, MiB new, MiB copied)}
KNOWN = {
    "mapped": ("kept.append(mapped(64)); write(kept[0], 64)",
               "write(kept[0], 10); kept.append(mapped(20)); write(kept[1], 20)", 20, 10),
    "partly written": ("kept.append(mapped(64)); write(kept[0], 32)", "write(kept[0], 8, begin=28)", 4, 4),
    "allocated": ("kept.append(allocated(32))",
                  "fill(kept[0][:12 * 16], 2); kept.append(allocated(20))", 20, 12),
    "arenas": ("kept.append(objects(40))", "kept.append(objects(20))", 20, 0),
    "huge pages": ("kept.append(mapped(64, huge=True)); write(kept[0], 64)",
                   "write(kept[0], 10); kept.append(mapped(20, huge=True)); write(kept[1], 20)", 20, 10),
    "a thread's stack": ("", "stacked(5)", 5, 0),
    # where it errs: the place is what is compared
    "freed and filled anew": ("kept.append(allocated(32))",
                              "[libc.free(block) for block in kept.pop()]; kept.append(allocated(31))", 0, 31),
}  # fmt: skip


@pytest.mark.parametrize("what", KNOWN)
def test_parts_that_are_known(gcfreeze, server, what):
    before, worker, new, copied = KNOWN[what]
    found = difference(gcfreeze, server(before, worker))
    assert found == pytest.approx((new, copied), abs=1)


# {what: (before the fork, what the only worker does, what the parent does then, MiB new, MiB copied)}
PARENT = {
    "the parent writes to what is shared": ("kept.append(mapped(32)); write(kept[0], 32)", "",
                                            "write(kept[0], 32)", 0, 32),
    # where it errs
    "the parent frees what is shared": ("kept.append(mapped(32)); write(kept[0], 32)", "",
                                        "kept.pop().close()", 32, 0),
    "both fill the same place": ("kept.append(mapped(32))", "write(kept[0], 20)",
                                 "write(kept[0], 32)", 0, 20),
}  # fmt: skip


@pytest.mark.parametrize("what", PARENT)
def test_what_a_parent_does_after_the_fork(gcfreeze, server, what):
    before, worker, after, new, copied = PARENT[what]
    parent, only = server(before, worker, after, idle=False)
    found = parts(gcfreeze, parent)[only]
    assert found == pytest.approx((new, copied), abs=3)  # an idle worker has 2 and 1 or less


def test_objects_that_are_read_are_copied(gcfreeze, server):
    touch = "counted = list(map(sys.getrefcount, kept[0]))"
    pids = server("kept.append(objects(40))", touch)
    new, copied = difference(gcfreeze, pids)
    grown = private_bytes(pids[2]) - private_bytes(pids[1])
    assert (new, copied) == pytest.approx((0, 40), abs=1)
    assert new + copied == pytest.approx(grown / MIB, abs=1)


def test_copies_of_arenas_are_the_parents(gcfreeze, server):
    """What a worker writes to there has replaced a file's page, and the parent may have none."""
    touch = "kept.append(list(map(sys.getrefcount, kept[0])))"
    pids = server("kept.append(objects(40))", touch, preload=LIBRARY, RESHARE="on", STARTUP="off")
    new, copied = difference(gcfreeze, pids)
    assert (new, copied) == pytest.approx((0, 40), abs=2)  # some objects are in older arenas
    # and what is shared now is what it has not written to
    (tree,) = json.loads(gcfreeze("stat", "--json", "--pid", pids[0]).stdout)["trees"]
    shared = [process["reshared_bytes"] / MIB for process in tree["processes"]]
    assert shared[0] == pytest.approx(tree["arena_copies_bytes"] / MIB, abs=1)
    assert shared[1] - shared[2] == pytest.approx(copied, abs=1)
    titles, *lines, _ = gcfreeze("stat", "--pid", pids[0]).stdout.splitlines()
    assert titles.endswith(" RESHARED GIVEN TOTAL")
    rows = lines[-len(shared) :]
    assert [float(row.split()[9]) for row in rows] == pytest.approx(shared, abs=0.2)


def test_a_worker_of_a_worker(gcfreeze, server):
    """Its parts are told from its own parent's memory."""
    before = "kept.append(mapped(64)); write(kept[0], 64)"
    worker = "write(kept[0], 10); kept.append(mapped(20)); write(kept[1], 20)\n"
    worker += "if os.fork() == 0: write(kept[0], 8); write(kept[1], 8); kept.append(mapped(4)); write(kept[2], 4)"
    parent, idle, busy = server(before, worker)
    found = wait_for("its figures", lambda: third(parts(gcfreeze, parent), idle, busy))
    assert found == pytest.approx((4, 16), abs=3)


def third(found, *others):
    """What the process has that is none of these, when it has all of it."""
    for pid in set(found) - set(others):
        return found[pid] if sum(found[pid]) >= 20 else None
    return None


# ---- what doctor makes of it


def private(gcfreeze, pids):
    """(mark, new, copied, advice), in MiB, a worker's on average."""
    outcome = gcfreeze("doctor", "--json", "--pid", pids[0])
    (found,) = [finding for finding in json.loads(outcome.stdout) if finding["topic"] == "private"]
    text = r"a worker has [\d.]+ MiB for itself: ([\d.]+) new since the fork, ([\d.]+) copied from its parent"
    new, copied = map(float, re.fullmatch(text, found["finding"]).groups())
    return found["mark"], new, copied, found.get("advice", "")


def test_what_is_loaded_after_the_fork_is_a_warning_with_advice(gcfreeze, server):
    before, worker = "kept.append(mapped(64)); write(kept[0], 64)", "write(kept[0], 10); kept.append(objects(20))"
    mark, new, copied, advice = private(gcfreeze, server(before, worker, idle=False))
    assert mark == "warning" and (new, copied) == pytest.approx((20, 10), abs=3)
    assert "load it before the fork" in advice


def test_what_is_copied_is_the_librarys_own_matter(gcfreeze, server):
    before, worker = "kept.append(mapped(64)); write(kept[0], 64)", "write(kept[0], 20); kept.append(objects(10))"
    mark, new, copied, advice = private(gcfreeze, server(before, worker, idle=False))
    assert mark == "good" and (new, copied, advice) == (pytest.approx(10, abs=3), pytest.approx(20, abs=3), "")


def test_the_little_that_any_worker_takes_is_no_warning(gcfreeze, server):
    assert private(gcfreeze, server("", "kept.append(objects(4))"))[0] == "good"


# ---- who has no parts


def unknown(gcfreeze, pid, *, before=()):
    """Its figures, of which the parts are not known."""
    outcome = gcfreeze("stat", "--json", "--pid", pid, before=before)
    process = {p["pid"]: p for p in json.loads(outcome.stdout)["trees"][0]["processes"]}[pid]
    assert process["private_bytes"] > 0
    assert process["private_new_bytes"] is process["private_copied_bytes"] is None
    row = gcfreeze("stat", "--pid", pid, before=before).stdout.splitlines()[4].split()
    assert row[5:7] == ["-", "-"]
    metrics = gcfreeze("stat", "--prometheus=-", "--pid", pid, before=before).stdout
    told = [line.split("{")[0] for line in metrics.splitlines() if 'pid="%d"' % pid in line]
    assert "gcfreeze_private_bytes" in told and "gcfreeze_private_new_bytes" not in told


def test_a_process_that_nobody_known_has_forked_has_none(gcfreeze, server):
    unknown(gcfreeze, server()[0])


def test_a_worker_whose_parent_is_gone_has_none(gcfreeze, server, tmp_path):
    orphan = tmp_path / "orphan"
    server("", "if os.fork(): os._exit(0)\nopen(%r, 'w').write(str(os.getpid()))" % str(orphan))
    unknown(gcfreeze, int(orphan.read_text()))


def test_too_many_addresses_are_not_looked_at(gcfreeze, server):
    """A reservation that is writable costs nothing, but each page of it has a word to read."""
    reserve = "kept.append(mmap.mmap(-1, 65 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000))"
    unknown(gcfreeze, server("", reserve)[2])


def test_a_system_without_pagemap(gcfreeze, server):
    pid = server()[2]
    hide = 'mount --bind /dev/null /proc/%d/pagemap && exec "$@"' % pid
    before = ["unshare", "--mount", "sh", "-c", hide, "sh"]
    probe = subprocess.run([*before, "true"], stderr=subprocess.PIPE, text=True)
    if probe.returncode != 0:
        pytest.skip("nothing can be mounted here: " + probe.stderr)
    unknown(gcfreeze, pid, before=before)


def test_a_user_without_rights_is_told_nothing(as_nobody, server):
    parent, idle, busy = server("kept.append(mapped(16)); write(kept[0], 16)", "write(kept[0], 8)")
    (tree,) = json.loads(as_nobody("stat", "--json", "--pid", parent).stdout)["trees"]
    assert {process["private_copied_bytes"] for process in tree["processes"]} == {None}
