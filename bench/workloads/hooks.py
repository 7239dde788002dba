"""What a measurement asks of a served application, whatever it serves. Environment:

    BENCH_FORKS      a file: one line for each fork, how many nanoseconds it took in the parent
    BENCH_PAUSE      stops (SIGSTOP) the parent right before its first fork, and each worker before
                     its first instruction that is not the interpreter's
    BENCH_HEARTBEAT  each worker has a thread that wakes every second
"""

import os
import signal
import threading
import time


def time_forks(path):
    """The interval holds what is done in other hooks, too: those that are older than this."""
    began = [0]

    def before():
        began[0] = time.perf_counter_ns()

    def after():
        elapsed = time.perf_counter_ns() - began[0]
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, b"%d\n" % elapsed)
        os.close(file)

    os.register_at_fork(before=before, after_in_parent=after)


def pause():
    def stop():
        os.kill(os.getpid(), signal.SIGSTOP)

    def before():
        if pending:
            pending.clear()
            stop()

    pending = [True]
    os.register_at_fork(before=before, after_in_child=stop)


def beat():
    while True:
        time.sleep(1)


def heartbeat():
    os.register_at_fork(after_in_child=lambda: threading.Thread(target=beat, daemon=True).start())


def install():
    if "BENCH_FORKS" in os.environ:
        time_forks(os.environ["BENCH_FORKS"])
    if "BENCH_PAUSE" in os.environ:
        pause()
    if "BENCH_HEARTBEAT" in os.environ:
        heartbeat()
