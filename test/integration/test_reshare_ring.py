"""GCFREEZE_RESHARE in processes with an io_uring, which writes to memory without being a thread."""

import ctypes
import os

import pytest
import resharing
from resharing import assert_gave_back

# free-threaded builds have no arenas
pytestmark = pytest.mark.gil(True)

LIBRARY = os.environ["GCFREEZE_TEST_RING"]

RING = """
import socket
RING = ctypes.CDLL(os.environ["GCFREEZE_TEST_RING"])
READ_FIXED, READ = 4, 22
SIZE = 464  # eight a page, and so in 3.15, where a bytearray keeps its bytes in an object
BUFFERS = [bytearray(SIZE) for _ in range(256)]
def address(buffer):
    return ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(buffer)))
def open_ring():
    ring = RING.ring_open()
    if ring < 0:
        raise OSError(-ring, "io_uring")
    return ring
def ask(operation, buffer):
    "what is written to the answered descriptor comes into the buffer"
    ends = os.pipe()
    buffer[:] = bytes(SIZE)  # a copy of the page, equal to the parent's
    if RING.ring_ask(operation, ends[0], address(buffer), ctypes.c_uint64(0)) != 1:
        raise ValueError("not asked")
    return ends[1]
def comes(end, buffer):
    os.write(end, b"x" * 16)
    while RING.ring_answer(ctypes.byref(ctypes.c_uint64())) != 16:
        pass
    return bytes(buffer[:16]) == b"x" * 16
"""


@pytest.fixture(autouse=True)
def may_have_rings():
    ring = ctypes.CDLL(LIBRARY).ring_open()
    if ring < 0:
        pytest.skip("no io_uring can be made here: %s" % os.strerror(-ring))
    os.close(ring)


def run(python, tmp_path, program, **knobs):
    return resharing.run(python, tmp_path, RING + program, TEST_RING=LIBRARY, **knobs)


def test_every_byte_arrives_while_passes_are_made(python, tmp_path):
    program = """
COUNT, ANSWERS = 32, 20000
def body():
    pairs = [socket.socketpair() for _ in range(COUNT)]
    requests = socket.socketpair()
    ours, theirs = ((ctypes.c_int * COUNT)(*[pair[end].fileno() for pair in pairs]) for end in (0, 1))
    if os.fork() == 0:
        requests[0].close()
        RING.ring_feed(requests[1].fileno(), theirs)
    requests[1].close()
    open_ring()
    buffers = (ctypes.c_void_p * COUNT)(*[address(buffer).value for buffer in BUFFERS[::8]])
    RING.ring_receive.restype = ctypes.c_long
    wrong = RING.ring_receive(requests[0].fileno(), ours, buffers, COUNT, ctypes.c_long(ANSWERS))
    tell(wrong=wrong, given=status().pages_given_back, right=right())
end(worker(body))
"""
    (told,) = run(python, tmp_path, program).told
    assert told.get("wrong") == 0 and told["right"], told
    assert told["given"] > 1000


def test_a_ring_that_does_nothing_changes_nothing(python, tmp_path):
    outcome = run(python, tmp_path, "end(worker(lambda: [open_ring(), look_and_wait()]))\n")
    assert_gave_back(outcome.told[0])


@pytest.mark.parametrize("threads", ["off", "on"])
def test_a_registered_buffer_keeps_its_page(python, tmp_path, threads):
    program = """
import threading
def body():
    done = threading.Event()
    if %r == "on":
        threading.Thread(target=done.wait, daemon=True).start()
    for _ in range(200):  # until the pass that starting a thread began is over: it counts what it gave at its end
        passes = status().passes
        pause()
        if status().passes != passes and reason() == "none":
            break
    open_ring()
    buffer = BUFFERS[100]
    if RING.ring_pin(address(buffer), ctypes.c_size_t(SIZE)) != 0:
        raise ValueError("not registered")
    end = ask(READ_FIXED, buffer)
    before = status().pages_given_back
    for _ in range(200):  # until the thread sleeps, and a wait had a slice; its own waits have some, too
        pause()
        found = reason()
        if found == "pinned-memory":
            break
    tell(comes=comes(end, buffer), reason=found, given=status().pages_given_back - before, right=right())
end(worker(body))
"""
    outcome = run(python, tmp_path, program % threads, RESHARE_THREADS=threads)
    assert outcome.told == [{"comes": True, "reason": "pinned-memory", "given": 0, "right": True}]


@pytest.mark.parametrize("registered", [False, True], ids=["ring", "registered"])
def test_a_parent_with_a_ring_is_not_copied(python, tmp_path, registered):
    program = """
ring = open_ring()
buffer = BUFFERS[100]
if %r and RING.ring_pin(address(buffer), ctypes.c_size_t(SIZE)) != 0:
    raise ValueError("not registered")
to = ask(READ_FIXED if %r else READ, buffer)
end(worker(lambda: tell(right=right())))
tell(comes=comes(to, buffer))
if %r:
    RING.ring_pin(None, ctypes.c_size_t(0))
os.close(ring)
end(worker(look_and_wait))
tell(right=right())
"""
    outcome = run(python, tmp_path, program % ((registered,) * 3))
    assert outcome.snapshots() == [("pinned-memory" if registered else "io-uring", 0)]
    assert outcome.told[:2] == [{"right": True}, {"comes": True}]
    assert_gave_back(outcome.told[2])  # copies are made up for when the ring is gone
