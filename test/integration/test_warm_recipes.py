"""docs/recipes.md, "Warm start": files are valid; with the real packages, workers have what the parent loaded."""

import ast
import re
import sqlite3
import subprocess

import pytest
import recipes
from conftest import LIBRARY, ROOT
from recipes import as_installed, printed, require, unit, unit_environment
from servers.host import NEWEST, Row
from servers.process import wait_for
from servers.queues import Celery, interpreter

GUNICORN = ROOT / ".venv" / "gunicorn" / "bin"
DROP_INS = {"warm-django.conf": "gunicorn.service", "warm-flask.conf": "gunicorn.service",
            "warm-celery.conf": "celery.service"}  # fmt: skip
FUNCTIONS = [recipes.FOLDER / "warm_django.py", recipes.FOLDER / "warm_celery.py"]

# What an application loads at first use, and which process did.
PARTS = """
import os
PARTS = {}
def load(name):
    PARTS.setdefault(name, os.getpid())
def loaded():
    return {"pid": os.getpid(), "parts": PARTS}
"""


def words(text):
    return unit_environment(text)["GCFREEZE_WARMUP"].split()


def items(path):
    """The lines of a file for @/file."""
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


# ---- they are what their programs read ----


@pytest.mark.parametrize("name", DROP_INS)
def test_drop_ins_set_what_the_program_prints(name):
    text = recipes.read(name)
    (line,) = [line for line in text.splitlines() if line.startswith('Environment="GCFREEZE')]
    assert line in printed("systemd", unit_environment(text))


@pytest.mark.parametrize("name", DROP_INS)
def test_drop_ins_are_valid(tmp_path, name):
    require("systemd-analyze")
    path = tmp_path / DROP_INS[name]
    path.write_text(re.sub(r"^(Exec\w+=)\S+", r"\1/bin/true", recipes.read(DROP_INS[name]), flags=re.M))
    folder = tmp_path / (DROP_INS[name] + ".d")
    folder.mkdir()
    (folder / name).write_text(recipes.read(name))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", path], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.name)
def test_functions_are_those_that_are_named(path):
    found = {one.name: one for one in ast.parse(path.read_text()).body if isinstance(one, ast.FunctionDef)}
    named = [word.partition(":") for name in DROP_INS for word in words(recipes.read(name))]
    (function,) = [function for module, _, function in named if module == path.stem]
    assert not found[function].args.args


@pytest.mark.parametrize("name", ["warm-django.conf", "warm-flask.conf", "fastapi.service"])
def test_gunicorn_takes_the_words(tmp_path, name):
    """With an application that answers any page, and functions that do nothing."""
    require(GUNICORN / "gunicorn")
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "warm_django.py").write_text("def pages(): pass\n")
    (folder / "warm-pages.txt").write_text(recipes.read("warm-pages.txt"))
    warmup = " ".join(words((recipes.FOLDER / name).read_text())).replace("/srv/app", str(folder))
    command = [GUNICORN / "gunicorn", "--preload", "--workers", "1", "--bind", "unix:socket", "app:app"]
    count = len(items(folder / "warm-pages.txt")) if warmup.startswith("@") else len(warmup.split())
    with as_installed(folder, command, {"GCFREEZE_LOG": "info", "GCFREEZE_WARMUP": warmup}) as server:
        server.workers(1)
        assert warmed(server)[:2] == (count, 0), server.stderr()
        table = subprocess.check_output([recipes.CLI, "stat", "--pid", str(server.pid)], text=True)
        assert re.search(r"^  warm-up: %d done, \d" % count, table, re.M), table


# ---- with the packages that they are for ----


def warmed(server):
    """(done, left out, {status: count}) of the line in the log."""
    form = r'^gcfreeze\[\d+\]: warm-up script=.* done=(\d+) left_out=(\d+) statuses="(.*?)" .*bytes=\d+$'
    line = wait_for("the warm-up's line", lambda: re.search(form, server.stderr(), re.M))
    statuses = {kind: int(count) for kind, _, count in (one.partition(":") for one in line[3].split())}
    return int(line[1]), int(line[2]), statuses


@pytest.fixture(params=["3.11", "3.13"])
def programs(request):
    """The folder of this version's programs."""
    folder = ROOT / ".venv" / ("verdicts-" + request.param) / "bin"
    if not (folder / "python").exists():
        pytest.skip("not installed: hosts for Python " + request.param)
    return folder


def require_package(programs, name):
    if subprocess.run([programs / "python", "-c", "import " + name], capture_output=True).returncode:
        pytest.skip("%s lacks %s" % (programs.parent.name, name))


def folder_of(tmp_path, files):
    folder = tmp_path / "app"
    for name, text in {"parts.py": PARTS, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def start(programs, folder, application, *names):
    """gunicorn with the command of the first of these units, and the variables of all."""
    text = recipes.read(names[0], venv=programs, run=folder)
    (command,) = unit(text, "ExecStart")
    assert command[-1] == "app:app"
    environment = unit_environment(text)
    for name in names[1:]:
        environment.update(unit_environment((recipes.FOLDER / name).read_text().replace("/srv/app", str(folder))))
    return as_installed(folder, [*command[:-1], application], environment)


def assert_shared(server, path, names):
    for pid in server.workers(4):
        assert server.ask(pid, path)["parts"] == dict.fromkeys(names, server.pid), server.stderr()


DJANGO = {
    "shop/settings.py": """
SECRET_KEY = "x"
ALLOWED_HOSTS = ["shop.example.com"]
SECURE_SSL_REDIRECT = True
ROOT_URLCONF = "shop.urls"
LOGIN_URL = "/login/"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
MIDDLEWARE = ["shop.urls.about_parts", "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}}
""",
    "shop/urls.py": """
import parts
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.urls import path

def about_parts(next):
    "Before any host is judged: the test's own question."
    return lambda request: JsonResponse(parts.loaded()) if request.path == "/parts" else next(request)

def view(name, decorator=lambda view: view):
    @decorator
    def answer(request):
        get_user_model().objects.count()
        parts.load(name)
        return HttpResponse(request.user.username)
    return answer

urlpatterns = [
    path("", view("home")), path("events/", view("events")),
    path("account/", view("account", login_required)), path("account/orders/", view("orders", login_required)),
]
""",
    "shop/wsgi.py": """
import os
from django.core.wsgi import get_wsgi_application
os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
application = get_wsgi_application()
""",
    "prepare.py": """
import shop.wsgi
from django.contrib.auth import get_user_model
from django.core.management import call_command
call_command("migrate", verbosity=0)
get_user_model().objects.create_user("warmup")
""",
    "warm_django.py": (recipes.FOLDER / "warm_django.py").read_text(),
}


@pytest.mark.long
def test_django(tmp_path, programs):
    require_package(programs, "django")
    folder = folder_of(tmp_path, DJANGO)
    subprocess.run([programs / "python", "prepare.py"], cwd=folder, check=True)
    with start(programs, folder, "shop.wsgi:application", "gunicorn.service", "warm-django.conf") as server:
        assert_shared(server, "/parts", ["home", "events", "account", "orders"])
        assert warmed(server) == (3, 0, {"200": 2, "function": 1})
    with sqlite3.connect(folder / "shop.db") as database:
        assert not database.execute("select * from django_session").fetchall()
        assert database.execute("select username, last_login from auth_user").fetchall() == [("warmup", None)]


@pytest.mark.long
def test_django_without_the_user(tmp_path, programs):
    """What the function raises is in the log; pages before it are warm."""
    require_package(programs, "django")
    folder = folder_of(tmp_path, {**DJANGO, "prepare.py": DJANGO["prepare.py"].replace('"warmup"', '"other"')})
    subprocess.run([programs / "python", "prepare.py"], cwd=folder, check=True)
    with start(programs, folder, "shop.wsgi:application", "gunicorn.service", "warm-django.conf") as server:
        assert_shared(server, "/parts", ["home", "events"])
        assert warmed(server) == (2, 1, {"200": 2})
        assert "warm-up: warm_django:pages raised DoesNotExist: " in server.stderr()


FLASK = """
import flask, parts
app = flask.Flask("shop")

@app.get("/parts")
def about_parts():
    return parts.loaded()

@app.get("/")
def home():
    parts.load(flask.request.host)
    return "home"

@app.get("/events/")
def events():
    parts.load("page " + flask.request.args["page"])
    return "events"

@app.get("/search")
def search():
    parts.load(flask.request.args["q"])
    return "search"
"""


@pytest.mark.long
def test_flask(tmp_path, programs):
    require_package(programs, "flask")
    pages = recipes.read("warm-pages.txt")
    folder = folder_of(tmp_path, {"shop.py": FLASK, "warm-pages.txt": pages})
    with start(programs, folder, "shop:app", "gunicorn.service", "warm-flask.conf") as server:
        assert_shared(server, "/parts", ["localhost", "page 2", "café", "shop.example.com"])
        assert warmed(server) == (4, 0, {"200": 4})


FASTAPI = """
import asyncio, contextlib, fastapi, os, parts
STARTS = []

class Client:
    def __init__(self):
        self.loop = asyncio.get_running_loop()

@contextlib.asynccontextmanager
async def lifespan(app):
    STARTS.append(os.getpid())
    app.state.client = Client()
    yield {"client": Client()}  # both keep the loop, and a worker's lifespan makes them anew
    parts.load("shutdown")

app = fastapi.FastAPI(lifespan=lifespan)

@app.get("/parts")
async def about_parts():
    return {**parts.loaded(), "schema": app.openapi_schema is not None, "starts": STARTS}

@app.get("/")
async def home(request: fastapi.Request):
    assert request.state.client.loop is app.state.client.loop is asyncio.get_running_loop()
    parts.load("home")

@app.get("/items/")
def items(page: int):  # in a thread
    parts.load("page %d" % page)
"""


@pytest.mark.long
def test_fastapi(tmp_path, programs):
    require_package(programs, "fastapi, uvicorn_worker")
    folder = folder_of(tmp_path, {"shop.py": FASTAPI})
    with start(programs, folder, "shop:app", "fastapi.service") as server:
        assert_shared(server, "/parts", ["home", "page 2", "shutdown"])
        assert warmed(server) == (3, 0, {"200": 3})
        answer = server.get("/parts")
        assert answer["schema"] and answer["starts"] == [server.pid, answer["pid"]]


@pytest.mark.long
def test_fastapi_with_a_client_that_no_lifespan_makes_anew(tmp_path, programs):
    require_package(programs, "fastapi, uvicorn_worker")
    once = FASTAPI.replace("    app.state.client = Client()\n", "    app.state.client = getattr(app.state, 'client', Client())\n")
    folder = folder_of(tmp_path, {"shop.py": once})
    with start(programs, folder, "shop:app", "fastapi.service") as server:
        assert_shared(server, "/parts", [])
        assert warmed(server) == (0, 3, {})
        assert "warm-up: / keeps its event loop in use (Client)" in server.stderr()


class CeleryOfTheRecipe(Celery):
    tasks = Celery.tasks + PARTS + """
look = loaded

@app.task
def recommend(name):
    load("model")

@app.task
def render(kind, order):
    load("template")
"""

    @property
    def command(self):
        (words,) = unit(recipes.read("celery.service"), "ExecStart")
        return [self.python[: -len("python")] + "celery", *words[1:]]


@pytest.mark.long
def test_celery(tmp_path):
    python = interpreter(Row("Celery", list(NEWEST)[-1], tmp_path, None))
    folder = folder_of(tmp_path, {"warm_celery.py": (recipes.FOLDER / "warm_celery.py").read_text()})
    environment = unit_environment(recipes.read("celery.service", library=LIBRARY))
    environment.update(unit_environment(recipes.read("warm-celery.conf", app=folder)))
    options = ["--max-tasks-per-child", "1"]  # so each of these tasks has a worker of its own
    with CeleryOfTheRecipe(python, folder, options, library=False, knobs={}, variables=environment) as server:
        answers = server.ask("answer = hold(4)") + server.ask("answer = hold(4)")
        assert len({answer["pid"] for answer in answers}) == 8
        for answer in answers:
            assert answer["parts"] == {"model": server.pid, "template": server.pid}, server.stderr()
        assert warmed(server) == (1, 0, {"function": 1})
