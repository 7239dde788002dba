"""Debian's packages in fresh roots: installed, used by Debian's own gunicorn, removed."""

import contextlib
import json
import time
from pathlib import Path

import pytest
from conftest import ROOT, VERSION, build, run
from development import build_with_cmake, build_with_pkg_config
from roots import Root, base_of

APP = """
held = [{"number": number} for number in range(20000)]

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"served"]
"""

ASK = """
import http.client, socket
connection = http.client.HTTPConnection("app")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect("/tmp/socket")
connection.request("GET", "/")
print(connection.getresponse().read().decode())
"""

PACKAGES = ["gcfreeze", "libgcfreeze-dev", "libgcfreeze0"]


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """{name: path}"""
    built = build(ROOT, "deb", tmp_path_factory.mktemp("deb"))
    return {path.name.split("_")[0]: path for path in built}


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def root(request, tmp_path_factory):
    base = base_of(request.param)  # where there can be none, nothing is built either
    built = request.getfixturevalue("packages")
    root = Root(base, tmp_path_factory.mktemp(request.param))
    try:
        root.run("apt-get", "update", "-qq")
        for name, path in built.items():
            root.put(path, "/tmp/%s.deb" % name)
        yield root
    finally:
        root.close()


@contextlib.contextmanager
def with_packages(root, *names):
    """Installed with what they need and recommend, and removed again: nothing is left."""
    before = root.files()
    root.run("apt-get", "install", "-qq", "-y", *("/tmp/%s.deb" % name for name in names))
    assert root.path("/usr/lib/x86_64-linux-gnu/libgcfreeze.so.0").is_file()
    yield root
    root.run("apt-get", "purge", "-qq", "-y", "--autoremove", *names)
    assert root.files() ^ before == set()


@pytest.fixture
def installed(root):
    with with_packages(root, *PACKAGES):
        yield root


def wait_until(condition, process, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)  # between two looks, not in place of one


def seen_by_stat(root, preload):
    """What `gcfreeze stat` says about Debian's gunicorn, preloaded by name, once a worker has served and
    both are there."""
    root.path("/tmp/app.py").write_text(APP)
    server = root.start(
        "gunicorn", "--preload", "-w", "2", "-b", "unix:/tmp/socket", "--pid", "/tmp/pid",
        "--chdir", "/tmp", "app:app", LD_PRELOAD=preload,
    )  # fmt: skip
    wait_until(lambda: root.run("python3", "-c", ASK, check=False).stdout_text == "served\n", server)
    seen = {}

    def both_are_there():
        seen.update(json.loads(root.run("gcfreeze", "stat", "--json").stdout_text))
        return [len(tree["processes"]) for tree in seen["trees"]] == [3]

    try:
        wait_until(both_are_there, server)
        return seen
    finally:
        root.run("sh", "-c", "kill $(cat /tmp/pid)")
        _, log = server.communicate()
        assert "ERROR" not in log and "LD_PRELOAD" not in log, log


def test_lintian_has_nothing_to_say(packages):
    paths = [path for path in packages.values() if "dbgsym" not in path.name]
    assert len(paths) == len(PACKAGES)
    run("lintian", "--allow-root", "--fail-on", "error,warning", *paths)


@pytest.mark.parametrize("name", ["libgcfreeze.so.0", "libgcfreeze.so"])
def test_debians_gunicorn_is_frozen_by_the_bare_name(name, installed):
    [tree] = seen_by_stat(installed, name)["trees"]
    master, *workers = tree["processes"]
    assert master["forks_frozen"] == 1
    assert [worker["role"] for worker in workers] == ["worker", "worker"]
    assert all(process["frozen"] for process in tree["processes"])


def test_the_library_alone_serves_by_its_soname(root):
    text = "import ctypes; print(ctypes.CDLL(None).gcfreeze_status(None))"
    with with_packages(root, "libgcfreeze0"):
        done = root.run("python3", "-c", text, LD_PRELOAD="libgcfreeze.so.0")
        assert (done.stdout_text, done.stderr_text) == ("-1\n", "")
        assert "libgcfreeze.so.0 " in root.run("ldconfig", "-p").stdout_text


def test_the_program_starts_a_server_with_the_library(installed):
    done = installed.run("gcfreeze", "path").stdout_text
    assert done == "/usr/lib/x86_64-linux-gnu/libgcfreeze.so.0\n"
    text = "import os; print(os.environ['LD_PRELOAD'])"
    assert installed.run("gcfreeze", "run", "--", "python3", "-c", text).stdout_text == done


@pytest.mark.parametrize("how", [build_with_pkg_config, build_with_cmake])
def test_a_program_is_built_with_the_development_package(how, installed, tmp_path):
    """Compiled outside, where no other gcfreeze.h is, and run in the root."""
    program, preload = how(tmp_path, installed.path("/usr"), cmake="cmake", compiler="cc")
    assert installed.path("/") in Path(preload).parents
    installed.put(program, "/tmp/user")
    said = installed.run("/tmp/user", LD_PRELOAD="libgcfreeze.so.0").stdout_text
    assert said == VERSION + " 0\n"
