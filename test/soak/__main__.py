"""Servers under load whose workers come and go all the time, and forks by the hundred thousand."""

import argparse
import concurrent.futures
import random
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# servers and how to wait for them are the integration tests'; figures of memory the benchmarks'
sys.path[1:1] = [str(ROOT / "test" / "integration"), str(ROOT / "bench")]

import forks  # noqa: E402
import tasks  # noqa: E402
import web  # noqa: E402

PARTS = {
    "gunicorn": (web.soak, list(web.VARIANTS)),
    "celery": (tasks.soak, ["prefork"]),
    "forks": (forks.soak, forks.ROADS),
}
FORKS_AT_ONCE = 2  # roads


def parse_arguments():
    parser = argparse.ArgumentParser(prog="script/soak", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="gunicorn, celery or forks")
    parser.add_argument("--minutes", type=float, default=30, help="of gunicorn and celery")
    parser.add_argument("--forks", type=int, default=100000, help="through each road")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--without", action="store_true", help="the same without the library")
    options = parser.parse_args()
    options.parts = options.parts or list(PARTS)
    for part in set(options.parts) - set(PARTS):
        parser.error("no part is called " + part)
    return options


def soak(part, variant, folder, options):
    """(name, figures, faults)"""
    name = "%s, %s" % (part, variant)
    # a stream of its own for each, so that one part alone does the same as beside the others
    numbers = random.Random("%d %s" % (options.seed, name))
    length = options.forks if part == "forks" else 60 * options.minutes
    run, _ = PARTS[part]
    try:
        figures, faults = run(
            variant, folder / part / variant, length, numbers, not options.without
        )
    except pytest.skip.Exception as skipped:
        return name, {"skipped": skipped}, []
    except Exception:
        return name, {}, [traceback.format_exc()]
    return name, figures, faults


def report(name, figures, faults):
    print("soak: %s: %s" % (name, "FAILED" if faults else "passed"))
    for figure, value in figures.items():
        print("    %s: %s" % (figure, value))
    for fault in faults[:50]:
        print("    FAULT: %s" % fault)
    sys.stdout.flush()


def main():
    options = parse_arguments()
    folder = Path(tempfile.mkdtemp(prefix="gcfreeze-soak-"))
    print("soak: %s; --seed %d" % (" ".join(options.parts), options.seed), flush=True)
    servers = concurrent.futures.ThreadPoolExecutor()
    roads = concurrent.futures.ThreadPoolExecutor(FORKS_AT_ONCE)
    failed = False
    with servers, roads:
        runs = [
            (roads if part == "forks" else servers).submit(soak, part, variant, folder, options)
            for part in options.parts
            for variant in PARTS[part][1]
        ]
        for run in concurrent.futures.as_completed(runs):
            name, figures, faults = run.result()
            report(name, figures, faults)
            failed = failed or bool(faults)
    if failed:
        print("soak: what the servers wrote is in %s" % folder)
    else:
        shutil.rmtree(folder)
    sys.exit(failed)


main()
