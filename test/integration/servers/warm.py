"""A WSGI application whose pages do what the first requests of applications do, and what they had better not.

Whoever asks for /seen gets what this process knows: each page notes who ran it, so a worker that has what its parent
loaded shows the parent's pid. The functions are for module:function.
"""

import json
import logging
import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

SEEN = {"at_import": os.getpid()}
KEPT = []
ASKED = []
log = logging.getLogger("warm")
logging.basicConfig(level=logging.INFO)


def ran(name):
    SEEN.setdefault(name, []).append(os.getpid())


# ---- what goes well ----


def load():
    """Imports, and fills a cache."""
    import decimal

    KEPT.append({"exact": decimal.Decimal(1)})


def log_from_a_thread():
    """Waits for a thread that logs, by a logger that it makes: that takes the lock of logging's module."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: logging.getLogger("made.%d" % len(SEEN)).warning("from a thread")).result()


def fork_and_wait():
    """A child of the page's own, which it sees to."""
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    assert os.waitpid(pid, 0)[1] == 7 << 8


def take_and_close():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as client, server.accept()[0] as other:
            client.sendall(b"x")
            assert other.recv(1) == b"x"


async def asynchronous():
    import asyncio

    await asyncio.sleep(0)
    ran("asynchronous")


def function():
    ran("function")


class Nested:
    @staticmethod
    def function():
        ran("nested")


# ---- what is left behind ----


def leave_thread():
    KEPT.append(threading.Thread(target=threading.Event().wait, name="stays", daemon=True))
    KEPT[-1].start()


def leave_child():
    if os.fork() == 0:
        time.sleep(1000)
        os._exit(0)


def leave_grandchild():
    """What is nobody's child any more."""
    if os.fork() == 0:
        os.setsid()
        pid = os.fork()
        if pid == 0:
            time.sleep(1000)
        with open(os.environ["LEFT"], "w") as file:
            print(pid, file=file)
        os._exit(0)
    os.wait()


def leave_socket():
    KEPT.append(socket.socket())


def leave_connection():
    KEPT.append(socket.create_connection(("127.0.0.1", int(os.environ["PEER"]))))


def leave_file():
    KEPT.append(open(os.environ["LEFT_FILE"], "w"))


def leave_log():
    """What all workers may write to: it is appended to."""
    KEPT.append(open(os.environ["LEFT_FILE"] + ".log", "a"))


# ---- a database ----

CONNECTIONS = {}


def database(kind):
    """As many applications have it: the first who asks opens it, and then it is kept."""
    import psycopg

    if kind not in CONNECTIONS:
        name = "%d" % os.getpid()
        CONNECTIONS[kind] = psycopg.connect(os.environ["DATABASE_" + kind], autocommit=True, application_name=name)
    return CONNECTIONS[kind]


def ask_database():
    """And closes it."""
    import psycopg

    with psycopg.connect(os.environ["DATABASE_tcp"]) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def backends():
    """Whom this process talks to, many times: on a shared connection answers get mixed up. And who else is there."""
    found = {}
    for kind in ("unix", "tcp"):
        answers = {database(kind).execute("select pg_backend_pid(), %s", (str(i),)).fetchone() for i in range(50)}
        assert {int(number) for _, number in answers} == set(range(50))
        (found[kind],) = {backend for backend, _ in answers}
    rows = database("tcp").execute("select application_name from pg_stat_activity where backend_type = 'client backend'").fetchall()
    return {"backends": found, "clients": [name for name, in rows]}


def use_sqlalchemy():
    """Its pool keeps what was used."""
    import psycopg
    import sqlalchemy

    if "engine" not in CONNECTIONS:
        CONNECTIONS["engine"] = sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(os.environ["DATABASE_tcp"])
        )
    with CONNECTIONS["engine"].connect() as connection:
        return connection.execute(sqlalchemy.text("select pg_backend_pid()")).scalar()


def use_django():
    """It keeps a thread's connection for ever, if told so."""
    from django.conf import settings

    if not settings.configured:
        where = dict(pair.split("=") for pair in os.environ["DATABASE_tcp"].split())
        database = {"NAME": where["dbname"], "USER": where["user"], "HOST": where["host"], "PORT": where["port"]}
        engine = {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": None}
        settings.configure(DATABASES={"default": {**database, **engine}})
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return cursor.fetchone()[0]


# ---- what goes wrong ----


def fail():
    raise ValueError("no\nno")


def leave():
    sys.exit(3)


def interrupt():
    raise KeyboardInterrupt


def end():
    os._exit(3)


def crash():
    import ctypes

    ctypes.string_at(0)


def hang():
    time.sleep(1000)


PAGES = {
    "/load": load,
    "/log": log_from_a_thread,
    "/fork": fork_and_wait,
    "/closed": take_and_close,
    "/thread": leave_thread,
    "/child": leave_child,
    "/grandchild": leave_grandchild,
    "/socket": leave_socket,
    "/connection": leave_connection,
    "/file": leave_file,
    "/logfile": leave_log,
    "/raise": fail,
    "/leave": leave,
    "/interrupt": interrupt,
    "/end": end,
    "/crash": crash,
    "/hang": hang,
    "/unix": lambda: database("unix"),
    "/tcp": lambda: database("tcp"),
    "/asked": ask_database,
    "/sqlalchemy": use_sqlalchemy,
    "/django": use_django,
}
STATUSES = {"/302": "302 Found", "/400": "400 Bad Request", "/500": "500 Oops", "/404": "404 Not Found"}


def descriptors():
    found = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            found[number] = os.readlink("/proc/self/fd/" + number)
        except OSError:
            pass
    return found


def state():
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "seen": SEEN,
        "asked": ASKED,
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "descriptors": descriptors(),
        "modules": sorted(sys.modules),
    }


def application(environ, start_response):
    path = environ["PATH_INFO"]
    body = b""
    if path == "/seen":
        body = json.dumps(state()).encode()
    elif path == "/backends":
        body = json.dumps({"pid": os.getpid(), **backends()}).encode()
    elif path == "/pools":
        body = json.dumps({"pid": os.getpid(), "backends": [use_sqlalchemy(), use_django()]}).encode()
    else:
        ran(path)
        ASKED.append({
            name: environ.get(name, "")
            for name in ("PATH_INFO", "QUERY_STRING", "HTTP_HOST", "wsgi.url_scheme", "SERVER_PORT", "RAW_URI")
        })  # fmt: skip
        PAGES.get(path, int)()
    start_response(STATUSES.get(path, "200 OK"), [("Content-Length", str(len(body)))])
    return [body]
