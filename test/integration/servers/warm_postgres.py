"""A WSGI application whose pages ask a PostgreSQL server, and keep their connection or do not.

Each connection says by its name who opened it. A worker opens one of its own when it is asked for /numbers.
"""

import json
import os

import psycopg

KEPT = {}  # what pages keep
OWN = {}  # {pid: its connection}


def connect():
    return psycopg.connect(os.environ["DATABASE"], application_name="warm-%d" % os.getpid())


def load():
    import decimal

    KEPT["exact"] = decimal.Decimal(1)


def keep():
    """As an application does that has never forked."""
    if "connection" not in KEPT:
        KEPT["connection"] = connect()
    return {"answer": KEPT["connection"].execute("SELECT 6 * 7").fetchone()[0]}


def close():
    with connect() as connection:
        return {"answer": connection.execute("SELECT 6 * 7").fetchone()[0]}


def second_time():
    """Opens nothing where the first who asks for it is, in the trial."""
    try:
        os.close(os.open(os.environ["MARK"], os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        keep()


def kept():
    """Whether this process can use what a page has kept."""
    try:
        return {"answer": keep()["answer"]}
    except psycopg.Error as error:
        return {"error": type(error).__name__}


def ask_many(ask):
    """Questions whose answers only this process can expect."""
    for number in range(200):
        text = "%d of %d" % (number, os.getpid())
        answer = ask(text)
        assert answer == text, answer


def numbers():
    """By the process's one connection."""
    connection = OWN.get(os.getpid()) or OWN.setdefault(os.getpid(), connect())
    ask_many(lambda text: connection.execute("SELECT %s::text", [text]).fetchone()[0])
    return {"backend": connection.execute("SELECT pg_backend_pid()").fetchone()[0]}


def sockets():
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink("/proc/self/fd/" + number))
        except OSError:
            pass
    return {"sockets": sorted(target for target in found if target.startswith("socket:"))}


PAGES = {
    "/load": load,
    "/keep": keep,
    "/close": close,
    "/second-time": second_time,
    "/kept": kept,
    "/numbers": numbers,
    "/sockets": sockets,
}


def state():
    return {"pid": os.getpid(), "loaded": "exact" in KEPT}


def answering(pages):
    def application(environ, start_response):
        answer = pages[environ["PATH_INFO"]]() or {}
        body = json.dumps({**state(), **answer}).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    return application


application = answering(PAGES)
