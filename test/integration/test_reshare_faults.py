"""GCFREEZE_RESHARE where something is missing or forbidden: a reason, and everything works as without."""

import os
import platform
import subprocess
from pathlib import Path

import pytest
import resharing
from resharing import assert_gave_back, assert_kept

# free-threaded builds have no arenas
pytestmark = pytest.mark.gil(True)

ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="only root may do this")

BOTH = "end(worker(look_and_wait))\ntell(right=right())\n"

# seccomp: a system call of this number answers with an error, from now on and in all children
DENY = """
import struct

def deny(number, error):
    code = struct.pack("HBBI" * 4, 0x20, 0, 0, 0, 0x15, 0, 1, number, 6, 0, 0, 0x50000 | error, 6, 0, 0, 0x7FFF0000)
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer))
    if LIBC.prctl(38, 1, 0, 0, 0) or LIBC.prctl(22, 2, program, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")
"""
MEMFD_CREATE, IOCTL, STATX = {"x86_64": (319, 16, 332), "aarch64": (279, 29, 291)}[platform.machine()]


def expect_no_copies(python, tmp_path, program, reason, **options):
    """At the fork nothing is copied, for this reason; parent and worker are as without us."""
    outcome = resharing.run(python, tmp_path, program + BOTH, **options)
    assert outcome.snapshots() == [(reason, 0)], outcome.stderr
    assert outcome.passes() == []
    worker, parent = outcome.told
    assert_kept(worker)
    assert parent["right"]
    return outcome


def expect_no_pass(python, tmp_path, before, reason, after="pass", setup="", **options):
    """The parent's memory is copied; in the worker, which executes `before`, no pass is made for
    this reason. If `after` is executed, the next pass gives back."""
    program = """
def body():
    start = anonymous()
    look()
    copied = anonymous()
    %s
    pause()
    tell(reason=reason(), given=status().pages_given_back)
    if %r != "pass":
        %s
        pause()
        tell(start=start, copied=copied, after=anonymous(), right=right(), reason=reason())
    tell(right=right())
end(worker(body))
tell(right=right())
"""
    program = program % (before.replace("\n", "\n    "), after, after.replace("\n", "\n        "))
    outcome = resharing.run(python, tmp_path, setup + program, **options)
    assert outcome.snapshots()[0][0] == "ok"
    worker, *more = outcome.told
    assert worker == {"reason": reason, "given": 0}
    # a page that differs may come before the first one that cannot go: it is kept
    assert more[-2:] == [{"right": True}] * 2 and outcome.passes()[0][:2] == (reason, 0)
    if after != "pass":
        assert_gave_back(more[0])
    return outcome


# Python's join() returns before the kernel's thread has ended.
END_THREAD = """
def end_thread():
    done.set()
    thread.join()
    while len(os.listdir("/proc/self/task")) > 1:
        pass
"""

# ---- at the fork ----


def test_a_limit_on_file_size(python, tmp_path):
    program = """
import resource
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
"""
    expect_no_copies(python, tmp_path, program, "file-size-limit")


def test_a_limit_on_addresses(python, tmp_path):
    program = """
import resource
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + %d * 2 ** 20, resource.getrlimit(resource.RLIMIT_AS)[1]))
"""
    outcome = resharing.run(python, tmp_path, program % 12 + BOTH)
    assert outcome.snapshots() == [("no-room", 0)]
    assert_kept(outcome.told[0])
    outcome = resharing.run(python, tmp_path, program % 300 + BOTH)
    ((reason, size),) = outcome.snapshots()
    assert reason == "ok" and size > 0
    assert outcome.told[0]["right"] and outcome.told[1]["right"]
    outcome = resharing.run(python, tmp_path, program % 1000 + BOTH)
    assert outcome.snapshots()[0][0] == "ok"
    assert_gave_back(outcome.told[0])


def test_the_shells_limit_on_addresses(python, tmp_path):
    command = ["/bin/sh", "-c", 'ulimit -v 4000000; exec "$@"', "sh"]
    assert_gave_back(resharing.run(python, tmp_path, BOTH, command=command).told[0])


def test_no_descriptor_left_in_the_parent(python, tmp_path):
    program = """
import resource
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
def worker(body, worker=worker):
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    def with_descriptors():
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        body()
    pid = worker(with_descriptors)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    return pid
"""
    expect_no_copies(python, tmp_path, program, "no-descriptor")


def test_a_kernel_without_memfd(python, tmp_path):
    expect_no_copies(python, tmp_path, DENY + "deny(%d, 38)\n" % MEMFD_CREATE, "no-memfd")


def test_threads_in_the_parent(python, tmp_path):
    program = """
import threading
done = threading.Event()
threading.Thread(target=done.wait, daemon=True).start()
"""
    outcome = expect_no_copies(python, tmp_path, program, "threads")


def test_copies_are_made_up_for_when_the_obstacle_is_gone(python, tmp_path):
    program = END_THREAD + """
import threading
done = threading.Event()
thread = threading.Thread(target=done.wait)
thread.start()
end(worker(look_and_wait))
end_thread()
end(worker(look_and_wait))
"""
    outcome = resharing.run(python, tmp_path, program)
    assert [reason for reason, _ in outcome.snapshots()] == ["threads"]
    # the second fork has nothing to freeze, but something to copy
    assert_gave_back(outcome.told[1])


# ---- in the worker ----


def test_no_descriptor_left_in_the_worker(python, tmp_path):
    before = """import resource
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))"""
    after = "resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))"
    expect_no_pass(python, tmp_path, before, "no-descriptor", after)


def test_threads_that_come_and_go(python, tmp_path):
    before = """import threading
global done, thread
done = threading.Event()
thread = threading.Thread(target=done.wait)
thread.start()"""
    expect_no_pass(python, tmp_path, before, "threads", "end_thread()", setup=END_THREAD)


def test_locked_memory(python, tmp_path):
    before = "if LIBC.mlockall(3): raise OSError(ctypes.get_errno(), 'mlockall')"
    if subprocess.run(["sh", "-c", "ulimit -l"], stdout=subprocess.PIPE, text=True).stdout == "64\n":
        pytest.skip("RLIMIT_MEMLOCK is too small for a heap")
    # locking also copies what is shared outside of arenas: about a megabyte, and no pass's business
    expect_no_pass(python, tmp_path, before, "locked-memory", "LIBC.munlockall()\nstart += 2048")


def test_a_kernel_that_cannot_scan(python, tmp_path):
    # Linux before 6.7; the words of pagemap serve as well
    outcome = resharing.run(python, tmp_path, DENY + "deny(%d, 25)\n" % IOCTL + BOTH)
    assert_gave_back(outcome.told[0])


@ROOT_ONLY
def test_proc_is_taken_away(python, tmp_path):
    probe = subprocess.run(["/usr/bin/unshare", "-m", "umount", "-l", "/proc"], stderr=subprocess.PIPE)
    if probe.returncode != 0:
        pytest.skip("/proc cannot be taken away here: %s" % probe.stderr.decode().strip())
    before = """import subprocess
if LIBC.unshare(0x20000) or LIBC.mount(None, b"/", None, 0x44000, None) or LIBC.umount2(b"/proc", 2):
    raise OSError(ctypes.get_errno(), "umount")"""
    expect_no_pass(python, tmp_path, before, "no-proc")


@ROOT_ONLY
def test_proc_is_missing_in_the_parent(python, tmp_path):
    probe = subprocess.run(["/usr/bin/unshare", "-m", "umount", "-l", "/proc"], stderr=subprocess.PIPE)
    if probe.returncode != 0:
        pytest.skip("/proc cannot be taken away here: %s" % probe.stderr.decode().strip())
    command = ["/usr/bin/unshare", "-m", "/bin/sh", "-c", 'umount -l /proc && exec "$@"', "sh"]
    program = """
def body():
    look()
    pause()
    tell(right=right(), reason=reason(), given=status().pages_given_back)
end(worker(body))
tell(right=right())
"""
    outcome = resharing.run(python, tmp_path, program, command=command)
    assert outcome.snapshots() == [("no-proc", 0)]
    assert outcome.told == [{"right": True, "reason": "none", "given": 0}, {"right": True}]


@ROOT_ONLY
def test_the_worker_moves_to_another_root(python, tmp_path):
    expect_no_pass(python, tmp_path, "os.mkdir(%r)\nos.chroot(%r)" % ((str(tmp_path / "root"),) * 2), "no-proc")


def test_a_worker_that_is_killed_in_the_middle_of_a_pass(python, tmp_path):
    program = """
def body():
    os.write(started[1], b"x")
    while True:
        look()
        pause()
started = os.pipe()
for number in range(40):
    pid = worker(body)
    os.read(started[0], 1)
    select.select([], [], [], number * 0.001)
    os.kill(pid, signal.SIGKILL)
    if end(pid) != signal.SIGKILL:
        raise ValueError("not killed")
end(worker(look_and_wait))
tell(right=right())
"""
    outcome = resharing.run(python, tmp_path, program)
    assert_gave_back(outcome.told[0])
    assert outcome.told[1]["right"]


# ---- what else an operator may have set ----


@pytest.fixture
def jemalloc():
    paths = [path for path in Path("/usr/lib").glob("*/libjemalloc.so.2")]
    if not paths:
        pytest.skip("not installed: libjemalloc2")
    return str(paths[0])


@pytest.mark.parametrize("order", ["before", "behind"])
@pytest.mark.parametrize("allocator", ["pymalloc", "malloc"])
def test_jemalloc_beside_us(python, jemalloc, order, allocator, tmp_path):
    ours = resharing.environment()["LD_PRELOAD"]
    both = [jemalloc, ours] if order == "before" else [ours, jemalloc]
    env = {"LD_PRELOAD": " ".join(both), "PYTHONMALLOC": allocator}
    program = BOTH + 'tell(jemalloc="libjemalloc" in open("/proc/self/maps").read())\n'
    outcome = resharing.run(python, tmp_path, program, env=env)
    if allocator == "malloc":
        assert outcome.snapshots() == [("no-arenas", 0)]
    else:
        assert_gave_back(outcome.told[0])
    assert outcome.told[0]["right"] and outcome.told[1:] == [{"right": True}, {"jemalloc": True}]


THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.fixture(params=["always", "madvise", "never"])
def huge_pages(request):
    if not os.access(str(THP), os.W_OK):
        pytest.skip("transparent huge pages cannot be set here")
    before = THP.read_text().split("[")[1].split("]")[0]
    THP.write_text(request.param)
    yield request.param
    THP.write_text(before)


def test_transparent_huge_pages(python, huge_pages, tmp_path):
    outcome = resharing.run(python, tmp_path, "pause()\n" + BOTH)
    assert_gave_back(outcome.told[0])
    assert outcome.told[1]["right"]


def test_a_process_without_huge_pages(python, tmp_path):
    outcome = resharing.run(python, tmp_path, "LIBC.prctl(41, 1, 0, 0, 0)\n" + BOTH)
    assert_gave_back(outcome.told[0])


@ROOT_ONLY
def test_a_worker_that_becomes_another_user_compares_all_pages(python, tmp_path):
    # its /proc belongs to root from then on, but for what everybody may know: the kernel sees a
    # process that had secrets
    program = """
def anonymous():
    _, resident, shared, *_ = map(int, open("/proc/self/statm").read().split())
    return (resident - shared) * os.sysconf("SC_PAGESIZE") // 1024
def body():
    os.setgid(65534)
    os.setuid(65534)
    look_and_wait()
end(worker(body))
"""
    outcome = resharing.run(python, tmp_path, program)
    assert_gave_back(outcome.told[0])
    ((reason, given, _),) = outcome.passes()
    assert reason == "ok" and given >= resharing.MUCH_PAGES


def test_a_parent_that_has_nearly_all_mappings_keeps_half_of_what_is_left(python, tmp_path):
    """On both sides of the fork threads can be started and memory mapped."""
    program = """
import mmap, threading
with open("/proc/sys/vm/max_map_count") as file:
    most = int(file.read())
def left():
    with open("/proc/self/maps") as rows:
        return most - sum(1 for _ in rows)
LIBC.mmap.restype = ctypes.c_void_p
if most <= 2 ** 20:
    size = mmap.PAGESIZE
    memory = LIBC.mmap(None, ctypes.c_size_t(most * size), 0, 0x22, -1, ctypes.c_long(0))
    # a page that may be read among others that may not adds two
    for page in range(1, left() - 36, 2):
        if LIBC.mprotect(ctypes.c_void_p(memory + page * size), ctypes.c_size_t(size), 1):
            raise OSError(ctypes.get_errno(), "mprotect")
before = left()
def body():
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    mmap.mmap(-1, 2 ** 20).close()
    tell(left=left(), before=before, right=right())
end(worker(body))
end(worker(body))
body()
"""
    outcome = resharing.run(python, tmp_path, program)
    assert all(told.get("right") for told in outcome.told) and len(outcome.told) == 3, outcome.told
    if outcome.told[0]["before"] > 100:
        pytest.skip("vm.max_map_count is too large to be used up")
    assert outcome.snapshots()[0][0] == "too-many-arenas" and outcome.snapshots()[0][1] > 0
    assert all(told["left"] >= 8 for told in outcome.told), outcome.told
