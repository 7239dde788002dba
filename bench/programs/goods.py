"""What the measured parents hold: small instances and parsed JSON documents."""

import json


class Item:
    def __init__(self, number):
        self.number = number
        self.price = number % 9973
        self.stock = {"shop": number % 7, "store": number % 31}


DOCUMENT = json.dumps(
    {
        "title": "a document",
        "words": ["red lamp", "blue chair", "green table"],
        "size": {"width": 90, "height": 70, "depth": 50},
        "offers": [{"seller": "seller %d" % number, "price": number} for number in range(4)],
    }
)
