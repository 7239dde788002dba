"""`gcfreeze stat`: what a prefork server has, and what the library did there."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import LIBRARY, PROGRAM, clean_environment
from prefork import (  # noqa: F401
    MIB,
    NOBODY,
    as_nobody,
    folder,
    prefork,
    private_bytes,
    rests,
    rollup,
    take_20_mb,
)
from servers.process import HIDDEN_FORK, read_stat, wait_for

TITLES = "PID ROLE RSS PSS PRIVATE NEW COPIED FROZEN SINCE FORK"
RESHARING = " RESHARED GIVEN TOTAL"


def tree_of(gcfreeze, pid, *options):
    outcome = gcfreeze("stat", "--json", "--pid", pid, *options)
    assert outcome.returncode == 0, outcome.stderr
    (tree,) = json.loads(outcome.stdout)["trees"]
    return tree


def processes(tree):
    return {process["pid"]: process for process in tree["processes"]}


# ---- what people see


def test_a_table_of_the_tree(gcfreeze, prefork):
    server = prefork(workers=3)
    outcome = gcfreeze("stat", "--pid", server.pid)
    titles, command, forks, memory, *rows, total = outcome.stdout.splitlines()
    assert outcome.returncode == 0 and outcome.stderr == ""
    assert " ".join(titles.split()) == TITLES
    assert command == server.command
    assert re.fullmatch(
        r"  CPython 3\.\d+\.\d+, 1 of 3 forks frozen, mode freeze \(auto: not a server that is known\); left alone: nothing-new 2", forks
    )
    assert re.fullmatch(r"  memory \d+\.\d MiB.*", memory)
    cells = [row.split() for row in rows]
    assert [row[:2] for row in cells] == [
        [str(server.pid), "parent"],
        *([str(pid), "worker"] for pid in server.workers),
    ]
    assert {row[7] for row in cells} == {"yes"}
    assert total.split()[:3] == ["total", "of", "4"]
    assert all(len(line) <= 80 for line in [titles, *rows, total])


def test_colours_only_where_they_are_asked_for(gcfreeze, prefork):
    server = prefork()
    assert "\033" not in gcfreeze("stat", "--pid", server.pid).stdout
    assert "\033" in gcfreeze("stat", "--color=always", "--pid", server.pid).stdout


def test_all_servers_with_the_library_are_found(gcfreeze, prefork):
    servers = [prefork(workers=1), prefork(workers=2), prefork(workers=3, preload=None)]
    found = gcfreeze("stat").stdout.splitlines()
    assert found.count(servers[0].command) == 1
    assert found.count(servers[1].command) == 1
    assert servers[2].command not in found


def test_a_server_behind_a_shell_starts_at_its_own_parent(gcfreeze, prefork):
    shell = ["env", "LD_PRELOAD=" + LIBRARY, "sh", "-c", '"$@"; exit $?', "sh"]
    server = prefork(before=shell)
    assert read_stat(server.pid)[1] == server.process.pid
    trees = json.loads(gcfreeze("stat", "--json").stdout)["trees"]
    roots = [tree["root"] for tree in trees]
    assert server.pid in roots and server.process.pid not in roots


# ---- figures


def assert_figure(bytes_, own, rows):
    """Files are everybody's: which of their pages only this process has mapped at a moment depends on
    whoever else starts and ends. So they count with nothing up to all that is resident."""
    files = rows["Rss"] - rows["Anonymous"]
    assert own * 0.95 <= bytes_ <= own * 1.05 + files


def test_figures_are_the_kernels(gcfreeze, prefork):
    server = prefork(workers=3, records=500000)
    for worker in server.workers:
        take_20_mb(worker)
    tree = tree_of(gcfreeze, server.pid)
    memory = 0
    for pid, process in processes(tree).items():
        rows = rollup(pid)
        assert process["resident_bytes"] == pytest.approx(rows["Rss"], rel=0.05)
        assert_figure(process["pss_bytes"], rows["Pss_Anon"], rows)
        assert_figure(process["private_bytes"], rows["Private_Dirty"], rows)
        assert process["shared_bytes"] == process["resident_bytes"] - process["private_bytes"]
        memory += rows["Pss_Anon"] + rows["Pss_File"]
    assert memory > 100 * MIB
    assert tree["memory_bytes"] == pytest.approx(memory, rel=0.05)
    assert tree["arena_copies_bytes"] == 0


def test_what_a_worker_takes_is_its_own(gcfreeze, prefork):
    server = prefork(workers=2)
    greedy, other = server.workers
    before = processes(tree_of(gcfreeze, server.pid))
    os.kill(greedy, signal.SIGUSR1)

    def taken():
        after = processes(tree_of(gcfreeze, server.pid))
        grown = {pid: after[pid]["private_bytes"] - before[pid]["private_bytes"] for pid in after}
        return grown if grown[greedy] >= 20 * MIB else None

    grown = wait_for("20 MB in a worker", taken)
    assert grown[greedy] < 22 * MIB and grown[other] < 2 * MIB


def test_copies_of_arenas_count_once(gcfreeze, prefork):
    server = prefork(workers=3, records=500000, RESHARE="on")
    tree = tree_of(gcfreeze, server.pid)
    found = processes(tree)
    assert tree["arena_copies_bytes"] == found[server.pid]["arenas_copied_bytes"] > 30 * MIB
    rows = [rollup(pid) for pid in found]
    rest = sum(row["Pss_Anon"] + row["Pss_File"] for row in rows)
    expected = rest + tree["arena_copies_bytes"]
    assert tree["memory_bytes"] == pytest.approx(expected, rel=0.05)


def test_pages_of_a_copy_that_one_process_uses_are_not_its_own(gcfreeze, prefork):
    server = prefork(workers=1, records=500000, RESHARE="on")
    (worker,) = server.workers
    os.kill(worker, signal.SIGUSR2)
    wait_for("own pages", lambda: own_bytes(worker) > 20 * MIB and rests(worker))
    shown = processes(tree_of(gcfreeze, server.pid))[worker]["private_bytes"]
    assert shown == pytest.approx(own_bytes(worker), rel=0.05)
    # neither row of smaps_rollup is it
    assert shown < private_bytes(worker) and shown < rollup(worker)["Anonymous"] - MIB


def own_bytes(pid):
    """Private bytes of all mappings, but for a memfd's own pages."""
    own = private = 0
    memfd = False
    for line in Path("/proc/%d/smaps" % pid).read_text().splitlines():
        name, value = line.split()[:2]
        if not name.endswith(":"):
            memfd = "/memfd:" in line
        elif name == "Private_Clean:":
            private = int(value)
        elif name == "Private_Dirty:":
            private += int(value)
        elif name == "Anonymous:":
            own += min(private, int(value)) if memfd else private
    return own * 1024


def test_pages_that_are_given_back_are_counted(gcfreeze, prefork):
    server = prefork(workers=1, records=400000, python="/usr/bin/python3", RESHARE=1)
    (worker,) = server.workers
    os.kill(worker, signal.SIGUSR2)

    def given_back():
        process = processes(tree_of(gcfreeze, server.pid))[worker]
        return process["passes"] and process["given_back_bytes"] > MIB and process

    process = wait_for("a pass that gives pages back", given_back)
    assert process["pass_seconds"] > 0
    titles, _, _, _, row, *_ = gcfreeze("stat", "--pid", worker).stdout.splitlines()
    assert " ".join(titles.split()) == TITLES + RESHARING and len(titles) <= 101
    assert float(row.split()[10]) > 1


def test_a_control_group_of_its_own_is_shown_beside(control_group, gcfreeze, prefork):
    group, usage = control_group
    join = ["sh", "-c", 'echo $$ > %s/cgroup.procs && exec "$@"' % group, "sh"]
    server = prefork(before=join)
    shown = tree_of(gcfreeze, server.pid)["cgroup_bytes"]
    assert shown == pytest.approx(int((group / usage).read_text()), rel=0.05) and shown > 0
    assert "; its control group " in gcfreeze("stat", "--pid", server.pid).stdout
    # a group below counts there, too
    (group / "below").mkdir()
    try:
        assert tree_of(gcfreeze, server.pid)["cgroup_bytes"] is None
    finally:
        (group / "below").rmdir()
    # a part of the group is not all of it, and one with another process is not the tree's alone
    assert tree_of(gcfreeze, server.workers[0])["cgroup_bytes"] is None
    other = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    try:
        (group / "cgroup.procs").write_text(str(other.pid))
        assert tree_of(gcfreeze, server.pid)["cgroup_bytes"] is None
    finally:
        other.communicate()


@pytest.fixture
def control_group():
    """(a new group, its file that says how much memory it is charged with)"""
    places = [("", "memory.current"), ("memory", "memory.usage_in_bytes")]
    for hierarchy, usage in places:
        group = Path("/sys/fs/cgroup", hierarchy, "gcfreeze-test-%d" % os.getpid())
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / usage).exists():
            yield group, usage
            wait_for("an empty group", lambda: not (group / "cgroup.procs").read_text())
            group.rmdir()
            return
        group.rmdir()
    pytest.skip("no control group that accounts for memory can be made here")


# ---- what the library did


def test_what_was_frozen_for(gcfreeze, prefork):
    server = prefork(workers=3)
    found = processes(tree_of(gcfreeze, server.pid))
    parent, worker = found[server.pid], found[server.workers[0]]
    assert (parent["status"], parent["forks"], parent["forks_frozen"]) == ("read", 3, 1)
    assert parent["left_alone"] == {"nothing-new": 2}
    assert (worker["status"], worker["forks"], worker["frozen"]) == ("read", 0, True)
    assert worker["last_fork_seconds"] is None and parent["last_fork_seconds"] > 0


@pytest.mark.parametrize("knobs, frozen", [({"WHEN": "never"}, False), ({"WHEN": "after:1"}, None)])
def test_whether_a_worker_inherited_a_frozen_heap(gcfreeze, prefork, knobs, frozen):
    server = prefork(workers=2, **knobs)
    found = processes(tree_of(gcfreeze, server.pid))
    assert [found[pid]["frozen"] for pid in server.workers] == [frozen] * 2


def test_a_program_of_its_own_is_no_worker(gcfreeze, prefork):
    server = prefork(workers=2)
    os.kill(server.workers[0], signal.SIGHUP)

    def roles():
        found = processes(tree_of(gcfreeze, server.pid))
        return [found[pid]["role"] for pid in server.workers]

    wait_for("another program", lambda: roles() == ["program", "worker"])


def test_a_child_that_was_forked_past_the_library(gcfreeze, prefork):
    server = prefork(workers=1, fork='__import__("ctypes").CDLL(None).syscall(%s)' % HIDDEN_FORK)
    child = processes(tree_of(gcfreeze, server.pid))[server.workers[0]]
    assert child["status"] == "parents" and child["forks"] is None


def test_a_server_without_the_library(gcfreeze, prefork):
    server = prefork(preload=None)
    outcome = gcfreeze("stat", "--pid", server.pid)
    assert "the library is not loaded" in outcome.stdout and outcome.returncode == 0
    assert {p["status"] for p in tree_of(gcfreeze, server.pid)["processes"]} == {"not-loaded"}


def test_a_library_whose_file_was_replaced(gcfreeze, prefork, tmp_path):
    library = tmp_path / "libgcfreeze.so.0"
    shutil.copy(LIBRARY, library)
    server = prefork(preload=library)
    library.unlink()
    found = processes(tree_of(gcfreeze, server.pid))
    assert {process["status"] for process in found.values()} == {"read"}


def test_a_library_of_another_version_is_not_believed(gcfreeze, prefork, tmp_path):
    library = tmp_path / "libgcfreeze.so.0"
    page = b"gcfreeze" + (1).to_bytes(4, "little")
    data = Path(LIBRARY).read_bytes()
    assert data.count(page) == 1
    library.write_bytes(data.replace(page, b"gcfreeze" + (2).to_bytes(4, "little")))
    server = prefork(preload=library)
    tree = tree_of(gcfreeze, server.pid)
    assert {process["status"] for process in tree["processes"]} == {"unknown"}
    assert "another version" in gcfreeze("stat", "--pid", server.pid).stdout


# ---- processes that come, go, and have odd names


def test_a_process_with_an_odd_name(gcfreeze, prefork):
    name = '__import__("ctypes").CDLL(None).prctl(15, b") Z 1 (\\n 2", 0, 0, 0) or os.fork()'
    server = prefork(fork=name)
    assert sorted(processes(tree_of(gcfreeze, server.pid))) == sorted([server.pid, *server.workers])


def test_zombies_are_no_members(gcfreeze, prefork):
    server = prefork(workers=2)
    dead, alive = server.workers
    os.kill(dead, signal.SIGKILL)
    wait_for("a zombie", lambda: read_stat(dead) is None)
    assert Path("/proc/%d" % dead).exists()
    assert sorted(processes(tree_of(gcfreeze, server.pid))) == sorted([server.pid, alive])


CHURN = """
import os, sys
heap = [[number] for number in range(20000)]
print(os.getpid(), flush=True)
while True:
    for _ in range(8):
        if os.fork() == 0:
            os._exit(0)
    for _ in range(8):
        os.wait()
"""


def test_processes_that_end_meanwhile_are_left_out(gcfreeze):
    server = subprocess.Popen(
        [sys.executable, "-c", CHURN],
        env=clean_environment(LD_PRELOAD=LIBRARY),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        pid = int(server.stdout.readline())
        for _ in range(50):
            tree = tree_of(gcfreeze, pid)
            assert tree["processes"][0]["pid"] == pid and tree["closed"] == 0
    finally:
        server.kill()
        server.communicate()


# ---- who may look


def test_somebody_elses_server_is_closed(as_nobody, prefork):
    server = prefork(workers=1)
    outcome = as_nobody("stat", "--pid", server.pid)
    assert outcome.returncode == 0, outcome.stderr
    assert "closed to this user: run as the server's user" in outcome.stdout
    assert "2 of 2 are closed" in outcome.stdout
    assert outcome.stdout.splitlines()[4].split()[2] == "closed"
    (tree,) = json.loads(as_nobody("stat", "--json", "--pid", server.pid).stdout)["trees"]
    assert tree["closed"] == 2
    assert {p["status"] for p in tree["processes"]} == {"closed"}
    assert {p["resident_bytes"] for p in tree["processes"]} == {None}
    assert [p["role"] for p in tree["processes"]] == ["parent", "unknown"]


def test_an_ordinary_user_sees_an_own_server(as_nobody, prefork, folder):
    own = prefork(
        before=NOBODY, python="/usr/bin/python3", preload=folder / "libgcfreeze.so.0", workers=1
    )
    others = prefork(workers=1)
    outcome = as_nobody("stat", "--json")
    assert outcome.returncode == 0, outcome.stderr
    trees = {tree["root"]: tree for tree in json.loads(outcome.stdout)["trees"]}
    assert others.pid not in trees
    assert {process["status"] for process in trees[own.pid]["processes"]} == {"read"}


ALONE = ["unshare", "--pid", "--fork", "--mount-proc"]


@pytest.fixture
def alone():
    """Runs a command in a namespace with a /proc of its own."""
    options = ALONE if os.geteuid() == 0 else [*ALONE, "--user", "--map-root-user"]
    probe = subprocess.run([*options, "true"], stderr=subprocess.PIPE, text=True)
    if probe.returncode != 0:
        pytest.skip("no namespace can be made here: " + probe.stderr)
    return options


def test_nothing_to_see_is_said(gcfreeze, alone, tmp_path):
    outcome = gcfreeze("stat", before=alone)
    assert outcome.returncode == 1 and outcome.stdout == ""
    assert "`gcfreeze run -- COMMAND` starts a server with it" in outcome.stderr
    outcome = gcfreeze("stat", "--json", before=alone)
    assert (outcome.returncode, json.loads(outcome.stdout)["trees"]) == (0, [])
    outcome = gcfreeze("stat", "--prometheus", "-", before=alone)
    assert outcome.returncode == 0 and "\ngcfreeze_trees 0\n" in outcome.stdout


def test_a_container_seen_from_inside_and_from_outside(gcfreeze, prefork, alone):
    server = prefork(before=alone, workers=1)
    assert server.pid == 1
    children = Path("/proc/%d/task/%d/children" % ((server.process.pid,) * 2))
    outside = int(children.read_text())
    found = tree_of(gcfreeze, outside)["processes"]
    assert [process["status"] for process in found] == ["read", "read"]
    enter = ["nsenter", "--pid", "--mount", "--target", str(outside)]
    if "--user" in alone:
        enter += ["--user", "--preserve-credentials"]
    inside = gcfreeze("stat", "--json", before=enter, cwd="/")
    (tree,) = json.loads(inside.stdout)["trees"]
    assert [process["pid"] for process in tree["processes"]] == [1, server.workers[0]]
    assert {process["status"] for process in tree["processes"]} == {"read"}


# ---- misuse


def test_an_answer_that_cannot_be_written(prefork):
    server = prefork(workers=1)
    with open("/dev/full", "w") as full:
        outcome = subprocess.run(
            [PROGRAM, "stat", "--pid", str(server.pid)],
            stdout=full, stderr=subprocess.PIPE, text=True, env=clean_environment(),
        )  # fmt: skip
    assert outcome.returncode == 125 and "cannot write the answer" in outcome.stderr


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--pid", "4194304"], "--pid=4194304: no such process"),
        (["--pid", "99999999", "--json"], "--pid=99999999: no such process"),
        (["--prometheus=-", "--pid", "9" * 30], "--pid=%s: no such process" % ("9" * 30)),
        (["--pid", "abc"], "--pid=abc is not allowed; allowed: the number of a process"),
        (["--pid=-1"], "--pid=-1 is not allowed"),
        (["--jsn"], "unrecognized option"),
        (["something"], '"something" is too much'),
    ],
    ids=str,
)
def test_misuse_is_explained(gcfreeze, arguments, message):
    outcome = gcfreeze("stat", *arguments)
    assert outcome.returncode == 125 and outcome.stdout == ""
    assert message in outcome.stderr


def test_help_and_version(gcfreeze):
    outcome = gcfreeze("stat", "--help")
    assert outcome.returncode == 0 and outcome.stdout.startswith("usage: gcfreeze stat [--pid PID]")
    assert re.fullmatch(r"gcfreeze \d+\.\d+\.\d+\n", gcfreeze("stat", "-V").stdout)
