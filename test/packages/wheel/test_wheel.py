"""The Python package, installed where the sources are not: the wheel and the sdist, from the oldest
CPython and the newest."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, VERSION, build, copy_sources, run

sys.path.insert(0, str(ROOT / "test" / "integration"))
from servers.process import read_stat, wait_for, working_in  # noqa: E402

APPLICATION = ROOT / "test" / "integration" / "servers" / "app.py"
TOOLS = ROOT / ".venv" / "wheel"
EVERY = {
    tuple(map(int, version.split("."))): path
    for version, path in (
        line.split() for line in run(ROOT / "script" / "pythons").stdout.splitlines()
    )
    if not version.endswith("t")
}


@pytest.fixture(scope="session")
def dist(tmp_path_factory):
    """(wheel, sdist) out of a copy of the tree."""
    return build_copy(tmp_path_factory.mktemp("built"))


def build_copy(folder):
    tree = copy_sources(folder / "tree")
    (tree / ".venv").mkdir()
    (tree / ".venv" / "wheel").symlink_to(TOOLS)
    [python] = build(tree, "wheel", folder / "dist", SOURCE_DATE_EPOCH="1700000000")
    return next(python.glob("*.whl")), next(python.glob("*.tar.gz"))


def clean():
    """Variables that would reach what is tested here."""
    return {
        name: None for name in os.environ if re.match("PYTHON|LD_PRELOAD|GCFREEZE|CC$|CMAKE", name)
    }


class Environment:
    def __init__(self, python, folder):
        run(python, "-m", "venv", folder, **clean())
        self.folder = folder
        self.bin = folder / "bin"

    def run(self, program, *arguments, cwd="/", **more):
        return run(self.bin / program, *arguments, cwd=cwd, **{**clean(), **more})

    def pip(self, *arguments):
        return self.run("python", "-m", "pip", "-q", "--disable-pip-version-check", *arguments)

    def files(self):
        return {str(path) for path in self.folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.fixture(params=[min(EVERY), max(EVERY)], ids=lambda version: "%d.%d.%d" % version)
def environment(request, tmp_path):
    return Environment(EVERY[request.param], tmp_path / "venv")


@pytest.fixture
def installed(environment, dist):
    environment.pip("install", "--no-index", dist[0])
    return environment


# ---- the files


def test_the_wheel_is_for_every_python_and_every_glibc_since_2_28(dist):
    machine = os.uname().machine
    assert dist[0].name == "gcfreeze-%s-py3-none-manylinux_2_28_%s.whl" % (VERSION, machine)
    shown = run(TOOLS / "bin" / "auditwheel", "show", dist[0]).stdout
    [least] = re.findall(r'platform tag:\s+"manylinux_2_(\d+)_%s"' % machine, shown)
    assert int(least) <= 28


def test_no_file_in_it_asks_for_a_newer_glibc(dist, tmp_path):
    with zipfile.ZipFile(dist[0]) as archive:
        archive.extractall(tmp_path)
    objects = [path for path in tmp_path.rglob("*") if path.is_file() and is_elf(path)]
    assert {path.name.split("-")[0] for path in objects} == {
        "gcfreeze", "libgcfreeze.so.0", "libcjson",
    }  # fmt: skip
    for path in objects:
        text = run("readelf", "-W", "--version-info", path, LC_ALL="C").stdout
        versions = [tuple(map(int, pair)) for pair in re.findall(r"GLIBC_(\d+)\.(\d+)", text)]
        assert versions and max(versions) <= (2, 28), path


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def test_its_library_is_what_the_built_one_is(dist, tmp_path):
    """All that test/preload asserts from the file."""
    with zipfile.ZipFile(dist[0]) as archive:
        library = archive.extract("gcfreeze/lib/libgcfreeze.so.0", tmp_path)
    run(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
        "-k", "not release and not program", ROOT / "test" / "preload" / "test_file.py",
        GCFREEZE_TEST_LIBRARY=str(library), GCFREEZE_TEST_BUILD="", GCFREEZE_TEST_PROGRAMS="",
        GCFREEZE_TEST_COMPILER="", GCFREEZE_TEST_CMAKE="",
    )  # fmt: skip


def test_two_builds_give_the_same_bytes(dist, tmp_path):
    for first, second in zip(dist, build_copy(tmp_path / "somewhere" / "else")):
        assert first.read_bytes() == second.read_bytes(), first.name


# ---- installed


def test_it_says_where_the_library_is(installed):
    script = "import gcfreeze; print(gcfreeze.library_path())"
    path = installed.run("python", "-c", script).stdout.strip()
    assert Path(path).is_relative_to(installed.folder.resolve())
    assert installed.run("python", "-m", "gcfreeze", "path").stdout.strip() == path
    assert installed.run("gcfreeze", "path").stdout.strip() == path
    assert VERSION in installed.run("gcfreeze", "--version").stdout
    preloaded = installed.run(
        "python", "-c", "import ctypes; print(ctypes.CDLL(None).gcfreeze_version)", LD_PRELOAD=path
    )
    assert "FuncPtr" in preloaded.stdout and preloaded.stderr == ""


def test_a_program_says_what_is_shared(installed):
    script = "import sys, gcfreeze; print(gcfreeze.share([[[]]]), sys.version_info >= (3, 12))"
    alone = installed.run("python", "-c", script)
    assert alone.stdout[:2] == "0 " and "libgcfreeze is not preloaded" in alone.stderr
    done = installed.run("gcfreeze", "run", "--", installed.bin / "python", "-c", script)
    assert done.stdout in ("3 True\n", "0 False\n")
    assert ("CPython 3.12" in done.stderr) == (done.stdout[0] == "0")


def test_the_launcher_ends_as_the_program_does(installed):
    done = installed.run("gcfreeze", "no-such-command", check=False)
    assert done.returncode == 125 and "no-such-command" in done.stderr
    done = installed.run("gcfreeze", "run", "--", "sh", "-c", "exit 7", check=False)
    assert done.returncode == 7


def ask(folder, path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(folder / "socket"))
        client.sendall(b"GET %s HTTP/1.0\r\n\r\n" % path.encode())
        head, body = b"".join(iter(lambda: client.recv(65536), b"")).split(b"\r\n\r\n", 1)
    assert b" 200 OK" in head, head
    return json.loads(body)


def workers(folder, master):
    stats = {pid: read_stat(pid) for pid in working_in(str(folder))}
    return [pid for pid, stat in stats.items() if stat and stat[1] == master]


def test_gunicorn_from_the_index_is_frozen(installed, tmp_path):
    installed.pip("install", "gunicorn")
    folder = tmp_path / "served"
    folder.mkdir()
    shutil.copy(APPLICATION, folder)
    inherited = {name: value for name, value in os.environ.items() if name not in clean()}
    server = subprocess.Popen(
        [installed.bin / "gcfreeze", "run", "--", installed.bin / "gunicorn", "--preload",
         "--workers", "2", "--bind", "unix:socket", "app:app"],
        cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**inherited, "HOME": str(folder)},
    )  # fmt: skip
    try:
        wait_for("two workers", lambda: len(workers(folder, server.pid)) == 2)
        wait_for("the socket", (folder / "socket").exists)
        answer = ask(folder, "/collect")
        table = json.loads(installed.run("gcfreeze", "stat", "--json", "--pid", server.pid).stdout)
    finally:
        server.send_signal(signal.SIGTERM)
        errors = server.communicate()[1]
    path = installed.run("gcfreeze", "path").stdout.strip()
    assert answer["preload"] == path, errors
    assert answer["frozen"] > 2 * answer["records"]
    assert answer["growth_kb"] < 1000
    [tree] = table["trees"]
    assert [process["role"] for process in tree["processes"]] == ["parent", "worker", "worker"]
    assert all(process["frozen"] for process in tree["processes"])


def test_nothing_is_left_after_pip_uninstall(environment, dist):
    before = environment.files()
    environment.pip("install", "--no-index", dist[0])
    assert environment.files() != before
    environment.run("gcfreeze", "path")
    environment.pip("uninstall", "-y", "gcfreeze")
    assert environment.files() == before


FORKS = """
import gc, os, platform
heap = [[i] for i in range(20000)]
pid = os.fork()
if pid == 0:
    print("child", gc.get_freeze_count() > 20000, gc.get_threshold(), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
print("parent", *platform.libc_ver())
"""

# sh -c CHROOT chroot ROOT FOLDER COMMAND: FOLDER is /mnt there
CHROOT = """
mkdir -p "$1/mnt" "$1/proc"
mount --bind "$2" "$1/mnt"
mount -t proc proc "$1/proc"
exec chroot "$1" env -i PATH=/usr/bin:/bin GCFREEZE_LOG=info sh -c "cd /mnt; $3"
"""


def test_it_works_with_the_glibc_of_debian_11(dist, tmp_path):
    made = run(ROOT / "packaging" / "root", "bullseye", "bullseye", "amd64", "python3", check=False)
    root = made.stdout.strip()
    if made.returncode != 0:
        pytest.skip(root)
    Environment(sys.executable, tmp_path / "venv").pip(
        "install", "--no-index", "--target", tmp_path / "package", dist[0]
    )
    (tmp_path / "package" / "forks.py").write_text(FORKS)
    done = run(
        "unshare", "--mount", "sh", "-ec", CHROOT, "chroot", root, tmp_path / "package",
        "python3 -m gcfreeze path && python3 -m gcfreeze run -- python3 forks.py",
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "/mnt/gcfreeze/lib/libgcfreeze.so.0", "child True (700, 10, 10)", "parent glibc 2.31",
    ]  # fmt: skip
    assert "freeze first-worker-fork" in done.stderr


# ---- the sdist


def test_the_sdist_builds_and_installs_the_same(environment, dist):
    """As pip does it: with this machine's compiler, and tools from the index."""
    before = environment.files()
    environment.pip("install", "--no-deps", dist[1])
    path = environment.run("gcfreeze", "path").stdout.strip()
    assert environment.run("python", "-m", "gcfreeze", "path").stdout.strip() == path
    assert environment.run("gcfreeze", "run", "--", "sh", "-c", "exit 7", check=False).returncode == 7
    site = Path(path).parents[2]
    installed = {str(Path(name).relative_to(site)) for name in environment.files() - before
                 if name.startswith(str(site / "gcfreeze") + os.sep) and Path(name).is_file()}
    with zipfile.ZipFile(dist[0]) as archive:
        assert installed == {
            name for name in archive.namelist()
            if name.startswith("gcfreeze/") and not name.endswith("/")
        }  # fmt: skip
