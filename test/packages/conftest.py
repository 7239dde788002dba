"""Packages, and what others rely on. Everything here works on copies of the tree."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSION = subprocess.run(
    [str(ROOT / "packaging" / "version")], check=True, stdout=subprocess.PIPE, text=True
).stdout.strip()


def run(*command, cwd=None, check=True, **variables):
    """Runs to the end. `variables` are the environment's, None for those to be left out."""
    merged = {**os.environ, "LC_ALL": "C.UTF-8", **variables}
    environment = {name: value for name, value in merged.items() if value is not None}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if check:
        assert done.returncode == 0, "%s\n%s\n%s" % (command, done.stdout, done.stderr)
    return done


def copy_sources(target):
    """The files of the tree, as git knows them, without git."""
    target.mkdir(parents=True)
    names = run(ROOT / "packaging" / "sources").stdout
    subprocess.run(
        "tar --create --null --files-from - | tar --extract --directory '%s'" % target,
        shell=True, check=True, cwd=ROOT, input=names, text=True,
    )  # fmt: skip
    return target


def build(tree, kind, dist, **variables):
    """The files that script/package makes of `kind` in `tree`."""
    run(tree / "script" / "package", kind, GCFREEZE_DIST=str(dist), **variables)
    return sorted(dist.iterdir())


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    return copy_sources(tmp_path_factory.mktemp("sources") / "tree")
