"""The site without Wagtail: what gunicorn, the site and its client have to do with each other."""

import gc
import io
import os
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType, SimpleNamespace
from urllib.parse import parse_qs

import conftest  # noqa: F401: finds the benchmarks
import pytest
from bench import contenders, site
from bench.demo import client
from bench.support import applications
from bench.support.place import Place
from bench.support.setup import Python, Setup
from bench.workloads.site import NAME, PASSWORD, visits


def django(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"django: " + environ["wsgi.input"].read()]


@pytest.fixture
def ask(monkeypatch):
    stub = ModuleType("django.core.wsgi")
    stub.get_wsgi_application = lambda: django
    for name in ("django", "django.core"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "django.core.wsgi", stub)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "")
    sys.modules.pop("bench.workloads.site.app", None)
    from bench.workloads.site.app import application

    def ask(path, method="GET"):
        """(what was answered, who answered)"""
        started = []
        environ = {"PATH_INFO": path, "REQUEST_METHOD": method, "wsgi.input": io.BytesIO(b"body")}
        (body,) = application(environ, lambda *line: started.append(line))
        ((status, headers),) = started
        assert status == "200 OK"
        return body, int(dict(headers)["X-Worker"])

    return ask


def test_a_page_is_answered_once_its_body_is_there(ask):
    """The client holds the body back, so that each worker has one request."""
    assert ask("/admin/") == (b"django: ", os.getpid())


def test_a_form_reaches_the_site(ask):
    assert ask("/admin/login/", "POST")[0] == b"django: body"


def test_what_a_measurement_needs_is_not_the_site_s(ask):
    assert ask("/who") == (b"%d" % os.getpid(), os.getpid())
    circle = []
    circle.append(circle)
    del circle
    assert int(ask("/collect")[0]) > 0 and not gc.garbage


class Login(BaseHTTPRequestHandler):
    """Django's: a form with a token that is a cookie as well, and another cookie for who has logged in."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Set-Cookie", "csrftoken=abc")
        self.end_headers()
        self.wfile.write(b'<input type="hidden" name="csrfmiddlewaretoken" value="xyz">')

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        assert self.headers["Cookie"] == "csrftoken=abc"
        assert (form["username"], form["password"]) == ([NAME], [PASSWORD])
        assert form["csrfmiddlewaretoken"] == ["xyz"]
        self.send_response(200)
        self.send_header("Set-Cookie", "sessionid=17; HttpOnly")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_an_editor_logs_in():
    with HTTPServer(("127.0.0.1", 0), Login) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            cookies = visits.log_in(server.server_port)["Cookie"].split("; ")
        finally:
            server.shutdown()
            thread.join()
    assert sorted(cookies) == ["csrftoken=abc", "sessionid=17"]


def test_twenty_pages_with_the_login():
    assert len({*visits.PAGES, visits.LOGIN}) == 20


@pytest.mark.parametrize("workers", [2, 4])
def test_all_rounds_are_shared_by_all_workers(workers, monkeypatch):
    asked = Counter()

    def round_of(port, path, count, headers):
        assert (port, count) == (80, workers)
        asked[path, headers.get("Cookie")] += count

    monkeypatch.setattr(client, "round_of", round_of)
    monkeypatch.setattr(visits, "log_in", lambda port: {"Cookie": "a session"})
    seen = {}
    for name, step in applications.SITE.steps(SimpleNamespace(port=80, count=workers)):
        if step:
            step()
        seen[name] = [asked[page, "a session"] for page in visits.PAGES]
    assert seen["start"] == [0] * 19 and seen["once"] == [workers] * 19
    assert seen["rounds"] == [24] * 19 == seen["collection"]


def test_the_default_is_the_library_alone(tmp_path):
    place = Place(None, None, tmp_path)
    default, best = (contenders.CONTENDERS[name] for name in (contenders.DEFAULT, contenders.BEST))
    assert default.preloads and not contenders.NOTHING.preloads
    assert not [name for name in place.environment(default) if name.startswith("GCFREEZE")]
    assert place.environment(best)["GCFREEZE_RESHARE"] == "on"
    assert "GCFREEZE_MODE" not in place.environment(best)


def versions(*names):
    return Setup("", False, [Python(name, "/nowhere") for name in names])


def test_it_is_measured_with_the_newest_python_and_with_3_11():
    setup = versions("3.8.18", "3.11.2", "3.11.7", "3.13.0")
    assert [python.version for python in site.pythons(setup)] == ["3.13.0", "3.11.7"]
    assert [python.version for python in site.pythons(versions("3.8.18", "3.11.7"))] == ["3.11.7"]
    assert [python.version for python in site.pythons(versions("3.8.18", "3.13.0"))] == ["3.13.0"]
