"""gcfreeze.h for somebody else's C program: pkg-config, CMake, where the sources are not."""

import os
from pathlib import Path

import pytest
from conftest import VERSION, run
from development import build_with_cmake, build_with_pkg_config, said_under

BUILD = Path(os.environ["GCFREEZE_TEST_BUILD"])
CMAKE = os.environ["GCFREEZE_TEST_CMAKE"]
COMPILER = os.environ["GCFREEZE_TEST_COMPILER"]


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Installed for one place by way of DESTDIR, and found in another: packages do both."""
    destination = tmp_path_factory.mktemp("destination")
    run(CMAKE, "--install", BUILD, "--prefix", "/opt/somewhere", DESTDIR=str(destination))
    assert [path.name for path in destination.iterdir()] == ["opt"]
    return destination / "opt" / "somewhere"


def test_everything_is_installed(prefix):
    found = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir()}
    libdir = str(next(prefix.rglob("libgcfreeze.so")).parent.relative_to(prefix))
    assert found == {
        "bin/gcfreeze",
        "include/gcfreeze.h",
        libdir + "/libgcfreeze.so",
        libdir + "/libgcfreeze.so.0",
        libdir + "/libgcfreeze.so." + VERSION,
        libdir + "/pkgconfig/gcfreeze.pc",
        libdir + "/cmake/gcfreeze/gcfreezeConfig.cmake",
        libdir + "/cmake/gcfreeze/gcfreezeConfigVersion.cmake",
        libdir + "/cmake/gcfreeze/gcfreezeTargets.cmake",
        "share/bash-completion/completions/gcfreeze",
        "share/man/man1/gcfreeze.1",
        "share/man/man7/libgcfreeze.7",
        "share/zsh/site-functions/_gcfreeze",
    }


def test_the_installed_program_finds_the_installed_library(prefix):
    done = run(prefix / "bin" / "gcfreeze", "path", GCFREEZE_LIBRARY=None)
    assert done.stdout.strip() == str(next(prefix.rglob("libgcfreeze.so.0")))


@pytest.mark.parametrize("build", [build_with_pkg_config, build_with_cmake])
def test_a_program_is_built_and_asks_the_library(build, prefix, tmp_path):
    program, preload = build(tmp_path, prefix, cmake=CMAKE, compiler=COMPILER)
    assert Path(preload).resolve() == next(prefix.rglob("libgcfreeze.so")).resolve()
    for name in (preload, preload.removesuffix(".0")):
        assert said_under(program, name) == VERSION + " 0"
    assert said_under(program, None) == "not preloaded"


def test_a_version_that_is_not_installed_is_not_found(prefix, tmp_path):
    major, minor = VERSION.split(".")[:2]
    for wanted in ("%s.%d" % (major, int(minor) + 1), str(int(major) + 1)):
        with pytest.raises(AssertionError, match="gcfreeze"):
            build_with_cmake(tmp_path / wanted, prefix, CMAKE, COMPILER, version=wanted)
