"""GCFREEZE_MODE=immortal: what had an end to be noticed still has it."""

from immortal import in_both, run_script, skip_below_immortal


def test_finalizers_run(python, in_both):
    in_both(
        python,
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
    )


def test_callbacks_of_weak_references_are_called(python, in_both):
    in_both(
        python,
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
    "cached": functools.lru_cache(make()), "alias": types.SimpleNamespace if sys.version_info < (3, 9) else list[Plain],
    "method": Plain().__init__,
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
    )


def test_weak_containers_lose_what_ends(python, in_both):
    in_both(
        python,
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
    )


def test_what_holds_something_with_an_end_ends_too(python, in_both):
    in_both(
        python,
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
    )


def test_what_holds_a_function_that_holds_something_with_an_end_ends_too(python, in_both):
    in_both(
        python,
        """
import collections, functools
class Mortal:
    def __init__(self, name): self.name = name
    def __del__(self): say("end of", self.name)
PARTIAL = [functools.partial(print, Mortal("an argument"))]
CALLS = {"it": functools.partial(print, {"a": [Mortal("a part of an argument")]})}
MANY = collections.deque({"it": functools.partial(print, Mortal("one of three"))} for _ in range(3))
""",
        """
PARTIAL = None
CALLS = None
MANY.pop()
say_all("two")
MANY = None
""",
    )


def test_temporary_files_are_closed_and_removed(python, in_both):
    in_both(
        python,
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
    )


def test_sockets_are_closed(python, in_both):
    in_both(
        python,
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
    )


def test_new_values_of_old_containers_are_freed(python, in_both):
    in_both(
        python,
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
    )


ENDS_AFTER_ALL = """
import multiprocessing, os
multiprocessing.set_start_method("fork")
from multiprocessing.managers import SharedMemoryManager
import dataclasses, decimal
HEAP = [[str(number)] for number in range(50000)]
%s
MANAGER = SharedMemoryManager()  # its __del__ needs globals of its module
MANAGER.start()
LIST = MANAGER.ShareableList(range(10))
MANAGER.shutdown()
TEXT = open("text", "w")
TEXT.write("flushed")
HOLDER = {"it": open("held", "w")}
HOLDER["it"].write("flushed")
"""


def end_of_script(python, tmp_path, definitions):
    skip_below_immortal(python)
    outcome = run_script(python, tmp_path, ENDS_AFTER_ALL % definitions)
    assert outcome.events[0][0] == "freeze"
    assert (tmp_path / "text").read_text() == "flushed"
    assert (tmp_path / "held").read_text() == "flushed"
    return outcome


def test_what_a_script_holds_ends_before_the_modules_that_it_needs(python, tmp_path):
    outcome = end_of_script(python, tmp_path, "")
    assert "Exception ignored" not in outcome.stderr


def test_files_of_a_script_with_functions_are_flushed_at_its_end(python, tmp_path):
    end_of_script(python, tmp_path, "def function(): return MANAGER")
