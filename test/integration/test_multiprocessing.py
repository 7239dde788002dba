"""multiprocessing and concurrent.futures with each start method, with each interpreter."""

import pytest

WORKER = {"first-worker-fork", "nothing-new", "heap-grown"}


def test_fork(python, compare):
    outcome = compare(
        python,
        """
import multiprocessing
def work(queue):
    state("child")
    pid = os.fork()
    if pid == 0:
        state("grandchild")
        os._exit(0)
    wait(pid)
    queue.put("done")
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=work, args=(queue,))
    process.start()
    say(queue.get())
    process.join()
    state("parent")
""",
    )
    assert sorted(outcome.events) == [("freeze", "first-worker-fork", "os.fork")] * 2
    assert outcome.frozen["child"] > 20000
    assert outcome.frozen["grandchild"] > outcome.frozen["child"]


def test_forkserver(python, compare):
    # The server is another program, which forks by itself: its heap is what is frozen.
    outcome = compare(
        python,
        """
import multiprocessing
def work(queue):
    note("child")
    queue.put((gc.get_threshold(), gc.isenabled()))
if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    queue = context.Queue()
    for _ in range(2):
        process = context.Process(target=work, args=(queue,))
        process.start()
        say("child", queue.get())
        process.join()
        say(process.exitcode)
    state("parent")
""",
    )
    forks = [event for event in outcome.events if event[2] == "os.fork"]
    assert forks == [
        ("freeze", "first-worker-fork", "os.fork"),
        ("skip", "nothing-new", "os.fork"),
    ]
    assert {event[1] for event in outcome.events} - WORKER <= {"exec-bound"}
    assert outcome.frozen["child"] > 0
    assert outcome.frozen["parent"] == 0


def test_spawn(python, compare):
    outcome = compare(
        python,
        """
import multiprocessing
def work(queue):
    note("child")
    queue.put(os.getpid())
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=work, args=(queue,))
    process.start()
    say(queue.get() == process.pid)
    process.join()
    say(process.exitcode)
    state("parent")
""",
    )
    assert {event[1] for event in outcome.events} <= {"exec-bound"}
    assert outcome.frozen == {"child": 0, "parent": 0}


def test_a_pool_that_replaces_its_workers(python, compare):
    outcome = compare(
        python,
        """
import multiprocessing
def work(number):
    return gc.get_threshold(), gc.isenabled(), gc.get_freeze_count() > 20000
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
        answers = pool.map(work, range(8), chunksize=1)
        pool.close()
        pool.join()
    for threshold, enabled, frozen in answers:
        say(threshold, enabled)
    with open(os.environ["GCFREEZE_TEST_NOTES"], "a") as notes:
        notes.write("frozen %d" % sum(frozen for *_, frozen in answers))
""",
    )
    assert outcome.frozen["frozen"] == 8
    assert outcome.reasons()[0] == ("freeze", "first-worker-fork")
    # by then the pool has threads
    late = {"free-threaded"} if python.free_threaded else set()
    assert {reason for _, reason in outcome.reasons()} <= WORKER | late


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_process_pool_executor(python, compare, method):
    outcome = compare(
        python,
        """
import concurrent.futures, multiprocessing
def work(number):
    return gc.get_threshold(), gc.isenabled(), gc.get_freeze_count()
if __name__ == "__main__":
    context = multiprocessing.get_context("%s")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        answers = list(executor.map(work, range(4)))
    for threshold, enabled, frozen in answers:
        say(threshold, enabled)
    with open(os.environ["GCFREEZE_TEST_NOTES"], "a") as notes:
        notes.write("least-frozen %%d" %% min(frozen for *_, frozen in answers))
"""
        % method,
    )
    assert outcome.frozen["least-frozen"] > (20000 if method == "fork" else 0)
    assert {reason for _, reason in outcome.reasons()} <= WORKER | {"exec-bound"}


def test_asyncio_subprocess_is_left_alone(python, compare):
    outcome = compare(
        python,
        """
import asyncio
async def main():
    process = await asyncio.create_subprocess_exec(
        "/bin/echo", "out", stdout=asyncio.subprocess.PIPE)
    say(await process.communicate())
note("before")
asyncio.run(main())
state("after")
""",
    )
    assert {event[1:] for event in outcome.events} <= {("exec-bound", "fork_exec")}
    assert outcome.frozen == {"before": 0, "after": 0}
