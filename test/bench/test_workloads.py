"""What measured parents hold is the same each time, as large as asked for, and read as a whole."""

import gc

import pytest

from bench import workloads
from bench.workloads.reading import Record, look

PLAIN = ["catalogue", "documents", "holes"]  # without packages of others


class Pair(Record):
    def __init__(self, *parts):
        self.both = parts

    def parts(self):
        return self.both


def contents(heap):
    """What can be compared: records by their parts."""
    entries = (heap[number] for number in range(len(heap)))
    return [entry.parts() if isinstance(entry, Record) else entry for entry in entries]


@pytest.mark.parametrize("name", PLAIN)
def test_it_is_the_same_each_time(name):
    workload = workloads.find(name)
    assert contents(workload.build(0.2)) == contents(workload.build(0.2))


@pytest.mark.parametrize("name", PLAIN)
def test_its_size_grows_with_what_was_asked_for(name):
    workload = workloads.find(name)
    small, large = len(workload.build(0.5)), len(workload.build(2))
    assert 3.9 < large / small < 4.1


@pytest.mark.parametrize("name", PLAIN)
def test_each_entry_can_be_read(name):
    workload = workloads.find(name)
    heap = workload.build(0.1)
    assert all(workload.look(heap[number]) > 10 for number in range(len(heap)))


def test_half_of_the_holes_workload_is_gone_and_not_in_a_pattern():
    built = workloads.find("catalogue").build(1)
    left = workloads.find("holes").build(1)
    assert len(left) == len(built) // 2
    assert len({entry.number % 2 for entry in left}) == 2


def test_reading_counts_every_object_once():
    assert look(1) == 1
    assert look([1, (2, 3)]) == 5
    assert look({"a": 1, "b": [2]}) == 6
    assert look(Pair("a", Pair("b", [1]))) == 6


def test_reading_ends_in_a_circle():
    circle = []
    circle.append(circle)
    assert look(circle) > 1


def test_reading_leaves_nothing_behind():
    """What a worker has more after it must have been copied, not made."""
    heap = workloads.find("catalogue").build(0.1)
    look(heap)
    gc.collect()
    before = len(gc.get_objects())
    look(heap)
    gc.collect()
    assert len(gc.get_objects()) == before


def test_an_unknown_workload_is_refused():
    with pytest.raises(ValueError, match="no such workload: nonsense"):
        workloads.find("nonsense")
