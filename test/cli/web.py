"""A prefork web server of a few lines, which can be told to behave badly. A program of its own:
test_compare.py has it started by `gcfreeze compare`."""

import argparse
import contextlib
import json
import mmap
import os
import signal
import socket
import sys
import time

ANSWERS = {
    "keep": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "close": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "unsized": b"HTTP/1.0 200 OK\r\n\r\nhello",
    "error": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
    "half": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
    "silence": b"",
}

HEAP = []  # what there is to share
MIB = 1 << 20
TAKEN = []
asked = []  # an item for each request to this worker


def note(file, line):
    """One write, so that processes do not mix up their lines."""
    if file:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(handle, (line + "\n").encode())
        os.close(handle)


def serve(connection, options):
    """The requests of one connection."""
    note(options.record, "connection")
    pending = b""
    while True:
        while b"\r\n\r\n" not in pending:
            got = connection.recv(65536)
            if not got:
                return
            pending += got
        head, pending = pending.split(b"\r\n\r\n", 1)
        note(options.record, head.split()[1].decode())
        asked.append(1)
        time.sleep(options.delay)
        # the first request is the question whether it has come up
        good = options.answer in ("half", "silence") and len(asked) == 1 and not options.never
        connection.sendall(ANSWERS["close" if good else options.answer])
        if good or options.answer in ("close", "unsized", "half"):
            return
        if options.answer == "silence":
            signal.pause()


def memory(mib):
    """Private to whoever writes to it."""
    return mmap.mmap(-1, max(mib, 1) * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def write(memory, mib):
    for at in range(0, mib * MIB, mmap.PAGESIZE):
        memory[at] = 1


def work(listener, options):
    write(TAKEN[0], options.copy)
    TAKEN.append(memory(options.take))
    write(TAKEN[1], options.take)
    note(options.record, "at work")
    if options.stubborn:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(ConnectionError):
            serve(connection, options)


def detach():
    """Goes on as a child whose parent has ended."""
    parent = os.getpid()
    if os.fork():
        sys.exit(0)
    while os.getppid() == parent:
        time.sleep(0.001)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address", help="HOST:PORT, or the path of a socket")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--answer", choices=ANSWERS, default="keep")
    parser.add_argument("--never", action="store_true", help="do not even answer the first request")
    parser.add_argument("--delay", type=float, default=0, help="seconds that an answer takes")
    parser.add_argument("--record", help="a line for each connection, each request, each worker, and the last fork")
    parser.add_argument("--environment", help="a line for each server: its variables, as JSON")
    parser.add_argument("--daemon", action="store_true")
    parser.add_argument("--copy", type=int, default=0, help="MiB of the parent's that each worker writes to")
    parser.add_argument("--take", type=int, default=0, help="MiB that each worker takes")
    parser.add_argument("--stubborn", action="store_true", help="workers ignore signals")
    parser.add_argument("--say", default="", help="goes to stderr")
    parser.add_argument("--fail", action="store_true", help="end with code 3")
    parser.add_argument("--crash", help="end with code 4 once this file is there")
    options = parser.parse_args()
    print(options.say, file=sys.stderr, flush=True)
    note(options.environment, json.dumps(dict(os.environ)))
    if options.fail:
        sys.exit(3)
    if options.daemon:
        detach()
    host, colon, port = options.address.partition(":")
    if colon:
        listener = socket.create_server((host, int(port)), backlog=64)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(options.address)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(options.address)
        listener.listen(64)
    TAKEN.append(memory(options.copy))
    write(TAKEN[0], options.copy)
    HEAP.extend([number] for number in range(200000))
    pids = []
    for _ in range(options.workers):
        pids.append(os.fork())
        if pids[-1] == 0:
            work(listener, options)
    note(options.record, "complete")
    if options.crash:
        while not os.path.exists(options.crash):
            signal.sigtimedwait([], 0.05)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        os._exit(4)
    os.wait()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
