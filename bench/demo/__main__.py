"""The same server and the same requests, without and with the library: what is shared?"""

import argparse
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import gunicorn
from rich import box
from rich.console import Console
from rich.table import Table

from bench.demo import client, server
from bench.demo.stock import ITEMS, WORDS
from bench.support import memory

ROUNDS = 500  # requests to each worker


@dataclass
class Moment:
    """Bytes, at one moment."""

    workers: list  # private memory
    tree: int  # the whole server: the parent and its workers

    @property
    def mean(self):
        return sum(self.workers) / len(self.workers)


def requests():
    """The same paths each time."""
    chance = random.Random(2)
    for _ in range(ROUNDS // 2):
        yield "/item/%d" % chance.randrange(ITEMS)
        yield "/search/%s" % chance.choice(WORDS)


def look(running, workers):
    if running.workers() != workers:
        raise server.Failed("a worker was replaced meanwhile:\n%s" % running.log.read_text())
    return Moment([memory.private(pid) for pid in workers], running.memory())


@dataclass(frozen=True)
class Variant:
    """One way to run the server."""

    title: str
    knobs: Optional[dict]  # the library's, by name without GCFREEZE_; None: without the library

    @property
    def how(self):
        if self.knobs is None:
            return "without the library"
        knobs = ("GCFREEZE_%s=%s" % knob for knob in self.knobs.items())
        return " ".join(["with LD_PRELOAD=libgcfreeze.so", *knobs])

    def settle(self):
        """Gives workers the time to give pages back: they do so when they wait."""
        if "RESHARE" in (self.knobs or ()):
            time.sleep(2 * self.knobs["RESHARE"] + 1)


def variants():
    yield Variant("without", None)
    yield Variant("with libgcfreeze", {})
    if sys.version_info >= (3, 12):
        yield Variant("with libgcfreeze, freezing alone", {"MODE": "freeze"})
    yield Variant("with libgcfreeze, reshare", {"RESHARE": 1})


def exercise(running, variant, say):
    """The three moments of one server."""
    start = time.monotonic()
    workers = running.wait_for_workers()
    client.round_of(running.port, "/who")
    elapsed = time.monotonic() - start
    say("the workers are up after %.1f s; sending each %d requests" % (elapsed, ROUNDS))
    moments = [look(running, workers)]
    for path in requests():
        client.round_of(running.port, path)
    variant.settle()
    moments.append(look(running, workers))
    say("running a garbage collection in each worker")
    client.round_of(running.port, "/collect")
    variant.settle()
    moments.append(look(running, workers))
    return moments


def measure(variant, library, directory, say):
    """(the three moments, the lines of the library's log)"""
    log, lines = Path(directory, "log"), Path(directory, "lines")
    if variant.knobs is None:
        with server.running(None, log) as running:
            return exercise(running, variant, say), []
    knobs = {"GCFREEZE_" + name: str(value) for name, value in variant.knobs.items()}
    knobs.update(GCFREEZE_LOG="info", GCFREEZE_LOG_FILE=str(lines))
    lines.unlink(missing_ok=True)
    with server.running(library, log, **knobs) as running:
        moments = exercise(running, variant, say)
    text = lines.read_text()
    if " mode=%s" % variant.knobs.get("MODE", "") not in text:
        raise server.Failed("nothing was frozen %s:\n%s" % (variant.how, text))
    return moments, text.splitlines()


def megabytes(value):
    return "%.1f MB" % (value / memory.MB)


def saving(before, after):
    return "%s (%.0f %%)" % (megabytes(before - after), 100 * (before - after) / before)


def table(results):
    """`results`: [(variant, its moments)], the one without the library first."""
    result = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    result.add_column("", no_wrap=True)
    for heading in ("at start", "after %d requests" % ROUNDS, "after a collection"):
        result.add_column(heading, justify="right", no_wrap=True)
    _, without = results[0]
    for variant, moments in results:
        result.add_row("[bold]%s[/bold]" % variant.title)
        for number in range(server.WORKERS):
            result.add_row(
                "  worker %d, private" % (number + 1),
                *(megabytes(moment.workers[number]) for moment in moments),
            )
        last = variant.knobs is None
        result.add_row("  whole server", *(megabytes(m.tree) for m in moments), end_section=last)
        if not last:
            pairs = list(zip(without, moments))
            workers = (saving(a.mean, b.mean) for a, b in pairs)
            trees = (saving(a.tree, b.tree) for a, b in pairs)
            result.add_row("  saved per worker", *workers, style="green")
            result.add_row("  saved in the server", *trees, style="green", end_section=True)
    return result


NOTES = """\
private: pages that only this worker has; not those of the sealed copies that reshare makes. The whole server: the \
parent and its workers; a page that n of them map counts as 1/n in each (PSS).
The requests went to each worker. The collection was asked for; a worker runs its own in time.
Freezing alone has a limit: reference counts still copy the pages that requests touch. Its second column shows \
them. From CPython 3.12 on, the default stops that, too. On every CPython, GCFREEZE_RESHARE=on gives such \
pages back later: here, one second later instead of ten.
"""

BY_HAND = """\
By hand: script/demo --keep leaves a server running; then grep Private /proc/<pid>/smaps_rollup"""


def compare(library, directory, console):
    def say(text):
        console.print("demo: " + text, style="dim", markup=False, soft_wrap=True)

    versions = sys.version.split()[0], gunicorn.__version__
    say("Python %s, gunicorn %s --preload, sync workers" % versions)
    results, lines = [], []
    for variant in variants():
        say(variant.how)
        moments, said = measure(variant, library, directory, say)
        results.append((variant, moments))
        lines += said[:2]
    console.print()
    console.print(table(results))
    console.print(NOTES, markup=False)
    console.print("What the library said first (GCFREEZE_LOG=info):")
    for line in lines:
        console.print("  " + line, markup=False, soft_wrap=True)
    console.print()


def keep(library, directory, console):
    """The server with the library, for a look by hand."""
    with server.running(library, Path(directory, "kept.log")) as running:
        workers = running.wait_for_workers()
        console.print("A server runs at http://127.0.0.1:%d/ until Ctrl-C." % running.port)
        console.print("Its workers: %s" % " ".join(map(str, workers)))
        console.print("By hand: grep Private /proc/%d/smaps_rollup" % workers[0])
        while True:
            signal.pause()


def main():
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="then leave a server running")
    parser.add_argument("--library", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)
    with tempfile.TemporaryDirectory(prefix="gcfreeze-demo-") as directory:
        compare(options.library, directory, console)
        if options.keep:
            keep(options.library, directory, console)
        else:
            console.print(BY_HAND, markup=False)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\ndemo: stopped; nothing is left running")
    except server.Failed as failure:
        sys.exit("demo: %s" % failure)
