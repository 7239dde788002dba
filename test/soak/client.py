"""Sends tasks to Celery's workers for some seconds and checks each result.

    client.py SOCKET SECONDS RECORDS

At the end it prints a JSON object: how many results came, who computed them, what was wrong.
"""

import collections
import json
import sys
import time

import celery

AT_ONCE = 24  # tasks that are under way
PATIENCE = 120  # seconds for the results that are missing at the end


class Client:
    def __init__(self, url, records):
        self.app = celery.Celery("client", broker=url, backend=url)
        self.records = records
        self.sent = 0
        self.waiting = {}  # number: (AsyncResult, when it was sent)
        self.done = collections.Counter()  # life of a worker: tasks. Numbers of processes come again
        self.pids = set()
        self.wrong = []
        self.slowest = 0.0

    def send(self):
        while len(self.waiting) < AT_ONCE:
            result = self.app.send_task("tasks.work", (self.sent,))
            self.waiting[self.sent] = result, time.monotonic()
            self.sent += 1

    def take(self):
        """What has come meanwhile."""
        for number, (result, began) in list(self.waiting.items()):
            if result.ready():
                self.check(number, result.result)
                result.forget()
                self.slowest = max(self.slowest, time.monotonic() - began)
                del self.waiting[number]

    def check(self, number, answer):
        expected = sum(range(number % 100, self.records, 100))
        if isinstance(answer, dict) and (answer["number"], answer["sum"]) == (number, expected):
            self.done[answer["life"]] += 1
            self.pids.add(answer["pid"])
        else:
            self.wrong.append((number, repr(answer)))

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.send()
            self.take()
            time.sleep(0.02)
        while self.waiting and time.monotonic() < end + PATIENCE:
            self.take()
            time.sleep(0.02)


def main():
    socket, seconds, records = sys.argv[1:]
    client = Client("redis+socket://" + socket, int(records))
    client.run(float(seconds))
    answer = {
        "results": sum(client.done.values()),
        "workers": client.done,
        "pids": sorted(client.pids),
        "wrong": client.wrong,
        "missing": sorted(client.waiting),
        "slowest": round(client.slowest, 1),
    }
    print(json.dumps(answer))


main()
