"""GCFREEZE_MODE=immortal: what was in the middle of something at the fork goes on."""

from immortal import in_both


def test_context_managers_are_left(python, in_both):
    in_both(
        python,
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
    )


def test_locks_queues_and_threads_work(python, in_both):
    in_both(
        python,
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
    )


def test_thread_locals_belong_to_threads(python, in_both):
    in_both(
        python,
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
    )


def test_generators_and_coroutines_go_on(python, in_both):
    in_both(
        python,
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
    )
