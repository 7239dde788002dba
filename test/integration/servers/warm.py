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
    else:
        ran(path)
        ASKED.append({
            name: environ.get(name, "")
            for name in ("PATH_INFO", "QUERY_STRING", "HTTP_HOST", "wsgi.url_scheme", "SERVER_PORT", "RAW_URI")
        })  # fmt: skip
        PAGES.get(path, int)()
    start_response(STATUSES.get(path, "200 OK"), [("Content-Length", str(len(body)))])
    return [body]
