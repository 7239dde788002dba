"""GCFREEZE_MODE=immortal: what data sets are made of, with NumPy."""

import pytest
from immortal import whole
from kinds import REPLACED, copied, modes_and_growth, packaged, start


@pytest.fixture
def interpreter():
    return packaged("data")


NUMPY_KINDS = """
import pickle
import numpy as np
BIG = np.zeros((4000, 16), "f4")
OBJECTS = np.empty((4000, 2), dtype=object)
OBJECTS[:] = [[str(i), [i + 1000]] for i in range(4000)]
ROW = np.dtype([("x", "f4"), ("y", "i8")])
KINDS = {
    "view": lambda i: BIG[i],
    "view of a view": lambda i: BIG.T[1:, i][::2],
    "read from bytes": lambda i: np.frombuffer(b"%016d" % i, "i8"),
    "pickled": lambda i: pickle.loads(pickle.dumps(np.arange(i, i + 4), 5)),
    "scalar": lambda i: [np.float32(i), np.int64(i), np.bool_(i % 2), np.str_("x%d" % i), np.bytes_(b"x%d" % i),
                         np.datetime64(i, "s"), np.timedelta64(i, 's'), np.complex64(i)],
    "objects": lambda i: OBJECTS[i] if i else OBJECTS,
    "objects in columns": lambda i: OBJECTS.T[:, i],
    "array": lambda i: np.arange(i, i + 16),
    "column": lambda i: np.asfortranarray(np.full((4, 4), i)),
    "array of objects": lambda i: np.array([str(i), [i + 1000]], dtype=object),
    "record": lambda i: np.zeros(2, dtype=ROW),
    "generator": lambda i: [np.random.RandomState(i)] if i < 100 else [str(i)],
}
"""
STAY_MORTAL = {"array", "column", "array of objects", "record", "generator"}


def test_records_with_arrays_are_shared(interpreter, tmp_path):
    figures = copied(interpreter, tmp_path, NUMPY_KINDS)
    shared = {kind: pair for kind, pair in figures.items() if kind not in STAY_MORTAL}
    assert {kind: pair for kind, pair in shared.items() if pair[1] > 100} == {}
    assert {kind: pair for kind, pair in figures.items() if pair[0] < 300 or pair[1] > 0.6 * pair[0]} == {}


NUMPY_BEFORE = """
import mmap, tempfile, weakref
import numpy as np
class End:
    def __init__(self, name): self.name = name
    def __del__(self): say("end of", self.name)
class Sub(np.ndarray): pass
OWN, HELD = np.arange(6), {"it": np.arange(6), "view": np.arange(12)[3:9]}
BASE = np.arange(1000)
VIEW = BASE[10:20]
WATCHED = {"it": np.zeros(3)}
REFERENCE = weakref.ref(WATCHED["it"], lambda _: say("end of an array"))
FILE = tempfile.NamedTemporaryFile()
FILE.write(b"0" * 8192)
FILE.flush()
MAPPED = {"it": np.memmap(FILE.name, mode="r+")}
PLAIN = {"it": np.asarray(np.memmap(FILE.name, mode="r"))[10:20]}
MAP = mmap.mmap(FILE.fileno(), 4096)
OVER_MAP = [{"it": np.frombuffer(MAP, "u1")[5:]}]
GROWING = bytearray(16)
OVER_BYTES = {"it": np.frombuffer(GROWING, "u1")}
OBJECTS = np.array([[1], {"a": End("an item")}, None], dtype=object)
ROWS = np.zeros(2, dtype=[("x", "f8"), ("it", object)])
ROWS[0]["it"] = [End("a field")]
RECORD = {"it": ROWS[1:]}
NESTED = [np.array([np.arange(3), End("a nested item")], dtype=object)]
OTHERS = [np.zeros(3).view(Sub), np.ma.masked_array([1, 2], [0, 1]), np.rec.array([(1, 2.0)], names="a,b"),
          np.empty(3, dtype=object), np.array(5), np.array({"a": [1]}, dtype=object), np.zeros((0, 3)), np.matrix([[1]])]
STRINGS = [np.array(["ab", "c"]), np.array(["ab", "c"], dtype="O")]
if hasattr(np.dtypes, "StringDType"):
    STRINGS.append(np.array(["ab" * 40, "c"], dtype=np.dtypes.StringDType()))
SCALARS = [np.float32(1.5), np.float64(2.5), np.int8(3), np.str_("s"), np.datetime64("2020-01-01"), ROWS[0], np.bool_(1)]
BIG = {"it": np.ones(100000)}
RANDOM, DTYPE = np.random.default_rng(1), np.dtype([("a", "f4"), ("b", object)])
def mapped(): return sum(FILE.name in line for line in open("/proc/self/maps"))
"""
NUMPY_AFTER = """
def resize(array, size):
    try:
        array.resize(size)
        return array.tolist()
    except ValueError as error:
        return str(error)
say_all(resize(OWN, 8), resize(VIEW, 8), resize(BASE, 8))
taken = HELD.pop("it")
say_all(resize(taken, (2, 5)), resize(HELD["view"], 7), resize(HELD["view"], 6))
OWN += 1
VIEW += 1
say_all(OWN.sum(), BASE[10:12], VIEW.base is BASE, VIEW.flags.owndata)
WATCHED.clear()
say_all(mapped(), MAPPED["it"][:2], PLAIN["it"][:2])
del MAPPED["it"]
say_all(mapped())
del PLAIN
say_all(mapped())
try:
    MAP.close()
except BufferError as error:
    say_all(error)
OVER_MAP.clear()
MAP.close()
say_all(MAP.closed, mapped())
OVER_BYTES = None
GROWING.append(1)
say_all(len(GROWING))
OBJECTS[0].append(2)
OBJECTS[1] = "new"
say_all(OBJECTS.tolist(), OBJECTS[::2].tolist(), OBJECTS.reshape(3, 1).T.tolist())
OBJECTS = None
say_all(ROWS["x"].tolist(), RECORD["it"]["it"].tolist())
ROWS = None
RECORD = None
NESTED = None
say_all(OTHERS, STRINGS, SCALARS[0] + SCALARS[1], hash(SCALARS[2]), SCALARS[3:5], SCALARS[6])
SCALARS[5]["x"] = 7
say_all(SCALARS[5]["x"], (BIG["it"] * 2 + BIG["it"] + 1)[:2], BIG["it"][:2], RANDOM.integers(9), DTYPE.names, DTYPE["b"])
SCALARS = None
BIG["it"].setflags(write=False)
say_all(BIG["it"].sum(), BIG["it"].reshape(1000, 100).T.flags.c_contiguous)
"""


def test_arrays_do_what_they_do(interpreter, compare):
    program = whole(NUMPY_BEFORE, NUMPY_AFTER)
    outcome = compare(None, program, command=[interpreter.path, str(compare.script)], MODE="immortal")
    assert "immortal=" in outcome.stderr


UNKNOWN = """
import ctypes
import numpy as np
class Offset(ctypes.Structure):
    _fields_ = [("before", ctypes.c_char * 208), ("weak", ctypes.c_ssize_t)]
Offset.from_address(id(np.ndarray)).weak += 8
DATA = [{"it": np.arange(16)} for _ in range(1000)]
if fork():
    os._exit(0)
Offset.from_address(id(np.ndarray)).weak -= 8
os._exit(0)
"""


def test_arrays_that_are_laid_out_in_an_unknown_way_are_left(interpreter, tmp_path):
    def immortal(name, program):
        (tmp_path / name).mkdir()
        _, [event] = start(interpreter, tmp_path / name, program)
        return event["immortal"]

    unknown = immortal("unknown", UNKNOWN)
    assert immortal("known", UNKNOWN.replace("+= 8", "+= 0").replace("-= 8", "-= 0")) - unknown >= 1000


@pytest.mark.parametrize("kind", ["np.ones(1 << 15)", "np.ones((2, 1 << 14))[0]", "np.array([np.ones(1 << 15), None], dtype=object)"])
def test_data_of_arrays_is_bounded(interpreter, tmp_path, kind):
    modes, growth = modes_and_growth(interpreter, tmp_path, REPLACED % ("import numpy as np", kind))
    assert modes[:2] == ["immortal"] * 2 and modes[-1] == "freeze"
    assert growth <= 1.25


def test_an_array_that_is_replaced_where_a_module_holds_it_is_not_lost(interpreter, tmp_path):
    program = """
import numpy as np
STAYS = [[number] for number in range(20000)]
for pool in range(8):
    ARRAY = np.ones(1 << 20)
    MORE = [[number] for number in range(100)]
    if fork():
        os._exit(0)
tell(kb=kb("VmRSS", "/proc/self/status"))
"""
    modes, growth = modes_and_growth(interpreter, tmp_path, program)
    assert modes == ["immortal"] * 8
    assert growth <= 0.25


