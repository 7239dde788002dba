"""What a suite runs with: a mode is the variables that it adds to the environment of a run without."""

import json
import re
import subprocess

import places
from conftest import LIBRARY

FOLDER = "{folder}"  # in a mode or a command: where a run writes its log, its results and whatever else

# A whole pass in every wait.
RESHARE = {"RESHARE": "1", "TEST_RESHARE": "always"}

# So that something is frozen, and can be given back, in an interpreter that never forks by itself.
FORK_AT_START = {"TEST_FORK_AT_START": "1"}
OFTEN = {"WHEN": "every", **FORK_AT_START}


def library(**knobs):
    """The library, with these knobs and nothing else: what a user would set."""
    return {"LD_PRELOAD": LIBRARY, **{"GCFREEZE_" + name: value for name, value in knobs.items()}}


def site(variables):
    """These, for site/ to read."""
    return {"PYTHONPATH": str(places.SITE), **variables}


def logged(**knobs):
    """With a log, where what was done is counted. On stderr its lines would be seen by tests that read it."""
    return site(library(LOG_FILE=FOLDER + "/log", **{"LOG": "info", **knobs}))


# What a user sets, which no test may notice; and what a program does that freezes by itself.
BY_HAND = "by-hand"
PROMISED = {
    "default": library(),
    "every": library(WHEN="every"),
    "immortal": library(MODE="immortal"),
    "reshare": library(**RESHARE),
    BY_HAND: site({"FREEZE_BY_HAND": "1"}),
}

# What finds more: everything is frozen that can be, from the start.
HARDER = {
    "reshare+threads": logged(**RESHARE, **FORK_AT_START, RESHARE_THREADS="on"),
    "immortal+often": logged(MODE="immortal", **OFTEN),
    "freeze+often": logged(MODE="freeze", **OFTEN),
    "immortal+reshare+often": logged(MODE="immortal", **RESHARE, **OFTEN),
}

CHANCE = "chance"  # by_chance

# What is not left to chance, and why.
FIXED = {
    "GCFREEZE": "0 makes the library inert, and nothing would be tested",
    "GCFREEZE_ONLY": "leaves programs alone, and nothing would be tested in them",
    "GCFREEZE_SKIP": "leaves programs alone, and nothing would be tested in them",
    "GCFREEZE_LOG_FILE": "lines on stderr are seen by tests that read it, so there is always a file",
}


def read_knobs():
    """The rows of knobs.def, as the program tells them."""
    listed = subprocess.run([places.PROGRAM, "knobs", "--json"], check=True, stdout=subprocess.PIPE)
    return json.loads(listed.stdout)


def number(knob, chance):
    """A bound, the default, or something between, as likely small as large."""
    low, high = knob["lower"], knob["upper"]
    between = int(low + (high - low + 1) ** chance.random() - 1)
    return str(chance.choice([low, high, knob["default"], between]))


def words(knob, chance):
    choice = chance.choice(re.split(r", | or ", knob["values"]))
    return choice.replace(":N", ":%d" % chance.randrange(4))


# One row per kind of knobs.def that a knob may have and is not FIXED.
KINDS = {
    "FLAG": lambda knob, chance: chance.choice(["off", "on"]),
    "NUMBER": number,
    "CHOICE": words,
    "WHEN": words,
    "WORDS": lambda knob, chance: chance.choice(["", "time:time"]),
    "SECONDS": lambda knob, chance: chance.choice(["off", "on", number({**knob, "default": 1}, chance)]),
}


def by_chance(knobs, chance):
    """A value for each knob, and whether there is a pass in every wait and a fork at the start."""
    chosen = {
        knob["name"].replace("GCFREEZE_", "", 1): KINDS[knob["type"]](knob, chance)
        for knob in knobs
        if knob["name"] not in FIXED
    }
    for also in (FORK_AT_START, {"TEST_RESHARE": "always"}):
        if chance.random() < 0.5:
            chosen.update(also)
    return chosen
