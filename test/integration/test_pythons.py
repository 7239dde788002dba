"""Which interpreters script/pythons chooses, where some are here that do not suit."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

# A real interpreter that says of itself what it is told to.
STAND_IN = """#!/bin/sh
exec {real} -I -S -c "
import importlib.util, sys, sysconfig
sys.executable = '$0'
sys.version_info = {version} + ('final', 0)
sysconfig.get_config_vars().update({variables})
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in {missing} else find(name)
$4"
"""


@pytest.fixture
def pythons(tmp_path):
    """pythons("--newest", name=dict(version=..., ...)): the lines, of stand-ins and what the system has"""

    def pythons(*options, **stand_ins):
        for name, told in stand_ins.items():
            path = tmp_path / name
            told = {"variables": {}, "missing": (), **told}
            path.write_text(STAND_IN.format(real=sys.executable, **told))
            path.chmod(0o755)
        named = ":".join(str(tmp_path / name) for name in stand_ins)
        env = {**os.environ, "PYENV_ROOT": str(tmp_path), "GCFREEZE_TEST_PYTHONS": named}
        command = [str(ROOT / "script" / "pythons"), *options]
        output = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
        return [line.replace(str(tmp_path) + "/", "") for line in output.splitlines()]

    return pythons


GOOD = {"version": (3, 15, 7)}
NEWER = {"version": (3, 15, 8)}


def test_newest_is_one_that_works(pythons):
    assert pythons("--newest", good=GOOD, newer=NEWER) == ["newer"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"variables": {"Py_DEBUG": 1}}, id="debug"),
        pytest.param({"variables": {"Py_GIL_DISABLED": 1}}, id="free-threaded"),
        pytest.param({"missing": ("ensurepip",)}, id="no-ensurepip"),
    ],
)
def test_newest_is_none_that_does_not(pythons, fault):
    assert pythons("--newest", good=GOOD, newer={**NEWER, **fault}) == ["good"]


def test_debug_builds_are_listed_with_others_alone(pythons):
    debug = {**NEWER, "variables": {"Py_DEBUG": 1}}
    assert "3.15.8 debug" not in pythons(debug=debug)
    assert "3.15.8 debug" in pythons("--all", debug=debug)


def test_the_gate_has_one_of_each_layout_and_those_that_are_named(pythons):
    found = pythons(good=GOOD, newer=NEWER)
    minors = [line.split(".")[1] for line in found if "t " not in line]
    below = [minor for minor in minors if int(minor) < 12]
    chosen = pythons("--gate", good=GOOD, newer=NEWER)
    assert set(chosen) <= set(found)
    assert chosen[-2:] == ["3.15.7 good", "3.15.8 newer"]
    assert {line.split(".")[1] for line in chosen} == {minors[0], *below[-1:], "15"}
    assert len(chosen) == len({minors[0], *below[-1:]}) + 2
