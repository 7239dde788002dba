"""script/release: a tree that is not ready is told why, and one that is ready is told what would be run."""

import re

import pytest
from conftest import ROOT, VERSION, copy_sources, run

DATED = "## [Unreleased]\n\n## [%s] - 2026-01-31\n" % VERSION


@pytest.fixture
def tree(tmp_path):
    """A repository of its own, ready for the release of the version that it has."""
    tree = copy_sources(tmp_path / "tree")
    changelog = tree / "CHANGELOG.md"
    text = changelog.read_text()
    if not re.search(r"^## \[%s\] - " % re.escape(VERSION), text, re.M):
        changelog.write_text(text.replace("## [Unreleased]\n", DATED))
    git(tree, "init", "--quiet")
    commit(tree)
    return tree


def git(tree, *arguments):
    identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    return run("git", *identity, *arguments, cwd=tree, GIT_CONFIG_GLOBAL="/dev/null").stdout


def commit(tree):
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--allow-empty", "--message", "change")


def release(tree, *arguments):
    identity = {"GIT_COMMITTER_NAME": "nobody", "GIT_COMMITTER_EMAIL": "nobody@example.org"}
    return run(tree / "script" / "release", *arguments, check=False, **identity)


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_tree_that_is_ready_is_told_what_would_be_run(tree):
    done = release(tree, "--dry-run", VERSION)
    assert (done.returncode, done.stderr) == (0, "")
    would = re.findall("would run: (.*)", done.stdout)
    assert would[0] == "script/test"
    assert re.fullmatch(r"script/package --twice .*\bdeb\b.*\btarball\b.*", would[-2])
    assert would[-1].startswith("git tag --annotate v%s " % VERSION)
    assert git(tree, "tag") == "" and git(tree, "status", "--porcelain") == ""


def with_stubs(tree, **outcomes):
    """What takes long only notes that it ran; of the packages, the tarball alone is built."""
    for name, outcome in outcomes.items():
        stub = tree / "script" / name
        stub.write_text("#!/bin/sh\necho %s >>ran\nexit %d\n" % (name, outcome))
    for kind in (tree / "packaging").glob("*/build"):
        if kind.parent.name != "tarball":
            kind.unlink()
    replace(tree / ".gitignore", "/dist/\n", "/dist/\n/ran\n")
    commit(tree)


def test_a_release_is_tested_built_twice_and_tagged(tree):
    with_stubs(tree, test=0, long=0)
    done = release(tree, VERSION)
    assert done.returncode == 0, done.stderr
    assert (tree / "ran").read_text().split() == ["test", "long"]
    assert "the same bytes twice: gcfreeze-%s.tar.gz" % VERSION in done.stdout
    assert [path.name for path in (tree / "dist").iterdir()] == ["gcfreeze-%s.tar.gz" % VERSION]
    assert git(tree, "cat-file", "-t", "v" + VERSION) == "tag\n"
    assert git(tree, "rev-parse", "v%s^{commit}" % VERSION) == git(tree, "rev-parse", "HEAD")


@pytest.mark.parametrize("failing", ["test", "long"])
def test_what_fails_gets_no_tag(failing, tree):
    with_stubs(tree, **{"test": 0, "long": 0, failing: 1})
    assert release(tree, VERSION).returncode == 1
    assert git(tree, "tag") == ""


def test_what_is_not_committed_is_no_release(tree):
    (tree / "new").write_text("not committed")
    done = release(tree, VERSION)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "release: the tree has changes that are not committed\n"


def test_a_release_happens_once(tree):
    git(tree, "tag", "v" + VERSION)
    assert "there is a tag v%s already" % VERSION in release(tree, VERSION).stderr


def test_another_version_than_the_projects_is_no_release(tree):
    done = release(tree, "99.0.0")
    assert done.returncode == 1
    assert "CMakeLists.txt says %s\n" % VERSION in done.stderr
    assert "no section [99.0.0] with a date" in done.stderr


def test_the_changelog_has_to_tell(tree):
    changelog = tree / "CHANGELOG.md"
    whole = changelog.read_text()
    cases = {
        "has no section": re.sub(r" - \d{4}-\d{2}-\d{2}", "", whole),
        "says nothing about": re.sub(r"(- \d{4}-\d{2}-\d{2}\n).*?(?=## |\Z)", r"\1", whole, flags=re.S),
        "still has changes under [Unreleased]": whole.replace(
            "## [Unreleased]\n", "## [Unreleased]\n\n- new\n"
        ),
    }
    for message, text in cases.items():
        assert text != whole
        changelog.write_text(text)
        commit(tree)
        done = release(tree, VERSION)
        assert (done.returncode, done.stdout) == (1, ""), message
        [line] = done.stderr.splitlines()
        assert line.startswith("release: CHANGELOG.md " + message)


@pytest.mark.parametrize("arguments", [[], ["1.2"], ["v1.2.3"], ["--dry-run"], [VERSION, "more"]])
def test_other_arguments_are_refused(arguments, tree):
    done = release(tree, *arguments)
    assert done.returncode == 2
    assert "script/release X.Y.Z" in done.stderr


