"""GCFREEZE_MODE=immortal: a data set in a variable of a function, which the child is handed."""

import re
from dataclasses import replace

import pytest
from conftest import ROOT
from immortal import immortal_pythons, start

# A worker reads everything, and says what it has for itself. main() holds what it hands.
DATA = """
import multiprocessing
CONTEXT = multiprocessing.get_context("fork")
def table(size):
    return [{"id": number, "box": [number / 7, number / 3], "name": "image %d" % number} for number in range(size)]
def read(records):
    gc.disable()
    return sum(record["id"] + sum(record["box"]) + len(record["name"]) for record in records)
def report(found):
    tell(found=found, private_kb=kb("Private_Dirty"))
def work(records):
    report(read(records))
def finish(process):
    process.start()
    process.join()
    assert process.exitcode == 0
"""

POOL = """
HELD = []
def keep(records):
    HELD.append(records)
def work_on(number):
    return read(HELD[0]), kb("Private_Dirty")
"""

HANDED = {
    "an argument": """
def main():
    finish(CONTEXT.Process(target=work, args=(table(60000),)))
""",
    "an argument by name": """
def main():
    finish(CONTEXT.Process(target=work, kwargs={"records": table(60000)}))
""",
    "an object": """
class Dataset:
    __slots__ = "records", "other"
def work_on(dataset, number):
    work(dataset.records)
def main():
    dataset = Dataset()
    dataset.records = table(60000)
    finish(CONTEXT.Process(target=work_on, args=(dataset, 1)))
""",
    "a method's object": """
class Trainer:
    def __init__(self):
        self.records = tuple(table(60000))
    def run(self):
        work(self.records)
def main():
    finish(CONTEXT.Process(target=Trainer().run))
""",
    "a closure": """
def main():
    records = table(60000)
    finish(CONTEXT.Process(target=lambda: work(records)))
""",
    "an attribute of a process": """
class Worker(CONTEXT.Process):
    def __init__(self, records):
        super().__init__()
        self.records = records
    def run(self):
        work(self.records)
def main():
    finish(Worker(table(60000)))
""",
    "a table of a process": """
class Worker(CONTEXT.Process):
    def __init__(self, records):
        super().__init__()
        self.records = {"the image %d" % record["id"]: record for record in records}
    def run(self):
        for name in list(self.records):
            str(name)
        work(self.records.values())
def main():
    finish(Worker(table(60000)))
""",
    "a pool's argument": POOL + """
def main():
    with CONTEXT.Pool(1, keep, (table(60000),)) as pool:
        found, private = pool.apply(work_on, (1,))
    tell(found=found, private_kb=private)
""",
    "a pool's initializer": POOL + """
def main():
    records = table(60000)
    with CONTEXT.Pool(1, lambda: keep(records)) as pool:
        found, private = pool.apply(work_on, (1,))
    tell(found=found, private_kb=private)
""",
    "an executor's argument": POOL + """
import concurrent.futures
def main():
    with concurrent.futures.ProcessPoolExecutor(1, CONTEXT, keep, (table(60000),)) as executor:
        found, private = executor.submit(work_on, 1).result()
    tell(found=found, private_kb=private)
""",
    "a thread's child": """
import threading
def main():
    records = table(60000)
    thread = threading.Thread(target=lambda: finish(CONTEXT.Process(target=work, args=(records,))))
    thread.start()
    thread.join()
""",
}


@pytest.fixture(params=immortal_pythons(), ids=str)
def interpreter(request):
    if request.param is None:
        pytest.skip("no CPython 3.12 or later on this machine")
    return request.param


@pytest.mark.parametrize("way", HANDED)
def test_the_worker_shares_what_it_is_handed(interpreter, tmp_path, way):
    program = DATA + HANDED[way] + "\nmain()\n"
    [plain], _ = start(interpreter, tmp_path, program, **{"": "0"})
    [told], events = start(interpreter, tmp_path, program)
    assert told["found"] == plain["found"]
    assert plain["private_kb"] >= 16 * 1024
    assert told["private_kb"] <= plain["private_kb"] / 10
    assert events[0]["immortal"] >= 300000 and events[0]["complete"]


# What is not handed: in a variable beside it, or what a worker that forks has got since.
BESIDE = DATA + """
def main():
    other, records = table(50000), table(1000)
    finish(CONTEXT.Process(target=work, args=(records,)))
    return other
main()
"""

FORKS = DATA + """
def work_and_fork(records):
    records.extend(table(50000))
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
def main():
    finish(CONTEXT.Process(target=work_and_fork, args=(table(1000),)))
main()
"""


@pytest.mark.parametrize("program", [BESIDE, FORKS], ids=["beside", "a-worker-forks"])
def test_what_nobody_is_handed_stays_mortal(interpreter, tmp_path, program):
    _, events = start(interpreter, tmp_path, program)
    assert events[0]["immortal"] >= 5000
    assert sum(event.get("immortal", 0) for event in events) <= 150000


# No containers: the collector counts nothing.
TEXTS = DATA + """
def length(texts):
    report(sum(map(len, texts)))
def main():
    finish(CONTEXT.Process(target=gc.disable))
    texts = ["text %d of many" % number for number in range(300000)]
    for epoch in range(2):
        finish(CONTEXT.Process(target=length, args=(texts,)))
main()
"""


def test_plain_data_that_comes_after_the_first_fork_is_shared(interpreter, tmp_path):
    told, events = start(interpreter, tmp_path, TEXTS)
    assert [event["event"] for event in events] == ["freeze", "freeze", "skip"]
    assert events[1]["immortal"] >= 300000
    assert [one["private_kb"] <= 2048 for one in told] == [True, True]


EPOCHS = DATA + """
def main():
    training, validation = table(60000), table(8000)
    for epoch in range(3):
        for records in training, validation:
            finish(CONTEXT.Process(target=work, args=(records,)))
main()
"""


def test_data_sets_that_take_turns_are_all_shared(interpreter, tmp_path):
    """Each is held by a variable while the other one is handed: none of them is lost."""
    told, events = start(interpreter, tmp_path, EPOCHS)
    assert [event["event"] for event in events] == ["freeze", "freeze"] + ["skip"] * 4
    assert [event["immortal"] >= least for event, least in zip(events, (300000, 40000))] == [True, True]
    assert all(one["private_kb"] <= 2048 for one in told)


# What a server hands to each job, nobody asked it to keep.
SERVER = DATA + """
def main():
    for job in range(3):
        finish(CONTEXT.Process(target=read, args=(table(20000),)))
main()
"""


def test_a_server_that_is_known_keeps_what_its_modules_hold_alone(interpreter, tmp_path):
    _, events = start(interpreter, tmp_path, SERVER, name="ansible-playbook", MODE="auto")
    assert events[0]["mode"] == "immortal" and events[0]["immortal"] >= 5000
    assert sum(event.get("immortal", 0) for event in events) <= 80000
    _, events = start(interpreter, tmp_path, SERVER)
    assert events[0]["immortal"] >= 100000


# Each record holds something whose end can be noticed, and stays mortal.
NOTICED = DATA + """
class Noticed:
    def __del__(self):
        pass
def main():
    records = [[Noticed()] for number in range(30000)]
    for epoch in range(3):
        finish(CONTEXT.Process(target=len, args=(records,)))
main()
"""


def test_what_cannot_be_immortal_is_no_reason_to_freeze_again(interpreter, tmp_path):
    _, events = start(interpreter, tmp_path, NOTICED)
    assert [event["event"] for event in events] == ["freeze", "skip", "skip"]


TRIALS = DATA + """
def main():
    for trial in range(50):
        records = None
        records = table(20000)
        for worker in range(2):
            finish(CONTEXT.Process(target=read, args=(records,)))
    tell(kb=kb("VmHWM", "/proc/self/status"))
main()
"""


def test_fifty_trials_with_a_data_set_each_lose_one_heap_at_most(interpreter, tmp_path):
    [plain], _ = start(interpreter, tmp_path, TRIALS, MODE="freeze", WHEN="never")
    [told], events = start(interpreter, tmp_path, TRIALS)
    [message] = [event for event in events if event["event"] == "message"]
    lost, live = map(int, re.search(r"only freezes: it replaced (\d+) MB .* has (\d+) MB", message["message"]).groups())
    assert (told["kb"] - plain["kb"]) / 1024 <= 1.25 * live
    assert lost <= live * 1.1
    assert [event["mode"] for event in events if event["event"] == "freeze"][:1] == ["immortal"]


# Queues are handed, too, and each epoch has its own.
QUEUES = DATA + """
def work_on(records, numbers, results):
    results.put(read(records[number] for number in iter(numbers.get, None)))
def descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))
def main():
    records, before = table(2000), None
    for epoch in range(12):
        results, numbers = CONTEXT.Queue(), [CONTEXT.Queue() for _ in range(2)]
        workers = [CONTEXT.Process(target=work_on, args=(records, queue, results)) for queue in numbers]
        for worker in workers:
            worker.start()
        for number in range(2000):
            numbers[number % 2].put(number)
        for queue in numbers:
            queue.put(None)
        found = sum(results.get() for _ in workers)
        for worker in workers:
            worker.join()
        for queue in [*numbers, results]:
            queue.close()
            queue.join_thread()
        del results, numbers, queue, workers, worker
        before = before or descriptors()
    tell(found=found, descriptors=descriptors() - before)
main()
"""


def test_queues_that_are_handed_end_as_ever(interpreter, tmp_path):
    """Each fork makes immortal what is new."""
    [plain], _ = start(interpreter, tmp_path, QUEUES, **{"": "0"})
    [told], events = start(interpreter, tmp_path, QUEUES, WHEN="every")
    assert [event["event"] for event in events] == ["freeze"] * 24
    assert told["found"] == plain["found"]
    assert told["descriptors"] == plain["descriptors"] == 0
    assert all(event["immortal"] <= 4 for event in events[2:])  # a name, a number


# ---- other libraries ----

BILLIARD = DATA.replace("import multiprocessing", "import billiard as multiprocessing") + """
def main():
    finish(CONTEXT.Process(target=work, args=(table(60000),)))
"""

GEVENT = "import gevent.monkey; gevent.monkey.patch_all()\n" + DATA + HANDED["an argument"]


def with_packages(package, interpreter):
    """The interpreter of a virtual environment that script/bootstrap makes."""
    folder = ROOT / ".venv" / package
    path = folder / "bin" / "python"
    if not path.exists():
        pytest.skip("script/bootstrap hosts has not made %s" % folder)
    return replace(interpreter, path=str(path))


@pytest.mark.long
@pytest.mark.parametrize("program", [BILLIARD, GEVENT], ids=["billiard", "gevent"])
def test_the_worker_of_another_library_shares_what_it_is_handed(tmp_path, interpreter, program):
    version = "%d.%d" % interpreter.version[:2]
    python = with_packages(("queues-" if program is BILLIARD else "verdicts-") + version, interpreter)
    [plain], _ = start(python, tmp_path, program + "\nmain()\n", **{"": "0"})
    [told], events = start(python, tmp_path, program + "\nmain()\n")
    assert told["found"] == plain["found"]
    assert told["private_kb"] <= plain["private_kb"] / 5
    assert events[0]["immortal"] >= 300000
