"""What serves a language model: NumPy arrays, and a table of tokens with their numbers."""

import random

import numpy

from bench.workloads.reading import look as look_at

SEED = 4
DIMENSIONS = 64
ARRAYS = 0.7  # of the size; the rest is tokens
TOKENS_PER_MEGABYTE = 6800  # calibrated with CPython 3.13
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def tokens(count):
    chance = random.Random(SEED)
    return ["".join(chance.choices(LETTERS, k=7)) + str(number) for number in range(count)]


class Model:
    """Its entries are made when they are asked for: a token and its row."""

    def __init__(self, names, table, weights):
        self.names, self.table, self.weights = names, table, weights

    def __len__(self):
        return len(self.names)

    def __getitem__(self, number):
        """All entries together reach each page of the array: a row is shorter than that."""
        name = self.names[number]
        return name, self.weights[self.table[name] * len(self.weights) // len(self.names)]


def build(megabytes):
    names = tokens(int(megabytes * (1 - ARRAYS) * TOKENS_PER_MEGABYTE))
    rows = int(megabytes * 1e6 * ARRAYS / 4 / DIMENSIONS)
    weights = numpy.random.default_rng(SEED).random((rows, DIMENSIONS), dtype=numpy.float32)
    return Model(names, {name: number for number, name in enumerate(names)}, weights)


def look(entry):
    name, row = entry
    return look_at(name) + int(row.sum() >= 0)
