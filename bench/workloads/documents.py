"""JSON documents as they come from a service: text that is parsed."""

import json
import random

from bench.workloads.catalogue import WORDS
from bench.workloads.reading import look

SEED = 2
PER_MEGABYTE = 426  # calibrated with CPython 3.13

__all__ = ["build", "look"]


def text(number, chance, words=WORDS):
    return json.dumps(
        {
            "id": number,
            "title": "%s no. %d" % (chance.choice(words), number),
            "words": chance.sample(words, 3),
            "size": {"width": number % 90, "height": number % 70, "depth": number % 50},
            "offers": [
                {"seller": "seller %d" % chance.randrange(500), "price": price}
                for price in chance.sample(range(10000), 4)
            ],
        }
    )


def build(megabytes):
    chance = random.Random(SEED)
    return [json.loads(text(number, chance)) for number in range(int(megabytes * PER_MEGABYTE))]
