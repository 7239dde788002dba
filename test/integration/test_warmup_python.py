"""The Python code of GCFREEZE_WARMUP by itself, as the library runs it: its files one behind the other."""

import os
import re
import socket
import subprocess
import sys
import threading

import pytest
from conftest import ROOT

FOLDER = ROOT / "shim" / "cpython" / "warmup"
ORDER = re.search(r"set\(WARMUP (.*?)\)", (ROOT / "shim" / "CMakeLists.txt").read_text())[1].split()


@pytest.fixture
def warmup():
    """Its names, and `told`: what an operator would read."""
    told = []
    source = "".join((FOLDER / (name + ".py")).read_text() for name in ORDER)
    names = {"__name__": "gcfreeze", "tell": told.append, "told": told, "report": told.append, "trial": None}
    exec(compile(source, "<warm-up>", "exec"), names)
    return type("WarmUp", (), {"__getattr__": lambda self, name: names[name], "names": names})()


def test_every_file_is_in_the_library():
    assert sorted(ORDER) == sorted(path.stem for path in FOLDER.glob("*.py"))


def test_pages_by_path_and_by_address(warmup):
    page = warmup.Page("/a%20b/%C3%A9?q=1%2C2#part")
    assert (page.scheme, page.host, page.port, page.path) == ("http", "localhost", "80", "/a b/é".encode())
    assert (page.query, page.target) == ("q=1%2C2", "/a%20b/%C3%A9?q=1%2C2")
    page = warmup.Page("https://shop.example.com:8443/x")
    assert (page.scheme, page.host, page.name, page.port) == ("https", "shop.example.com:8443", "shop.example.com", "8443")
    assert warmup.Page("https://shop.example.com").target == "/"


@pytest.mark.parametrize(
    "word", ["x", "a.b", "a:", ":b", "a-b:c", "a:b:c", "a:b()", "/%zz", "/%", "/%4", "/%+4", "/é", "ftp://a/", "http:///a", "http://a:b/"]
)
def test_a_bad_word_gets_a_line_and_is_counted(warmup, word):
    items, bad = warmup.items_of("/ %s m:f" % word)
    assert [item.word for item in items] == ["/", "m:f"] and bad == 1
    (line,) = warmup.told
    assert '"%s" is not allowed and is left out; allowed: /path' % word in line


def test_a_file_has_a_word_on_each_line(warmup, tmp_path):
    (tmp_path / "words").write_text("# pages\n/one\n\n  package.module:Class.function  \n#/two\n")
    items, bad = warmup.items_of("@%s @%s" % (tmp_path / "words", tmp_path / "none"))
    assert [item.word for item in items] == ["/one", "package.module:Class.function"] and bad == 1
    assert "No such file" in warmup.told[0]


def test_a_line_with_a_blank_is_no_path(warmup, tmp_path):
    (tmp_path / "words").write_text("/one\n/a b\nhttp://shop/a b\n")
    items, bad = warmup.items_of("@%s" % (tmp_path / "words"))
    assert [item.word for item in items] == ["/one"] and bad == 2


def test_a_wsgi_application_is_asked_like_by_a_server(warmup):
    asked, closed = [], []

    class Body(list):
        def close(self):
            closed.append(True)

    def application(environ, start_response):
        asked.append(environ)
        start_response("200 OK", [])
        start_response("302 Found", [], (None, None, None))  # after an error of its own
        return Body([b"a", b"b"])

    assert warmup.ask_wsgi(application, warmup.Page("http://h:81/%C3%A9?q")) == 302
    (environ,) = asked
    assert closed and environ["wsgi.input"].read() == b""
    assert environ["PATH_INFO"].encode("latin-1") == "/é".encode()
    wanted = {"HTTP_HOST": "h:81", "SERVER_NAME": "h", "SERVER_PORT": "81", "QUERY_STRING": "q", "REQUEST_METHOD": "GET"}
    assert {name: environ[name] for name in wanted} == wanted
    from wsgiref.validate import validator

    def valid(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    assert warmup.ask_wsgi(validator(valid), warmup.Page("/?a")) == 200


def run(warmup, application, *words, **more):
    items, _ = warmup.items_of(" ".join(words))
    one = warmup.Run(items, application, more.get("apart", False), more.get("tried", False))
    one.all()
    return one


def answering(status, work=lambda environ: None):
    def application(environ, start_response):
        work(environ)
        start_response(status, [])
        return []

    return application


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "500 Oops"])
def test_a_status_of_400_or_more_has_not_gone_well(warmup, status):
    with pytest.raises(warmup.Bad, match="answered " + status[:3]):
        run(warmup, answering(status), "/")


def test_what_an_application_raises_is_told_on_one_line(warmup):
    def fails(environ):
        raise ValueError("a\n b" + "c" * 1000)

    with pytest.raises(warmup.Bad) as caught:
        run(warmup, answering("200 OK", fails), "/")
    assert str(caught.value).startswith("raised ValueError: a b") and len(str(caught.value)) < 200
    assert caught.value.index == 0


def connected(kept):
    ours, theirs = socket.socketpair()
    kept += [ours, theirs]


def listening(kept):
    kept.append(socket.create_server(("127.0.0.1", 0)))


def started(kept):
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="of the page")
    thread.start()
    kept.append(type("Stop", (), {"close": lambda self: (stop.set(), thread.join())})())


def forked(kept):
    child = subprocess.Popen(["sleep", "1000"])
    kept.append(type("End", (), {"close": lambda self: (child.kill(), child.wait())})())


@pytest.mark.parametrize(
    "leave, why",
    [
        (connected, "leaves a connection to .* open, which workers must not share"),
        (listening, "leaves a socket open"),
        (lambda kept: kept.append(open(__file__)), "leaves .*test_warmup_python.py open, whose position"),
        (lambda kept: kept.append(__import__("select").epoll()), "leaves an event loop open"),
        (started, r"leaves a thread running \(of the page\)"),
        (forked, "leaves a child process running"),
    ],
)
def test_what_workers_must_not_share_is_seen(warmup, leave, why):
    kept = []
    try:
        with pytest.raises(warmup.Bad, match=why):
            run(warmup, answering("200 OK", lambda environ: leave(kept)), "/")
    finally:
        for one in kept:
            one.close()


def test_a_log_and_a_device_may_stay(warmup, tmp_path):
    kept = []

    def leave(environ):
        kept.append(open(tmp_path / "log", "a"))
        kept.append(open("/dev/null", "r+b", buffering=0))

    assert run(warmup, answering("200 OK", leave), "/").statuses == ["200"]
    for one in kept:
        one.close()


@pytest.mark.parametrize(
    "lines, status, late, expected",
    [
        ("runs\t0\nanswered\t200\nproved\t1\nend\n", 0, 0, (1, None, None)),
        ("runs\t0\nanswered\t200\nproved\t1\nruns\t1\n", 11, 0, (1, 1, "ended the process with signal 11")),
        ("runs\t0\n", 3 << 8, 0, (0, 0, "ended the process with exit status 3")),
        ("runs\t0\nanswered\t200\nproved\t1\nruns\t1\nbad\t1\twhy\n", 0, 0, (1, 1, "why")),
        ("", 9, 1, (0, -1, None)),
        ("bad\t-1\tits lifespan\n", 0, 0, (0, -1, "its lifespan")),
    ],
)
def test_what_a_trial_says(warmup, lines, status, late, expected):
    warmup.names["trial"] = lambda seconds: (lines, status, late)
    tried = warmup.Trial([], None, False, 1)
    proved, bad, why = expected
    assert (tried.proved, tried.bad) == (proved, bad) and (why is None or tried.why == why)
    if late:
        assert "GCFREEZE_WARMUP_SECONDS" in tried.why


def test_without_a_child_nothing_is_run(warmup):
    warmup.names["trial"] = lambda seconds: 11
    assert warmup.warm_up("os:getpid", 30, "server", "", "")[:2] == (0, 0)
    assert "no child can be forked" in warmup.told[0]


def test_the_parent_runs_what_a_child_has_proved_and_goes_on_behind_the_bad_one(warmup):
    answers = [
        ("runs\t0\nanswered\tfunction\nproved\t1\nruns\t1\n", 6, 0),
        ("runs\t0\nanswered\tfunction\nproved\t1\nend\n", 0, 0),
    ]
    warmup.names["trial"] = lambda seconds: answers.pop(0)
    done, left_out, trial_us, parent_us, grown, counts = warmup.warm_up("os:getpid os:abort os:getppid", 30, "", "", "")
    assert (done, left_out, counts) == (2, 1, "function:2") and not answers
    assert warmup.told == ["warm-up: os:abort ended the process with signal 6; it is left out"]


def test_work_that_takes_too_long_goes_on_beside_us(warmup):
    over = threading.Event()
    with pytest.raises(warmup.Late):
        warmup.apart(over.wait, 0.01)
    over.set()


def test_what_the_process_has_set_is_as_before(warmup, tmp_path):
    import random
    import warnings

    before = os.getcwd(), sys.argv[:], random.getstate(), warnings.filters[:]

    def work(environ):
        os.chdir(str(tmp_path))
        sys.argv.append("more")
        random.random()
        warnings.simplefilter("error")

    with warmup.Kept():
        run(warmup, answering("200 OK", work), "/")
    assert (os.getcwd(), sys.argv[:], random.getstate(), warnings.filters[:]) == before


def test_nothing_of_ours_stays_among_the_modules():
    source = "".join((FOLDER / (name + ".py")).read_text() for name in ORDER)
    program = "import sys\nbefore = set(sys.modules)\nexec(compile(%r, 'x', 'exec'), {})\nassert set(sys.modules) == before" % source
    subprocess.run([sys.executable, "-S", "-c", program], check=True)
