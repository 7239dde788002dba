"""The demonstration's application: an ordinary WSGI application that loads its data at import.

200,000 small objects and a catalogue of JSON documents live in the process that imports this, and
`gunicorn --preload` forks its workers from there.

    /, /item/N    one object and its document
    /search/WORD  the first twenty documents with a word, by an index
    /collect      runs a full garbage collection in the worker that answers
    /who          nothing but the pid of the worker that answers, which every answer carries
"""

import gc
import json
import os
import random

from bench.demo.stock import ITEMS, WORDS
from bench.workloads import documents

DOCUMENTS = 30_000


class Item:
    def __init__(self, number, price):
        self.number = number
        self.price = price
        self.stock = {"shop": number % 7, "store": number % 31}


def make_catalogue():
    """Documents as they come from a service: text that is parsed."""
    chance = random.Random(1)
    for number in range(DOCUMENTS):
        yield json.loads(documents.text(number, chance, WORDS))


def make_index(catalogue):
    index = {}
    for document in catalogue:
        for word in document["words"]:
            index.setdefault(word, []).append(document["id"])
    return index


items = [Item(number, number % 9973) for number in range(ITEMS)]
catalogue = list(make_catalogue())
index = make_index(catalogue)


def item(number):
    found = items[int(number or 0) % ITEMS]
    document = catalogue[found.number % DOCUMENTS]
    return {"price": found.price, "stock": found.stock, "document": document}


def search(word):
    return [catalogue[number] for number in index.get(word, [])[:20]]


def collect(_):
    return {"unreachable": gc.collect()}


def who(_):
    return {}


ROUTES = {"item": item, "search": search, "collect": collect, "who": who}


def application(environ, start_response):
    environ["wsgi.input"].read()
    name, _, argument = environ["PATH_INFO"].lstrip("/").partition("/")
    route = ROUTES.get(name or "item")
    status = "200 OK" if route else "404 Not Found"
    body = json.dumps(route(argument) if route else "no such page").encode()
    start_response(
        status,
        [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Worker", str(os.getpid())),
        ],
    )
    return [body]
