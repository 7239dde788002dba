"""Runs benchmarks and prints what they find. Only what cannot be measured fails."""

import argparse
import dataclasses
import importlib
import shutil
import signal
import sys
import time
import traceback
from datetime import date
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import docs
from bench.support import must
from bench.support.figure import Figure, show
from bench.support.results import Results
from bench.support.series import Series
from bench.support.setup import Setup, find_pythons, library_version

NAMES = [
    "site",
    "tree",
    "speed",
    "scaling",
    "immortal",
    "reshare",
    "rest",
    "light",
    "busy",
    "data",
    "collect",
    "fork",
    "exec",
    "startup",
    "between",
]

WIDTH = 130


def arguments():
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(NAMES))
    parser.add_argument(
        "--quick", action="store_true", help="fewer pairs, fewer interpreters, less data"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes what is found there, too")
    parser.add_argument(
        "--write-docs",
        action="store_true",
        help="then writes docs/performance.md and the README's table",
    )
    parser.add_argument("--library", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error("no such benchmark: " + ", ".join(sorted(unknown)))
    return options


def run(name, setup, results, console):
    """A benchmark finds things one by one: they are kept even if it is interrupted."""
    figures = []
    for found in importlib.import_module("bench." + name).measure(setup):
        results.add(found)
        if isinstance(found, Figure):
            figures.append(found)
        elif not isinstance(found, Series):
            found.show(console)
    show(console, figures)


def run_all(names, setup, results, console):
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("")
        for number, name in enumerate(names, 1):
            prefix = "bench: %s (%d of %d)" % (name, number, len(names))

            def say(text, prefix=prefix):
                progress.update(task, description="%s: %s" % (prefix, text))

            say("…")
            start = time.monotonic()
            try:
                run(name, dataclasses.replace(setup, say=say), results, console)
            except Exception:
                traceback.print_exc()
                results.fail(name)
            results.took(name, time.monotonic() - start)
            print("bench: %s took %.0f s" % (name, time.monotonic() - start), file=sys.stderr)


def main():
    options = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    # a table that is folded by a narrow terminal can be read; one whose figures are cut cannot
    console = Console(highlight=False, width=max(WIDTH, shutil.get_terminal_size().columns))
    pythons = find_pythons(options.quick)
    setup = Setup(options.library, options.quick, pythons)
    results = Results(
        options.json,
        library=library_version(options.library, pythons[-1]),
        date=date.today().isoformat(),
        quick=options.quick,
        pythons=[python.version for python in pythons],
        gunicorn=metadata.version("gunicorn"),
    )
    try:
        run_all(options.names or NAMES, setup, results, console)
    except KeyboardInterrupt:
        kept = "; what was found is in %s" % options.json if options.json else ""
        sys.exit("\nbench: stopped%s" % kept)
    must.show(console, results.data)
    if options.write_docs:
        docs.write(results.data)
    if results.data["failed"]:
        sys.exit("bench: could not measure: " + ", ".join(results.data["failed"]))


if __name__ == "__main__":
    main()
