"""Computes with hardly any container objects. Prints the CPU seconds of the work alone."""

import time


def work():
    seen = 0
    for start in range(1, 40000):
        number = start
        while number != 1:
            number = number * 3 + 1 if number & 1 else number >> 1
            seen += number & 3
    return seen


start = time.process_time()
work()
print(time.process_time() - start)
