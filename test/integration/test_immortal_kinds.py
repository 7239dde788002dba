"""GCFREEZE_MODE=immortal: what data sets are made of, with the standard library alone."""

import pytest
from immortal import immortal_pythons, in_both, start
from kinds import copied

KINDS = """
import array, collections, dataclasses, datetime, decimal, enum, fractions, pathlib, re, types, typing, uuid, zoneinfo
class Color(enum.Enum):
    RED, BLUE = 1, 2
class Flag(enum.IntFlag):
    A, B = 1, 2
@dataclasses.dataclass
class Plain:
    x: int
    y: list
@dataclasses.dataclass(slots=True)
class Slotted:
    x: int
    y: list
@dataclasses.dataclass(slots=True, frozen=True, weakref_slot=True)
class Frozen:
    x: int
    y: list
class Row(typing.NamedTuple):
    x: int
    y: list
Named = collections.namedtuple("Named", "x y")
class Table(dict): pass
class Vector(array.array): pass
ZONE = datetime.timezone(datetime.timedelta(hours=1))
DAY = datetime.datetime(2020, 1, 1, tzinfo=ZONE)
class Far(datetime.tzinfo):
    def utcoffset(self, when): return datetime.timedelta(hours=2)
FAR = Far()
UNIQUE = zoneinfo.ZoneInfo("UTC")
KINDS = {
    "array": lambda i: array.array("i", [i, i, i]),
    "array of a class": lambda i: Vector("d", [i]),
    "datetime": lambda i: [DAY + datetime.timedelta(seconds=i), datetime.date(1 + i % 9000, 1, 1), datetime.time(i % 24, tzinfo=FAR)],
    "zone": lambda i: [datetime.timezone(datetime.timedelta(seconds=i)), UNIQUE],
    "number": lambda i: [decimal.Decimal(i) / 7, fractions.Fraction(i + 1000, 7), complex(i, 1), i / 7, i + 1000],
    "text": lambda i: ["%d" % i, b"%d" % i, bytearray(b"%d" % i), range(i + 1000), slice(i + 1000)],
    "view": lambda i: memoryview(b"bytes %d" % i),
    "view of a view": lambda i: memoryview(b"bytes %d" % i)[2:][1:],
    "uuid": lambda i: uuid.UUID(int=i),
    "path": lambda i: pathlib.Path("/tmp/%d/file" % i),
    "enum": lambda i: [Color.RED, Flag.A | Flag.B, i + 1000],
    "dataclass": lambda i: Plain(i + 1000, [i]),
    "dataclass with slots": lambda i: Slotted(i + 1000, [i]),
    "frozen dataclass": lambda i: Frozen(i + 1000, [i]),
    "named tuple": lambda i: [Row(i + 1000, [i]), Named(i, {"i": [i]})],
    "deque": lambda i: collections.deque([i + 1000]),
    "collections": lambda i: [collections.defaultdict(list, a=[i]), collections.Counter("a%d" % i), collections.ChainMap({1: [i]})],
    "ordered": lambda i: collections.OrderedDict(a=[i + 1000]),
    "match": lambda i: re.match("(a)([0-9]*)", "a%d" % i),
    "dict of a class": lambda i: Table(a=[i + 1000]),
    "name space": lambda i: types.SimpleNamespace(a=[i + 1000]),
    "set": lambda i: [{i + 1000}, frozenset([i + 2000])],
}
"""


@pytest.fixture(params=immortal_pythons(), ids=str)
def interpreter(request):
    if request.param is None:
        pytest.skip("no CPython 3.12 or later on this machine")
    return request.param


def test_reading_records_of_every_kind_copies_next_to_nothing(interpreter, tmp_path):
    figures = copied(interpreter, tmp_path, KINDS)
    assert {kind: pair for kind, pair in figures.items() if pair[0] < 250 or pair[1] > 100} == {}


def test_arrays_views_and_matches_do_what_they_do(python, in_both):
    in_both(
        python,
        """
import array, re, weakref
class Vector(array.array): pass
ARRAYS = {name: array.array("i", range(1000)) for name in ("grown", "viewed", "watched", "dropped")}
VIEWS = {"it": memoryview(ARRAYS["viewed"])}
OWN = {"it": Vector("d", [1, 2])}
OWN["it"].note = ["note"]
REFERENCE = weakref.ref(ARRAYS["watched"], lambda _: say("end of an array"))
REFERENCES = [weakref.ref(OWN["it"], lambda _: say("end of a vector"))]
BYTES, GROWING = b"plain bytes", bytearray(b"growing")
OF_BYTES, OF_GROWING = {"it": memoryview(BYTES)}, {"it": memoryview(GROWING)}
HIDDEN = [{"it": memoryview(bytearray(b"nobody else has this"))}]
MATCH = {"it": re.match("(?P<first>a)(b)?", "ac")}
""",
        """
ARRAYS["grown"].extend(range(5000))
ARRAYS["grown"].append(1)
say_all(len(ARRAYS["grown"]), sum(ARRAYS["grown"]), ARRAYS["grown"].pop())
def refused(array):
    try:
        array.append(1)
    except BufferError as error:
        return str(error)
say_all(refused(ARRAYS["viewed"]))
VIEWS.clear()
say_all(refused(ARRAYS["viewed"]), len(ARRAYS["viewed"]))
del ARRAYS["watched"], ARRAYS["dropped"]
OWN["it"].append(3)
say_all(OWN["it"].tolist(), OWN["it"].note)
OWN.clear()
say_all(bytes(OF_BYTES["it"][:5]), OF_BYTES["it"] == BYTES, hash(OF_BYTES["it"]) == hash(BYTES))
OF_BYTES["it"].release()
try:
    OF_BYTES["it"][0]
except ValueError as error:
    say_all(error)
say_all(refused(GROWING))
OF_GROWING = None
say_all(refused(GROWING), GROWING)
say_all(bytes(HIDDEN[0]["it"]), MATCH["it"].groups(), MATCH["it"].groupdict(), MATCH["it"].expand(r"\\\\1x"))
owner = HIDDEN[0].pop("it").obj
say_all(refused(owner), owner)
MATCH.clear()
""",
    )


def test_what_waits_or_ends_elsewhere_ends_with_its_holder(python, in_both):
    """Descriptors tell: a queue of multiprocessing that ends closes its pipe."""
    in_both(
        python,
        """
import multiprocessing, queue, threading, weakref
from concurrent.futures import ThreadPoolExecutor
CONTEXT = multiprocessing.get_context("fork")
class Jobs(queue.Queue):
    pass
class Both(dict, threading.Event().__class__):
    pass
class Loader:
    def __init__(self):
        self.queues = [CONTEXT.Queue(), CONTEXT.SimpleQueue()]
        self.pipe = CONTEXT.Pipe()
        self.records = [{"id": number} for number in range(1000)]
        self.done = threading.Event()
class Value:
    def __del__(self): say("end of a value")
def descriptors(): return len(os.listdir("/proc/self/fd"))
NONE = descriptors()
LOADER, LIST = Loader(), [Loader()]
JOBS = {"it": Jobs()}
JOBS["it"].put([Value()])
BOTH = {"it": Both(a=[Value()])}
POOL = {"it": ThreadPoolExecutor(1)}
LOCKED = {"it": CONTEXT.Value("i", 3)}
""",
        """
say_all(descriptors() - NONE)
LOADER = None
say_all(descriptors() - NONE)
LIST.clear()
say_all(descriptors() - NONE)
JOBS["it"].task_done()
JOBS.clear()
BOTH = None
LOCKED["it"].value += 1
say_all(LOCKED["it"].value, POOL["it"].submit(len, "abc").result())
POOL["it"].shutdown()
""",
    )


EPOCHS = """
import multiprocessing, multiprocessing.queues, multiprocessing.synchronize, queue, threading
CONTEXT = multiprocessing.get_context("fork")
RECORDS = [{"id": number} for number in range(1000)]
def work(*arguments, **others): pass
for epoch in range(12):
    queues = [CONTEXT.Queue(), CONTEXT.SimpleQueue(), CONTEXT.JoinableQueue()]
    locks = CONTEXT.Event(), CONTEXT.Lock(), CONTEXT.Condition()
    others = [queue.Queue(), threading.Event(), CONTEXT.Pipe()]
    process = CONTEXT.Process(target=work, args=(RECORDS, *queues, locks), kwargs={"others": others})
    process.start()
    process.join()
    assert process.exitcode == 0
"""


def test_what_each_epoch_is_handed_anew_stays_mortal(interpreter, tmp_path):
    _, events = start(interpreter, tmp_path, EPOCHS, WHEN="every")
    later = [event["immortal"] for event in events if event["event"] == "freeze"][3:]
    assert len(later) == 9
    assert max(later) <= 10, later


# Most of the heap is what stays. Of what is replaced, most is in the numbers.
NUMBERS = """
import array
STAYS = [[number] for number in range(200000)]
DATA = None
for pool in range(16):
    DATA = None
    DATA = [{"numbers": %s} for number in range(20)]
    if fork():
        os._exit(0)
tell(kb=kb("VmRSS", "/proc/self/status"))
"""

HELD = {
    "array": "array.array('d', bytes(1 << 19))",
    "view": "memoryview(bytearray(1 << 19))",
}


@pytest.mark.parametrize("kind", HELD)
def test_memory_outside_of_objects_is_bounded(interpreter, tmp_path, kind):
    program = NUMBERS % HELD[kind]
    [plain], _ = start(interpreter, tmp_path, program, MODE="freeze", WHEN="never")
    [told], events = start(interpreter, tmp_path, program, WHEN="every")
    modes = [event["mode"] for event in events if event["event"] == "freeze"]
    assert modes[:2] == ["immortal"] * 2 and modes[-1] == "freeze"
    assert told["kb"] - plain["kb"] <= 1.25 * plain["kb"]
