"""GCFREEZE_WARMUP under gunicorn: pages and functions run in the master before its first worker is forked."""

import os
import socket

import pytest
from servers.scenario import gunicorn  # noqa: F401: a fixture
from servers.process import read_stat, wait_for, working_in
from servers.warming import Said, lay, said, start

PRELOAD = ["--preload", "--workers", "2"]
LIST = """
# the shop's pages
/from-a-file

  warm:Nested.function
"""


class Host:
    """A gunicorn, and what its warmed workers know."""

    def __init__(self, gunicorn, folder):
        self.gunicorn, self.folder = gunicorn, folder

    def start(self, words, options=PRELOAD, **more):
        return start(self.gunicorn.command, self.folder / "server", options, words, **more)

    def answers(self, server, count=2):
        return [server.ask(pid, "/seen") for pid in server.workers(count)]


@pytest.fixture
def host(gunicorn, tmp_path):  # noqa: F811
    return Host(gunicorn, tmp_path)


GOOD = [
    "/load", "/log", "/302", "/percent%20%C3%A9?a=b%20c&d", "http://shop.example:8080/a", "https://shop.example/b?c",
    "/fork", "/closed", "warm:function", "warm:asynchronous",
]  # fmt: skip


def asked(path, query="", host="localhost", scheme="http", port="80", raw=None):
    return {
        "PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": host, "wsgi.url_scheme": scheme, "SERVER_PORT": port,
        "RAW_URI": raw or path + ("?" + query if query else ""),
    }  # fmt: skip


def assert_loaded_in(master, answers, words):
    """Each of these was run once, in the master, and no worker ran it again."""
    for answer in answers:
        assert answer["parent"] == master
        for word in words:
            assert answer["seen"].get(word) == [master], (word, answer["seen"])


def test_pages_and_functions_are_run_in_the_master_and_workers_share_it(host):
    folder = lay(host.folder / "server")
    (folder / "list").write_text(LIST)
    bad = ["nothing", "/%zz", "ftp://host/", "@/nowhere/list", "http:///x", "warm:a-b"]
    words = " ".join(["/load", *bad, "@/%s" % (folder / "list"), "warm:Nested.function", *GOOD[1:]])
    with host.start(words) as server:
        answers = host.answers(server)
        master = server.pid
        found = said(server)
    assert found.outcome == (13, 6, {"200": 8, "302": 1, "function": 4})
    assert found.pids == {master}
    for answer in answers:
        assert answer["seen"].pop("nested") == [master] * 2
        assert answer["asked"] == [
            asked("/load"),
            asked("/from-a-file"),
            asked("/log"),
            asked("/302"),
            asked("/percent \u00c3\u00a9", "a=b%20c&d", raw="/percent%20%C3%A9?a=b%20c&d"),
            asked("/a", host="shop.example:8080", port="8080"),
            asked("/b", "c", host="shop.example", scheme="https", port="443"),
            asked("/fork"),
            asked("/closed"),
        ]
        assert set(answer["modules"]) > {"decimal"}
        assert answer["threads"] == ["MainThread"]
    assert_loaded_in(master, answers, ["/load", "/log", "/302", "/fork", "function", "asynchronous"])
    assert len(found.lines) == len(bad)
    for word in bad:
        assert "left out" in found.about(word)
    # the page's own forks are no workers', and the worker's is still the first
    assert server.stderr().count("freeze first-worker-fork") == 1
    assert "freeze first-worker-fork child=%d" % answers[0]["pid"] in server.stderr()


LEFT = {
    "/thread": "leaves a thread running (stays)",
    "/child": "leaves a child process running",
    "/grandchild": "leaves a child process running",
    "/socket": "leaves a socket open",
    "/file": "leaves ",
    "/connection": "leaves a connection to 127.0.0.1:",
}
WRONG = {
    "/500": "answered 500",
    "/404": "answered 404",
    "/raise": "raised ValueError: no no;",
    "/leave": "raised SystemExit: 3;",
    "/interrupt": "raised KeyboardInterrupt;",
    "/end": "ended the process with exit status 3",
    "/crash": "ended the process with signal 11",
    "warm:absent": "raised AttributeError: ",
    "absent:function": "raised ModuleNotFoundError: ",
    "warm:fail": "raised ValueError: no no;",
}


def test_what_goes_wrong_or_leaves_something_is_left_out_and_the_rest_is_done(host):
    words = [word for bad in {**LEFT, **WRONG} for word in (bad, "/after%s" % bad.replace(":", "-"))]
    with socket.create_server(("127.0.0.1", 0)) as peer:
        port = peer.getsockname()[1]
        variables = {
            "PEER": str(port),
            "LEFT": str(host.folder / "left"),
            "LEFT_FILE": str(host.folder / "file"),
        }
        words = ["/logfile", *words]
        with host.start(" ".join(words), seconds=300, variables=variables) as server:
            answers = host.answers(server)
            found = said(server)
            master = server.pid
            left = int((host.folder / "left").read_text())
            assert read_stat(left) is None, "what the trial left is ended with it"
            assert working_in(str(server.folder)) == {master} | {answer["pid"] for answer in answers}
    for word, why in {**LEFT, **WRONG}.items():
        assert found.about(word).startswith(why), found.about(word)
        assert "it is left out" in found.about(word)
    assert "127.0.0.1:%d " % port in found.about("/connection")
    assert str(host.folder / "file") in found.about("/file")
    good = ["/logfile"] + [word for word in words if word.startswith("/after")]
    assert found.outcome == (len(good), len(LEFT) + len(WRONG), {"200": len(good)})
    assert_loaded_in(master, answers, good)
    for answer in answers:
        assert answer["threads"] == ["MainThread"]
        assert not {word for word in {**LEFT, **WRONG}} & set(answer["seen"])
        assert str(host.folder / "file") not in answer["descriptors"].values()
    assert_no_socket_is_shared(answers)


def assert_no_socket_is_shared(answers):
    """But for the one that they all accept from."""
    first, second = ({t for t in answer["descriptors"].values() if t.startswith("socket:")} for answer in answers)
    assert len(first & second) == 1


def test_page_that_hangs_takes_what_time_there_is(host):
    with host.start("/load /hang /behind /further", seconds=3) as server:
        answers = host.answers(server)
        found = said(server)
        master = server.pid
    assert found.about("/hang").startswith("did not come to its end ")
    assert [line for line in found.lines if "hang" not in line] == ["3 s are over (GCFREEZE_WARMUP_SECONDS); left out: /behind /further"]
    assert found.outcome == (1, 3, {"200": 1})
    assert_loaded_in(master, answers, ["/load"])


@pytest.mark.parametrize("knobs", [{"": 0}, {"WHEN": "never"}, {"SKIP": "gunicorn"}])
def test_nothing_is_done_where_the_library_does_nothing(host, knobs):
    with host.start("/load warm:function", knobs=knobs) as server:
        answers = host.answers(server)
        found = said(server)
    assert (found.lines, found.events) == ([], [])
    for answer in answers:
        assert answer["seen"].keys() == {"at_import"}


def test_application_that_workers_load_is_not_loaded_in_the_master(host):
    with host.start("/load warm:function", ["--workers", "2"]) as server:
        answers = host.answers(server)
        found = said(server)
        master = server.pid
    assert len(found.lines) == 1
    assert "gunicorn has loaded no application before it forks" in found.lines[0]
    assert found.outcome == (0, 2, {})
    for answer in answers:
        assert answer["seen"] == {"at_import": answer["pid"]}
        assert master != answer["pid"]


KINDS = {"gthread": ["--threads", "4"], "gevent": []}


@pytest.mark.parametrize("kind", KINDS)
def test_other_kinds_of_workers(host, kind):
    if kind == "gevent":
        host.gunicorn.require_module("gevent")
    options = [*PRELOAD, "--worker-class", kind, *KINDS[kind]]
    words = "/load /log /closed /thread warm:asynchronous /500"
    with host.start(words, options) as server:
        answers = host.answers(server)
        found = said(server)
        master = server.pid
    assert found.outcome == (4, 2, {"200": 3, "function": 1}), found.lines
    assert found.about("/thread").startswith("leaves a thread running")
    assert_loaded_in(master, answers, ["/load", "/log", "/closed", "asynchronous"])


def test_fork_into_the_background_is_no_workers(host):
    with host.start("/load", [*PRELOAD, "--daemon"], knobs={"LOG_FILE": host.folder / "log"}) as server:
        answers = host.answers(server)
        master = server.pid
        found = Said((host.folder / "log").read_text())
    assert found.pids == {master} and server.process.pid != master
    assert found.outcome == (1, 0, {"200": 1})
    assert_loaded_in(master, answers, ["/load"])


def test_replaced_workers_share_and_nothing_is_warmed_up_again(host):
    with host.start("/load") as server:
        first = server.workers(2)
        os.kill(first[0], 9)
        answers = [server.ask(pid, "/seen") for pid in server.workers(2, gone={first[0]})]
        master = server.pid
        wait_for("the line of the third fork", lambda: server.stderr().count(" skip nothing-new") == 2)
        found = said(server)
    assert found.outcome == (1, 0, {"200": 1})
    assert_loaded_in(master, answers, ["/load"])
