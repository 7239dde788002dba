"""gcfreeze_immortalize, and gcfreeze.share of the Python package."""

import pytest
from conftest import ROOT, environment, run
from immortal import TOOLS, immortal_from, immortal_pythons, start

PACKAGE = ROOT / "packaging" / "wheel"

BEGIN = """
sys.path.insert(0, %r)
import warnings
warnings.simplefilter("error")
import gcfreeze
""" % str(PACKAGE)

# Held by a variable of a function, as nobody is handed it.
LOCAL = BEGIN + """
def main():
    records = [{"id": number, "name": "record %%d" %% number} for number in range(100000)]
    %s
    if fork():
        gc.disable()
        found = sum(record["id"] + len(record["name"]) for record in records)
        tell(found=found, private_kb=kb("Private_Dirty"), objects=objects)
        os._exit(0)
main()
"""

SHARE = "objects = gcfreeze.share(records)"
BARE = """
    import ctypes
    library = ctypes.%s(None)
    library.gcfreeze_immortalize.restype = ctypes.c_int64
    objects = library.gcfreeze_immortalize(ctypes.py_object(records))
"""


@pytest.fixture(params=immortal_pythons(), ids=str)
def interpreter(request):
    if request.param is None:
        pytest.skip("no CPython 3.12 or later on this machine")
    return request.param


@pytest.mark.parametrize("way", [SHARE, BARE % "PyDLL", BARE % "CDLL"], ids=["package", "PyDLL", "CDLL"])
@pytest.mark.parametrize("mode", ["freeze", "immortal"])
def test_children_share_what_was_asked_for(interpreter, tmp_path, way, mode):
    [plain], _ = start(interpreter, tmp_path, LOCAL % "objects = 0", MODE=mode)
    [told], events = start(interpreter, tmp_path, LOCAL % way, MODE=mode)
    assert told["found"] == plain["found"]
    assert told["objects"] == 1 + 3 * 100000 - 257  # the interpreter's own ints from 0 to 256
    assert told["private_kb"] <= plain["private_kb"] / 6


AGAIN = BEGIN + """
def main():
    records = [[str(number)] for number in range(1000, 2000)]
    numbers = [gcfreeze.share(records), gcfreeze.share(records)]
    records.append([str(10**6)])
    tell(numbers=numbers + [gcfreeze.share(records), gcfreeze.share(None)])
main()
"""


def test_what_is_shared_already_is_not_shared_again(interpreter, tmp_path):
    [told], _ = start(interpreter, tmp_path, AGAIN)
    first, *others = told["numbers"]
    assert first >= 2001
    assert others == [0, 2, 0]


# Asked for: never what a parent has lost.
ASKED = BEGIN + """
def main():
    for trial in range(6):
        records = [[number] for number in range(50000)]
        gcfreeze.share(records)
    numbers = [[number] for number in range(20000)]
    globals()["NUMBERS"] = numbers
    if fork():
        os._exit(0)
main()
"""


def test_what_was_asked_for_does_not_turn_the_rest_off(interpreter, tmp_path):
    _, [event] = start(interpreter, tmp_path, ASKED)
    assert event["event"] == "freeze" and event["immortal"] >= 20000


BY_CTYPES = """
import ctypes, sys
def share(records):
    ctypes.pythonapi.gcfreeze_immortalize(ctypes.py_object(records))
"""

END = """
class Told:
    def __del__(self):
        print("the end of", self.name)
def told(name):
    thing = Told()
    thing.name = name
    return thing
records = [told("one of them"), open(sys.argv[0])]
share(records)
records.append(told("one that came later"))
records.pop(0)
print("end")
"""


def test_what_hangs_on_it_ends_with_the_process(interpreter, tmp_path, compare):
    outcome = compare(interpreter, BY_CTYPES + END)
    assert outcome.stdout.splitlines() == ["the end of one of them", "end", "the end of one that came later"]


WARNED = """
sys.path.insert(0, %r)
import gcfreeze
records = [[1]]
tell(objects=gcfreeze.share(records), records=records)
""" % str(PACKAGE)


def test_without_the_library_nothing_is_shared_and_it_says_so(python, tmp_path):
    script = tmp_path / "app.py"
    script.write_text(TOOLS + WARNED)
    env = {key: value for key, value in environment().items() if key != "LD_PRELOAD"}
    outcome = run([python.path, str(script)], env)
    assert outcome.stdout == '{"objects": 0, "records": [[1]]}\n'
    assert "RuntimeWarning: nothing is shared: libgcfreeze is not preloaded" in outcome.stderr
    assert "app.py" in outcome.stderr.splitlines()[0]


@pytest.mark.parametrize("off", [False, True], ids=["on", "off"])
def test_where_it_cannot_be_done_it_says_so(python, tmp_path, off):
    if immortal_from(python) and not off:
        pytest.skip("here it can be done")
    script = tmp_path / "app.py"
    script.write_text(TOOLS + WARNED)
    outcome = run([python.path, str(script)], environment(**({"": "0"} if off else {})))
    assert outcome.stdout == '{"objects": 0, "records": [[1]]}\n'
    assert "RuntimeWarning: nothing is shared: that needs CPython 3.12 or later" in outcome.stderr
