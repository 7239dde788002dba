"""The README's table of knobs says what shim/core/knobs.def says: every name, and its default."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KNOB = re.compile(r'^KNOB\(\w+, \w+, "(\w+)", "([^"]*)"', re.M)
ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| (\S+) \|", re.M)
UNSET = {"": "empty"}


def documented(text):
    """{name: default} of the README's table; a row may name several knobs."""
    return {
        name: default.strip("`")
        for names, default in ROW.findall(text)
        for name in re.findall(r"`(\w+)`", names)
        if name.startswith("GCFREEZE")
    }


def faults_of(knobs, readme):
    for name, default in knobs.items():
        shown = readme.get(name)
        wanted = "stderr" if name == "GCFREEZE_LOG_FILE" else UNSET.get(default, default)
        if shown != wanted:
            yield "%s: the README says %s, knobs.def %s" % (name, shown, wanted)
    for name in readme.keys() - knobs.keys():
        yield "%s: in the README, not in knobs.def" % name


def main():
    knobs = dict(KNOB.findall((ROOT / "shim/core/knobs.def").read_text()))
    readme = documented((ROOT / "README.md").read_text())
    assert len(knobs) >= 16, "knobs.def cannot be read"
    assert list(faults_of({"GCFREEZE_X": "1"}, {})), "a missing row must be a fault"
    faults = list(faults_of(knobs, readme))
    print("\n".join(faults) or "%d knobs: documented as they are" % len(knobs))
    sys.exit(bool(faults))


main()
