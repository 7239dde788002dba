"""What a program sees of its warm-up: what was loaded, and nothing else."""

import json

import pytest
from conftest import environment, run
from servers.warming import Said

PROGRAM = """
import asyncio, contextvars, gc, inspect, json, logging, os, posix, random, re, signal, sys, threading, warnings
ARGV, HOOKS, TOLD = sys.argv, [], {}
os.register_at_fork(
    before=lambda: HOOKS.append("before"),
    after_in_parent=lambda: HOOKS.append("parent"),
    after_in_child=lambda: HOOKS.append("child"),
)
LOCAL, VARIABLE = threading.local(), contextvars.ContextVar("variable", default="none")
LOCAL.value = VARIABLE.set("ours") and "ours"
random.seed(17)
logging.basicConfig(level=logging.INFO, format="%(threadName)s", stream=sys.stdout)
signal.signal(signal.SIGTERM, lambda *_: None)
logging.lastResort.name = "seen"


def is_free(lock):
    "For a thread that does not hold it."
    answers = []
    def ask():
        answers.append(lock.acquire(blocking=False))
        if answers[0]:
            lock.release()
    thread = threading.Thread(target=ask, name="asks")
    thread.start()
    thread.join()
    return answers == [True]


def descriptors():
    return sorted((number, os.readlink("/proc/self/fd/" + number).split("[")[0]) for number in os.listdir("/proc/self/fd")[:-1])


def warned():
    "The kernel counts a thread for a moment after it was joined, ours as well, and os.fork warns then."
    registry = map(str, globals().get("__warningregistry__", ()))
    return sorted(one for one in registry if "multi-threaded" not in one and one != "version")


def shown(value):
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))


def sight():
    fork = os.fork
    mask = os.umask(0)
    os.umask(mask)
    return {
        "modules": sorted(sys.modules),
        "argv": [sys.argv, sys.argv is ARGV],
        "cwd": os.getcwd(),
        "umask": mask,
        "environment": dict(os.environ),
        "random": hash(shown(random.getstate())),
        "filters": shown(warnings.filters),
        "warnings": [shown(warnings.showwarning), warned()],
        "logging": [shown(logging.root), shown(logging.root.handlers), shown(logging.lastResort)],
        "locks": [is_free(logging._lock)] + [is_free(handler.lock) for handler in logging.root.handlers],
        "signals": [shown(signal.getsignal(number)) for number in signal.valid_signals()],
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "local": [LOCAL.value, VARIABLE.get(), len(contextvars.copy_context())],
        "threads": [[thread.name for thread in threading.enumerate()], len(threading._active), threading.Thread().name],
        "loop": [shown(asyncio._get_running_loop()), sorted(vars(asyncio.get_event_loop_policy()._local))],
        "gc": [gc.get_threshold(), gc.isenabled(), len(gc.callbacks), gc.get_debug(), len(gc.garbage)],
        "exception": [shown(sys.exc_info()), hasattr(sys, "last_value"), shown(sys.unraisablehook), shown(sys.excepthook)],
        "interpreter": [
            shown(sys.gettrace()), shown(sys.getprofile()), sys.getswitchinterval(), sys.getrecursionlimit(), sys.path,
            [shown(finder) for finder in sys.meta_path], shown(sys.stdout), shown(sys.stderr),
        ],
        "descriptors": descriptors(),
        "fork": [
            shown(fork), fork.__name__, fork.__qualname__, fork.__module__, fork.__doc__,
            str(inspect.signature(fork)), type(fork).__name__, fork is posix.fork, shown(fork.__self__), fork == os.fork,
        ],
        "hooks": HOOKS[:],
    }


def fork(name):
    said = os.pipe()
    try:
        raise KeyError("being handled")
    except KeyError:
        pid = os.fork()
        handled = repr(sys.exc_info()[1])
    if pid == 0:
        os.write(said[1], json.dumps([HOOKS, handled, LOCAL.value, VARIABLE.get()]).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    TOLD[name] = [json.loads(os.read(said[0], 65536)), handled]
    os.close(said[0]), os.close(said[1])


import work
TOLD["before"] = sight()
if WHO == "application":
    work.load()
fork("first")
TOLD["after"] = sight()
TOLD["own"] = "built-in" in repr(os.fork) and os.fork.__self__ is posix
fork("second")
TOLD["end"] = sight()
TOLD["meddled"] = work.MEDDLED
print(json.dumps(TOLD))
"""

WORK = """
MEDDLED = []

def load():
    import calendar, decimal, email.message

def meddle():
    "Changes what belongs to the process, and looks around."
    import asyncio, gc, logging, os, random, sys, threading, warnings
    main = sys.modules["__main__"]
    assert main.HOOKS == [], "hooks of the application are called for its own forks"
    assert not hasattr(main.LOCAL, "value") and main.VARIABLE.get() == "none"
    assert sys.exc_info() == (None, None, None), sys.exc_info()
    assert all("gcfreeze" not in name for name in sys.modules)
    main.LOCAL.value = "theirs"
    main.VARIABLE.set("theirs")
    os.chdir("/")
    sys.argv[:] = ["changed"]
    sys.argv = ["replaced"]
    random.seed(1)
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "something")
    warnings.showwarning = print
    logging.getLogger("work").debug("for nobody")
    threading.current_thread()
    MEDDLED.append(os.getpid() == main.os.getpid())

async def asynchronous():
    import asyncio
    await asyncio.sleep(0)
    MEDDLED.append("asynchronous")
"""


@pytest.fixture
def look(python, tmp_path):
    """look(who, words): what the program tells, once `who` has loaded what there is to load."""
    (tmp_path / "work.py").write_text(WORK)

    def look(who, words=""):
        script = tmp_path / "program.py"
        script.write_text("WHO = %r\n" % who + PROGRAM)
        knobs = {"WARMUP": words} if words else {"TEST_NOTHING": 1}  # as many variables
        env = {**environment(**knobs), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        outcome = run([python.path, str(script), "argument"], env, cwd=tmp_path, timeout=60)
        told = json.loads(outcome.stdout)
        for moment in "before", "after", "end":
            told[moment]["environment"].pop("GCFREEZE_WARMUP", None)
            told[moment]["environment"].pop("GCFREEZE_TEST_NOTHING", None)
        return told, Said(outcome.stderr)

    return look


@pytest.mark.gil(True)
def test_nothing_but_what_was_loaded_is_seen(look):
    plain, nothing = look("nobody")
    own, _ = look("application")
    ours, found = look("library", "work:load work:meddle work:asynchronous")
    assert nothing.events == []
    assert (found.lines, found.outcome) == ([], (3, 0, {"function": 3}))
    assert ours.pop("meddled") == [True, "asynchronous"] and plain.pop("meddled") == []
    # what the application would have loaded by itself, and not a module more
    for moment in "after", "end":
        assert ours[moment].pop("modules") == own[moment]["modules"] != plain[moment].pop("modules")
    for moment in ("before", "after", "end"):
        for what, seen in plain[moment].items():
            assert ours[moment][what] == seen, (moment, what)
    assert ours == plain  # forks and their hooks among it
    assert ours["end"]["hooks"] == ["before", "parent"] * 2
    assert ours["first"][0][0] == ["before", "child"] and ours["own"]
