"""The manual's macros that change between two fonts are given single words: they leave out the spaces between
their arguments, so that a sentence behind one of them would be one long word."""

import re
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["man/gcfreeze.1", "man/head.7", "man/tail.7"]
MACRO = re.compile(r"^\.(BR|RB|IR|RI|BI|IB) (.*)$")
MOST = 3  # as in .RB ( word ):


def faults_of(lines):
    for number, line in enumerate(lines, 1):
        match = MACRO.match(line)
        if match and len(shlex.split(match.group(2).replace("\\", "\\\\"))) > MOST:
            yield number, line


def main():
    assert not list(faults_of([".BR gcfreeze (1).", ".RB ( \\- ):"]))
    assert list(faults_of([".BR gcfreeze (1). A sentence"])), "a sentence must be a fault"
    faults = [
        "%s:%d: %s" % (page, *fault)
        for page in PAGES
        for fault in faults_of((ROOT / page).read_text().splitlines())
    ]
    print("\n".join(faults) or "%d pages: no sentence behind a macro" % len(PAGES))
    sys.exit(bool(faults))


main()
