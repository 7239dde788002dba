"""Has workers read everything, each as often as the others, one after the other."""

import random
import time

from bench.demo import client, server

PAUSE = 0.2  # seconds at most before each time: long enough for a pass to begin, and too short for one to end
SEED = 19


def read_everything(running, times=1):
    """In any order. Which worker takes a request is the kernel's choice, so the others stand still meanwhile."""
    workers, chance = running.workers(), random.Random(SEED)
    order = times * workers
    chance.shuffle(order)
    for pid in order:
        time.sleep(chance.uniform(0, PAUSE))
        with server.alone(pid, workers):
            if client.get(running.port, "/read") != pid:
                raise server.Failed("a worker that stood still answered")
