"""The table of what must be reached."""

from bench.support import must
from bench.support.figure import Figure
from conftest import application, data_set, speed, tree


def data(*finds):
    return {
        "trees": [one.machine() for one in finds if type(one).__name__ == "Tree"],
        "speeds": [one.machine() for one in finds if type(one).__name__ == "Speed"],
        "data_sets": [one.machine() for one in finds if type(one).__name__ == "DataSet"],
        "figures": [],
        "quick": False,
    }


def rows(key, *finds):
    return [row for row in must.rows(data(*finds)) if row.key == key]


def test_what_is_within_its_bound_and_what_is_beyond():
    (good,) = rows("limit-immortal", tree(immortal=190))
    (bad,) = rows("limit-immortal", tree(immortal=230))
    assert good.within and good.bound == 1.3 and abs(good.value - 190 / 168) < 1e-9
    assert not bad.within


def test_a_bound_from_below():
    (row,) = rows("throughput", speed())
    assert row.within and row.relation == "≥" and row.limit == "≥ 0.98"


def test_a_slow_contender_is_beyond():
    (row,) = rows("p99", speed(p99=1.2))
    assert not row.within and row.found == "1.2 [1.1, 1.3]"


def test_only_versions_without_immortal_objects_are_judged_by_reshare_alone():
    assert not rows("limit-reshare", tree("3.12.1"))
    assert [row.subject for row in rows("limit-reshare", tree("3.11.7"))] == ["CPython 3.11.7"]


def test_other_workloads_and_other_contenders_have_no_bound():
    assert not must.rows(data(tree(workload="documents"), speed(contender="by hand")))


def test_of_the_site_the_default_is_judged_where_all_rounds_are_done():
    found = rows("site", application(default=800), application(python="3.12.1", default=900))
    assert [(row.subject, row.within) for row in found] == [
        ("CPython 3.13.0", True),
        ("CPython 3.12.1", False),
    ]
    assert not rows("site", application(python="3.11.7"))


def test_warm_starts_of_both_applications_by_memory_and_by_latency():
    found = data(application(default=800), application("shop", default=800))
    values = {row.key: (row.bound, row.within) for row in must.of_warm_starts(found)}
    assert values == {
        "warm": (0.25, False),  # 400 of 1340, of the shop, which comes last
        "warm-server": (0.5, True),
        "first-site": (0.7, True),
        "first-shop": (0.7, True),
    }
    assert [row.within for row in rows("warm", application(default=800))] == [True]


def test_without_immortal_objects_a_warm_start_is_judged_beside_reshare():
    (row,) = rows("warm-reshare", application(python="3.11.7", default=800))
    assert row.bound == 0.32 and not rows("warm", application(python="3.11.7"))


def test_of_the_small_catalogue_all_workers_together():
    (good,) = rows("own", application("catalogue", default=30))
    assert good.within and good.found == "12 MB [10.8, 13.2]", "a part's own memory is a tenth"
    (bad,) = rows("own", application("catalogue", default=50))
    assert not bad.within
    assert not rows("own", application("catalogue", python="3.11.7"))


def test_a_server_with_other_workers_is_another_one():
    assert not rows("limit-immortal", application("catalogue"))
    assert not rows("own", tree())


def test_the_library_s_own_part_of_a_fork_of_four_gigabytes():
    what = "the library's own part of os.fork, freeze, 4096 MB"
    figure = Figure(what, "3.13.0, first", "ms", {"lowest": 0.1, "highest": 0.3}, 0.2, 1)
    (row,) = must.rows({**data(), "figures": [figure.machine()]})
    assert row.within and (row.limit, row.found) == ("≤ 1 ms", "0.2 ms [0.1, 0.3]")


def test_what_reshare_must_reach_and_what_only_has_a_figure():
    one = Figure("a worker that rests: own memory", "3.11.7", "MB", {}, 77.0, 6)
    rate = Figure("a pool that is never idle: items/s ÷ nothing", "3.11.7", "", {}, 0.9, 0.95, (0.8, 1), 3, "≥")
    passes = Figure("a worker's time in passes, reading everything", "3.13.0", "%", {}, 1, 2)
    found = must.rows({**data(), "figures": [one.machine(), rate.machine(), passes.machine()]})
    assert [(row.key, row.within, row.limit, row.found) for row in found] == [
        ("rests", False, "≤ 6 MB", "77 MB [77, 77]"),
        ("busy", False, "≥ 0.95", "0.9 [0.8, 1]"),
    ]


def test_a_data_set_of_a_million_records_in_four_workers():
    (own,) = rows("data-own", data_set(immortal=8), data_set(100_000), data_set(workers=8))
    assert own.within and own.what.startswith("3.12 and later, immortal, 1,000,000 records, 4 workers: ")
    (own,) = rows("data-own", data_set(immortal=20))
    assert not own.within
    (first,) = rows("data-first", data_set())
    assert (first.limit, first.found) == ("≤ 500 ms", "300 ms [270, 330]")
    (highest,) = rows("data-highest", data_set())
    assert highest.within and highest.value == 0.8


def test_data_sets_are_told_apart_by_their_loader_and_what_records_hold():
    found = rows("data-own", data_set(), data_set(loader="torch"), data_set(holds="ndarray"))
    assert [row.subject for row in found] == ["CPython 3.13.0", "CPython 3.13.0, torch"]
    (row,) = rows("data-arrays", data_set(200_000, holds="ndarray", immortal=200))
    assert not row.within and "with an ndarray" in row.what
    assert not rows("data-arrays", data_set(holds="tensor"))


def test_a_data_set_without_a_control_group_has_no_highest():
    one = data_set()
    del one.contenders["immortal"]["to_pickled"]["highest, MB"]
    assert rows("data-own", one) and not rows("data-highest", one)


def test_a_row_is_missing_where_nothing_was_measured():
    assert must.rows(data()) == []
