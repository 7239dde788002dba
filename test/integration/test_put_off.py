"""Which programs load with a put-off collector, and that none of them sees our numbers."""

import ctypes
import resource

import pytest
from conftest import FORK, FREEZE, environment, run


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))


# 5,000 sockets, each in a cycle, one at a time; then the errors of urllib, which hold theirs by a frame.
SOCKETS = """
import gc, socket
class Connection:
    def __init__(self):
        self.socket = socket.socket()
        self.me = self
for _ in range(5000):
    Connection()
"""
ERRORS = """
import http.server, sys, threading, urllib.error, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)
    def log_message(self, *words):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = "http://127.0.0.1:%d/" % server.server_address[1]
def ask():
    try:
        urllib.request.urlopen(url, timeout=60)
    except urllib.error.HTTPError as error:
        kept = error
        frame = sys._getframe()
for _ in range(1200):
    ask()
"""


@pytest.mark.parametrize("program", [SOCKETS, ERRORS], ids=["sockets", "urllib"])
def test_a_program_that_never_forks_keeps_no_descriptors(python, tmp_path, program):
    script = tmp_path / "app.py"
    script.write_text(program)
    run([python.path, str(script)], environment(), preexec_fn=few_descriptors)


LOADS = """
def collections():
    return sum(generation["collections"] for generation in gc.get_stats())
before = collections()
MORE = [[i] for i in range(100000)]
with open(os.environ["GCFREEZE_TEST_NOTES"], "a") as notes:
    notes.write("collections %d\\n" % (collections() - before))
state("loaded")
"""
# The others: test/unit/test_hosts.c.
HOSTS = {
    "gunicorn": (["gunicorn"], True),
    "celery worker": (["celery", "-A", "app", "worker"], True),
    "celery beat": (["celery", "-A", "app", "beat"], False),
    "any other": (["server.py"], False),
}


@pytest.mark.parametrize("host", HOSTS)
def test_the_collector_is_put_off_in_hosts_that_load_and_then_fork(python, compare, host):
    (name, *arguments), is_put_off = HOSTS[host]
    script = compare.script.parent / name
    script.symlink_to(compare.script)
    outcome = compare(python, LOADS + FORK, command=[python.path, str(script), *arguments])
    assert outcome.events == [FREEZE]
    # a free-threaded collector waits until a quarter of the objects is new
    few = 0 if python.free_threaded else -10
    assert (outcome.frozen["collections"] < few) == is_put_off


# What is said is the same without the library; and so is how often a worker collects.
WORK = """
def work(who, begin):
    pid = os.fork() if who != "parent" else 0
    if pid == 0:
        begin()
        gc.collect()
        before = sum(generation["collections"] for generation in gc.get_stats())
        more = [[i] for i in range(100000)]
        say(who, gc.get_threshold(), gc.isenabled())
        say(sum(generation["collections"] for generation in gc.get_stats()) - before > 2)
        if who != "parent":
            os._exit(0)
    else:
        wait(pid)
"""
SETTINGS = {
    "ten times as much": ("g0, g1, g2 = gc.get_threshold(); gc.set_threshold(g0 * 10, g1, g2)", "pass"),
    "saved and set again": ("saved = gc.get_threshold()", "gc.set_threshold(*saved)"),
    "saved, off, and set again": (
        "saved = gc.get_threshold(); gc.set_threshold(0)",
        "gc.set_threshold(*saved)",
    ),
    "a bad call": ("try: gc.set_threshold(600, None)\nexcept TypeError as error: say(error)", "pass"),
    "disabled and enabled": ("gc.disable(); MORE = [[i] for i in range(1000)]; gc.enable()", "pass"),
    "enabled by workers": ("gc.disable()", "gc.enable()"),
}


@pytest.mark.parametrize("parent", ["restore", "keep"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_what_an_application_makes_of_its_thresholds_is_its_own(python, compare, setting, parent):
    loading, working = SETTINGS[setting]
    program = WORK + loading + '\nstate("loaded")\ndef begin(): %s\n' % working
    program += 'work("first", begin)\nwork("second", begin)\n'
    if parent == "restore":
        program += 'work("parent", begin)\n'
    outcome = compare(python, program + 'state("parent-end")\n', STARTUP="defer", PARENT=parent)
    assert outcome.events[0] == FREEZE
    if not python.free_threaded and loading != "pass":
        assert outcome.stdout.count("True") >= 2


LOOKS = """
import importlib, inspect, pickle
from gc import get_threshold, set_threshold
class Index:
    def __index__(self):
        return 77
def call(function, *arguments, **keywords):
    try:
        return function(*arguments, **keywords), gc.get_threshold()
    except Exception as error:
        return type(error), str(error), gc.get_threshold()
for function in get_threshold, set_threshold:
    for name in "__name__", "__qualname__", "__module__", "__doc__", "__text_signature__":
        say(name, repr(getattr(function, name)))
    say(repr(function), type(function), function.__self__ is gc, pickle.dumps(function))
    say(call(inspect.signature, function))
    say(getattr(gc, function.__name__) is function, sorted(dir(function)))
say(sorted(vars(gc)), gc.__spec__, repr(gc))
for arguments in [
    (), (5, "x"), ("x",), (7,), (8, 9), (8, 9, 10), (1, 2, 3, 4), (1.5,), (Index(),), (2**31,), (2**63,), (-3,),
    (0,), (0, "y"), (700,), (None,), (5, None), (1000000,), (1000000, "z"), (900, 10, 10),
]:
    say(call(gc.set_threshold, *arguments))
say(call(gc.set_threshold, threshold0=5), call(gc.get_threshold, 1))
importlib.reload(gc)
say(gc.get_threshold is get_threshold, gc.get_threshold())
pid = os.fork()
if pid == 0:
    say(gc.get_threshold is get_threshold, call(gc.set_threshold, "x"), call(set_threshold, 5))
    os._exit(0)
wait(pid)
say(gc.get_threshold is get_threshold, call(gc.set_threshold, "x"), call(set_threshold, 6))
"""


@pytest.mark.parametrize("options", [(), ("-W", "error")], ids=["plain", "warnings are errors"])
def test_the_functions_of_gc_look_and_act_as_the_interpreters_own(python, compare, options):
    assert compare(python, LOOKS, *options, STARTUP="defer").events == [FREEZE]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "_Fork"), reason="this libc has no _Fork")
def test_a_child_whose_fork_passed_us_by_collects_as_well(python, compare):
    outcome = compare(
        python,
        """
import ctypes
for step in ctypes.pythonapi.PyOS_BeforeFork, ctypes.pythonapi.PyOS_AfterFork_Child, ctypes.pythonapi.PyOS_AfterFork_Parent:
    step.argtypes, step.restype = [], None
fork = ctypes.PyDLL(None)._Fork
ctypes.pythonapi.PyOS_BeforeFork()
pid = fork()
if pid == 0:
    ctypes.pythonapi.PyOS_AfterFork_Child()
    before = sum(generation["collections"] for generation in gc.get_stats())
    MORE = [[i] for i in range(100000)]
    say(sum(generation["collections"] for generation in gc.get_stats()) - before > 10)
    os._exit(0)
ctypes.pythonapi.PyOS_AfterFork_Parent()
wait(pid)
state("parent")
""",
        STARTUP="defer",
    )
    assert outcome.events == []
