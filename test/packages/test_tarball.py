"""The source tarball: what is in it, and that only the sources decide about its bytes."""

import os
import subprocess
import tarfile

from conftest import ROOT, VERSION, build, copy_sources, run

NAME = "gcfreeze-%s" % VERSION


def test_it_holds_the_sources_and_nothing_else(tmp_path):
    [path] = build(ROOT, "tarball", tmp_path)
    assert path.name == NAME + ".tar.gz"
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    sources = set(run(ROOT / "packaging" / "sources").stdout.split("\0")) - {""}
    assert {"CMakeLists.txt", "script/test", "shim/core/engine.c"} <= sources
    assert {member.name for member in members} == {"%s/%s" % (NAME, name) for name in sources}
    assert {(member.uid, member.gid, member.uname) for member in members} == {(0, 0, "root")}
    assert {oct(member.mode) for member in members if member.isfile()} == {"0o644", "0o755"}


def test_a_tree_without_git_knows_its_files(sources, tmp_path):
    [first] = build(ROOT, "tarball", tmp_path / "first")
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    run("tar", "-xf", first, "-C", unpacked)
    tree = unpacked / NAME
    for name in ("build-debug", "build", ".venv", "dist", "test/__pycache__"):
        (tree / name).mkdir()
        (tree / name / "file").write_text("built or installed here")
    # the time is the first one's too: the tarball's files carry it
    [second] = build(tree, "tarball", tmp_path / "second", SOURCE_DATE_EPOCH=None)
    assert first.read_bytes() == second.read_bytes()


def test_who_builds_it_and_when_does_not_matter(sources, tmp_path):
    [first] = build(ROOT, "tarball", tmp_path / "first", SOURCE_DATE_EPOCH="1700000000")
    for path in sources.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
        path.chmod(path.stat().st_mode & 0o700)
    before = os.umask(0o077)
    try:
        [second] = build(
            sources, "tarball", tmp_path / "second", SOURCE_DATE_EPOCH="1700000000",
            TZ="Pacific/Kiritimati", LC_ALL="C", LANG="C", USER="somebody", HOME="/nowhere",
        )  # fmt: skip
    finally:
        os.umask(before)
    assert first.read_bytes() == second.read_bytes()


def test_another_file_makes_another_tarball(sources, tmp_path):
    [first] = build(sources, "tarball", tmp_path / "first", SOURCE_DATE_EPOCH="1700000000")
    (sources / "shim" / "new.c").write_text("int new;\n")
    [second] = build(sources, "tarball", tmp_path / "second", SOURCE_DATE_EPOCH="1700000000")
    (sources / "shim" / "new.c").unlink()
    assert first.read_bytes() != second.read_bytes()


def test_two_builds_that_differ_are_noticed(tmp_path):
    tree = copy_sources(tmp_path / "tree")
    twice = [tree / "script" / "package", "--twice", "tarball"]
    variables = {"GCFREEZE_DIST": str(tmp_path / "dist"), "SOURCE_DATE_EPOCH": "1700000000"}
    assert "the same bytes twice: " + NAME in run(*twice, **variables).stdout
    builder = tree / "packaging" / "tarball" / "build"
    text = builder.read_text()
    assert "--mode 'u=rwX,go=rX'" in text
    builder.write_text(text.replace("--mode 'u=rwX,go=rX'", ""))
    done = run(*twice, check=False, **variables)
    assert done.returncode == 1
    assert "not reproducible: " + NAME in done.stdout
    assert len(list((tmp_path / "dist" / "differ").rglob("*.tar.gz"))) == 2


def test_an_unknown_kind_is_an_error(tmp_path):
    done = run(ROOT / "script" / "package", "rpm", check=False, GCFREEZE_DIST=str(tmp_path / "dist"))
    assert done.returncode == 2
    assert "no package is called rpm" in done.stderr
    listed = subprocess.run([str(ROOT / "script" / "package"), "--list"], stdout=subprocess.PIPE)
    assert {"deb", "tarball"} <= set(listed.stdout.decode().split())
