"""GCFREEZE_MODE=immortal: objects and classes of every kind work after a fork."""

import subprocess

import pytest
from conftest import PYTHONS, ROOT
from immortal import immortal_from, in_both, run_script, skip_below_immortal, whole


def test_classes_are_defined_patched_and_reloaded(python, in_both):
    in_both(
        python,
        """
import abc, dataclasses, enum, importlib, sys, tempfile, typing
FOLDER = tempfile.mkdtemp()
sys.path.insert(0, FOLDER)
sys.dont_write_bytecode = True
with open(FOLDER + "/reloaded.py", "w") as module:
    module.write("class Thing:\\n    value = 1\\nTHINGS = [Thing()]\\ndef function(): return value\\nvalue = 1\\n")
import reloaded
class Base:
    def method(self): return "old"
    @property
    def attribute(self): return self.method() + " attribute"
class Meta(type):
    def __call__(cls, *args): return super().__call__(*args)
class WithMeta(metaclass=Meta):
    registry = {}
    def __init_subclass__(cls): WithMeta.registry[cls.__name__] = cls
class Abstract(abc.ABC):
    @abc.abstractmethod
    def method(self): ...
class Color(enum.Enum):
    RED = 1
@dataclasses.dataclass(**{"slots": True} if sys.version_info >= (3, 10) else {})
class Point:
    x: int
    y: int = 0
class Row(typing.NamedTuple):
    a: int
OLD = Base()
""",
        """
class Sub(Base): pass
Base.method = lambda self: "new"
say_all(OLD.attribute, Sub().attribute, [cls.__name__ for cls in Base.__subclasses__()])
OLD.__class__ = Sub
say_all(type(OLD).__name__, isinstance(OLD, Base))
class Another(WithMeta): pass
say_all(list(WithMeta.registry), Another().__class__.__name__)
Abstract.register(Base)
say_all(isinstance(OLD, Abstract), issubclass(Sub, Abstract))
class Real(Abstract):
    def method(self): return super().method()
say_all(Real().method())
say_all(Color.RED is Color(1), Color["RED"], Point(1), Row(1)._replace(a=2))
if not pid:
    with open(FOLDER + "/reloaded.py", "a") as module:
        module.write("value = 2\\nclass Thing:\\n    value = 2\\n")
importlib.invalidate_caches()
importlib.reload(reloaded)
say_all(reloaded.function(), reloaded.Thing.value, reloaded.THINGS[0].value)
del sys.modules["reloaded"]
say_all(importlib.import_module("reloaded") is reloaded)
OLD.__class__ = Base
del Sub, Another, Real
gc.collect()
say_all([cls.__name__ for cls in Base.__subclasses__()])
Base.__bases__[0].__subclasses__()
def patched(): return 1
patched.__code__ = (lambda: 2).__code__
say_all(patched())
if pid:
    import shutil
    shutil.rmtree(FOLDER)
""",
    )


def test_copies_limits_and_tracing_work(python, in_both):
    in_both(
        python,
        """
import copy, datetime, decimal, pickle, tracemalloc, collections, fractions, types
class Node:
    def __init__(self, value): self.value, self.me = value, self
DATA = {
    "text": "text", "bytes": b"b", "numbers": [1, 10 ** 30, 1.5, 2j, True, None],
    "set": {(1, 2), frozenset("ab")}, "node": Node([1]), "range": range(3), "array": bytearray(b"x"),
    "when": datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc), "sum": decimal.Decimal("1.1"),
    "counter": collections.Counter("hello"), "part": fractions.Fraction(1, 3),
    "name space": types.SimpleNamespace(a=1),
}
DEEP = []
for _ in range(200): DEEP = [DEEP]
def recurse(n): return n and 1 + recurse(n - 1)
""",
        """
twin = pickle.loads(pickle.dumps(DATA))
copied = copy.deepcopy(DATA)
for other in twin, copied:
    say_all({key: other[key] == value for key, value in DATA.items()}, other["node"].me is other["node"])
say_all(copy.deepcopy(DEEP) == DEEP, copy.copy(DATA) == DATA)
sys.setrecursionlimit(3000)
say_all(recurse(2500))
sys.setrecursionlimit(1000)
try:
    recurse(2500)
except RecursionError:
    say_all("recursion ends")
tracemalloc.start()
before = tracemalloc.take_snapshot()
kept = [bytes(1000) for _ in range(1000)]
growth = sum(s.size_diff for s in tracemalloc.take_snapshot().compare_to(before, "filename"))
say_all(growth > 10 ** 6)
tracemalloc.stop()
DATA["array"] += b"more"
DATA["numbers"].sort(key=str)
DATA["text"] += "more"
say_all(DATA["array"], DATA["numbers"], DATA["text"], len(gc.get_referents(DATA)))
say_all(sys.getsizeof(DATA["set"]), sys.intern("te" + "xt"), hash(DATA["sum"]))
""",
    )


def test_objects_of_every_kind_work(python, in_both):
    in_both(
        python,
        """
import array, asyncio, collections, contextvars, ctypes, datetime, functools, io, itertools, operator
import random, re, sqlite3, string, struct, types, typing, logging, hashlib, json
NEW = sys.version_info >= (3, 10)
class Structure(ctypes.Structure):
    _fields_ = [("a", ctypes.c_int), ("b", ctypes.c_char_p)]
class Raw(io.RawIOBase):
    def readable(self): return True
    def readinto(self, buffer): buffer[:1] = b"r"; return 1
class Problem(Exception):
    pass
class Text(str): __slots__ = ()
class Number(int): pass
class Pair(tuple): pass
class Own(dict):
    def __missing__(self, key): return key
@functools.lru_cache(maxsize=4)
def bounded(n): return [n]
@functools.lru_cache(maxsize=None)
def unbounded(n): return {n: [n]}
for n in range(10): bounded(n), unbounded(n)
@functools.singledispatch
def dispatched(x): return "other"
@dispatched.register
def _(x: int): return "int"
CONTEXT, VARIABLE = contextvars.copy_context(), contextvars.ContextVar("v", default=[1])
CONTEXT.run(VARIABLE.set, [2])
LOOP = asyncio.new_event_loop()
FUTURE, QUEUE = LOOP.create_future(), asyncio.Queue()
DATABASE = sqlite3.connect(":memory:", check_same_thread=False)
DATABASE.execute("create table t (a)")
ZOO = {
    "views": [{1: 2}.keys(), {1: 2}.values(), {1: 2}.items()], "deque": collections.deque("abc", 5),
    "ordered": collections.OrderedDict(a=[1]), "default": collections.defaultdict(list, a=[1]),
    "counter": collections.Counter("aab"), "chain": collections.ChainMap({1: 2}, {3: 4}),
    "named": collections.namedtuple("N", "a b")(1, [2]), "partial": functools.partial(max, 3),
    "proxy": types.MappingProxyType({"a": [1]}), "space": types.SimpleNamespace(a=[1]),
    "alias": [typing.Optional[int], typing.TypeVar("T"), *eval("list[int], int | str" if NEW else "()")],
    "pattern": re.compile("(?P<x>[a-q])+"), "view": memoryview(bytearray(b"abc")),
    "structure": Structure(1, b"b"), "pointer": ctypes.pointer(ctypes.c_int(3)), "raw": Raw(),
    "problem": Problem("text", [1]), "str": Text("t"), "int": Number(7), "pair": Pair([1, [2]]),
    "own": Own(a=[1]), "array": array.array("d", [1.5]), "struct": struct.Struct("<ih"),
    "getters": [operator.itemgetter(1), operator.attrgetter("real"), operator.methodcaller("upper")],
    "iterators": [itertools.cycle("ab"), itertools.product("ab", repeat=2), itertools.count(5),
                  itertools.groupby("aab"), itertools.tee("abc")[0], itertools.accumulate([1, 2])],
    "random": random.Random(1), "template": string.Template("$a"), "hash": hashlib.sha256(b"x"),
    "decoder": json.JSONDecoder(), "log": logging.getLogger("x.y"), "slice": slice(1, [2], None),
    "zone": datetime.timezone(datetime.timedelta(hours=1)), "cell": types.CellType([1]),
    "loose": [object(), Ellipsis, NotImplemented, super(Own, Own()), staticmethod(len), classmethod(len)],
}
""",
        """
z = ZOO
say_all([list(view) for view in z["views"]], z["deque"], z["ordered"], z["default"]["b"], z["counter"])
z["deque"].extend("xyz")
z["ordered"].move_to_end("a")
z["ordered"]["b"] = 2
z["counter"].update("abc")
say_all(z["deque"], z["ordered"].popitem(), z["counter"].most_common(1), dict(z["chain"]), z["named"])
say_all(z["partial"](2), z["proxy"]["a"], z["space"], z["alias"], z["pattern"].match("abc")["x"])
z["view"][0] = 65
say_all(bytes(z["view"]), z["structure"].a, z["structure"].b, z["pointer"].contents.value)
z["structure"].b = b"new"
z["pointer"].contents.value = 4
say_all(z["structure"].b, z["pointer"][0], io.BufferedReader(z["raw"]).read(1), z["own"]["zz"])
try:
    raise z["problem"]
except Problem as problem:
    say_all(problem.args, problem.__traceback__ is not None)
say_all(z["str"] + "u", z["int"] + 1, z["pair"] + (3,), z["array"][0], z["struct"].pack(1, 2))
z["str"].__class__, z["int"].__dict__.update(a=1)
say_all([getter(x) for getter, x in zip(z["getters"], ["ab", 3, "up"])])
say_all([[next(iterator) for _ in range(2)] for iterator in z["iterators"] if "group" not in repr(iterator)])
say_all([(key, list(group)) for key, group in z["iterators"][3]], z["random"].random())
say_all(z["template"].substitute(a=1), z["hash"].hexdigest()[:8], z["decoder"].decode("[1]"), z["zone"])
say_all("abcdef"[z["slice"].start:], z["cell"].cell_contents, len(z["loose"]), repr(z["loose"][3])[:10])
say_all(bounded(9), bounded(1), bounded.cache_info(), unbounded(3), unbounded.cache_info())
bounded.cache_clear()
unbounded.cache_clear()
say_all(bounded(2), unbounded.cache_info(), dispatched(1), dispatched(""))
@dispatched.register
def _(x: str): return "str"
say_all(dispatched(""), VARIABLE.get(), CONTEXT.run(VARIABLE.get), CONTEXT[VARIABLE])
LOOP.call_soon(FUTURE.set_result, "result")
QUEUE.put_nowait(1)
say_all(LOOP.run_until_complete(FUTURE), LOOP.run_until_complete(QUEUE.get()))
LOOP.close()
DATABASE.execute("insert into t values (1)")
say_all(DATABASE.execute("select * from t").fetchall())
DATABASE.close()
""",
    )


@pytest.mark.parametrize("options", [["-X", "dev"], ["-I"], ["-X", "tracemalloc"], ["-X", "importtime"]])
def test_interpreter_options(python, tmp_path, options):
    program = (
        "import os, sys, json, sqlite3, threading\n"
        "HEAP = [[i, str(i)] for i in range(10000)]\n"
        "pid = os.fork()\n"
        "HEAP.clear()\n"
        "sys.exit(0 if pid == 0 else os.waitpid(pid, 0)[1] != 0)\n"
    )
    outcome = run_script(python, tmp_path, program, *options, check=False)
    inert = run_script(python, tmp_path, program, *options, check=False, **{"": 0})
    # 3.8's debug allocator ends each forked child that exits, without the library, too
    assert outcome.returncode == inert.returncode == (python.version < (3, 9) and "dev" in options)
    assert ("Error" in outcome.stderr) == ("Error" in inert.stderr)


PROGRAM_THAT_ENDS = """
import atexit, os, sys
class Mortal:
    def __del__(self, write=os.write):
        write(1, b"end of a mortal\\n")
HEAP = {number: [str(number)] for number in range(50000)}
MORTAL = Mortal()
pid = os.fork()
if pid and os.waitpid(pid, 0)[1]:
    sys.exit("the child's end went wrong")
atexit.register(os.write, 1, b"parent\\n" if pid else b"child\\n")
"""


@pytest.mark.parametrize("allocator", ["debug", "malloc"])
def test_other_allocators_and_two_ordinary_ends(python, tmp_path, allocator):
    skip_below_immortal(python)
    outcome = run_script(python, tmp_path, PROGRAM_THAT_ENDS, allocator=allocator, WHEN="every")
    assert outcome.stdout.splitlines() == ["child", "end of a mortal", "parent", "end of a mortal"]


# Each makes objects of its types before the fork, and uses and drops them after it.
PACKAGES = {
    "greenlet": (
        """
import greenlet
def body(value):
    while True:
        value = greenlet.getcurrent().parent.switch(value + 1)
GREENLET = {"it": greenlet.greenlet(body)}
GREENLET["it"].switch(0)
""",
        """
say_all(GREENLET["it"].switch(5), bool(GREENLET["it"]))
GREENLET.clear()
class Sub(greenlet.greenlet): pass
say_all(Sub(lambda: 7).switch())
""",
    ),
    "numpy": (
        """
import numpy
class Sub(numpy.ndarray): pass
ARRAYS = {"a": numpy.arange(1000), "o": numpy.array([[1], {"a": 2}], dtype=object),
          "s": numpy.zeros(3).view(Sub), "r": numpy.zeros(2, dtype=[("x", "f8"), ("y", "i4")]),
          "m": numpy.ma.masked_array([1, 2], [0, 1])}
SCALARS = [numpy.float64(1.5), numpy.int8(3), numpy.datetime64("2020-01-01"), numpy.dtype("f4"), numpy.add]
VIEW = ARRAYS["a"][10:20]
""",
        """
ARRAYS["a"] += 1
say_all(ARRAYS["a"].sum(), VIEW.tolist(), ARRAYS["o"].tolist(), ARRAYS["r"]["x"].tolist(), SCALARS)
ARRAYS["o"][0].append(2)
say_all(ARRAYS["m"].sum(), type(ARRAYS["s"] + 1).__name__, numpy.add.reduce(VIEW), ARRAYS["o"][0])
ARRAYS.clear()
say_all(VIEW.base.shape, numpy.linalg.inv(numpy.eye(2) * 2).tolist(), numpy.random.default_rng(1).integers(9))
""",
    ),
    "lxml": (
        """
from lxml import etree
class Own(etree.ElementBase): pass
TREE = etree.fromstring("<a><b x='1'>t</b><c/></a>")
CHILD = TREE[0]
PATH, SHEET = etree.XPath("//b/@x"), {"parser": etree.XMLParser(remove_blank_text=True)}
""",
        """
etree.SubElement(TREE, "d").text = "new"
say_all(etree.tostring(TREE), PATH(TREE), CHILD.getparent() is TREE, [e.tag for e in TREE.iter()])
TREE = None
say_all(CHILD.getparent().tag, etree.fromstring("<x> <y/></x>", SHEET["parser"])[0].tag, Own("z").tag)
SHEET.clear()
""",
    ),
}


def interpreters_with_packages():
    """The one with gunicorn, and the others: packages are installed where somebody wanted them."""
    return [str(ROOT / ".venv" / "gunicorn" / "bin" / "python")] + [
        python.path for python in PYTHONS if immortal_from(python)
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_types_of_extensions_work(compare, package):
    probe = "import sys, %s; sys.exit(sys.version_info < (3, 12))" % package
    for path in interpreters_with_packages():
        if subprocess.run([path, "-c", probe], stderr=subprocess.DEVNULL).returncode == 0:
            break
    else:
        pytest.skip("no CPython 3.12 or later here has " + package)
    before, after = PACKAGES[package]
    outcome = compare(None, whole(before, after), command=[path, str(compare.script)], MODE="immortal")
    assert "immortal=" in outcome.stderr
