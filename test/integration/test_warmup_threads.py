"""GCFREEZE_WARMUP in a program that has other threads when it forks its first worker."""

import pytest
from servers.trials import Program

pytestmark = pytest.mark.gil(True)  # a free-threaded interpreter is not warmed up

# What the other threads do until they are told to stop, one turn of it.
TURNS = {
    "sleeping": "time.sleep(0.01)",
    "running": "sum(range(1000))",
    "importing": 'sys.modules.pop("colorsys", None); import colorsys; turns[0] += colorsys.ONE_THIRD > 0',
    "in C with the GIL": "HELD.usleep(2000)",
    "logging": 'logging.getLogger("made.%d" % turns[0]).error("x")',
}
PROGRAM = """
import ctypes, logging, threading

HELD = ctypes.PyDLL(None)

class Stream:  # a file has a lock of its own, which no fork looks after
    def write(self, text):
        time.sleep(0)
    def flush(self):
        pass

logging.basicConfig(stream=Stream())
turns, stop, failed = [0], [], []

def body():
    try:
        while not stop:
            TURN
            turns[0] += 1
    except BaseException as error:
        failed.append(repr(error))

def wait_for_turns():
    seen = turns[0]
    while turns[0] < seen + 3 and not failed:
        time.sleep(0.001)

thread = threading.Thread(target=body, daemon=True)
thread.start()
wait_for_turns()
pid = worker()
wait_for_turns()
found = children() == [pid]
let_go()
ended = os.waitpid(-1, 0) == (pid, 7 << 8)
stop.append(True)
thread.join()
say(failed=failed, children=found, ended=ended)
"""
PAGES = """

def log():
    '''As pages do, in threads of their own, too.'''
    import logging, threading
    thread = threading.Thread(target=logging.getLogger("of the page").error, args=["y"])
    thread.start()
    thread.join()
    logging.error("z")
"""
OBSTACLE = "program.py holds the import lock when it forks: nothing is warmed up"
# The file that the program's thread reads just then.
SEEN = " went well in a child, and in the parent it leaves "


def run_once(python, folder, turn):
    """Whether the warm-up was done; else it was given up, with a line."""
    program = Program(python, folder, PROGRAM.replace("TURN", TURNS[turn]), "pages:good pages:log", seconds=5, pages=PAGES)
    ended = program.end()
    program.wait_until_gone()
    assert (ended.status, ended.others) == (0, []), ended.stderr
    assert ended.printed == {"failed": [], "children": True, "ended": True}
    if turn == "importing" and ended.said.lines:
        assert len(ended.said.lines) == 1
        assert ended.said.lines[0] == OBSTACLE or SEEN in ended.said.lines[0]
        return False
    assert ended.said.lines == []
    assert ended.said.outcome == (2, 0, {"function": 2})
    return True


@pytest.mark.parametrize("turn", TURNS)
def test_threads_of_the_program(python, tmp_path, turn):
    assert run_once(python, tmp_path, turn) or turn == "importing"


@pytest.mark.long
@pytest.mark.parametrize("turn", TURNS)
def test_threads_of_the_program_in_many_runs(python, tmp_path, turn):
    done = [run_once(python, tmp_path, turn) for _ in range(20)]
    assert all(done) or turn == "importing"


MANY = """
import threading

COUNT = 4
ready, pids = threading.Barrier(COUNT), []

def body():
    ready.wait()
    pids.append(worker())

threads = [threading.Thread(target=body) for _ in range(COUNT)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
found = children() == sorted(pids)
for _ in pids:
    let_go()
say(count=len(pids), children=found, ended=sorted(os.wait()[0] for _ in pids) == sorted(pids))
"""


def test_threads_that_fork_at_the_same_time(python, tmp_path):
    program = Program(python, tmp_path, MANY)
    ended = program.end()
    program.wait_until_gone()
    assert (ended.status, ended.others) == (0, []), ended.stderr
    assert ended.printed == {"count": 4, "children": True, "ended": True}
    assert ended.said.outcome == (1, 0, {"function": 1})
    assert len(program.ran("good")) == 2
