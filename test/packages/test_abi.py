"""What others rely on is as abi.txt promises: docs/releasing.md says which change needs which version."""

import difflib
import os
import re
import subprocess
from pathlib import Path

from conftest import ROOT

PROMISED = ROOT / "test" / "packages" / "abi.txt"
LIBRARY = os.environ["GCFREEZE_TEST_LIBRARY"]
PRINTER = os.environ["GCFREEZE_TEST_ABI"]
FOUND = Path(PRINTER).with_name("abi.txt")


def output_of(*command):
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    ).stdout  # fmt: skip


def symbols():
    yield from re.findall(r"Library (soname: \[.*\])", output_of("readelf", "-dW", LIBRARY))
    # Num: Value Size Type Bind Vis Ndx Name
    row = r"^ *\d+: \w+ +\d+ (\w+) +\w+ +\w+ +\d+ (\S+)"
    rows = re.findall(row, output_of("readelf", "-W", "--dyn-syms", LIBRARY), re.M)
    yield from sorted("symbol %s %s" % (name, kind.lower()) for kind, name in rows)


def fields():
    """Of events: the times and pids of this run are no promise."""
    return re.sub(r'"(ts|pid)":[0-9.]+', r'"\1":0', output_of(PRINTER)).splitlines()


def test_what_others_rely_on_is_as_promised():
    found = [*symbols(), *fields()]
    promised = PROMISED.read_text().splitlines()
    FOUND.write_text("\n".join(found) + "\n")
    difference = difflib.unified_diff(promised, found, "promised", "found", n=0, lineterm="")
    assert found == promised, "\n".join(
        [*difference, "if the version allows for that: cp %s %s" % (FOUND, PROMISED)]
    )
