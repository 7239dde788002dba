"""Requests that every worker gets the same number of.

A sync worker serves one connection at a time. So each round opens as many connections as there
are workers, and asks on each for "100 Continue" before it sends the body that the application waits
for: once all have been answered, every worker holds exactly one.
"""

import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor

from bench.demo.server import WORKERS, Failed

SECONDS = 120  # eight workers that load an application at once take a while


def connect(port, path, headers):
    connection = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    lines = {"Host": "localhost", "Connection": "close", **(headers or {})}
    head = "".join("%s: %s\r\n" % line for line in lines.items())
    connection.sendall(("GET %s HTTP/1.1\r\n%s\r\n" % (path, head)).encode())
    return connection


def ask(port, path, headers=None):
    body = {"Content-Length": "1", "Expect": "100-continue"}
    return connect(port, path, {**body, **(headers or {})})


def answer(stream):
    """(status, headers in lower case) of one HTTP answer; the body stays unread."""
    status = stream.readline().split()
    headers = {}
    for line in iter(stream.readline, b"\r\n"):
        if not line:
            raise Failed("a worker closed the connection without an answer")
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return int(status[1]), headers


def round_of(port, path, count=WORKERS, headers=None):
    """One request for each worker; their pids."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(ask(port, path, headers)) for _ in range(count)]
        streams = [stack.enter_context(connection.makefile("rb")) for connection in connections]
        for stream in streams:
            if answer(stream)[0] != 100:
                raise Failed("a worker did not answer %s with 100 Continue" % path)
        for connection in connections:
            connection.sendall(b"\n")
        pids = set()
        for stream in streams:
            status, headers = answer(stream)
            if status != 200:
                raise Failed("%s was answered with status %d" % (path, status))
            stream.read(int(headers["content-length"]))
            pids.add(int(headers["x-worker"]))
    if len(pids) != count:
        raise Failed("%d requests reached only the workers %s" % (count, sorted(pids)))
    return pids


def get(port, path, headers=None):
    """One request, for whichever worker takes it; its pid."""
    with connect(port, path, headers) as connection, connection.makefile("rb") as stream:
        status, answered = answer(stream)
        stream.read()
    if status != 200:
        raise Failed("%s was answered with status %d" % (path, status))
    return int(answered["x-worker"])


def load(port, paths, at_once):
    with ThreadPoolExecutor(at_once) as threads:
        for _ in threads.map(lambda path: get(port, path), paths):
            pass
