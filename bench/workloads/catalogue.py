"""Instances in a dictionary, with lists and strings of their own."""

import random

from bench.workloads.reading import Record, look

SEED = 1
PER_MEGABYTE = 1400  # calibrated with CPython 3.13
WORDS = "red green blue black white lamp chair table shelf desk clock mirror vase rug".split()

__all__ = ["build", "look"]


class Item(Record):
    def __init__(self, number, chance):
        self.number = number
        self.name = "%s %s no. %d" % (chance.choice(WORDS), chance.choice(WORDS), number)
        self.maker = "maker %d" % chance.randrange(500)
        self.tags = chance.sample(WORDS, 3)
        self.prices = [chance.randrange(1000, 100000) for _ in range(6)]

    def parts(self):
        return self.number, self.name, self.maker, self.tags, self.prices


def items(count):
    chance = random.Random(SEED)
    return {number: Item(number, chance) for number in range(count)}


def build(megabytes):
    return items(int(megabytes * PER_MEGABYTE))
