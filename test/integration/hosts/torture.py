"""Preloaded objects under random reads and writes, each checked against a model.

    torture.py LIBRARY SEED GENERATIONS OPERATIONS [THREADS]

The parent makes objects, works on them, forks a worker and goes on, GENERATIONS times: later
snapshots have new arenas, and each worker starts with what its parent wrote. Bytes are worked on by
hosts/torture.c. The other objects are in `Objects`; what they must be is kept in numbers outside of
all arenas. Between two batches a wait lets a pass happen.
"""

import array
import ctypes
import json
import mmap
import os
import random
import select
import signal
import sys
import threading

REGIONS = 3000  # a generation's
BATCH = 20000  # operations of C between two waits
DEADLINE = int(os.environ.get("GCFREEZE_TEST_DEADLINE", "300"))  # damaged objects may do anything

lib = ctypes.PyDLL(sys.argv[1])


class Status(ctypes.Structure):
    _fields_ = (
        [("size", ctypes.c_uint32), ("attached", ctypes.c_int32), ("python", ctypes.c_char * 32)]
        + [(name, ctypes.c_uint64) for name in ("forks", "frozen", "spawns")]
        + [("skipped", ctypes.c_uint64 * 48), ("last", ctypes.c_int32 * 4)]
        + [("times", ctypes.c_int64 * 4), ("snapshot_bytes", ctypes.c_uint64)]
        + [("snapshot_us", ctypes.c_int64), ("passes", ctypes.c_uint64)]
        + [("given", ctypes.c_uint64), ("kept", ctypes.c_uint64)]
        + [("pass_us", ctypes.c_int64), ("reason", ctypes.c_int32), ("running", ctypes.c_int32)]
    )


def status():
    result = Status(size=ctypes.sizeof(Status))
    shim = ctypes.CDLL(None)
    shim.gcfreeze_reason_name.restype = ctypes.c_char_p
    assert shim.gcfreeze_status(ctypes.byref(result)) == 0
    names = ("snapshot_bytes", "passes", "given", "kept")
    answer = {name: getattr(result, name) for name in names}
    answer["reason"] = shim.gcfreeze_reason_name(result.reason).decode()
    return answer


class Objects:
    """Objects of Python, and for each a number that says what it must be."""

    MOST = 100000

    def __init__(self):
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self.numbers = memoryview(mmap.mmap(-1, self.MOST * 8, flags=flags)).cast("q")
        self.base = memoryview(mmap.mmap(-1, self.MOST * 8, flags=flags)).cast("q")
        self.lists, self.dicts, self.views, self.texts = [], [], [], []

    def add(self, count, seed):
        source = random.Random(seed)
        for _ in range(count):
            at = 4 * len(self.lists)
            for i in range(4):
                self.numbers[at + i] = self.base[at + i] = source.getrandbits(40)
            number = self.numbers
            self.lists.append([number[at]] * 8)
            self.dicts.append({"name": "of %d" % at, "value": number[at + 1]})
            self.views.append(memoryview(array.array("q", [number[at + 2]] * 20)))
            self.texts.append("%d" % number[at + 3])

    def check(self, at):
        number = self.numbers
        row = 4 * at
        assert self.lists[at] == [number[row]] * 8, at
        assert self.dicts[at] == {"name": "of %d" % row, "value": number[row + 1]}, at
        assert self.views[at].tolist() == [number[row + 2]] * 20, at
        assert self.texts[at] == "%d" % number[row + 3], at

    def write(self, at, kind, value):
        self.numbers[4 * at + kind] = value
        if kind == 0:
            self.lists[at][:] = [value] * 8
        elif kind == 1:
            self.dicts[at]["value"] = value
        elif kind == 2:
            self.views[at][:] = array.array("q", [value] * 20)
        else:
            self.texts[at] = "%d" % value

    def work(self, source, count):
        """Returns how many objects were looked at or written."""
        for _ in range(count):
            at = source.randrange(len(self.lists))
            self.check(at)
            what = source.randrange(4)
            if what < 2:
                kind = source.randrange(4)
                new = self.base[4 * at + kind] if what else source.getrandbits(40)
                self.write(at, kind, new)
        return count

    def check_all(self):
        for at in range(len(self.lists)):
            self.check(at)
        return len(self.lists)


class Bytes:
    """Payloads that the library works on: too small for malloc, so they are in arenas."""

    def __init__(self, most):
        self.owners, self.exports = [], []
        assert lib.torture_open(most, most * 512) == 0

    def add(self, count, seed):
        source = random.Random(seed)
        for number in range(count):
            size = source.randrange(16, 500)
            data = source.getrandbits(8 * size).to_bytes(size, "little")
            owner = bytearray(data) if number % 2 else array.array("B", data)
            export = (ctypes.c_char * size).from_buffer(owner)  # nobody can resize it now
            assert lib.torture_add(ctypes.c_void_p(ctypes.addressof(export)), size) == 0
            self.owners.append(owner)
            self.exports.append(export)

    def check_through_python(self, source, count):
        for _ in range(count):
            at = source.randrange(len(self.owners))
            assert bytes(self.owners[at]) == self.exports[at].raw, at


class Worker:
    def __init__(self, objects, payloads):
        self.objects, self.payloads = objects, payloads
        self.done = 0
        self.lock = threading.Lock()  # an object and its number change together

    def batch(self, source):
        regions = len(self.payloads.owners)
        # mixed on some of it; back to what was there at first on all of it, now and then
        start = source.randrange(regions)
        end = start + 1 + source.randrange(regions - start)
        writes, restores = source.choice([(64, 64), (128, 0), (8, 200), (0, 0), (0, 256)])
        seed = ctypes.c_uint64(source.getrandbits(64))
        wrong = lib.torture_run(seed, ctypes.c_long(BATCH), start, end, writes, restores)
        assert wrong == 0
        self.done += BATCH
        if source.randrange(4) == 0:
            lib.torture_restore(0, source.randrange(regions))
        self.done += self.objects.work(source, 100)
        self.payloads.check_through_python(source, 10)

    # On a busy machine each of these waits can be over before a pass begins, or have a thread
    # beside it that is running: then there is more work, until a pass has given something back.
    def work(self, seed, operations):
        source = random.Random(seed)
        end = self.done + operations
        while self.done < end or status()["given"] == 0:
            with self.lock:
                self.batch(source)
            select.poll().poll(1)

    def verify(self):
        assert lib.torture_verify(0, len(self.payloads.owners)) == 0
        self.done += self.objects.check_all()

    def report(self, who):
        os.write(1, (json.dumps({"who": who, "done": self.done, **status()}) + "\n").encode())


def worker(seed, objects, payloads, operations, threads):
    me = Worker(objects, payloads)
    me.verify()
    if threads > 1:
        run_threads(me, seed, operations, threads)
    else:
        me.work(seed, operations)
    me.verify()
    me.report("worker")


def run_threads(me, seed, operations, count):
    failures = []

    def run(number):
        try:
            me.work(seed + number, operations)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def in_child(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(DEADLINE)  # is not inherited
        try:
            work()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return pid


def main():
    signal.alarm(DEADLINE)
    seed, generations, operations = map(int, sys.argv[2:5])
    threads = int(sys.argv[5]) if len(sys.argv) > 5 else 1
    objects, payloads = Objects(), Bytes(REGIONS * generations)
    parent = Worker(objects, payloads)
    children = []
    for generation in range(generations):
        number = seed * 1000 + generation
        garbage = [bytearray(400) for _ in range(20000)]  # arenas that go again, mapped or not
        payloads.add(REGIONS, number)
        objects.add(1000, number)
        if generation % 2:
            del garbage
        children.append(in_child(lambda: worker(number, objects, payloads, operations, threads)))
        parent.work(number + 500, operations // 10)
        parent.verify()
        if len(children) == 2:
            finish(children)
    finish(children)
    parent.report("parent")


def finish(children):
    while children:
        _, code = os.waitpid(children.pop(0), 0)
        assert code == 0, code


if __name__ == "__main__":
    main()
