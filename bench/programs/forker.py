"""Holds as many tracked objects as it is told and forks on command.

usage: forker.py OBJECTS

One line in: one fork. Out comes how many nanoseconds it took.
"""

import os
import sys
import time

heap = [[number] for number in range(int(sys.argv[1]))]
clock = time.perf_counter_ns

print("ready", flush=True)
for _ in sys.stdin:
    start = clock()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    elapsed = clock() - start
    os.waitpid(pid, 0)
    print(elapsed, flush=True)
