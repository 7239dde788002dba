"""A worker that rests has nothing left that it could give back, whatever has happened before. One that never rests gives
back between two of its tasks."""

import pytest
import resharing

# free-threaded builds have no arenas
pytestmark = pytest.mark.gil(True)

REGAINABLE = """
import random, re, struct, time
PAGE = os.sysconf("SC_PAGE_SIZE")
ROW = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (r[w-])-p ([0-9a-f]+) (\\S+ \\d+) +/memfd:gcfreeze")
def mappings(pid):
    "[(first address, end)] of arenas, and {(file, page's number): address} of their copies"
    arenas, copies = [], {}
    with open("/proc/%d/maps" % pid) as rows:
        for row in filter(None, map(ROW.match, rows)):
            start, end, offset = (int(row.group(number), 16) for number in (1, 2, 4))
            if row.group(3) == "rw":
                arenas.append((start, end, offset, row.group(5)))
            else:
                for step in range(0, end - start, PAGE):
                    copies[row.group(5), offset + step] = start + step
    return arenas, copies
def regainable(pid):
    "Its own pages of arenas that are equal to the copy: (those, all of them)"
    arenas, copies = mappings(pid)
    equal = own = 0
    with open("/proc/%d/pagemap" % pid, "rb", 0) as words, open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for start, end, offset, file in arenas:
            words.seek(start // PAGE * 8)
            for step, (word,) in enumerate(struct.iter_unpack("Q", words.read((end - start) // PAGE * 8))):
                if word >> 63 and not word >> 61 & 1:
                    own += 1
                    memory.seek(start + step * PAGE)
                    mine = memory.read(PAGE)
                    memory.seek(copies[file, offset + step * PAGE])
                    equal += mine == memory.read(PAGE)
    return equal, own
"""

# What a worker does between waits. Some of them end with pages that differ until a later one; what
# is given back while they do is not all.
HISTORY = """
SPARE = make(20000, "spare")
held = []
def part(heap):
    start = random.randrange(len(heap) + 1)
    return heap[start:start + random.randrange(len(heap) + 1)]
def wait():
    select.select([], [], [], random.random() / 2)
def read():
    for item in part(HEAP):
        for each in item:
            pass
def hold():
    held.extend(part(HEAP))
def drop():
    held.clear()
def hold_during_a_wait():
    now = part(HEAP)
    select.select([], [], [], random.random() * 2)
def write_and_put_back():
    for item in part(HEAP):
        item[0], number = None, item[0]
        item[0] = number
def fork():
    pid = os.fork()
    if pid == 0:
        look()
        wait()
        os._exit(0)
    wait()
    end(pid)
def free():
    del SPARE[len(SPARE) // 2:]
    gc.collect()
def history(seed):
    random.seed(seed)
    actions = [read, wait, hold, drop, hold_during_a_wait, write_and_put_back, fork, free, wait, read]
    random.shuffle(actions)
    for _ in range(2):
        for action in actions:
            action()
    drop()
    for item in HEAP[:len(HEAP) // 4]:
        for each in item:
            pass
"""

RESTS = {
    "in-a-read": "os.read(pipe[0], 1)",
    "in-short-waits": "while not select.select([pipe[0]], [], [], 0.7)[0]: pass",
}

PROGRAM = """
def body():
    history(%(seed)d)
    os.write(over[1], b"x")
    %(rest)s
    tell(right=right())
pipe, over = os.pipe(), os.pipe()
pid = worker(body)
os.read(over[0], 1)
limit = time.monotonic() + 60
equal, own = first = regainable(pid)
while equal * PAGE > 512 * 1024 and time.monotonic() < limit:
    time.sleep(0.2)
    equal, own = regainable(pid)
tell(first=first, equal=equal, own=own)
os.write(pipe[1], b"x")
end(pid)
tell(right=right())
"""


@pytest.mark.parametrize("rest", ["in-a-read", pytest.param("in-short-waits", marks=pytest.mark.long)])
def test_nothing_stays_copied(python, rest, tmp_path):
    seed = 19 + len(rest) + python.version[1]
    program = REGAINABLE + HISTORY + PROGRAM % {"seed": seed, "rest": RESTS[rest]}
    outcome = resharing.run(python, tmp_path, program, **resharing.WITHIN_THE_TEST)
    found, worker, parent = outcome.told
    assert worker.get("right") and parent["right"], outcome.told
    assert found["equal"] * resharing.resource.getpagesize() <= 512 * 1024, (seed, outcome.told, outcome.passes())


# The next task is always there: no wait lasts until a slice is due.
NEVER_IDLE = """
import random, threading, time
def body():
    limit = time.monotonic() + 60
    tasks = 0
    while not status().pages_given_back and time.monotonic() < limit:
        os.read(pipe[0], 1)
        start = random.randrange(len(HEAP) - 500)
        for item in HEAP[start:start + 500]:
            for each in item:
                pass
        tasks += 1
    tell(given=status().pages_given_back, tasks=tasks, waiting=len(select.select([pipe[0]], [], [], 0)[0]), right=right())
def beside_a_thread():
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    body()
pipe = os.pipe()
feeder = os.fork()
if feeder == 0:
    while True:
        os.write(pipe[1], 4096 * b"x")
pid = worker(%s)
end(pid)
os.kill(feeder, signal.SIGKILL)
end(feeder)
"""


@pytest.mark.parametrize("body", ["body", "beside_a_thread"])
def test_who_is_never_idle_gives_back_between_tasks(python, body, tmp_path):
    knobs = {"RESHARE_THREADS": "on", "TEST_RESHARE": "no"}
    (told,) = resharing.run(python, tmp_path, NEVER_IDLE % body, **knobs).told
    assert told["right"] and told["waiting"] and told["given"] > 0, told
