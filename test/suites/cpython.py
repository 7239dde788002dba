"""CPython's own tests of forks, processes, threads, the collector, memory and I/O."""

import random
import subprocess
from pathlib import Path

import modes
from conftest import PYTHONS
from immortal import immortal_from
from modes import FOLDER
from runs import Suite, without_library

FAST_MODULES = """
    test_fork1 test_wait3 test_wait4 test_os test_posix test_pty test_openpty
    test_popen test_atexit test_resource
    test_thread test_threadsignals test_threading_local test_threadedtempfile test_queue
    test_gc test_weakref test_weakset test_finalization test_generators test_coroutines test_context
    test_mmap test_memoryview test_memoryio test_buffer test_sys
    test_descr test_dict test_functools test_copy test_pickle
    test_fileio test_bufio test_largefile test_fcntl test_ioctl test_tempfile test_shutil
    test_select test_selectors test_poll test_epoll test_socketserver
""".split()

# These take about half a minute each, or more.
SLOW_MODULES = """
    test_eintr test_faulthandler test_io test_signal test_socket test_subprocess test_threading
    test_tracemalloc
""".split()

# These take minutes each.
LONG_MODULES = """
    test_asyncio test_concurrent_futures
    test_multiprocessing_fork test_multiprocessing_forkserver test_multiprocessing_spawn
""".split()

# In an order that leaves the last ones little to wait for.
MODULES = [*LONG_MODULES, *SLOW_MODULES, *FAST_MODULES]

# Where nothing may differ with what a user sets, from 3.12 on.
PROMISED_MODULES = """
    test_fork1 test_os test_gc test_pty test_posix test_wait3 test_wait4 test_weakref test_generators
    test_threading test_subprocess test_concurrent_futures test_multiprocessing_fork
""".split()
PROMISED_FROM = (3, 12)

# The quick choice: one interpreter, these, and some of the fast ones.
CORE_MODULES = ["test_gc", "test_os", "test_subprocess", "test_threading"]
QUICK_COUNT = 8

# Chance may put the collector off, and test_gc waits for automatic collections.
BY_CHANCE = {"test_gc": {"STARTUP": "auto"}}

OPTIONS = {
    "test_socket": ["--ignore", "*VSOCK*"],  # these bind a fixed port of the machine, where two runs meet
    # this recurses without end in sight, until an interrupt strikes where it may leave
    "test_threading": ["--ignore", "test_print_exception_gh_102056"],
    "test_socketserver": ["-u", "network"],  # this is the loopback interface
}

# {module: (the first version that needs no such options, options)}. A pool that ends while its feeder meets
# an error may wait for itself for ever (gh-125451; 3.13.0 without the library: in the sixth pool).
UNTIL = {"test_concurrent_futures": ((3, 13, 1), ["--ignore", "*.test_shutdown_deadlock_pickle"])}

DEADLINE = 1800


def asks(python, *arguments, **variables):
    """Whether the interpreter ends well with these arguments."""
    command = [python.path, *arguments]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.run(command, env={**without_library(), **variables}, **quiet).returncode == 0


def preloads(python):
    """Without a log, a library that the loader leaves out would be taken for one that changes nothing."""
    code = "import os; assert os.path.realpath(os.environ['LD_PRELOAD']) in open('/proc/self/maps').read()"
    return asks(python, "-c", code, **modes.library())


def with_tests():
    """The interpreters that come with the test package, oldest first."""
    return [python for python in PYTHONS if asks(python, "-c", "import test.test_fork1, test.libregrtest")]


def modules_of(python):
    """Those of ours that this version has."""
    code = "import test; print(test.__path__[0])"
    found = subprocess.run([python.path, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    folder = Path(found.stdout.strip())
    return [name for name in MODULES if (folder / name).is_dir() or (folder / (name + ".py")).exists()]


def modes_of(python, module, knobs, seed):
    """What is chosen by chance differs from module to module, and only with the seed."""
    immortal = immortal_from(python)
    chosen = {name: mode for name, mode in modes.PROMISED.items() if immortal or name != "immortal"}
    for name in ["immortal+often" if immortal else "freeze+often", "reshare+threads"]:
        chosen[name] = modes.HARDER[name]
    chance = random.Random("%s %s %s" % (seed, python, module))
    chosen[modes.CHANCE] = modes.logged(**{**modes.by_chance(knobs, chance), **BY_CHANCE.get(module, {})})
    return chosen


def suite(python, module, walltime, modes):
    options = ["--fail-env-changed", *walltime, *OPTIONS.get(module, [])]
    mended, until_then = UNTIL.get(module, (python.version, []))
    if python.version < mended:
        options += until_then
    options += ["--tempdir", FOLDER, "--junit-xml", FOLDER + "/results.xml"]
    return Suite(
        name="%s/%s" % (python, module),
        command=[python.path, "-m", "test", *options, module],
        modes=modes,
        deadline=DEADLINE,
    )


def suites_of(python, modules, knobs, seed):
    # the option that lets test_eintr run, where it is needed: not all versions know it
    walltime = ["-u", "walltime"]
    if not asks(python, "-m", "test", *walltime, "--list-tests", "test_eintr"):
        walltime = []
    return [
        suite(python, module, walltime, modes_of(python, module, knobs, seed))
        for module in modules_of(python)
        if module in modules
    ]


def promised(pythons):
    return [python for python in pythons if python.version >= PROMISED_FROM], PROMISED_MODULES


def quick(pythons, seed):
    chance = random.Random(seed)
    others = [module for module in FAST_MODULES if module not in CORE_MODULES]
    return [chance.choice(pythons)], [*CORE_MODULES, *chance.sample(others, QUICK_COUNT)]
