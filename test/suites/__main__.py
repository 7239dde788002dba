"""Other people's tests, with the library and without, compared test by test.

  script/suites cpython              CPython's own tests: every interpreter that has them, every mode
  script/suites cpython --promised   what a user sets, alone, where nothing may differ; a freeze by hand beside it
  script/suites cpython --quick      one interpreter, twelve modules, chosen by the seed: a few minutes
  script/suites hosts                the own tests of gunicorn, billiard and uvicorn
  script/suites report               writes the tables of docs/reliability.md from all results

Results are kept, so that --continue goes on where a run ended. The exit status is 1 if anything
differs that is neither unstable without the library nor has a reason in test/suites/reasons.py.
"""

import argparse
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import places
import cpython
import hosts
import modes
import report
import runs


def commit():
    if not shutil.which("git"):
        return "no commit"
    command = ["git", "-C", str(places.ROOT), "rev-parse", "HEAD"]
    found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return found.stdout.strip() or "no commit"


def arguments():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="script/suites", description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("what", choices=["cpython", "hosts", "report"])
    add("--promised", action="store_true", help="modes that a user sets, some modules, 3.12 and later")
    add("--quick", action="store_true", help="one interpreter and some modules")
    add("--python", action="append", metavar="3.13", help="interpreters whose name starts so")
    add("--only", action="append", metavar="NAME", help="only this module, or this host")
    add("--mode", action="append", help="only this mode")
    add("--seed", default=commit(), help="for what is chosen by chance; default: the commit")
    add("--jobs", type=int, default=2, metavar="N", help="so many at a time (2)")
    add("--continue", action="store_true", dest="go_on", help="leave out what has results")
    add("--results", type=Path, action="append", metavar="DIR", help="a report takes several")
    options = parser.parse_args()
    options.results = options.results or [places.RESULTS]
    return options


def chosen(options):
    """The suites that are asked for."""
    if options.what == "hosts":
        return hosts.suites(options.only)
    pythons = cpython.with_tests()
    if options.python:
        pythons = [p for p in pythons if str(p).startswith(tuple(options.python))]
    modules = options.only or cpython.MODULES
    if options.promised:
        pythons, promised = cpython.promised(pythons)
        modules = [module for module in promised if module in modules]
        options.mode = options.mode or list(modes.PROMISED)
    if not pythons:
        sys.exit("suites: no such interpreter here comes with CPython's tests")
    if options.quick:
        pythons, modules = cpython.quick(pythons, options.seed)
    for python in pythons:
        if not cpython.preloads(python):
            sys.exit("suites: %s does not preload %s" % (python, modes.LIBRARY))
    print("suites: seed %s; CPython %s" % (options.seed, " ".join(map(str, pythons))))
    knobs = modes.read_knobs()
    suites = [cpython.suites_of(python, modules, knobs, options.seed) for python in pythons]
    return [suite for of_one in suites for suite in of_one]


def judge(results):
    """Prints what differs. Whether nothing does without a reason."""
    found = report.differences(results)
    for suite, mode, test, before, after, why in found:
        print("suites: %s %s: %s: %s, with the library %s%s" % (
            suite, mode, test, before, after, "; " + why if why else ""))  # fmt: skip
    for (suite, test), seen in report.unstable(results).items():
        print("suites: %s: %s is unstable without the library: %s" % (suite, test, ", ".join(seen)))
    print("suites: %d suites, %d differences without a reason" % (
        len(results), sum(why is None for *_, why in found)))  # fmt: skip
    return all(why for *_, why in found)


def answer_signals():
    """What a shell starts in the background ignores these, and so would the tests, which send them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def main():
    options = arguments()
    answer_signals()
    if options.what == "report":
        report.write(runs.read_results(*options.results))
        return 0
    suites = chosen(options)
    for suite in suites:
        for mode in set(suite.modes) - set(options.mode or suite.modes):
            del suite.modes[mode]
    runs.run_suites(suites, options.results[0], options.jobs, options.go_on)
    names = {suite.name for suite in suites}
    results = runs.read_results(options.results[0])
    return 0 if judge({name: cell for name, cell in results.items() if name in names}) else 1


if __name__ == "__main__":
    sys.exit(main())
