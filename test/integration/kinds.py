"""Programs with data sets of many kinds, for GCFREEZE_MODE=immortal."""

from types import SimpleNamespace

import pytest
from conftest import ROOT
from immortal import start as start_program


def packaged(venv):
    """The newest interpreter with these packages, as one of conftest's."""
    found = sorted((ROOT / ".venv").glob(venv + "-3.*/bin/python"))
    if not found:
        pytest.skip("no .venv/%s-* here" % venv)
    return SimpleNamespace(path=str(found[-1]))


# What a child for each kind has for itself after it has read all records.
READ = """
%s
DATA = {kind: [{"id": i + 1000, "it": make(i)} for i in range(4000)] for kind, make in KINDS.items()}
def read(thing):
    if isinstance(thing, dict):
        for value in thing.values(): read(value)
    elif isinstance(thing, (list, tuple)):
        for value in thing: read(value)
    elif type(thing).__name__ == "ndarray":
        thing.shape
        if thing.dtype == object: read(thing.tolist())
    elif type(thing).__name__ in ("Attrs", "Model", "Struct", "Plain", "Slotted", "Frozen"):
        read(thing.x), read(thing.y)
    elif isinstance(thing, (str, bytes)):
        hash(thing)
gc.disable()
for kind, records in DATA.items():
    if fork():
        for warm in range(2):
            before = kb("Private_Dirty")
            read(records[:1] if warm == 0 else records)
        tell(kind=kind, kb=kb("Private_Dirty") - before)
        os._exit(0)
"""


def start(python, folder, program, **knobs):
    # Torch has threads before it forks, of which CPython warns.
    return start_program(python, folder, "import warnings\nwarnings.simplefilter('ignore')\n" + program, **knobs)


def copied(python, folder, kinds):
    """{kind: (KB without the library, KB with it)}"""
    told, _ = start(python, folder, READ % kinds)
    plain, _ = start(python, folder, READ % kinds, **{"": 0})
    return {before["kind"]: (before["kb"], after["kb"]) for before, after in zip(plain, told)}


# Most of the heap is what stays; of what is replaced, most is in the arrays.
REPLACED = """
%s
STAYS = [[number] for number in range(100000)]
DATA = None
for pool in range(10):
    DATA = None
    DATA = [{"id": number, "it": %s} for number in range(20)]
    if fork():
        os._exit(0)
tell(kb=kb("VmRSS", "/proc/self/status"))
"""


def modes_and_growth(python, folder, program):
    [plain], _ = start(python, folder, program, MODE="freeze", WHEN="never")
    [told], events = start(python, folder, program, WHEN="every")
    modes = [event["mode"] for event in events if event["event"] == "freeze"]
    return modes, (told["kb"] - plain["kb"]) / plain["kb"]
