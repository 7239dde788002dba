"""Draws what a run of the benchmarks measured: an SVG for each series, and for each figure that has a limit.

usage: python -m bench.plots RESULTS.json DIRECTORY
"""

import argparse
import json
import re
from pathlib import Path
from xml.sax.saxutils import escape

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bench.support import fit

LIMIT = "limit"
WIDTH = 8  # inches
# Okabe and Ito's colours, which people tell apart whatever colours they see; markers differ, too.
COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444", "#8b6c00"]
MARKERS = "osD^vPX*"
STYLE = {
    "svg.hashsalt": "gcfreeze",  # the same input is the same file, whenever it is drawn
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.titlesize": "medium",
    "axes.spines.top": False,
    "axes.spines.right": False,
    # A ground of its own: a README is read on white and on black.
    "figure.facecolor": "white",
    "axes.facecolor": "white",
}


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def number(value):
    """At most three digits that matter, and none after the point of large ones."""
    return "{:,.0f}".format(value) if abs(value) >= 100 else "%.3g" % value


def save(figure, path, title, description):
    """With a name and a description, which screen readers tell instead of the picture."""
    FigureCanvasSVG(figure).print_svg(path, metadata={"Title": title, "Date": None, "Creator": None})
    text = path.read_text()
    named = '<title id="title">%s</title>\n <desc id="desc">%s</desc>' % (
        escape(title),
        escape(description),
    )
    text = re.sub(r"<title>.*?</title>", lambda _: named, text, count=1, flags=re.DOTALL)
    path.write_text(text.replace("<svg ", '<svg role="img" aria-labelledby="title desc" ', 1))


def bars(figure, path):
    """One bar for each side, and the side called "limit", if there is one, as a line across them."""
    sides = {name.partition(",")[0]: value for name, value in figure["sides"].items()}
    limit = sides.pop(LIMIT, None)
    title = "%s, %s" % (figure["what"], figure["subject"])
    with matplotlib.rc_context(STYLE):
        drawing = Figure(figsize=(WIDTH, 1.9 + 0.42 * len(sides)), layout="constrained")
        axes = drawing.subplots()
        drawn = axes.barh(list(sides), list(sides.values()), color=COLORS[0], height=0.7)
        axes.bar_label(drawn, [number(value) for value in sides.values()], padding=4)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.tick_params(left=False)
        axes.set_xlabel(figure["unit"])
        axes.set_title(title, loc="left", wrap=True, pad=6 if limit is None else 20)
        if limit is not None:
            axes.axvline(limit, color=COLORS[1], linestyle="--")
            axes.annotate(
                "limit: %s" % number(limit),
                (limit, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3),
                textcoords="offset points",
                color=COLORS[1],
                ha="center",
            )
        told = ["%s: %s %s" % (name, number(value), figure["unit"]) for name, value in sides.items()]
        if limit is not None:
            told.append("limit: %s %s" % (number(limit), figure["unit"]))
        save(drawing, path, title, "; ".join(told))


def tell(series, row):
    points = row["points"]
    ends = points[:1] + points[1:][-1:]
    told = ["%s %s at %s %s" % (number(y), series["y_unit"], number(x), series["unit"]) for x, y, *_ in ends]
    if len(points) > 1:
        told.append("growing with the power %.2f" % fit.power(points).exponent)
    return "%s: %s" % (row["name"], ", ".join(told))


def draw_row(axes, row, color, marker):
    points = row["points"]
    x, y, low, high = zip(*points)
    errors = [[a - b for a, b in zip(y, low)], [a - b for a, b in zip(high, y)]]
    style = {"color": color, "marker": marker, "markersize": 5}
    axes.errorbar(x, y, yerr=errors, linestyle="none", capsize=2, label=row["name"], **style)
    if len(points) < 3:
        axes.plot(x, y, color=color, linewidth=1)
        return
    found = fit.line(points)
    steps = [x[0] * (x[-1] / x[0]) ** (step / 60) for step in range(61)]
    axes.plot(steps, [found.at(step) for step in steps], color=color, linewidth=1)


def lines(series, path):
    """Points with their spread on logarithmic axes, and the straight line that fits each row best: it
    looks bent where a constant part ends and the part that grows begins."""
    with matplotlib.rc_context(STYLE):
        drawing = Figure(figsize=(WIDTH, 4.6), layout="constrained")
        axes = drawing.subplots()
        for index, row in enumerate(series["rows"]):
            color, marker = COLORS[index % len(COLORS)], MARKERS[index % len(MARKERS)]
            draw_row(axes, row, color, marker)
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        axes.grid(color="#dddddd")
        axes.set_axisbelow(True)
        axes.set_xlabel(", ".join(filter(None, (series["x"], series["unit"]))))
        axes.set_ylabel(series["y_unit"])
        axes.set_title(series["what"], loc="left", wrap=True)
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
        save(drawing, path, series["what"], "; ".join(tell(series, row) for row in series["rows"]))


def draw(results, directory):
    """{what: path} of the plots of a run's results, as they are in its JSON."""
    directory.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for series in results.get("series", []):
        drawn[series["what"]] = directory / (slug(series["what"]) + ".svg")
        lines(series, drawn[series["what"]])
    for figure in results["figures"]:
        if any(name.partition(",")[0] == LIMIT for name in figure["sides"]):
            name = "%s, %s" % (figure["what"], figure["subject"])
            drawn[name] = directory / (slug(name) + ".svg")
            bars(figure, drawn[name])
    return drawn


def main():
    parser = argparse.ArgumentParser(prog="bench.plots", description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="what script/bench --json wrote")
    parser.add_argument("directory", type=Path)
    options = parser.parse_args()
    for path in draw(json.loads(options.results.read_text()), options.directory).values():
        print(path)


if __name__ == "__main__":
    main()
