"""A program that forks again and again in one way and says what it holds.

    roads.py ROAD FORKS SAMPLES

A line of JSON after each of SAMPLES equal parts; with one, also after the hundredth fork. With more
it then waits until its standard input ends, so that others may look at it.
"""

import ctypes
import gc
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading

HANGS = 60  # seconds for one fork; then the program dies of it

heap = [[i] for i in range(1000)]
api = ctypes.pythonapi
for name in "PyInterpreterState_Head", "PyInterpreterState_ThreadHead", "PyThreadState_Next":
    function = getattr(api, name)
    function.restype = ctypes.c_void_p
    function.argtypes = [] if name.endswith("_Head") else [ctypes.c_void_p]

FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class Memory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS.split()]


mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", Memory)  # musl has none
mallinfo.restype = Memory


def measure():
    gc.collect()
    states, state = 0, api.PyInterpreterState_ThreadHead(api.PyInterpreterState_Head())
    while state:
        states, state = states + 1, api.PyThreadState_Next(state)
    with open("/proc/self/maps") as maps:
        mappings = len(maps.readlines())
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "states": states,
        "mappings": mappings,
        "blocks": sys.getallocatedblocks(),
        "malloc": mallinfo().uordblks,
    }


def end_of(pid):
    assert os.waitpid(pid, 0)[1] == 0


def os_fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    end_of(pid)


def os_forkpty():
    pid, terminal = os.forkpty()
    if pid == 0:
        os._exit(0)
    os.close(terminal)
    assert os.waitpid(pid, 0)[0] == pid  # closing its terminal may have ended it


def execute():
    subprocess.run(["/bin/true"], check=True)


def execute_after_fork():
    subprocess.run(["/bin/true"], check=True, preexec_fn=int)


def posix_spawn():
    end_of(os.posix_spawn("/bin/true", ["true"], {}))


def process():
    child = multiprocessing.get_context("fork").Process(target=int)
    child.start()
    child.join()
    assert child.exitcode == 0
    child.close()


def in_c(kind):
    """fork, vfork or clone, called by C code that Python calls."""
    function = ctypes.CDLL(os.environ["GCFREEZE_TEST_ROADS"])["road_" + kind]

    def road():
        end_of(function())

    return road


def beside_the_linker():
    """A child that forks again, of a parent with three threads inside of the dynamic linker."""
    ctypes.CDLL(os.environ["GCFREEZE_TEST_LOADER"]).loader_crowd(3)

    def road():
        pid = os.fork()
        if pid == 0:
            os_fork()
            os._exit(0)
        end_of(pid)

    return road


class Threads:
    """os.fork in four threads at the same time."""

    forks = 4  # of one call

    def __init__(self):
        self.wanted = threading.Semaphore(0)
        self.done = threading.Semaphore(0)
        for _ in range(self.forks):
            threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        while True:
            self.wanted.acquire()
            os_fork()
            self.done.release()

    def __call__(self):
        for _ in range(self.forks):
            self.wanted.release()
        for _ in range(self.forks):
            self.done.acquire()


ROADS = {
    "os_fork": lambda: os_fork,
    "os_forkpty": lambda: os_forkpty,
    "execute": lambda: execute,
    "execute_after_fork": lambda: execute_after_fork,
    "posix_spawn": lambda: posix_spawn,
    "process": lambda: process,
    "threads": Threads,
    "beside_the_linker": beside_the_linker,
    "c_fork": lambda: in_c("fork"),
    "c_vfork": lambda: in_c("vfork"),
    "c_clone": lambda: in_c("clone"),
}


def main():
    road = ROADS[sys.argv[1]]()
    last, parts = map(int, sys.argv[2:])
    step = getattr(road, "forks", 1)
    samples = {last * part // parts // step * step for part in range(1, parts + 1)}
    if parts == 1:
        samples.add(100)
    json.dumps(measure())  # what is made at the first use is no growth
    for number in range(step, last + 1, step):
        signal.alarm(HANGS)
        road()
        if number in samples:
            print(json.dumps(measure()), flush=True)
    if parts > 1:
        signal.alarm(HANGS)
        sys.stdin.read()


main()
