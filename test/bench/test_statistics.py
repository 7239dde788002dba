"""Medians, spreads and intervals."""

import random

from bench.support import pairs
from bench.support.spread import ratios, spread


def test_a_spread_is_the_median_and_both_ends():
    assert spread([3, 1, 2, 10, 4]) == {"median": 3, "low": 1, "high": 10}


def test_ratios_are_those_of_pairs_and_not_of_medians():
    # the machine got three times slower for both in the second run
    assert ratios([2, 6, 2], [1, 3, 1]) == {"median": 2, "low": 2, "high": 2}
    assert ratios([1, 6, 8], [1, 3, 2]) == {"median": 2, "low": 1, "high": 4}


def test_sides_take_turns_and_each_is_first_as_often():
    order = []
    sides = [lambda name=name: order.append(name) or name for name in "abc"]
    rows = pairs.in_turn(3, *sides)
    assert rows == [("a", "b", "c")] * 3, "a row's columns are the sides, whoever came first"
    assert "".join(order) == "abcbcacab"


def test_an_interval_holds_the_median_and_not_the_ends():
    chance = random.Random(1)
    values = [chance.gauss(10, 1) for _ in range(100)]
    low, high = pairs.interval([values])
    assert min(values) < low < 10.3 and 9.7 < high < max(values)
    assert low < high


def test_an_interval_of_groups_is_as_wide_as_they_lie_apart():
    low, high = pairs.interval([[0.0] * 50, [10.0] * 50])
    assert (low, high) == (0, 10)
