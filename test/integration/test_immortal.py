"""GCFREEZE_MODE=immortal: what was created before a fork behaves as without the library.

Each program runs with the library and with an inert one, and prints the same.
"""

import subprocess

import pytest
from conftest import PYTHONS, ROOT, environment, run

LINE = "GCFREEZE_MODE=immortal needs CPython 3.12 or later; freezing alone"

AND_IN_BOTH = """
pid = os.fork()
who = "parent" if pid else "child"
def say_all(*words):
    say(who, *words)
if pid:
    wait(pid)
"""

PROGRAMS = {}


def program(before, after):
    """Keeps a program under the name of what it shows: what it does before the fork, and what
    the child does first and the parent then."""

    def keep(name):
        PROGRAMS[name] = before + AND_IN_BOTH + after + "\nif not pid:\n    os._exit(0)\n"

    return keep


program(
    """
class Mortal:
    def __del__(self):
        say("end of", self.name)
    def __init__(self, name):
        self.name = name
class Heir(Mortal):
    pass
THINGS = {name: kind(name) for name in ("first", "second") for kind in (Mortal, Heir)}
LISTED = [Mortal("listed")]
SLOT = Mortal("slot")
""",
    """
del THINGS["first"]
say_all(sorted(THINGS))
LISTED.clear()
SLOT = None
THINGS.clear()
say_all("over")
""",
)("finalizers_run")

program(
    """
import array, collections, functools, re, types, weakref
class Plain:
    pass
class Slotted:
    __slots__ = ("x", "__weakref__")
class Words(list):
    pass
class Sentence(str):
    pass
def make():
    def function():
        pass
    return function
KINDS = {
    "instance": Plain(), "slots": Slotted(), "list": Words("ab"), "str": Sentence("ab"),
    "set": set("ab"), "frozenset": frozenset("ab"), "deque": collections.deque("ab"),
    "ordered": collections.OrderedDict(a=1), "function": make(), "module": types.ModuleType("m"),
    "partial": functools.partial(int), "array": array.array("i", [1]), "pattern": re.compile("a.b.c.d"),
    "cached": functools.lru_cache(make()), "alias": list[Plain], "method": Plain().__init__,
    "generator": (i for i in range(3)), "code": compile("2+2", "x", "eval"), "type": type("T", (), {}),
}
gone = []
REFERENCES = {}
for name, thing in KINDS.items():
    if name != "type":  # a class dies of the collector alone, and what is frozen never does
        try:
            REFERENCES[name] = weakref.ref(thing, lambda _, name=name: gone.append(name))
        except TypeError:
            pass
del thing
""",
    """
KINDS.clear()
say_all(len(gone), sorted(gone), [name for name, r in REFERENCES.items() if r() is not None])
""",
)("callbacks_of_weak_references_are_called")

program(
    """
import weakref
class Thing:
    pass
class Entry(Thing):
    def __hash__(self): return 1
    def __eq__(self, other): return self is other
A, B, C = Thing(), Thing(), Entry()
BY_NAME = weakref.WeakValueDictionary(a=A, b=B)
BY_THING = weakref.WeakKeyDictionary({A: "a", C: "c"})
SET = weakref.WeakSet([A, B, C])
FINALIZED = weakref.finalize(B, say, "B is finalized")
METHOD = weakref.WeakMethod(C.__eq__)
""",
    """
say_all(sorted(BY_NAME), sorted(BY_THING.values()), len(SET), METHOD() is not None)
del B
say_all(sorted(BY_NAME), FINALIZED.alive, len(SET))
del C
say_all(sorted(BY_THING.values()), len(SET), METHOD())
D = Thing()
BY_NAME["d"] = D
SET.add(D)
del D
say_all(sorted(BY_NAME), len(SET))
""",
)("weak_containers_lose_what_ends")

program(
    """
import contextlib, io
@contextlib.contextmanager
def managed(name):
    say("enter", name)
    try:
        yield name
    finally:
        say("exit", name)
STACK = contextlib.ExitStack()
STACK.enter_context(managed("one"))
STACK.enter_context(managed("two"))
STACK.callback(say, "called back")
OPEN = managed("three")
OPEN.__enter__()
LOST = managed("four")
LOST.__enter__()
class Decorated(contextlib.ContextDecorator):
    def __enter__(self): say("in")
    def __exit__(self, *_): say("out")
@Decorated()
def decorated(): say("between")
""",
    """
STACK.close()
OPEN.__exit__(None, None, None)
LOST.gen.close()
decorated()
with contextlib.suppress(KeyError), contextlib.redirect_stdout(io.StringIO()) as text:
    print("captured")
    {}["x"]
say_all(repr(text.getvalue()))
""",
)("context_managers_are_left")

program(
    """
import tempfile, weakref
class Mortal:
    def __init__(self, name): self.name = name
    def __del__(self): say("end of", self.name)
class Holder:
    def __init__(self, it): self.it = it
class Slotted:
    __slots__ = ("it",)
    def __init__(self, it): self.it = it
class Words(dict):
    pass
def generate():
    try:
        yield
    finally:
        say("end of a generator")
def closure(it):
    return lambda: it
GENERATOR = Holder({"it": generate()})
next(GENERATOR.it["it"])
DICT, LIST, TUPLE = {"it": Mortal("dict")}, [Mortal("list")], (1, Mortal("tuple"))
DEEP = {"a": [Holder((Slotted({"b": Words(c=[Mortal("deep")])}), "x"))]}
CLOSURE = closure(Mortal("closure"))
PATH = tempfile.mkdtemp() + "/file"
FILE = Holder(open(PATH, "w"))
FILE.it.write("flushed when dropped")
SHARED = Mortal("shared")
TWO = [Holder(SHARED)], [Holder(SHARED)]
del SHARED
REFERRED = Holder(set())
REFERENCE = weakref.ref(REFERRED.it, lambda _: say("called back"))
CYCLE = Holder(Mortal("cycle"))
CYCLE.me = CYCLE
""",
    """
GENERATOR = None
DICT = LIST = TUPLE = None
DEEP = CLOSURE = None
FILE = None
say_all(open(PATH).read() if not pid else "")
TWO = TWO[:1]
say_all("one of two")
del TWO
REFERRED = None
CYCLE.it = None
""",
)("what_holds_something_with_an_end_ends_too")

program(
    """
import io, shutil, tempfile
NAMED = {"it": tempfile.NamedTemporaryFile()}
UNNAMED = tempfile.TemporaryFile()
SPOOLED = tempfile.SpooledTemporaryFile(max_size=10)
FOLDER = {"it": tempfile.TemporaryDirectory()}
PATHS = NAMED["it"].name, FOLDER["it"].name
BUFFER = io.BytesIO(b"abc")
TEXT = io.StringIO("abc")
VIEW = BUFFER.getbuffer()
WRITER = {"it": open(os.path.join(FOLDER["it"].name, "x"), "w")}
WRITER["it"].flush()
""",
    """
SPOOLED.write(b"0123456789abcdef")
SPOOLED.seek(0)
say_all(SPOOLED.read())
SPOOLED.close()
say_all([os.path.exists(path) for path in PATHS])
if not pid:
    WRITER["it"].write("flushed at its end")
path = WRITER["it"].name
del WRITER["it"]
say_all(open(path).read() if not pid else "")
VIEW.release()
BUFFER.seek(0, 2)
say_all(BUFFER.write(b"d" * 1000), len(BUFFER.getvalue()), TEXT.read())
descriptor = UNNAMED.fileno()
UNNAMED = None
try:
    os.fstat(descriptor)
except OSError as error:
    say_all(error.errno)
if pid:
    del NAMED["it"]
    FOLDER["it"].cleanup()
    say_all([os.path.exists(path) for path in PATHS])
else:
    NAMED["it"].delete = NAMED["it"]._closer.delete = False
    del NAMED["it"]
    say_all([os.path.exists(path) for path in PATHS])
""",
)("temporary_files_are_closed_and_removed")

program(
    """
import selectors, socket, socketserver
class Subclass(socket.socket):
    pass
PAIR = dict(zip("ab", socket.socketpair()))
OWN = {"it": Subclass(socket.AF_INET)}
SERVER = socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler)
SELECTOR = selectors.DefaultSelector()
SELECTOR.register(PAIR["b"], selectors.EVENT_READ, "data")
FILE = PAIR["a"].makefile("wb")
""",
    """
PAIR["a"].sendall(b"message")
say_all([key.data for key, _ in SELECTOR.select(10)], PAIR["b"].recv(100))
FILE.write(b"file")
FILE.flush()
say_all(PAIR["b"].recv(100))
descriptor = OWN["it"].fileno()
OWN.clear()
try:
    os.fstat(descriptor)
except OSError as error:
    say_all(error.errno)
client = socket.create_connection(SERVER.server_address)
SERVER.handle_request()
say_all(client.recv(1))
FILE.close()
descriptor = PAIR["a"].fileno()
del PAIR["a"]
try:
    os.fstat(descriptor)
except OSError as error:
    say_all(error.errno)
if pid:
    say_all(PAIR["b"].recv(1))
""",
)("sockets_are_closed")

program(
    """
import queue, threading
LOCK, HELD, NESTED = threading.Lock(), threading.Lock(), threading.RLock()
HELD.acquire()
CONDITION, EVENT, BARRIER = threading.Condition(), threading.Event(), threading.Barrier(2)
SEMAPHORE = threading.Semaphore(2)
QUEUES = [queue.Queue(), queue.SimpleQueue(), queue.PriorityQueue()]
LOCKS = {"lock": threading.Lock(), "nested": threading.RLock()}
class Account:
    def __init__(self):
        self.lock, self.sum = threading.Lock(), 0
    def add(self):
        for _ in range(1000):
            with self.lock:
                self.sum += 1
ACCOUNT = Account()
class Worker(threading.Thread):
    def run(self):
        self.answer = 42
NOT_STARTED = Worker()
DONE = Worker()
DONE.start()
DONE.join()
while len(os.listdir("/proc/self/task")) > 1: pass  # or the fork is warned about
""",
    """
say_all(HELD.locked(), HELD.acquire(blocking=False), DONE.is_alive(), threading.active_count())
HELD.release()
threads = [threading.Thread(target=ACCOUNT.add) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
say_all(ACCOUNT.sum)
NOT_STARTED.start()
NOT_STARTED.join()
say_all(NOT_STARTED.answer, NOT_STARTED.is_alive())
def consume():
    with NESTED, NESTED:
        BARRIER.wait()
        for q in QUEUES:
            q.put(q.get() + 1)
    with CONDITION:
        EVENT.set()
        CONDITION.notify_all()
thread = threading.Thread(target=consume)
with CONDITION:
    thread.start()
    for number, q in enumerate(QUEUES): q.put(number)
    BARRIER.wait()
    say_all(CONDITION.wait(60), EVENT.is_set())
thread.join()
say_all([q.get() for q in QUEUES], SEMAPHORE.acquire(), SEMAPHORE.acquire(), SEMAPHORE.acquire(blocking=False))
LOCKS.clear()
""",
)("locks_queues_and_threads_work")

program(
    """
import threading
class Named(threading.local):
    def __init__(self, name): self.name = name
class Mortal:
    def __del__(self): say("end of a thread's value")
LOCAL, NAMED = threading.local(), Named("default")
LOCAL.value = [1]
LOCAL.mortal = Mortal()
NAMED.name = "changed"
LOCALS = {"it": threading.local()}
LOCALS["it"].mortal = Mortal()
""",
    """
def look():
    say_all(hasattr(LOCAL, "value"), NAMED.name)
    LOCAL.mortal = Mortal()
thread = threading.Thread(target=look)
thread.start()
thread.join()
say_all(LOCAL.value, NAMED.name)
del LOCAL.mortal
LOCALS.clear()
""",
)("thread_locals_belong_to_threads")

program(
    """
import asyncio, types
def generate(name):
    try:
        while True:
            got = yield name
            say(name, "got", got)
    finally:
        say("end of", name)
GENERATORS = {name: generate(name) for name in "abc"}
[next(generator) for generator in GENERATORS.values()]
DELEGATING = (yield_ for yield_ in GENERATORS["c"])
async def coroutine(name):
    try:
        await step()
        return name
    finally:
        say("end of coroutine", name)
@types.coroutine
def step():
    yield "stepped"
COROUTINES = {name: coroutine(name) for name in "xyz"}
for it in COROUTINES.values(): it.send(None)
async def agenerate():
    try:
        for number in range(3):
            yield number
    finally:
        say("end of asynchronous generator")
ASYNCHRONOUS = agenerate()
FILTERS = [map(str, range(5)), zip("abc", range(3)), enumerate("abc"), iter([1, 2]), iter({1: 2})]
for it in FILTERS: next(it)
""",
    """
say_all(GENERATORS["a"].send(1), next(DELEGATING))
del GENERATORS["a"]
GENERATORS["b"].close()
try:
    COROUTINES["x"].send(None)
except StopIteration as stop:
    say_all(stop.value)
del COROUTINES["x"], COROUTINES["y"]
COROUTINES["z"].close()
async def consume():
    return [number async for number in ASYNCHRONOUS]
say_all(asyncio.run(consume()))
say_all([list(it) for it in FILTERS])
DELEGATING.close()
GENERATORS.clear()
""",
)("generators_and_coroutines_go_on")

program(
    """
class Mortal:
    count = 0
    def __init__(self): Mortal.count += 1
    def __del__(self): Mortal.count -= 1
CACHE = {number: [number] for number in range(1000)}
LIST = [[number] for number in range(1000)]
SET = {(number,) for number in range(1000)}
NESTED = {"inner": {"list": [[1]]}}
class Holder:
    pass
HOLDER = Holder()
HOLDER.things = []
""",
    """
def fill():
    for number in range(1000):
        CACHE[number] = Mortal()
        LIST.append(Mortal())
        SET.add(Mortal())
    NESTED.setdefault("inner", {}).setdefault("list", []).append(Mortal())
    HOLDER.things.append(Mortal())
    HOLDER.new = Mortal()
def empty():
    CACHE.clear(), LIST.clear(), SET.clear(), NESTED["inner"]["list"].clear(), HOLDER.things.clear()
    del HOLDER.new
fill()
say_all(Mortal.count, len(CACHE), len(LIST), len(SET))
empty()
say_all(Mortal.count)
fill()
fill()
say_all(Mortal.count)
empty()
gc.collect()
say_all(Mortal.count)
""",
)("new_values_of_old_containers_are_freed")

program(
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
@dataclasses.dataclass(slots=True)
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
)("classes_are_defined_patched_and_reloaded")

program(
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
)("copies_limits_and_tracing_work")

program(
    """
import array, asyncio, collections, contextvars, ctypes, datetime, functools, io, itertools, operator
import random, re, sqlite3, string, struct, types, typing, zoneinfo, logging, hashlib, json
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
@functools.cache
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
    "alias": [list[int], typing.Optional[int], int | str, typing.TypeVar("T")],
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
)("objects_of_every_kind_work")


def immortal_from(python):
    return python.version >= (3, 12)


@pytest.mark.parametrize("name", PROGRAMS)
def test_(python, compare, name):
    outcome = compare(python, PROGRAMS[name], MODE="immortal")
    assert outcome.stdout.count("child") > 0
    assert [event[0] for event in outcome.events][:1] == ["freeze"]
    assert ("immortal=" in outcome.stderr) == immortal_from(python)
    assert outcome.stderr.count(LINE) == (not immortal_from(python))


@pytest.mark.parametrize("options", [["-X", "dev"], ["-I"], ["-X", "tracemalloc"], ["-X", "importtime"]])
def test_interpreter_options(python, tmp_path, options):
    script = tmp_path / "app.py"
    script.write_text(
        "import os, sys, json, decimal, ctypes, threading\n"
        "HEAP = [[i, str(i)] for i in range(10000)]\n"
        "pid = os.fork()\n"
        "HEAP.clear()\n"
        "sys.exit(0 if pid == 0 else os.waitpid(pid, 0)[1] != 0)\n"
    )
    outcome = run([python.path, *options, str(script)], environment(MODE="immortal"))
    assert "Error" not in outcome.stderr


@pytest.mark.parametrize("allocator", ["debug", "malloc"])
def test_other_allocators_and_two_ordinary_ends(python, tmp_path, allocator):
    script = tmp_path / "app.py"
    if not immortal_from(python):
        pytest.skip("below 3.12 objects are only frozen, and what is frozen may not be finalized at exit")
    script.write_text(PROGRAM_THAT_ENDS)
    env = environment(MODE="immortal", WHEN="every")
    env["PYTHONMALLOC"] = allocator
    outcome = run([python.path, str(script)], env)
    assert outcome.stdout.splitlines() == ["child", "end of a mortal", "parent", "end of a mortal"]


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
    text = before + AND_IN_BOTH + after + "\nif not pid:\n    os._exit(0)\n"
    outcome = compare(None, text, command=[path, str(compare.script)], MODE="immortal")
    assert "immortal=" in outcome.stderr
