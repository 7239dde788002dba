"""The source tarball: built, tested and installed as the README says, without git, where the sources are not."""

import re
import shutil

import pytest
from conftest import ROOT, VERSION, build, run
from development import build_with_cmake, build_with_pkg_config, said_under
from roots import Root, base_of


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Installed to, after which the sources are gone."""
    folder = tmp_path_factory.mktemp("tarball")
    [path] = build(ROOT, "tarball", folder / "dist")
    run("tar", "-xf", path, "-C", folder)
    tree = folder / ("gcfreeze-" + VERSION)
    commands = re.findall(r"^    (cmake .*?)  +#", (tree / "README.md").read_text(), re.M)
    assert [command.split()[1] for command in commands] == ["-S", "--install"]
    # a git that fails: nothing may need one
    (folder / "git").write_text("#!/bin/sh\nexit 1\n")
    (folder / "git").chmod(0o755)
    run("bash", "-euc", "PATH=%s:$PATH; %s --prefix '%s'" % (folder, "\n".join(commands), folder / "prefix"),
        cwd=tree)  # fmt: skip
    shutil.rmtree(tree)
    return folder / "prefix"


@pytest.mark.parametrize("how", [build_with_pkg_config, build_with_cmake])
def test_a_program_is_built_and_asks_the_library(how, prefix, tmp_path):
    program, preload = how(tmp_path, prefix, cmake="cmake", compiler="cc")
    assert said_under(program, preload) == VERSION + " 0"
    assert said_under(program, None) == "not preloaded"


def test_the_installed_program_works(prefix):
    done = run(prefix / "bin" / "gcfreeze", "run", "--", "/usr/bin/python3", "-c",
               "import ctypes; print(ctypes.CDLL(None).gcfreeze_status(None))",
               GCFREEZE_LIBRARY=None)  # fmt: skip
    assert done.stdout == "-1\n"


@pytest.mark.parametrize("release", ["bookworm"])
def test_usr_local_serves_by_the_bare_names(release, prefix, tmp_path):
    root = Root(base_of(release), tmp_path)
    try:
        for path in prefix.glob("lib/libgcfreeze.so*"):
            shutil.copy(path, root.path("/usr/local/lib"), follow_symlinks=False)
        root.run("ldconfig")
        text = "import ctypes; print(ctypes.CDLL(None).gcfreeze_status(None))"
        for name in ("libgcfreeze.so.0", "libgcfreeze.so"):
            done = root.run("python3", "-c", text, LD_PRELOAD=name)
            assert (done.stdout_text, done.stderr_text) == ("-1\n", "")
    finally:
        root.close()
