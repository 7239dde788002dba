"""What a measured server's log says while the server goes on writing it."""

import json

import conftest  # noqa: F401: finds the benchmarks
import pytest
from bench.demo.server import Failed
from bench.support.place import Place

WORKER = 7


def line(event, **more):
    return json.dumps({"event": event, "pid": WORKER, "reason": "ok", **more}) + "\n"


@pytest.fixture
def place(tmp_path):
    return Place(None, None, tmp_path)


def test_a_line_is_an_event_once_it_is_whole(place):
    freeze, whole = line("freeze", snapshot="ok"), line("reshare", pages_given_back=5)
    for length in range(len(whole)):
        place.events.write_text(freeze + whole[:length])
        assert place.passes({WORKER}) == []
    place.events.write_text(freeze + whole)
    (found,) = place.passes({WORKER})
    assert found["pages_given_back"] == 5


@pytest.mark.parametrize(
    "events, is_warm",
    [
        (line("freeze"), False),
        (line("warm-up", done=1, left_out=0), True),
        (line("warm-up", done=2, left_out=1), False),
        (line("warm-up", done=0, left_out=0), False),
    ],
)
def test_a_warm_start_is_one_of_everything_that_was_asked_for(place, events, is_warm):
    place.events.write_text(events)
    assert place.is_warm() == is_warm


def test_a_pass_that_was_declined_is_no_pass(place):
    place.events.write_text(line("freeze", snapshot="no-room"))
    with pytest.raises(Failed, match="no-room"):
        place.passes({WORKER})
