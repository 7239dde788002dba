"""Builds what an application builds while it loads, and much that it drops again. Prints the CPU
seconds of the work alone."""

import time


class Node:
    def __init__(self, number):
        self.number = number
        self.parents = [number]
        self.names = {"own": number}


def work():
    kept = []
    for number in range(120000):
        node = Node(number)
        node.myself = node if number % 50 == 0 else None  # a cycle now and then
        dropped = [(number, other) for other in range(8)]
        kept.append((node, dropped[-1]))
    return kept


start = time.process_time()
result = work()
print(time.process_time() - start)
