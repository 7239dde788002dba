"""Asks a server at a constant rate, whatever it answers: a request is sent when its time has come, and takes from
that time on (an open loop: who is late is late for all that wait behind).

usage: steady.py PORT RATE SECONDS

Out comes a line of JSON: the latency of each request in ms, in their order, and how long all of it took.
"""

import http.client
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

AT_ONCE = 32


def ask(port, number, due):
    time.sleep(max(0, due - time.monotonic()))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/some/%d" % number, headers={"Connection": "close"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise SystemExit("a request was answered with status %d" % answer.status)
    return 1000 * (time.monotonic() - due)


def main(port, rate, seconds):
    start = time.monotonic() + 0.5
    with ThreadPoolExecutor(AT_ONCE) as threads:
        due = [start + number / rate for number in range(rate * seconds)]
        latencies = list(threads.map(lambda one: ask(port, *one), enumerate(due)))
    print(json.dumps({"latencies": latencies, "seconds": time.monotonic() - start}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
