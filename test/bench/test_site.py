"""The site without Wagtail: what gunicorn, the site and its client have to do with each other."""

import contextlib
import dataclasses
import gc
import io
import os
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType, SimpleNamespace
from urllib.parse import parse_qs

from conftest import ROOT  # and finds the benchmarks
import pytest
from bench import contenders, site
from bench.demo import client, server
from bench.support import applications, first
from bench.support.place import Place
from bench.support.setup import Python, Setup
from bench.workloads import warming
from bench.workloads.shop import visits as shop_visits
from bench.workloads.shop import warm as shop_warm
from bench.workloads.site import NAME, PASSWORD, visits, warm


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


def test_a_warm_contender_has_the_words_of_its_application(tmp_path, monkeypatch):
    for name, one in applications.REAL.items():
        nowhere = dataclasses.replace(one, environment=lambda place: {})
        monkeypatch.setitem(applications.REAL, name, nowhere)
        place = Place(None, None, tmp_path, name)
        words = {
            row.name: place.environment(row).get("GCFREEZE_WARMUP") for row in contenders.ROWS if row.preloads
        }
        assert words.pop("warm") == "bench.workloads.%s.warm:warm" % name
        assert words.pop("warm + reshare").split() == ["bench.workloads.%s.warm:every" % name] * 4
        assert len(words.pop("warm paths").split()) == 3
        assert set(words.values()) == {None}


@pytest.mark.parametrize("pages, asked", [(warm.PAGES, visits.PAGES), (shop_warm.PAGES, shop_visits.PAGES)])
def test_a_warm_start_asks_for_a_part_of_the_pages(pages, asked):
    assert len(set(pages)) == 11 and set(pages) < set(asked)


class Response(list):
    closed = False

    def close(self):
        self.closed = True


@pytest.fixture
def served():
    """An application that remembers what it was asked for, and what it answers with."""

    def application(environ, start_response):
        served.environ, served.response = environ, Response([b"page"])
        start_response(served.status, [("Content-Type", "text/html")])
        return served.response

    served = SimpleNamespace(application=application, status="200 OK")
    return served


def test_a_page_is_asked_for_as_a_visitor_would(served):
    warming.ask(served.application, "/search/?query=lamp", "sessionid=17")
    wanted = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/search/",
        "QUERY_STRING": "query=lamp",
        "HTTP_HOST": "localhost",
        "HTTP_COOKIE": "sessionid=17",
    }
    assert wanted.items() <= served.environ.items()
    assert served.environ["wsgi.input"].read() == b"" and served.response.closed


def test_a_page_that_leads_elsewhere_warms_nothing(served):
    served.status = "302 Found"
    with pytest.raises(RuntimeError, match="/admin/ was answered with 302 Found"):
        warming.ask(served.application, "/admin/", "")
    assert served.response.closed


@pytest.fixture
def fresh(monkeypatch):
    """A server whose worker 8 is fresh. Who answers which request, and when, are its lists."""
    fresh = SimpleNamespace(port=80, workers=lambda: [7, 8], pids=[], took=[], asked=[])

    def timed(port, page, headers):
        fresh.asked.append(page)
        return fresh.took.pop(0), fresh.pids.pop(0)

    monkeypatch.setattr(first, "replace_one", lambda running: 8)
    monkeypatch.setattr(first, "timed", timed)
    monkeypatch.setattr(server, "alone", lambda pid, workers: contextlib.nullcontext())
    return fresh


def test_the_first_requests_of_a_worker_begin_when_it_is_up(fresh):
    fresh.pids, fresh.took = [8] * 21, [1000, *range(20)]
    assert first.of_one(fresh, visits, {}) == list(range(20))
    assert fresh.asked == ["/who", *visits.PAGES, visits.PAGES[0]]


def test_of_a_request_the_quickest_worker_counts(monkeypatch):
    rows = [[5, 90, 7], [50, 6, 8], [5, 9, 70], [6, 6, 7]]
    monkeypatch.setattr(first, "of_one", lambda *_: rows.pop())
    login = SimpleNamespace(log_in=lambda port: {})
    assert first.measure(SimpleNamespace(port=80), login) == 6 and not rows


def test_what_another_worker_answers_is_not_a_first_request(fresh):
    fresh.pids, fresh.took = [8] * 20 + [7], [1] * 21
    with pytest.raises(server.Failed, match="stood still"):
        first.of_one(fresh, visits, {})


def versions(*names):
    return Setup("", False, [Python(name, "/nowhere") for name in names])


def test_it_is_measured_with_the_newest_python_and_with_3_11():
    setup = versions("3.8.18", "3.11.2", "3.11.7", "3.13.0")
    assert [python.version for python in site.pythons(setup)] == ["3.13.0", "3.11.7"]
    assert [python.version for python in site.pythons(versions("3.8.18", "3.11.7"))] == ["3.11.7"]
    assert [python.version for python in site.pythons(versions("3.8.18", "3.13.0"))] == ["3.13.0"]


def test_warm_starts_are_measured_and_beside_reshare_where_nothing_is_immortal():
    newest, before = Python("3.13.0", ""), Python("3.11.7", "")
    names = {plan.workload: plan.names for plan in site.plans(False, newest)}
    assert names["shop"] == ("nothing", "default", "warm")
    assert names["site"][-2:] == ("warm", "warm paths") and "warm" not in names["catalogue"]
    assert site.plans(True, before)[0].names[-3:] == ("warm", "warm paths", "warm + reshare")


def test_what_is_not_installed_is_skipped(monkeypatch):
    """The shop is for the newest version alone: nothing is missing where it is another one."""
    monkeypatch.setattr(site.tree, "measure_one", lambda setup, python, plan, with_group: plan.workload)
    monkeypatch.setattr(applications.Application, "python", lambda one, version: ROOT / "nowhere")
    found = list(site.measure(versions("3.11.7", "3.13.0")))
    assert [skip.what for skip in found if "shop" in skip.what] == ["the shop with CPython 3.13.0"]
    assert "the site with CPython 3.11.7" in [skip.what for skip in found]
