"""Runs benchmarks and prints their figures. Only what cannot be measured fails."""

import argparse
import importlib
import json
import os
import platform
import sys
import time
import traceback
from pathlib import Path

from rich.console import Console

from bench.support.figure import show
from bench.support.setup import Setup, find_pythons, library_version

NAMES = ["collect", "immortal", "fork", "exec", "startup", "between"]


def machine(options, version, figures):
    return {
        "v": 1,
        "library": version,
        "quick": options.quick,
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "figures": [figure.machine() for figure in figures],
    }


def main():
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="fewer pairs, fewer interpreters")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the figures there, too")
    parser.add_argument("--library", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error("no such benchmark: " + ", ".join(sorted(unknown)))

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    setup = Setup(options.library, options.quick, find_pythons(options.quick))
    version = library_version(options.library, setup.pythons[-1])
    figures, failed = [], []
    for name in options.names or NAMES:
        start = time.monotonic()
        try:
            found = importlib.import_module("bench." + name).measure(setup)
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        print("bench: %s took %.0f s" % (name, time.monotonic() - start), file=sys.stderr)
        figures += found
        show(console, found)
    if options.json:
        options.json.write_text(json.dumps(machine(options, version, figures), indent=1) + "\n")
    if failed:
        sys.exit("bench: could not measure: " + ", ".join(failed))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nbench: stopped")
