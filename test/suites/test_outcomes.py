"""What became of a test is read right, and a difference is seen."""

import outcomes

CPYTHON = """<testsuites tests="6" errors="0" failures="1">
<testsuite start="today" tests="6" errors="0" failures="1">
<testcase name="test.a.test_passes" time="0.1"><system-out>hello</system-out></testcase>
<testcase name="test.a.test_fails"><failure type="AssertionError">no</failure></testcase>
<testcase name="test.a.test_waived"><output type="AssertionError">no</output></testcase>
<testcase name="test.a.test_late"><skipped>not here</skipped></testcase>
<testcase />
<testcase name="test.a.test_passes" />
</testsuite></testsuites>
"""

PYTEST = """<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" errors="1">
<testcase classname="tests.test_b" name="test_x[1]" time="0.1"><properties/></testcase>
<testcase classname="tests.test_b" name="test_y" time="0.1"><failure message="no"/><error message="neither"/></testcase>
</testsuite></testsuites>
"""


def read(tmp_path, text):
    (tmp_path / "results.xml").write_text(text)
    return outcomes.read(tmp_path / "results.xml")


def test_cpythons_results_are_read(tmp_path):
    assert read(tmp_path, CPYTHON) == {
        "test.a.test_passes": "passed",
        "test.a.test_fails": "failure",
        "test.a.test_waived": "expected failure",
        "test.a.test_late": "skipped",
        outcomes.NAMELESS: "failure",
        "test.a.test_passes #2": "passed",
    }


def test_pytests_results_are_read(tmp_path):
    assert read(tmp_path, PYTEST) == {"tests.test_b.test_x[1]": "passed", "tests.test_b.test_y": "error+failure"}


def test_a_run_that_was_cut_short_has_no_tests(tmp_path):
    assert read(tmp_path, CPYTHON[:200]) == {}
    assert outcomes.read(tmp_path / "nothing.xml") == {}


def test_the_same_is_the_same():
    found = outcomes.compare([{"a": "passed", "b": "failure"}], {"a": "passed", "b": "failure"})
    assert (found.same, found.different, found.unstable) == (["a", "b"], {}, {})


def test_another_outcome_is_a_difference_in_each_direction():
    found = outcomes.compare([{"a": "passed", "b": "failure"}], {"a": "failure", "b": "passed"})
    assert found.different == {"a": ("passed", "failure"), "b": ("failure", "passed")}


def test_a_test_that_is_missing_is_a_difference_on_each_side():
    found = outcomes.compare([{"a": "passed"}], {"b": "passed"})
    assert found.different == {"a": ("passed", "absent"), "b": ("absent", "passed")}


def test_what_the_runs_without_disagree_about_is_unstable():
    without = [{"a": "passed", "b": "passed"}, {"a": "failure", "b": "passed"}]
    found = outcomes.compare(without, {"a": "passed", "b": "error"})
    assert found.unstable == {"a": ["failure", "passed"]}
    assert found.different == {"b": ("passed", "error")}
