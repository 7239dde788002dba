"""Limits of a control group."""

import os
from pathlib import Path

import pytest
import resharing
from resharing import assert_gave_back

# free-threaded builds have no arenas
pytestmark = pytest.mark.gil(True)

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
    assert reason == "ok" and size > (room + 8) * 2**20
    assert_gave_back(outcome.told[0])
    assert outcome.told[1]["right"]
