"""Differences between two things that are measured in turn."""

import random
from statistics import median

RESAMPLES = 1000


def in_turn(count, *measures):
    """[(a, b, ...)]: calls all measures `count` times, each time beginning with another one."""
    rows = []
    for number in range(count):
        first = number % len(measures)
        row = [None] * len(measures)
        for index in list(range(first, len(measures))) + list(range(first)):
            row[index] = measures[index]()
        rows.append(tuple(row))
    return rows


def differences(rows, of=1, to=0):
    return [row[of] - row[to] for row in rows]


def interval(groups, of=median):
    """The middle 95 % of medians, or what else is asked `of` a sample, resampled: first whole groups, then inside each.

    A group is what shares its conditions, like the pairs of two long-lived processes: more pairs of
    one group say nothing about another one.
    """
    chance = random.Random(3)
    found = []
    for _ in range(RESAMPLES):
        sample = []
        for group in chance.choices(groups, k=len(groups)):
            sample += chance.choices(group, k=len(group))
        found.append(of(sample))
    found.sort()
    return found[RESAMPLES * 25 // 1000], found[RESAMPLES * 975 // 1000 - 1]
