"""What belongs to the whole machine: control groups, and samepage merging (GCFREEZE_KSM)."""

import os
from pathlib import Path

import pytest
import resharing
from resharing import assert_gave_back

# free-threaded builds have no arenas
pytestmark = pytest.mark.gil(True)

# ---- control groups ----

VERSIONS = {
    "v1": (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", "-1"),
    "v2": (Path("/sys/fs/cgroup"), "memory.max", "memory.current", "max"),
}


@pytest.fixture(params=VERSIONS)
def group(request):
    """(folder, limit's file, usage's file, no limit) of a control group of its own."""
    root, limit, usage, none = VERSIONS[request.param]
    folder = root / ("gcfreeze-test-%d" % os.getpid())
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip("no control group %s can be made here: %s" % (request.param, error))
    try:
        if not (folder / limit).exists():
            pytest.skip("control groups %s have no memory controller here" % request.param)
        yield folder, limit, usage, none
    finally:
        folder.rmdir()


LIMITED = """
FOLDER, LIMIT, USAGE, NONE = %r
def write(name, text):
    with open(os.path.join(FOLDER, name), "w") as file:
        file.write(str(text))
def used():
    "without cached files, which the kernel drops first"
    with open(os.path.join(FOLDER, "memory.stat")) as rows:
        cached = sum(int(row.split()[1]) for row in rows if row.split()[0] in ("active_file", "inactive_file"))
    with open(os.path.join(FOLDER, USAGE)) as file:
        return int(file.read()) - cached
write("cgroup.procs", os.getpid())
HEAP = make(90000, "in the group")
PRINT = fingerprint(HEAP)
go = os.pipe()
def body():
    os.read(go[0], 1)
    look_and_wait()
write(LIMIT, used() + %d * 2 ** 20)
pid = worker(body)
write(LIMIT, NONE)  # or what the worker reads would be too much
os.write(go[1], b"x")
end(pid)
tell(right=right())
"""


def run_limited(python, group, tmp_path, room):
    folder, *names = group
    return resharing.run(python, tmp_path, LIMITED % ((str(folder), *names), room))


def test_no_room_for_a_copy_in_the_control_group(python, group, tmp_path):
    outcome = run_limited(python, group, tmp_path, 5)
    assert outcome.snapshots() == [("no-room", 0)]
    assert [told["right"] for told in outcome.told] == [True, True]
    assert outcome.told[0]["after"] >= outcome.told[0]["copied"] - 1024


def test_a_limit_just_above_the_heap(python, group, tmp_path):
    room = 24  # for what is copied at a time and for the worker; not for another heap
    outcome = run_limited(python, group, tmp_path, room)
    ((reason, size),) = outcome.snapshots()
    assert reason == "none" and size > (room + 8) * 2**20
    assert_gave_back(outcome.told[0])
    assert outcome.told[1]["right"]


# ---- samepage merging ----

KSM = Path("/sys/kernel/mm/ksm/run")


@pytest.fixture
def ksmd():
    """Says whether ksmd is to run, and puts it back."""
    if not os.access(str(KSM), os.W_OK):
        pytest.skip("samepage merging cannot be set here")
    before = KSM.read_text()
    yield lambda run: KSM.write_text("1" if run else "0")
    KSM.write_text(before)


MARKS = """
def marked(pid="self"):
    arenas = marks = 0
    with open("/proc/%s/smaps" % pid) as rows:
        for row in rows:
            if "-" in row.split()[0]:
                copy = "rw-p" in row and "memfd:gcfreeze" in row
            elif row.startswith("VmFlags:") and copy:
                arenas += 1
                marks += " mg" in row
    return [arenas, marks]
def merging():
    "mappings of this process that may be merged, by anybody's wish"
    with open("/proc/self/smaps") as rows:
        return sum(" mg" in row for row in rows if row.startswith("VmFlags:"))
"""
NOT_RUNNING = "GCFREEZE_KSM: arenas are marked, but ksmd is not running"


def test_arenas_are_marked_for_merging(python, ksmd, tmp_path):
    ksmd(False)
    program = MARKS + "end(worker(lambda: tell(marks=merging())))\ntell(marks=merging())\n"
    outcome = resharing.run(python, tmp_path, program, RESHARE="off", KSM="on")
    assert all(told["marks"] > 0 for told in outcome.told)
    assert outcome.stderr.count(NOT_RUNNING) == 1 and outcome.snapshots() == []
    outcome = resharing.run(python, tmp_path, program, RESHARE="off")
    assert all(told["marks"] == 0 for told in outcome.told)


def test_merging_and_giving_back(python, ksmd, tmp_path):
    ksmd(True)
    program = MARKS + """
def body():
    look_and_wait()
    tell(marks=marked())
end(worker(body))
tell(marks=marked(), right=right())
"""
    outcome = resharing.run(python, tmp_path, program, KSM="on")
    assert NOT_RUNNING not in outcome.stderr
    assert_gave_back(outcome.told[0])
    assert outcome.told[2]["right"]
    for told in outcome.told[1:]:
        arenas, marks = told["marks"]
        assert arenas > 10 and marks == arenas
