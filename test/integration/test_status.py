"""gcfreeze_status() through ctypes, with each interpreter."""

import json

from conftest import ROOT, STATUS_STRUCT, environment, run

STATUS = (
    """
import ctypes, json, os
"""
    + STATUS_STRUCT
    + """
library = ctypes.CDLL(None, use_errno=True)
library.gcfreeze_reason_name.restype = ctypes.c_char_p
library.gcfreeze_version.restype = ctypes.c_char_p
def name(reason):
    word = library.gcfreeze_reason_name(reason)
    return word and word.decode()
def status():
    filled = Status(size=ctypes.sizeof(Status))
    assert library.gcfreeze_status(ctypes.byref(filled)) == 0
    result = {field: getattr(filled, field) for field, *_ in Status._fields_}
    for text in "python", "mode", "mode_why":
        result[text] = getattr(filled, text).decode()
    result["skipped"] = {name(i): count for i, count in enumerate(filled.skipped) if count}
    result["last_reason"] = name(filled.last_reason)
    return result
def fork(work=lambda: None):
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    os.waitpid(pid, 0)
    return pid
"""
)


def result(python, program, **knobs):
    return json.loads(run([python.path, "-c", STATUS + program], environment(**knobs)).stdout)


def test_counters_before_any_fork(python):
    status = result(python, "print(json.dumps(status()))")
    assert status["attached"] == 1
    assert status["python"] == python.text
    assert status["forks_seen"] == status["forks_frozen"] == status["last_child"] == 0
    assert status["skipped"] == {}
    assert status["last_reason"] == "none"


def test_counters_by_reason(python):
    found = result(
        python,
        """
import subprocess
HEAP = [[i] for i in range(30000)]
pid = fork()
first = status()
fork()
fork()
subprocess.run(["/bin/true"], preexec_fn=lambda: None)
os.waitpid(os.posix_spawn("/bin/true", ["true"], os.environ), 0)
library.fork() or os._exit(0)
os.wait()
print(json.dumps([pid, first, status()]))
""",
    )
    pid, first, last = found
    assert (first["forks_seen"], first["forks_frozen"], first["skipped"]) == (1, 1, {})
    assert (first["last_reason"], first["last_child"], first["last_frozen"]) == ("first-worker-fork", pid, 1)
    assert first["last_tracked"] >= 30000
    assert first["last_freeze_us"] >= 0
    assert first["last_fork_us"] > 0
    assert (last["forks_seen"], last["forks_frozen"], last["spawns_seen"]) == (5, 1, 1)
    assert last["skipped"] == {"nothing-new": 2, "exec-bound": 1, "extension": 1}
    assert (last["last_reason"], last["last_frozen"], last["last_tracked"]) == ("extension", 0, -1)


def test_a_child_starts_from_zero(python):
    found = result(
        python,
        """
import sys
def child():
    before = status()
    fork()
    print(json.dumps([before, status()]), flush=True)
fork()
fork(child)
""",
    )
    before, after = found
    assert (before["attached"], before["forks_seen"], before["skipped"]) == (1, 0, {})
    assert (after["forks_seen"], after["forks_frozen"], after["last_reason"]) == (1, 1, "first-worker-fork")


def test_misuse_is_refused(python):
    program = """
answers = library.gcfreeze_status(None), ctypes.get_errno(), name(-1), name(1000), name(1)
print(json.dumps(answers))
"""
    assert result(python, program) == [-1, 22, None, None, "first-worker-fork"]


def test_a_smaller_struct_is_filled_as_far_as_it_reaches(python):
    found = result(
        python,
        """
buffer = ctypes.create_string_buffer(b"x" * 64, 64)
ctypes.c_uint32.from_buffer(buffer).value = 40
answer = library.gcfreeze_status(ctypes.byref(buffer))
size = ctypes.c_uint32.from_buffer(buffer).value
python = buffer.raw[8:40].rstrip(bytes(1)).decode()
ctypes.c_uint32.from_buffer(buffer).value = 7
too_small = library.gcfreeze_status(ctypes.byref(buffer))
huge = Status(size=2**32 - 1)
print(json.dumps([answer, size, python, buffer.raw[40:].decode(), too_small,
                  library.gcfreeze_status(ctypes.byref(huge)), huge.size == ctypes.sizeof(Status)]))
""",
    )
    assert found == [0, 40, python.text, "x" * 24, -1, 0, True]


def test_an_inert_library_still_answers(python):
    found = result(python, "fork(); print(json.dumps(status()))", **{"": 0})
    assert (found["attached"], found["forks_seen"], found["skipped"]) == (0, 1, {"disabled": 1})


def test_the_version_is_that_of_the_build(python):
    version = result(python, "print(json.dumps(library.gcfreeze_version().decode()))")
    assert "VERSION %s " % version in (ROOT / "CMakeLists.txt").read_text()
