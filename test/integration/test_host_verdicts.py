"""What `gcfreeze doctor` says about each host that can be installed, against what is then measured.
A tick: workers share what the application has loaded. A cross: nobody does. A warning claims neither.

Not here: mod_wsgi (host_apache), PySpark's daemon (host_pyspark), which no user starts by itself; Airflow
and Odoo, which take too long to install.
"""

import os
import shutil

import pytest
from conftest import ROOT
from servers.host import NEWEST
from servers.redis import SERVER, Redis
from servers.verdicts import FORK_SERVER, WSGI, judge, own, shared

# The newest, and one where auto can only freeze.
VERSIONS = ["3.11", "3.13"]

ASGI = """
async def app(scope, receive, send):
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
"""
CELERY = "import celery\napp = celery.Celery(broker='memory://')\n"
HUEY = "import huey\nhuey = huey.SqliteHuey(filename='x.db')\n"
DRAMATIQ = """
import dramatiq
from dramatiq.brokers.stub import StubBroker
dramatiq.set_broker(StubBroker())
"""
FASTAPI = "import fastapi\napp = fastapi.FastAPI()\n"
FLASK = "import flask\napp = flask.Flask('shop')\n"
SANIC = """
import sanic
app = sanic.Sanic("shop")
@app.get("/")
async def page(request): return sanic.text("")
"""
SANIC_FORKS = "from sanic import Sanic\nSanic.start_method = 'fork'\n" + SANIC
RQ = "import time\ndef hold(): time.sleep(600)\n"
RQ_URL = "unix://{folder}/redis/socket"
RQ_CLIENT = "import redis, rq; rq.Queue(connection=redis.from_url('%s')).enqueue('app.hold')" % RQ_URL
RQ_SCRIPT = """
import app, redis, rq
store = redis.from_url("%s")
rq.Worker([rq.Queue(connection=store)], connection=store).work()
""" % RQ_URL
DJANGO = {
    "manage.py": """
import sys
from django.core.management import execute_from_command_line
from django.conf import settings
if __name__ == "__main__":
    settings.configure(DEBUG=True, SECRET_KEY="x", ROOT_URLCONF="app")
    execute_from_command_line(sys.argv)
"""
}
LOCUST = {
    "locustfile.py": """
import app
from locust import User, constant, task
class Nobody(User):
    wait_time = constant(9)
    @task
    def nothing(self): pass
"""
}
TORNADO = "import app, time, tornado.process\ntornado.process.fork_processes(2)\ntime.sleep(600)\n"
TESTS = """
import app, pytest, time
@pytest.mark.parametrize("n", [1, 2])
def test_shop(n): time.sleep(600)
"""
ANSIBLE = {
    "ansible.cfg": "[defaults]\ncallback_plugins = callbacks\n",
    "hosts": "a ansible_connection=local\nb ansible_connection=local\n",
    "callbacks/shop.py": """
import app
from ansible.plugins.callback import CallbackBase
class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "aggregate", "shop"
""",
    "play.yml": "- hosts: all\n  gather_facts: false\n  tasks:\n  - raw: sleep 600\n",
}
CIRCUS = """
[circus]
endpoint = ipc://a
pubsub_endpoint = ipc://b
[watcher:web]
cmd = gunicorn
args = --preload -w 2 -b unix:web app:app
copy_env = True
"""
SUPERVISORD = """
[supervisord]
logfile = s.log
pidfile = s.pid
[program:web]
command = gunicorn --preload -w 2 -b unix:web app:app
"""
UWSGI = "uwsgi --master --processes 2 --socket web --module app"
UWSGI_INI = "[uwsgi]\nmaster = true\nprocesses = 2\nsocket = web\nmodule = app\n"
AT = "--host {host} --port {port}"

ROWS = [
    shared("gunicorn", "gunicorn --preload -w 2 -b unix:web app:app", WSGI),
    shared("gunicorn", "gunicorn -w 2 -b unix:web app:app", WSGI, files={"gunicorn.conf.py": "preload_app = True\n"}),
    own("gunicorn", "gunicorn -w 2 -b unix:web app:app", WSGI),
    shared("uWSGI", UWSGI, WSGI),
    shared("uWSGI", "uwsgi x.ini", WSGI, files={"x.ini": UWSGI_INI}),
    own("uWSGI", "uwsgi x.ini", WSGI, files={"x.ini": UWSGI_INI + "lazy-apps = 1\n"}),
    own("uWSGI", UWSGI + " --lazy-apps", WSGI),
    own("uWSGI", "uwsgi --socket web --module app", WSGI, loads=1, verdict="warning"),
    shared("pyuwsgi", "py" + UWSGI, WSGI),
    own("pyuwsgi", "py" + UWSGI + " --lazy-apps", WSGI),
    shared("Celery", "celery -A app worker --concurrency 2", CELERY),
    own("Celery", "celery -A app worker --pool threads", CELERY, loads=1),
    own("Celery", "celery -A app beat -s beat", CELERY, loads=1),
    own("RQ", "rq worker --url " + RQ_URL, RQ, loads=1, client=RQ_CLIENT),
    shared("RQ", "python work.py", RQ, 1, "warning", client=RQ_CLIENT, files={"work.py": RQ_SCRIPT}),
    shared("Huey", "huey_consumer app.huey -k process -w 2", HUEY, 3),
    own("Huey", "huey_consumer app.huey -w 2", HUEY, loads=1),
    own("Dramatiq", "dramatiq app --processes 2 --threads 1", DRAMATIQ),
    shared("Locust", "locust --processes 2 --headless -u 1 -H http://x --master-bind-port {port}", "", files=LOCUST),
    own("Locust", "locust --headless -u 1 -H http://x", "", loads=1, files=LOCUST),
    shared("Tornado's fork_processes", "python serve.py", "", 2, "warning", files={"serve.py": TORNADO}),
    # its manager is a fork, too
    shared("Sanic", "sanic app:app --workers=2 " + AT, SANIC_FORKS, 3),
    own("Sanic", "sanic app:app --workers=2 " + AT, SANIC, loads=3),
    own("Sanic", "sanic app:app --single-process " + AT, SANIC, loads=1),
    shared("Ansible", "ansible-playbook -i hosts play.yml", "", files=ANSIBLE),
    shared("multiprocessing's forkserver", "python serve.py", "", 2, "warning", files={"serve.py": FORK_SERVER}),
    own("uvicorn", "uvicorn app:app --workers 2 " + AT, ASGI),
    own("uvicorn", "uvicorn app:app --uds web", ASGI, loads=1),
    own("fastapi run", "fastapi run app.py --workers 2 " + AT, FASTAPI, loads=3),
    own("fastapi run", "fastapi run app.py " + AT, FASTAPI, loads=1),
    own("Hypercorn", "hypercorn app:app --workers 2 --bind unix:web", ASGI),
    own("Granian", "granian --interface asgi app:app --workers 2 " + AT, ASGI),
    own("Daphne", "daphne -u web app:app", ASGI, loads=1),
    own("waitress", "waitress-serve --unix-socket=web app:app", WSGI, loads=1),
    own("Django's runserver", "python manage.py runserver {host}:{port}", "urlpatterns = []", loads=1, files=DJANGO),
    own("flask run", "flask run " + AT, FLASK, loads=1),
    shared("circus", "circusd c.ini", WSGI, files={"c.ini": CIRCUS}),
    shared("supervisord", "supervisord -n -c s.conf", WSGI, files={"s.conf": SUPERVISORD}),
    shared("honcho", "honcho start", WSGI, files={"Procfile": "web: gunicorn --preload -w 2 -b unix:web app:app\n"}),
    own("honcho", "honcho start", ASGI, files={"Procfile": "web: uvicorn app:app --workers 2 %s\n" % AT}),
    own("pytest-xdist", "pytest -n 2 -p no:cacheprovider", "", files={"test_shop.py": TESTS}),
    own("pytest", "pytest -p no:cacheprovider", "", loads=1, files={"test_shop.py": TESTS}),
]


@pytest.fixture(params=VERSIONS)
def path(request):
    """Where the programs of this version are."""
    version = request.param
    if version not in NEWEST:
        pytest.skip("no CPython %s on this machine" % version)
    folders = [ROOT / ".venv" / (name + "-" + version) / "bin" for name in ("verdicts", "uwsgi", "pyuwsgi")]
    if not folders[0].exists():
        pytest.skip("not installed: hosts for Python " + version)
    return folders


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_verdict_is_what_the_kernel_says(row, path, tmp_path):
    program = row.command.split()[0]
    if not shutil.which(program, path=os.pathsep.join(map(str, path))):
        pytest.skip("not installed: " + program)
    if not row.client:
        judge(row, tmp_path, path)
        return
    if not SERVER:
        pytest.skip("redis-server is not installed")
    (tmp_path / "redis").mkdir()
    redis = Redis(tmp_path / "redis")
    try:
        judge(row, tmp_path, path)
    finally:
        redis.stop()
