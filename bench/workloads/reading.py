"""Looks at objects as an application does: by taking references to them, which writes their counts.

Nothing is built meanwhile that would stay, so that what a worker has more afterwards was copied.
"""


class Record:
    """An instance that knows its own parts. `vars()` would make a dictionary for it that was not
    there before (CPython 3.11 and later)."""

    __slots__ = ()

    def parts(self):
        raise NotImplementedError


HOLDERS = (dict, list, tuple, Record)
DEEPEST = 12


def parts_of(thing):
    if isinstance(thing, dict):
        yield from thing
        yield from thing.values()
    elif isinstance(thing, Record):
        yield from thing.parts()
    elif isinstance(thing, HOLDERS):
        yield from thing


def look(thing, depth=DEEPEST):
    """How many objects were looked at."""
    seen = 1
    for part in parts_of(thing):
        if depth and isinstance(part, HOLDERS):
            seen += look(part, depth - 1)
        else:
            seen += 1
    return seen
