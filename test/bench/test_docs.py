"""docs/performance.md and the README's part: every figure is from the results."""

import copy
import re

import pytest

from bench import docs
from conftest import application

README = "# Title\n\nbefore\n%s\nold\n%s\nafter\n" % (docs.BEGIN, docs.END)
PAGE = README.replace("Title", "Page")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "performance.md").write_text(PAGE)
    (tmp_path / "README.md").write_text(README)
    return tmp_path


@pytest.fixture
def pictures():
    """For tests that look at them: drawing takes a second or two."""


@pytest.fixture(autouse=True)
def without_pictures(request, monkeypatch):
    if "pictures" not in request.fixturenames:
        monkeypatch.setattr(docs, "draw", lambda data, main, root: None)


def written(root, data):
    docs.write(data, root)
    return (root / "docs" / "performance.md").read_text()


def rows(text, first):
    """The cells of the table rows that begin with a word."""
    found = [line for line in text.splitlines() if line.startswith("| %s |" % first)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found]


def test_a_table_shows_what_was_measured(root, results):
    text = written(root, results.data)
    immortal = rows(text, "immortal")[0]
    assert "190" in immortal and "1.13 [1.02, 1.24]" in immortal
    assert "The limit: 168 MB." in text


def test_another_result_is_another_page(root, results):
    """No figure is in the template: when each is another one, so is each line that holds one."""
    data = copy.deepcopy(results.data)
    for tree in data["trees"]:
        for part in tree["contenders"].values():
            for spread in part["tree"].values():
                spread.update(median=777.0, low=777.0, high=777.0)
    text = written(root, data)
    assert rows(text, "immortal")[0][1] == "777"
    assert "777" in (root / "README.md").read_text()


def test_every_picture_and_link_is_there(root, results, pictures):
    text = written(root, results.data)
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert pictures and all((root / "docs" / name).is_file() for name in pictures)
    assert "plots/memory-catalogue-3.13.svg" in pictures


def test_the_readme_changes_between_its_marks_alone(root, results):
    docs.write(results.data, root)
    text = (root / "README.md").read_text()
    assert text.startswith("# Title\n\nbefore\n" + docs.BEGIN)
    assert text.endswith(docs.END + "\nafter\n") and "\nold\n" not in text
    assert "| 1,340 | 400 (-70 %) | 380 (-72 %) | 1,340 | 400 (-70 %) | 380 (-72 %) |" in text


def test_writing_twice_changes_nothing(root, results, pictures):
    def everything():
        return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}

    docs.write(results.data, root)
    before = everything()
    docs.write(results.data, root)
    assert everything() == before


def test_what_is_beyond_its_bound_asks_for_a_reason(root, results):
    data = copy.deepcopy(results.data)
    assert "beyond" not in written(root, data).partition("## Must show")[2]
    for speed in data["speeds"]:
        speed["measures"]["p99, ms"]["ratio"]["median"] = 1.5
    after = written(root, data).partition("## Must show")[2]
    assert "**beyond**" in after and "What is beyond its bound, and why:" in after


def test_what_was_skipped_is_said(root, results):
    text = written(root, results.data)
    assert "a server's control group: there is none" in text


def test_without_the_applications_nothing_is_written(root, results, pictures):
    main = [tree for tree in results.data["trees"] if tree["workers"] == 8]
    with pytest.raises(docs.Incomplete, match="no whole run of `site`"):
        docs.write({**results.data, "trees": main}, root)
    assert (root / "README.md").read_text() == README
    assert (root / "docs" / "performance.md").read_text() == PAGE
    assert len(list((root / "docs").iterdir())) == 1


def test_the_applications_alone_are_a_part_of_the_page(root, results, pictures):
    found = [tree for tree in results.data["trees"] if tree["workers"] == 4]
    text = written(root, {**results.data, "trees": found})
    assert text.startswith("# Page\n\nbefore\n" + docs.BEGIN) and "\nold\n" not in text
    assert "## Real applications" in text and text.endswith(docs.END + "\nafter\n")
    assert "400 (-70 %)" in (root / "README.md").read_text()
    assert not (root / "docs" / "plots").exists()


def test_the_part_is_the_same_within_the_whole_page(root, results):
    whole = written(root, results.data)
    again = [tree for tree in results.data["trees"] if tree["workers"] == 4]
    assert "Wagtail 8.0" in whole
    assert written(root, {**results.data, "trees": again}) == whole


def test_a_shop_that_could_not_be_installed_is_not_told_of(root, results):
    assert "pretix 1.0" in written(root, results.data)
    assert "| pretix, a ticket shop | 1,340 | 600 (-55 %) | 300 (-78 %) |" in (root / "README.md").read_text()
    trees = [tree for tree in results.data["trees"] if tree["workload"] != "shop"]
    assert "pretix" not in written(root, {**results.data, "trees": trees})
    text = (root / "README.md").read_text()
    assert "pretix" not in text and "| the same Wagtail site | 1,340 | 400 (-70 %) | 200 (-85 %) |" in text


def test_without_warm_starts_the_readme_has_no_table_of_them(root, results):
    data = copy.deepcopy(results.data)
    for tree in data["trees"]:
        tree["contenders"].pop("warm", None)
    docs.write({**data, "trees": [tree for tree in data["trees"] if tree["workload"] != "shop"]}, root)
    assert "warm start" not in (root / "README.md").read_text()


def test_another_version_is_told_beside_the_readme_s_table(root, results):
    data = copy.deepcopy(results.data)
    more = [application(name, "3.11.7", 700).machine() for name in ("site", "catalogue")]
    docs.write({**data, "trees": data["trees"] + more}, root)
    text = (root / "README.md").read_text()
    assert "On CPython 3.11.7" in text and "1,340, 700 and 680 MB (plain" in text


def test_a_readme_without_marks_is_left_alone(root, results):
    (root / "README.md").write_text("nothing\n")
    with pytest.raises(docs.Incomplete, match="marks"):
        docs.write(results.data, root)
    assert (root / "README.md").read_text() == "nothing\n"


def test_the_main_comparison_is_one_with_nothing_in_it(root, results):
    """An interrupted run may hold only versions for which fewer contenders were measured."""
    data = copy.deepcopy(results.data)
    del data["trees"][0]["contenders"]["nothing"]
    assert data["trees"][0]["python"] == "3.13.0"
    text = written(root, data)
    assert "![Memory of the whole server by contender](plots/memory-catalogue-3.8.svg)" in text
    assert "\nCPython 3.13.0, 5 runs:" in text


def test_a_partial_run_is_a_shorter_page(root, results):
    text = written(root, {**results.data, "speeds": [], "figures": [], "series": [], "skips": []})
    assert "Throughput" not in text


def test_data_sets_are_told_where_they_were_measured(root, results):
    text = written(root, results.data)
    assert "**1,000,000 records, 4 workers**, our loader" in text and "200,000 records with an ndarray each" in text
    assert rows(text, "own, MB")[0][1:] == ["400", "2.0", "8.0"]
    older = {name: found for name, found in results.data.items() if name != "data_sets"}
    assert "Data sets" not in written(root, older)


def test_growth_and_what_it_would_lead_to_are_told(root, results):
    text = written(root, results.data)
    assert "os.fork" in text and "1,000 workers" in text


def test_a_reason_is_given_to_the_row_that_it_is_for(root, results):
    data = copy.deepcopy(results.data)
    (speed,) = data["speeds"]
    speed["contender"] = "reshare"
    speed["measures"]["p99, ms"]["ratio"]["median"] = 1.5
    text = written(root, data).partition("## Must show")[2]
    assert "p99 ÷ nothing, reshare: what a busy worker gives back" in text
    speed["contender"] = "freeze"
    text = written(root, data).partition("## Must show")[2]
    assert "p99 ÷ nothing, freeze: **no reason has been found yet**" in text


def test_a_default_that_is_the_best_has_none_beside_it(root, results):
    data = copy.deepcopy(results.data)
    for tree in data["trees"]:
        if "default + reshare" in tree["contenders"]:
            tree["contenders"]["default + reshare"] = tree["contenders"]["default"]
    docs.write(data, root)
    row = "| 1,340 | 400 (-70 %) | the same | 1,340 | 400 (-70 %) | the same |"
    assert row in (root / "README.md").read_text()


@pytest.mark.parametrize(
    "part, there",
    [
        ("data sets", ["## Data sets in forked workers", "own memory of a worker ÷ nothing"]),
        ("giving back", ["## What reshare gives back", "| 3.8.18 | 5.0 MB | 6 MB | within |", "≥ 0.98"]),
    ],
)
def test_the_figures_of_a_part_alone_are_enough_for_it(root, results, part, there):
    begin, end = docs.marks_of(part)
    before = PAGE + "%s\nold part\n%s\nlast\n" % (begin, end)
    (root / "docs" / "performance.md").write_text(before)
    readme = (root / "README.md").read_text()
    alone = {**results.data, "trees": [], **({"figures": []} if part == "data sets" else {"data_sets": []})}
    head, _, rest = written(root, alone).partition(begin)
    found, _, tail = rest.partition(end)
    assert (head, tail) == (before.split(begin)[0], before.split(end)[1])
    assert all(words in found for words in there), found
    assert (root / "README.md").read_text() == readme


def test_without_any_part_nothing_is_written(root, results):
    nothing = {**results.data, "trees": [], "data_sets": [], "figures": []}
    with pytest.raises(docs.Incomplete, match="no run of `site`, `data`, `rest`"):
        docs.write(nothing, root)


def test_a_figure_is_in_one_part_of_the_page(root, results):
    text = written(root, results.data)
    assert text.count("**a worker that rests: own memory**") == text.count("**time added to true**") == 1
    assert text.index("## What reshare gives back") < text.index("**a worker that rests: own memory**") < text.index("## Forks and exits")
