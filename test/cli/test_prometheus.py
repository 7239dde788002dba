"""`gcfreeze stat --prometheus FILE`: metrics for a collector that reads files."""

import json
import os

import pytest
from prefork import folder, prefork, private_bytes, take_20_mb  # noqa: F401


def samples(text):
    parser = pytest.importorskip("prometheus_client.parser")
    families = {family.name: family for family in parser.text_string_to_metric_families(text)}
    for family in families.values():
        assert family.documentation and family.type in ("gauge", "counter"), family
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families.values()
        for sample in family.samples
    }


def test_metrics(gcfreeze, prefork, tmp_path):
    server = prefork(workers=2)
    take_20_mb(server.workers[0])
    path = tmp_path / "gcfreeze.prom"
    path.write_text("old")
    old = path.stat().st_ino
    outcome = gcfreeze(
        "stat", "--pid", server.pid, "--prometheus", path,
        before=["sh", "-c", 'umask 077; exec "$@"', "sh"],
    )  # fmt: skip
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    assert path.stat().st_ino != old and path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]
    found = samples(path.read_text())
    root = ("root", str(server.pid))
    parent = (("pid", str(server.pid)), ("role", "parent"), root)
    worker = (("pid", str(server.workers[0])), ("role", "worker"), root)
    assert found["gcfreeze_trees",] == 1
    assert found["gcfreeze_tree_processes", root] == 3
    assert found[("gcfreeze_forks_frozen_total", *parent)] == 1
    skips = ("gcfreeze_forks_left_alone_total", parent[0], ("reason", "nothing-new"), *parent[1:])
    assert found[skips] == 1
    assert found[("gcfreeze_frozen", *worker)] == 1
    private = private_bytes(server.workers[0])
    assert found[("gcfreeze_private_bytes", *worker)] == pytest.approx(private, rel=0.05)
    (info,) = (key for key in found if key[0] == "gcfreeze_tree_info")
    assert ("command", server.command) in info


def test_a_command_line_with_quotes_is_escaped(gcfreeze, prefork):
    server = prefork(workers=1, arguments=['say "yes\\no"'])
    text = gcfreeze("stat", "--prometheus", "-").stdout
    commands = [dict(key[1:]).get("command") for key in samples(text)]
    assert server.command in commands
    trees = json.loads(gcfreeze("stat", "--json").stdout)["trees"]
    assert server.command in [tree["command"] for tree in trees]


@pytest.mark.parametrize(
    "place, reason",
    [("missing/file.prom", "No such file or directory"), ("folder", "Is a directory")],
)
def test_metrics_that_cannot_be_written(gcfreeze, prefork, tmp_path, place, reason):
    server = prefork(workers=1)
    (tmp_path / "folder").mkdir()
    outcome = gcfreeze("stat", "--pid", server.pid, "--prometheus", tmp_path / place)
    assert outcome.returncode == 125
    assert "%s: cannot be written: %s" % (tmp_path / place, reason) in outcome.stderr
    assert os.listdir(tmp_path) == ["folder"]
