"""A suite is run in each mode, and whatever differs is told."""

import json
import sys
from pathlib import Path

import modes
import outcomes
import report
import runs

# Writes the results of two tests; what becomes of the second one is for the program to say.
PROGRAM = """
import os, sys
folder, second = sys.argv[1], {second}
with open(folder + "/results.xml", "w") as file:
    file.write("<testsuite><testcase name='one'/><testcase name='two'>%s</testcase></testsuite>" % second)
"""
STABLE = "''"
WITH_A_MODE = "'<failure/>' * (os.environ.get('GCFREEZE_MODE') == 'immortal')"
LIKE_THE_HOOK = "'<failure/>' * ('GCFREEZE_MODE' in os.environ or 'FREEZE_BY_HAND' in os.environ)"
NOT_TWICE_THE_SAME = "'<failure/>' * (os.path.exists({counter!r}) or bool(open({counter!r}, 'w')) and False)"

MODES = {mode: {"GCFREEZE_MODE": mode} for mode in ("freeze", "immortal")}
HOOK = {modes.BY_HAND: {"FREEZE_BY_HAND": "1"}}


def run(tmp_path, second, modes=MODES, deadline=60):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(second=second))
    suite = runs.Suite("host/suite", [sys.executable, str(program), runs.FOLDER], modes, deadline)
    runs.run_suites([suite], tmp_path / "results", 1, go_on=False)
    return runs.read_results(tmp_path / "results")


def kept(tmp_path):
    return sorted(path.name for path in Path(tmp_path / "results" / "host").iterdir())


def test_what_is_the_same_in_every_mode_leaves_its_results_alone(tmp_path):
    results = run(tmp_path, STABLE)
    assert report.differences(results) == [] and report.unstable(results) == {}
    assert kept(tmp_path) == ["suite.json"]


def test_a_test_that_fails_in_one_mode_is_told_with_the_output_of_its_runs(tmp_path):
    results = run(tmp_path, WITH_A_MODE)
    assert report.differences(results) == [("host/suite", "immortal", "two", "passed", "failure", None)]
    assert {"suite.immortal.output", "suite.immortal.results.xml"} < set(kept(tmp_path))
    assert len(results["host/suite"][runs.WITHOUT]) == 1 + runs.MORE_RUNS_WITHOUT


def test_what_a_freeze_by_hand_changes_too_stands_beside_it(tmp_path):
    results = run(tmp_path, LIKE_THE_HOOK, {"freeze": MODES["freeze"], **HOOK})
    assert {(mode, test, why) for _, mode, test, _, _, why in report.differences(results)} == {
        ("freeze", "two", report.LIKE_THE_HOOK),
        (modes.BY_HAND, "two", report.THE_HOOK),
    }
    assert "host/suite: `two`: passed without, failure with by-hand, freeze" in report.lists(results)
    assert report.counted(results, "freeze")["explained"] == 1
    assert report.counted(results, modes.BY_HAND)["different"] == 1


def test_what_a_freeze_by_hand_does_not_change_is_told(tmp_path):
    results = run(tmp_path, WITH_A_MODE, {**MODES, **HOOK})
    assert report.differences(results) == [("host/suite", "immortal", "two", "passed", "failure", None)]


def test_a_promised_mode_sets_what_its_user_sets_and_nothing_else(tmp_path):
    told = "'<skipped/>' + ''.join('</testcase><testcase name=%r>' % name for name in sorted(os.environ))"
    results = run(tmp_path, told, {**modes.PROMISED})
    (cell,) = results.values()
    without = cell[runs.WITHOUT][0]["outcomes"]
    added = {mode: run["outcomes"].keys() - without.keys() for mode, run in cell["with"].items()}
    assert added == {
        "default": {"LD_PRELOAD"},
        "every": {"LD_PRELOAD", "GCFREEZE_WHEN"},
        "immortal": {"LD_PRELOAD", "GCFREEZE_MODE"},
        "reshare": {"LD_PRELOAD", "GCFREEZE_RESHARE", "GCFREEZE_TEST_RESHARE"},
        modes.BY_HAND: {"PYTHONPATH", "FREEZE_BY_HAND"},
    }


def test_a_test_that_changes_without_the_library_is_unstable(tmp_path):
    results = run(tmp_path, NOT_TWICE_THE_SAME.format(counter=str(tmp_path / "counter")))
    assert report.differences(results) == []
    assert report.unstable(results) == {("host/suite", "two"): ["failure", "passed"]}


def test_a_run_that_does_not_end_is_ended_and_told(tmp_path):
    endless = "os.environ.get('GCFREEZE_MODE') and __import__('signal').pause()"
    results = run(tmp_path, endless, {"freeze": MODES["freeze"]}, deadline=1)
    found = {test: after for _, _, test, _, after, _ in report.differences(results)}
    assert found == {outcomes.AS_A_WHOLE: "not over after 1 s", "one": "absent", "two": "absent"}


def test_what_has_results_is_left_out_when_a_run_goes_on(tmp_path):
    run(tmp_path, STABLE)
    suite = runs.Suite("host/suite", ["/bin/false"], {}, 60)
    runs.run_suites([suite], tmp_path / "results", 1, go_on=True)
    assert report.differences(runs.read_results(tmp_path / "results")) == []


def test_what_the_library_did_is_counted(tmp_path):
    log = tmp_path / "log"
    log.write_text(
        "gcfreeze[1]: freeze first-worker-fork child=2 mode=immortal tracked=10 immortal=7\n"
        "gcfreeze[2]: reshare ok pages_given_back=5 pages_kept=1 pass_us=9\n"
        '{"v":2,"event":"reshare","reason":"ok","pages_given_back":4,"pages_kept":0}\n'
    )
    assert runs.acted(log) == {"freeze": 1, "immortal": 7, "reshare": 2, "pages_given_back": 9}


def test_results_of_several_folders_are_put_together(tmp_path):
    for folder, mode in (("a", "freeze"), ("b", "reshare")):
        (tmp_path / folder).mkdir()
        cell = {runs.WITHOUT: [{"outcomes": {"one": "passed"}}], "with": {mode: {"outcomes": {"one": folder}}}}
        (tmp_path / folder / "suite.json").write_text(json.dumps(cell))
    results = runs.read_results(tmp_path / "a", tmp_path / "b")
    found = [(mode, after) for _, mode, _, _, after, _ in report.differences(results)]
    assert found == [("freeze", "a"), ("reshare", "b")]
    assert len(results["suite"][runs.WITHOUT]) == 2


def test_a_section_of_the_page_is_replaced_and_others_stay():
    page = "a\n<!-- x -->\nold\n<!-- /x -->\n<!-- y -->\nkept\n<!-- /y -->\n"
    assert report.put(page, "x", "new") == page.replace("old", "new")
