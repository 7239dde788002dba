"""Workers that unpickle their own copy of what they are handed: one line says so, where it is worth one."""

import json
import re
import shutil

import pytest
from conftest import environment, run

LARGE, SMALL = 100, 0  # MB that the parent has besides the interpreter

PROGRAM = """
import concurrent.futures, fcntl, multiprocessing, multiprocessing.resource_tracker, subprocess, sys

def work(number):
    return number

def process(context):
    workers = [context.Process(target=work, args=(1,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0

def pool(context):
    with context.Pool(2) as workers:
        assert workers.map(work, range(4)) == [0, 1, 2, 3]
        workers.close()
        workers.join()

def executor(context):
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as workers:
        assert list(workers.map(work, range(4))) == [0, 1, 2, 3]

def twice(context):
    process(context)
    process(context)

def first_small(context):
    manager = context.Manager()
    global data
    data = b"x" * (100 << 20)
    process(context)
    manager.shutdown()

def one_at_a_time(context):
    file = multiprocessing.resource_tracker.getfd()
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    process(context)
    fcntl.lockf(file, fcntl.LOCK_UN)
    print("unlocked", file=sys.stderr, flush=True)
    process(context)

def program(context):
    imitation = "from multiprocessing.spawn import spawn_main"
    for code in "pass", imitation, imitation + "; tracker_fd=99":
        subprocess.run([sys.executable, "-c", code], check=True)

if __name__ == "__main__":
    data = b"x" * (%d << 20)
    %s(multiprocessing.get_context(%r))
"""

LINE = re.compile(r"^gcfreeze\[\d+\]: (multiprocessing's \w+): .*each .* own copy .* (\d+) MB of process (\d+)", re.M)
METHODS = ["spawn", "forkserver"]
WAYS = ["pool", "executor", "twice"]


def ask(python, folder, method, way, megabytes=LARGE, **knobs):
    program = folder / "program.py"
    program.write_text(PROGRAM % (megabytes, way, method))
    return run([python.path, str(program)], environment(**knobs)).stderr


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", METHODS)
def test_one_line_for_all_workers_of_a_large_process(python, tmp_path, method, way):
    said = ask(python, tmp_path, method, way)
    ((who, megabytes, _),) = LINE.findall(said)
    assert who == "multiprocessing's " + method
    assert LARGE <= int(megabytes) < LARGE + 60
    (line,) = [line for line in said.splitlines() if "own copy" in line]
    for advice in 'mp.set_start_method("fork")', 'multiprocessing_context="fork"', "GCFREEZE_MODE=immortal":
        assert advice in line
    assert ("workers share what it has preloaded" in line) == (method == "forkserver")


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_from_before_the_data_does_not_speak_for_later_ones(python, tmp_path, method):
    assert len(LINE.findall(ask(python, tmp_path, method, "first_small", SMALL))) == 1


def test_a_worker_is_silent_while_another_looks_whether_it_has_been_said(python, tmp_path):
    before, after = ask(python, tmp_path, "spawn", "one_at_a_time").split("unlocked\n")
    assert (len(LINE.findall(before)), len(LINE.findall(after))) == (0, 1)


@pytest.mark.parametrize(
    "method, way, megabytes, level",
    [
        ("spawn", "process", SMALL, "info"),
        ("forkserver", "process", SMALL, "info"),
        ("spawn", "process", LARGE, "warn"),
        ("forkserver", "process", LARGE, "warn"),
        ("fork", "process", LARGE, "info"),
        ("spawn", "program", LARGE, "info"),
    ],
)
def test_nothing_where_there_is_nothing_to_say(python, tmp_path, method, way, megabytes, level):
    assert "own copy" not in ask(python, tmp_path, method, way, megabytes, LOG=level)


def test_what_a_worker_of_the_server_forks_is_its_own(python, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("""
import multiprocessing, os
def work():
    if os.fork() == 0:
        os._exit(0)
    os.wait()
if __name__ == "__main__":
    multiprocessing.set_start_method("forkserver")
    multiprocessing.set_forkserver_preload(["large"])
    worker = multiprocessing.Process(target=work)
    worker.start()
    worker.join()
    assert worker.exitcode == 0
""")
    (tmp_path / "large.py").write_text("data = b'x' * (100 << 20)\n")
    said = run([python.path, str(program)], environment(), cwd=tmp_path).stderr
    assert said.count('caller="os.fork"') == 2 and "own copy" not in said


def test_json(python, tmp_path):
    lines = ask(python, tmp_path, "spawn", "process", LOG_FORMAT="json").splitlines()
    messages = [event for event in map(json.loads, lines) if event["event"] == "message"]
    assert len(messages) == 1, messages
    assert messages[0]["level"] == "info" and "own copy" in messages[0]["message"]


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace on this machine")
def test_nobody_is_looked_at_unless_somebody_listens(python, tmp_path):
    program, trace = tmp_path / "program.py", tmp_path / "trace"
    program.write_text(PROGRAM % (LARGE, "process", "spawn"))

    def looks(level):
        command = ["strace", "-f", "-e", "trace=openat,fcntl", "-E", "LD_PRELOAD=" + environment()["LD_PRELOAD"]]
        env = environment(LOG=level)
        del env["LD_PRELOAD"]
        run([*command, "-o", str(trace), python.path, str(program)], env)
        return len(re.findall(r"/proc/\d+/status|F_[GS]ETSIG", trace.read_text()))

    assert looks("warn") == 0
    assert looks("info") > 0
