"""gcfreeze.h in other people's programs; test/packages has what cmake --install leaves behind."""

import subprocess
from pathlib import Path

import pytest
from conftest import COMPILER, ROOT


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.mark.parametrize(
    "language, standard, part", [("c", "c99", "cc1"), ("c++", "c++11", "cc1plus")]
)
def test_header_can_be_included(language, standard, part, tmp_path):
    if not Path(output_of(COMPILER, "-print-prog-name=" + part).strip()).is_absolute():
        pytest.skip("%s cannot compile %s" % (COMPILER, language))
    source = tmp_path / "header"
    source.write_text("#include <gcfreeze.h>\n")
    output_of(
        COMPILER, "-x", language, "-std=" + standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror",
        "-fsyntax-only", "-I", str(ROOT / "include"), str(source),
    )  # fmt: skip
