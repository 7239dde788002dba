"""What is made of measured sizes: points, fits, a projection."""

import conftest  # noqa: F401: finds the benchmarks
import pytest
from bench import scaling
from bench.support import projection
from bench.support.fit import Line


def filled(values):
    table = scaling.Table()
    for size, found in values.items():
        table.add("cost", "freeze", size, *found)
    return table


def test_a_point_is_the_median_with_its_ends():
    table = filled({100: [5.0, 1.0, 3.0], 10: [2.0]})
    assert table.points("cost", "freeze") == [[10, 2.0, 2.0, 2.0], [100, 3.0, 1.0, 5.0]]


def test_a_row_says_how_it_grows():
    series = filled({size: [1.0 + 0.5 * size] for size in (10, 100, 1000)}).series("cost", "heap", "MB", "ms")
    (row,) = series.rows
    assert (row["fit"]["base"], row["fit"]["slope"]) == pytest.approx((1.0, 0.5))
    assert 0.9 < row["fit"]["power"] < 1


def test_two_points_make_no_fit():
    (row,) = filled({10: [1.0], 100: [2.0]}).series("cost", "heap", "MB", "ms").rows
    assert "fit" not in row


def test_heaps_that_do_not_fit_are_skipped_and_named(monkeypatch):
    monkeypatch.setattr(scaling, "available_megabytes", lambda: 4000)
    heaps, (skip,) = scaling.fitting([10, 1600, 4096])
    assert heaps == [10, 1600]
    assert "4096" in skip.what and "4000 MB" in skip.reason


def test_costs_of_each_worker_are_counted_for_all():
    found = projection.total([Line(5, 1)], [Line(2, 0.5)])
    assert found == Line(5 + 2 * projection.WORKERS, 1 + 0.5 * projection.WORKERS)


def test_what_breaks_first_comes_first():
    rows = [
        projection.row("never", "", "ms", Line(1, 0), 10),
        projection.row("late", "", "ms", Line(0, 1), 1000),
        projection.row("at once", "", "ms", Line(20, 1), 10),
        projection.row("soon", "", "ms", Line(0, 1), 10),
    ]
    found = projection.project(rows)
    assert [row["what"] for row in found.rows] == ["at once", "soon", "late", "never"]
    assert [row["largest_heap_mb"] for row in found.rows] == [0, 10, 1000, None]
    assert found.rows[1]["value"] == projection.MACHINE
