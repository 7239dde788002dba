"""Holds 500,000 tracked objects and forks on command. One line in: one fork; its nanoseconds out."""

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
