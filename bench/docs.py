"""Writes docs/performance.md, its plots and the README's from the results of a run. Prose is in
bench/templates/; every figure comes from the results.

usage: script/bench-docs RESULTS.json
"""

import argparse
import json
import re
import sys
from pathlib import Path

import jinja2

from bench import plots
from bench.support import must
from bench.support.result import MOMENTS
from bench.support.results import write_whole
from bench.support.setup import ROOT

TEMPLATES = Path(__file__).parent / "templates"
BEGIN = "<!-- script/bench-docs writes from here -->"
END = "<!-- to here -->"


class Incomplete(Exception):
    """Says what is missing."""


def number(spread, digits=0):
    return "{:,.{}f}".format(spread["median"], digits) if spread else "–"


def ratio(spread, digits=2):
    """With its ends, where they say something else."""
    if not spread:
        return "–"
    value, low, high = ("%.*f" % (digits, spread[name]) for name in ("median", "low", "high"))
    return value if low == high else "%s [%s, %s]" % (value, low, high)


def last(moments):
    """What a contender needs in the end: when it has given back what it can."""
    return moments.get("later") or moments["everything"]


def columns(tree):
    """The moments that at least one contender has, in the order of time."""
    found = {name for part in tree["contenders"].values() for name in part["tree"]}
    return [name for name in MOMENTS if name in found]


def find_trees(data, workload=None):
    """The newest version first."""
    trees = [
        tree for tree in data["trees"] if (tree["workload"] == "catalogue") == (workload is None)
    ]
    return sorted(trees, key=must.minor, reverse=True)


def headline(data):
    for tree in find_trees(data):
        if "nothing" in tree["contenders"]:
            return tree
    raise Incomplete("the results hold no whole run of `tree` with the catalogue")


def figure_of_plot(tree):
    sides = {name: last(part["tree"])["median"] for name, part in tree["contenders"].items()}
    what = "memory of the server, %s of %g MB, %d workers"
    return {
        "what": what % (tree["workload"], tree["megabytes"], tree["workers"]),
        "subject": "CPython " + tree["python"],
        "unit": "MB",
        "sides": {**sides, "limit": tree["limit"]["total"]["median"]},
    }


def plot_name(tree):
    return "memory-%s-%s.svg" % (tree["workload"], "%d.%d" % must.minor(tree))


def draw(data, root):
    folder = root / "docs" / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    for tree in data["trees"]:
        plots.bars(figure_of_plot(tree), folder / plot_name(tree))
    plots.draw({**data, "figures": []}, folder)


def groups(figures):
    """[(what, its figures)] in the order they were measured."""
    return [
        (what, [figure for figure in figures if figure["what"] == what])
        for what in dict.fromkeys(figure["what"] for figure in figures)
    ]


def environment():
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters.update(number=number, ratio=ratio, last=last)
    found.globals.update(columns=columns, plot_name=plot_name, groups=groups, moments=MOMENTS)
    return found


def between_marks(text, new):
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Incomplete("README.md has lost its marks, %s and %s" % (BEGIN, END))
    return "%s%s\n%s%s%s" % (before, BEGIN, new, END, after)


def tidy(text):
    """Without what tags of templates leave: blanks at the ends of lines, and several empty ones."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"


def write(data, root=ROOT):
    """Either everything or, where something is missing, nothing."""
    templates = environment()
    context = {
        "data": data,
        "main": headline(data),
        "trees": find_trees(data),
        "others": find_trees(data, "others"),
        "must": must.rows(data),
        "plots": {one["what"]: plots.slug(one["what"]) + ".svg" for one in data["series"]},
    }
    readme = root / "README.md"
    short = tidy(templates.get_template("readme.md").render(context))
    short = between_marks(readme.read_text(), short)
    page = tidy(templates.get_template("performance.md").render(context))
    draw(data, root)
    write_whole(root / "docs" / "performance.md", page)
    write_whole(readme, short)


def main():
    parser = argparse.ArgumentParser(prog="script/bench-docs", description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="what script/bench --json wrote")
    options = parser.parse_args()
    try:
        write(json.loads(options.results.read_text()))
    except Incomplete as missing:
        sys.exit("bench-docs: %s" % missing)


if __name__ == "__main__":
    main()
