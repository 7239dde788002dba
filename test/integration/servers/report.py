"""What the compatibility table is made of.

A test of a host says one cell for each mode that it ran: the line goes to the file that
GCFREEZE_TEST_REPORT names, if there is one. script/matrix collects the files of all its roots.
"""

import json
import os

# The modes of the table: their names, and the knobs without their prefix.
MODES = {
    "freeze": {},
    "immortal": {"MODE": "immortal"},
    "reshare": {"RESHARE": "on"},
}


def cell(host, version, mode, figure):
    """`version`: Python.column of conftest.py. `figure`: megabytes (a float) by which a worker's own
    anonymous memory grew over a full collection (app.py's private_kb); or a text like "skip: Debian's
    module is built for Debian's Python alone"."""
    path = os.environ.get("GCFREEZE_TEST_REPORT")
    if not path:
        return
    line = json.dumps({"host": host, "python": version, "mode": mode, "figure": figure})
    with open(path, "a") as report:
        report.write(line + "\n")
