"""Each knob takes part in what is chosen by chance, and what is chosen is allowed."""

import os
import random
import subprocess

import modes
import pytest
import runs
from conftest import PYTHONS, environment

KNOBS = modes.read_knobs()
VARIED = [knob for knob in KNOBS if knob["name"] not in modes.FIXED]


def test_what_is_fixed_is_a_knob():
    assert modes.FIXED.keys() <= {knob["name"] for knob in KNOBS}


def test_the_same_seed_chooses_the_same_and_another_one_something_else():
    first, again, other = (modes.by_chance(KNOBS, random.Random(seed)) for seed in ("a", "a", "b"))
    assert first == again != other


@pytest.mark.parametrize("knob", VARIED, ids=lambda knob: knob["name"])
def test_a_knob_takes_several_values(knob):
    name = knob["name"].replace("GCFREEZE_", "", 1)
    chosen = {modes.by_chance(KNOBS, random.Random(seed))[name] for seed in range(100)}
    assert len(chosen) >= 2


def test_a_kind_that_nobody_has_written_down_is_an_error():
    with pytest.raises(KeyError):
        modes.by_chance([{"name": "GCFREEZE_NEW", "type": "COLOUR", "values": "red"}], random.Random(0))


def test_a_freeze_by_hand_comes_before_each_fork():
    program = "import gc, os; [(os.fork() or os._exit(not gc.get_freeze_count())) and gc.unfreeze() for _ in '12']; "
    program += "raise SystemExit(any([os.wait()[1] for _ in '12']))"
    env = {**runs.without_library(), **modes.PROMISED[modes.BY_HAND]}
    subprocess.run([PYTHONS[-1].path, "-c", program], env=env, check=True)


def test_the_library_has_no_complaint_about_what_is_chosen(tmp_path):
    program = "import os; os.fork() or os._exit(0); os.wait()"
    log = tmp_path / "log"
    complained = []
    for seed in range(40):
        knobs = {**modes.by_chance(KNOBS, random.Random(seed)), "LOG": "info", "LOG_FORMAT": "text"}
        env = environment(LOG_FILE=log, **knobs)
        subprocess.run([PYTHONS[-1].path, "-c", program], env=env, check=True)
        text = log.read_text()
        complained += [env] * ("is not allowed" in text or "no setting" in text)
    assert not complained
    assert os.stat(log).st_size
