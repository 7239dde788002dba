"""Plots of the benchmarks' results, and the lines that are fitted to them."""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench import plots
from bench.support import fit

SVG = "{http://www.w3.org/2000/svg}"
SERIES = {
    "what": "time of <fork> & exit",
    "x": "heap",
    "unit": "MB",
    "y_unit": "ms",
    "rows": [
        {"name": "nothing", "points": [[10, 1, 0.9, 1.2], [100, 10, 9, 12], [1000, 100, 90, 120]]},
        {"name": "immortal", "points": [[10, 2, 2, 2], [100, 2, 2, 3]]},
    ],
}
FIGURE = {
    "what": "memory of the tree",
    "subject": "CPython 3.13.0",
    "unit": "MB",
    "sides": {"nothing": 1400.0, "by hand": 1100.0, "immortal": 210.0, "limit": 180.0},
}


def read(path):
    return ElementTree.parse(path).getroot()


def texts(root):
    return {"".join(element.itertext()).strip() for element in root.iter(SVG + "text")}


@pytest.mark.parametrize("draw, data", [(plots.lines, SERIES), (plots.bars, FIGURE)])
def test_the_same_results_are_the_same_file(draw, data, tmp_path):
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    draw(data, first)
    draw(data, second)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    "draw, data, title, told",
    [
        (plots.lines, SERIES, SERIES["what"], "nothing: 1 ms at 10 MB, 100 ms at 1,000 MB"),
        (plots.bars, FIGURE, "memory of the tree, CPython 3.13.0", "limit: 180 MB"),
    ],
)
def test_a_screen_reader_is_told_what_is_drawn(draw, data, title, told, tmp_path):
    draw(data, tmp_path / "plot.svg")
    root = read(tmp_path / "plot.svg")
    assert root.get("role") == "img"
    named = {element.get("id"): element.text for element in root if element.get("id")}
    assert root.get("aria-labelledby").split() == ["title", "desc"]
    assert named["title"] == title
    assert told in named["desc"]


def test_every_row_and_axis_is_named(tmp_path):
    plots.lines(SERIES, tmp_path / "plot.svg")
    assert {"nothing", "immortal", "heap, MB", "ms"} <= texts(read(tmp_path / "plot.svg"))


def test_the_limit_is_a_line_and_no_bar(tmp_path):
    plots.bars(FIGURE, tmp_path / "plot.svg")
    found = texts(read(tmp_path / "plot.svg"))
    assert "limit: 180" in found
    assert "limit" not in found
    assert {"nothing", "by hand", "immortal", "1,400", "210"} <= found


def test_units_behind_a_side_s_name_are_not_drawn(tmp_path):
    plots.bars({**FIGURE, "sides": {"nothing, MB": 2.0, "limit, MB": 1.0}}, tmp_path / "plot.svg")
    assert {"nothing", "limit: 1"} <= texts(read(tmp_path / "plot.svg"))


def test_plots_stand_on_a_ground_of_their_own(tmp_path):
    plots.bars(FIGURE, tmp_path / "plot.svg")
    assert "fill: #ffffff" in (tmp_path / "plot.svg").read_text()


def test_series_and_figures_with_a_limit_are_drawn(tmp_path):
    without = {**FIGURE, "sides": {"nothing": 1.0}}
    drawn = plots.draw({"figures": [FIGURE, without], "series": [SERIES]}, tmp_path / "plots")
    assert {path.name for path in drawn.values()} == {
        "time-of-fork-exit.svg",
        "memory-of-the-tree-cpython-3-13-0.svg",
    }
    assert all(path.is_file() for path in drawn.values())


def test_a_constant_and_a_growing_part_are_told_apart():
    found = fit.line([[x, 5 + 0.25 * x] for x in (10, 100, 1000, 4000)])
    assert found.base == pytest.approx(5)
    assert found.slope == pytest.approx(0.25)


@pytest.mark.parametrize(
    "points, at",
    [
        ([[1, 3], [10, 2.9], [100, 2.8]], 2.9),  # falls: taken as constant
        ([[10, 19], [100, 205], [1000, 2050]], 2_000_000),  # starts below nothing: proportional
    ],
)
def test_a_cost_is_never_fitted_below_nothing(points, at):
    found = fit.line(points)
    assert found.base >= 0 and found.slope >= 0
    assert found.at(1_000_000) == pytest.approx(at, rel=0.1)


def test_the_power_of_a_growth():
    found = fit.power([[x, 3 * x**0.5] for x in (1, 4, 64, 1000)])
    assert found.exponent == pytest.approx(0.5)
    assert found.at(10_000) == pytest.approx(300)
