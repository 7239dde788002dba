"""Writes docs/performance.md, its plots and the README's table from the results of a run. Prose is in
bench/templates/; every figure comes from the results. Those of `site` alone are enough for the README
and for the part of the page that shows them, those of `data`, or of `rest`, `light`, `busy` and `reshare`, for their part of the page.

usage: script/bench-docs RESULTS.json
"""

import argparse
import json
import re
import sys
from pathlib import Path

import jinja2

from bench import plots
from bench.contenders import BEST, DEFAULT
from bench.support import must
from bench.support.applications import REAL, ROUNDS
from bench.support.figure import limit
from bench.support.first import REQUESTS
from bench.support.place import FEW, WORKERS
from bench.support.result import MOMENTS, last
from bench.support.results import write_whole
from bench.support.setup import ROOT
from bench.workloads.site import warm

TEMPLATES = Path(__file__).parent / "templates"
BEGIN = "<!-- script/bench-docs writes from here -->"
END = "<!-- to here -->"
PARTS = {  # of the page, which can be written by themselves: their template, and their marks
    "data sets": "data.md",
    "giving back": "reshare.md",
}
CLEARLY = 0.98


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


def at(moments, name):
    return last(moments) if name == "last" else moments[name]


def best(tree):
    """The contender to name beside the default: the default itself, unless another one clearly needs less."""
    default, other = (
        last(tree["contenders"][name]["tree"])["median"] for name in (DEFAULT, BEST)
    )
    return BEST if other < CLEARLY * default else DEFAULT


def columns(tree):
    """The moments that at least one contender has, in the order of time."""
    found = {name for part in tree["contenders"].values() for name in part["tree"]}
    return [name for name in MOMENTS if name in found]


def newest_first(trees):
    return sorted(trees, key=must.minor, reverse=True)


def find_trees(data, *workloads, workers=WORKERS):
    return newest_first(
        tree
        for tree in data["trees"]
        if tree["workload"] in workloads and tree["workers"] == workers
    )


def applications(data):
    """Of `site`."""
    found = {name + "s": find_trees(data, name, workers=FEW) for name in ("site", "catalogue")}
    if not all(found.values()):
        raise Incomplete("the results hold no whole run of `site`")
    return {**found, "shops": find_trees(data, "shop", workers=FEW)}


def headline(trees):
    """None: `tree` has not been run."""
    return next((tree for tree in trees if "nothing" in tree["contenders"]), None)


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


def draw(data, main, root):
    folder = root / "docs" / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    plots.bars(figure_of_plot(main), folder / plot_name(main))
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
    found.filters.update(number=number, ratio=ratio, last=last, at=at)
    found.globals.update(columns=columns, plot_name=plot_name, groups=groups, moments=MOMENTS)
    found.globals.update(pages={name: len(one.visits.PAGES) for name, one in REAL.items()})
    found.globals.update(warm_pages=len(warm.PAGES), paths=REAL["site"].warm["paths"])
    found.globals.update(requests=REQUESTS, rounds=ROUNDS, best=best, begin=BEGIN, end=END)
    found.globals.update(limit=limit, marks={part: marks_of(part) for part in PARTS})
    return found


def marks_of(part):
    return "<!-- script/bench-docs writes %s from here -->" % part, "<!-- %s to here -->" % part


def between_marks(path, new, marks=(BEGIN, END)):
    text = path.read_text()
    before, begin, rest = text.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not begin or not end:
        raise Incomplete("%s has lost its marks, %s and %s" % (path.name, *marks))
    return "%s%s\n%s%s%s" % (before, begin, new, end, after)


def tidy(text):
    """Without what tags of templates leave: blanks at the ends of lines, and several empty ones."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"


def write(data, root=ROOT):
    """Either everything that the results are enough for or, where something is missing, nothing."""
    context = parts(data)
    found = [part for part, rows in zip(PARTS, (context["data_sets"], context["giving_back"])) if rows]
    if data["trees"]:
        write_servers(data, context, root)
    elif not found:
        raise Incomplete("the results hold no run of `site`, `data`, `rest`, `light`, `busy` or `reshare`")
    else:
        for part in found:
            write_part(part, context, root)


def parts(data):
    """What the parts that can be written by themselves show."""
    return {
        "data": data,
        "data_sets": data.get("data_sets", []),
        "must_data": list(must.of_data_sets(data)),
        "must_back": list(must.of_reshare(data)),
        "giving_back": [figure for figure in data["figures"] if must.is_of_reshare(figure)],
        "others": [figure for figure in data["figures"] if not must.is_of_reshare(figure)],
    }


def write_part(part, context, root):
    page = root / "docs" / "performance.md"
    new = tidy(environment().get_template(PARTS[part]).render(context))
    write_whole(page, between_marks(page, new, marks_of(part)))


def write_servers(data, context, root):
    templates, trees = environment(), find_trees(data, "catalogue")
    context = {
        **context,
        "main": headline(trees),
        "trees": trees,
        "workloads": find_trees(data, "documents", "model", "holes"),
        **applications(data),
        "must": must.rows(data),
        "must_here": [*must.of_applications(data), *must.of_warm_starts(data)],
        "plots": {one["what"]: plots.slug(one["what"]) + ".svg" for one in data["series"]},
    }

    def render(name):
        return tidy(templates.get_template(name).render(context))

    readme, page = root / "README.md", root / "docs" / "performance.md"
    short = between_marks(readme, render("readme.md"))
    if context["main"]:
        long = render("performance.md")
        draw(data, context["main"], root)
    else:
        long = between_marks(page, render("applications.md"))
    write_whole(page, long)
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
