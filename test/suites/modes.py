"""The settings that a suite runs with: each mode, and a set of knobs chosen by chance."""

import json
import re
import subprocess

import places

RESHARE = {"RESHARE": "1", "TEST_RESHARE": "always"}

# So that something is frozen, and can be given back, in an interpreter that never forks by itself.
FORK_AT_START = {"TEST_FORK_AT_START": "1"}
OFTEN = {"WHEN": "every", **FORK_AT_START}

MODES = {
    "freeze": {"MODE": "freeze"},
    "immortal": {"MODE": "immortal"},
    "reshare": {**RESHARE, **FORK_AT_START},
    "reshare+threads": {**RESHARE, **FORK_AT_START, "RESHARE_THREADS": "on"},
    "immortal+often": {"MODE": "immortal", **OFTEN},
    "freeze+often": {"MODE": "freeze", **OFTEN},
    "immortal+reshare+often": {"MODE": "immortal", **RESHARE, **OFTEN},
}

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
    "SECONDS": lambda knob, chance: chance.choice(["off", "on", number({**knob, "default": 1}, chance)]),
}


def by_chance(knobs, chance):
    """A value for each knob, and whether there is a pass at every wait and a fork at the start."""
    chosen = {
        knob["name"].replace("GCFREEZE_", "", 1): KINDS[knob["type"]](knob, chance)
        for knob in knobs
        if knob["name"] not in FIXED
    }
    for also in (FORK_AT_START, {"TEST_RESHARE": "always"}):
        if chance.random() < 0.5:
            chosen.update(also)
    return chosen
