"""The JSON file: as its schema says, whole at each moment, and kept when a run is interrupted."""

import json
from types import SimpleNamespace

import jsonschema
import pytest

import conftest
from bench.support.results import Results, write_whole
from bench.support.result import Skip

SCHEMA = json.loads((conftest.ROOT / "docs" / "bench.schema.json").read_text())


def read(results):
    return json.loads(results.path.read_text())


def check(data):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(data)


def test_results_are_as_the_schema_says(results):
    data = read(results)
    check(data)
    assert len(data["trees"]) == 6 and len(data["figures"]) == 4


def test_each_section_is_described_in_full(results):
    """Nothing slips through: a row that the schema does not know is refused."""
    for section in ("figures", "series", "projections", "trees", "speeds", "data_sets", "skips"):
        data = read(results)
        data[section][0]["unknown"] = 1
        with pytest.raises(jsonschema.ValidationError):
            check(data)


def test_a_file_is_valid_before_anything_was_found(tmp_path):
    results = Results(tmp_path / "results.json", **conftest.ABOUT)
    results.write()
    check(read(results))


def test_every_find_is_on_disk_at_once(tmp_path):
    results = Results(tmp_path / "results.json", **conftest.ABOUT)
    results.add(Skip("one", "why"))
    assert len(read(results)["skips"]) == 1
    results.add(Skip("another", "why"))
    assert len(read(results)["skips"]) == 2


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "results.json"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "new \udcff")
    assert path.read_text() == "old"


def test_without_a_file_nothing_is_written(tmp_path):
    results = Results(None, **conftest.ABOUT)
    results.add(Skip("one", "why"))
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_kind_of_find_is_a_mistake(tmp_path):
    with pytest.raises(KeyError):
        Results(None, **conftest.ABOUT).add(SimpleNamespace(machine=dict))
