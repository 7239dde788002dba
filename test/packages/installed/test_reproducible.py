"""Two builds of one tree give the same bytes, wherever, whenever and by whomever they are made."""

import pytest
from conftest import ROOT, copy_sources, run

KINDS = run(ROOT / "script" / "package", "--list").stdout.split()


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_the_same_twice(kind, tmp_path):
    done = run(ROOT / "script" / "package", "--twice", kind, GCFREEZE_DIST=str(tmp_path))
    assert "the same bytes twice: " in done.stdout


def built_in(folder, *options):
    """{name: bytes} of what a plain build leaves behind."""
    tree = copy_sources(folder)
    run("cmake", "-S", tree, "-B", tree / "build", *options)
    run("cmake", "--build", tree / "build", "-j2")
    names = ["libgcfreeze.so", "gcfreeze", "man/libgcfreeze.7"]
    return {name: (tree / "build" / name).read_bytes() for name in names}


def test_a_plain_build_is_the_same_in_another_folder(tmp_path):
    first = built_in(tmp_path / "one")
    second = built_in(tmp_path / "another" / "and" / "deeper")
    assert [name for name in first if first[name] != second[name]] == []
    assert str(tmp_path).encode() not in b"".join(first.values())
