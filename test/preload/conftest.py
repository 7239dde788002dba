"""The built library and programs without Python."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = Path(os.environ["GCFREEZE_TEST_LIBRARY"])
PROGRAMS = Path(os.environ["GCFREEZE_TEST_PROGRAMS"])
COMPILER = os.environ["GCFREEZE_TEST_COMPILER"]
CMAKE = os.environ["GCFREEZE_TEST_CMAKE"]


def environment(preload=LIBRARY, **knobs):
    """What a program gets: little, our entry in LD_PRELOAD, and knobs without their prefix."""
    result = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    if preload:
        result["LD_PRELOAD"] = str(preload)
    for name, value in knobs.items():
        result["GCFREEZE" + ("_" + name if name else "")] = value
    return result
