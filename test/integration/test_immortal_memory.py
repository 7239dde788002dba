"""GCFREEZE_MODE=immortal: what it saves, what it costs, and where it ends."""

import pytest
from immortal import immortal_pythons, start

LITTLE_KB = 2 * 1024

HEAP = """
class Item:
    def __init__(self, number):
        self.number, self.tags = number, [number, str(number)]
ITEMS = {number: Item(number) for number in range(50000)}
TEXT = json.dumps({"title": "t", "words": ["red lamp", "blue chair"], "size": {"width": 9, "height": 7}})
DOCUMENTS = [json.loads(TEXT) for _ in range(12500)]
def read(thing):
    if isinstance(thing, dict):
        return sum(map(read, thing.values())) + sum(map(read, thing))
    if isinstance(thing, list):
        return sum(map(read, thing))
    return 1 if not isinstance(thing, Item) else read([thing.number, thing.tags])
"""


@pytest.fixture(params=immortal_pythons(), ids=str)
def interpreter(request):
    if request.param is None:
        pytest.skip("no CPython 3.12 or later on this machine")
    return request.param


READ_EVERYTHING = HEAP + """
if fork():
    gc.collect()
    read([ITEMS, DOCUMENTS])
    read([ITEMS, DOCUMENTS])
    tell(private_kb=kb("Private_Dirty"))
    os._exit(0)
"""


def test_reading_everything_copies_nothing(interpreter, tmp_path):
    [immortal], events = start(interpreter, tmp_path, READ_EVERYTHING)
    [frozen], _ = start(interpreter, tmp_path, READ_EVERYTHING, MODE="freeze")
    assert immortal["private_kb"] <= LITTLE_KB
    assert frozen["private_kb"] > 10 * immortal["private_kb"]
    assert events[0]["mode"] == "immortal" and events[0]["complete"] is True
    assert events[0]["immortal"] > 50000 * 3 + 12500 * 3


HASHED = """
TEXTS = [{"text": "text %d" % number, "bytes": b"bytes %d" % number} for number in range(100000)]
def hash_all():
    for entry in TEXTS:
        hash(entry["text"]), hash(entry["bytes"])
if fork():
    hash_all()
    tell(private_kb=kb("Private_Dirty"))
    os._exit(0)
"""


def test_hashes_of_texts_are_there_before_a_worker_asks(interpreter, tmp_path):
    [told], _ = start(interpreter, tmp_path, HASHED)
    assert told["private_kb"] <= LITTLE_KB


END_OF_A_WORKER = HEAP + """
MORE = [Item(number) for number in range(100000)]
if fork():
    tell(faults=resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    sys.exit()
tell(faults=resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt)
os._exit(0)
"""


def test_the_end_of_a_worker_copies_little(interpreter, tmp_path):
    def faults(**knobs):
        (before, after), events = start(interpreter, tmp_path, END_OF_A_WORKER, **knobs)
        return after["faults"] - before["faults"]

    with_library, without = faults(), faults(MODE="freeze", WHEN="never")
    assert without > 5000
    assert with_library <= without // 10


DEEP = """
class Link:
    def __init__(self, next): self.next = next
class Slotted:
    __slots__ = ("next",)
LISTS, DICTS, TUPLES, CHAIN, SLOTS, MIXED = [], {}, (), None, None, None
for number in range(1000000):
    LISTS = [LISTS]
    CHAIN = Link(CHAIN)
    if number % 4 == 0:
        DICTS, TUPLES = {"key": DICTS}, (TUPLES, number)
        slotted = Slotted()
        slotted.next, SLOTS = SLOTS, slotted
        MIXED = [{"key": (Link(MIXED),)}]
if fork():
    depth = 0
    while CHAIN:
        CHAIN, depth = CHAIN.next, depth + 1
    while LISTS:
        LISTS, depth = LISTS[0], depth + 1
    tell(depth=depth)
    os._exit(0)
os._exit(0)
"""


def test_a_structure_a_million_deep_is_no_recursion(interpreter, tmp_path):
    [told], [event] = start(interpreter, tmp_path, DEEP)
    assert told["depth"] == 2000000
    assert event["complete"] and event["immortal"] > 4000000


LATER = """
import collections
class Thing: pass
DICT, LIST, MIXED = {}, [], []
NESTED = {"dict": {}}
GONE = {str(n): [n] for n in range(1000)}
OWN = collections.defaultdict(list)
for rounds in range(3):
    for number in range(5000 if rounds < 2 else 0):
        name = "%d %d" % (rounds, number)
        DICT[name] = [name]
        LIST.append(Thing())
        MIXED.append([-1000 - number] if number % 2 else None)  # no cached int
    for number in range(900):
        GONE.pop(str(number), None)
    GONE[str(rounds)] = Thing()
    if fork():
        os._exit(0)
"""


def test_new_entries_become_immortal_with_the_next_freeze(interpreter, tmp_path):
    _, (first, second, third) = start(interpreter, tmp_path, LATER, WHEN="every")
    new = 5000 * 2 + 5000 + 2500 * 2  # names and lists, things, lists and numbers
    assert new <= second["immortal"] < new + 100
    assert 0 < third["immortal"] < 100
    assert first["immortal"] > new


NARROW = """
import functools, threading
class Finalized:
    def __init__(self): self.words = [str(number) for number in range(7)]
    def __del__(self): pass
%s
used = kb("VmSize", "/proc/self/status") * 1024
limits = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + (3 << 20), limits[1]))
child = fork()
resource.setrlimit(resource.RLIMIT_AS, limits)
if child:
    tell(sum=sum(range(10)), size=len(HEAP))
    os._exit(0)
if fork():
    os._exit(0)
"""

HEAPS = {
    "deep": "HEAP = []\nfor number in range(1000000): HEAP = [HEAP]\n",
    "wide and mortal": "HEAP = [functools.partial(int, str(number)) for number in range(300000)]\n",
    "finalized": "HEAP = [Finalized() for number in range(300000)]\n",
}


@pytest.mark.parametrize("kind", HEAPS)
def test_a_walk_without_memory_ends_early_and_the_fork_goes_on(interpreter, tmp_path, kind):
    [told], (event, later) = start(interpreter, tmp_path, NARROW % HEAPS[kind], WHEN="every")
    assert told["sum"] == 45
    assert event["event"] == "freeze" and event["complete"] is False
    assert event["immortal"] > 1000
    assert later["complete"] is True


WALK = """
HEAP = [[number] for number in range(1000000)]
before = kb("VmSize", "/proc/self/status")
if fork():
    os._exit(0)
tell(growth_kb=kb("VmSize", "/proc/self/status") - before)
"""


def test_the_memory_of_the_walk_is_given_back(interpreter, tmp_path):
    [told], [event] = start(interpreter, tmp_path, WALK)
    assert event["immortal"] > 1000000
    assert told["growth_kb"] < 1024
